package keys

import (
	"context"
	"errors"
	"time"

	"example.com/countersign/internal/seal"
)

// Sealing is the ring of the keys that seal opaque tokens (protocol W3). It is safe for concurrent use.
//
// It goes by the clock of the rings that sign, though nobody keeps its keys: a new key seals when every instance that
// serves at all must know it. So a key that an instance does not know has sealed nothing, also while the source does not
// answer; and every enabled key opens, so that what the one before has sealed stays good.
type Sealing struct{ ring[seal.Key] }

// NewSealing returns a ring that has not been loaded. It is for config.Sealing.
func NewSealing(config Config) (*Sealing, error) {
	if !config.Sealing {
		return nil, errors.New("keys: a ring that seals does not sign")
	}
	made, err := newRing(config, sealing)
	if err != nil {
		return nil, err
	}
	return &Sealing{made}, nil
}

// sealing parses a version of a ring that seals.
func sealing(version Version) (seal.Key, error) { return seal.ParseKey(version.Payload) }

// SealingKey returns the key that seals now, and when it was created. The error is that of loading, [ErrNoKey] or a
// [NotYetError].
func (s *Sealing) SealingKey(ctx context.Context) (key seal.Key, created time.Time, err error) {
	return s.current(ctx)
}

// OpeningKeys returns the key of every enabled version, the oldest first: also those that seal nothing yet. None is an
// answer: whoever disables all means it. The error is that of loading.
func (s *Sealing) OpeningKeys(ctx context.Context) ([]seal.Key, error) {
	found, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	return found.keys, nil
}
