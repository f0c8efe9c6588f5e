package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// assertionClaims are the claims of an assertion, as its maker states them (RFC 7523 §3). For client authentication
// Issuer and Subject are both the client's id, and Audience is the issuer identifier of the server.
type assertionClaims struct {
	Issuer    string         // iss; empty: left out
	Subject   string         // sub; empty: left out
	Audience  []string       // aud: a string for one, an array for several; none: left out
	Scope     string         // scope, for a server that looks for it there; empty: left out
	Lifetime  time.Duration  // from iat to exp
	WithoutID bool           // leave jti out; else it is random
	Extra     map[string]any // further claims; one with the name of another takes its place
}

// sign makes the assertion. An empty typ is left out of the header.
func (c assertionClaims) sign(key jose.SigningKey, typ string, now time.Time) (oauth.Secret, error) {
	text, err := json.Marshal(c.all(now))
	if err != nil {
		return oauth.Secret{}, fmt.Errorf("encoding the claims: %w", err)
	}
	signed, err := key.Sign(typ, text)
	return oauth.NewSecret(signed), err
}

// all returns every claim by its name.
func (c assertionClaims) all(now time.Time) map[string]any {
	all := map[string]any{"iat": now.Unix(), "exp": now.Add(c.Lifetime).Unix()}
	set := func(name, value string) {
		if value != "" {
			all[name] = value
		}
	}
	set("iss", c.Issuer)
	set("sub", c.Subject)
	set("scope", c.Scope)
	if !c.WithoutID {
		set("jti", rand.Text())
	}
	switch len(c.Audience) {
	case 0:
	case 1:
		all["aud"] = c.Audience[0]
	default:
		all["aud"] = c.Audience
	}
	maps.Copy(all, c.Extra)
	return all
}
