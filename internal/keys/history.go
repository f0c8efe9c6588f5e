package keys

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"example.com/countersign/internal/jose"
)

// history is what one look at a source found.
type history struct {
	versions []Version // all of them, the oldest first, without their payloads
	members  []member  // of these the ones that are enabled and can be used
	began    time.Time // when the look began, since versions may have been added during it
}

// reader turns what a source has into a history.
type reader struct {
	source    Source
	algorithm jose.Algorithm
	timing    Timing
	now       func() time.Time
	log       *slog.Logger
	known     map[string]known // what the last look found, by the ID of the version
}

// known is a key that has been tried, and what it was made of.
type known struct {
	version Version
	key     jose.SigningKey
}

// read looks at every version. One that cannot be used is skipped and named in the log; it must not take the others
// down. It is not safe for concurrent use.
func (r *reader) read(ctx context.Context) (*history, error) {
	found := &history{began: r.now()}
	versions, err := r.source.Versions(ctx)
	if err != nil {
		return nil, err
	}
	tried := make(map[string]known, len(versions))
	first := true // no version before this one can have signed
	for _, version := range slices.SortedFunc(slices.Values(versions), older) {
		key, usable := r.key(version)
		if usable {
			tried[version.ID] = known{version, key}
		}
		version.Payload = nil
		found.versions = append(found.versions, version)
		if usable {
			found.members = append(found.members, member{version, key, r.signs(version, first)})
		}
		// What is disabled now may have signed; what is enabled and cannot be used cannot have.
		first = first && version.State == Enabled && !usable
	}
	r.known = tried
	return found, nil
}

// signs returns from when on a version may sign. The first key of all signs at once: no JWK Set without it was ever
// handed out to be kept.
func (r *reader) signs(version Version, first bool) time.Time {
	if first {
		return version.Created
	}
	return version.Created.Add(r.timing.propagation())
}

// key returns the key of a version, and reports whether there is one that can be used. A key is parsed and tried once
// and not at every look: trying costs a signature, which for a key that never leaves its keeper is a call.
func (r *reader) key(version Version) (key jose.SigningKey, usable bool) {
	if version.State != Enabled {
		return key, false
	}
	if before, found := r.known[version.ID]; found && before.version.holdsTheSameAs(version) {
		return before.key, true
	}
	var err error
	if version.Signer != nil {
		key, err = jose.NewSigningKey(version.Signer, r.algorithm)
	} else {
		key, err = jose.ParseSigningKey(version.Payload, r.algorithm)
	}
	if err != nil {
		r.log.Error("a version holds no usable signing key and is skipped", "version", version.ID, "error", err.Error())
		return jose.SigningKey{}, false
	}
	return key, true
}
