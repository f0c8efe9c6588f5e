package server_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/server"
)

func TestO1_introspection_needs_a_client_that_proves_who_it_is_and_is_registered_for_it(t *testing.T) {
	d := deploy(t, asking(t, acme))
	token := d.token(t, clientCredentials(d.proves("billing")))
	missing := invalidClient("client_missing", "introspection needs client authentication, and the request has none")
	without := unauthorizedClient("introspection_not_allowed", "the client is not registered for introspection")
	d.judge(t,
		deny("nobody", introspect(token), missing),
		deny("a name", introspect(token, clientID("mail-app")), missing),
		deny("the name of an API", introspect(token, clientID("invoices-api")), strangeClient("method_wrong")),
		deny("the token itself", introspect(token, header("Authorization", "Bearer "+token)), invalidClient("authorization_scheme_unknown",
			"the Authorization header's scheme is not Basic, the only one by which a client authenticates here")),
		deny("a wrong secret", introspect(token, post("deploy-api", "a-wrong-secret")), strangeClient("secret_wrong")),
		deny("a wrong signature", introspect(token, proof(forge(t, "stranger.ES256", d.of("invoices-api")))), strangeClient("signature")),
		deny("an unknown client", introspect(token, post("nobody", mobileSecret)), strangeClient("client_unknown")),
		deny("a disabled client", introspect(token, proof(sign(t, "former.ES256", d.of("former-api")))), strangeClient("client_unknown")),
		deny("a client that introspects nothing", introspect(token, d.proves("billing")), without),
		deny("not even with garbage", introspect("x", basic("portal", portalSecret)), without),
		deny("an issuer", introspect(token, proof(sign(t, "idp.ES256", d.of(idp)))), strangeClient("client_unknown")),
		deny("for another server", introspect(token, proof(sign(t, "invoices-api.ES256", d.of("invoices-api").but("aud", us+"/introspect")))), clientFault(assertion.ErrAudience)),
	)
	d.expectActive(t, introspect(token, d.proves("invoices-api")))
}

func TestO1_O2_requests_are_held_to_what_token_requests_are(t *testing.T) {
	d := deploy(t, asking(t, acme))
	token := d.token(t, clientCredentials(d.proves("billing")))
	for _, path := range []string{server.IntrospectionPath, server.RevocationPath} {
		to := func(parts ...part) request { return ask(append([]part{target(path)}, parts...)...) }
		with := func(parts ...part) request {
			return to(append([]part{param("token", token), d.proves("invoices-api")}, parts...)...)
		}
		several := invalidRequest("several_credentials", "the request authenticates its client in more than one way")
		twice := invalidRequest("parameter_repeated", "a parameter is there more than once")
		noToken := invalidRequest("token_missing", "token is missing")
		d.judge(t,
			deny("GET", with(method("GET")), refusal{405, "invalid_request", "method", "this endpoint takes POST requests only"}),
			deny("PUT", with(method("PUT")), refusal{405, "invalid_request", "method", "this endpoint takes POST requests only"}),
			deny("JSON", with(contentType("application/json")), invalidRequest("content_type", "the body must be application/x-www-form-urlencoded")),
			deny("a large body", with(param("x", strings.Repeat("x", 1<<16))), refusal{413, "invalid_request", "body_too_large", "the body is larger than 64 KiB"}),
			deny("no token", to(d.proves("invoices-api")), noToken),
			deny("an empty token", to(d.proves("invoices-api"), param("token", "")), noToken),
			deny("a token in the query", to(d.proves("invoices-api"), target(path+"?token="+token)), noToken),
			deny("two tokens", with(param("token", token)), twice),
			deny("two hints", with(param("token_type_hint", "a"), param("token_type_hint", "a")), twice),
			deny("two methods", with(post("deploy-api", mobileSecret)), several),
			deny("two other methods", to(param("token", token), basic("portal", portalSecret), post("deploy-api", mobileSecret)), several),
			deny("another client_id", with(clientID("deploy-api")), invalidClient("client_id_mismatch", "client_id is not the iss of the client assertion")),
		)
		if got := d.send(t, get(path)); got.status != 405 || got.header.Get("Allow") != "POST" {
			t.Errorf("GET %s: %d, Allow %q", path, got.status, got.header.Get("Allow"))
		}
	}
}

