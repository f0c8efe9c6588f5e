package policy_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/policy"
)

// copied returns the claim that one expression puts into a token, as the token's JSON has it; "" where it is left out.
func copied(t *testing.T, s *stages, over claims, source string) string {
	t.Helper()
	decision, err := s.decide(t, theIssuer, request{claims: over}, rule{Expressions: policy.Expressions{Claims: map[string]string{"c": source}}})
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	value, there := decision.Claims()["c"]
	if !there {
		return ""
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return string(text)
}

func TestG8_a_claim_is_copied_as_the_JSON_that_it_was(t *testing.T) {
	s := newStages(t)
	over := claims{
		"text": "a<b>\u00e9", "yes": true, "no": false, "n": 5, "big": int64(math.MaxInt64), "small": int64(math.MinInt64),
		"odd": int64(9007199254740993), "f": 1.5, "whole": 1e3, "list": []any{"a", 1, 9007199254740993, 1.5, nil, true, []any{}, map[string]any{}},
		"object": map[string]any{"a": map[string]any{"b": []any{9007199254740993}}},
	}
	for source, want := range map[string]string{
		`claims.text`:                         `"a\u003cb\u003eé"`,
		`claims.text + "x"`:                   `"a\u003cb\u003eéx"`,
		`claims.yes`:                          `true`,
		`claims.no`:                           `false`,
		`claims.n`:                            `5`,
		`claims.n + 1`:                        `6`,
		`claims.big`:                          `9223372036854775807`,
		`claims.small`:                        `-9223372036854775808`,
		`claims.odd`:                          `9007199254740993`,
		`claims.f`:                            `1.5`,
		`claims.whole`:                        `1000`,
		`claims.list`:                         `["a",1,9007199254740993,1.5,null,true,[],{}]`,
		`claims.list[2]`:                      `9007199254740993`,
		`claims.list[4]`:                      `null`,
		`claims.object`:                       `{"a":{"b":[9007199254740993]}}`,
		`claims.object.a.b`:                   `[9007199254740993]`,
		`[claims.odd, claims.n]`:              `[9007199254740993,5]`,
		`{"k": claims.odd}`:                   `{"k":9007199254740993}`,
		`claims.list.filter(x, x == "a")`:     `["a"]`,
		`claims.text == "x"`:                  `false`,
		`size(claims.list)`:                   `8`,
		`18446744073709551615u`:               `18446744073709551615`,
		`[18446744073709551615u]`:             `[18446744073709551615]`,
		`null`:                                `null`,
		`""`:                                  `""`,
		`b"abc"`:                              `"YWJj"`,
		`timestamp("2026-03-01T12:00:00Z")`:   `"2026-03-01T12:00:00Z"`,
		`duration("90s")`:                     `"90s"`,
		`[timestamp("2026-03-01T12:00:00Z")]`: `["2026-03-01T12:00:00Z"]`,
		`claims.n > 4 ? "many" : "few"`:       `"many"`,
		`string(claims.n)`:                    `"5"`,
	} {
		if got := copied(t, s, over, source); got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
}

func TestG8_a_claim_without_a_value_that_JSON_has_is_left_out(t *testing.T) {
	s := newStages(t)
	over := claims{"n": 5, "zero": 0.0, "null": nil, "empty": "", "list": []any{"a"}}
	for _, source := range []string{
		`claims.missing`, `claims["null"]`, `claims.empty`, `claims.missing.deeper`, `claims.list[1]`, `claims.n.deeper`, `claims.n + "x"`,
		`[claims.missing]`, `{"k": claims.missing}`, `claims.n / 0`, `1.0 / claims.zero`, `[1.0 / claims.zero]`, `{"k": 0.0 / claims.zero}`,
		`double("NaN")`, `double("-Infinity")`, `type(claims.n)`, `[type(claims.n)]`, `{1: "a"}`, `{true: "a"}`, `{"k": {1: "a"}}`, `int(claims.list[0])`,
		`timestamp("x" + claims.list[0])`, `9223372036854775807 + claims.n`, `claims.list.map(x, claims.missing)`,
	} {
		if got := copied(t, s, over, source); got != "" {
			t.Errorf("%s: %s", source, got)
		}
	}
}

// ZITADEL's actions: custom claims overwrote reserved ones.
func TestG8_a_claim_that_the_service_vouches_for_cannot_be_set(t *testing.T) {
	s := newStages(t)
	for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "cnf", "act", "may_act"} {
		_, faults, err := s.tryCompile(rule{Expressions: policy.Expressions{Claims: map[string]string{name: `"x"`}}})
		if err != nil || len(faults) != 1 || faults[0].Field != "claims."+name {
			t.Errorf("%s: %v, %v", name, faults, err)
		}
	}
	for _, name := range []string{"email", "groups", "ISS", "https://example.com/sub", "subject"} {
		if _, faults, err := s.tryCompile(rule{Expressions: policy.Expressions{Claims: map[string]string{name: `"x"`}}}); err != nil || len(faults) > 0 {
			t.Errorf("%s: %v, %v", name, faults, err)
		}
	}
}

func TestG8_every_expression_that_does_not_compile_is_named(t *testing.T) {
	s := newStages(t)
	_, faults, err := s.tryCompile(rule{Expressions: policy.Expressions{
		If: `x`, Subject: `y`, Claims: map[string]string{"a": `z`, "b": ``, "good": `claims.a`, "sub": `claims.a`},
	}})
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]bool{}
	for _, fault := range faults {
		fields[fault.Field] = true
		if strings.ContainsAny(fault.Err.Error(), "\n") {
			t.Errorf("%s: %q", fault.Field, fault.Err)
		}
	}
	want := map[string]bool{"if": true, "subject": true, "claims.a": true, "claims.b": true, "claims.sub": true}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Error(diff)
	}
}

