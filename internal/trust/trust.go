// Package trust holds other people's keys: those of clients and issuers, from wherever the configuration says that they
// come.
//
// [Fixed] keys are written down in the configuration. [Loaded] keys are kept elsewhere and followed: a JWK Set or PEM in
// a secret, or a shared secret whose enabled versions are all good at once. [Remote] keys are published by the party
// itself, at a URL or behind an issuer's metadata (protocol F). All find the one key that must have signed a token
// (protocol A5), and say whether they hold the key of a certificate (protocol M2).
//
// It must never hand out a key of one party for a token of another: every value here belongs to one. Nor must anything
// of a token enter a URL: what is fetched is decided by the configuration, and by the metadata that it leads to.
package trust

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/refresh"
)

// Fixed is keys that do not change while the configuration does not.
type Fixed struct{ keys jose.KeySet }

// NewFixed returns keys as they are.
func NewFixed(keys jose.KeySet) Fixed { return Fixed{keys} }

// Algorithms returns the algorithm of each key.
func (f Fixed) Algorithms() []jose.Algorithm {
	algorithms := make([]jose.Algorithm, len(f.keys))
	for i, key := range f.keys {
		algorithms[i] = key.Algorithm()
	}
	return algorithms
}

// Find returns the key that must have signed token.
func (f Fixed) Find(_ context.Context, token *jose.Token) (jose.VerificationKey, error) {
	return f.keys.Find(token)
}

// Holds reports whether one of the keys has this RFC 7638 thumbprint, which is how the key of a TLS client is found
// (RFC 8705 §2.2).
func (f Fixed) Holds(_ context.Context, thumbprint string) (bool, error) {
	return f.keys.Holds(thumbprint), nil
}

// SecretVersion is one enabled version of a secret.
type SecretVersion struct {
	ID      string // the version's number
	Created time.Time
	Payload []byte
}

// Secret returns the enabled versions of one secret.
type Secret func(context.Context) ([]SecretVersion, error)

// LoadedConfig says how [Loaded] keys are followed.
type LoadedConfig struct {
	Load   func(context.Context) (jose.KeySet, error) // PublicKeys or SharedSecret
	Now    func() time.Time
	Failed func(refresh.Failure) // told of loads that failed, once a minute at most; nil: nobody is
}

// How keys that are kept elsewhere are followed: a change is seen within a minute, unless whoever publishes them says
// that they are good for longer, and an outage of the place is survived for a day (protocol F2).
const (
	fresh    = time.Minute
	silent   = 5 * time.Minute // where an answer does not say: a new key is found sooner, by its kid
	stale    = 24 * time.Hour
	patience = time.Second
	timeout  = 5 * time.Second
	retry    = 2 * time.Second
)

// Loaded is keys that are kept elsewhere. They are fetched when they are first needed and followed from then on.
type Loaded struct{ value *refresh.Value[jose.KeySet] }

// NewLoaded returns keys that nobody has fetched yet.
func NewLoaded(config LoadedConfig) (Loaded, error) {
	value, err := refresh.New(refresh.Config[jose.KeySet]{
		Load: config.Load, Now: config.Now, Failed: config.Failed,
		Fresh: fresh, Stale: stale, Patience: patience, Timeout: timeout, Retry: retry,
	})
	return Loaded{value}, err
}

// Find returns the key that must have signed token.
func (l Loaded) Find(ctx context.Context, token *jose.Token) (jose.VerificationKey, error) {
	keys, err := l.value.Get(ctx)
	if err != nil {
		return jose.VerificationKey{}, notHad(err)
	}
	return keys.Find(token)
}

// Holds reports whether one of the keys has this RFC 7638 thumbprint. The error says that the keys could not be had.
func (l Loaded) Holds(ctx context.Context, thumbprint string) (bool, error) {
	keys, err := l.value.Get(ctx)
	if err != nil {
		return false, notHad(err)
	}
	return keys.Holds(thumbprint), nil
}

// notHad says that there are no keys to look at. It does not wrap err: a fault of a stored key is not a fault of the
// token, and must not pass for one.
func notHad(err error) error { return fmt.Errorf("getting keys: %s", err.Error()) }

// PublicKeys returns a load of the JWK Set or PEM in the newest enabled version of secret. rsa is the algorithm of RSA
// keys that name none. No enabled version is no key: an operator who disables them all means it, and what was loaded
// before must not serve on.
func PublicKeys(secret Secret, rsa jose.Algorithm) func(context.Context) (jose.KeySet, error) {
	return func(ctx context.Context) (jose.KeySet, error) {
		versions, err := secret(ctx)
		if err != nil {
			return nil, err
		}
		if len(versions) == 0 {
			return nil, nil
		}
		newest := slices.MaxFunc(versions, func(a, b SecretVersion) int {
			return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
		})
		return jose.ParseRegisteredKeys(newest.Payload, rsa)
	}
}

// SharedSecret returns a load of every enabled version of secret as a key whose kid is the version's number, so that a
// secret can be changed without an outage. Without a kid in its tokens a party can have only one version at a time. No
// enabled version is no key, as in [PublicKeys].
func SharedSecret(secret Secret, algorithm jose.Algorithm) func(context.Context) (jose.KeySet, error) {
	return func(ctx context.Context) (jose.KeySet, error) {
		versions, err := secret(ctx)
		if err != nil {
			return nil, err
		}
		var keys jose.KeySet
		for _, version := range versions {
			key, err := jose.NewSharedSecretKey(version.Payload, algorithm, version.ID)
			if err != nil {
				return nil, fmt.Errorf("version %s: %w", version.ID, err)
			}
			keys = append(keys, key)
		}
		return keys, nil
	}
}
