package server_test

import (
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
)

// vouches is what an issuer says of alice, signed with its key.
func (d *deployment) vouches(key, issuer string) string {
	return sign(d.t, key, d.about("alice", issuer))
}

func TestG1_a_trust_says_whether_it_needs_a_client(t *testing.T) {
	d := deploy(t, acme)
	identify := invalidClient("client_missing", "this issuer's assertions need a client_id")
	authenticate := invalidClient("client_not_proved", "this issuer's assertions need an authenticated client")
	byIDP := func() string { return d.vouches("idp.ES256", idp) }
	byCI := func() string { return d.vouches("ci.ES256", ci) }
	byPartner := func() string { return d.vouches("partner.ES256", partner) }
	d.judge(t,
		allow("optional: no client", jwtBearer(byIDP())),
		allow("optional: a name", jwtBearer(byIDP(), clientID("mail-app"))),
		allow("optional: an authenticated client", jwtBearer(byIDP(), d.proves("reporting"))),
		deny("optional: an unknown name", jwtBearer(byIDP(), clientID("nobody")), strangeClient("client_unknown")),
		deny("optional: the name of a client that should authenticate", jwtBearer(byIDP(), clientID("reporting")), strangeClient("method_wrong")),
		deny("optional: a client that fails to authenticate", jwtBearer(byIDP(), basic("portal", "a-wrong-secret")), strangeClient("secret_wrong")),
		allow("identified: a name", jwtBearer(byCI(), clientID("mail-app"))),
		allow("identified: an authenticated client", jwtBearer(byCI(), basic("portal", portalSecret))),
		deny("identified: no client", jwtBearer(byCI()), identify),
		deny("identified: an empty name", jwtBearer(byCI(), clientID("")), identify),
		allow("authenticated: by an assertion", jwtBearer(byPartner(), d.proves("reporting"))),
		allow("authenticated: by Basic", jwtBearer(byPartner(), basic("portal", portalSecret))),
		deny("authenticated: no client", jwtBearer(byPartner()), authenticate),
		deny("authenticated: a name", jwtBearer(byPartner(), clientID("mail-app")), authenticate),
	)
	if got := d.grant(t, jwtBearer(byIDP(), clientID("mail-app"))); got.claims["sub"] != "alice" || got.claims["client_id"] != "mail-app" {
		t.Errorf("got %v", got.claims)
	}
}

func TestG1_the_assertion_is_one_and_must_be_there(t *testing.T) {
	d := deploy(t, acme)
	missing := invalidRequest("assertion_missing", "assertion is missing")
	d.judge(t,
		deny("none", jwtBearer(""), missing),
		deny("none, with an authenticated client", jwtBearer("", d.proves("reporting")), missing),
		deny("in client_assertion instead", jwtBearer("", proof(d.vouches("idp.ES256", idp))), strangeClient("client_unknown")),
		deny("under SAML's name", ask(param("grant_type", "urn:ietf:params:oauth:grant-type:saml2-bearer"), param("assertion", d.vouches("idp.ES256", idp))), unsupported),
		deny("a word", jwtBearer("assertion"), grantFault(jose.ErrCompact)),
	)
}

func TestG2_iss_is_a_trusted_issuer_character_by_character(t *testing.T) {
	d := deploy(t, acme)
	for _, issuer := range []string{
		"https://idp.example.com/", "https://IDP.example.com", "http://idp.example.com", "https://idp.example.com:443", "idp.example.com",
		"https://idp.example.com ", " https://idp.example.com", "https://idp.example.com\x00", "https://idp.example.com#", "https://idp.example.com?",
		"https://idp.example.com@evil.example.com", "https://evil.example.com/?https://idp.example.com", "https://idp.example.com.evil.example.com",
		"https://idp.example.c\u043em", "https://idp.example", "*", ".*", "https://nobody.example.com", us,
	} {
		d.judge(t, deny(issuer, jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("iss", issuer))), strangeIssuer("party_unknown")))
	}
	d.judge(t,
		deny("none", jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("iss", nil))), grantFault(assertion.ErrIssuerMissing)),
		deny("one issuer's key for another", jwtBearer(forge(t, "partner.ES256", d.about("alice", idp))), strangeIssuer("signature")),
		deny("one issuer's key, by its name, for another", jwtBearer(sign(t, "partner.ES256", d.about("alice", idp))), strangeIssuer("key_unknown")),
		deny("a client's key for an issuer", jwtBearer(forge(t, "billing.ES256", d.about("alice", idp))), strangeIssuer("signature")),
	)
}

