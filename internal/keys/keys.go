// Package keys holds our own signing keys: the rings, and the JWK Set that APIs verify with (RFC 7517, protocol J1, J2).
//
// The version history of one secret, or of one Cloud KMS key, is a ring. Which key signs and which are public follows
// from the versions' create times and states alone, so that every instance comes to the same answer without talking to
// another. schedule.go is that rule.
//
// It must never publish a private key, and never sign with a key that a verifier who obeys the cache headers can lack.
// It must not sign with a key that has been disabled for longer than a refresh; while the source does not answer,
// nobody can know that it has been, and a ring serves on for the JWK Set's max-age and no longer.
package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/refresh"
)

// Config is what a ring is made of. All fields are required.
type Config struct {
	Source    Source
	Algorithm jose.Algorithm // of every key; a version with another one is skipped
	Timing    Timing
	Now       func() time.Time
	Log       *slog.Logger // told of versions that cannot be used, and once a minute of loads that fail
}

func (c Config) check() error {
	if c.Source == nil || c.Now == nil || c.Log == nil || !c.Algorithm.Known() || c.Algorithm.Symmetric() {
		return errors.New("keys: a source, an algorithm of public keys, a clock and a log are required")
	}
	if c.Timing.MaxAge <= 0 || c.Timing.Refresh <= 0 || c.Timing.TokenLifetime <= 0 || c.Timing.Skew < 0 {
		return errors.New("keys: the timing needs a max-age, a refresh interval, a token lifetime, and a skew of at least 0 s")
	}
	return nil
}

func (c Config) reader() *reader {
	return &reader{source: c.Source, algorithm: c.Algorithm, timing: c.Timing, now: c.Now, log: c.Log}
}

// Ring is the signing keys of one history. It is safe for concurrent use.
type Ring struct {
	config  Config
	history *refresh.Value[*history]
}

// Bounds on loading.
const (
	patience    = time.Second
	loadTimeout = 5 * time.Second
	retryAfter  = 2 * time.Second
)

// NewRing returns a ring that has not been loaded.
func NewRing(config Config) (*Ring, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	ring := &Ring{config: config}
	var err error
	ring.history, err = refresh.New(refresh.Config[*history]{
		Load:     config.reader().read,
		Fresh:    config.Timing.Refresh,
		Stale:    config.Timing.valid(),
		Patience: patience,
		Timeout:  loadTimeout,
		Retry:    min(retryAfter, config.Timing.Refresh),
		Now:      config.Now,
		Failed: func(err error) {
			config.Log.Error("signing keys could not be loaded; the last good ones serve on while they are valid",
				"error", err.Error(), "valid_seconds", config.Timing.valid().Seconds())
		},
	})
	return ring, err
}

// Start begins to load and does not wait.
func (r *Ring) Start() { r.history.Start() }

// ErrNoKey says that the ring is loaded and has no key that can sign.
var ErrNoKey = errors.New("no enabled version holds a usable key")

// NotYetError says that the ring is loaded and has no key that every verifier knows. It is how a ring answers whose
// keys were all disabled but the newest.
type NotYetError struct{ At time.Time } // when the oldest of the keys may sign

// Error implements error.
func (e *NotYetError) Error() string {
	return "the only usable keys are too new for every verifier to know them; the first may sign at " + e.At.UTC().Format(time.RFC3339)
}

// SigningKey returns the key that signs now. The error is that of loading, [ErrNoKey] or a [NotYetError].
func (r *Ring) SigningKey(ctx context.Context) (jose.SigningKey, error) {
	found, err := r.look(ctx)
	if err != nil {
		return jose.SigningKey{}, err
	}
	return found.signingKey(r.config.Now())
}

func (h *history) signingKey(now time.Time) (jose.SigningKey, error) {
	if len(h.members) == 0 {
		return jose.SigningKey{}, ErrNoKey
	}
	current, found := signing(h.members, now)
	if !found {
		return jose.SigningKey{}, &NotYetError{h.members[0].signs}
	}
	return h.members[current].key, nil
}

// look returns the history as it is known. Where that has no key it is not used for as long as one that has: a first
// key signs at once, and the instances that do not know it yet must learn of it.
func (r *Ring) look(ctx context.Context) (*history, error) {
	found, err := r.history.Get(ctx)
	if err == nil && len(found.members) == 0 {
		found, err = r.history.Reload(ctx, min(retryAfter, r.config.Timing.Refresh))
	}
	if err != nil {
		return nil, fmt.Errorf("loading signing keys: %w", err)
	}
	return found, nil
}
