package trust_test

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"example.com/countersign/internal/assertion/keystest"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust"
)

func publicHalves(keys []keystest.Key) jose.KeySet {
	var set jose.KeySet
	for _, key := range keys {
		set = append(set, key.Public)
	}
	return set
}

func TestFixed_is_keys(t *testing.T) {
	have := func(_ *testing.T, keys ...keystest.Key) keystest.Party {
		return keystest.Party{Keys: trust.NewFixed(publicHalves(keys))}
	}
	keystest.TestPublicKeys(t, have)
	keystest.TestHolders(t, have)
}

func TestPublicKeys_are_keys(t *testing.T) {
	have := func(t *testing.T, keys ...keystest.Key) keystest.Party {
		set, err := jose.EncodeKeySet(publicHalves(keys))
		must(t, err)
		versions := []trust.SecretVersion{{ID: "1", Payload: set}}
		if len(keys) == 0 {
			versions = nil // there is no such thing as an empty registration
		}
		return loadedParty(t, trust.PublicKeys(func(context.Context) ([]trust.SecretVersion, error) { return versions, nil }, ""))
	}
	keystest.TestPublicKeys(t, have)
	keystest.TestHolders(t, have)
}

func TestSharedSecret_is_keys(t *testing.T) {
	have := func(t *testing.T, keys ...keystest.Key) keystest.Party {
		var versions []trust.SecretVersion
		for _, key := range keys {
			versions = append(versions, trust.SecretVersion{ID: key.Public.ID(), Payload: key.Secret})
		}
		return loadedParty(t, trust.SharedSecret(func(context.Context) ([]trust.SecretVersion, error) { return versions, nil }, jose.HS256))
	}
	keystest.TestSharedSecrets(t, have)
	keystest.TestHoldsNoSharedSecret(t, have)
}

func loadedParty(t *testing.T, load func(context.Context) (jose.KeySet, error)) keystest.Party {
	t.Helper()
	loaded, err := trust.NewLoaded(trust.LoadedConfig{Load: load, Now: time.Now})
	must(t, err)
	return keystest.Party{Keys: loaded}
}

func TestRemote_is_keys(t *testing.T) {
	for name, discovery := range map[string]bool{"by_jwks_uri": false, "by_discovery": true} {
		t.Run(name, func(t *testing.T) {
			have := func(t *testing.T, keys ...keystest.Key) keystest.Party {
				return remoteParty(t, discovery, publicHalves(keys))
			}
			keystest.TestPublicKeys(t, have)
			keystest.TestHolders(t, have)
		})
	}
}

// remoteParty publishes keys over TLS on loopback.
func remoteParty(t *testing.T, discovery bool, keys jose.KeySet) keystest.Party {
	t.Helper()
	set, err := jose.EncodeKeySet(keys)
	must(t, err)
	p := newPublisher(t)
	p.answers[jwksPath] = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }
	p.answers["/.well-known/openid-configuration"] = func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"issuer":"` + p.URL + `","jwks_uri":"` + p.URL + jwksPath + `"}`))
	}
	fetcher, err := trust.NewFetcher(trust.FetcherConfig{Now: time.Now})
	must(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(p.Certificate())
	config := trust.RemoteConfig{Fetcher: fetcher, Roots: roots, Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, JWKSURI: p.URL + jwksPath}
	if discovery {
		config.JWKSURI, config.Issuer = "", p.URL
	}
	remote, err := trust.NewRemote(config)
	must(t, err)
	return keystest.Party{Keys: remote}
}
