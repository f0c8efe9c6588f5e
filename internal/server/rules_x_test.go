package server_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

func TestX1_token_exchange_needs_an_authenticated_client_with_that_grant(t *testing.T) {
	d := deploy(t, exchanging)
	alices := d.issue(d.ours())
	from := func(parts ...part) request {
		return ask(append([]part{param("grant_type", oauth.TokenExchange), presents("subject", oauth.TypeAccessToken, alices), resource(backAPI)}, parts...)...)
	}
	without := unauthorizedClient("grant_not_allowed", "the client is not registered for this grant_type")
	d.judge(t,
		deny("without a client", from(), invalidClient("client_missing", "token exchange needs client authentication, and the request has none")),
		deny("with a name", from(clientID("phone")), without),
		deny("with the name of a client that should authenticate", from(clientID("front")), strangeClient("method_wrong")),
		deny("with another's key", from(proof(forge(t, "batch.ES256", d.of("front")))), strangeClient("signature")),
		deny("by a client without that grant", from(d.proves("batch")), without),
		deny("by a disabled one", from(d.proves("former")), strangeClient("client_unknown")),
		deny("by an issuer", from(proof(sign(t, "idp.ES256", d.of(idp)))), strangeClient("client_unknown")),
		allow("by one with it", from(d.proves("front"))),
	)
}

func TestX1_what_is_exchanged_is_said_completely_and_once(t *testing.T) {
	d := deploy(t, exchanging)
	alices := d.issue(d.ours())
	of := func(parts ...part) request {
		return ask(append([]part{param("grant_type", oauth.TokenExchange), d.proves("front"), resource(backAPI)}, parts...)...)
	}
	subject := presents("subject", oauth.TypeAccessToken, alices)
	typed := func(kind string) part { return presents("subject", kind, alices) }
	unknown := invalidRequest("subject_token_type_unknown", "subject_token_type is not one that this server takes")
	unissued := invalidRequest("requested_token_type_unknown", "requested_token_type is not one that this server issues")
	repeated := invalidRequest("parameter_repeated", "a parameter is there more than once")
	d.judge(t,
		deny("nothing", of(), invalidRequest("subject_token_missing", "subject_token is missing")),
		deny("an empty token", of(presents("subject", oauth.TypeAccessToken, "")), invalidRequest("subject_token_missing", "subject_token is missing")),
		deny("no type", of(param("subject_token", alices)), invalidRequest("subject_token_type_missing", "subject_token is there without a subject_token_type")),
		deny("a token of 16 KiB and a byte", of(presents("subject", oauth.TypeJWT, strings.Repeat("x", 16<<10+1))), invalidRequest("subject_token_too_long", "subject_token is longer than 16 KiB")),
		deny("an actor of 16 KiB and a byte", of(subject, actedBy(oauth.TypeJWT, strings.Repeat("x", 16<<10+1))), invalidRequest("actor_token_too_long", "actor_token is longer than 16 KiB")),
		deny("a type without its prefix", of(typed("access_token")), unknown),
		deny("a refresh token", of(typed("urn:ietf:params:oauth:token-type:refresh_token")), unknown),
		deny("a SAML assertion", of(typed("urn:ietf:params:oauth:token-type:saml2")), unknown),
		deny("an actor of no type", of(subject, param("actor_token", alices)), invalidRequest("actor_token_type_missing", "actor_token is there without an actor_token_type")),
		deny("a type of no actor", of(subject, param("actor_token_type", oauth.TypeJWT)), invalidRequest("actor_token_missing", "actor_token_type is there without an actor_token")),
		deny("an actor of a strange type", of(subject, actedBy("x", alices)), invalidRequest("actor_token_type_unknown", "actor_token_type is not one that this server takes")),
		deny("a refresh token for it", of(subject, param("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")), unissued),
		deny("an ID token for it", of(subject, param("requested_token_type", oauth.TypeIDToken)), unissued),
		deny("two subjects", of(subject, param("subject_token", alices)), repeated),
		deny("two actors", of(subject, actedBy(oauth.TypeJWT, "x"), param("actor_token", "y")), repeated),
		deny("two audiences of another grant", clientCredentials(d.proves("front"), audience("a"), audience("b")), repeated),
		deny("an audience that no rule has", of(subject, audience("https://other.example.com")), invalidTarget("resource_not_allowed", "no rule allows this resource")),
		allow("an audience besides", of(subject, audience(frontAPI), scope("read"))),
		allow("an audience that is the resource", of(subject, audience(backAPI), audience(backAPI))),
		allow("an empty actor", of(subject, param("actor_token", ""), param("actor_token_type", ""))),
	)
}

