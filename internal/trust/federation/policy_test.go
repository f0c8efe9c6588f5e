package federation_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/trust/federation"
)

// outcome is one row of a table: what policies make of metadata, all of it written as JSON. p stands for the parameter
// that the policies are about.
type outcome struct {
	name     string
	metadata string
	policies []string // for p, the most superior one first
	want     string   // empty: a refusal
	refusal  error
}

func makes(name, metadata, want string, policies ...string) outcome {
	return outcome{name, metadata, policies, want, nil}
}

func refuses(name string, because error, metadata string, policies ...string) outcome {
	return outcome{name, metadata, policies, "", because}
}

func resolve(t testing.TB, metadata string, parameter string, policies ...string) (object, error) {
	t.Helper()
	var claims []any
	for _, policy := range policies {
		claims = append(claims, parsed(t, `{"`+parameter+`":`+policy+`}`))
	}
	return federation.Resolve(parsed(t, metadata).(object), claims...)
}

func judgePolicies(t *testing.T, outcomes ...outcome) {
	t.Helper()
	for _, outcome := range outcomes {
		t.Run(outcome.name, func(t *testing.T) {
			t.Helper()
			got, err := resolve(t, outcome.metadata, "p", outcome.policies...)
			if !is(err, outcome.refusal) {
				t.Fatalf("got %v, %v, want %v", got, err, outcome.refusal)
			}
			if outcome.refusal == nil {
				if difference := cmp.Diff(parsed(t, outcome.want), any(got)); difference != "" {
					t.Error(difference)
				}
			}
		})
	}
}

func TestF4_value_sets_a_parameter(t *testing.T) {
	judgePolicies(t,
		makes("over another", `{"p":"a"}`, `{"p":"b"}`, `{"value":"b"}`),
		makes("over another type", `{"p":["a"]}`, `{"p":false}`, `{"value":false}`),
		makes("that is not there", `{}`, `{"p":1}`, `{"value":1}`),
		makes("to a list", `{"p":"a"}`, `{"p":["b",1]}`, `{"value":["b",1]}`),
		makes("to an object", `{"p":"a"}`, `{"p":{"keys":[]}}`, `{"value":{"keys":[]}}`),
		makes("to nothing", `{"p":"a"}`, `{}`, `{"value":null}`),
		makes("to nothing, and nothing was there", `{}`, `{}`, `{"value":null}`),
		makes("and leaves others alone", `{"p":"a","q":"a"}`, `{"p":"b","q":"a"}`, `{"value":"b"}`),
	)
}

func TestF4_add_adds_to_a_list(t *testing.T) {
	judgePolicies(t,
		makes("what is not there", `{"p":["a"]}`, `{"p":["a","b"]}`, `{"add":["b"]}`),
		makes("but not twice", `{"p":["a","b"]}`, `{"p":["a","b","c"]}`, `{"add":["b","c","c"]}`),
		makes("that is not there", `{}`, `{"p":["b"]}`, `{"add":["b"]}`),
		makes("nothing", `{}`, `{"p":[]}`, `{"add":[]}`),
		makes("an object, whatever the order of its members", `{"p":[{"x":1,"y":2}]}`, `{"p":[{"x":1,"y":2}]}`, `{"add":[{"y":2,"x":1}]}`),
		makes("a number, however it is written", `{"p":[1]}`, `{"p":[1,2]}`, `{"add":[1.0,2]}`),
		refuses("to a string", federation.ErrPolicyBroken, `{"p":"a"}`, `{"add":["b"]}`),
		refuses("to an object", federation.ErrPolicyBroken, `{"p":{"a":1}}`, `{"add":["b"]}`),
		refuses("to a list of lists", federation.ErrPolicyBroken, `{"p":[["a"]]}`, `{"add":["b"]}`),
		refuses("a string", federation.ErrPolicyForm, `{"p":["a"]}`, `{"add":"b"}`),
		refuses("null", federation.ErrPolicyForm, `{"p":["a"]}`, `{"add":null}`),
		refuses("a list with null", federation.ErrPolicyForm, `{"p":["a"]}`, `{"add":["b",null]}`),
		refuses("a list with a boolean", federation.ErrPolicyForm, `{"p":["a"]}`, `{"add":[true]}`),
		refuses("a list with a list", federation.ErrPolicyForm, `{"p":["a"]}`, `{"add":[["b"]]}`),
	)
}