func TestG2_a_client_may_assert_for_itself_where_it_is_registered_to(t *testing.T) {
	d := deploy(t, acme)
	own := func() claims { return d.of("reporting") }
	self := func(c claims, parts ...part) request { return jwtBearer(sign(t, "reporting.ES256", c), parts...) }
	other := invalidGrant("assertion_of_other_client", "the assertion is another client's than the one that sends the request")
	d.judge(t,
		allow("by its assertion alone", self(own())),
		allow("and authenticated", self(own(), d.proves("reporting"))),
		deny("by another client, authenticated", self(own(), basic("portal", portalSecret)), other),
		deny("by another client, named", self(own(), clientID("mail-app")), other),
		deny("for somebody else", self(own().but("sub", "alice")), grantFault(assertion.ErrSubject)),
		deny("for nobody", self(own().but("sub", nil)), grantFault(assertion.ErrSubjectMissing)),
		deny("by a client that may not", jwtBearer(sign(t, "billing.ES256", d.of("billing"))), strangeIssuer("party_unknown")),
		deny("by a client without keys", jwtBearer(sign(t, "billing.ES256", d.of("portal"))), strangeIssuer("party_unknown")),
		deny("with a key of another client", jwtBearer(forge(t, "billing.ES256", own())), strangeIssuer("signature")),
	)
	for _, parts := range [][]part{nil, {d.proves("reporting")}} {
		if got := d.grant(t, self(own(), parts...)); got.claims["sub"] != "reporting" || got.claims["client_id"] != "reporting" {
			t.Errorf("got %v", got.claims)
		}
	}
}

// The client that asserts for itself is the client of the token, whatever its rule makes of the subject (RFC 9068 §2.2).
func TestG2_a_client_that_asserts_for_itself_stays_the_client_of_the_token(t *testing.T) {
	document := variant(t, acme, `bearer"]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: portal`, `bearer"]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read], subject: claims.user}
  - id: portal`)
	d := deploy(t, document)
	for name, parts := range map[string][]part{"by its assertion alone": nil, "and authenticated": {d.proves("reporting")}} {
		got := d.grant(t, jwtBearer(sign(t, "reporting.ES256", d.of("reporting").but("user", "alice")), parts...))
		if got.claims["sub"] != "alice" || got.claims["client_id"] != "reporting" {
			t.Errorf("%s: got sub %v, client_id %v", name, got.claims["sub"], got.claims["client_id"])
		}
	}
}

func TestG3_sub_is_required_unless_the_trust_says_otherwise(t *testing.T) {
	d := deploy(t, variant(t, acme, "keys: {file: partner.ES256.json}\n    client: authenticated", "keys: {file: partner.ES256.json}\n    subject: issuer"))
	byIDP := func(c claims) request { return jwtBearer(sign(t, "idp.ES256", c)) }
	byPartner := func(c claims) request { return jwtBearer(sign(t, "partner.ES256", c)) }
	d.judge(t,
		deny("required: none", byIDP(d.about("alice", idp).but("sub", nil)), grantFault(assertion.ErrSubjectMissing)),
		deny("required: empty", byIDP(d.about("", idp)), grantFault(jose.ErrClaimType)),
		allow("the issuer: none", byPartner(d.about("alice", partner).but("sub", nil))),
		allow("the issuer: the issuer", byPartner(d.of(partner))),
		deny("the issuer: somebody else", byPartner(d.about("alice", partner)), grantFault(assertion.ErrSubject)),
	)
	if got := d.grant(t, byPartner(d.of(partner).but("sub", nil))); got.claims["sub"] != partner {
		t.Errorf("got sub %v", got.claims["sub"])
	}
}

