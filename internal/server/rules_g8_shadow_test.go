package server_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/oauth"
)

// onTrial has rules in shadow mode beside others, and parties that have nothing else.
const onTrial = `
issuer: https://auth.example.com
signing_keys: {directory: keys}
resources:
  - {id: https://a.example.com, scopes: [read, write]}
  - {id: https://b.example.com/api, scopes: [read, delete]}
clients:
  - id: planner
    authentication: private_key_jwt
    keys: {file: planner.ES256.json}
    grants: [client_credentials, "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow:
      - {resource: https://a.example.com, scopes: [read, write], lifetime: 20m, mode: audit}
issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.ES256.json}
    allow:
      - {if: claims.team == "core", resource: https://a.example.com, scopes: [read], lifetime: 1m, subject: '"core:" + claims.sub', mode: audit}
      - {resource: https://a.example.com, scopes: [read], lifetime: 5m, mode: enforce}
      - {resource: https://a.example.com, scopes: [read, write], lifetime: 1h, mode: audit}
      - {if: claims.team == "ops", resource: https://b.example.com/api, scopes: [delete, read], default_scopes: [read], mode: audit}
      - {if: claims.team == "ops", resource: https://b.example.com/api, scopes: [read], mode: audit, disabled: true}
`

// shadowed is an entry of the log about a rule in shadow mode.
type shadowed map[string]any

func wouldGrant(rule, subject, resource, scope string, seconds float64) shadowed {
	return shadowed{"rule": rule, "decision": "would grant", "sub": subject, "resource": resource, "scope": scope, "lifetime": seconds}
}

func wouldRefuse(rule, reason string) shadowed {
	return shadowed{"rule": rule, "decision": "would refuse", "reason": reason}
}

// expectShadows holds the last decision in the log to what rules in shadow mode would have made of it.
func (d *deployment) expectShadows(t *testing.T, want ...shadowed) {
	t.Helper()
	event := d.log.lastDecision(t)
	if _, told := event["shadow"]; told != (len(want) > 0) {
		t.Errorf("shadow is %v", event["shadow"])
	}
	var got []shadowed
	list, _ := event["shadow"].([]any)
	for _, entry := range list {
		got = append(got, entry.(map[string]any))
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
}

func TestG8_a_rule_in_shadow_mode_decides_nothing_and_logs_what_it_would_have(t *testing.T) {
	d := deploy(t, onTrial)
	by := func(team string, parts ...part) request {
		return jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("team", team)), parts...)
	}
	nothing := unauthorizedClient("no_rule", "no rule allows this client anything")
	for _, test := range []struct {
		verdict verdict
		shadows []shadowed
	}{
		{deny("a client that has no other rule", clientCredentials(d.proves("planner")), nothing), []shadowed{wouldGrant("clients[0].allow[0]", "planner", a, "read write", 1200)}},
		{deny("by its own assertion", jwtBearer(sign(t, "planner.ES256", d.of("planner"))), noRule), []shadowed{wouldGrant("clients[0].allow[0]", "planner", a, "read write", 1200)}},
		{deny("a scope that its rule has not", clientCredentials(d.proves("planner"), scope("delete")), nothing), []shadowed{wouldRefuse("clients[0].allow[0]", "scope_not_allowed")}},
		{deny("more scope", by("sales", scope("write")), scopeNotAllowed), []shadowed{wouldGrant("issuers[0].allow[2]", "alice", a, "write", 3600)}},
		{deny("another resource", by("ops", resource(b)), resourceNotAllowed), []shadowed{wouldGrant("issuers[0].allow[3]", "alice", b, "read", 600)}},
		{deny("what nobody has", by("sales", scope("root")), scopeNotAllowed), nil},
		{allow("a rule that comes first", by("core", scope("read"))), []shadowed{wouldGrant("issuers[0].allow[0]", "core:alice", a, "read", 60)}},
		{allow("two resources", by("ops")), []shadowed{wouldRefuse("issuers[0].allow[3]", "resource_ambiguous")}},
		{allow("a rule that comes later", by("sales", scope("read"))), nil},
	} {
		d.judge(t, test.verdict)
		d.expectShadows(t, test.shadows...)
	}

	// What is granted is the enforced rule's alone, whatever stands before and behind it.
	got := d.grant(t, by("core"))
	if event := d.log.lastDecision(t); got.claims["sub"] != "alice" || got.ExpiresIn != 300 || event["rule"] != "issuers[0].allow[1]" {
		t.Errorf("got %v for %d s by %v", got.claims["sub"], got.ExpiresIn, event["rule"])
	}
	// A request that is refused before any rule is looked at casts no shadow; one that is refused behind them does.
	d.judge(t, deny("another audience", jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("team", "core").but("aud", "x"))), grantFault(assertion.ErrAudience)))
	d.expectShadows(t)
	again := by("core")
	d.judge(t, allow("once", again), deny("and again", again, grantFault(assertion.ErrReplayed)))
	d.expectShadows(t, wouldGrant("issuers[0].allow[0]", "core:alice", a, "read", 60))
}

// The caller is told nothing of it: what is on trial is not yet said to anybody.
func TestG8_a_rule_in_shadow_mode_is_in_no_answer(t *testing.T) {
	d := deploy(t, onTrial)
	for _, r := range []request{
		clientCredentials(d.proves("planner")), jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("team", "core"))),
	} {
		if got := d.send(t, r); strings.Contains(got.body, "would") || strings.Contains(got.body, "shadow") || strings.Contains(got.body, "core:") {
			t.Errorf("got %s", got.body)
		}
	}
}

// A stranger's claims are in what is told, as long as they are short.
func TestLog_of_shadows_is_bounded(t *testing.T) {
	d := deploy(t, onTrial)
	before := len(d.log.String())
	d.grant(t, jwtBearer(sign(t, "idp.ES256", d.about(strings.Repeat("x", 5000), idp).but("team", "core"))))
	if written := len(d.log.String()) - before; written > 3000 {
		t.Errorf("%d bytes were written", written)
	}
}

func TestThreat_what_is_disabled_is_not_in_shadow_mode_either(t *testing.T) {
	document := variant(t, onTrial, "- id: planner\n", "- id: planner\n    disabled: true\n")
	for name, document := range map[string]string{
		"the party": variant(t, document, "- issuer: https://idp.example.com\n", "- issuer: https://idp.example.com\n    disabled: true\n"),
		"the rules": strings.ReplaceAll(onTrial, "mode: audit}", "mode: audit, disabled: true}"),
	} {
		d := deploy(t, document)
		assertions := map[string]request{
			"client_credentials": clientCredentials(d.proves("planner")),
			oauth.JWTBearer:      jwtBearer(sign(t, "planner.ES256", d.of("planner"))),
			"an issuer's":        jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("team", "core")), scope("write")),
		}
		for grant, r := range assertions {
			if got := d.send(t, r); got.status == 200 {
				t.Errorf("%s are disabled, and %s is granted", name, grant)
			}
			d.expectShadows(t)
		}
	}
}