func TestX1_the_answer_says_what_was_issued(t *testing.T) {
	d := deploy(t, exchanging)
	for wanted, want := range map[string]string{
		"": oauth.TypeAccessToken, oauth.TypeAccessToken: oauth.TypeAccessToken, oauth.TypeJWT: oauth.TypeJWT,
	} {
		got := d.grant(t, d.swap("front", oauth.TypeAccessToken, d.issue(d.ours()), resource(backAPI), param("requested_token_type", wanted)))
		if !strings.Contains(got.body, `"issued_token_type":"`+want+`"`) || got.Type != "Bearer" || strings.Contains(got.body, "refresh") {
			t.Errorf("%q: %s", wanted, got.body)
		}
	}
	if got := d.grant(t, clientCredentials(d.proves("batch"), resource(frontAPI))); strings.Contains(got.body, "issued_token_type") {
		t.Errorf("another grant: %s", got.body)
	}
}

func TestX1_a_token_of_an_issuer_is_held_to_the_trust_in_it(t *testing.T) {
	d := deploy(t, exchanging)
	says := func(c claims, parts ...part) request {
		return d.swap("front", oauth.TypeIDToken, sign(t, "idp.ES256", c), parts...)
	}
	alice := func() claims { return d.about("alice", idp) }
	const subject = "subject_token"
	d.judge(t,
		deny("a word", d.swap("front", oauth.TypeJWT, "token"), tokenFault(subject, jose.ErrCompact)),
		deny("no iss", says(alice().but("iss", nil)), tokenFault(subject, assertion.ErrIssuerMissing)),
		deny("a stranger", says(alice().but("iss", "https://nobody.example.com")), strangeToken(subject, "party_unknown")),
		deny("another issuer's key", d.swap("front", oauth.TypeJWT, forge(t, "partner.ES256", alice())), strangeToken(subject, "signature")),
		deny("for somebody else", says(alice().but("aud", "another-app")), tokenFault(subject, assertion.ErrAudience)),
		deny("expired", says(alice().but("exp", d.clock.in(-time.Minute))), tokenFault(subject, assertion.ErrExpired)),
		deny("no end", says(alice().but("exp", nil)), tokenFault(subject, assertion.ErrExpiryMissing)),
		deny("for two hours", says(alice().but("exp", d.clock.in(2*time.Hour))), tokenFault(subject, assertion.ErrLifetime)),
		deny("of nobody", says(alice().but("sub", nil)), tokenFault(subject, assertion.ErrSubjectMissing)),
		deny("an access token of ours", d.swap("front", oauth.TypeJWT, d.issue(d.ours().but("aud", us))), strangeToken(subject, "party_unknown")),
		deny("a client assertion", d.swap("front", oauth.TypeJWT, sign(t, "front.ES256", d.of("front"))), strangeToken(subject, "party_unknown")),
		deny("whom no rule allows anything", says(d.about("mallory", idp)), noExchange),
		deny("a scope that no rule has", says(alice(), scope("admin")), invalidScope("scope_not_allowed", "no rule allows all of this scope for the resource")),
		deny("a resource that no rule of the issuer has", says(alice(), resource(backAPI)), invalidTarget("resource_not_allowed", "no rule allows this resource")),
		deny("one that ends at once", says(alice().but("exp", d.clock.in(-5*time.Second))),
			invalidRequest("expires_too_soon", "subject_token or actor_token: exp is too near for a token that ends with it")),
		allow("for a client of the issuer", says(alice().but("aud", "front-app"))),
		allow("as a JWT", d.swap("agent", oauth.TypeJWT, sign(t, "idp.ES256", alice()))),
	)
	other := d.issueAs("at+jwt", d.ours())
	typed, err := signingKey(t, "idp.ES256").Sign("at+jwt", marshal(t, alice()))
	d.must(err)
	d.judge(t,
		deny("an access token of the issuer", d.swap("front", oauth.TypeJWT, typed), tokenFault(subject, assertion.ErrType)),
		allow("while one of ours is good as what it is", d.swap("front", oauth.TypeAccessToken, other, resource(backAPI))),
	)
	d.grant(t, says(alice())).expectClaims(t, claims{
		"sub": "idp:alice", "client_id": "front", "aud": frontAPI, "scope": "read write", "act": nil, "exp": float64(d.clock.in(5 * time.Minute)),
	})
}

