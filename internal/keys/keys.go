// Package keys holds our own signing keys: the ring, and the JWK Set that APIs verify with (RFC 7517, protocol J1, J2).
//
// The version history of one secret is the ring. Which key signs and which are public follows from the versions' create
// times and states alone, so that every instance comes to the same answer without talking to another.
//
// It must never publish a private key. While its source answers, it must never sign with one that has been disabled for
// longer than a refresh; while it does not, nobody can know that it has been.
package keys

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
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
	Log       *slog.Logger // told of versions that cannot be used, and of loads that fail
}

// Ring is the signing keys. It is safe for concurrent use.
type Ring struct {
	config   Config
	members  *refresh.Value[[]member]
	document atomic.Pointer[Document]
}

// Bounds on loading. A ring that cannot be refreshed serves on for a day: a token that verifies is worth more than a
// rotation on time, and a disabled key is the exception that an operator can force by a new deployment.
const (
	staleFor    = 24 * time.Hour
	patience    = time.Second
	loadTimeout = 5 * time.Second
	retryAfter  = 2 * time.Second
)

// NewRing returns a ring that has not been loaded.
func NewRing(config Config) (*Ring, error) {
	if config.Source == nil || config.Now == nil || config.Log == nil || !config.Algorithm.Known() || config.Algorithm.Symmetric() {
		return nil, errors.New("keys: a source, an algorithm of public keys, a clock and a log are required")
	}
	if config.Timing.MaxAge <= 0 || config.Timing.Refresh <= 0 || config.Timing.TokenLifetime <= 0 || config.Timing.Skew < 0 {
		return nil, errors.New("keys: the timing needs a max-age, a refresh interval, a token lifetime, and a skew of at least 0 s")
	}
	ring := &Ring{config: config}
	var err error
	ring.members, err = refresh.New(refresh.Config[[]member]{
		Load:     ring.load,
		Fresh:    config.Timing.Refresh,
		Stale:    max(staleFor, config.Timing.Refresh),
		Patience: patience,
		Timeout:  loadTimeout,
		Retry:    retryAfter,
		Now:      config.Now,
		Failed: func(err error) {
			config.Log.Error("signing keys could not be loaded; the last good ones serve on", "error", err.Error())
		},
	})
	return ring, err
}

// Start begins to load and does not wait.
func (r *Ring) Start() { r.members.Start() }

// ErrNoKey says that the ring is loaded and has no key that can sign.
var ErrNoKey = errors.New("no enabled version of the secret holds a usable key")

// SigningKey returns the key that signs now.
func (r *Ring) SigningKey(ctx context.Context) (jose.SigningKey, error) {
	members, err := r.members.Get(ctx)
	if err != nil {
		return jose.SigningKey{}, err
	}
	if len(members) == 0 {
		return jose.SigningKey{}, ErrNoKey
	}
	return members[r.config.Timing.signing(members, r.config.Now())].key, nil
}

// load reads every version. One that cannot be used is skipped and named in the log; it must not take the others down.
func (r *Ring) load(ctx context.Context) ([]member, error) {
	versions, err := r.config.Source.Versions(ctx)
	if err != nil {
		return nil, err
	}
	var members []member
	for _, version := range slices.SortedFunc(slices.Values(versions), older) {
		if version.State != Enabled {
			continue
		}
		key, err := jose.ParseSigningKey(version.Payload, r.config.Algorithm)
		if err != nil {
			r.config.Log.Error("a version holds no usable signing key and is skipped", "version", version.ID, "error", err.Error())
			continue
		}
		members = append(members, member{key, version.Created})
	}
	return members, nil
}

// Document is a JWK Set as it is served.
type Document struct {
	Body   []byte
	ETag   string        // strong (RFC 9110 §8.8.3)
	MaxAge time.Duration // how long it may be kept
}

// JWKS returns the public keys. It is rendered once for each set of keys.
func (r *Ring) JWKS(ctx context.Context) (*Document, error) {
	members, err := r.members.Get(ctx)
	if err != nil {
		return nil, err
	}
	if len(members) == 0 {
		return nil, ErrNoKey
	}
	var public jose.KeySet
	identity := sha256.New()
	for _, member := range r.config.Timing.published(members, r.config.Now()) {
		key := member.key.Verification()
		if slices.ContainsFunc(public, func(k jose.VerificationKey) bool { return k.ID() == key.ID() }) {
			continue // two versions hold the same key: verifiers would take a kid that is there twice for none
		}
		public = append(public, key)
		identity.Write([]byte(key.ID() + "\n"))
	}
	etag := `"` + hex.EncodeToString(identity.Sum(nil)[:16]) + `"`
	if document := r.document.Load(); document != nil && document.ETag == etag {
		return document, nil
	}
	body, err := jose.EncodeKeySet(public)
	if err != nil {
		return nil, fmt.Errorf("rendering the JWK Set: %w", err)
	}
	document := &Document{Body: body, ETag: etag, MaxAge: r.config.Timing.MaxAge}
	r.document.Store(document)
	return document, nil
}
