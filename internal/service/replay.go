package service

import (
	"errors"

	"example.com/countersign/internal/replay"
)

// usesAtOnce is how many uses one instance remembers at a time. At 10 minutes each that is some 1,600 tokens a second;
// beyond it the instance refuses rather than forgets.
const usesAtOnce = 1_000_000

var errNoFirestore = errors.New("service: the configuration names a Firestore database, which this process has no access to")

// replayStore builds what remembers uses: in one database for every instance, or in the memory of this one. A
// configuration that changes the place begins with an empty one, as an instance does.
func (b *builder) replayStore() (replay.Store, error) {
	database := b.config.Replay.Firestore
	return keep(b, partKey{kind: "replay", place: database}, func() (replay.Store, error) {
		switch {
		case database == "":
			return replay.NewMemory(b.Now, usesAtOnce)
		case b.Replay == nil:
			return nil, errNoFirestore
		default:
			return b.Replay(database, b.config.Issuer)
		}
	})
}
