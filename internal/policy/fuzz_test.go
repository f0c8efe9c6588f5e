package policy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/policy"
)

// FuzzCompile holds that no expression breaks the compiler or a decision, that neither takes long, and that what is said
// about one that does not compile is one tidy line.
func FuzzCompile(f *testing.F) {
	for _, source := range []string{
		`claims.repository_id == "1234" && claims.ref == "refs/heads/main"`, `"repo:" + claims.repository`, `claims.a.matches("a|b")`,
		`claims.l.all(x, claims.l.exists(y, x == y))`, `{"a": [1, 2u, 3.5, b"x", null]}`, `[1][claims.n]`, `has(claims.a.b) ? 1 : 2`,
		`claims.l.map(x, {x: x})`, `timestamp(claims.a) + duration("1h")`, `type(claims)`, `((((`, `"\ud800"`, "claims.`a-b`", `1/0`, `-9223372036854775808`,
		`claims.l.map(x, claims.l.map(y, claims.l.map(z, x + y + z)))`, `claims.s + claims.s`, `google.protobuf.Value{}`, `[dyn(1), "a"].map(x, string(x))`,
	} {
		f.Add(source)
	}
	s := newStages(f)
	over := claims{
		"a": "refs/heads/main", "n": 7, "f": 1.5, "b": true, "l": []any{"a", 1, nil, []any{}, "b", 2.5}, "o": map[string]any{"a": map[string]any{"b": "c"}},
		"s": strings.Repeat("s", 1000), "null": nil, "empty": "",
	}
	authorization := s.authorize(f, request{claims: over})
	f.Fuzz(func(t *testing.T, source string) {
		began := time.Now()
		for _, expressions := range []policy.Expressions{{If: source}, {Subject: source}, {Claims: map[string]string{"c": source}}} {
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
			decision, err := s.policiesOf(t, compiled).Decide(authorization)
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
