// Package keys holds our own keys: the rings that sign, the JWK Set that APIs verify with (RFC 7517, protocol J1, J2),
// and the ring that seals opaque tokens (protocol W3).
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

// Config is what a ring is made of. All fields are required, but that exactly one of Algorithm and Sealing is set, and
// that Public need not be.
type Config struct {
	Source    Source
	Algorithm jose.Algorithm // of every key that signs; a version with another one is skipped
	Sealing   bool           // the keys seal opaque tokens, by the same clock as if they signed
	Timing    Timing
	Now       func() time.Time
	// Public is where a rotation puts the public halves of the keys, for those who publish them with a [PublicHalves].
	// Nil: nowhere.
	Public Keeper
	Log    *slog.Logger // told of versions that cannot be used, and once a minute of loads that fail
}

func (c Config) check() error {
	if c.Source == nil || c.Now == nil || c.Log == nil {
		return errors.New("keys: a source, a clock and a log are required")
	}
	if signs := c.Algorithm.Known() && !c.Algorithm.Symmetric(); signs == c.Sealing || c.Sealing && c.Algorithm != "" {
		return errors.New("keys: either keys seal, or they have an algorithm of public keys")
	}
	if c.Sealing && c.Public != nil {
		return errors.New("keys: keys that seal have no public halves")
	}
	if c.Timing.MaxAge <= 0 || c.Timing.Refresh <= 0 || c.Timing.TokenLifetime <= 0 || c.Timing.Skew < 0 {
		return errors.New("keys: the timing needs a max-age, a refresh interval, a token lifetime, and a skew of at least 0 s")
	}
	return nil
}

// kind is what its keys are called.
func (c Config) kind() string {
	if c.Sealing {
		return "sealing"
	}
	return "signing"
}

// signing parses a version of a ring that signs.
func (c Config) signing(version Version) (jose.SigningKey, error) {
	if version.Signer != nil {
		return jose.NewSigningKey(version.Signer, c.Algorithm)
	}
	return jose.ParseSigningKey(version.Payload, c.Algorithm)
}

func newReader[K key](c Config, parse func(Version) (K, error)) *reader[K] {
	return &reader[K]{source: c.Source, parse: parse, kind: c.kind(), timing: c.Timing, now: c.Now, log: c.Log}
}

// look returns what looks at the source, for those who need no key of it.
func (c Config) look() func(context.Context) (*timeline, error) {
	if c.Sealing {
		return newReader(c, sealing).look
	}
	return newReader(c, c.signing).look
}

func (r *reader[K]) look(ctx context.Context) (*timeline, error) {
	found, err := r.read(ctx)
	if err != nil {
		return nil, err
	}
	return &found.timeline, nil
}

// ring is what all rings have in common, whatever their keys do.
type ring[K key] struct {
	config  Config
	history *refresh.Value[*history[K]]
}

// Bounds on loading.
const (
	patience    = time.Second
	loadTimeout = 5 * time.Second
	retryAfter  = 2 * time.Second
)

func newRing[K key](config Config, parse func(Version) (K, error)) (made ring[K], err error) {
	if err := config.check(); err != nil {
		return made, err
	}
	made.config = config
	made.history, err = refresh.New(refresh.Config[*history[K]]{
		Load:     newReader(config, parse).read,
		Fresh:    config.Timing.Refresh,
		Stale:    config.Timing.valid(),
		Patience: patience,
		Timeout:  loadTimeout,
		Retry:    min(retryAfter, config.Timing.Refresh),
		Now:      config.Now,
		Failed:   refresh.LogTo(config.Log, config.kind()+"_keys"),
	})
	return made, err
}

// Start begins to load and does not wait.
func (r *ring[K]) Start() { r.history.Start() }

// ErrNoKey says that the ring is loaded and has no key that can sign.
var ErrNoKey = errors.New("no enabled version holds a usable key")

// NotYetError says that the ring is loaded and has no key that every verifier knows. It is how a ring answers whose
// keys were all disabled but the newest.
type NotYetError struct{ At time.Time } // when the oldest of the keys may sign

// Error implements error.
func (e *NotYetError) Error() string {
	return "the only usable keys are too new for every verifier to know them; the first may sign at " + e.At.UTC().Format(time.RFC3339)
}

// current returns the key that signs or seals now, and when it was created. The error is that of loading, [ErrNoKey] or a
// [NotYetError].
func (r *ring[K]) current(ctx context.Context) (key K, created time.Time, err error) {
	found, err := r.look(ctx)
	if err != nil {
		return key, created, err
	}
	if len(found.members) == 0 {
		return key, created, ErrNoKey
	}
	index, may := signing(found.members, r.config.Now())
	if !may {
		return key, created, &NotYetError{found.members[0].signs}
	}
	return found.keys[index], found.members[index].version.Created, nil
}

// look returns the history as it is known. Where that has no key it is not used for as long as one that has: a first
// key signs at once, and the instances that do not know it yet must learn of it.
func (r *ring[K]) look(ctx context.Context) (*history[K], error) {
	found, err := r.history.Get(ctx)
	if err == nil && len(found.members) == 0 {
		found, err = r.history.Reload(ctx, min(retryAfter, r.config.Timing.Refresh))
	}
	if err != nil {
		return nil, fmt.Errorf("loading %s keys: %w", r.config.kind(), err)
	}
	return found, nil
}

// timeline is look for those who need no key that signs or seals.
func (r *ring[K]) timeline(ctx context.Context) (*timeline, error) {
	found, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	return &found.timeline, nil
}

func (r *ring[K]) timing() Timing { return r.config.Timing }

// Ring is the signing keys of one history. It is safe for concurrent use.
type Ring struct{ ring[jose.SigningKey] }

// NewRing returns a ring that has not been loaded.
func NewRing(config Config) (*Ring, error) {
	if config.Sealing {
		return nil, errors.New("keys: a ring that signs does not seal")
	}
	made, err := newRing(config, config.signing)
	if err != nil {
		return nil, err
	}
	return &Ring{made}, nil
}

// SigningKey returns the key that signs now. The error is that of loading, [ErrNoKey] or a [NotYetError].
func (r *Ring) SigningKey(ctx context.Context) (jose.SigningKey, error) {
	key, _, err := r.current(ctx)
	return key, err
}

// Signing is SigningKey, and says when the key was created.
func (r *Ring) Signing(ctx context.Context) (key jose.SigningKey, created time.Time, err error) {
	return r.current(ctx)
}
