package resource_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/resource"
)

// What the conformance suite of the OpenID Foundation sends to a resource in its plan for FAPI 2.0
// (fapi2-security-profile-final, DpopNegativeTests), in its words and order. It takes 400 and 401 for a refusal.
func TestD4_the_requests_of_the_conformance_suite(t *testing.T) {
	const wrong = "invalid_dpop_proof"
	c := newClient(t)
	renamed := func(t testing.TB, a *attempt) { // after signing: the signature fits what is not sent
		_, rest, _ := strings.Cut(a.proof.text(t), ".")
		header := strings.Replace(string(a.proof.header.text(t)), `"alg"`, `"alg2"`, 1)
		a.proofs = []string{encode([]byte(header)) + "." + rest}
	}
	private := c.key.jwk(t).with("d", c.key.d(t))
	now := epoch.Unix()
	c.judge(t,
		allow("header named DPOP", func(t testing.TB, a *attempt) {
			a.header["DPOP"], a.proofs = []string{a.proof.text(t)}, []string{}
		}),
		deny(wrong, "two DPoP headers, each with a valid, different proof", func(t testing.TB, a *attempt) {
			first := a.proof.text(t)
			claim("jti", rand.Text())(t, a)
			a.proofs = []string{first, a.proof.text(t)}
		}),
		deny(wrong, "not well-formed: two parts only",
			remade(func(good string) string { return good[:strings.LastIndex(good, ".")] })),
		deny(wrong, "typ missing", parameter("typ", nil)),
		deny(wrong, "typ wrong", parameter("typ", "dpop+jwtwrongyousee")),
		deny(wrong, "alg missing", renamed),
		deny(wrong, "jwk missing", parameter("jwk", nil)),
		deny(wrong, "jti missing", claim("jti", nil)),
		deny(wrong, "htm missing", claim("htm", nil)),
		deny(wrong, "htu missing", claim("htu", nil)),
		deny(wrong, "iat missing", claim("iat", nil)),
		deny(wrong, "ath missing", claim("ath", nil)),
		deny(wrong, "alg none, no jwk, empty signature", parameter("alg", "none"), parameter("jwk", nil),
			remade(func(signed string) string { return signed[:strings.LastIndex(signed, ".")+1] })),
		deny(wrong, "signature corrupted",
			remade(func(good string) string { return good[:len(good)-86] + strings.Repeat("A", 86) })),
		deny(wrong, "jwk holds the private key", parameter("jwk", private)),
		deny(wrong, "htm=PUT", claim("htm", "PUT")),
		allow("htu with query and fragment added", claim("htu", invoices+"/fapi/resource?account=7&more=1#fragment")),
		allow("htu with query removed", claim("htu", invoices+"/fapi/resource")),
		deny(wrong, "htu + ohnonotagain", claim("htu", invoices+"/fapi/resourceohnonotagain")),
		deny(wrong, "iat one hour in the future", claim("iat", now+3600)),
		deny(wrong, "iat one hour in the past", claim("iat", now-3600)),
		allow("jti first use", claim("jti", "used")),
		deny(wrong, "same jti reused", claim("jti", "used")),
		deny(wrong, "ath wrong", claim("ath", encode(make([]byte, 32)))),
		deny("invalid_token", "proof by a different key", func(t testing.TB, a *attempt) {
			a.proof = c.attempt(t, c.token, newSigner(t)).proof
		}),
		allow("unknown extra header and claim", parameter("tx_id", "x"), claim("tx_id_key", "y")),
		allow("htu scheme and host in upper case", claim("htu", "HTTPS://INVOICES.EXAMPLE.COM/fapi/resource")),
		allow("htu with explicit default port", claim("htu", invoices+":443/fapi/resource")),
		deny(wrong, "DPoP scheme, no proof header", withoutProof),
		deny("invalid_token", "Bearer scheme with the DPoP-bound token, no proof", sentAs("Bearer"), withoutProof),
		allow("final correct proof"),

		// Further modules of the plan: AccessTokenTypeHeaderCaseSensitivity, CheckDpopProofNbfExp, and those about iat.
		allow("scheme in inverted case", sentAs("dPOp")),
		allow("nbf and exp in the proof", claim("nbf", now), claim("exp", now+300)),
		allow("iat ten seconds in the past", claim("iat", now-10)),
		allow("iat eight seconds in the future", claim("iat", now+8)),
		allow("iat ten seconds in the future", claim("iat", now+10)),
		allow("what HappyFlow sends besides", header("Accept", "application/json;charset=UTF-8"),
			header("X-Fapi-Interaction-Id", "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"),
			header("X-Fapi-Auth-Date", "Sun, 01 Mar 2026 12:00:00 GMT"),
			header("X-Fapi-Customer-Ip-Address", "198.51.100.119")),
	)
}

