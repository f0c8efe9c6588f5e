package service

import (
	"context"
	"fmt"
	"maps"
	"os"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/refresh"
	"example.com/countersign/internal/trust"
	"example.com/countersign/internal/trust/federation"
)

// federated builds the keys that trust chains lead to (protocol F4).
func (b *builder) federated(configured config.Keys, of string) assertion.Keys {
	f := &federated{
		config: federation.Config{
			Entity:        of,
			EntityType:    configured.Federation.EntityType,
			Intermediates: configured.Federation.MaxPathLength,
			RSA:           rsaAlgorithm(jose.Algorithm(configured.Algorithm)),
			Anchors:       map[string]jose.KeySet{},
			Now:           b.Now,
			Skew:          b.config.ClockSkew,
		},
		secrets: map[string]loadKeys{},
	}
	for _, anchor := range configured.Federation.TrustAnchors {
		if anchor.Secret != "" {
			f.secrets[anchor.ID] = trust.PublicKeys(enabled(b.Secrets(anchor.Secret)), jose.RS256)
			continue
		}
		document := anchor.JWKS
		if anchor.File != "" {
			var err error
			if document, err = os.ReadFile(b.path(anchor.File)); err != nil {
				b.fault(anchor.At, fmt.Errorf("the file of keys cannot be read: %w", err))
				return nil
			}
		}
		set, err := jose.ParseRegisteredKeys(document, jose.RS256)
		if err != nil {
			b.fault(anchor.At, err)
			return nil
		}
		f.config.Anchors[anchor.ID] = set
	}
	if err := b.followAnchors(f); err != nil {
		b.fault(configured.At, err)
		return nil
	}
	return f
}

// federated is the keys of one party of a federation, whose anchors' own keys may be in secrets.
type federated struct {
	config  federation.Config   // with the anchors that do not change
	secrets map[string]loadKeys // those that are in secrets
	keys    *refresh.Value[*federation.Keys]
}

// How anchors in secrets are followed, as other keys in secrets are.
const (
	anchorsFresh = time.Minute
	anchorsStale = 24 * time.Hour
)

func (b *builder) followAnchors(f *federated) (err error) {
	fresh := anchorsFresh
	if len(f.secrets) == 0 {
		if _, err := federation.New(f.config); err != nil {
			return err // and not when the first chain comes
		}
		fresh = anchorsStale // There is nothing to look at.
	}
	f.keys, err = refresh.New(refresh.Config[*federation.Keys]{
		Load: f.load, Now: b.Now,
		Fresh: fresh, Stale: anchorsStale, Patience: time.Second, Timeout: 5 * time.Second, Retry: 2 * time.Second,
		Failed: refresh.LogTo(b.Log.With("source", f.config.Entity), "trust_anchor"),
	})
	return err
}

// load looks at the anchors that are in secrets.
func (f *federated) load(ctx context.Context) (*federation.Keys, error) {
	config := f.config
	config.Anchors = maps.Clone(config.Anchors)
	for id, load := range f.secrets {
		set, err := load(ctx)
		if err != nil {
			return nil, fmt.Errorf("trust anchor %s: %w", id, err)
		}
		config.Anchors[id] = set
	}
	return federation.New(config)
}

// Find implements [assertion.Keys].
func (f *federated) Find(ctx context.Context, token *jose.Token) (jose.VerificationKey, error) {
	keys, err := f.keys.Get(ctx)
	if err != nil {
		return jose.VerificationKey{}, fmt.Errorf("getting the keys of the trust anchors: %s", err.Error())
	}
	return keys.Find(ctx, token)
}
