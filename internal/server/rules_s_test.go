package server_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shop has resources whose scopes have the same names.
const shop = `
issuer: https://auth.example.com
signing_keys: {directory: keys}
resources:
  - {id: https://a.example.com, scopes: [read, write]}
  - {id: https://b.example.com/api, scopes: [read, delete]}
  - {id: "urn:example:c", scopes: [read]}
  - {id: "app:/d", scopes: [read]}
clients:
  - id: planner
    authentication: private_key_jwt
    keys: {file: planner.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: https://a.example.com, scopes: [read, write], default_scopes: [read], lifetime: 20m}
      - {resource: https://b.example.com/api, scopes: [read, delete], lifetime: 5m}
  - id: viewer                                      # one rule a scope
    authentication: private_key_jwt
    keys: {file: viewer.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: https://a.example.com, scopes: [read]}
      - {resource: https://a.example.com, scopes: [write], lifetime: 1m}
      - {resource: https://b.example.com/api, scopes: [delete], disabled: true}
  - id: modest                                      # it gets what there is of what it asks for
    authentication: private_key_jwt
    keys: {file: modest.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: https://a.example.com, scopes: [read], narrow: true}
  - id: wanderer
    authentication: private_key_jwt
    keys: {file: wanderer.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: "urn:example:c", scopes: [read]}
      - {resource: "app:/d", scopes: [read], subject: '"somebody else"'}
issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.ES256.json}
    allow:
      - {resource: https://a.example.com, scopes: [read], lifetime: 1h, expires_with_assertion: true}
      - {resource: https://b.example.com/api, scopes: [read], lifetime: 1h}
`

const (
	a = "https://a.example.com"
	b = "https://b.example.com/api"
)

var (
	scopeNotAllowed    = invalidScope("scope_not_allowed", "no rule allows all of this scope for the resource")
	scopeMalformed     = invalidScope("scope_malformed", "scope is not a list of scope tokens with one space between them (RFC 6749 section 3.3)")
	resourceNotAllowed = invalidTarget("resource_not_allowed", "no rule allows this resource")
	resourceMalformed  = invalidTarget("resource_malformed", "resource is not an absolute URI without a fragment (RFC 8707 section 2)")
	resourceAmbiguous  = invalidTarget("resource_ambiguous", "more than one resource is allowed; say which with the resource parameter (RFC 8707)")
	resourcesDiffer    = invalidTarget("resources_differ", "the rules for these resources differ in subject, claims or expiry; ask for one token each")
)

// expectScope asks for a scope and expects the one that is granted.
func (d *deployment) expectScope(t *testing.T, client, asked, want string) {
	t.Helper()
	if got := d.grant(t, clientCredentials(d.proves(client), resource(a), scope(asked))); got.Scope != want || got.claims["scope"] != want {
		t.Errorf("%q: got %q in the answer and %q in the token, want %q", asked, got.Scope, got.claims["scope"], want)
	}
}

func TestS1_order_and_repetition_do_not_matter_and_none_is_the_default(t *testing.T) {
	d := deploy(t, shop)
	d.expectScope(t, "planner", "", "read")
	d.expectScope(t, "planner", "read", "read")
	d.expectScope(t, "planner", "read write", "read write")
	d.expectScope(t, "planner", "write read", "write read")
	d.expectScope(t, "planner", "read write read read", "read write")
	d.expectScope(t, "planner", "write", "write")
}