func TestG4_aud_has_this_server_or_a_listed_value(t *testing.T) {
	d := deploy(t, acme)
	to := func(aud any) request { return jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("aud", aud))) }
	d.judge(t,
		allow("the issuer", to(us)),
		allow("the token endpoint", to(us+"/token")),
		allow("a listed value", to("mail-app")),
		allow("an array of one", to([]string{us})),
		allow("among others", to([]string{"https://other.example.com", "mail-app"})),
		deny("none", to(nil), grantFault(assertion.ErrAudienceMissing)),
		deny("another server", to("https://other.example.com"), grantFault(assertion.ErrAudience)),
		deny("others", to([]string{"https://other.example.com", "other-app"}), grantFault(assertion.ErrAudience)),
		deny("with a slash behind", to(us+"/"), grantFault(assertion.ErrAudience)),
		deny("the token endpoint with a slash behind", to(us+"/token/"), grantFault(assertion.ErrAudience)),
		deny("another endpoint", to(us+"/.well-known/jwks.json"), grantFault(assertion.ErrAudience)),
		deny("a listed value in capitals", to("Mail-App"), grantFault(assertion.ErrAudience)),
		deny("a part of a listed value", to("mail"), grantFault(assertion.ErrAudience)),
		deny("in one string", to(us+" mail-app"), grantFault(assertion.ErrAudience)),
		deny("listed for another issuer", jwtBearer(sign(t, "ci.ES256", d.about("alice", ci).but("aud", "mail-app")), clientID("mail-app")), grantFault(assertion.ErrAudience)),
		deny("an array of nothing", to([]string{}), grantFault(jose.ErrClaimType)),
		deny("an array within", to([]any{[]string{us}}), grantFault(jose.ErrClaimType)),
	)
}

// An ID token, as an OpenID provider gives it to mail-app: its aud is the client id there, it has no jti and lives an hour.
func TestG4_an_ID_token_is_an_assertion_where_its_audience_is_listed(t *testing.T) {
	d := deploy(t, variant(t, acme, "idp.ES256.json", "idp.RS256.json"))
	idToken := func() string {
		return sign(t, "idp.RS256", claims{
			"iss": idp, "sub": "110169484474386276334", "aud": "mail-app", "azp": "mail-app", "email": "alice@example.com",
			"email_verified": true, "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q", "nonce": "0394852-3190485-2490358",
			"iat": d.clock.in(0), "exp": d.clock.in(time.Hour),
		})
	}
	d.judge(t,
		allow("with a client_id that is not authenticated", jwtBearer(idToken(), clientID("mail-app"), scope("email"))),
		allow("with an authenticated client", jwtBearer(idToken(), d.proves("reporting"), scope("email"))),
		allow("with neither", jwtBearer(idToken(), scope("email"))),
		allow("twice, since nothing tells the two apart", jwtBearer(idToken(), clientID("mail-app"), scope("email"))),
		deny("with a client that is not registered", jwtBearer(idToken(), clientID("their-app"), scope("email")), strangeClient("client_unknown")),
		deny("for more than email", jwtBearer(idToken(), clientID("mail-app"), scope("email profile")),
			invalidScope("scope_not_allowed", "no rule allows all of this scope for the resource")),
		deny("as a client's credential", clientCredentials(proof(idToken())), strangeClient("client_unknown")),
	)
	got := d.grant(t, jwtBearer(idToken(), clientID("mail-app"), scope("email")))
	if got.claims["sub"] != "110169484474386276334" || got.claims["client_id"] != "mail-app" || got.Scope != "email" || got.claims["aud"] != "https://mail.example.com" {
		t.Errorf("got %v", got.claims)
	}
}