func TestX1_a_token_of_an_issuer_is_good_once_whatever_the_grant(t *testing.T) {
	d := deploy(t, exchanging)
	again := invalidRequest("exchange_replayed", "subject_token or actor_token: jti has been used before; each assertion is good for one request")
	first, second, third := d.vouches("idp.ES256", idp), d.vouches("idp.ES256", idp), d.vouches("idp.ES256", idp)
	d.judge(t,
		allow("as a subject", d.swap("front", oauth.TypeJWT, first)),
		deny("as a subject again", d.swap("front", oauth.TypeJWT, first), again),
		deny("as an actor then", d.swap("front", oauth.TypeAccessToken, d.issue(d.ours()), resource(backAPI), actedBy(oauth.TypeJWT, first)), again),
		deny("as an assertion then", jwtBearer(first), grantFault(assertion.ErrReplayed)),
		allow("as an assertion", jwtBearer(second)),
		deny("as a subject after that", d.swap("front", oauth.TypeJWT, second), again),
		deny("as subject and actor at once", d.swap("front", oauth.TypeJWT, third, actedBy(oauth.TypeJWT, third)), again),
	)
}

func TestX1_an_access_token_is_one_of_ours_that_is_active(t *testing.T) {
	d := deploy(t, exchanging)
	presented := func(token string) request { return d.swap("front", oauth.TypeAccessToken, token, resource(backAPI)) }
	good := d.issue(d.ours())
	stranger, err := signingKey(t, "stranger.ES256").Sign("at+jwt", marshal(t, d.ours()))
	d.must(err)
	const subject = "subject_token"
	for name, token := range map[string]string{
		"a word":                     "token",
		"a byte less":                good[:len(good)-1],
		"a byte more":                good + "A",
		"another key":                stranger,
		"an assertion":               sign(t, "idp.ES256", d.about("alice", idp)),
		"another typ":                d.issueAs("JWT", d.ours()),
		"another issuer":             d.issue(d.ours().but("iss", idp)),
		"expired":                    d.issue(d.ours().but("exp", d.clock.in(0))),
		"of nobody":                  d.issue(d.ours().but("sub", nil)),
		"of a client that was":       d.issue(d.ours().but("client_id", "former")),
		"without a resource":         d.issue(d.ours().but("aud", nil)),
		"a client's assertion of us": sign(t, "front.ES256", d.of("front")),
	} {
		d.judge(t, deny(name, presented(token), inactive(subject)))
	}
	d.judge(t,
		allow("one of ours", presented(good)),
		allow("and again", presented(good)),
		deny("for whom no rule is", d.swap("agent", oauth.TypeAccessToken, good), noExchange),
		deny("of another resource than the rule has", presented(d.issue(d.ours().but("aud", backAPI))), invalidTarget("resource_not_allowed", "no rule allows this resource")),
	)
	d.clock.advance(10 * time.Minute)
	d.judge(t, deny("after its end", presented(good), inactive(subject)))
}

