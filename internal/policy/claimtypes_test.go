package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/policy"
)

// firstLetter is a nearest name that is easy to foresee: the first one with the same first letter.
func firstLetter(written string, known []string) string {
	for _, name := range known {
		if written != "" && name[:1] == written[:1] {
			return name
		}
	}
	return ""
}

// declared are the claims of a CI system, of a cluster, and of an identity provider.
func declared(t testing.TB) *policy.ClaimTypes {
	t.Helper()
	of := func(name string) policy.Type { return policy.Type{Name: name} }
	types, err := policy.NewClaimTypes(policy.Types{
		"iss": of("string"), "sub": of("string"), "repository_id": of("string"), "ref": of("string"), "admin": of("bool"), "number": of("int"),
		"ratio": of("double"), "groups": of("list(string)"), "labels": of("map(string, string)"), "anything": of("dyn"),
		"property_*": of("string"), "property_level_*": of("int"),
		"kubernetes.io": {Members: policy.Types{
			"namespace": of("string"), "serviceaccount": {Members: policy.Types{"name": of("string"), "uid": of("string")}},
		}},
	}, firstLetter)
	if err != nil {
		t.Fatal(err)
	}
	return types
}

// faultOf returns what is said of a condition over declared claims; "" where nothing is.
func (s *stages) faultOf(t *testing.T, source string) string {
	t.Helper()
	_, faults, err := s.tryCompile(rule{Expressions: policy.Expressions{If: source, Types: declared(t)}})
	if err != nil {
		t.Fatal(err)
	}
	if len(faults) == 0 {
		return ""
	}
	return faults[0].Err.Error()
}

func TestG8_a_claim_that_is_not_declared_is_named_when_the_rule_is_loaded(t *testing.T) {
	s := newStages(t)
	for source, says := range map[string]string{
		`claims.repository_ownerid == "1"`:                             "column 1: claims.repository_ownerid: there is no such claim; did you mean ratio?",
		`claims["ref_type"] == "branch"`:                               "column 1: claims.ref_type: there is no such claim; did you mean ratio?",
		`claims.ref == "x" && claims.wher == "y"`:                      "column 22: claims.wher: there is no such claim; declare it with claim_types if the issuer sends it",
		`claims["kubernetes.io"].pod.name == "x"`:                      `column 1: claims["kubernetes.io"].pod: there is no such claim; declare it with claim_types if the issuer sends it`,
		`claims["kubernetes.io"].serviceaccount["user"] == "x"`:        `claims["kubernetes.io"].serviceaccount.user: there is no such claim; did you mean uid?`,
		`claims.kubernetes.io.namespace == "x"`:                        `claims.kubernetes: there is no such claim; did you mean kubernetes.io?`,
		`has(claims.reff)`:                                             "column 5: claims.reff: there is no such claim; did you mean ratio?",
		`!has(claims.x) || claims.ref == "x"`:                          "claims.x: there is no such claim",
		`has(claims["kubernetes.io"].node)`:                            `claims["kubernetes.io"].node: there is no such claim; did you mean namespace?`,
		`"x" in claims`:                                                "column 8: claims.x: there is no such claim",
		`"x" in claims["kubernetes.io"]`:                               `claims["kubernetes.io"].x: there is no such claim`,
		`claims.groups.exists(g, g == claims.x)`:                       "claims.x: there is no such claim",
		`claims.groups.exists(claims, claims == "a") && claims.x == 1`: "claims.x: there is no such claim",
		`claims.ref == "a" ? claims.x == "b" : true`:                   "claims.x: there is no such claim",
		`{"k": claims.x} == {"k": "a"}`:                                "claims.x: there is no such claim",
		`[claims.x] == ["a"]`:                                          "claims.x: there is no such claim",
		`string(claims.x) == "a"`:                                      "claims.x: there is no such claim",
		`claims.x.startsWith("a")`:                                     "claims.x: there is no such claim",
		`claims.x.matches("a")`:                                        "claims.x: there is no such claim",
		`.claims.x == "a"`:                                             "claims.x: there is no such claim",
		"claims.ref == \"a\" &&\n  claims.x == \"b\"":                  "line 2, column 3: claims.x: there is no such claim",
		`claims.propert == "x"`:                                        "claims.propert: there is no such claim; did you mean property_*?",
		`claims.u == 1 && claims.v == 1 && claims.w == 1 && claims.x == 1 && claims.y == 1`: "and 2 more",
	} {
		if got := s.faultOf(t, source); !strings.Contains(got, says) || strings.Contains(got, "\n") {
			t.Errorf("%s: %q, want %q", source, got, says)
		}
	}
}

