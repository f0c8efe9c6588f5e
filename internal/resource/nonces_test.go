package resource_test

import (
	"errors"
	"net/http"
	"testing"

	"example.com/countersign/internal/resource"
)

// RFC 9449 §9: the client comes without a nonce, is told one, and comes again.
func TestD3_an_API_can_ask_for_nonces(t *testing.T) {
	given := newNonces(t)
	c := newClient(t, func(c *resource.Config) { c.DPoP.Nonces = given.Nonces })
	first := c.send(t)
	nonce := first.Header["Dpop-Nonce"]
	if first.StatusCode != http.StatusUnauthorized || len(nonce) != 1 || nonce[0] != given.fresh(t) {
		t.Fatalf("got %d %v", first.StatusCode, first.Header)
	}
	// The conformance suite looks for a value that begins with DPoP and a space, in this case.
	const want = `DPoP error="use_dpop_nonce", algs="ES256 ES384 ES512 EdDSA Ed25519 PS256 PS384 PS512 RS256 RS384 RS512"`
	if got := first.Header.Get("WWW-Authenticate"); got != want {
		t.Errorf("challenge %q", got)
	}
	c.allow(t, claim("nonce", nonce[0]))
	for _, bad := range []any{nil, "", "x", nonce[0] + "x", []string{nonce[0]}, newNonces(t).fresh(t)} {
		c.deny(t, "use_dpop_nonce", claim("nonce", bad))
	}
	// What is wrong besides is said first: another nonce would not help.
	c.deny(t, badProof, claim("htm", "PUT"))
	c.deny(t, badToken, sentAs("Bearer"))
	again := c.attempt(t, c.token, c.key).proof.claims["jti"]
	c.allow(t, claim("nonce", nonce[0]), claim("jti", again))
	c.deny(t, badProof, claim("nonce", nonce[0]), claim("jti", again))
	c.allow(t, token(c.world.key.token(t, good())), sentAs("Bearer"), withoutProof)
}

func TestD3_every_answer_to_a_request_with_DPoP_brings_the_next_nonce(t *testing.T) {
	given := newNonces(t)
	c := newClient(t, func(c *resource.Config) { c.DPoP.Nonces = given.Nonces })
	nonce := claim("nonce", given.fresh(t))
	narrow := c.world.key.token(t, c.key.bound().with("scope", "invoices.pay"))
	for _, test := range []struct {
		name           string
		status, nonces int
		changes        []change
	}{
		{"let through", 200, 1, []change{nonce}},
		{"no nonce", 401, 1, nil},
		{"a bad proof", 401, 1, []change{nonce, claim("htm", "PUT")}},
		{"a bad token", 401, 1, []change{nonce, token("x")}},
		{"another scope", 403, 1, []change{nonce, token(narrow)}},
		{"the scheme alone", 400, 1, []change{unnamed("DPoP")}},
		{"no scheme", 401, 0, []change{unnamed()}},
		{"two schemes", 400, 0, []change{unnamed("DPoP x", "DPoP x")}},
	} {
		got := c.send(t, test.changes...)
		h := got.Header
		if got.StatusCode != test.status || len(h["Dpop-Nonce"]) != test.nonces || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", test.name, got.StatusCode, h)
		}
	}
	bearer := c.send(t, token(c.world.key.token(t, good())), sentAs("Bearer"), withoutProof)
	if bearer.StatusCode != http.StatusOK || bearer.Header["Dpop-Nonce"] != nil || bearer.Header["Cache-Control"] != nil {
		t.Errorf("Bearer: %d %v", bearer.StatusCode, bearer.Header)
	}
}

func TestD3_without_keys_of_nonces_nobody_with_DPoP_gets_in(t *testing.T) {
	given := newNonces(t)
	c := newClient(t, func(c *resource.Config) { c.DPoP.Nonces = given.Nonces })
	nonce := claim("nonce", given.fresh(t))
	given.down.Store(true)
	c.undecided(t, nonce)
	c.undecided(t)
	c.allow(t, token(c.world.key.token(t, good())), sentAs("Bearer"), withoutProof)
	given.down.Store(false)
	c.allow(t, nonce)

	// Verify alone, which gives out no nonces, does not let anybody through either.
	given.down.Store(true)
	got, err := c.Verify(c.attempt(t, c.token, c.key).request(t, c.at))
	if err == nil || errors.Is(err, resource.ErrProof) || got.Subject != "" {
		t.Errorf("Verify = %+v, %v", got, err)
	}
}

// Where nonces are not asked for, none are given out, and whatever a proof has there is nobody's.
func TestD3_an_API_without_nonces_does_not_look_at_them(t *testing.T) {
	c := newClient(t)
	c.allow(t, claim("nonce", "x"))
	got := c.send(t)
	if got.StatusCode != http.StatusOK || got.Header["Dpop-Nonce"] != nil || got.Header["Cache-Control"] != nil {
		t.Errorf("got %d %v", got.StatusCode, got.Header)
	}
}
