package server_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust"
)

// stranger is somebody whom we do not know, or who cannot prove who he is.
type stranger struct {
	name    string
	request request
	reason  string // in the log only
}

// expectAlike holds that all of them get the same answer, byte by byte but the date and the id of its trace, and that the
// log tells them apart.
func (d *deployment) expectAlike(t *testing.T, want func(reason string) refusal, strangers ...stranger) {
	t.Helper()
	var first *answer
	for _, s := range strangers {
		t.Run(s.name, func(t *testing.T) {
			t.Helper()
			got := d.send(t, s.request)
			d.expectRefusal(t, s.request, got, want(s.reason))
			got.header.Del("Date")
			got.body = anyTrace(got.body)
			if first == nil {
				first = &got
			}
			if difference := cmp.Diff(*first, got, cmp.AllowUnexported(answer{})); difference != "" {
				t.Errorf("it can be told from the first one:\n%s", difference)
			}
		})
	}
}

func TestT8_a_stranger_does_not_learn_which_clients_there_are(t *testing.T) {
	d := deploy(t, vaulted)
	by := func(key, id string) request { return clientCredentials(proof(sign(t, key, d.of(id)))) }
	wrongKeyID := handmade(t, privateKey(t, "billing.ES256"), `{"alg":"ES256","kid":"nobody's"}`, string(marshal(t, d.of("billing"))))
	d.expectAlike(t, strangeClient,
		stranger{"an assertion of an unknown client", by("billing.ES256", "nobody"), "client_unknown"},
		stranger{"an assertion of a disabled client", by("former.ES256", "former-billing"), "client_unknown"},
		stranger{"an assertion with a wrong key", clientCredentials(proof(forge(t, "stranger.ES256", d.of("billing")))), "signature"},
		stranger{"an assertion with a wrong key and its ID", by("stranger.ES256", "billing"), "key_unknown"},
		stranger{"an assertion with a wrong key ID", clientCredentials(proof(wrongKeyID)), "key_unknown"},
		stranger{"an assertion with a wrong algorithm", by("stranger.RS256", "billing"), "key_unknown"},
		stranger{"an assertion with a wrong shared secret", clientCredentials(proof(mac(t, jose.HS256, payload("other"), d.of("warehouse")))), "signature"},
		stranger{"an assertion, where a secret is right", by("billing.ES256", "mobile"), "method_wrong"},
		stranger{"a secret of an unknown client", clientCredentials(post("nobody", mobileSecret)), "client_unknown"},
		stranger{"a secret of a disabled client", clientCredentials(post("former-mobile", mobileSecret)), "client_unknown"},
		stranger{"a wrong secret", clientCredentials(post("mobile", "a-wrong-secret")), "secret_wrong"},
		stranger{"a right secret in the wrong place", clientCredentials(post("portal", portalSecret)), "method_wrong"},
		stranger{"a secret, where an assertion is right", clientCredentials(post("billing", "a-wrong-secret")), "method_wrong"},
		stranger{"a name without a credential", clientCredentials(clientID("billing")), "method_wrong"},
		stranger{"an unknown name without a credential", clientCredentials(clientID("nobody")), "client_unknown"},
	)
	d.expectAlike(t, strangeClient,
		stranger{"Basic of an unknown client", clientCredentials(basic("nobody", portalSecret)), "client_unknown"},
		stranger{"Basic with a wrong secret", clientCredentials(basic("portal", "a-wrong-secret")), "secret_wrong"},
		stranger{"Basic with an empty secret", clientCredentials(basic("portal", "")), "secret_wrong"},
		stranger{"Basic with the right secret of another method", clientCredentials(basic("mobile", mobileSecret)), "method_wrong"},
		stranger{"Basic, where an assertion is right", clientCredentials(basic("billing", "a-wrong-secret")), "method_wrong"},
	)
}

func TestT8_a_stranger_does_not_learn_which_issuers_there_are(t *testing.T) {
	d := deploy(t, variant(t, acme, "issuer: https://ci.example.com\n", "issuer: https://ci.example.com\n    disabled: true\n"))
	by := func(key, issuer string) request { return jwtBearer(sign(t, key, d.about("alice", issuer))) }
	d.expectAlike(t, strangeIssuer,
		stranger{"an unknown issuer", by("idp.ES256", "https://nobody.example.com"), "party_unknown"},
		stranger{"a disabled issuer", by("ci.ES256", ci), "party_unknown"},
		stranger{"a client that may not assert", by("billing.ES256", "billing"), "party_unknown"},
		stranger{"a client without keys", by("stranger.ES256", "mail-app"), "party_unknown"},
		stranger{"a wrong key", jwtBearer(forge(t, "stranger.ES256", d.about("alice", idp))), "signature"},
		stranger{"a wrong key and its ID", by("stranger.ES256", idp), "key_unknown"},
		stranger{"a wrong algorithm", by("stranger.RS256", idp), "key_unknown"},
	)
}