// DpopNegativeTests, signed RS256: a key that is good for PS256 is not for what FAPI 2.0 §5.4.1 forbids.
func TestD4_an_API_can_take_fewer_algorithms(t *testing.T) {
	c := newClient(t, func(c *resource.Config) { c.DPoP.Algorithms = jose.FAPI2Algorithms() })
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	by := func(algorithm jose.Algorithm) change {
		key, err := jose.NewSigningKey(private, algorithm)
		if err != nil {
			t.Fatal(err)
		}
		token := c.world.key.token(t, good().with("cnf", claims{"jkt": key.ID()}))
		return func(t testing.TB, a *attempt) {
			claims := dpop.Claims{Method: "GET", URL: invoices + path, IssuedAt: epoch, AccessToken: token}
			text, err := dpop.Sign(key, claims)
			if err != nil {
				t.Fatal(err)
			}
			a.authorization, a.proofs = []string{"DPoP " + token}, []string{text}
		}
	}
	c.judge(t, allow("PS256", by(jose.PS256)), deny("invalid_dpop_proof", "RS256", by(jose.RS256)))
	const want = `DPoP error="invalid_dpop_proof", algs="ES256 EdDSA Ed25519 PS256"`
	if got := c.send(t, by(jose.RS256)).Header.Get("WWW-Authenticate"); got != want {
		t.Errorf("got %q", got)
	}
}

// HappyFlow: client 1's key with client 2's token.
func TestD4_the_token_of_one_client_is_no_good_for_the_key_of_another(t *testing.T) {
	one := newClient(t)
	two := one
	two.key = newSigner(t)
	two.token = one.world.key.token(t, two.key.bound().with("client_id", "reporting"))
	one.allow(t)
	two.allow(t)
	stolen := one
	stolen.token = two.token
	stolen.deny(t, "invalid_token")
	one.deny(t, "invalid_token", token(two.token))
	// Nor is a proof for one token of a client good for another of the same.
	one.deny(t, "invalid_dpop_proof", unnamed("DPoP "+one.world.key.token(t, one.key.bound().with("jti", "id-2"))))
}

// HappyFlow, DisallowAccessTokenInQuery.
func TestD4_a_token_in_the_query_is_never_read(t *testing.T) {
	c := newClient(t)
	for _, token := range []string{c.token, c.world.key.token(t, good())} {
		got := c.send(t, sentTo("GET", "/fapi/resource?access_token="+token), unnamed())
		if got.StatusCode != http.StatusUnauthorized || strings.Contains(got.Header["Www-Authenticate"][0], "error") {
			t.Errorf("got %d %q", got.StatusCode, got.Header["Www-Authenticate"])
		}
	}
	c.allow(t, sentTo("GET", "/fapi/resource?access_token=x"))
}

// A proof that was good once stays refused for as long as its iat would let it pass.
func TestD4_a_proof_is_refused_again_until_it_is_too_old(t *testing.T) {
	c := newClient(t)
	a := c.attempt(t, c.token, c.key)
	text := a.proof.text(t)
	again := proofs(func(string) []string { return []string{text} })
	c.allow(t, again)
	for range 61 {
		c.clock.advance(time.Second)
		c.deny(t, "invalid_dpop_proof", again)
	}
}
