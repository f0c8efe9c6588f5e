package config_test

import (
	"encoding/json"
	"net/url"
	"strings"

	"example.com/countersign/internal/config"
)

func (i invariants) keys(k config.Keys, party string) {
	i.oneOf("source of keys", k.JWKS != nil, k.PEM != "", k.File != "", k.Secret != "", k.SharedSecret != "",
		k.JWKSURI != "", k.Discovery, k.Federation.TrustAnchors != nil)
	i.must(k.At.Line > 0, "keys have a place", k)
	i.must(k.Secret == "" || secretName(k.Secret), "the name of a secret", k)
	if k.SharedSecret != "" {
		i.shared(k.SharedSecret)
		i.must(symmetric(k.Algorithm), "a shared secret has its algorithm", k)
	} else {
		i.must(k.Algorithm == "" || asymmetric(k.Algorithm), "public keys have an asymmetric algorithm", k)
	}
	i.jwks(k.JWKS)
	switch {
	case k.JWKSURI != "":
		i.fetched(k.JWKSURI)
	case k.Discovery:
		i.fetched(party)
	default:
		i.must(k.Fetching == config.Fetching{}, "only what is fetched says how", k)
	}
	i.must(k.Fetching.CA == "" || k.Fetching.CAFile == "", "certificates are in one place", k)
	if k.Federation.TrustAnchors != nil {
		i.fetched(party)
		i.federation(k.Federation)
	}
}

func (i invariants) federation(f config.Federation) {
	i.must(f.At.Line > 0, "a federation has a place", f)
	i.must(f.MaxPathLength >= 0 && f.MaxPathLength <= 10, "a path of ten intermediates at most", f)
	i.must(contains(strings.Fields("oauth_client openid_relying_party oauth_authorization_server openid_provider"), f.EntityType),
		"an entity type that has keys", f)
	var ids []string
	for _, anchor := range f.TrustAnchors {
		i.fetched(anchor.ID)
		i.must(anchor.At.Line > 0, "an anchor has a place", anchor)
		i.oneOf("source of an anchor's keys", anchor.JWKS != nil, anchor.File != "", anchor.Secret != "")
		i.must(anchor.Secret == "" || secretName(anchor.Secret), "the name of a secret", anchor)
		i.jwks(anchor.JWKS)
		ids = append(ids, anchor.ID)
	}
	i.distinct(ids)
}

// fetched holds a URL that something is fetched from, or found under, to protocol F1.
func (i invariants) fetched(written string) {
	u, err := url.Parse(written)
	i.must(err == nil && u.Host != "" && u.User == nil && !strings.ContainsAny(written, "#{}$ \n"), "a URL as it is", written)
	i.must(strings.HasPrefix(written, "https://") ||
		strings.HasPrefix(written, "http://") && contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname()),
		"a URL is https, or http on this machine", written)
}

func (i invariants) jwks(set []byte) {
	if set != nil {
		var members struct{ Keys []json.RawMessage }
		i.must(json.Unmarshal(set, &members) == nil && len(members.Keys) > 0, "a JWK Set is JSON with keys", string(set))
	}
}