func TestG8_a_claim_that_is_declared_with_another_type_is_named_when_the_rule_is_loaded(t *testing.T) {
	s := newStages(t)
	for source, says := range map[string]string{
		`claims.repository_id == 1234`:                 "column 22: found no matching overload for '_==_' applied to '(string, int)'",
		`claims.admin == "true"`:                       "applied to '(bool, string)'",
		`claims.number == "5"`:                         "applied to '(int, string)'",
		`claims.ref > 5`:                               "applied to '(string, int)'",
		`claims.groups == "a"`:                         "applied to '(list(string), string)'",
		`"a" in claims.ref`:                            "applied to '(string, string)'",
		`5 in claims.groups`:                           "applied to '(int, list(string))'",
		`claims.number.startsWith("5")`:                "applied to 'int.(string)'",
		`claims.number.matches("5")`:                   "applied to 'int.(string)'",
		`claims.groups.matches("a")`:                   "applied to 'list(string).(string)'",
		`claims.ref.deeper == "x"`:                     "type 'string' does not support field selection",
		`has(claims.ref.deeper)`:                       "type 'string' does not support field selection",
		`claims.groups.exists(g, g > 5)`:               "applied to '(string, int)'",
		`claims.labels.team == 5`:                      "applied to '(string, int)'",
		`claims["kubernetes.io"] == "payments"`:        "applied to '(map(string, dyn), string)'",
		`claims["kubernetes.io"].namespace == 5`:       "applied to '(string, int)'",
		`claims.property_a == 5`:                       "applied to '(string, int)'",
		`claims.property_level_a == "5"`:               "applied to '(int, string)'",
		`claims.ref`:                                   "gives string, not bool",
		`claims.groups`:                                "gives list(string), not bool",
		`claims.anything`:                              "gives dyn, not bool; compare the claim with what it should be",
		`claims.anything == claims.number && claims.x`: "claims.x: there is no such claim",
		`claims.ref == "a" || claims.number`:           "expected type 'bool' but found 'int'",
	} {
		if got := s.faultOf(t, source); !strings.Contains(got, says) || strings.Contains(got, "\n") {
			t.Errorf("%s: %q, want %q", source, got, says)
		}
	}
	for field, expressions := range map[string]policy.Expressions{
		"subject":  {Subject: `claims.number`},
		"claims.c": {Claims: map[string]string{"c": `claims.x`}},
		"require":  {Require: []string{`claims.ref == "a"`, `claims.x == "a"`}},
	} {
		expressions.Types = declared(t)
		_, faults, err := s.tryCompile(rule{Expressions: expressions})
		if err != nil || len(faults) != 1 || faults[0].Field != field {
			t.Errorf("%s: %v, %v", field, faults, err)
		}
	}
}

