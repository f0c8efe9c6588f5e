package main

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
)

// explainTest is a configuration with a party for each way to be refused, and their keys.
type explainTest struct {
	folder string
	keys   map[string]jose.SigningKey
}

// notesSecret is the secret of the client notes.
const notesSecret = "mobile-secret-93ad07e5b1c2"

// noonText is when everything happens.
const noonText = "2026-03-01T12:00:00Z"

func noon() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC) }

func newExplainTest(t *testing.T) explainTest {
	t.Helper()
	e := explainTest{t.TempDir(), map[string]jose.SigningKey{}}
	for _, name := range []string{"ci", "ci-next", "batch", "stranger"} {
		e.keys[name] = parsePrivate(t, newKey(t, e.folder, name, jose.ES256), "")
	}
	both, err := jose.EncodeKeySet(jose.KeySet{e.keys["ci"].Verification(), e.keys["ci-next"].Verification()})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(e.folder, "both.jwks.json"), string(both))
	write(t, filepath.Join(e.folder, "config.yaml"), `issuer: https://auth.example.com
signing_keys: {secret: projects/acme/secrets/signing-keys}
resources:
  - {id: https://api.example.com, scopes: [read, write]}
  - {id: https://deploy.example.com, scopes: [deploy, read]}
  - {id: "urn:ledger", scopes: [read], access_tokens: {algorithm: HS256, shared_secret: projects/acme/secrets/ledger}}
clients:
  - id: batch
    authentication: private_key_jwt
    keys: {file: batch.jwks.json}
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - id: portal
    authentication: client_secret_basic
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$f0Y4efikBUU$2aKtyboevh+TiGuyB2ri1A"]
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - id: front
    authentication: client_secret_basic
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$f0Y4efikBUU$2aKtyboevh+TiGuyB2ri1A"]
    grants: ["urn:ietf:params:oauth:grant-type:token-exchange"]
  - id: notes
    authentication: client_secret_post
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$AKpAqMYY9/0$X3XF2vTarmr06uPB/XY+QA"]
    grants: ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
  - id: mail-app
    authentication: none
    grants: ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - id: bank
    profile: fapi2
    authentication: private_key_jwt
    keys: {file: batch.jwks.json}
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - id: robot
    authentication: none
    keys: {file: batch.jwks.json}
    grants: ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow: [{resource: https://api.example.com, scopes: [read]}]
issuers:
  - issuer: https://ci.example.com
    keys: {file: ci.jwks.json}
    types: [ci+jwt]
    scope: claim
    allow:
      - {resource: https://api.example.com, scopes: [read, write], if: claims.ref == "main"}
      - {resource: https://deploy.example.com, scopes: [deploy], subject: '"job:" + claims.sub', if: claims.ref == "main"}
  - issuer: https://ledger.example.com
    keys: {file: ci.jwks.json}
    allow:
      - {resource: https://api.example.com, scopes: [read]}
      - {resource: "urn:ledger", scopes: [read]}
  - issuer: https://partner.example.com
    keys: {file: ci.jwks.json}
    client: authenticated
    jti: required
    allow: [{resource: https://api.example.com, scopes: [read], expires_with_assertion: true}]
  - issuer: https://till.example.com
    keys: {file: ci.jwks.json}
    client: identified
    allow: [{resource: https://api.example.com, scopes: [read], expires_with_assertion: true}]
  - issuer: https://both.example.com
    keys: {file: both.jwks.json}
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - issuer: https://former.example.com
    disabled: true
    keys: {file: ci.jwks.json}
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - issuer: https://workforce.example.com
    profile: id-jag
    keys: {file: ci.jwks.json}
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - issuer: https://hmac.example.com
    keys: {shared_secret: projects/acme/secrets/hmac, algorithm: HS256}
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	return e
}

// said are the claims of an assertion.
type said map[string]any

// with returns the claims with others; nil takes one away.
func (s said) with(others said) said {
	changed := maps.Clone(s)
	maps.Copy(changed, others)
	maps.DeleteFunc(changed, func(_ string, value any) bool { return value == nil })
	return changed
}

// by are claims that all is well with, for an assertion of this party.
func by(issuer string) said {
	return said{
		"iss": issuer, "sub": issuer, "aud": "https://auth.example.com", "jti": "1", "ref": "main",
		"iat": noon().Unix(), "exp": noon().Add(5 * time.Minute).Unix(),
	}
}

const ci = "https://ci.example.com"

func (e explainTest) sign(t *testing.T, key, typ string, claims said) string {
	t.Helper()
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := e.keys[key].Sign(typ, text)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// unsigned is a JWT of any header and payload, whose signature is none.
func unsigned(header, payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(header)) + "." + encode([]byte(payload)) + "." + encode([]byte("signature"))
}

// damaged is an assertion whose claims were changed after it was signed.
func (e explainTest) damaged(t *testing.T, key string, claims said) string {
	t.Helper()
	one, other := e.sign(t, key, "JWT", claims), e.sign(t, key, "JWT", claims.with(said{"jti": "2"}))
	return one[:strings.LastIndex(one, ".")] + other[strings.LastIndex(other, "."):]
}

// explain runs the command as of noon.
func (e explainTest) explain(t *testing.T, assertion string, options ...string) ran {
	t.Helper()
	return runCommand(t, assertion, append([]string{"explain", "-at", noonText, "-config", filepath.Join(e.folder, "config.yaml")}, options...)...)
}

// refused is a row of the table: how to be refused for a reason, and what is said about it besides.
type refused struct {
	reason    string // in the log
	assertion string
	options   string
	says      string // a line of the explanation
}

// refusals are how to be refused for each reason.
func (e explainTest) refusals(t *testing.T) []refused {
	good := func(changes said) string { return e.sign(t, "ci", "JWT", by(ci).with(changes)) }
	from := func(issuer string) string { return e.sign(t, "ci", "JWT", by(issuer)) }
	batch := func(changes said) string { return e.sign(t, "batch", "JWT", by("batch").with(changes)) }
	idJAG := func(changes said) string {
		return e.sign(t, "ci", "oauth-id-jag+jwt", by("https://workforce.example.com").with(said{"sub": "alice", "client_id": "notes"}).with(changes))
	}
	in := func(d time.Duration) any { return noon().Add(d).Unix() }
	const exchanged = "-grant token-exchange -client front"
	claims, header := `{"iss":"`+ci+`","exp":1772366700}`, `{"alg":"ES256"}`
	return []refused{
		// The request.
		{"body_too_large", strings.Repeat("x", 65<<10), "", "✗ form                       the body is larger than 64 KiB"},
		{"too_many_parameters", good(nil), strings.Repeat("-resource https://api.example.com ", 63), "the body has more than 64 parameters"},
		{"assertion_too_long", good(said{"pad": strings.Repeat("x", 16<<10)}), "", "✗ request                    assertion is longer than 16 KiB"},
		{"client_assertion_too_long", batch(said{"pad": strings.Repeat("x", 16<<10)}), "", "client_assertion is longer than 16 KiB"},
		{"scope_malformed", good(nil), `-scope read\write`, "scope is not a list of scope tokens"},
		{"resource_malformed", good(nil), "-resource api.example.com", "resource is not an absolute URI"},

		// Who sends it.
		{"client_id_mismatch", batch(nil), "-client portal", "client_id is not the iss of the client assertion"},
		{"client_unknown", good(nil), "-client nobody", `✗ client                     "nobody"`},
		{"client_unknown", e.sign(t, "batch", "JWT", by("Batch")), "-grant client_credentials", `it differs from "batch" in capital letters only`},
		{"method_wrong", e.sign(t, "batch", "JWT", by("portal")), "", "the client portal authenticates by client_secret_basic, and not by an assertion"},
		{"client_missing", from("https://till.example.com"), "", "-client ID explains it as sent by that client"},
		{"client_not_proved", from("https://partner.example.com"), "-client mail-app", "this issuer's assertions need an authenticated client"},
		{"grant_not_allowed", good(nil), "-client portal", "the client is not registered for this grant_type"},
		{"assertion_of_other_client", e.sign(t, "batch", "JWT", by("robot")), "-client mail-app", "the assertion is another client's"},

		// The form of the assertion.
		{"assertion_not_compact", "Bearer " + good(nil), "", "it begins with Bearer"},
		{"assertion_not_compact", `{"value":"` + good(nil) + `"}`, "", "it is JSON"},
		{"assertion_not_compact", good(nil) + "=", "", "it has characters (+, / or =) that base64url does not have"},
		{"assertion_not_compact", "eyJ eyJ", "", "it has white space in it"},
		{"assertion_not_compact", "opaque", "", "it has 1 parts"},
		{"assertion_encrypted", "a.b.c.d.e", "", "the JWT is encrypted"},
		{"assertion_header_malformed", unsigned(`{"alg":1}`, claims), "", "a header parameter of the JWT"},
		{"assertion_header_crit", unsigned(`{"alg":"ES256","crit":["x"]}`, claims), "", "the JWT has a crit header"},
		{"assertion_header_b64", unsigned(`{"alg":"ES256","b64":false}`, claims), "", "the JWT has a b64 header"},
		{"assertion_nested", unsigned(`{"alg":"ES256","cty":"JWT"}`, claims), "", "the cty header says"},
		{"assertion_algorithm", unsigned(`{"alg":"none"}`, claims), "", "the alg header is not an algorithm"},
		{"assertion_json_malformed", unsigned(header, `{"iss":"a","iss":"b"}`), "", "a part of the JWT is not one JSON object"},
		{"assertion_claim_type", good(said{"exp": noon().UnixMilli()}), "", "exp is 1772366400000, which is perhaps milliseconds;"},
		{"assertion_claim_type", good(said{"iat": "now", "sub": 17}), "", `iat is "now"`},
		{"assertion_claim_type", good(said{"sub": 17, "aud": ""}), "", "sub is 17"},
		{"assertion_iss_missing", good(said{"iss": nil}), "", "iss is missing"},

		// When, and by whom.
		{"assertion_exp_missing", good(said{"exp": nil}), "", "✗ assertion.exp              absent"},
		{"assertion_expired", good(said{"exp": in(-time.Hour), "iat": in(-2 * time.Hour)}), "", "to see what it was good for: -at 2026-03-01T10:00:00Z"},
		{"assertion_expired", good(said{"exp": in(-time.Hour), "iat": nil}), "", "-at 2026-03-01T10:59:59Z"},
		{"assertion_not_yet_valid", good(said{"nbf": in(time.Minute)}), "", "a clock may be ahead of this one by 10s (clock_skew)"},
		{"assertion_iat_in_future", good(said{"iat": in(time.Minute)}), "", "✗ assertion.iat              2026-03-01 12:01:00 UTC, in 1m"},
		{"assertion_party_unknown", from("http://ci.example.com"), "", `it differs from "https://ci.example.com" in the scheme only`},
		{"assertion_party_unknown", from("https://former.example.com"), "", "the issuer https://former.example.com is disabled in the configuration"},
		{"assertion_party_unknown", e.sign(t, "batch", "JWT", by("batch")), "-grant jwt-bearer", "the client batch is not registered for the JWT authorization grant"},
		{"assertion_party_unknown", e.sign(t, "batch", "JWT", by("mail-app")), "-grant jwt-bearer", "the client mail-app has no keys"},
		{"assertion_key_unknown", e.sign(t, "stranger", "JWT", by(ci)), "", "registered: ES256 key " + e.keys["ci"].ID()},
		{"assertion_key_unknown", from("https://hmac.example.com"), "", "registered: HS256 with the shared secret in"},
		{"assertion_key_ambiguous", unsigned(header, `{"iss":"https://both.example.com","exp":1772366700}`), "", "more than one registered key has this alg"},
		{"assertion_signature", e.damaged(t, "ci", by(ci)), "", "the key that it names has not made this signature"},
		{"key_unknown", e.sign(t, "stranger", "JWT", by("batch")), "", "registered: ES256 key " + e.keys["batch"].ID()},
		{"signature", e.damaged(t, "batch", by("batch")), "", "✗ client_assertion.signature the key that it names"},

		// What it says.
		{"assertion_typ", e.sign(t, "ci", "ci-jwt", by(ci)), "", `it has "-" where "ci+jwt" has "+"`},
		{"assertion_sub_missing", good(said{"sub": nil}), "", "✗ assertion.sub              absent"},
		{"client_assertion_sub", batch(said{"sub": "Batch"}), "", `it differs from "batch" in capital letters only`},
		{"assertion_aud", good(said{"aud": []string{"x", "http://auth.example.com"}}), "", `"http://auth.example.com": it differs from "https://auth.example.com" in the scheme`},
		{"assertion_aud_missing", good(said{"aud": nil}), "", "want one of https://auth.example.com, https://auth.example.com/token"},
		{"client_assertion_aud_several", batch(said{"aud": []string{"https://auth.example.com", "x"}}), "", `✗ client_assertion.aud       ["https://auth.example.com","x"]`},
		{"client_assertion_aud_array", e.sign(t, "batch", "JWT", by("bank").with(said{"aud": []string{"https://auth.example.com"}})), "", `✗ client_assertion.aud       ["https://auth.example.com"]`},
		{"assertion_lifetime", good(said{"exp": in(26 * time.Hour)}), "", "1d2h from now, 1d2h from iat"},
		{"assertion_jti_missing", e.sign(t, "ci", "JWT", by("https://partner.example.com").with(said{"jti": nil})), "", "jti is missing"},
		{"scope_claim", good(said{"scope": []string{"read"}}), "-resource https://api.example.com", "the assertion's scope is not a string"},

		// What is exchanged.
		{"subject_token_too_long", good(said{"pad": strings.Repeat("x", 16<<10)}), exchanged, "subject_token is longer than 16 KiB"},
		{"subject_token_expired", good(said{"exp": in(-time.Minute)}), exchanged, "exp has passed"},
		{"subject_token_party_unknown", from("https://nobody.example.com"), exchanged, "nobody is registered under this iss"},
		{"subject_token_party_unknown", batch(nil), exchanged, "nobody is registered under this iss"},
		{"act", good(said{"act": "agent"}), exchanged, "its act claim is not one that can be carried on"},
		{"may_act", good(said{"may_act": said{"sub": "x"}}), exchanged, "its may_act claim does not name the client"},
		{"grant_not_allowed", good(nil), "-grant token-exchange -client portal", "not registered for this grant_type"},
		{"no_rule", good(said{"ref": "Main"}), exchanged, "no rule matches the claims of the subject_token"},
		// What an identity assertion says besides.
		{"assertion_typ", e.sign(t, "ci", "JWT", by("https://workforce.example.com")), "-client notes", `want oauth-id-jag+jwt`},
		{"assertion_iat_missing", idJAG(said{"iat": nil}), "-client notes", "iat is missing"},
		{"assertion_client_id", idJAG(said{"client_id": "Notes"}), "-client notes", "client_id is not the client that sends the request"},
		{"assertion_resource", idJAG(said{"resource": "api"}), "-client notes", "resource is neither an absolute URI"},
		{"resource_claim", idJAG(said{"resource": "https://api.example.com"}), "-client notes -resource urn:ledger", "resource is not within the assertion's own resource"},
		{"assertion_authorization_details", idJAG(said{"authorization_details": []any{said{"type": "chat"}}}), "-client notes", "this server knows no authorization_details"},
		{"assertion_act", idJAG(said{"act": "agent"}), "-client notes", "its act claim is not one that can be carried on"},
		{"assertion_cnf", idJAG(said{"cnf": said{"kid": "1"}}), "-client notes", "cnf asks for another proof"},
		{"possession_certificate_missing", idJAG(said{"cnf": said{"x5t#S256": "1"}}), "-client notes", "the assertion is bound to a certificate"},

		// What it asks for.
		{"no_rule", good(said{"ref": "Main"}), "", `it differs from "main" in capital letters only`},
		{"no_rule", good(said{"ref": "x", "branch": "main"}), "", "the claim branch has the value that ref should have"},
		{"no_rule", good(said{"ref": nil, "branch": "main"}), "", "the claim branch has the value that ref should have"},
		{"no_rule", good(said{"ref": []string{"main"}}), "", `it is an array, and "main" is in it; one text is expected`},
		{"resource_not_allowed", good(nil), "-resource https://api.example.com/", `"https://api.example.com/": it has a slash at the end`},
		{"resource_ambiguous", good(nil), "", "-resource URI says which"},
		{"scope_not_allowed", good(nil), "-resource https://api.example.com -scope raed", "want one of read, write no rule allows all of this scope"},
		{"resources_differ", good(nil), "-resource https://api.example.com -resource https://deploy.example.com", "the rules for these resources differ"},
		{"resources_differ", from("https://ledger.example.com"), "-resource https://api.example.com -resource urn:ledger", "one of these resources takes tokens of its own kind only"},
		{"subject_is_client", good(said{"sub": "batch"}), "-resource https://api.example.com", "has the name of a client"},
		{"expires_too_soon", e.sign(t, "ci", "JWT", by("https://till.example.com").with(said{"exp": in(-5 * time.Second)})), "-client mail-app", "✗ draft"},
	}
}

func TestExplainNamesTheCheckOfEveryRefusal(t *testing.T) {
	e := newExplainTest(t)
	for _, row := range e.refusals(t) {
		t.Run(row.reason, func(t *testing.T) {
			result := e.explain(t, row.assertion, strings.Fields(row.options)...)
			if result.err == nil || exitStatus(result.err) != 1 || !strings.HasSuffix(result.err.Error(), "("+row.reason+")") {
				t.Fatalf("the error is %v", result.err)
			}
			if !strings.Contains(result.stdout, "\nrefused: ") || !strings.Contains(result.stdout, " "+row.reason+"\n") {
				t.Errorf("it is refused for another reason:\n%s", result.stdout)
			}
			if !strings.Contains(oneLine(result.stdout), oneLine(row.says)) {
				t.Errorf("want %q in\n%s", row.says, result.stdout)
			}
			if strings.Count(result.stdout, "✗") == 0 || strings.Contains(result.stdout, "(trace ") {
				t.Errorf("no check has failed, or an id is shown that nobody can look up:\n%s", result.stdout)
			}
		})
	}
}

// notExplained are the reasons that no run of explain ends with.
var notExplained = map[string]string{
	"method": theRequest, "content_type": theRequest, "content_encoding": theRequest, "body_unreadable": theRequest, "form_malformed": theRequest,
	"parameter_repeated": theRequest, "grant_type_missing": theRequest, "several_credentials": theRequest, "client_assertion_missing": theRequest,
	"client_assertion_type_missing": theRequest, "client_assertion_type_unknown": theRequest, "client_id_missing": theRequest,
	"authorization_scheme_unknown": theRequest, "basic_malformed": theRequest, "assertion_missing": theRequest,
	"dpop_empty": theRequest, "dpop_repeated": theRequest, "proxy_secret_unavailable": theRequest, "dpop_nonce_keys_unavailable": theRequest,
	"certificate_proxy": theRequest, "certificate_malformed": theRequest, "certificate_too_large": theRequest,
	"subject_token_missing": theRequest, "subject_token_type_missing": theRequest,
	"actor_token_missing": theRequest, "actor_token_type_missing": theRequest, "actor_token_too_long": theRequest,
	"requested_token_type_unknown": theRequest,
	"actor_of_other_client":        noActor, "actor_delegated": noActor, "act_too_deep": noActor,

	"iss": "whose it is follows from its iss",

	"require": "it is a fault of a preset, found when a configuration is loaded",

	"audience_not_one": anIDToken, "audience_not_allowed": anIDToken, "subject_token_azp": anIDToken,
	"subject_token_no_id_token": anIDToken, "actor_token_not_taken": anIDToken,

	"certificate_untrusted": noConnection, "certificate_expired": noConnection, "certificate_name": noConnection, "certificate_key": noConnection,

	"secret_wrong": standsIn, "busy": standsIn, "client_keys_unavailable": standsIn, "issuer_keys_unavailable": standsIn,
	"signing_key_unavailable": standsIn, "signing_failed": standsIn, "configuration_unavailable": standsIn,
	"possession_key_missing": standsIn, "possession_key": standsIn, "possession_certificate": standsIn,
	"dpop_missing": standsIn, "constraint_missing": standsIn, "certificate_missing": standsIn,
	"replayed": aNewService, "assertion_replayed": aNewService, "client_assertion_replayed": aNewService, "replay_store_unavailable": aNewService,
	"dpop_replayed": aNewService, "exchange_replayed": aNewService, "too_many_failures": aNewService,
	"issued_tokens_unavailable":   "an access token of ours takes our keys",
	"requested_token_type_opaque": theRequest,

	"token_missing": anotherEndpoint, "introspection_not_allowed": anotherEndpoint, "revocation_store_unavailable": anotherEndpoint,

	"stopped": noStopList, "stop_list_unavailable": noStopList, "status_list_unavailable": "no request for a token",
}

const (
	theRequest   = "explain makes the request itself"
	anIDToken    = "explain takes no ID token that an identity assertion is asked for"
	noConnection = "a certificate comes with a TLS connection, and explain has none"
	noActor      = "explain has no actor_token"
	standsIn     = "there is a stand-in for what could fail"
	noStopList   = "the stop list is in a secret, and explain reads none"
	aNewService  = "a service that has just begun remembers nothing"

	anotherEndpoint = "it is about a token that comes back"
)

// The reasons are taken from the source, so that none is forgotten here when one is added there.
func TestExplainForgetsNoReason(t *testing.T) {
	explained := map[string]bool{}
	for _, row := range newExplainTest(t).refusals(t) {
		explained[row.reason] = true
	}
	known := reasonsInSource(t)
	if len(known) < 70 {
		t.Fatalf("only %d reasons are in the source", len(known))
	}
	for _, reason := range known {
		found := explained[reason] || explained["assertion_"+reason] || explained["client_assertion_"+reason]
		if why, excused := notExplained[reason]; found == excused {
			t.Errorf("%s: explained %t, and excused by %q", reason, found, why)
		}
	}
	for reason := range notExplained {
		if !slices.Contains(known, reason) {
			t.Errorf("%s is no reason", reason)
		}
	}
}

// reasonsInSource returns every reason that a stage of the pipeline, or an assertion's form, is refused for.
func reasonsInSource(t *testing.T) []string {
	t.Helper()
	// What a proof is refused for, package dpop, is left out: explain makes the proof itself.
	written := regexp.MustCompile(`(?:Reason: +|Fault\{|(?:malformed|invalid|refused|refuseExchange|unauthorized|Unavailable)\()"([a-z0-9_]*[a-z0-9])"`)
	var reasons []string
	for _, stage := range []string{"server", "oauth", "client", "grant", "policy", "token", "assertion", "jose", "sender", "mutualtls"} {
		files, err := filepath.Glob(filepath.Join("..", "internal", stage, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has %d files, %v", stage, len(files), err)
		}
		for _, file := range files {
			isKey := stage == "jose" && !strings.HasSuffix(file, "token.go") && !strings.HasSuffix(file, "verificationkey.go") && !strings.HasSuffix(file, "json.go")
			if strings.HasSuffix(file, "_test.go") || isKey {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range written.FindAllStringSubmatch(string(text), -1) {
				reasons = append(reasons, match[1])
			}
		}
	}
	slices.Sort(reasons)
	return slices.Compact(reasons)
}
