package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
	"example.com/countersign/internal/trace"
)

// watched decides while somebody watches, and returns what the trace has.
func (s *stages) watched(t *testing.T, r request, rules ...rule) ([]trace.Step, error) {
	t.Helper()
	_, r.trace = trace.Watch(t.Context())
	_, err := s.decide(t, theIssuer, r, rules...)
	return fromRules(r.trace), err
}

// fromRules returns the steps behind those of the stages before.
func fromRules(record *trace.Record) []trace.Step {
	steps := record.Steps()
	for len(steps) > 0 && steps[0].Part == "assertion" {
		steps = steps[1:]
	}
	return steps
}

func failed(check, text string, want, reads []string) trace.Step {
	return trace.Step{Part: "allow[0]", Check: check, Result: trace.Failed, Text: text, Want: want, Reads: reads}
}

func undecided(check, text string, want, reads []string) trace.Step {
	step := failed(check, text, want, reads)
	step.Result = trace.Undecided
	return step
}

func TestTrace_names_each_part_of_a_condition_that_does_not_hold(t *testing.T) {
	s := newStages(t)
	over := claims{
		"ref": "refs/heads/try", "repository_id": "1234", "run": map[string]any{"id": 17}, "groups": []any{"dev"}, "admin": "true",
		"empty": "", "https://example.com/team": "x",
	}
	list := func(values ...string) []string { return values }
	for source, want := range map[string][]trace.Step{
		`claims.ref == "refs/heads/main"`: {failed("if", `claims.ref == "refs/heads/main"`, list("refs/heads/main"), list("ref"))},
		`claims.repository_id == "1234" && claims.ref == "refs/heads/main"`: {
			failed("if", `claims.ref == "refs/heads/main"`, list("refs/heads/main"), list("ref"))},
		`claims.ref == "a" && claims.repository_id == "b" && claims.run.id == 18 && has(claims.ref)`: {
			failed("if", `claims.ref == "a"`, list("a"), list("ref")),
			failed("if", `claims.repository_id == "b"`, list("b"), list("repository_id")),
			failed("if", `claims.run.id == 18`, list("18"), list("run.id"))},
		`(claims.ref == "a" || claims.repository_id in ["b", "c"]) && claims.run.id == 17`: {
			failed("if", `claims.ref == "a" || claims.repository_id in ["b", "c"]`, list("a", "b", "c"), list("ref", "repository_id"))},
		`claims.environment == "production" && claims.run.id == 17`: {
			undecided("if", `claims.environment == "production"`, list("production"), list("environment"))},
		`claims.empty != "x"`:                     {undecided("if", `claims.empty != "x"`, nil, list("empty"))},
		`claims.ref.matches("refs/heads/(main)")`: {failed("if", `claims.ref.matches("refs/heads/(main)")`, nil, list("ref"))},
		`claims.run.matches("x")`:                 {undecided("if", `claims.run.matches("x")`, nil, list("run"))},
		`has(claims.run.name)`:                    {failed("if", `has(claims.run.name)`, nil, list("run.name"))},
		`"team" in claims`:                        {failed("if", `"team" in claims`, nil, list("team"))},
		`"ops" in claims.groups`:                  {failed("if", `"ops" in claims.groups`, nil, list("groups"))},
		`claims["https://example.com/team"] == "y"`: {
			failed("if", `claims["https://example.com/team"] == "y"`, list("y"), list("https://example.com/team"))},
		`claims.groups.exists(g, g == "ops")`: {failed("if", `claims.groups.exists(g, g == "ops")`, list("ops"), list("groups"))},
		`claims.admin == true`:                {failed("if", `claims.admin == true`, list("true"), list("admin"))},
		`!(claims.ref == "refs/heads/try" && true)`: {
			failed("if", `!(claims.ref == "refs/heads/try" && true)`, nil, list("ref"))},
		`claims.ref == "refs/heads/try" ? claims.admin == "false" : true`: {
			failed("if", `(claims.ref == "refs/heads/try") ? (claims.admin == "false") : true`, nil, list("ref", "admin"))},
		`claims.groups.all(g, g in ["ops", "sre"])`: {
			failed("if", `claims.groups.all(g, g in ["ops", "sre"])`, list("ops", "sre"), list("groups"))},
		"false": {failed("if", "false", nil, nil)},
		"claims.ref ==   // the branch\n  \"main\"": {failed("if", `claims.ref == "main"`, list("main"), list("ref"))},
	} {
		steps, err := s.watched(t, request{claims: over}, rule{Expressions: policy.Expressions{If: source}})
		want = append(want, trace.Step{Part: "policy", Result: trace.Failed})
		if diff := cmp.Diff(want, steps); diff != "" || codeOf(err) != oauth.InvalidGrant {
			t.Errorf("%s: %v\n%s", source, err, diff)
		}
	}
}

