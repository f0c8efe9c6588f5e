package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/refresh"
)

// SharedConfig is what a [Shared] is made of. All fields are required.
type SharedConfig struct {
	Source    Source
	Algorithm jose.Algorithm // an HMAC
	Now       func() time.Time
	Log       *slog.Logger
}

// Shared is a secret shared with one API, which signs that API's tokens and is never published (protocol W2). The
// newest enabled version signs, and its number is the kid, so that the API can tell two apart during a change.
type Shared struct {
	algorithm jose.Algorithm
	source    Source
	key       *refresh.Value[sharedKey]
}

// sharedKey is the newest enabled version; zero: there is none.
type sharedKey struct {
	key     jose.SigningKey
	created time.Time
}

// sharedStale is how long the last good secret serves while its source is down. No JWK Set has to agree with it.
const sharedStale = 24 * time.Hour

// NewShared returns a secret that has not been loaded.
func NewShared(config SharedConfig) (*Shared, error) {
	if config.Source == nil || config.Now == nil || config.Log == nil || !config.Algorithm.Symmetric() {
		return nil, errors.New("keys: a source, an HMAC algorithm, a clock and a log are required")
	}
	shared := &Shared{algorithm: config.Algorithm, source: config.Source}
	var err error
	shared.key, err = refresh.New(refresh.Config[sharedKey]{
		Load:     shared.load,
		Fresh:    time.Minute,
		Stale:    sharedStale,
		Patience: patience,
		Timeout:  loadTimeout,
		Retry:    retryAfter,
		Now:      config.Now,
		Failed:   refresh.LogTo(config.Log, "shared_secret"),
	})
	return shared, err
}

// Signing returns the key that signs now, and when its version was created.
func (s *Shared) Signing(ctx context.Context) (key jose.SigningKey, created time.Time, err error) {
	newest, err := s.key.Get(ctx)
	if err == nil && newest.key.IsZero() {
		err = ErrNoKey
	}
	return newest.key, newest.created, err
}

func (s *Shared) load(ctx context.Context) (sharedKey, error) {
	versions, err := s.source.Versions(ctx)
	if err != nil {
		return sharedKey{}, err
	}
	versions = slices.DeleteFunc(slices.Clone(versions), func(v Version) bool { return v.State != Enabled })
	if len(versions) == 0 {
		// No error: whoever disables every version means it, and the last good one must not sign on.
		return sharedKey{}, nil
	}
	newest := slices.MaxFunc(versions, older)
	key, err := jose.NewSharedSecretSigningKey(newest.Payload, s.algorithm, newest.ID)
	if err != nil {
		return sharedKey{}, fmt.Errorf("version %s: %w", newest.ID, err)
	}
	return sharedKey{key, newest.Created}, nil
}