func TestG5_an_assertion_lives_for_an_hour_and_its_jti_once(t *testing.T) {
	d := deploy(t, acme)
	by := func(c claims) request { return jwtBearer(sign(t, "idp.ES256", c)) }
	in := func(exp, iat, nbf time.Duration) claims {
		return d.about("alice", idp).but("exp", d.clock.in(exp)).but("iat", d.clock.in(iat)).but("nbf", d.clock.in(nbf))
	}
	const s, h = time.Second, time.Hour
	once := d.about("alice", idp)
	d.judge(t,
		deny("no exp", by(d.about("alice", idp).but("exp", nil)), grantFault(assertion.ErrExpiryMissing)),
		allow("exp in an hour and 10 s", by(in(h+10*s, 10*s, 0))),
		deny("exp in an hour and 11 s", by(in(h+11*s, 10*s, 0)), grantFault(assertion.ErrLifetime)),
		deny("an hour and 11 s from iat", by(in(h-10*s, -21*s, 0)), grantFault(assertion.ErrLifetime)),
		deny("made yesterday, and still good", by(in(s, -24*h, 0)), grantFault(assertion.ErrLifetime)),
		allow("exp is 9 s ago", by(in(-9*s, -h, -h))),
		deny("exp is 10 s ago", by(in(-10*s, -h, -h)), grantFault(assertion.ErrExpired)),
		deny("iat in 11 s", by(in(h, 11*s, 0)), grantFault(assertion.ErrIssuedInFuture)),
		deny("nbf in 11 s", by(in(h, 0, 11*s)), grantFault(assertion.ErrNotYetValid)),
		allow("a jti the first time", by(once)),
		deny("the same jti", by(once), grantFault(assertion.ErrReplayed)),
		deny("the same jti about somebody else", by(once.but("sub", "bob")), grantFault(assertion.ErrReplayed)),
		allow("no jti", by(once.but("jti", nil))),
		allow("no jti again", by(once.but("jti", nil))),
	)
}

func TestG5_a_trust_bounds_lifetime_and_asks_for_jti(t *testing.T) {
	d := deploy(t, variant(t, acme, "audiences: [mail-app]", "audiences: [mail-app]\n    max_lifetime: 10m\n    jti: required"))
	by := func(c claims) request { return jwtBearer(sign(t, "idp.ES256", c)) }
	d.judge(t,
		allow("ten minutes", by(d.about("alice", idp).but("exp", d.clock.in(10*time.Minute)))),
		deny("half an hour", by(d.about("alice", idp).but("exp", d.clock.in(30*time.Minute))), grantFault(assertion.ErrLifetime)),
		deny("no jti", by(d.about("alice", idp).but("jti", nil)), grantFault(assertion.ErrIDMissing)),
		deny("an empty jti", by(d.about("alice", idp).but("jti", "")), grantFault(jose.ErrClaimType)),
	)
}

// A token in a file, such as Kubernetes', is renewed now and then, and used more often.
func TestG5_a_trust_can_let_an_assertion_be_used_until_it_expires(t *testing.T) {
	d := deploy(t, variant(t, acme, "audiences: [mail-app]", "audiences: [mail-app]\n    jti: reusable"))
	said, other := d.about("alice", idp), d.about("alice", ci)
	d.judge(t,
		allow("the first time", jwtBearer(sign(t, "idp.ES256", said))),
		allow("again", jwtBearer(sign(t, "idp.ES256", said))),
		allow("without a jti", jwtBearer(sign(t, "idp.ES256", said.but("jti", nil)))),
		allow("another issuer's the first time", jwtBearer(sign(t, "ci.ES256", other), clientID("mail-app"))),
		deny("another issuer's again", jwtBearer(sign(t, "ci.ES256", other), clientID("mail-app")), grantFault(assertion.ErrReplayed)),
	)
	d.clock.advance(5*time.Minute + 11*time.Second)
	d.judge(t, deny("after it has expired", jwtBearer(sign(t, "idp.ES256", said)), grantFault(assertion.ErrExpired)))
}