func TestO1_whatever_is_not_an_active_token_for_the_API_that_asks_has_one_answer(t *testing.T) {
	d := deploy(t, asking(t, acme))
	token := d.token(t, clientCredentials(d.proves("billing")))
	api := func(text string) request { return introspect(text, d.proves("invoices-api")) }
	good := claims{
		"iss": us, "sub": "billing", "client_id": "billing", "aud": "https://invoices.example.com", "jti": "1", "scope": "invoices.read",
		"iat": d.clock.in(0), "exp": d.clock.in(time.Minute),
	}
	own := func(typ string, c claims) string {
		signed, err := signingKey(t, "own.ES256").Sign(typ, marshal(t, c))
		d.must(err)
		return signed
	}
	d.expectActive(t, api(own("at+jwt", good))) // what the following are one step away from
	for name, test := range map[string]struct{ token, because string }{
		"for another API":             {d.token(t, clientCredentials(post("mobile", mobileSecret))), "introspects no resource of its aud"},
		"for nobody":                  {own("at+jwt", good.but("aud", nil)), "RFC 9068"},
		"for a part of it":            {own("at+jwt", good.but("aud", "https://invoices.example.com.evil.example")), "introspects no resource of its aud"},
		"for it with a slash":         {own("at+jwt", good.but("aud", "https://invoices.example.com/")), "introspects no resource of its aud"},
		"a word":                      {"x", "part"},
		"two parts":                   {token[:strings.LastIndex(token, ".")], "part"},
		"a byte less":                 {token[:len(token)-1], "base64"},
		"a byte more":                 {token + "A", "signature"},
		"a space more":                {token + " ", "base64"},
		"without end":                 {strings.Repeat("x.", 20000), "16 KiB"},
		"unsigned":                    {encode(`{"alg":"none","typ":"at+jwt"}`) + "." + encode(marshal(t, good)) + ".", ""},
		"of a stranger":               {handmade(t, privateKey(t, "stranger.ES256"), `{"alg":"ES256","typ":"at+jwt"}`, string(marshal(t, good))), "signature"},
		"MACed with our public key":   {handmade(t, []byte("public"), `{"alg":"HS256","typ":"at+jwt"}`, string(marshal(t, good))), "shares with this server"},
		"of another server":           {own("at+jwt", good.but("iss", "https://other.example.com")), "another server"},
		"expired":                     {own("at+jwt", good.but("exp", d.clock.in(0))), "expired"},
		"an ID token":                 {d.vouches("idp.ES256", idp), "typ"},
		"an assertion of a client":    {sign(t, "billing.ES256", d.of("billing")), "typ"},
		"a JWT of ours, but no token": {own("JWT", good), "typ"},
		"a JWT without typ":           {own("", good), "typ"},
		"a DPoP proof":                {d.proofBy("agent.ES256").text(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if test.because == "" {
				test.because = " "
			}
			d.expectInactive(t, api(test.token), test.because)
		})
	}
	d.clock.advance(tokenLife - time.Second)
	d.expectActive(t, api(token))
	d.clock.advance(time.Second)
	d.expectInactive(t, api(token), "expired")
}

func TestO1_the_answer_is_what_the_token_says(t *testing.T) {
	d := deploy(t, variant(t, asking(t, acme), "default_scopes: [invoices.read]}", `default_scopes: [invoices.read],
         claims: {active: '"no"', token_type: '"N_A"', department: '"accounting"'}}`))
	got := d.grant(t, clientCredentials(d.proves("billing")))
	want := map[string]any{
		"active": true, "token_type": "Bearer", "iss": us, "sub": "billing", "client_id": "billing", "aud": "https://invoices.example.com",
		"scope": "invoices.read", "jti": got.claims["jti"], "iat": float64(d.clock.in(0)), "exp": float64(d.clock.in(tokenLife)), "department": "accounting",
	}
	for _, hint := range []string{"", "access_token", "refresh_token", "nonsense"} {
		says := d.introspects(t, introspect(got.Token, d.proves("invoices-api"), param("token_type_hint", hint)))
		if difference := cmp.Diff(want, says); difference != "" {
			t.Errorf("%q: want -, got +:\n%s", hint, difference)
		}
	}
	event := d.log.lastDecision(t)
	for name, want := range map[string]any{
		"severity": "INFO", "message": "token introspected", "event": "introspection", "decision": "granted", "status": 200.0, "client_id": "invoices-api",
		"active": true, "jti": got.claims["jti"], "token_client_id": "billing", "aud": "https://invoices.example.com", "why_not": nil,
	} {
		if event[name] != want {
			t.Errorf("%s: got %v, want %v", name, event[name], want)
		}
	}
}

