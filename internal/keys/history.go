package keys

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/seal"
)

// timeline is what one look at a source found of its versions.
type timeline struct {
	versions []Version // all of them, the oldest first, without their payloads
	members  []member  // of these the ones that are enabled and can be used
	began    time.Time // when the look began, since versions may have been added during it
}

// history is a timeline and its keys.
type history[K key] struct {
	timeline
	keys []K // those of the members, in their order
}

// key is what a version holds: one that signs, its public half alone, or one that seals.
type key interface {
	jose.SigningKey | jose.VerificationKey | seal.Key
	ID() string
}

// publicHalf returns the public half of a key; zero: it has none.
func publicHalf[K key](key K) jose.VerificationKey {
	switch key := any(key).(type) {
	case jose.SigningKey:
		return key.Verification()
	case jose.VerificationKey:
		return key
	default:
		return jose.VerificationKey{}
	}
}

// reader turns what a source has into a history.
type reader[K key] struct {
	source Source
	parse  func(Version) (K, error)
	kind   string // of the keys, for the log
	timing Timing
	now    func() time.Time
	log    *slog.Logger
	known  map[string]known[K] // what the last look found, by the ID of the version
}

// known is a key that has been tried, and what it was made of.
type known[K key] struct {
	version Version
	key     K
}

// read looks at every version. One that cannot be used is skipped and named in the log; it must not take the others
// down. It is not safe for concurrent use.
func (r *reader[K]) read(ctx context.Context) (*history[K], error) {
	found := &history[K]{timeline: timeline{began: r.now()}}
	versions, err := r.source.Versions(ctx)
	if err != nil {
		return nil, err
	}
	tried := make(map[string]known[K], len(versions))
	first := true // no version before this one can have signed
	for _, version := range slices.SortedFunc(slices.Values(versions), older) {
		key, usable := r.key(version)
		if usable {
			tried[version.ID] = known[K]{version, key}
		}
		version.Payload = nil
		found.versions = append(found.versions, version)
		if usable {
			found.members = append(found.members, member{version, key.ID(), r.signs(version, first), publicHalf(key)})
			found.keys = append(found.keys, key)
		}
		// What is disabled now may have signed; what is enabled and cannot be used cannot have.
		first = first && version.State == Enabled && !usable
	}
	r.known = tried
	return found, nil
}

// signs returns from when on a version may sign. The first key of all signs at once: no JWK Set without it was ever
// handed out to be kept.
func (r *reader[K]) signs(version Version, first bool) time.Time {
	if first {
		return version.Created
	}
	return version.Created.Add(r.timing.propagation())
}

// key returns the key of a version, and reports whether there is one that can be used. A key is parsed and tried once
// and not at every look: trying costs a signature, which for a key that never leaves its keeper is a call.
func (r *reader[K]) key(version Version) (key K, usable bool) {
	if version.State != Enabled {
		return key, false
	}
	if before, found := r.known[version.ID]; found && before.version.holdsTheSameAs(version) {
		return before.key, true
	}
	made, err := r.parse(version)
	if err != nil {
		r.log.Error("a version holds no usable "+r.kind+" key and is skipped",
			"event", "key_version", "decision", "refused", "version", version.ID, "error", err.Error())
		return key, false
	}
	return made, true
}