func TestG8_a_condition_over_declared_claims_holds_as_it_would_without(t *testing.T) {
	s := newStages(t)
	over := claims{
		"repository_id": "1234", "ref": "refs/heads/main", "admin": true, "number": 5, "ratio": 1.5, "groups": []any{"a", "b"},
		"labels": map[string]any{"team": "x"}, "anything": []any{1, "a"}, "property_a": "p", "property_level_a": 3, "unknown": "u",
		"kubernetes.io": map[string]any{"namespace": "payments", "serviceaccount": map[string]any{"name": "deployer"}},
	}
	for source, want := range map[string]bool{
		`claims.repository_id == "1234" && claims.ref == "refs/heads/main"`:                               true,
		`claims["repository_id"] == "1234"`:                                                               true,
		`claims.ref.matches("refs/heads/(main|dev)")`:                                                     true,
		`claims.ref.matches("main")`:                                                                      false,
		`claims.admin`:                                                                                    true,
		`!claims.admin`:                                                                                   false,
		`claims.admin && claims.number > 4 && claims.ratio == 1.5`:                                        true,
		`claims.number == 5 && claims.property_level_a < 4`:                                               true,
		`"a" in claims.groups && claims.groups[1] == "b"`:                                                 true,
		`claims.groups.all(g, g in ["a", "b"])`:                                                           true,
		`claims.labels.team == "x" && "team" in claims.labels`:                                            true,
		`claims.labels["team"] == "x" && !has(claims.labels.other)`:                                       true,
		`claims.anything[1] == "a" && claims.anything.size() == 2`:                                        true,
		`claims.anything == "a"`:                                                                          false,
		`claims.property_a == "p"`:                                                                        true,
		`claims["kubernetes.io"].namespace == "payments"`:                                                 true,
		`claims["kubernetes.io"].serviceaccount.name == "deployer"`:                                       true,
		`claims["kubernetes.io"].serviceaccount.uid == "x"`:                                               false,
		`claims["kubernetes.io"].serviceaccount.uid != "x"`:                                               false,
		`has(claims["kubernetes.io"].serviceaccount) && !has(claims["kubernetes.io"].serviceaccount.uid)`: true,
		`"repository_id" in claims && "namespace" in claims["kubernetes.io"]`:                             true,
		`claims.groups.exists(claims, claims == "b")`:                                                     true,
		`size(claims) > 5 && claims.exists(k, k == "unknown")`:                                            true,
		`claims[claims.groups[0] + "nything"][1] == "a"`:                                                  true,
		`claims == claims`:                                                                                true,
		`claims["kubernetes.io"] == claims["kubernetes.io"]`:                                              true,
		`.claims.ref == "refs/heads/main"`:                                                                true,
	} {
		with := s.compile(t, rule{Expressions: policy.Expressions{If: source, Types: declared(t)}})
		if got := s.holds(t, with, over); got != want {
			t.Errorf("%s: %v, want %v", source, got, want)
		}
		if source == `claims.admin` || source == `claims.admin && claims.number > 4 && claims.ratio == 1.5` {
			continue // without a declaration, claims.admin alone is no condition
		}
		without := s.compile(t, rule{Expressions: policy.Expressions{If: source}})
		if got := s.holds(t, without, over); got != want {
			t.Errorf("without declared claims, %s: %v, want %v", source, got, want)
		}
	}
}

// A declaration says what a token should have. A token that has it not, or otherwise, matches nothing.
func TestG8_a_declared_claim_that_is_absent_or_of_another_type_matches_nothing(t *testing.T) {
	s := newStages(t)
	for name, over := range map[string]claims{
		"missing":         {},
		"null":            {"ref": nil, "admin": nil, "number": nil, "groups": nil, "labels": map[string]any{"team": nil}, "kubernetes.io": nil},
		"empty":           {"ref": "", "labels": map[string]any{"team": ""}, "kubernetes.io": map[string]any{"namespace": ""}},
		"of another type": {"ref": 5, "admin": "true", "number": "5", "groups": "a", "labels": "team", "kubernetes.io": "payments"},
		"true as 1":       {"admin": 1, "ref": true, "groups": map[string]any{"b": "a"}, "number": true},
		"in a list":       {"ref": []any{"refs/heads/main"}, "admin": []any{true}, "number": []any{5}, "labels": []any{"team"}},
	} {
		for _, source := range []string{
			`claims.ref == "refs/heads/main"`, `claims.ref.startsWith("refs/")`, `claims.ref.matches(".*")`, `!claims.ref.startsWith("x")`,
			`claims.ref + "x" == "x"`, `claims.ref in ["", "refs/heads/main"]`, `claims.ref < "x"`,
			`claims.admin`, `claims.admin == true`, `claims.admin && true`, `claims.admin || false`,
			`claims.number == 5`, `claims.number > 4`, `claims.number + 1 == 6`,
			`"a" in claims.groups`, `claims.groups[0] == "a"`, `claims.groups.exists(g, g == "a")`,
			`claims.labels.team == "x"`, `claims.labels["team"] != "x"`, `claims["kubernetes.io"].namespace == "payments"`,
			`claims["kubernetes.io"].namespace != "x"`, `claims["kubernetes.io"].serviceaccount.name == "default"`,
		} {
			compiled := s.compile(t, rule{Expressions: policy.Expressions{If: source, Types: declared(t)}})
			if s.holds(t, compiled, over) {
				t.Errorf("%s: %s holds", name, source)
			}
		}
	}
}