func TestG6_typ_is_absent_or_JWT_or_what_the_trust_names(t *testing.T) {
	d := deploy(t, variant(t, acme, "audiences: [mail-app]", "audiences: [mail-app]\n    types: [authorization-grant+jwt, application/Example+JWT]"))
	typed := func(key, issuer, typ string) request {
		header := `{"alg":"ES256","typ":"` + typ + `"}`
		return jwtBearer(handmade(t, privateKey(t, key), header, string(marshal(t, d.about("alice", issuer)))), clientID("mail-app"))
	}
	for _, typ := range []string{"JWT", "jwt", "application/jwt", "authorization-grant+jwt", "application/Authorization-Grant+JWT", "example+jwt"} {
		d.judge(t, allow(typ, typed("idp.ES256", idp, typ)))
	}
	for _, typ := range []string{"at+jwt", "application/at+jwt", "client-authentication+jwt", "dpop+jwt", "id+jwt", "oauth-id-jag+jwt", "example", "x-example+jwt"} {
		d.judge(t, deny(typ, typed("idp.ES256", idp, typ), grantFault(assertion.ErrType)))
	}
	d.judge(t,
		allow("none", jwtBearer(forge(t, "idp.ES256", d.about("alice", idp)))),
		deny("what another trust names", typed("ci.ES256", ci, "authorization-grant+jwt"), grantFault(assertion.ErrType)),
	)
}

func TestG7_each_fault_has_its_code(t *testing.T) {
	d := deploy(t, acme)
	by := func() string { return d.vouches("idp.ES256", idp) }
	notAllowed := unauthorizedClient("grant_not_allowed", "the client is not registered for this grant_type")
	d.judge(t,
		deny("of the assertion", jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("aud", "x"))), grantFault(assertion.ErrAudience)),
		deny("of the client", jwtBearer(by(), basic("portal", "a-wrong-secret")), strangeClient("secret_wrong")),
		deny("of the client, though the assertion is wrong too", jwtBearer("x.y.z", basic("portal", "a-wrong-secret")), strangeClient("secret_wrong")),
		deny("of the scope", jwtBearer(by(), scope("invoices.read")), invalidScope("scope_not_allowed", "no rule allows all of this scope for the resource")),
		deny("of the resource", jwtBearer(by(), resource("https://invoices.example.com")), invalidTarget("resource_not_allowed", "no rule allows this resource")),
		deny("of a client without the right", jwtBearer(by(), d.proves("billing")), notAllowed),
		deny("of a client without the right, by its secret", jwtBearer(by(), post("mobile", mobileSecret)), notAllowed),
		allow("and none", jwtBearer(by())),
	)
}

