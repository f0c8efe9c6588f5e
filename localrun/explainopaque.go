package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/seal"
)

// sealingStandIn is a key for opaque tokens that nobody else has, so that what is in one can be shown.
type sealingStandIn struct {
	issuer   string
	material []byte
}

func newSealingStandIn(issuer string) sealingStandIn {
	return sealingStandIn{issuer, seal.NewKeyMaterial()}
}

// SealingKey implements seal.Keys.
func (s sealingStandIn) SealingKey(context.Context) (seal.Key, time.Time, error) {
	key, err := seal.ParseKey(s.material)
	return key, time.Time{}, err
}

// OpeningKeys implements seal.Keys.
func (s sealingStandIn) OpeningKeys(ctx context.Context) ([]seal.Key, error) {
	key, _, err := s.SealingKey(ctx)
	return []seal.Key{key}, err
}

// claimsOf returns what a token of the rehearsal says, in whichever format it is.
func (s sealingStandIn) claimsOf(token oauth.Secret) (map[string]any, error) {
	if !strings.HasPrefix(token.Reveal(), seal.Prefix) {
		return readUnproved(token).claims, nil
	}
	tokens, err := seal.New(s.issuer, s)
	if err != nil {
		return nil, err
	}
	claims, opened, err := tokens.Open(context.Background(), token.Reveal())
	if err == nil && !opened {
		err = errors.New("the service has sealed a token that does not open, which is a defect")
	}
	return readObject(claims), err
}
