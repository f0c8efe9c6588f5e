package policy_test

import (
	"strings"
	"testing"

	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
)

// conditions is what becomes of conditions over one set of claims.
func (s *stages) conditions(t *testing.T, over claims, holds bool, sources ...string) {
	t.Helper()
	for _, source := range sources {
		_, err := s.decide(t, theIssuer, request{claims: over}, rule{Expressions: policy.Expressions{If: source}})
		if code := codeOf(err); holds && code != "" || !holds && code != oauth.InvalidGrant {
			t.Errorf("%s: %v", source, err)
		}
	}
}

func allow(t *testing.T, over claims, sources ...string) {
	t.Helper()
	newStages(t).conditions(t, over, true, sources...)
}

func deny(t *testing.T, over claims, sources ...string) {
	t.Helper()
	newStages(t).conditions(t, over, false, sources...)
}

// The Flux and Note Mark class: an absent claim matched an empty rule. All of these are absent.
func TestG8_a_condition_over_an_absent_claim_does_not_hold_however_it_is_turned(t *testing.T) {
	s := newStages(t)
	for name, over := range map[string]claims{
		"missing":              {},
		"null":                 {"a": nil, "o": map[string]any{"a": nil}},
		"empty":                {"a": "", "o": map[string]any{"a": ""}},
		"empty in an object":   {"o": map[string]any{"a": "", "p": map[string]any{"a": ""}}},
		"null in an object":    {"o": map[string]any{"a": nil, "p": map[string]any{"a": nil}}},
		"beside another claim": {"b": "x", "o": map[string]any{"b": "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, a := range []string{"claims.a", `claims["a"]`, "claims.o.a", `claims.o["a"]`, "claims.o.p.a"} {
				x := strings.NewReplacer("$", a)
				var sources []string
				for _, source := range []string{
					`$ == ""`, `$ != ""`, `$ == "x"`, `$ != "x"`, `$ == null`, `$ != null`, `$ == $`, `$ != $`, `$ == 0`, `$ == false`,
					`!($ == "x")`, `!($ != "x")`, `!(!($ == ""))`, `!($ == null)`,
					`$ == "x" || $ == ""`, `$ == "x" || false`, `$ == "" && true`, `true && $ != "x"`, `!($ == "x" && true)`, `!($ == "x" || false)`,
					`$ in ["", "x"]`, `!($ in ["x"])`, `"" in $`, `!("x" in $)`, `$ in [$]`,
					`size($) == 0`, `size($) < 1`, `!(size($) > 0)`, `$.size() == 0`,
					`$ == "x" ? true : true`, `($ == "x" ? "y" : "z") != ""`, `true ? $ != "x" : true`,
					`$.startsWith("")`, `!$.startsWith("x")`, `$.contains("")`, `$.endsWith("")`, `$.matches(".*")`, `!$.matches("x")`, `$.matches("")`,
					`string($) == ""`, `!(string($) == "x")`, `type($) == null_type`, `dyn($) == ""`, `bool($)`, `int($) == 0`,
					`$ < "x"`, `$ >= ""`, `!($ > "x")`, `$ + "x" == "x"`, `"x" + $ == "x"`,
					`[$].exists(v, true)`, `[$] == [""]`, `[$] != ["x"]`, `{"k": $} != {"k": "x"}`, `$.exists(v, true)`, `$.all(v, true)`, `has($.b) || false`,
				} {
					sources = append(sources, x.Replace(source))
				}
				s.conditions(t, over, false, sources...)
			}
			s.conditions(t, over, false, `has(claims.a)`, `has(claims.o.a)`, `"a" in claims`, `has(claims.o.p.a)`)
		})
	}
}

// What the comment of NewCompiler tells an author.
func TestG8_what_can_be_decided_without_an_absent_claim_is_decided(t *testing.T) {
	over := claims{"b": "x", "n": 5, "l": []any{}, "o": map[string]any{"b": "x"}}
	allow(t, over,
		`claims.a == "x" || claims.b == "x"`,
		`claims.b == "x" || claims.a == "x"`,
		`!(claims.a == "x" && claims.b == "y")`,
		`!has(claims.a)`,
		`!("a" in claims)`,
		`!has(claims.o.a)`,
		`has(claims.a) ? claims.a == "x" : claims.b == "x"`,
		`claims.n != "x"`,
		`claims.l.all(v, v == "x")`,
	)
	deny(t, over,
		`claims.a == "x" || claims.b == "y"`,
		`claims.a == "x" && claims.b == "x"`,
		`claims.b == "x" && claims.a != "x"`,
		`has(claims.b) ? claims.a != "x" : true`,
	)
}