func TestX1_an_exchange_never_widens(t *testing.T) {
	d := deploy(t, exchanging)
	read := func() string { return d.issue(d.ours().but("scope", "read")) }
	beyond := invalidScope("scope_not_allowed", "no rule allows all of this scope for the resource")
	d.judge(t,
		deny("a scope that the token has not", d.swap("front", oauth.TypeAccessToken, read(), resource(frontAPI), scope("read write")), beyond),
		deny("another one in its place", d.swap("front", oauth.TypeAccessToken, read(), resource(frontAPI), scope("admin")), beyond),
		deny("nothing in common with the defaults", d.swap("front", oauth.TypeAccessToken, d.issue(d.ours().but("scope", "other")), resource(frontAPI)), beyond),
		deny("a scope of one resource through another", d.swap("front", oauth.TypeAccessToken, read(), resource(frontAPI), resource(backAPI), scope("write")), beyond),
		deny("a resource that no rule has", d.swap("front", oauth.TypeAccessToken, read(), resource("urn:example:ledger")), invalidTarget("resource_not_allowed", "no rule allows this resource")),
		deny("several resources, one named by nobody", d.swap("front", oauth.TypeAccessToken, read(), resource(frontAPI), audience("urn:example:ledger")), invalidTarget("resource_not_allowed", "no rule allows this resource")),
		deny("a resource that is for us to guess", d.swap("front", oauth.TypeAccessToken, read()), invalidTarget("resource_ambiguous", "more than one resource is allowed; say which with the resource parameter (RFC 8707)")),
	)
	end := float64(d.clock.in(10 * time.Minute))
	d.grant(t, d.swap("front", oauth.TypeAccessToken, read(), resource(frontAPI))).expectClaims(t, claims{
		"sub": "alice", "scope": "read", "aud": frontAPI, "client_id": "front", "exp": end, "for_client": "batch",
	})
	d.grant(t, d.swap("front", oauth.TypeAccessToken, read(), audience(backAPI), scope("write"))).expectClaims(t, claims{
		"sub": "alice", "scope": "write", "aud": backAPI, "client_id": "front", "exp": end,
	})
	d.grant(t, d.swap("front", oauth.TypeAccessToken, d.issue(d.ours().but("exp", d.clock.in(2*time.Second))), resource(backAPI))).expectClaims(t, claims{
		"exp": float64(d.clock.in(2 * time.Second)),
	})
	d.judge(t, deny("one that is about to end", d.swap("front", oauth.TypeAccessToken, d.issue(d.ours().but("exp", d.clock.in(time.Second))), resource(backAPI)),
		invalidRequest("expires_too_soon", "subject_token or actor_token: exp is too near for a token that ends with it")))
}

// Its subject proved to be that client when the token was issued, and nobody can bring in the name of a client otherwise.
func TestX1_the_subject_can_be_a_client_where_the_token_is_ours(t *testing.T) {
	d := deploy(t, exchanging)
	batch := d.grant(t, clientCredentials(d.proves("batch"), resource(frontAPI)))
	d.grant(t, d.swap("front", oauth.TypeAccessToken, batch.Token, resource(backAPI))).expectClaims(t, claims{"sub": "batch", "client_id": "front"})
	d.judge(t, deny("while an issuer cannot name one", d.swap("front", oauth.TypeJWT, sign(t, "partner.ES256", d.about("batch", partner))),
		invalidRequest("subject_is_client", "the subject that the subject_token stands for has the name of a client")))
}

func TestX1_without_our_own_keys_nothing_is_decided(t *testing.T) {
	d := prepare(t, variant(t, exchanging, "{directory: keys}", "{secret: projects/acme/secrets/signing-keys}"))
	d.vault.shut(codes.Unavailable)
	d.serve()
	alices := d.issue(d.ours())
	d.judge(t,
		deny("a token", d.swap("front", oauth.TypeAccessToken, alices, resource(backAPI)), unavailable("issued_tokens_unavailable")),
		deny("what is none", d.swap("front", oauth.TypeAccessToken, "token", resource(backAPI)), inactive("subject_token")),
	)
	d.vault.open()
	d.clock.advance(3 * time.Second)
	d.judge(t, allow("the same token", d.swap("front", oauth.TypeAccessToken, alices, resource(backAPI))))
}

func TestX1_metadata_names_the_grant_where_a_client_has_it(t *testing.T) {
	for document, want := range map[string]bool{exchanging: true, acme: false} {
		d := deploy(t, document)
		got := strings.Contains(d.send(t, get("/.well-known/oauth-authorization-server")).body, oauth.TokenExchange)
		if got != want {
			t.Errorf("the metadata names it: %t", got)
		}
	}
}
