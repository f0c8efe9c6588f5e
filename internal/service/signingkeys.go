package service

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/seal"
	"example.com/countersign/internal/token"
)

// ownKeys is the rings of our own keys.
type ownKeys struct {
	all         []*keys.Ring
	set         *keys.Set
	published   []starter             // what the set is made of, where nothing is signed
	first       *keys.Ring            // signs every token, unless its resource names another algorithm
	byAlgorithm map[string]*keys.Ring // those that sign
	sealing     *keys.Sealing         // of opaque tokens; nil: there are none
	opaque      *seal.Tokens          // seals and opens them; nil likewise
}

var errNoKMS = errors.New("service: the configuration names a key in Cloud KMS, which this process has no access to")

// signingKeys builds the rings. Where nothing but the JWK Set is asked for, those that sign are never loaded.
func (b *builder) signingKeys() (*ownKeys, error) {
	own := &ownKeys{byAlgorithm: map[string]*keys.Ring{}}
	var public []keys.Publishing
	for _, configured := range b.config.SigningKeys.Rings() {
		if configured.KMS != "" && b.KMS == nil {
			return nil, errNoKMS
		}
		ring, err := b.ring(configured)
		if err != nil {
			return nil, err
		}
		own.all = append(own.all, ring)
		if !configured.PublishOnly {
			own.byAlgorithm[configured.Algorithm] = ring
		}
		if !b.PublishOnly {
			public = append(public, ring)
			continue
		}
		published, err := b.published(configured)
		if err != nil {
			return nil, err
		}
		public, own.published = append(public, published), append(own.published, published)
	}
	own.first = own.all[0]
	var err error
	if own.set, err = keys.NewSet(b.Now, public...); err != nil {
		return nil, err
	}
	return own, b.addSealing(own)
}

// addSealing adds the ring of opaque tokens (protocol W3).
func (b *builder) addSealing(own *ownKeys) (err error) {
	if b.config.OpaqueTokens.Secret == "" {
		return nil
	}
	configured := b.config.OpaqueTokens.Ring()
	made := b.RingConfig(b.config, configured, b.source(configured))
	key := partKey{kind: "sealing", place: configured.Secret, timing: made.Timing}
	if own.sealing, err = keep(b, key, func() (*keys.Sealing, error) { return keys.NewSealing(made) }); err != nil {
		return err
	}
	own.opaque, err = seal.New(b.config.Issuer, own.sealing)
	return err
}

func (b *builder) ring(configured config.KeyRing) (*keys.Ring, error) {
	made := b.RingConfig(b.config, configured, b.source(configured))
	key := partKey{kind: "ring", place: configured.Secret + configured.KMS + configured.Directory, algorithm: configured.Algorithm, timing: made.Timing}
	return keep(b, key, func() (*keys.Ring, error) { return keys.NewRing(made) })
}

// published is ring for who only publishes.
func (b *builder) published(configured config.KeyRing) (*keys.Published, error) {
	made := b.RingConfig(b.config, configured, b.source(configured))
	key := partKey{
		kind: "published", place: configured.Secret + configured.KMS + configured.Directory + " " + configured.PublicKeys,
		algorithm: configured.Algorithm, timing: made.Timing,
	}
	return keep(b, key, func() (*keys.Published, error) { return keys.NewPublished(made) })
}

// RingConfig returns what a ring of the configuration is made of, for the service and for those who rotate it: they
// must go by one clock.
func (s Surroundings) RingConfig(configuration *config.Config, ring config.KeyRing, source keys.Source) keys.Config {
	wanted := keys.Config{
		Source:  source,
		Sealing: ring.Algorithm == config.SealingAlgorithm,
		Timing: keys.Timing{
			MaxAge:        configuration.SigningKeys.JWKSMaxAge,
			Refresh:       configuration.SigningKeys.RefreshInterval,
			TokenLifetime: longestLifetime(configuration),
			Skew:          configuration.ClockSkew,
		},
		Now: s.Now,
		Log: s.Log.With("source", cmp.Or(ring.Secret, ring.KMS, ring.Directory)),
	}
	if !wanted.Sealing {
		wanted.Algorithm = jose.Algorithm(ring.Algorithm)
	}
	return wanted
}

