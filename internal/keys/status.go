package keys

import (
	"context"
	"slices"
	"time"
)

// Phase is where a version stands in the life of a key.
type Phase string

// The phases of a version. The first four are public.
const (
	Next      Phase = "next"      // public, and will sign
	Signing   Phase = "signing"   // signs
	Retiring  Phase = "retiring"  // has signed tokens that have not expired everywhere
	Standby   Phase = "standby"   // would sign if the one after it were disabled, and may have while that was not known
	Gone      Phase = "gone"      // enabled, and neither public nor signing any more
	Unusable  Phase = "unusable"  // enabled, and holds no key that can sign
	Withdrawn Phase = "withdrawn" // disabled, destroyed, or in a state that is neither
)

// Standing is what there is to say of a version at one moment.
type Standing struct {
	ID      string
	KeyID   string // kid; empty where there is no usable key
	Created time.Time
	State   State
	Phase   Phase
	Until   time.Time // when the phase ends if nothing is added or disabled; zero: no end in sight
}

// Status looks at the source of a ring and returns where each version stands, the oldest first. Versions that cannot be
// used are named in the log.
func Status(ctx context.Context, config Config) ([]Standing, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	found, err := config.look()(ctx)
	if err != nil {
		return nil, err
	}
	return config.Timing.standings(found, config.Now()), nil
}

func (t Timing) standings(found *timeline, now time.Time) []Standing {
	standings := make([]Standing, 0, len(found.versions))
	for _, version := range found.versions {
		standing := Standing{ID: version.ID, Created: version.Created, State: version.State, Phase: Withdrawn}
		if version.State == Enabled {
			standing.Phase = Unusable
		}
		index := slices.IndexFunc(found.members, func(m member) bool { return m.version.ID == version.ID })
		if index >= 0 {
			standing.KeyID = found.members[index].keyID
			standing.Phase, standing.Until = t.phase(found.members, index, now)
		}
		standings = append(standings, standing)
	}
	return standings
}

// phase returns in which phase a member is, and until when.
func (t Timing) phase(members []member, index int, now time.Time) (Phase, time.Time) {
	current, found := signing(members, now)
	nextSigns := time.Time{} // when the one after it begins to sign
	if index+1 < len(members) {
		nextSigns = members[index+1].signs
	}
	if !found || index > current {
		return Next, members[index].signs
	}
	if index == current {
		return Signing, nextSigns
	}
	if at, _ := t.expired(members, index); at.After(now) {
		return Retiring, at
	}
	if at, known := t.leaves(members, index); !known || at.After(now) {
		return Standby, at
	}
	return Gone, time.Time{}
}