func TestO1_the_answer_says_to_what_a_token_is_bound(t *testing.T) {
	d := deploy(t, asking(t, acme))
	token := d.token(t, clientCredentials(d.proves("billing"), d.proofBy("agent.ES256").sent()))
	says := d.introspects(t, introspect(token, d.proves("invoices-api")))
	if difference := cmp.Diff(any(map[string]any{"jkt": thumbprint(t, "agent.ES256")}), says["cnf"]); difference != "" || says["token_type"] != "DPoP" {
		t.Errorf("token_type %v, cnf: want -, got +:\n%s", says["token_type"], difference)
	}
}

func TestO1_each_API_of_a_token_for_several_is_told(t *testing.T) {
	document := variant(t, asking(t, acme), "default_scopes: [invoices.read]}", `default_scopes: [invoices.read]}
      - {resource: https://deploy.example.com, scopes: [invoices.read]}`)
	d := deploy(t, variant(t, document, "[deploy.read, deploy.write]}\n  - {id: https://mail", "[deploy.read, deploy.write, invoices.read]}\n  - {id: https://mail"))
	token := d.token(t, clientCredentials(d.proves("billing"), scope("invoices.read"), resource("https://invoices.example.com"), resource("https://deploy.example.com")))
	for _, api := range []part{d.proves("invoices-api"), post("deploy-api", mobileSecret)} {
		if says := d.introspects(t, introspect(token, api)); !cmp.Equal(says["aud"], any([]any{"https://invoices.example.com", "https://deploy.example.com"})) {
			t.Errorf("got %v", says)
		}
	}
}

func TestO1_O2_a_client_assertion_is_good_for_one_request_at_any_endpoint(t *testing.T) {
	d := deploy(t, variant(t, asking(t, acme), "    keys: {file: reporting.ES256.json}\n", "    keys: {file: reporting.ES256.json}\n    introspects: [https://invoices.example.com]\n"))
	token := d.token(t, clientCredentials(d.proves("reporting")))
	replayed := clientFault(assertion.ErrReplayed)
	for name, use := range map[string]func(credential part){
		"a token request":          func(credential part) { d.grant(t, clientCredentials(credential)) },
		"introspection":            func(credential part) { d.expectActive(t, introspect(token, credential)) },
		"introspection of nothing": func(credential part) { d.expectInactive(t, introspect("x", credential), "part") },
		"revocation of nothing":    func(credential part) { d.revokes(t, revoke("x", credential), false) },
		"revocation of another's": func(credential part) {
			d.revokes(t, revoke(d.token(t, clientCredentials(d.proves("billing"))), credential), false)
		},
		"revocation of a token of its": func(credential part) {
			d.revokes(t, revoke(d.token(t, clientCredentials(d.proves("reporting"))), credential), true)
		},
	} {
		credential := d.proves("reporting")
		d.judge(t, deny(name+": refused, and not burnt", introspect(token, credential, clientID("billing")), invalidClient("client_id_mismatch", "client_id is not the iss of the client assertion")))
		use(credential)
		d.judge(t,
			deny(name+", then introspection", introspect(token, credential), replayed),
			deny(name+", then introspection of nothing", introspect("x", credential), replayed),
			deny(name+", then revocation", revoke(token, credential), replayed),
			deny(name+", then a token request", clientCredentials(credential), replayed),
		)
	}
	d.expectActive(t, introspect(token, d.proves("reporting"))) // nothing that was refused has taken it back
}