// A condition is bounded as a whole, and each of its parts could pass below the bound.
func TestTrace_of_a_condition_that_costs_too_much(t *testing.T) {
	s := newStages(t)
	var many []any
	for i := range 60 {
		many = append(many, fmt.Sprint(i))
	}
	part := `claims.l.all(x, claims.l.exists(y, x == y))`
	one, err := s.watched(t, request{claims: claims{"l": many}}, rule{Expressions: policy.Expressions{If: part}})
	if err != nil {
		t.Fatalf("a part alone: %v, %v", err, one)
	}
	steps, err := s.watched(t, request{claims: claims{"l": many}}, rule{Expressions: policy.Expressions{If: part + " && " + part + " && " + part}})
	want := []trace.Step{undecided("if", "the whole condition, which costs too much", nil, nil), {Part: "policy", Result: trace.Failed}}
	if diff := cmp.Diff(want, steps); diff != "" || err == nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestTrace_names_what_else_keeps_a_rule_from_matching(t *testing.T) {
	s := newStages(t)
	for name, test := range map[string]struct {
		rule rule
		want trace.Step
	}{
		"it is disabled":              {rule{Terms: policy.Terms{Disabled: true}}, failed("disabled", "", nil, nil)},
		"its subject has no value":    {rule{Expressions: policy.Expressions{Subject: `"repo:" + claims.repository`}}, undecided("subject", `"repo:" + claims.repository`, nil, []string{"repository"})},
		"its subject is no text":      {rule{Expressions: policy.Expressions{Subject: `claims.exp`}}, undecided("subject", `claims.exp`, nil, []string{"exp"})},
		"its condition comes first":   {rule{Expressions: policy.Expressions{If: "false", Subject: "claims.x"}}, failed("if", "false", nil, nil)},
		"that it is disabled is told": {rule{Terms: policy.Terms{Disabled: true}, Expressions: policy.Expressions{If: "false"}}, failed("disabled", "", nil, nil)},
	} {
		steps, _ := s.watched(t, request{}, test.rule)
		if diff := cmp.Diff([]trace.Step{test.want, {Part: "policy", Result: trace.Failed}}, steps); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestTrace_says_what_the_matching_rules_would_grant(t *testing.T) {
	s := newStages(t)
	rules := []rule{
		{Terms: policy.Terms{Resource: invoices, Scopes: oauth.Scope{"write", "read"}}},
		{Terms: policy.Terms{Resource: deploy, Scopes: oauth.Scope{"read", "deploy"}}},
		{Terms: policy.Terms{Resource: archive, Scopes: oauth.Scope{"all"}}, Expressions: policy.Expressions{If: "false"}},
	}
	for name, test := range map[string]struct {
		request request
		want    trace.Step
	}{
		"another resource":      {request{resource: []string{archive}}, trace.Step{Check: "resource", Want: []string{deploy, invoices}}},
		"which resource":        {request{}, trace.Step{Check: "resource", Want: []string{deploy, invoices}}},
		"another scope":         {request{scope: "all"}, trace.Step{Check: "scope", Want: []string{"deploy", "read", "write"}}},
		"the name of a client":  {request{claims: claims{"sub": "billing"}, resource: []string{deploy}}, trace.Step{}},
		"another scope for one": {request{scope: "write", resource: []string{deploy}}, trace.Step{Check: "scope", Want: []string{"deploy", "read"}}},
		"one scope for both":    {request{scope: "write", resource: []string{deploy, invoices}}, trace.Step{Check: "scope", Want: []string{"deploy", "read", "write"}}},
	} {
		test.want.Part, test.want.Result = "policy", trace.Failed
		steps, err := s.watched(t, test.request, rules...)
		if err == nil || len(steps) != 4 {
			t.Fatalf("%s: %v, %v", name, err, steps)
		}
		if steps[0].Result != trace.Passed || steps[1].Result != trace.Passed || steps[2].Result != trace.Failed {
			t.Errorf("%s: the rules are %v", name, steps[:3])
		}
		if diff := cmp.Diff(test.want, steps[3]); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// What is granted is recorded for those who watch, and nothing else is.
func TestTrace_of_what_is_granted(t *testing.T) {
	s := newStages(t)
	rules := []rule{{Expressions: policy.Expressions{If: `claims.sub == "x"`}}, {}, {}}
	steps, err := s.watched(t, request{}, rules...)
	want := []trace.Step{
		failed("if", `claims.sub == "x"`, []string{"x"}, []string{"sub"}),
		{Part: "allow[1]", Result: trace.Passed}, {Part: "allow[2]", Result: trace.Passed},
	}
	if diff := cmp.Diff(want, steps); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	record := &trace.Record{}
	if _, err := s.decide(t, theIssuer, request{trace: record}, rules...); err != nil || len(fromRules(record)) != 0 {
		t.Errorf("nobody watches, and it records %v, %v", fromRules(record), err)
	}
}

// One refusal must not cost a look at a thousand rules.
func TestTrace_of_many_rules_is_short_unless_somebody_watches(t *testing.T) {
	s := newStages(t)
	rules := make([]rule, 25)
	for i := range rules {
		rules[i] = rule{Expressions: policy.Expressions{If: fmt.Sprintf(`claims.sub == "%d"`, i)}}
	}
	record := &trace.Record{}
	_, err := s.decide(t, theIssuer, request{trace: record}, rules...)
	steps := fromRules(record)
	if err == nil || len(steps) != 12 || steps[9].Text != `claims.sub == "9"` || steps[10].Part != "15 more rules" || steps[10].Result != trace.Skipped {
		t.Errorf("%v, %v", err, steps)
	}
	if steps, _ := s.watched(t, request{}, rules...); len(steps) != 26 || steps[24].Text != `claims.sub == "24"` {
		t.Errorf("watched: %v", steps)
	}
}

// A trace goes into the log, and what an assertion claims does not.
func TestTrace_holds_nothing_of_the_claims(t *testing.T) {
	s := newStages(t)
	const secret = "eyJ-what-somebody-claims"
	over := claims{"sub": secret, "ref": secret, secret: secret, "n": []any{secret}}
	for _, source := range []string{
		`claims.ref == "x"`, `claims.ref.startsWith("x")`, `claims.n[0] == "x"`, `claims[claims.ref] == "x"`, `claims.missing == claims.ref`, `int(claims.ref) == 1`,
	} {
		steps, _ := s.watched(t, request{claims: over, scope: "nothing"}, rule{Expressions: policy.Expressions{If: source}})
		if text := fmt.Sprintf("%+v", steps); len(steps) != 2 || strings.Contains(text, secret) {
			t.Errorf("%s: %s", source, text)
		}
	}
	if _, err := s.decide(t, grant.Party{}, request{}); err == nil {
		t.Error("without a record nothing else is decided")
	}
}
