package server_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/server"
)

const (
	chat    = "https://auth.chat.example.net"
	chatAPI = "https://api.chat.example.net/mcp"
)

// issuing is a configuration that issues the grants of another authorization server, for users of idp and to the client
// assistant.
const issuing = `
issuer: https://auth.example.com
signing_keys: {directory: keys}
resources:
  - {id: https://invoices.example.com, scopes: [invoices.read]}
clients:
  - id: assistant
    authentication: private_key_jwt
    keys: {file: assistant.ES256.json}
    grants: ["urn:ietf:params:oauth:grant-type:token-exchange"]
  - id: notes
    authentication: client_secret_post
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$AKpAqMYY9/0$X3XF2vTarmr06uPB/XY+QA"]
    grants: ["urn:ietf:params:oauth:grant-type:token-exchange"]
  - id: billing
    authentication: private_key_jwt
    keys: {file: billing.ES256.json}
    grants: [client_credentials]
    allow: [{resource: https://invoices.example.com, scopes: [invoices.read]}]
issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.ES256.json}
    allow: [{resource: https://invoices.example.com, scopes: [invoices.read]}]
  - issuer: https://partner.example.com
    keys: {file: partner.ES256.json}
    allow: [{resource: https://invoices.example.com, scopes: [invoices.read]}]
  - issuer: https://workforce.example.com
    profile: id-jag
    keys: {file: workforce.ES256.json}
    allow: [{resource: https://invoices.example.com, scopes: [invoices.read]}]
identity_assertions:
  - audience: https://auth.chat.example.net
    clients:
      - {id: assistant, client_id: f53f191f9311af35}
      - {id: notes, client_id: notes-at-chat}
    issuers: [https://idp.example.com]
    scopes: [chat.read, chat.history]
    resources: [https://api.chat.example.net/mcp, https://api.chat.example.net/files]
  - audience: https://auth.wiki.example.net
    clients: [{id: notes, client_id: notes-at-wiki}]
    issuers: [https://idp.example.com]
    scopes: [wiki.read]
    lifetime: 2m
`

