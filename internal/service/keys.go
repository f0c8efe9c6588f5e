package service

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/refresh"
	"example.com/countersign/internal/trust"
)

// keys builds what verifies the assertions of the party of this name; nil where it has none, or where a fault has been
// reported.
func (b *builder) keys(configured config.Keys, of string) assertion.Keys {
	algorithm := jose.Algorithm(configured.Algorithm)
	switch {
	case configured.SharedSecret != "":
		key := partKey{kind: "shared secret", place: configured.SharedSecret, algorithm: configured.Algorithm}
		return b.loaded(configured.At, key, func(secret trust.Secret) loadKeys { return trust.SharedSecret(secret, algorithm) })
	case configured.Secret != "":
		key := partKey{kind: "public keys", place: configured.Secret, algorithm: configured.Algorithm}
		return b.loaded(configured.At, key, func(secret trust.Secret) loadKeys { return trust.PublicKeys(secret, rsaAlgorithm(algorithm)) })
	case configured.File != "":
		document, err := os.ReadFile(b.path(configured.File))
		if err != nil {
			b.fault(configured.At, fmt.Errorf("the file of keys cannot be read: %w", err))
			return nil
		}
		return b.fixed(configured.At, document, algorithm)
	case configured.PEM != "":
		return b.fixed(configured.At, []byte(configured.PEM), algorithm)
	case configured.JWKS != nil:
		return b.fixed(configured.At, configured.JWKS, algorithm)
	case configured.JWKSURI != "", configured.Discovery:
		return b.remote(configured, of)
	case configured.Federation.TrustAnchors != nil:
		return b.federated(configured, of)
	default:
		return nil
	}
}

type loadKeys = func(context.Context) (jose.KeySet, error)

func (b *builder) fixed(at config.Position, document []byte, algorithm jose.Algorithm) assertion.Keys {
	set, err := jose.ParseRegisteredKeys(document, rsaAlgorithm(algorithm))
	if err != nil {
		b.fault(at, err)
		return nil
	}
	return trust.NewFixed(set)
}

func (b *builder) loaded(at config.Position, key partKey, load func(trust.Secret) loadKeys) assertion.Keys {
	loaded, err := b.load(key, load)
	if err != nil {
		b.fault(at, err)
		return nil
	}
	return loaded
}

func (b *builder) load(key partKey, load func(trust.Secret) loadKeys) (trust.Loaded, error) {
	return keep(b, key, func() (trust.Loaded, error) {
		return trust.NewLoaded(trust.LoadedConfig{
			Load:   load(enabled(b.Secrets(key.place))),
			Now:    b.Now,
			Failed: refresh.LogTo(b.Log.With("source", key.place), strings.ReplaceAll(key.kind, " ", "_")),
		})
	})
}

// rsaAlgorithm is the algorithm of RSA keys that name none: RS256 unless the registration says otherwise, as OpenID
// Connect Core §15.1 has it.
func rsaAlgorithm(registered jose.Algorithm) jose.Algorithm {
	if registered == "" {
		return jose.RS256
	}
	return registered
}

// enabled turns the versions of a secret into those that may be used.
func enabled(source keys.Source) trust.Secret {
	return func(ctx context.Context) ([]trust.SecretVersion, error) {
		versions, err := source.Versions(ctx)
		if err != nil {
			return nil, err
		}
		var usable []trust.SecretVersion
		for _, version := range versions {
			if version.State == keys.Enabled {
				usable = append(usable, trust.SecretVersion{ID: version.ID, Created: version.Created, Payload: version.Payload})
			}
		}
		return usable, nil
	}
}

// path resolves a file name of the configuration.
func (b *builder) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(b.Folder, name)
}

// mediaTypes returns typ values in the form in which they are compared.
func mediaTypes(types []string) []string {
	compared := make([]string, len(types))
	for i, typ := range types {
		compared[i] = jose.MediaType(typ)
	}
	return compared
}

// anyPublic stands for every algorithm that a public key can have.
const anyPublic jose.Algorithm = "any"

// assertionAlgorithms are what clients can sign their client assertions with.
type assertionAlgorithms map[jose.Algorithm]bool

// add adds what a client's keys have, or, where they are kept elsewhere and can change, whatever they might have and it
// may use.
func (a assertionAlgorithms) add(registered config.Client, registration *client.Registration) {
	switch registered.Authentication {
	case oauth.PrivateKeyJWT:
		fixed, known := registration.Keys.(trust.Fixed)
		for _, algorithm := range registration.Algorithms {
			if !known {
				a[algorithm] = true
			}
		}
		if !known && len(registration.Algorithms) == 0 {
			a[anyPublic] = true
		}
		for _, algorithm := range fixed.Algorithms() {
			a[algorithm] = true
		}
	case oauth.ClientSecretJWT:
		a[jose.Algorithm(registered.Keys.Algorithm)] = true
	}
}

func (a assertionAlgorithms) names() names {
	all := names{}
	for algorithm := range a {
		if algorithm != anyPublic {
			all.add(algorithm.Names()...)
			continue
		}
		for _, public := range jose.AsymmetricAlgorithms() {
			all.add(public.Names()...)
		}
	}
	return all
}