// A refusal that comes before the signature must not depend on who is registered either.
func TestT8_what_is_said_of_an_unproved_assertion_is_said_to_all(t *testing.T) {
	d := deploy(t, acme)
	for _, changed := range []claims{
		{"exp": d.clock.in(-3600)}, {"exp": nil}, {"nbf": d.clock.in(3600e9)}, {"iat": d.clock.in(3600e9)},
		{"aud": "elsewhere"}, {"aud": nil}, {"jti": nil}, {"exp": d.clock.in(24 * 3600e9)}, {"sub": "other"},
	} {
		asserted := func(id string) answer {
			c := d.of(id)
			for name, value := range changed {
				c = c.but(name, value)
			}
			got := d.send(t, clientCredentials(proof(sign(t, "stranger.ES256", c))))
			got.header.Del("Date")
			got.body = anyTrace(got.body)
			return got
		}
		if difference := cmp.Diff(asserted("billing"), asserted("nobody"), cmp.AllowUnexported(answer{})); difference != "" {
			t.Errorf("%v tells who is registered:\n%s", changed, difference)
		}
	}
}

// The work is counted, not timed: a slow hash of these takes 16 MiB, and nothing else does.
func TestT8_a_stranger_costs_as_many_slow_hashes_as_a_wrong_secret(t *testing.T) {
	const hash = `"$argon2id$v=19$m=16384,t=1,p=1$W6hDZthKlSc$MyGLxSHt3gpv19xpStG/MQ"` // of mobileSecret
	d := deploy(t, `
issuer: https://auth.example.com
signing_keys: {directory: keys}
resources: [{id: https://deploy.example.com, scopes: [deploy.read]}]
clients:
  - id: mobile
    authentication: client_secret_post
    secrets: [`+hash+`]
    grants: [client_credentials]
    allow: [{resource: https://deploy.example.com, scopes: [deploy.read]}]
  - id: kiosk                                       # its secret changes from one to the next
    authentication: client_secret_post
    secrets: [`+hash+`, `+hash+`]
    grants: [client_credentials]
    allow: [{resource: https://deploy.example.com, scopes: [deploy.read]}]
  - id: billing
    authentication: private_key_jwt
    keys: {file: billing.ES256.json}
    grants: [client_credentials]
    allow: [{resource: https://deploy.example.com, scopes: [deploy.read]}]
`)
	hashes := func(r request) uint64 {
		before := allocated()
		got := d.send(t, r)
		after := allocated()
		if got.status != 401 {
			t.Errorf("got %d %s", got.status, got.body)
		}
		return (after - before) / (16 << 20)
	}
	d.grant(t, clientCredentials(post("mobile", mobileSecret))) // from now on this secret is known to fit
	for name, r := range map[string]request{
		"a wrong secret": clientCredentials(post("mobile", "a-wrong-secret")),
		"a wrong secret of a client that has two":       clientCredentials(post("kiosk", "a-wrong-secret")),
		"an unknown client":                             clientCredentials(post("nobody", "a-wrong-secret")),
		"an unknown client with another one's secret":   clientCredentials(post("nobody", mobileSecret)),
		"a client that uses assertions":                 clientCredentials(post("billing", "a-wrong-secret")),
		"a client that uses assertions, a right secret": clientCredentials(post("billing", mobileSecret)),
	} {
		if count := hashes(r); count != 2 {
			t.Errorf("%s costs %d slow hashes", name, count)
		}
	}
}

// Here it is counted by what a verification allocates.
func TestT8_a_stranger_costs_one_verification_as_a_wrong_key_does(t *testing.T) {
	verifier, err := assertion.NewVerifier(noon, 0)
	if err != nil {
		t.Fatal(err)
	}
	presented, err := assertion.Parse(forge(t, "stranger.ES256", claims{"iss": "billing", "exp": noon().Unix() + 300}))
	if err != nil {
		t.Fatal(err)
	}
	billing := jose.KeySet{signingKey(t, "billing.ES256").Verification()}
	cost := func(keys assertion.Keys, want error) float64 {
		return testing.AllocsPerRun(100, func() {
			if _, err := verifier.Verify(t.Context(), presented, assertion.Profile{Issuer: "billing", Keys: keys}); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		})
	}
	wrong := cost(trust.NewFixed(billing), jose.ErrSignature)
	for name, stranger := range map[string]float64{
		"nobody's":            cost(assertion.Nobody{}, assertion.ErrNobody),
		"a client's keyless":  cost(nil, assertion.ErrNobody),
		"without a key to it": cost(trust.NewFixed(nil), jose.ErrNoKey),
	} {
		if wrong < 10 || stranger < wrong-5 || stranger > wrong+5 {
			t.Errorf("%s assertion allocates %v times, one with a wrong key %v times", name, stranger, wrong)
		}
	}
}

func TestT7_a_dependency_that_is_down_is_503_with_Retry_After(t *testing.T) {
	d := prepare(t, vaulted)
	d.vault.shut(codes.Internal)
	d.serve()
	d.judge(t,
		deny("the keys that sign", clientCredentials(basic("portal", portalSecret)), unavailable("signing_key_unavailable")),
		deny("the keys of a client", clientCredentials(proof(mac(t, jose.HS256, payload(warehouseSecret), d.of("warehouse")))), unavailable("client_keys_unavailable")),
		deny("the keys of an issuer", jwtBearer(mac(t, jose.HS512, payload(legacySecret), d.of("legacy-portal"))), unavailable("issuer_keys_unavailable")),
		deny("and a stranger is refused as ever", clientCredentials(proof(mac(t, jose.HS256, payload("other"), d.of("nobody")))), strangeClient("client_unknown")),
	)
}
