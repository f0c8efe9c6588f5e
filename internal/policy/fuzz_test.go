package policy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/policy"
	"example.com/countersign/internal/trace"
)

// FuzzCompile holds that no expression breaks the compiler or a decision, that neither takes long, and that what is said
// about one that does not compile is one tidy line; and that declared claims change nothing about what is decided.
func FuzzCompile(f *testing.F) {
	for _, source := range []string{
		`claims.repository_id == "1234" && claims.ref == "refs/heads/main"`, `"repo:" + claims.repository`, `claims.a.matches("a|b")`,
		`claims.l.all(x, claims.l.exists(y, x == y))`, `{"a": [1, 2u, 3.5, b"x", null]}`, `[1][claims.n]`, `has(claims.a.b) ? 1 : 2`,
		`claims.l.map(x, {x: x})`, `timestamp(claims.a) + duration("1h")`, `type(claims)`, `((((`, `"\ud800"`, "claims.`a-b`", `1/0`, `-9223372036854775808`,
		`claims.admin`, `claims[""]`, `claims["kubernetes.io"].namespace == claims.ref`, `"a" in claims`, `claims.groups.exists(claims, claims.x == "a")`, `.claims.labels.x`,
		`claims.l.map(x, claims.l.map(y, claims.l.map(z, x + y + z)))`, `claims.s + claims.s`, `google.protobuf.Value{}`, `[dyn(1), "a"].map(x, string(x))`,
	} {
		f.Add(source)
	}
	s := newStages(f)
	types := declared(f)
	over := claims{
		"a": "refs/heads/main", "n": 7, "f": 1.5, "b": true, "l": []any{"a", 1, nil, []any{}, "b", 2.5}, "o": map[string]any{"a": map[string]any{"b": "c"}},
		"s": strings.Repeat("s", 1000), "null": nil, "empty": "",
	}
	_, watched := trace.Watch(f.Context())
	authorization := s.authorize(f, request{claims: over, trace: watched})
	f.Fuzz(func(t *testing.T, source string) {
		began := time.Now()
		s.expectNoDifference(t, source, types, over)
		for _, expressions := range []policy.Expressions{
			{If: source}, {Subject: source}, {Claims: map[string]string{"c": source}}, {If: source, Types: types}, {Subject: source, Types: types},
		} {
			compiled, faults, err := s.tryCompile(rule{Expressions: expressions})
			if err != nil {
				t.Fatal(err)
			}
			for _, fault := range faults {
				if text := fault.Err.Error(); text == "" || strings.ContainsAny(text, "\n\r") || len(text) > 1000+3*len(source) {
					t.Errorf("%q", text)
				}
			}
			if len(faults) > 0 {
				continue
			}
			watched.Reset()
			decision, err := s.policiesOf(t, compiled).Decide(authorization)
			s.expectTrace(t, watched.Steps(), err, over)
			if err != nil {
				continue
			}
			if _, err := json.Marshal(decision.Claims()); err != nil {
				t.Errorf("a token cannot carry %v: %v", decision.Claims(), err)
			}
			if decision.Subject() == "" {
				t.Error("an empty subject")
			}
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// expectNoDifference holds that a condition decides the same whether claims are declared or not.
func (s *stages) expectNoDifference(t *testing.T, source string, types *policy.ClaimTypes, over claims) {
	t.Helper()
	with, faults, err := s.tryCompile(rule{Expressions: policy.Expressions{If: source, Types: types}})
	if err != nil || len(faults) > 0 {
		return
	}
	without, faults, err := s.tryCompile(rule{Expressions: policy.Expressions{If: source}})
	if err != nil || len(faults) > 0 {
		return // a claim alone is a condition only where it is declared
	}
	if s.holds(t, with, over) != s.holds(t, without, over) {
		t.Errorf("%q depends on what is declared", source)
	}
}

// expectTrace holds that the trace of one rule says what was decided, and that no part of a condition which it names
// holds by itself.
func (s *stages) expectTrace(t *testing.T, steps []trace.Step, err error, over claims) {
	t.Helper()
	if len(steps) == 0 || (steps[0].Result == trace.Passed) != (err == nil || steps[len(steps)-1].Check != "") {
		t.Errorf("%v, and the trace is %v", err, steps)
	}
	for _, step := range steps {
		if strings.ContainsAny(step.Text, "\n\r") {
			t.Errorf("the trace has %q", step.Text)
		}
		compiled, faults, _ := s.tryCompile(rule{Expressions: policy.Expressions{If: step.Text}})
		if step.Check == "if" && len(faults) == 0 && s.holds(t, compiled, over) {
			t.Errorf("%s holds, and the trace names it", step.Text)
		}
	}
}