// Google's libraries make assertions without sub and jti, for the token endpoint's URL, with the scope within, for an hour.
func TestG3_Google_style_service_accounts_work(t *testing.T) {
	d := deploy(t, acme+`
  - issuer: robot@acme.iam.gserviceaccount.com
    keys: {file: robot.RS256.json}
    subject: issuer
    scope: claim
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read, invoices.write]}
`)
	robot := claims{
		"iss": "robot@acme.iam.gserviceaccount.com", "scope": "invoices.read", "aud": us + "/token",
		"iat": d.clock.in(-10 * time.Second), "exp": d.clock.in(time.Hour - 10*time.Second),
	}
	by := func(c claims, parts ...part) request { return jwtBearer(sign(t, "robot.RS256", c), parts...) }
	d.judge(t,
		allow("the scope within", by(robot)),
		allow("two scopes within", by(robot.but("scope", "invoices.read invoices.write"))),
		allow("a part of what is within", by(robot.but("scope", "invoices.read invoices.write"), scope("invoices.write"))),
		allow("no scope within", by(robot.but("scope", nil))),
		allow("sub is iss", by(robot.but("sub", robot["iss"]))),
		deny("sub is a user to act for", by(robot.but("sub", "alice@example.com")), grantFault(assertion.ErrSubject)),
		deny("more than what is within", by(robot, scope("invoices.write")), invalidScope("scope_claim", "scope is not within the assertion's own scope")),
		deny("something while nothing is within", by(robot.but("scope", ""), scope("invoices.read")), invalidScope("scope_claim", "scope is not within the assertion's own scope")),
		deny("a scope that no rule has", by(robot.but("scope", "root")), invalidScope("scope_not_allowed", "no rule allows all of this scope for the resource")),
		deny("a list of scopes", by(robot.but("scope", []string{"invoices.read"})), invalidScope("scope_claim", "the assertion's scope is not a string")),
		deny("a scope that is none", by(robot.but("scope", `"`)), invalidScope("scope_malformed", "scope is not a list of scope tokens with one space between them (RFC 6749 section 3.3)")),
		deny("for two hours", by(robot.but("exp", d.clock.in(2*time.Hour))), grantFault(assertion.ErrLifetime)),
	)
	got := d.grant(t, by(robot))
	if got.claims["sub"] != robot["iss"] || got.claims["client_id"] != robot["iss"] || got.Scope != "invoices.read" {
		t.Errorf("got %v", got.claims)
	}
}

// Only where the trust says so is the scope in the assertion: elsewhere it is one more claim.
func TestG3_a_scope_claim_means_nothing_where_the_trust_does_not_say_so(t *testing.T) {
	d := deploy(t, acme)
	got := d.grant(t, jwtBearer(sign(t, "ci.ES256", d.about("alice", ci).but("scope", "deploy.read")), clientID("mail-app")))
	if got.Scope != "deploy.read deploy.write" {
		t.Errorf("got %q", got.Scope)
	}
}

func TestG10_no_refresh_token_is_ever_issued(t *testing.T) {
	d := deploy(t, acme)
	for _, r := range []request{
		jwtBearer(d.vouches("idp.ES256", idp), clientID("mail-app")),
		jwtBearer(d.vouches("idp.ES256", idp), param("access_type", "offline")),
		clientCredentials(d.proves("billing")),
	} {
		if got := d.grant(t, r); strings.Contains(got.body, "refresh") {
			t.Errorf("got %s", got.body)
		}
	}
	d.judge(t,
		deny("offline_access", jwtBearer(d.vouches("idp.ES256", idp), scope("offline_access")),
			invalidScope("scope_not_allowed", "no rule allows all of this scope for the resource")),
		deny("refresh_token", ask(param("grant_type", "refresh_token"), param("refresh_token", "x"), d.proves("billing")), unsupported),
	)
}

// Were it left out, what somebody does on behalf of the subject would look like the subject's own (RFC 8693 §4.1).
func TestG1_who_acts_in_the_assertion_acts_in_the_token(t *testing.T) {
	d := deploy(t, acme)
	acted := func(act any) request {
		return jwtBearer(sign(t, "ci.ES256", d.about("pipeline", ci).but("act", act)), clientID("mail-app"))
	}
	strange := invalidGrant("assertion_act", "assertion: its act claim is not one that can be carried on")
	d.judge(t,
		deny("a name in place of an actor", acted("robot"), strange),
		deny("an actor without a name", acted(claims{"client_id": "robot"}), strange),
		deny("one of ours", acted(named("portal", claims{"iss": us})), strange),
	)
	d.grant(t, acted(named("robot"))).expectClaims(t, claims{"sub": "pipeline", "act": named("robot", claims{"iss": ci})})
	d.grant(t, acted(nil)).expectClaims(t, claims{"act": nil})
}