// source returns where the versions of a ring are.
func (b *builder) source(ring config.KeyRing) keys.Source {
	switch {
	case ring.Directory != "":
		return keys.Directory(b.path(ring.Directory))
	case ring.KMS != "":
		return b.KMS(ring.KMS)
	case b.PublishOnly && ring.PublicKeys != "":
		return keys.PublicHalves{
			Private: b.Listed(ring.Secret), Public: b.Secrets(ring.PublicKeys), Algorithm: jose.Algorithm(ring.Algorithm),
		}
	default:
		return b.Secrets(ring.Secret)
	}
}

// longestLifetime returns the longest lifetime of a token: for so long must a key stay public after its last signature.
func longestLifetime(configuration *config.Config) time.Duration {
	longest := configuration.AccessTokens.Lifetime
	for _, party := range configuration.Clients {
		for _, rule := range slices.Concat(party.Allow, party.Exchange) {
			longest = max(longest, rule.Lifetime)
		}
	}
	for _, party := range configuration.Issuers {
		for _, rule := range party.Allow {
			longest = max(longest, rule.Lifetime)
		}
	}
	for _, to := range configuration.IdentityAssertions {
		longest = max(longest, to.Lifetime)
	}
	return longest
}

// tokens builds what signs.
func (b *builder) tokens(own *ownKeys) (*token.Issuer, error) {
	special, constraints := make(map[string]token.NamedKeys), make(map[string]oauth.Constraint)
	for _, resource := range b.config.Resources {
		constraints[resource.ID] = oauth.Constraint{DPoP: resource.DPoPRequired, Certificate: resource.MTLSRequired}
		wanted := resource.AccessTokens
		switch {
		case wanted.SharedSecret != "":
			secret, err := b.sharedSecret(wanted)
			if err != nil {
				return nil, err
			}
			special[resource.ID] = token.NamedKeys{Name: wanted.SharedSecret, Keys: secret}
		case wanted.Opaque:
			special[resource.ID] = token.NamedKeys{Name: config.OpaqueFormat, Keys: sealer(own.opaque), Opaque: true}
		case wanted.Algorithm != "" && own.byAlgorithm[wanted.Algorithm] != own.first:
			special[resource.ID] = token.NamedKeys{Name: wanted.Algorithm, Keys: signer(own.byAlgorithm[wanted.Algorithm])}
		}
	}
	return token.New(token.Config{
		Issuer: b.config.Issuer, Keys: signer(own.first), ResourceKeys: special, Constraints: constraints, Now: b.Now,
		StatusList: statusListURI(b.config), Listed: b.listed(),
	})
}

func signer(ring *keys.Ring) token.Keys {
	return func(ctx context.Context) (token.Signer, time.Time, error) { return ring.Signing(ctx) }
}

func sealer(opaque *seal.Tokens) token.Keys {
	return func(ctx context.Context) (token.Signer, time.Time, error) { return opaque.Sealer(ctx) }
}

// sharedSecret builds what signs for a resource that wants shared-secret tokens (protocol W2).
func (b *builder) sharedSecret(wanted config.ResourceAccessToken) (token.Keys, error) {
	key := partKey{kind: "shared", place: wanted.SharedSecret, algorithm: wanted.Algorithm}
	secret, err := keep(b, key, func() (*keys.Shared, error) {
		return keys.NewShared(keys.SharedConfig{
			Source:    b.Secrets(wanted.SharedSecret),
			Algorithm: jose.Algorithm(wanted.Algorithm),
			Now:       b.Now,
			Log:       b.Log.With("source", wanted.SharedSecret),
		})
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (token.Signer, time.Time, error) { return secret.Signing(ctx) }, nil
}