func TestO1_shared_secret_tokens_are_told_of_to_those_who_share_the_secret(t *testing.T) {
	d := deploy(t, variant(t, vaulted, "clients:\n", `clients:
  - id: apis
    authentication: private_key_jwt
    keys: {file: apis.ES256.json}
    introspects: ["urn:example:ledger", https://invoices.example.com]
`))
	api := func(text string) request { return introspect(text, d.proves("apis")) }
	ledger := d.grant(t, clientCredentials(d.proves("billing"), resource("urn:example:ledger")))
	if says := d.introspects(t, api(ledger.Token)); says["active"] != true || says["aud"] != "urn:example:ledger" || says["sub"] != "billing" {
		t.Errorf("got %v", says)
	}
	secret, err := jose.NewSharedSecretSigningKey(payload(ledgerSecret), jose.HS512, "1")
	d.must(err)
	forged := func(c claims) string {
		signed, err := secret.Sign("at+jwt", marshal(t, c))
		d.must(err)
		return signed
	}
	invoices := "https://invoices.example.com"
	d.expectActive(t, api(forged(claims(ledger.claims).but("sub", "anybody")))) // as the API could tell itself
	d.expectInactive(t, api(ledger.Token+"A"), "shares with this server")
	// Nor can it make one that is remembered as revoked for ever.
	late := forged(claims(ledger.claims).but("exp", d.clock.in(10*time.Minute+time.Second)).but("jti", "late"))
	d.expectInactive(t, api(late), "further ahead")
	d.revokes(t, revoke(late, d.proves("billing")), false)
	d.expectActive(t, api(forged(claims(ledger.claims).but("exp", d.clock.in(10*time.Minute)))))
	d.expectInactive(t, api(forged(claims(ledger.claims).but("aud", invoices))), "shares with this server")
	d.expectInactive(t, api(forged(claims(ledger.claims).but("aud", []any{"urn:example:ledger", invoices}))), "shares with this server")

	d.vault.add(ledgerSecret, payload("the second version"))
	d.clock.advance(ringFresh)
	d.expectActive(t, api(ledger.Token))
	d.expectActive(t, api(d.grantUnverified(t, clientCredentials(d.proves("billing"), resource("urn:example:ledger"))).Token))
	d.vault.disable(ledgerSecret, "1")
	d.clock.advance(ringFresh)
	d.expectInactive(t, api(ledger.Token), "shares with this server")
	d.revokes(t, revoke(ledger.Token, d.proves("billing")), false)
}

func TestO1_O2_keys_that_cannot_be_had_decide_nothing(t *testing.T) {
	d := prepare(t, variant(t, vaulted, "clients:\n", `clients:
  - id: apis
    authentication: private_key_jwt
    keys: {file: apis.ES256.json}
    introspects: ["urn:example:ledger", https://invoices.example.com]
`))
	token := func(header string, key any) string {
		return handmade(t, key, header, string(marshal(t, claims{
			"iss": us, "sub": "billing", "client_id": "billing", "aud": "urn:example:ledger", "jti": "1", "scope": "ledger.read",
			"iat": d.clock.in(0), "exp": d.clock.in(time.Hour),
		})))
	}
	signed := token(`{"alg":"ES256","typ":"at+jwt"}`, privateKey(t, "own.ES256"))
	maced := token(`{"alg":"HS512","typ":"at+jwt","kid":"1"}`, payload(ledgerSecret))
	d.vault.shut(codes.Internal)
	d.serve()
	down := unavailable("signing_key_unavailable")
	d.judge(t,
		deny("introspection", introspect(signed, d.proves("apis")), down),
		deny("introspection of a MAC", introspect(maced, d.proves("apis")), down),
		deny("revocation", revoke(signed, d.proves("billing")), down),
		deny("revocation of a MAC", revoke(maced, d.proves("billing")), down),
	)
	d.expectInactive(t, introspect("x", d.proves("apis")), "part") // whatever the keys are
	d.vault.open()
	d.clock.advance(3 * time.Second)
	d.expectActive(t, introspect(signed, d.proves("apis")))
}