func TestG8_a_condition_looks_at_values_as_they_are(t *testing.T) {
	over := claims{
		"ref": "refs/heads/main", "admin": true, "n": 5, "big": int64(9007199254740993), "f": 1.5,
		"groups": []any{"a", "b"}, "o": map[string]any{"k": "v", "deep": map[string]any{"k": "v"}}, "digits": "5",
	}
	allow(t, over,
		``,
		`true`,
		`claims.ref == "refs/heads/main"`,
		`claims["ref"].startsWith("refs/heads/")`,
		`claims.admin == true`,
		`claims.n == 5 && claims.n > 4 && claims.n in [5]`,
		`claims.big == 9007199254740993`,
		`claims.f == 1.5`,
		`"a" in claims.groups`,
		`claims.groups.exists(g, g == "b")`,
		`claims.o.deep.k == "v"`,
		`claims.sub == "somebody" && claims.iss == "https://issuer.example"`,
	)
	deny(t, over,
		`false`,
		`claims.ref == "refs/heads/mai"`,
		`claims.ref == "refs/heads/Main"`,
		`claims.admin == "true"`,
		`claims.admin == 1`,
		`claims.n == "5"`,
		`claims.digits == 5`,
		`claims.digits > 4`,
		`claims.big == 9007199254740992`,
		`claims.groups == "a"`,
		`"a" in claims.ref`,
		`!("x" in claims.ref)`,
		`claims.groups.startsWith("a")`,
		`!claims.n.startsWith("x")`,
		`!claims.n.matches("x")`,
		`claims.groups[7] != "a"`,
		`claims.o == "v"`,
		`claims.n / 0 != 1`,
		`claims.admin && false`,
	)
}

// One rule holds the others up in nothing: a condition that fails in the middle does not take the decision with it.
func TestG8_a_condition_that_cannot_be_decided_leaves_the_other_rules_alone(t *testing.T) {
	s := newStages(t)
	decision, err := s.decide(t, theIssuer, request{},
		rule{Expressions: policy.Expressions{If: `claims.missing == "x"`}, Terms: policy.Terms{Resource: deploy}},
		rule{Expressions: policy.Expressions{If: `1 / int(claims.sub) == 1`}, Terms: policy.Terms{Resource: deploy}},
		rule{Expressions: policy.Expressions{If: `claims.sub == "somebody"`}},
	)
	if err != nil || decision.Audience()[0] != invoices {
		t.Errorf("%v, %v", decision.Audience(), err)
	}
}

func TestG8_a_condition_that_does_not_compile_is_refused_when_it_is_loaded(t *testing.T) {
	s := newStages(t)
	for source, says := range map[string]string{
		`claims.admin`:                          "compare the claim with what it should be",
		`claims`:                                "gives map(string, dyn), not bool",
		`"x"`:                                   "gives string, not bool",
		`1`:                                     "gives int, not bool",
		`claims.a == "x" ? "y" : "z"`:           "gives string, not bool",
		`claim.a == "x"`:                        "column 1: undeclared reference to 'claim'",
		`claims.a == x`:                         "column 13: undeclared reference to 'x'",
		`now() > 1`:                             "undeclared reference to 'now'",
		`claims.a.foo()`:                        "undeclared reference to 'foo'",
		`claims.a.format([1]) == "x"`:           "undeclared reference to 'format'",
		`base64.decode("x") == b"x"`:            "undeclared reference",
		`claims.a == `:                          "Syntax error",
		` `:                                     "Syntax error",
		`// nothing`:                            "Syntax error",
		`claims.a = "x"`:                        "Syntax error",
		"claims.a == \"x\" &&\n  claims.b == y": "line 2, column 15: undeclared reference to 'y'",
		`"1" == 1`:                              "found no matching overload",
		`claims.?a == "x"`:                      "unsupported syntax",
		`duration("a year") > duration("1s")`:   "",
		`claims.a == "` + strings.Repeat("x", 5000) + `"`:            "",
		strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200): "",
	} {
		compiled, faults, err := s.tryCompile(rule{Expressions: policy.Expressions{If: source}})
		if err != nil || len(faults) != 1 || faults[0].Field != "if" {
			t.Errorf("%.80s: faults %v, error %v", source, faults, err)
			continue
		}
		text := faults[0].Err.Error()
		if !strings.Contains(text, says) || strings.ContainsAny(text, "\n\r\t") || len(text) > 300 {
			t.Errorf("%.80s: %q", source, text)
		}
		if _, err := policy.New(map[grant.Party][]policy.Rule{theIssuer: {compiled}}, s.clients.Has); err == nil {
			t.Errorf("%.80s: what came with the fault can be used", source)
		}
	}
}

// An issuer chooses the claims. They must not make a decision slow.
func TestG8_a_condition_over_huge_claims_ends_soon_and_does_not_hold(t *testing.T) {
	var long []any
	for range 2000 {
		long = append(long, "a")
	}
	over := claims{"l": long, "s": strings.Repeat("a", 2000)}
	deny(t, over,
		`claims.l.all(x, claims.l.all(y, x == y))`,
		`claims.l.all(x, claims.s.matches("(a*)*"))`,
		`claims.l.all(x, claims.s.contains("b") == false)`,
		`claims.l.all(x, claims.l == claims.l)`,
		`claims.l.map(x, claims.s + claims.s).size() == 2000`,
		`claims.l.map(x, claims.l).size() == 2000`,
		`!claims.l.exists(x, claims.l.exists(y, x != y))`,
		`claims.l.all(x, claims.l.filter(y, x == y).size() > 0)`,
	)
	allow(t, over,
		`claims.l.all(x, x == "a")`,
		`claims.s.matches("a+")`,
		`!("b" in claims.l)`,
	)
}