// Where identity assertions come in, and what they are exchanged for.
const (
	idTokenType     = "urn:ietf:params:oauth:token-type:id_token"
	idJAGTokenType  = "urn:ietf:params:oauth:token-type:id-jag"
	tokenExchanging = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// idToken is what an OpenID provider says of alice, who has signed in at the client: for an hour, without a jti.
func (d *deployment) idToken(client string) claims {
	return d.about("alice", idp).but("aud", client).but("jti", nil).but("exp", d.clock.in(time.Hour))
}

// trade is the request for an identity assertion in exchange for an ID token, in which these parameters are others. It is
// as the client of the Model Context Protocol sends it.
func (d *deployment) trade(client part, idToken string, others map[string]string, parts ...part) request {
	parameters := map[string]string{
		"grant_type": tokenExchanging, "requested_token_type": idJAGTokenType, "audience": chat, "resource": chatAPI,
		"subject_token": idToken, "subject_token_type": idTokenType,
	}
	for name, value := range others {
		parameters[name] = value
	}
	r := ask(append(parts, client, func(r *request) { r.secrets = append(r.secrets, idToken) })...)
	for name, value := range parameters {
		if value != "" {
			param(name, value)(&r)
		}
	}
	return r
}

// byAssistant is the request of the client assistant, for its own ID token of idp.
func (d *deployment) byAssistant(others map[string]string, parts ...part) request {
	return d.trade(d.proves("assistant"), sign(d.t, "idp.ES256", d.idToken("assistant")), others, parts...)
}

// identityAssertion is one as the other server sees it.
type identityAssertion struct {
	answer
	typ       string
	claims    map[string]any
	Type      string `json:"token_type"`
	Kind      string `json:"issued_token_type"`
	Scope     string `json:"scope"`
	ExpiresIn int64  `json:"expires_in"`
	Text      string `json:"access_token"`
}

// issueIDJAG sends a request that must be granted, and verifies the identity assertion with the JWK Set.
func (d *deployment) issueIDJAG(t testing.TB, r request) identityAssertion {
	t.Helper()
	got := identityAssertion{answer: d.send(t, r)}
	if got.status != 200 {
		t.Fatalf("got %d %s\nlog: %v", got.status, got.body, d.log.lastDecision(t))
	}
	if err := json.Unmarshal([]byte(got.body), &got); err != nil {
		t.Fatal(err)
	}
	d.remember(got.Text)
	expectNotKept(t, got.answer)
	token, err := jose.Parse(got.Text)
	if err != nil {
		t.Fatal(err)
	}
	set, _, err := jose.ParseKeySet([]byte(d.send(t, get(server.JWKSPath)).body), jose.RS256)
	if err != nil {
		t.Fatal(err)
	}
	key, err := set.Find(token)
	if err != nil {
		t.Fatal(err)
	}
	verified, err := token.Verify(key)
	if err != nil {
		t.Fatal(err)
	}
	got.typ, got.claims = token.Type, verified.All()
	return got
}

func TestI1_an_identity_assertion_is_issued_for_an_ID_token_of_the_client(t *testing.T) {
	d := deploy(t, issuing)
	of := func(key string, c claims) request { return d.trade(d.proves("assistant"), sign(t, key, c), nil) }
	fault := func(fault *assertion.Fault) refusal {
		return invalidRequest("subject_token_"+fault.Reason, "subject_token: "+fault.Sentence)
	}
	stranger := func(reason string) refusal {
		return invalidRequest("subject_token_"+reason, "subject_token: its iss is not trusted here, or none of the keys known for it made the signature")
	}
	nobody := invalidTarget("audience_not_allowed", "no identity assertion for this audience is issued to this client for users of this issuer")
	good := d.idToken("assistant")
	d.judge(t,
		deny("of another client", of("idp.ES256", d.idToken("notes")), fault(assertion.ErrAudience)),
		deny("for this server, as an assertion is", of("idp.ES256", good.but("aud", us)), fault(assertion.ErrAudience)),
		deny("of several clients, issued to another", of("idp.ES256", good.but("aud", []string{"notes", "assistant"}).but("azp", "notes")),
			invalidRequest("subject_token_azp", "subject_token: azp is not the client that sends the request")),
		deny("that has expired", of("idp.ES256", good.but("exp", d.clock.in(-time.Minute))), fault(assertion.ErrExpired)),
		deny("about nobody", of("idp.ES256", good.but("sub", nil)), fault(assertion.ErrSubjectMissing)),
		deny("of another issuer", of("partner.ES256", good.but("iss", partner)), nobody),
		deny("of a stranger", of("ci.ES256", good.but("iss", ci)), stranger("party_unknown")),
		deny("with another's key", of("partner.ES256", good), stranger("key_unknown")),
		deny("which is an identity assertion", d.trade(d.proves("assistant"), idJAG(t, d.grants().but("aud", "assistant")), nil), stranger("party_unknown")),
		deny("which is an access token", d.trade(d.proves("assistant"), typedBy(t, "idp.ES256", "at+jwt", good), nil), fault(assertion.ErrType)),
		deny("which the client has made", of("assistant.ES256", d.of("assistant").but("aud", "assistant")), stranger("party_unknown")),
	)
	got := d.issueIDJAG(t, d.byAssistant(nil))
	want := map[string]any{
		"iss": us, "sub": "alice", "aud": chat, "client_id": "f53f191f9311af35", "scope": "chat.read chat.history", "resource": chatAPI,
		"iat": float64(d.clock.in(0)), "exp": float64(d.clock.in(5 * time.Minute)), "jti": got.claims["jti"],
	}
	if difference := cmp.Diff(plain(t, want), plain(t, got.claims)); difference != "" || got.typ != "oauth-id-jag+jwt" {
		t.Errorf("typ %s, want -, got +:\n%s", got.typ, difference)
	}
	if got.Type != "N_A" || got.Kind != idJAGTokenType || got.ExpiresIn != 300 || got.Scope != got.claims["scope"] {
		t.Errorf("got %s", got.body)
	}
	event := d.log.lastDecision(t)
	if event["decision"] != "granted" || event["jti"] != got.claims["jti"] || event["aud"] != chat || event["rule"] != "identity_assertions[0]" {
		t.Errorf("the log says %v", event)
	}
	d.issueIDJAG(t, d.trade(post("notes", mobileSecret), sign(t, "idp.ES256", d.idToken("notes").but("aud", []string{"notes"}).but("azp", "notes")), nil))
}

// typedBy signs claims with the key of NAME.ALG as a JWT of this type.
func typedBy(t testing.TB, key, typ string, c claims) string {
	t.Helper()
	token, err := signingKey(t, key).Sign(typ, marshal(t, c))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// What else the issuer's assertions may be is said for those alone.
func TestI1_an_access_token_of_the_issuer_is_no_ID_token(t *testing.T) {
	const issuer = "  - issuer: https://idp.example.com\n"
	d := deploy(t, variant(t, issuing, issuer, issuer+"    types: [at+jwt]\n"))
	typ := func(typ string) string { return typedBy(t, "idp.ES256", typ, d.idToken("assistant")) }
	d.judge(t,
		deny("an access token", d.trade(d.proves("assistant"), typ("at+jwt"), nil), tokenFault("subject_token", assertion.ErrType)),
		allow("which the issuer's assertions may be", jwtBearer(typedBy(t, "idp.ES256", "at+jwt", d.about("alice", idp)))),
	)
	d.issueIDJAG(t, d.trade(d.proves("assistant"), typ("JWT"), nil))
}

func TestI2_an_identity_assertion_is_issued_to_the_clients_that_the_configuration_names(t *testing.T) {
	d := deploy(t, issuing)
	token := func(client string) string { return sign(t, "idp.ES256", d.idToken(client)) }
	no := invalidTarget("audience_not_allowed", "no identity assertion for this audience is issued to this client for users of this issuer")
	one := invalidTarget("audience_not_one", "an identity assertion needs one audience: the issuer identifier of the authorization server that it is for")
	audience := func(value string) map[string]string { return map[string]string{"audience": value, "resource": ""} }
	d.judge(t,
		deny("no client", d.trade(both(), token("assistant"), nil), invalidClient("client_missing", "token exchange needs client authentication, and the request has none")),
		deny("the name of one", d.trade(clientID("assistant"), token("assistant"), nil), strangeClient("method_wrong")),
		deny("a client without the grant", d.trade(d.proves("billing"), token("billing"), nil), unauthorizedClient("grant_not_allowed", "the client is not registered for this grant_type")),
		deny("a client of another entry", d.byAssistant(audience("https://auth.wiki.example.net")), no),
		deny("a server that nobody knows", d.byAssistant(audience("https://other.example.net")), no),
		deny("this server", d.byAssistant(audience(us)), no),
		deny("with a slash behind", d.byAssistant(audience(chat+"/")), no),
		deny("no audience", d.byAssistant(audience("")), one),
		deny("two audiences", d.byAssistant(nil, param("audience", "https://auth.wiki.example.net")), one),
	)
	got := d.issueIDJAG(t, d.trade(post("notes", mobileSecret), token("notes"), audience("https://auth.wiki.example.net")))
	if got.claims["client_id"] != "notes-at-wiki" || got.ExpiresIn != 120 || got.claims["resource"] != nil {
		t.Errorf("got %v", got.claims)
	}
}

func TestI3_what_an_identity_assertion_asks_for_is_bounded_by_the_configuration(t *testing.T) {
	d := deploy(t, issuing)
	asks := func(scope, resource string, parts ...part) request {
		return d.byAssistant(map[string]string{"scope": scope, "resource": resource}, parts...)
	}
	beyond := invalidScope("scope_not_allowed", "not all of this scope may be asked of that server")
	elsewhere := invalidTarget("resource_not_allowed", "this resource may not be asked of that server")
	d.judge(t,
		deny("another scope", asks("chat.write", chatAPI), beyond),
		deny("another scope besides", asks("chat.read chat.write", chatAPI), beyond),
		deny("a scope of ours", asks("invoices.read", chatAPI), beyond),
		deny("another resource", asks("chat.read", "https://api.chat.example.net"), elsewhere),
		deny("another resource besides", asks("chat.read", chatAPI, resource("https://invoices.example.com")), elsewhere),
		deny("a resource where none is named", d.trade(post("notes", mobileSecret), sign(t, "idp.ES256", d.idToken("notes")),
			map[string]string{"audience": "https://auth.wiki.example.net"}), elsewhere),
	)
	if got := d.issueIDJAG(t, asks("chat.read", chatAPI)); got.Scope != "chat.read" || got.claims["scope"] != "chat.read" {
		t.Errorf("got %v", got.claims)
	}
	all := d.issueIDJAG(t, asks("chat.read", ""))
	if difference := cmp.Diff([]any{chatAPI, "https://api.chat.example.net/files"}, all.claims["resource"]); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
	short := d.issueIDJAG(t, d.trade(d.proves("assistant"), sign(t, "idp.ES256", d.idToken("assistant").but("exp", d.clock.in(time.Minute))), nil))
	if short.ExpiresIn != 60 {
		t.Errorf("it outlives the ID token: %d s", short.ExpiresIn)
	}
}

func TestI3_an_identity_assertion_tells_of_the_sign_in_and_of_a_verified_address(t *testing.T) {
	d := deploy(t, issuing)
	told := claims{"auth_time": d.clock.in(-time.Hour), "acr": "2", "amr": []string{"mfa"}, "email": "alice@example.com", "name": "Alice"}
	for name, test := range map[string]struct {
		verified any
		want     []string
	}{
		"verified":     {true, []string{"auth_time", "acr", "amr", "email", "email_verified"}},
		"not verified": {false, []string{"auth_time", "acr", "amr"}},
		"in a text":    {"true", []string{"auth_time", "acr", "amr"}},
		"not said":     {nil, []string{"auth_time", "acr", "amr"}},
	} {
		token := d.idToken("assistant").but("email_verified", test.verified)
		for claim, value := range told {
			token = token.but(claim, value)
		}
		got := d.issueIDJAG(t, d.trade(d.proves("assistant"), sign(t, "idp.ES256", token), nil))
		for _, claim := range []string{"auth_time", "acr", "amr", "email", "email_verified", "name"} {
			if _, there := got.claims[claim]; there != strings.Contains(" "+strings.Join(test.want, " ")+" ", " "+claim+" ") {
				t.Errorf("%s: %s is there: %t", name, claim, there)
			}
		}
	}
}

func TestI4_an_identity_assertion_is_bound_to_the_key_of_the_proof(t *testing.T) {
	d := deploy(t, issuing)
	d.judge(t, deny("a bad proof", d.byAssistant(nil, header("DPoP", "good")), proofFault(jose.ErrCompact)))
	got := d.issueIDJAG(t, d.byAssistant(nil, d.proofBy("agent.ES256").sent()))
	if difference := cmp.Diff(map[string]any{"jkt": thumbprint(t, "agent.ES256")}, got.claims["cnf"]); difference != "" || got.Type != "N_A" {
		t.Errorf("token_type %s, cnf (want -, got +):\n%s", got.Type, difference)
	}
	if got := d.issueIDJAG(t, d.byAssistant(nil)); got.claims["cnf"] != nil {
		t.Errorf("cnf %v", got.claims["cnf"])
	}
}

func TestI5_the_metadata_says_that_identity_assertions_are_issued(t *testing.T) {
	types := func(document string) any {
		return deploy(t, document).metadata(t, "/.well-known/oauth-authorization-server")["identity_chaining_requested_token_types_supported"]
	}
	if got := types(crossApp); got != nil {
		t.Errorf("none is issued: %v", got)
	}
	if got := types(variant(t, issuing, "issuer: https://idp.example.com\n", "issuer: https://idp.example.com\n    disabled: true\n")); got != nil {
		t.Errorf("their issuer is disabled: %v", got)
	}
	if difference := cmp.Diff([]any{idJAGTokenType}, types(issuing)); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
	without, _, _ := strings.Cut(issuing, "identity_assertions:")
	none := deploy(t, without)
	none.judge(t, deny("where none is issued it is no type", none.byAssistant(nil),
		invalidRequest("requested_token_type_unknown", "requested_token_type is not one that this server issues")))
}

func TestI6_an_ID_token_is_good_for_more_than_one_identity_assertion(t *testing.T) {
	d := deploy(t, issuing)
	token := sign(t, "idp.ES256", d.idToken("assistant").but("jti", "1"))
	again := func(others map[string]string, parts ...part) request {
		return d.trade(d.proves("assistant"), token, others, parts...)
	}
	no := invalidRequest("subject_token_no_id_token", "subject_token_type: an identity assertion is issued for an ID token alone")
	d.judge(t,
		deny("as another type", again(map[string]string{"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}), no),
		deny("a refresh token", again(map[string]string{"subject_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}), no),
		deny("with an actor", again(map[string]string{"actor_token": token, "actor_token_type": idTokenType}),
			invalidRequest("actor_token_not_taken", "actor_token is not taken for an identity assertion")),
	)
	first, second := d.issueIDJAG(t, again(nil)), d.issueIDJAG(t, again(nil))
	if first.claims["jti"] == second.claims["jti"] || strings.Contains(first.body, "refresh_token") {
		t.Errorf("got %v and %v", first.claims, second.claims)
	}
}

// Both halves, as the two servers that they are for: what one issues the other takes.
func TestI2_what_one_server_issues_another_takes(t *testing.T) {
	d := deploy(t, issuing)
	other := deploy(t, `
issuer: https://auth.chat.example.net
signing_keys: {directory: keys}
resources: [{id: https://api.chat.example.net/mcp, scopes: [chat.read, chat.history]}]
clients:
  - id: f53f191f9311af35
    authentication: client_secret_post
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$AKpAqMYY9/0$X3XF2vTarmr06uPB/XY+QA"]
    grants: ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
issuers:
  - issuer: https://auth.example.com
    profile: id-jag
    keys: {file: own.ES256.json}
    allow: [{resource: https://api.chat.example.net/mcp, scopes: [chat.read]}]
`)
	text := func() string {
		return d.issueIDJAG(t, d.byAssistant(map[string]string{"scope": "chat.read"}, d.proofBy("agent.ES256").sent())).Text
	}
	theirs := post("f53f191f9311af35", mobileSecret)
	key := other.proofBy("agent.ES256").but("htu", chat+"/token").sent()
	other.judge(t,
		deny("without the key", jwtBearer(text(), theirs), invalidGrant("possession_key_missing", "the assertion is bound to a key (cnf.jkt), and the request has no DPoP header")),
		deny("without its client", jwtBearer(text()), invalidClient("client_not_proved", "this issuer's assertions need an authenticated client")),
	)
	d.judge(t, deny("at the server that has issued it", jwtBearer(text()), strangeIssuer("party_unknown")))
	got := other.grant(t, jwtBearer(text(), theirs, key))
	want := map[string]any{"iss": chat, "sub": "alice", "aud": chatAPI, "client_id": "f53f191f9311af35", "scope": "chat.read"}
	for name, value := range want {
		if got.claims[name] != value {
			t.Errorf("%s is %v, want %v", name, got.claims[name], value)
		}
	}
}