func TestO1_O2_J3_the_endpoints_are_there_exactly_where_a_client_introspects(t *testing.T) {
	disabled := variant(t, acme, "clients:\n", `clients:
  - id: former-api
    disabled: true
    authentication: private_key_jwt
    keys: {file: former.ES256.json}
    introspects: [https://invoices.example.com]
`)
	names := []string{
		"introspection_endpoint", "introspection_endpoint_auth_methods_supported", "introspection_endpoint_auth_signing_alg_values_supported",
		"revocation_endpoint", "revocation_endpoint_auth_methods_supported", "revocation_endpoint_auth_signing_alg_values_supported",
	}
	for name, document := range map[string]string{"nobody": acme, "nobody any more": disabled} {
		d := deploy(t, document)
		metadata := d.metadata(t, "/.well-known/oauth-authorization-server")
		for _, member := range names {
			if said, there := metadata[member]; there {
				t.Errorf("%s: %s is %v", name, member, said)
			}
		}
		for _, r := range []request{introspect("x", d.proves("billing")), revoke("x", d.proves("billing"))} {
			if got := d.send(t, r); got.status != 404 {
				t.Errorf("%s: %s answers %d", name, r.target, got.status)
			}
		}
	}
	metadata := deploy(t, asking(t, acme)).metadata(t, "/.well-known/oauth-authorization-server")
	all := []any{"client_secret_basic", "client_secret_post", "none", "private_key_jwt"}
	want := map[string]any{
		names[0]: us + "/introspect", names[1]: []any{"client_secret_post", "private_key_jwt"}, names[2]: []any{"ES256"},
		names[3]: us + "/revoke", names[4]: all, names[5]: []any{"ES256"}, "token_endpoint_auth_methods_supported": all,
	}
	for member, value := range want {
		if difference := cmp.Diff(value, metadata[member]); difference != "" {
			t.Errorf("%s: want -, got +:\n%s", member, difference)
		}
	}
}

func TestO1_O2_M2_J3_a_certificate_authenticates_here_too(t *testing.T) {
	d, ca := mesh(t, variant(t, meshed, "clients:\n", `clients:
  - id: mesh-api
    authentication: tls_client_auth
    tls_client_auth_san_dns: api.mesh.example.com
    introspects: [https://invoices.example.com]
`))
	api := ca.issue("api", func(c *x509.Certificate) { c.DNSNames = []string{"api.mesh.example.com"} })
	token := d.token(t, clientCredentials(clientID("batch"), tls(ca.issue("batch"))))
	d.judge(t,
		deny("without it", introspect(token, clientID("mesh-api")), strangeClient("certificate_missing")),
		deny("with another", introspect(token, clientID("mesh-api"), tls(ca.issue("batch"))), strangeClient("certificate_name")),
		deny("not of the proxy", introspect(token, clientID("mesh-api"), unproved(api)), notByProxy),
		deny("revocation without it", revoke(token, clientID("batch")), strangeClient("certificate_missing")),
	)
	says := d.introspects(t, introspect(token, clientID("mesh-api"), tls(api)))
	if cnf, _ := says["cnf"].(map[string]any); cnf["x5t#S256"] == nil || says["token_type"] != "Bearer" {
		t.Errorf("got %v", says)
	}
	d.revokes(t, revoke(token, clientID("batch"), tls(ca.issue("batch"))), true)
	d.expectInactive(t, introspect(token, clientID("mesh-api"), tls(api)), "taken back")
	metadata := d.metadata(t, "/.well-known/oauth-authorization-server")
	want := map[string]any{
		"token_endpoint": "https://mtls.example.com/token", "introspection_endpoint": "https://mtls.example.com/introspect",
		"revocation_endpoint": "https://mtls.example.com/revoke",
	}
	if difference := cmp.Diff(any(want), metadata["mtls_endpoint_aliases"]); difference != "" {
		t.Errorf("aliases: want -, got +:\n%s", difference)
	}
}

func TestO1_what_is_for_the_token_endpoint_is_not_for_these(t *testing.T) {
	d := deploy(t, asking(t, acme))
	token := d.token(t, clientCredentials(d.proves("billing")))
	d.expectActive(t, introspect(token, d.proves("invoices-api"), param("grant_type", oauth.ClientCredentials), scope(`"`), header("DPoP", "x", "y")))
	d.judge(t, deny("nor the other way round", ask(param("token", token), d.proves("invoices-api")), invalidRequest("grant_type_missing", "grant_type is missing")),
		deny("an API without grants gets no token", clientCredentials(d.proves("invoices-api")), unauthorizedClient("grant_not_allowed", "the client is not registered for this grant_type")))
}