func TestG8_the_subject_is_text_or_the_rule_does_not_match(t *testing.T) {
	s := newStages(t)
	over := claims{"repository": "acme/app", "n": 5, "null": nil, "empty": "", "list": []any{"a"}}
	for source, want := range map[string]string{
		``:                                  "somebody",
		`claims.sub`:                        "somebody",
		`"repo:" + claims.repository`:       "repo:acme/app",
		`claims.list[0]`:                    "a",
		`string(claims.n)`:                  "5",
		`"constant"`:                        "constant",
		`claims.n == 5 ? "five" : "others"`: "five",
	} {
		decision, err := s.decide(t, theIssuer, request{claims: over}, rule{Expressions: policy.Expressions{Subject: source}})
		if err != nil || decision.Subject() != want || decision.ClientID() != want {
			t.Errorf("%s: %q, %v; want %q", source, decision.Subject(), err, want)
		}
	}
	for _, source := range []string{
		`claims.missing`, `"repo:" + claims.missing`, `claims["null"]`, `claims.empty`, `""`, `claims.n`, `claims.list`, `claims`, `"a" + string(claims.list[1])`,
	} {
		compiled, faults, err := s.tryCompile(rule{Expressions: policy.Expressions{Subject: source}})
		if err != nil {
			t.Fatal(err)
		}
		if len(faults) == 0 && s.holds(t, compiled, over) {
			t.Errorf("%s: it is taken for a subject", source)
		}
	}
	for _, source := range []string{`1`, `true`, `["a"]`, `{"a": "b"}`, `claims`, `size(claims)`, `b"x"`, `null`} {
		if _, faults, err := s.tryCompile(rule{Expressions: policy.Expressions{Subject: source}}); err != nil || len(faults) != 1 || faults[0].Field != "subject" {
			t.Errorf("%s: %v, %v", source, faults, err)
		}
	}
}

func TestRule_needs_every_one_of_its_terms(t *testing.T) {
	s := newStages(t)
	good := policy.Terms{Resource: invoices, Scopes: []string{"read"}, DefaultScopes: []string{"read"}, Lifetime: time.Second}
	if _, faults, err := s.compiler.Rule(good, policy.Expressions{}); err != nil || faults != nil {
		t.Fatal(faults, err)
	}
	for name, spoil := range map[string]func(*policy.Terms){
		"no resource":               func(t *policy.Terms) { t.Resource = "" },
		"no scopes":                 func(t *policy.Terms) { t.Scopes = nil },
		"no default scopes":         func(t *policy.Terms) { t.DefaultScopes = nil },
		"other default scopes":      func(t *policy.Terms) { t.DefaultScopes = []string{"write"} },
		"no lifetime":               func(t *policy.Terms) { t.Lifetime = 0 },
		"less than a second":        func(t *policy.Terms) { t.Lifetime = time.Second - 1 },
		"a lifetime below zero":     func(t *policy.Terms) { t.Lifetime = -time.Hour },
		"nothing is filled in":      func(t *policy.Terms) { *t = policy.Terms{} },
		"nothing but that it's off": func(t *policy.Terms) { *t = policy.Terms{Disabled: true} },
	} {
		terms := good
		spoil(&terms)
		if rule, faults, err := s.compiler.Rule(terms, policy.Expressions{}); err == nil || faults != nil || rule.Resource != "" {
			t.Errorf("%s: %v, %v, %v", name, rule, faults, err)
		}
	}
}