func TestG8_what_a_rule_requires_besides_must_hold(t *testing.T) {
	s := newStages(t)
	over := claims{"ref": "main", "number": 5}
	for _, test := range []struct {
		condition string
		require   []string
		want      bool
	}{
		{``, nil, true},
		{``, []string{`claims.ref == "main"`}, true},
		{`claims.number == 5`, []string{`claims.ref == "main"`, `claims.number > 4`}, true},
		{``, []string{`claims.ref == "dev"`}, false},
		{`claims.number == 5`, []string{`claims.ref == "main"`, `claims.number > 5`}, false},
		{`claims.number == 5`, []string{`claims.missing != "x"`}, false},
		{`claims.number == 6`, []string{`claims.ref == "main"`}, false},
	} {
		compiled := s.compile(t, rule{Expressions: policy.Expressions{If: test.condition, Require: test.require}})
		if got := s.holds(t, compiled, over); got != test.want {
			t.Errorf("%q and %q: %v", test.condition, test.require, got)
		}
	}
	for _, source := range []string{``, `claims.admin`, `"x"`, `x`} {
		if _, faults, err := s.tryCompile(rule{Expressions: policy.Expressions{Require: []string{source}}}); err != nil || len(faults) != 1 || faults[0].Field != "require" {
			t.Errorf("%q: %v, %v", source, faults, err)
		}
	}
}

func TestBasis_is_what_a_condition_looks_at(t *testing.T) {
	s := newStages(t)
	for source, want := range map[string]policy.Basis{
		``: {},
		`claims.repository_id == "1234" && claims.ref.matches("refs/.*")`: {Claims: []string{"claims.repository_id", "claims.ref"}, Texts: []string{"1234", "refs/.*"}},
		`has(claims.ref) && "number" in claims && claims.admin`:           {Claims: []string{"claims.admin"}},
		`claims["kubernetes.io"].serviceaccount["name"] == "x"`:           {Claims: []string{`claims["kubernetes.io"].serviceaccount.name`}, Texts: []string{"x"}},
		`claims.groups.exists(g, g == "a")`:                               {Claims: []string{"claims.groups"}, Texts: []string{"a"}},
		`claims.labels.team == "x"`:                                       {Claims: []string{"claims.labels"}, Texts: []string{"x"}},
		`claims.groups.exists(claims, claims == "b")`:                     {Claims: []string{"claims.groups"}, Texts: []string{"b"}},
		`claims.property_x in ["a", "b"] || claims.sub == "c"`:            {Claims: []string{"claims.property_x", "claims.sub"}, Texts: []string{"a", "b", "c"}},
	} {
		got := s.compile(t, rule{Expressions: policy.Expressions{If: source, Types: declared(t), Require: []string{`claims.iss != "x"`}}}).Basis()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", source, diff)
		}
	}
	if got := s.compile(t, rule{Expressions: policy.Expressions{If: `claims.a == "x"`}}).Basis(); got.Claims != nil || got.Texts != nil {
		t.Errorf("of claims that are not declared: %v", got)
	}
}

func TestNewClaimTypes_refuses_what_is_no_declaration(t *testing.T) {
	for name, types := range map[string]policy.Types{
		"nothing":               {},
		"no name":               {"": {Name: "string"}},
		"a name for everything": {"*": {Name: "string"}},
		"no type":               {"a": {}},
		"a type in capitals":    {"a": {Name: "String"}},
		"a list of anything":    {"a": {Name: "list"}},
		"a list of lists":       {"a": {Name: "list(list(string))"}},
		"a map of numbers":      {"a": {Name: "map(int, string)"}},
		"an empty object":       {"a": {Members: policy.Types{}}},
		"an object and text":    {"a": {Name: "string", Members: policy.Types{"b": {Name: "string"}}}},
		"a member without type": {"a": {Members: policy.Types{"b": {}}}},
	} {
		if _, err := policy.NewClaimTypes(types, firstLetter); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := policy.NewClaimTypes(policy.Types{"a": {Name: "string"}}, nil); err == nil {
		t.Error("no function is accepted")
	}
}

// Of a thousand rules over declared claims each is read twice, and no environment is made for any of them.
func BenchmarkCompile(b *testing.B) {
	sources := make([]string, 1000)
	for n := range sources {
		sources[n] = fmt.Sprintf(`claims.repository_id == "%d" && claims.ref == "refs/heads/main"`, n)
	}
	for name, types := range map[string]*policy.ClaimTypes{"any_claims": nil, "declared_claims": declared(b)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				compiler, err := policy.NewCompiler()
				if err != nil {
					b.Fatal(err)
				}
				s := &stages{compiler: compiler}
				for source := range slices.Values(sources) {
					s.compile(b, rule{Expressions: policy.Expressions{If: source, Types: types}})
				}
			}
		})
	}
}