func TestF4_default_stands_in_for_a_parameter(t *testing.T) {
	judgePolicies(t,
		makes("that is not there", `{}`, `{"p":"a"}`, `{"default":"a"}`),
		makes("but not for one that is", `{"p":"b"}`, `{"p":"b"}`, `{"default":"a"}`),
		makes("nor for one that is empty", `{"p":[]}`, `{"p":[]}`, `{"default":["a"]}`),
		makes("nor for one that is false", `{"p":false}`, `{"p":false}`, `{"default":true}`),
		makes("of another type", `{"p":1}`, `{"p":1}`, `{"default":["a"]}`),
		makes("with an object", `{}`, `{"p":{"x":1}}`, `{"default":{"x":1}}`),
		refuses("but not with null", federation.ErrPolicyForm, `{"p":"a"}`, `{"default":null}`),
	)
}

func TestF4_one_of_lists_what_a_parameter_may_be(t *testing.T) {
	judgePolicies(t,
		makes("one", `{"p":"a"}`, `{"p":"a"}`, `{"one_of":["a","b"]}`),
		makes("a number", `{"p":2}`, `{"p":2}`, `{"one_of":[1,2.0]}`),
		makes("an object", `{"p":{"x":1}}`, `{"p":{"x":1}}`, `{"one_of":[{"x":1}]}`),
		makes("nothing", `{}`, `{}`, `{"one_of":["a"]}`),
		refuses("another", federation.ErrPolicyBroken, `{"p":"c"}`, `{"one_of":["a","b"]}`),
		refuses("in capital letters", federation.ErrPolicyBroken, `{"p":"A"}`, `{"one_of":["a","b"]}`),
		refuses("an empty string", federation.ErrPolicyBroken, `{"p":""}`, `{"one_of":["a"]}`),
		refuses("text instead of a number", federation.ErrPolicyBroken, `{"p":"1"}`, `{"one_of":[1]}`),
		refuses("a list of one", federation.ErrPolicyBroken, `{"p":["a"]}`, `{"one_of":["a"]}`),
		refuses("an object with more in it", federation.ErrPolicyBroken, `{"p":{"x":1,"y":1}}`, `{"one_of":[{"x":1}]}`),
		refuses("a boolean", federation.ErrPolicyBroken, `{"p":true}`, `{"one_of":["true"]}`),
		refuses("nothing to choose from", federation.ErrPolicyForm, `{}`, `{"one_of":[]}`),
		refuses("a string to choose from", federation.ErrPolicyForm, `{"p":"a"}`, `{"one_of":"a"}`),
		refuses("a list with null", federation.ErrPolicyForm, `{"p":"a"}`, `{"one_of":["a",null]}`),
		refuses("a list with booleans", federation.ErrPolicyForm, `{"p":true}`, `{"one_of":[true]}`),
	)
}

// The first rows are the table in §6.1.3.1.8.
func TestF4_subset_of_cuts_a_list(t *testing.T) {
	judgePolicies(t,
		makes("a part, essential", `{"p":["a","e"]}`, `{"p":["a"]}`, `{"essential":true,"subset_of":["a","b","c"]}`),
		makes("a part, voluntary", `{"p":["a","e"]}`, `{"p":["a"]}`, `{"essential":false,"subset_of":["a","b","c"]}`),
		makes("no part, essential", `{"p":["d","e"]}`, `{"p":[]}`, `{"essential":true,"subset_of":["a","b","c"]}`),
		makes("no part, voluntary", `{"p":["d","e"]}`, `{"p":[]}`, `{"essential":false,"subset_of":["a","b","c"]}`),
		refuses("not there, essential", federation.ErrPolicyBroken, `{}`, `{"essential":true,"subset_of":["a","b","c"]}`),
		makes("not there, voluntary", `{}`, `{}`, `{"essential":false,"subset_of":["a","b","c"]}`),

		makes("all", `{"p":["b","a"]}`, `{"p":["b","a"]}`, `{"subset_of":["a","b"]}`),
		makes("nothing is allowed", `{"p":["a"]}`, `{"p":[]}`, `{"subset_of":[]}`),
		makes("objects", `{"p":[{"x":1},{"x":2}]}`, `{"p":[{"x":2}]}`, `{"subset_of":[{"x":2}]}`),
		refuses("a string", federation.ErrPolicyBroken, `{"p":"a"}`, `{"subset_of":["a"]}`),
		refuses("a list of lists", federation.ErrPolicyBroken, `{"p":[["a"]]}`, `{"subset_of":["a"]}`),
		refuses("of a string", federation.ErrPolicyForm, `{"p":["a"]}`, `{"subset_of":"a"}`),
		refuses("of null", federation.ErrPolicyForm, `{}`, `{"subset_of":null}`),
		refuses("of an object", federation.ErrPolicyForm, `{}`, `{"subset_of":{"a":1}}`),
	)
}

