package server_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
)

// workforce is the identity provider of a company, which says for which of its users a client may act.
const workforce = "https://workforce.example.com"

// crossApp is a configuration that takes its identity assertions.
const crossApp = acme + `
  - issuer: https://workforce.example.com
    profile: id-jag
    keys: {file: workforce.ES256.json}
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read, invoices.write], default_scopes: [invoices.read]}
      - {resource: https://deploy.example.com, scopes: [deploy.read]}
`

// grants returns an identity assertion about alice for the client portal.
func (d *deployment) grants() claims {
	return d.about("alice", workforce).but("client_id", "portal").
		but("resource", "https://invoices.example.com").but("scope", "invoices.read")
}

// idJAG signs an identity assertion.
func idJAG(t testing.TB, c claims) string { return typed(t, "oauth-id-jag+jwt", c) }

// typed signs the same as a JWT of another type.
func typed(t testing.TB, typ string, c claims) string {
	t.Helper()
	token, err := signingKey(t, "workforce.ES256").Sign(typ, marshal(t, c))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// byPortal is the request of the client that the assertion is for.
func byPortal(assertion string, parts ...part) request {
	return jwtBearer(assertion, append(parts, basic("portal", portalSecret))...)
}

func TestI1_an_identity_assertion_says_what_it_is(t *testing.T) {
	d := deploy(t, crossApp)
	as := func(typ string) request { return byPortal(typed(t, typ, d.grants())) }
	untyped := func() string {
		return handmade(t, privateKey(t, "workforce.ES256"), `{"alg":"ES256"}`, string(marshal(t, d.grants())))
	}
	no := grantFault(assertion.ErrType)
	d.judge(t,
		deny("no typ", byPortal(untyped()), no),
		deny("JWT", as("JWT"), no),
		deny("an access token", as("at+jwt"), no),
		deny("another grant's", as("authorization-grant+jwt"), no),
		deny("a longer one", as("oauth-id-jag+jwt2"), no),
		deny("without its end", as("oauth-id-jag"), no),
		allow("its own", as("oauth-id-jag+jwt")),
		allow("its own, in full and in capitals (RFC 7515 section 4.1.9)", as("application/OAuth-ID-JAG+jwt")),
	)
}

func TestI1_nobody_else_takes_an_identity_assertion(t *testing.T) {
	d := deploy(t, crossApp)
	signed := func(key string, c claims) string {
		token, err := signingKey(t, key).Sign("oauth-id-jag+jwt", marshal(t, c))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	d.judge(t,
		deny("of another issuer", jwtBearer(signed("idp.ES256", d.about("alice", idp))), grantFault(assertion.ErrType)),
		deny("of a client for itself", jwtBearer(signed("reporting.ES256", d.of("reporting"))), grantFault(assertion.ErrType)),
		deny("as a client's credential", clientCredentials(proof(signed("billing.ES256", d.of("billing")))), clientFault(assertion.ErrType)),
		deny("as a credential, by its issuer", clientCredentials(proof(idJAG(t, d.grants()))), strangeClient("client_unknown")),
		deny("of a stranger", byPortal(signed("idp.ES256", d.grants())), strangeIssuer("key_unknown")),
	)
}

func TestI1_an_identity_assertion_has_all_its_claims(t *testing.T) {
	d := deploy(t, crossApp)
	without := func(name string) request { return byPortal(idJAG(t, d.grants().but(name, nil))) }
	d.judge(t,
		deny("no iss", without("iss"), grantFault(assertion.ErrIssuerMissing)),
		deny("no sub", without("sub"), grantFault(assertion.ErrSubjectMissing)),
		deny("no aud", without("aud"), grantFault(assertion.ErrAudienceMissing)),
		deny("no client_id", without("client_id"), otherClient()),
		deny("no jti", without("jti"), grantFault(assertion.ErrIDMissing)),
		deny("no exp", without("exp"), grantFault(assertion.ErrExpiryMissing)),
		deny("no iat", without("iat"), grantFault(assertion.ErrDateMissing)),
		deny("exp has passed", byPortal(idJAG(t, d.grants().but("exp", d.clock.in(-time.Minute)))), grantFault(assertion.ErrExpired)),
		deny("for a day", byPortal(idJAG(t, d.grants().but("exp", d.clock.in(24*time.Hour)))), grantFault(assertion.ErrLifetime)),
		allow("all", byPortal(idJAG(t, d.grants()))),
	)
}

func TestI1_aud_is_the_issuer_alone(t *testing.T) {
	d := deploy(t, crossApp)
	to := func(aud any) request { return byPortal(idJAG(t, d.grants().but("aud", aud))) }
	no, several := grantFault(assertion.ErrAudience), grantFault(assertion.ErrAudienceSeveral)
	d.judge(t,
		deny("the token endpoint", to(us+"/token"), no),
		deny("with a slash behind", to(us+"/"), no),
		deny("another server", to("https://other.example.com"), no),
		deny("what another issuer's may have", to("mail-app"), no),
		deny("the API", to("https://invoices.example.com"), no),
		deny("among others", to([]string{us, "https://other.example.com"}), several),
		deny("twice", to([]string{us, us}), several),
		deny("an array of nothing", to([]string{}), grantFault(jose.ErrClaimType)),
		deny("an array of another", to([]string{"https://other.example.com"}), no),
		allow("the issuer", to(us)),
		allow("an array of one", to([]string{us})),
	)
}

// otherClient is the refusal of an assertion that is not for the client of the request.
func otherClient() refusal {
	return invalidGrant("assertion_client_id", "assertion: client_id is not the client that sends the request")
}

func TestI2_the_client_of_the_assertion_authenticates(t *testing.T) {
	d := deploy(t, crossApp)
	text := func(id any) string { return idJAG(t, d.grants().but("client_id", id)) }
	nobody := invalidClient("client_not_proved", "this issuer's assertions need an authenticated client")
	d.judge(t,
		deny("no client", jwtBearer(text("portal")), nobody),
		deny("a client that only says who it is", jwtBearer(text("mail-app"), clientID("mail-app")), nobody),
		deny("the name alone of one that should authenticate", jwtBearer(text("portal"), clientID("portal")), strangeClient("method_wrong")),
		deny("a wrong secret", jwtBearer(text("portal"), basic("portal", "a-wrong-secret")), strangeClient("secret_wrong")),
		deny("another client", jwtBearer(text("portal"), d.proves("reporting")), otherClient()),
		deny("a client without this grant", jwtBearer(text("billing"), d.proves("billing")), unauthorizedClient("grant_not_allowed", "the client is not registered for this grant_type")),
		deny("for a client that nobody knows", byPortal(text("nobody")), otherClient()),
		deny("for it in capitals", byPortal(text("Portal")), otherClient()),
		deny("for it, in a list", byPortal(text([]string{"portal"})), otherClient()),
		deny("for nobody", byPortal(text("")), otherClient()),
		allow("its client", byPortal(text("portal"))),
		allow("its client, by an assertion", jwtBearer(text("reporting"), d.proves("reporting"))),
	)
	got := d.grant(t, byPortal(text("portal")))
	if got.claims["sub"] != "alice" || got.claims["client_id"] != "portal" {
		t.Errorf("got %v", got.claims)
	}
}

func TestI3_scope_in_the_assertion_bounds_the_token(t *testing.T) {
	d := deploy(t, crossApp)
	scoped := func(claim any, parts ...part) request {
		return byPortal(idJAG(t, d.grants().but("scope", claim)), parts...)
	}
	outside := invalidScope("scope_claim", "scope is not within the assertion's own scope")
	beyond := invalidScope("scope_not_allowed", "no rule allows all of this scope for the resource")
	const both = "invoices.read invoices.write"
	d.judge(t,
		deny("more is asked for", scoped("invoices.read", scope(both)), outside),
		deny("another is asked for", scoped("invoices.read", scope("invoices.write")), outside),
		deny("more is stated than the rule has", scoped("invoices.read payroll.read"), beyond),
		deny("nothing is stated, in an empty text", scoped(""), invalidScope("scope_claim", "the assertion's scope is empty")),
		deny("nothing is stated, in white space", scoped(" "), invalidScope("scope_malformed", "scope is not a list of scope tokens with one space between them (RFC 6749 section 3.3)")),
		deny("a list", scoped([]string{"invoices.read"}), invalidScope("scope_claim", "the assertion's scope is not a string")),
		deny("none is stated, and more is asked for than the rule has", scoped(nil, scope("payroll.read")), beyond),
	)
	for name, test := range map[string]struct {
		request request
		want    string
	}{
		"what is stated":                  {scoped(both), both},
		"the part that is asked for":      {scoped(both, scope("invoices.write")), "invoices.write"},
		"none is stated: the rule's own":  {scoped(nil), "invoices.read"},
		"none is stated: what is asked":   {scoped(nil, scope("invoices.write")), "invoices.write"},
		"less than the rule gives anyway": {scoped("invoices.write"), "invoices.write"},
	} {
		if got := d.grant(t, test.request); got.Scope != test.want || got.claims["scope"] != test.want {
			t.Errorf("%s: the answer says %q and the token %q; want %q", name, got.Scope, got.claims["scope"], test.want)
		}
	}
	narrow := deploy(t, variant(t, crossApp, "default_scopes: [invoices.read]}\n      - {resource: https://deploy.example.com, scopes: [deploy.read]}",
		"default_scopes: [invoices.read], narrow: true}"))
	got := narrow.grant(t, byPortal(idJAG(t, narrow.grants().but("scope", "invoices.read payroll.read"))))
	if got.Scope != "invoices.read" {
		t.Errorf("a rule that narrows has granted %q", got.Scope)
	}
}

func TestI3_resource_in_the_assertion_bounds_the_token(t *testing.T) {
	const invoices, deployments, mail = "https://invoices.example.com", "https://deploy.example.com", "https://mail.example.com"
	d := deploy(t, crossApp)
	with := func(claim any, parts ...part) request {
		return byPortal(idJAG(t, d.grants().but("scope", nil).but("resource", claim)), parts...)
	}
	outside := invalidTarget("resource_claim", "resource is not within the assertion's own resource")
	malformed := invalidGrant("assertion_resource", "assertion: resource is neither an absolute URI without a fragment nor an array of them")
	d.judge(t,
		deny("another is asked for", with(invoices, resource(deployments)), outside),
		deny("another is asked for beside it", with(invoices, resource(invoices), resource(deployments)), outside),
		deny("with a slash behind", with(invoices, resource(invoices+"/")), outside),
		deny("one that no rule has", with(mail), invalidTarget("resource_not_allowed", "no rule allows this resource")),
		deny("one of them is of no rule", with([]string{invoices, mail}), invalidTarget("resource_not_allowed", "no rule allows this resource")),
		deny("none is stated, and the rules have several", with(nil), invalidTarget("resource_ambiguous", "more than one resource is allowed; say which with the resource parameter (RFC 8707)")),
		deny("a word", with("invoices"), malformed),
		deny("an empty text", with(""), malformed),
		deny("a fragment", with(invoices+"#x"), malformed),
		deny("an array of nothing", with([]string{}), malformed),
		deny("an array with a number", with([]any{invoices, 1}), malformed),
		deny("an object", with(map[string]string{"uri": invoices}), malformed),
	)
	for name, test := range map[string]struct {
		request request
		want    any
	}{
		"what is stated":             {with(deployments), deployments},
		"in an array":                {with([]string{deployments}), deployments},
		"the one that is asked for":  {with([]string{invoices, deployments}, resource(deployments)), deployments},
		"none is stated: what is so": {with(nil, resource(deployments)), deployments},
		"stated and asked for":       {with(deployments, resource(deployments)), deployments},
	} {
		got := d.grant(t, test.request)
		var told struct{ Resource any }
		if err := json.Unmarshal([]byte(got.body), &told); err != nil {
			t.Fatal(err)
		}
		if difference := cmp.Diff(test.want, told.Resource) + cmp.Diff(test.want, got.claims["aud"]); difference != "" {
			t.Errorf("%s: want -, the answer and the token +:\n%s", name, difference)
		}
	}
	if got := d.grant(t, jwtBearer(d.vouches("idp.ES256", idp))); strings.Contains(got.body, `"resource"`) {
		t.Errorf("an assertion of another kind is answered with %s", got.body)
	}
}

func TestI3_what_this_server_does_not_know_is_not_left_out(t *testing.T) {
	d := deploy(t, crossApp)
	with := func(details any) request {
		return byPortal(idJAG(t, d.grants().but("authorization_details", details)))
	}
	no := invalidGrant("assertion_authorization_details", "assertion: this server knows no authorization_details (RFC 9396)")
	d.judge(t,
		deny("details of the authorization", with([]any{claims{"type": "chat_read"}}), no),
		deny("in an object", with(claims{"type": "chat_read"}), no),
		deny("in a text", with(`[{"type":"chat_read"}]`), no),
		allow("no details", with([]any{})),
	)
}

func TestI3_who_acts_in_the_assertion_acts_in_the_token(t *testing.T) {
	d := deploy(t, crossApp)
	acted := func(act any) request { return byPortal(idJAG(t, d.grants().but("act", act))) }
	strange := invalidGrant("assertion_act", "assertion: its act claim is not one that can be carried on")
	d.judge(t,
		deny("a name in place of an actor", acted("robot"), strange),
		deny("an actor without a name", acted(claims{"client_id": "robot"}), strange),
		deny("one of ours", acted(named("portal", claims{"iss": us})), strange),
		deny("one of ours, further in", acted(named("robot", within(named("portal", claims{"iss": us})))), strange),
		deny("five", acted(named("a", within(named("b", within(named("c", within(named("d", within(named("e")))))))))), strange),
	)
	d.grant(t, acted(named("robot", within(named("deep", claims{"iss": idp}))))).expectClaims(t, claims{
		"sub": "alice", "act": named("robot", claims{"iss": workforce}, within(named("deep", claims{"iss": idp}))),
	})
	d.grant(t, acted(nil)).expectClaims(t, claims{"act": nil})
}

func TestI4_a_bound_assertion_needs_a_proof_with_its_key(t *testing.T) {
	d := deploy(t, crossApp)
	agent := thumbprint(t, "agent.ES256")
	bound := func(cnf any, parts ...part) request { return byPortal(idJAG(t, d.grants().but("cnf", cnf)), parts...) }
	proof := func(name string) part { return d.proofBy(name).sent() }
	strange := invalidGrant("assertion_cnf", "assertion: cnf asks for another proof than of a key (jkt) or a certificate (x5t#S256)")
	other := invalidGrant("possession_key", "the assertion is bound to another key (cnf.jkt) than that of the DPoP proof")
	d.judge(t,
		deny("no proof", bound(claims{"jkt": agent}), invalidGrant("possession_key_missing", "the assertion is bound to a key (cnf.jkt), and the request has no DPoP header")),
		deny("a proof with another key", bound(claims{"jkt": agent}, proof("other.ES256")), other),
		deny("another thumbprint of the key", bound(claims{"jkt": strings.ToUpper(agent)}, proof("agent.ES256")), other),
		deny("a bad proof", bound(claims{"jkt": agent}, header("DPoP", "good")), proofFault(jose.ErrCompact)),
		deny("a key in another form", bound(claims{"jwk": jwk(t, "agent.ES256")}, proof("agent.ES256")), strange),
		deny("a key in another form besides", bound(claims{"jkt": agent, "jwk": jwk(t, "agent.ES256")}, proof("agent.ES256")), strange),
		deny("the name of a key", bound(claims{"kid": agent}, proof("agent.ES256")), strange),
		deny("nothing", bound(claims{}, proof("agent.ES256")), strange),
		deny("an empty thumbprint", bound(claims{"jkt": ""}), strange),
		deny("a number", bound(claims{"jkt": 1}), strange),
		deny("a text", bound(agent, proof("agent.ES256")), strange),
		allow("a proof with its key", bound(claims{"jkt": agent}, proof("agent.ES256"))),
		allow("no cnf", bound(nil)),
	)
	for name, cnf := range map[string]any{"bound": claims{"jkt": agent}, "not bound": nil} {
		got := d.grant(t, bound(cnf, proof("agent.ES256")))
		if difference := cmp.Diff(map[string]any{"jkt": agent}, got.claims["cnf"]); difference != "" || got.Type != "DPoP" {
			t.Errorf("%s: token_type %s, cnf (want -, got +):\n%s", name, got.Type, difference)
		}
	}
}

// The draft has the same of certificates (§9.8.2).
func TestI4_a_bound_assertion_needs_the_connection_with_its_certificate(t *testing.T) {
	d, ca := mesh(t, meshed+`
  - issuer: https://workforce.example.com
    profile: id-jag
    keys: {file: workforce.ES256.json}
    allow: [{resource: https://invoices.example.com, scopes: [invoices.read]}]
`)
	mine, other := ca.issue("x", withURI(t, "spiffe://example.com/spiffe")), ca.issue("y", withURI(t, "spiffe://example.com/spiffe"))
	ask := func(cnf any, parts ...part) request {
		return jwtBearer(idJAG(t, d.grants().but("client_id", "spiffe").but("cnf", cnf)), append(parts, clientID("spiffe"))...)
	}
	bound := claims{"x5t#S256": x5t(mine)}
	d.judge(t,
		deny("another certificate of the client", ask(bound, tls(other)), invalidGrant("possession_certificate", "the assertion is bound to another certificate (cnf) than that of the request")),
		deny("and to a key, without a proof", ask(bound.but("jkt", thumbprint(t, "agent.ES256")), tls(mine)), invalidGrant("possession_key_missing", "the assertion is bound to a key (cnf.jkt), and the request has no DPoP header")),
		allow("its certificate", ask(bound, tls(mine))),
	)
	if got := d.grant(t, ask(bound, tls(mine))); cmp.Diff(map[string]any(bound), got.claims["cnf"]) != "" {
		t.Errorf("cnf %v", got.claims["cnf"])
	}
}

func TestI4_a_bound_assertion_needs_a_certificate_where_nobody_is_believed_about_one(t *testing.T) {
	d := deploy(t, crossApp)
	text := idJAG(t, d.grants().but("cnf", claims{"x5t#S256": thumbprint(t, "agent.ES256")}))
	d.judge(t, deny("none", byPortal(text), invalidGrant("possession_certificate_missing", "the assertion is bound to a certificate (cnf), and the request came without one")))
}

func TestI5_the_metadata_names_the_profile_where_there_is_an_issuer_of_it(t *testing.T) {
	profiles := func(document string) any {
		return deploy(t, document).metadata(t, "/.well-known/oauth-authorization-server")["authorization_grant_profiles_supported"]
	}
	if got := profiles(acme); got != nil {
		t.Errorf("nobody has the profile: %v", got)
	}
	if got := profiles(variant(t, crossApp, "    profile: id-jag\n", "    profile: id-jag\n    disabled: true\n")); got != nil {
		t.Errorf("the one that has the profile is disabled: %v", got)
	}
	if difference := cmp.Diff([]any{"urn:ietf:params:oauth:grant-profile:id-jag"}, profiles(crossApp)); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
	document := deploy(t, crossApp).metadata(t, "/.well-known/oauth-authorization-server")
	if grants, _ := document["grant_types_supported"].([]any); !slices.Contains(grants, any("urn:ietf:params:oauth:grant-type:jwt-bearer")) {
		t.Errorf("draft section 7.2 wants the grant type too: %v", document)
	}
	if text := string(marshal(t, document)); strings.Contains(text, "workforce") {
		t.Errorf("draft section 9.4: nobody learns whom this server trusts: %s", text)
	}
}

func TestI6_an_identity_assertion_is_good_once_unless_the_trust_says_otherwise(t *testing.T) {
	once := deploy(t, crossApp)
	text := idJAG(t, once.grants())
	once.judge(t,
		deny("by another client, which does not burn it", jwtBearer(text, once.proves("reporting")), otherClient()),
		allow("the first time", byPortal(text)),
		deny("the second time", byPortal(text), grantFault(assertion.ErrReplayed)),
	)
	again := deploy(t, variant(t, crossApp, "    profile: id-jag\n", "    profile: id-jag\n    jti: reusable\n"))
	text = idJAG(t, again.grants())
	again.judge(t,
		deny("without jti all the same", byPortal(idJAG(t, again.grants().but("jti", nil))), grantFault(assertion.ErrIDMissing)),
		allow("reusable: the first time", byPortal(text)),
		allow("reusable: the second time", byPortal(text)),
		deny("reusable: by another client", jwtBearer(text, again.proves("reporting")), otherClient()),
	)
	if got := again.grant(t, byPortal(text)); strings.Contains(got.body, "refresh_token") {
		t.Errorf("got %s", got.body)
	}
	again.clock.advance(5*time.Minute + 10*time.Second)
	again.judge(t, deny("reusable: when it has expired", byPortal(text), grantFault(assertion.ErrExpired)))
}
