package keys

import (
	"time"

	"example.com/countersign/internal/jose"
)

// Timing is the clock of a ring. Everything that a ring does follows from it, from the create times of the versions and
// from which of them are enabled, so that instances agree without talking to each other (protocol J2).
type Timing struct {
	MaxAge        time.Duration // how long a verifier may keep a JWK Set
	Refresh       time.Duration // how long an instance uses a ring before it looks again
	TokenLifetime time.Duration // of the longest token
	Skew          time.Duration // how far any two clocks may differ
}

// valid is how long after its loading a ring may be used where it cannot be loaded again. What was added meanwhile has
// not begun to sign anywhere: that takes as long, and Skew more.
func (t Timing) valid() time.Duration { return t.MaxAge + t.Refresh }

// propagation is how long a key is public before every verifier must know it. Another instance may have learned of it a
// refresh later, and have handed out the old set last just before that.
func (t Timing) propagation() time.Duration { return t.MaxAge + t.Refresh + t.Skew }

// retirement is how long a key stays public after another has taken its place: until the last token that it signed has
// expired and Skew has passed. The second Skew is that between the instances, which do not change over at one moment.
func (t Timing) retirement() time.Duration { return t.TokenLifetime + 2*t.Skew }

// member is an enabled version whose key can be used.
type member struct {
	version Version              // without its payload
	keyID   string               // the name of its key
	signs   time.Time            // from when on it may sign, or seal
	public  jose.VerificationKey // its public half; zero where it seals
}

// signing returns which member signs now: the newest that may. It reports false where none may yet. The members are in
// the order of their creation.
func signing(members []member, now time.Time) (index int, found bool) {
	for i := len(members) - 1; i >= 0; i-- {
		if !members[i].signs.After(now) {
			return i, true
		}
	}
	return 0, false
}

// expired returns when the last token has expired everywhere that a member signed in its turn. The newest member has no
// such time yet.
func (t Timing) expired(members []member, index int) (at time.Time, known bool) {
	if index+1 >= len(members) {
		return time.Time{}, false
	}
	return members[index+1].signs.Add(t.retirement()), true
}

// leaves returns when a member leaves the JWK Set: when the tokens of the one after it have expired too. Until then it
// may be needed. If the one after it is disabled, it signs at once, and verifiers must know it; an instance that has not
// learned of that yet must still show it, for the tokens that it signed elsewhere. The two newest have no such time yet.
func (t Timing) leaves(members []member, index int) (at time.Time, known bool) {
	return t.expired(members, index+1)
}

// published returns the members that belong in the JWK Set now: those that will sign, the one that does, and those that
// have not left.
func (t Timing) published(members []member, now time.Time) []member {
	for i := range members {
		if at, known := t.leaves(members, i); !known || at.After(now) {
			return members[i:]
		}
	}
	return nil
}

// changes returns when the members that are published become others if nothing is added or disabled; false: never.
func (t Timing) changes(members []member, now time.Time) (at time.Time, known bool) {
	return t.leaves(members, len(members)-len(t.published(members, now)))
}