func TestF4_superset_of_lists_what_must_be_there(t *testing.T) {
	judgePolicies(t,
		makes("all and more", `{"p":["a","b","c"]}`, `{"p":["a","b","c"]}`, `{"superset_of":["c","a"]}`),
		makes("exactly", `{"p":["a"]}`, `{"p":["a"]}`, `{"superset_of":["a"]}`),
		makes("nothing", `{"p":[]}`, `{"p":[]}`, `{"superset_of":[]}`),
		makes("not there", `{}`, `{}`, `{"superset_of":["a"]}`),
		refuses("not all", federation.ErrPolicyBroken, `{"p":["a","c"]}`, `{"superset_of":["a","b"]}`),
		refuses("none", federation.ErrPolicyBroken, `{"p":[]}`, `{"superset_of":["a"]}`),
		refuses("a string", federation.ErrPolicyBroken, `{"p":"a"}`, `{"superset_of":["a"]}`),
		refuses("of a string", federation.ErrPolicyForm, `{"p":["a"]}`, `{"superset_of":"a"}`),
		refuses("of a boolean", federation.ErrPolicyForm, `{"p":["a"]}`, `{"superset_of":[true]}`),
	)
}

func TestF4_essential_wants_a_parameter(t *testing.T) {
	judgePolicies(t,
		makes("there", `{"p":"a"}`, `{"p":"a"}`, `{"essential":true}`),
		makes("an empty list", `{"p":[]}`, `{"p":[]}`, `{"essential":true}`),
		makes("false", `{"p":false}`, `{"p":false}`, `{"essential":true}`),
		makes("voluntary", `{}`, `{}`, `{"essential":false}`),
		makes("by default", `{}`, `{"p":"a"}`, `{"essential":true,"default":"a"}`),
		makes("by value", `{}`, `{"p":"a"}`, `{"essential":true,"value":"a"}`),
		makes("by add", `{}`, `{"p":["a"]}`, `{"essential":true,"add":["a"]}`),
		refuses("not there", federation.ErrPolicyBroken, `{}`, `{"essential":true}`),
		refuses("another one", federation.ErrPolicyBroken, `{"q":"a"}`, `{"essential":true}`),
		refuses("text", federation.ErrPolicyForm, `{"p":"a"}`, `{"essential":"true"}`),
		refuses("null", federation.ErrPolicyForm, `{"p":"a"}`, `{"essential":null}`),
		refuses("a number", federation.ErrPolicyForm, `{"p":"a"}`, `{"essential":1}`),
	)
}

// §6.1.3.1 gives each operator its place.
func TestF4_operators_are_applied_in_their_order(t *testing.T) {
	judgePolicies(t,
		makes("value before add", `{"p":["c"]}`, `{"p":["a","b"]}`, `{"value":["a","b"],"add":["b"]}`),
		makes("value before default", `{}`, `{"p":"a"}`, `{"default":"b","value":"a"}`),
		makes("value before one_of", `{"p":"c"}`, `{"p":"a"}`, `{"one_of":["a","b"],"value":"a"}`),
		makes("value before subset_of", `{"p":["c"]}`, `{"p":["a"]}`, `{"subset_of":["a","b"],"value":["a"]}`),
		makes("value before superset_of", `{"p":["c"]}`, `{"p":["a"]}`, `{"superset_of":["a"],"value":["a"]}`),
		makes("add before default", `{}`, `{"p":["a"]}`, `{"default":["b"],"add":["a"]}`),
		makes("add before subset_of", `{"p":["c"]}`, `{"p":["a"]}`, `{"subset_of":["a","b"],"add":["a"]}`),
		makes("add before superset_of", `{"p":["c"]}`, `{"p":["c","a"]}`, `{"superset_of":["a"],"add":["a"]}`),
		makes("default before subset_of", `{}`, `{"p":["a"]}`, `{"subset_of":["a"],"default":["a","c"]}`),
		makes("default before superset_of", `{}`, `{"p":["a","b"]}`, `{"superset_of":["a"],"default":["a","b"]}`),
		makes("subset_of before superset_of", `{"p":["a","c"]}`, `{"p":["a"]}`, `{"subset_of":["a","b"],"superset_of":["a"]}`),
		refuses("default before one_of", federation.ErrPolicyBroken, `{}`, `{"one_of":["a"],"default":"b"}`),
		refuses("default before superset_of, which it breaks", federation.ErrPolicyBroken, `{}`, `{"superset_of":["a"],"default":["b"]}`),
		refuses("subset_of before superset_of, which it breaks", federation.ErrPolicyBroken, `{"p":["c"]}`, `{"subset_of":["a","b"],"superset_of":["a"]}`),
	)
}

