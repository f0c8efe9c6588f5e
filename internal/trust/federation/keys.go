package federation

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"example.com/countersign/internal/jose"
)

// maxIntermediates is what fits into a chain of ten statements.
const maxIntermediates = 8

// Config says whose keys they are and who may vouch for them.
type Config struct {
	Entity        string                 // the entity identifier of the party: the iss of its assertions
	EntityType    string                 // whose metadata has the keys, such as oauth_client or openid_provider
	Anchors       map[string]jose.KeySet // the public keys of each trust anchor, by its entity identifier
	Intermediates int                    // how many there may be between an anchor and the entity, at most 8; zero: none
	RSA           jose.Algorithm         // of RSA keys in a chain that name none; empty: such keys are not used
	Now           func() time.Time
	Skew          time.Duration // clock difference that is forgiven, at most 60 s
}

// Keys are the keys of one party, as the trust chains in its assertions say. They are safe for concurrent use.
type Keys struct {
	config Config
	memory memory
}

// New returns the keys of a party. It checks what it is given.
func New(config Config) (*Keys, error) {
	if config.Now == nil || config.Skew < 0 || config.Skew > time.Minute {
		return nil, fmt.Errorf("federation: want a clock and a skew of 0 s to 60 s, not %v", config.Skew)
	}
	if !isEntity(config.Entity) {
		return nil, errors.New("federation: the entity is not named by an https URL without query and fragment")
	}
	// §5.2.1: the metadata of this type has no jwks.
	if config.EntityType == "" || config.EntityType == federationEntity {
		return nil, errors.New("federation: want an entity type whose metadata has keys")
	}
	if config.Intermediates < 0 || config.Intermediates > maxIntermediates {
		return nil, fmt.Errorf("federation: want 0 to %d intermediates, not %d", maxIntermediates, config.Intermediates)
	}
	if len(config.Anchors) == 0 {
		return nil, errors.New("federation: want a trust anchor")
	}
	for name, keys := range config.Anchors {
		secret := func(key jose.VerificationKey) bool { return key.Algorithm().Symmetric() }
		if !isEntity(name) || len(keys) == 0 || slices.ContainsFunc(keys, secret) {
			return nil, fmt.Errorf("federation: the trust anchor %q is not named by an https URL, or has no public keys alone", name)
		}
	}
	config.Anchors = maps.Clone(config.Anchors)
	return &Keys{config: config, memory: memory{chains: map[digest]validated{}}}, nil
}

// Find returns the key that must have signed token, if its trust chain leads from its iss to an anchor. A *Fault says
// that no key can have. As much as it says of the chain, it also is a jose.ErrNoKey: strangers can send any chain, and
// must not learn from the answer for whom one is looked at (protocol T8).
func (k *Keys) Find(_ context.Context, token *jose.Token) (jose.VerificationKey, error) {
	keys, err := k.keysOf(token)
	if err != nil {
		return jose.VerificationKey{}, fmt.Errorf("%w, so that %w", err, jose.ErrNoKey)
	}
	return keys.Find(token)
}

func (k *Keys) keysOf(token *jose.Token) (jose.KeySet, error) {
	if token.Unverified().Issuer != k.config.Entity {
		return nil, ErrEntity
	}
	texts, err := token.TrustChain()
	if err != nil {
		return nil, err
	}
	now, name := k.config.Now(), digestOf(texts)
	if keys, known := k.memory.find(name, now); known {
		return keys, nil
	}
	result, err := k.validate(texts, now)
	if err != nil {
		return nil, err
	}
	k.memory.remember(name, result)
	return result.keys, nil
}

// validate decides all that there is to decide about a chain, the signatures after what is cheap (§10.2).
func (k *Keys) validate(texts []string, now time.Time) (validated, error) {
	c, err := parseChain(texts)
	if err != nil {
		return validated{}, err
	}
	anchor, registered := k.config.Anchors[c.top()]
	switch {
	case c.own.subject != k.config.Entity:
		return validated{}, ErrEntity
	case !registered:
		return validated{}, ErrAnchor
	case c.intermediates() > k.config.Intermediates:
		return validated{}, ErrLength
	}
	if err := c.checkTimes(now, k.config.Skew); err != nil {
		return validated{}, err
	}
	if err := c.checkConstraints(); err != nil {
		return validated{}, err
	}
	if err := c.verify(anchor, k.config.RSA); err != nil {
		return validated{}, err
	}
	resolved, err := c.resolve()
	if err != nil {
		return validated{}, err
	}
	metadata, present := resolved[k.config.EntityType]
	if !present {
		return validated{}, ErrEntityType
	}
	keys, err := metadata.protocolKeys(k.config.RSA)
	if err != nil {
		return validated{}, err
	}
	return validated{keys, c.expiresAt()}, nil
}
