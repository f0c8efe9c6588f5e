package service

import (
	"context"

	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

// issued builds what knows access tokens of ours when they come back. They are verified with the keys that the JWK Set
// shows, as everybody else verifies them.
func (b *builder) issued(set *keys.Set) (*issued.Verifier, error) {
	return issued.New(issued.Config{
		Issuer: b.config.Issuer,
		Now:    b.Now,
		Keys: func(ctx context.Context) (jose.KeySet, error) {
			document, err := set.Document(ctx)
			if err != nil {
				return nil, err
			}
			return document.Keys, nil
		},
	})
}
