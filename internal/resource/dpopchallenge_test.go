package resource_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/resource"
)

// RFC 9449 §7.1, §7.2: every scheme that the API takes is offered, and the one that was used says what went wrong.
func TestD4_challenges_are_of_the_schemes_that_the_API_takes(t *testing.T) {
	few := func(c *resource.Config) { c.DPoP.Algorithms = jose.FAPI2Algorithms() }
	either := newClient(t, few)
	strict := newClient(t, few, func(c *resource.Config) { c.RequireDPoP = true })
	const (
		bearer  = `Bearer realm="https://invoices.example.com"`
		algs    = `algs="ES256 EdDSA Ed25519 PS256"`
		needed  = "this API needs an access token: Authorization: "
		invalid = `error="invalid_token"`
		request = `error="invalid_request"`
		proof   = `error="invalid_dpop_proof"`
		scope   = `error="insufficient_scope", scope="invoices.read"`
	)
	narrow := func(c client) change {
		return token(c.world.key.token(t, c.key.bound().with("scope", "invoices.pay")))
	}
	for _, test := range []struct {
		name       string
		client     client
		change     change
		status     int
		challenges []string
		message    string // empty: not looked at
	}{
		{"either, nothing", either, unnamed(), 401, []string{"DPoP " + algs, bearer}, needed + "DPoP …, or Bearer …"},
		{"either, another scheme", either, unnamed("Basic Yjp4"), 401, []string{"DPoP " + algs, bearer}, ""},
		{
			"either, a bad token as DPoP", either, unnamed("DPoP x"),
			401, []string{"DPoP " + invalid + ", " + algs, bearer}, "",
		},
		{
			"either, a bad token as Bearer", either, unnamed("Bearer x"),
			401, []string{bearer + ", " + invalid, "DPoP " + algs}, "",
		},
		{
			"either, a bound token as Bearer", either, sentAs("Bearer"),
			401, []string{bearer + ", " + invalid, "DPoP " + algs},
			"the access token is not valid: it is bound to a key: send it as DPoP, with a proof",
		},
		{"either, DPoP alone", either, unnamed("DPoP"), 400, []string{"DPoP " + request + ", " + algs, bearer}, ""},
		{"either, Bearer alone", either, unnamed("Bearer"), 400, []string{bearer + ", " + request, "DPoP " + algs}, ""},
		{
			"either, two headers", either, unnamed("Bearer x", "DPoP x"),
			400, []string{"DPoP " + request + ", " + algs, bearer + ", " + request},
			"the Authorization header is malformed: there is more than one",
		},
		{
			"either, no proof", either, withoutProof, 401, []string{"DPoP " + proof + ", " + algs, bearer},
			"the DPoP proof is not valid: the request needs exactly one DPoP header",
		},
		{
			"either, another scope", either, narrow(either), 403, []string{"DPoP " + scope + ", " + algs, bearer},
			"the access token lacks the scope invoices.read",
		},

		{"strict, nothing", strict, unnamed(), 401, []string{"DPoP " + algs}, needed + "DPoP …"},
		{"strict, a bad token as DPoP", strict, unnamed("DPoP x"), 401, []string{"DPoP " + invalid + ", " + algs}, ""},
		{"strict, a bad token as Bearer", strict, unnamed("Bearer x"), 401, []string{"DPoP " + invalid + ", " + algs}, ""},
		{"strict, a bound token as Bearer", strict, sentAs("Bearer"), 401, []string{"DPoP " + invalid + ", " + algs}, ""},
		{
			"strict, a bad proof", strict, claim("htm", "PUT"), 401, []string{"DPoP " + proof + ", " + algs},
			"the DPoP proof is not valid: htm is not the method of the request",
		},
		{"strict, two headers", strict, unnamed("Bearer x", "DPoP x"), 400, []string{"DPoP " + request + ", " + algs}, ""},
		{"strict, another scope", strict, narrow(strict), 403, []string{"DPoP " + scope + ", " + algs}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := test.client.attempt(t, test.client.token, test.client.key)
			test.change(t, a)
			got := call(t, a.request(t, test.client.at))
			want := refusalWith(test.status, test.challenges, test.message)
			if test.message == "" {
				want.Body = got.Body
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

// Nothing of what a request says is in what is said of it.
func TestD4_a_refusal_says_nothing_of_the_proof(t *testing.T) {
	const marker = "MARKER"
	c := newClient(t)
	for _, change := range []change{
		claim("htm", marker), claim("htu", invoices+"/"+marker), claim("htu", marker),
		claim("ath", marker), claim("iat", marker), claim("jti", []string{marker}),
		parameter("typ", marker), parameter("alg", marker),
		parameter("jwk", marker), parameter("jwk", claims{"kty": marker}),
		proofs(func(string) []string { return []string{marker} }), sentAs(marker), sentTo(marker, "/"+marker),
	} {
		a := c.attempt(t, c.token, c.key)
		change(t, a)
		got := call(t, a.request(t, c.at))
		if got.Status == 200 || contains(got, marker) {
			t.Errorf("%+v", got)
		}
	}
}
