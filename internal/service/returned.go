package service

import (
	"context"
	"errors"
	"slices"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/revocation"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/trust"
)

// revocationsAtOnce is how many revoked tokens one instance remembers at a time; beyond it the instance refuses rather
// than forgets.
const revocationsAtOnce = 100_000

var errNoRevocations = errors.New("service: this process has no access to revocations in the Firestore database of the configuration")

// addReturned adds what introspection and revocation need, where a client introspects.
func (b *builder) addReturned(wanted *server.Config, own *ownKeys) (err error) {
	if !slices.ContainsFunc(b.config.Clients, introspects) {
		return nil
	}
	if wanted.Revocations, err = b.revocations(); err != nil {
		return err
	}
	shared, err := b.sharedSecrets()
	if err != nil {
		return err
	}
	made := b.issuedConfig(own, wanted.Revocations)
	made.Shared = shared
	wanted.Issued, err = issued.New(made)
	return err
}

// introspects reports whether a client asks about tokens: for its sake there are the endpoints.
func introspects(registered config.Client) bool {
	return !registered.Disabled && len(registered.Introspects) > 0
}

// issuedConfig returns what our own tokens are held to when they come back. Those that are signed with a secret are not
// among them; who wants them adds it.
func (b *builder) issuedConfig(own *ownKeys, revocations revocation.Store) issued.Config {
	made := issued.Config{
		Issuer: b.config.Issuer,
		Now:    b.Now,
		Keys: func(ctx context.Context) (jose.KeySet, error) {
			document, err := own.set.Document(ctx)
			if err != nil {
				return nil, err
			}
			return document.Keys, nil
		},
	}
	if own.opaque != nil {
		made.Open = own.opaque.Open
	}
	if b.stops != nil {
		made.Stopped = append(made.Stopped, stopped(b.stops))
	}
	if revocations != nil {
		made.Stopped = append(made.Stopped, revoked(revocations))
	}
	return made
}

func revoked(revocations revocation.Store) issued.Stop {
	return func(ctx context.Context, token issued.Token) (bool, error) {
		is, err := revocations.Revoked(ctx, revocation.Token{Client: token.ClientID, ID: token.ID, Expires: token.ExpiresAt})
		if err != nil {
			return false, oauth.Unavailable("revocation_store_unavailable", err)
		}
		return is, nil
	}
}

// revocations builds what remembers which tokens have been taken back, in the same place as what has been used.
func (b *builder) revocations() (revocation.Store, error) {
	database := b.config.Replay.Firestore
	return keep(b, partKey{kind: "revocations", place: database}, func() (revocation.Store, error) {
		switch {
		case database == "":
			return revocation.NewMemory(b.Now, revocationsAtOnce)
		case b.Revocations == nil:
			return nil, errNoRevocations
		default:
			return b.Revocations(database, b.config.Issuer)
		}
	})
}

// sharedSecrets builds what verifies the tokens that are signed with secrets of APIs: with any enabled version, since the
// one before may have signed.
func (b *builder) sharedSecrets() ([]issued.Shared, error) {
	var all []issued.Shared
	at := map[partKey]int{}
	for _, resource := range b.config.Resources {
		wanted := resource.AccessTokens
		if wanted.SharedSecret == "" {
			continue
		}
		key := partKey{kind: "shared secret", place: wanted.SharedSecret, algorithm: wanted.Algorithm}
		if i, again := at[key]; again {
			all[i].Resources = append(all[i].Resources, resource.ID)
			continue
		}
		secret, err := b.load(key, func(secret trust.Secret) loadKeys {
			return trust.SharedSecret(secret, jose.Algorithm(wanted.Algorithm))
		})
		if err != nil {
			return nil, err
		}
		at[key] = len(all)
		all = append(all, issued.Shared{
			Resources: []string{resource.ID}, Lifetime: longestLifetime(b.config), Find: secret.Find,
		})
	}
	return all, nil
}