func TestS1_a_scope_is_tokens_with_one_space_between(t *testing.T) {
	d := deploy(t, shop)
	for name, text := range map[string]string{
		"a space": " ", "a space before": " read", "a space behind": "read ", "two spaces": "read  write", "a tab": "read\twrite",
		"a line break": "read\nwrite", "a quotation mark": `"read"`, "a backslash": `read\`, "a letter beyond ASCII": "r\u00e9ad", "DEL": "read\x7f",
		"a NUL": "read\x00", "bytes that are no UTF-8": "read\xff", "a no-break space": "read\u00a0write",
	} {
		d.judge(t, deny(name, clientCredentials(d.proves("planner"), resource(a), scope(text)), scopeMalformed))
	}
}

func TestS1_a_scope_outside_the_rule_fails_the_whole_request(t *testing.T) {
	d := deploy(t, shop)
	ask := func(client, text string) request {
		return clientCredentials(d.proves(client), resource(a), scope(text))
	}
	d.judge(t,
		deny("unknown", ask("planner", "root"), scopeNotAllowed),
		deny("unknown beside a known one", ask("planner", "read root"), scopeNotAllowed),
		deny("another resource's", ask("planner", "delete"), scopeNotAllowed),
		deny("another resource's beside its own", ask("planner", "read delete"), scopeNotAllowed),
		deny("in capitals", ask("planner", "READ"), scopeNotAllowed),
		deny("a part", ask("planner", "rea"), scopeNotAllowed),
		deny("a pattern", ask("planner", "*"), scopeNotAllowed),
		deny("with commas", ask("planner", "read,write"), scopeNotAllowed),
		deny("known to the resource, not to the client", ask("modest", "write"), scopeNotAllowed),
		deny("two that two rules allow, and none both", ask("viewer", "read write"), scopeNotAllowed),
		allow("one of two rules", ask("viewer", "write")),
		deny("of a rule that is disabled", clientCredentials(d.proves("viewer"), resource(b), scope("delete")), resourceNotAllowed),
	)
}

func TestS1_a_trust_that_says_narrow_grants_the_part_that_is_allowed(t *testing.T) {
	d := deploy(t, shop)
	d.expectScope(t, "modest", "read", "read")
	d.expectScope(t, "modest", "write read root", "read")
	d.expectScope(t, "modest", "", "read")
	d.judge(t, deny("no part is", clientCredentials(d.proves("modest"), scope("write root")), scopeNotAllowed))
}

func TestS2_a_resource_is_an_absolute_URI_without_fragment(t *testing.T) {
	d := deploy(t, shop)
	for _, text := range []string{
		"a", "/a", "//a.example.com", "a.example.com", "https://", "https:", ":", "://a", "https://a.example.com#", "https://a.example.com#x",
		"https://a.example.com/#", " https://a.example.com", "https://a.example.com\n", "https://a.example.com/%zz", "\x00", "1https://a.example.com",
	} {
		d.judge(t, deny(text, clientCredentials(d.proves("planner"), resource(text)), resourceMalformed))
	}
	for name, text := range map[string]string{
		"unknown": "https://nobody.example.com", "with a slash behind": a + "/", "in capitals": "https://A.example.com", "with a port": a + ":443",
		"with a query": a + "?x", "a part": "https://b.example.com", "of another client": "urn:example:c", "a name": "urn:a", "us": us,
	} {
		d.judge(t, deny(name, clientCredentials(d.proves("planner"), resource(text)), resourceNotAllowed))
	}
	d.judge(t,
		deny("one that is allowed and one that is not", clientCredentials(d.proves("planner"), resource(a), resource("https://nobody.example.com")), resourceNotAllowed),
		deny("one that is allowed and one that is none", clientCredentials(d.proves("planner"), resource(a), resource("a")), resourceMalformed),
		allow("a URN", clientCredentials(d.proves("wanderer"), resource("urn:example:c"))),
		allow("a path without authority", clientCredentials(d.proves("wanderer"), resource("app:/d"))),
	)
}

func TestS2_the_resources_become_aud(t *testing.T) {
	d := deploy(t, shop)
	for name, test := range map[string]struct {
		parts []part
		want  any
	}{
		"one":                       {[]part{resource(a)}, a},
		"the other":                 {[]part{resource(b)}, b},
		"two":                       {[]part{resource(a), resource(b), scope("read")}, []any{a, b}},
		"two, the other way round":  {[]part{resource(b), resource(a), scope("read")}, []any{b, a}},
		"the same twice":            {[]part{resource(a), resource(a)}, a},
		"one and an empty one":      {[]part{resource(""), resource(a)}, a},
		"none, but a scope":         {[]part{scope("delete")}, b},
		"none, and the other scope": {[]part{scope("write")}, a},
	} {
		got := d.grant(t, clientCredentials(append(test.parts, d.proves("planner"))...))
		if difference := cmp.Diff(test.want, got.claims["aud"]); difference != "" {
			t.Errorf("%s: want -, got +:\n%s", name, difference)
		}
	}
}

func TestS2_without_a_resource_the_rules_must_leave_only_one(t *testing.T) {
	d := deploy(t, shop)
	d.judge(t,
		deny("nothing is said", clientCredentials(d.proves("planner")), resourceAmbiguous),
		deny("a scope of both", clientCredentials(d.proves("planner"), scope("read")), resourceAmbiguous),
		deny("a scope of neither", clientCredentials(d.proves("planner"), scope("root")), scopeNotAllowed),
		deny("a scope of each", clientCredentials(d.proves("planner"), scope("write delete")), scopeNotAllowed),
		allow("there is only one", clientCredentials(d.proves("modest"))),
		allow("there are two rules for only one", clientCredentials(d.proves("viewer"))),
	)
}

// ranked has rules that overlap.
const ranked = `
issuer: https://auth.example.com
signing_keys: {directory: keys}
resources:
  - {id: https://a.example.com, scopes: [read, write]}
  - {id: https://b.example.com/api, scopes: [read, delete]}
issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.ES256.json}
    allow:
      - {if: claims.team == "gone", resource: https://a.example.com, scopes: [read], lifetime: 1m, disabled: true}
      - {if: claims.team == "core", resource: https://a.example.com, scopes: [read, write], lifetime: 2m, subject: '"core:" + claims.sub'}
      - {resource: https://a.example.com, scopes: [read], lifetime: 3m}
      - {resource: https://a.example.com, scopes: [read, write], lifetime: 4m}
      - {if: claims.team == "ops", resource: https://b.example.com/api, scopes: [read, delete], lifetime: 5m}
      - {if: claims.team == "ops", resource: https://b.example.com/api, scopes: [read, delete], lifetime: 6m}
`

func TestS2_of_several_rules_for_a_resource_the_first_that_matches_decides(t *testing.T) {
	d := deploy(t, ranked)
	by := func(team string, parts ...part) request {
		return jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("team", team)), parts...)
	}
	for name, test := range map[string]struct {
		request request
		rule    string
		seconds int64
	}{
		"the first":                                   {by("core"), "issuers[0].allow[1]", 120},
		"the first that matches":                      {by("sales"), "issuers[0].allow[2]", 180},
		"one that is disabled is not there":           {by("gone"), "issuers[0].allow[2]", 180},
		"the scope picks a later one":                 {by("sales", scope("write")), "issuers[0].allow[3]", 240},
		"the scope picks the resource, and the first": {by("ops", scope("delete")), "issuers[0].allow[4]", 300},
		"the resource picks, and there the first":     {by("ops", resource(b), scope("read")), "issuers[0].allow[4]", 300},
		"the first of each of two resources":          {by("ops", resource(b), resource(a), scope("read")), "issuers[0].allow[4] issuers[0].allow[2]", 180},
	} {
		t.Run(name, func(t *testing.T) {
			got := d.grant(t, test.request)
			if event := d.log.lastDecision(t); event["rule"] != test.rule || got.ExpiresIn != test.seconds {
				t.Errorf("%v decided, for %d s; want %s, %d s", event["rule"], got.ExpiresIn, test.rule, test.seconds)
			}
		})
	}
	d.judge(t,
		deny("the order picks no resource", by("ops"), resourceAmbiguous),
		deny("nor does a scope that both have", by("ops", scope("read")), resourceAmbiguous),
		deny("two rules do not add up", by("ops", scope("write delete")), scopeNotAllowed),
	)
	if event := d.log.lastDecision(t); event["rule"] != nil {
		t.Errorf("nothing was decided, by %v", event["rule"])
	}
}

// RFC 8707 §2.2: a token for several resources gives each of them to all the others.
func TestS2_a_token_for_several_resources_has_what_all_of_them_allow(t *testing.T) {
	d := deploy(t, shop)
	both := func(client string, parts ...part) request {
		return clientCredentials(append(parts, d.proves(client), resource(a), resource(b))...)
	}
	d.judge(t,
		allow("a scope of both", both("planner", scope("read"))),
		deny("a scope of one", both("planner", scope("read write")), scopeNotAllowed),
		deny("a scope of each", both("planner", scope("write delete")), scopeNotAllowed),
		deny("one of them is not allowed", both("viewer"), resourceNotAllowed),
		deny("rules for other subjects", clientCredentials(d.proves("wanderer"), resource("urn:example:c"), resource("app:/d")), resourcesDiffer),
	)
	for _, resources := range [][]part{{resource(a), resource(b)}, {resource(b), resource(a)}} {
		if got := d.grant(t, clientCredentials(append(resources, d.proves("planner"))...)); got.Scope != "read" {
			t.Errorf("by default it has %q", got.Scope)
		}
	}
}

func TestS3_a_token_lives_no_longer_than_its_rule(t *testing.T) {
	d := deploy(t, shop)
	for name, test := range map[string]struct {
		client string
		parts  []part
		want   time.Duration
	}{
		"the default of all":   {"modest", nil, 10 * time.Minute},
		"the rule's":           {"planner", []part{resource(a)}, 20 * time.Minute},
		"the other rule's":     {"planner", []part{resource(b)}, 5 * time.Minute},
		"the shorter of two":   {"planner", []part{resource(a), resource(b)}, 5 * time.Minute},
		"the rule that grants": {"viewer", []part{scope("write")}, time.Minute},
		"nothing asked for":    {"modest", []part{param("expires_in", "86400"), param("lifetime", "1d")}, 10 * time.Minute},
	} {
		got := d.grant(t, clientCredentials(append(test.parts, d.proves(test.client))...))
		if got.ExpiresIn != int64(test.want.Seconds()) || got.claims["exp"] != d.clock.in(test.want) || got.claims["iat"] != d.clock.in(0) {
			t.Errorf("%s: expires_in %d, iat %v, exp %v", name, got.ExpiresIn, got.claims["iat"], got.claims["exp"])
		}
	}
}

func TestS3_a_token_ends_with_its_assertion_where_the_trust_says_so(t *testing.T) {
	d := deploy(t, shop)
	until := func(in time.Duration, resources ...string) request {
		r := jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("exp", d.clock.in(in))))
		for _, id := range resources {
			resource(id)(&r)
		}
		return r
	}
	for _, in := range []time.Duration{2 * time.Second, 30 * time.Second, time.Hour} {
		if got := d.grant(t, until(in, a)); got.claims["exp"] != d.clock.in(in) || got.ExpiresIn != int64(in.Seconds()) {
			t.Errorf("%v: got exp %v, expires_in %d", in, got.claims["exp"], got.ExpiresIn)
		}
		if got := d.grant(t, until(in, b)); got.ExpiresIn != 3600 {
			t.Errorf("%v, where nothing is said: got expires_in %d", in, got.ExpiresIn)
		}
	}
	if got := d.grant(t, until(time.Hour+5*time.Second, a)); got.ExpiresIn != 3600 {
		t.Errorf("longer than the rule: got expires_in %d", got.ExpiresIn)
	}
	soon := invalidGrant("expires_too_soon", "assertion: exp is too near for a token that ends with it")
	d.judge(t,
		deny("in a second", until(time.Second, a), soon),
		deny("now", until(0, a), soon),
		deny("just before, and forgiven", until(-5*time.Second, a), soon),
		allow("just before, and forgiven, where nothing is said", until(-5*time.Second, b)),
		deny("for one that ends and one that does not", until(time.Minute, a, b), resourcesDiffer),
	)
}