// §6.1.3.1.8: scope is one string, and a list for operators.
func TestF4_scope_is_a_list_for_operators(t *testing.T) {
	for _, test := range []struct{ metadata, policy, want string }{
		{`{"scope":"a b"}`, `{"subset_of":["b","c"]}`, `{"scope":"b"}`},
		{`{"scope":"a b"}`, `{"subset_of":["c"]}`, `{"scope":""}`},
		{`{"scope":"a b"}`, `{"superset_of":["b"]}`, `{"scope":"a b"}`},
		{`{"scope":"a b"}`, `{"add":["c","a"]}`, `{"scope":"a b c"}`},
		{`{"scope":"a b"}`, `{"value":["c","d"]}`, `{"scope":"c d"}`},
		{`{"scope":"a b"}`, `{"value":"c d"}`, `{"scope":"c d"}`},
		{`{"scope":"a b"}`, `{"value":"c d","subset_of":["c","d","e"]}`, `{"scope":"c d"}`},
		{`{"scope":"a b"}`, `{"value":null}`, `{}`},
		{`{}`, `{"default":"a b"}`, `{"scope":"a b"}`},
		{`{}`, `{"default":["a","b"],"subset_of":["a"]}`, `{"scope":"a"}`},
		{`{"scope":"a b"}`, `{"essential":true}`, `{"scope":"a b"}`},
	} {
		got, err := resolve(t, test.metadata, "scope", test.policy)
		if difference := cmp.Diff(parsed(t, test.want), any(got)); difference != "" || err != nil {
			t.Errorf("%s under %s: %v\n%s", test.metadata, test.policy, err, difference)
		}
	}
	for _, test := range []struct {
		metadata, policy string
		refusal          error
	}{
		{`{"scope":"a b"}`, `{"superset_of":["c"]}`, federation.ErrPolicyBroken},
		{`{"scope":"ab"}`, `{"superset_of":["a"]}`, federation.ErrPolicyBroken},
		{`{"scope":"a b"}`, `{"superset_of":["a b"]}`, federation.ErrPolicyBroken},
		{`{"scope":"a"}`, `{"one_of":["a"]}`, federation.ErrPolicyBroken},
		{`{"scope":1}`, `{"subset_of":["a"]}`, federation.ErrPolicyBroken},
		{`{"scope":"a"}`, `{"subset_of":"a"}`, federation.ErrPolicyForm},
		{`{"scope":"a"}`, `{"value":"a b","subset_of":["a"]}`, federation.ErrPolicyConflict},
	} {
		if got, err := resolve(t, test.metadata, "scope", test.policy); !errors.Is(err, test.refusal) || got != nil {
			t.Errorf("%s under %s: %v, %v, want %v", test.metadata, test.policy, got, err, test.refusal)
		}
	}
}

// §6.1.3.2.
func TestF4_operators_that_are_not_known_are_ignored(t *testing.T) {
	judgePolicies(t,
		makes("alone", `{"p":"a"}`, `{"p":"a"}`, `{"regexp":"^b$"}`),
		makes("beside others", `{"p":"a"}`, `{"p":"b"}`, `{"regexp":"^b$","value":"b"}`),
		makes("in capital letters", `{"p":"a"}`, `{"p":"a"}`, `{"VALUE":"b"}`),
		makes("no operator at all", `{"p":"a"}`, `{"p":"a"}`, `{}`),
	)
}

func TestF4_a_policy_is_objects_in_objects(t *testing.T) {
	for _, policy := range []string{`null`, `[]`, `"value"`, `1`, `true`} {
		for _, claim := range []any{parsed(t, policy), parsed(t, `{"p":`+policy+`}`)} {
			if got, err := federation.Resolve(object{"p": "a"}, claim); !errors.Is(err, federation.ErrPolicyForm) || got != nil {
				t.Errorf("%v: %v, %v", claim, got, err)
			}
		}
	}
	// One fault anywhere refuses all of it, be it about what the entity has or not.
	for _, claim := range []string{`{"q":{"add":"x"}}`, `{"p":{"value":"b"},"q":{"essential":0}}`} {
		if got, err := federation.Resolve(object{"p": "a"}, parsed(t, claim)); !errors.Is(err, federation.ErrPolicyForm) || got != nil {
			t.Errorf("%s: %v, %v", claim, got, err)
		}
	}
}
