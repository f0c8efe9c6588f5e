package federation_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/trust/federation"
)

// agreeing and conflicting are two operators that stand beside each other: in one policy, and each in one, in both
// orders (§6.1.3.1, §6.1.4.1).
func TestF4_operators_that_stand_beside_each_other_agree(t *testing.T) {
	for _, test := range []struct {
		one, other string
		agree      bool
	}{
		{`"value":["a","b"]`, `"add":["a"]`, true},
		{`"value":["a"]`, `"add":[]`, true},
		{`"value":"a"`, `"default":"b"`, true},
		{`"value":["a"]`, `"default":["a","b"]`, true},
		{`"value":"a"`, `"one_of":["a","b"]`, true},
		{`"value":1`, `"one_of":[1.0]`, true},
		{`"value":["a"]`, `"subset_of":["a","b"]`, true},
		{`"value":[]`, `"subset_of":["a"]`, true},
		{`"value":["a","b"]`, `"superset_of":["a"]`, true},
		{`"value":"a"`, `"essential":true`, true},
		{`"value":null`, `"essential":false`, true},
		{`"add":["a"]`, `"default":["b"]`, true},
		{`"add":["a"]`, `"subset_of":["a","b"]`, true},
		{`"add":["a"]`, `"superset_of":["b"]`, true},
		{`"add":["a"]`, `"essential":true`, true},
		{`"default":"a"`, `"one_of":["b"]`, true}, // until it is applied
		{`"default":["a"]`, `"subset_of":["b"]`, true},
		{`"default":["a"]`, `"superset_of":["b"]`, true},
		{`"default":"a"`, `"essential":true`, true},
		{`"one_of":["a"]`, `"essential":true`, true},
		{`"subset_of":["a","b"]`, `"superset_of":["a"]`, true},
		{`"subset_of":["a"]`, `"superset_of":["a"]`, true},
		{`"subset_of":["a"]`, `"essential":true`, true},
		{`"superset_of":["a"]`, `"essential":true`, true},

		{`"value":["a"]`, `"add":["b"]`, false},
		{`"value":["a"]`, `"add":["a","b"]`, false},
		{`"value":"a"`, `"add":["a"]`, false},
		{`"value":"a"`, `"add":[]`, false},
		{`"value":null`, `"add":["a"]`, false},
		{`"value":null`, `"add":[]`, false},
		{`"value":null`, `"default":"a"`, false},
		{`"value":"c"`, `"one_of":["a","b"]`, false},
		{`"value":["a"]`, `"one_of":["a"]`, false},
		{`"value":null`, `"one_of":["a"]`, false},
		{`"value":true`, `"one_of":["a"]`, false},
		{`"value":["a","c"]`, `"subset_of":["a","b"]`, false},
		{`"value":"a"`, `"subset_of":["a"]`, false},
		{`"value":null`, `"subset_of":["a"]`, false},
		{`"value":null`, `"subset_of":[]`, false},
		{`"value":["a"]`, `"superset_of":["a","b"]`, false},
		{`"value":"a"`, `"superset_of":["a"]`, false},
		{`"value":null`, `"superset_of":["a"]`, false},
		{`"value":null`, `"superset_of":[]`, false},
		{`"value":null`, `"essential":true`, false},
		{`"add":["a"]`, `"one_of":["a"]`, false},
		{`"add":[]`, `"one_of":["a"]`, false},
		{`"add":["a"]`, `"subset_of":["b"]`, false},
		{`"add":["a","b"]`, `"subset_of":["a"]`, false},
		{`"add":["a"]`, `"subset_of":[]`, false},
		{`"one_of":["a"]`, `"subset_of":["a"]`, false},
		{`"one_of":["a"]`, `"superset_of":["a"]`, false},
		{`"subset_of":["a"]`, `"superset_of":["b"]`, false},
		{`"subset_of":["a"]`, `"superset_of":["a","b"]`, false},
		{`"subset_of":[]`, `"superset_of":["a"]`, false},
	} {
		for _, policies := range [][]string{
			{`{` + test.one + `,` + test.other + `}`},
			{`{` + test.one + `}`, `{` + test.other + `}`},
			{`{` + test.other + `}`, `{` + test.one + `}`},
			{`{` + test.one + `}`, `{}`, `{` + test.other + `}`},
		} {
			// Metadata that is not there breaks few policies, so that what agrees can be told from what does not.
			_, err := resolve(t, `{}`, "p", policies...)
			if conflict := errors.Is(err, federation.ErrPolicyConflict); conflict == test.agree {
				t.Errorf("%v: %v", policies, err)
			}
		}
	}
}

func TestF4_the_same_operator_in_two_policies_is_merged(t *testing.T) {
	judgePolicies(t,
		makes("value that is the same", `{"p":"b"}`, `{"p":"a"}`, `{"value":"a"}`, `{"value":"a"}`),
		makes("value null twice", `{"p":"b"}`, `{}`, `{"value":null}`, `{"value":null}`),
		makes("value that is the same object", `{}`, `{"p":{"x":1,"y":2}}`, `{"value":{"x":1,"y":2}}`, `{"value":{"y":2,"x":1}}`),
		refuses("value that is another", federation.ErrPolicyConflict, `{"p":"b"}`, `{"value":"a"}`, `{"value":"b"}`),
		refuses("value in another order", federation.ErrPolicyConflict, `{}`, `{"value":["a","b"]}`, `{"value":["b","a"]}`),
		refuses("value of another type", federation.ErrPolicyConflict, `{}`, `{"value":1}`, `{"value":"1"}`),
		refuses("value null and another", federation.ErrPolicyConflict, `{}`, `{"value":null}`, `{"value":"a"}`),
		refuses("value and another null", federation.ErrPolicyConflict, `{}`, `{"value":"a"}`, `{"value":null}`),
		refuses("value that is taken from a list", federation.ErrPolicyConflict, `{}`, `{"value":["a","b"]}`, `{"value":["a"]}`),

		makes("add", `{"p":["x"]}`, `{"p":["x","a","b","c"]}`, `{"add":["a","b"]}`, `{"add":["b","c"]}`),

		makes("default that is the same", `{}`, `{"p":["a"]}`, `{"default":["a"]}`, `{"default":["a"]}`),
		refuses("default that is another", federation.ErrPolicyConflict, `{}`, `{"default":"a"}`, `{"default":"b"}`),
		refuses("default that is another, and not needed", federation.ErrPolicyConflict, `{"p":"c"}`, `{"default":"a"}`, `{"default":"b"}`),

		makes("one_of", `{"p":"b"}`, `{"p":"b"}`, `{"one_of":["a","b"]}`, `{"one_of":["b","c"]}`),
		refuses("one_of, and the superior alone allows it", federation.ErrPolicyBroken, `{"p":"a"}`, `{"one_of":["a","b"]}`, `{"one_of":["b","c"]}`),
		refuses("one_of, and the lower one alone allows it", federation.ErrPolicyBroken, `{"p":"c"}`, `{"one_of":["a","b"]}`, `{"one_of":["b","c"]}`),
		refuses("one_of with nothing in common", federation.ErrPolicyConflict, `{}`, `{"one_of":["a"]}`, `{"one_of":["b"]}`),
		refuses("one_of with nothing in common to all", federation.ErrPolicyConflict, `{}`,
			`{"one_of":["a","b"]}`, `{"one_of":["b","c"]}`, `{"one_of":["a","c"]}`),

		makes("subset_of", `{"p":["a","b","c"]}`, `{"p":["b"]}`, `{"subset_of":["a","b"]}`, `{"subset_of":["b","c"]}`),
		makes("subset_of with nothing in common", `{"p":["a","b"]}`, `{"p":[]}`, `{"subset_of":["a"]}`, `{"subset_of":["b"]}`),

		makes("superset_of", `{"p":["a","b","c"]}`, `{"p":["a","b","c"]}`, `{"superset_of":["a"]}`, `{"superset_of":["b"]}`),
		refuses("superset_of, and one is not there", federation.ErrPolicyBroken, `{"p":["a"]}`, `{"superset_of":["a"]}`, `{"superset_of":["b"]}`),

		makes("essential of neither", `{}`, `{}`, `{"essential":false}`, `{"essential":false}`),
		refuses("essential of the superior", federation.ErrPolicyBroken, `{}`, `{"essential":true}`, `{"essential":false}`),
		refuses("essential of the lower one", federation.ErrPolicyBroken, `{}`, `{"essential":false}`, `{"essential":true}`),
	)
}

// §6.1.1: nobody below can loosen a policy, and everybody can tighten it.
func TestF4_a_lower_policy_loosens_nothing(t *testing.T) {
	judgePolicies(t,
		makes("a smaller subset", `{"p":["a","b"]}`, `{"p":["a"]}`, `{"subset_of":["a","b"]}`, `{"subset_of":["a"]}`),
		makes("a larger subset", `{"p":["a","b"]}`, `{"p":["a"]}`, `{"subset_of":["a"]}`, `{"subset_of":["a","b"]}`),
		makes("a value of many", `{"p":"x"}`, `{"p":"b"}`, `{"one_of":["a","b"]}`, `{"value":"b"}`),
		refuses("a value that was not among them", federation.ErrPolicyConflict, `{"p":"a"}`, `{"one_of":["a","b"]}`, `{"value":"c"}`),
		refuses("an addition that is not allowed", federation.ErrPolicyConflict, `{"p":["a"]}`, `{"subset_of":["a","b"]}`, `{"add":["c"]}`),
		refuses("null instead of what is essential", federation.ErrPolicyConflict, `{"p":"a"}`, `{"essential":true}`, `{"value":null}`),
		refuses("a subset too small", federation.ErrPolicyConflict, `{"p":["a","b"]}`, `{"superset_of":["a","b"]}`, `{"subset_of":["a"]}`),
		refuses("a conflict between the second and the third", federation.ErrPolicyConflict, `{"p":"a"}`, `{}`, `{"value":"a"}`, `{"value":"b"}`),
		refuses("a conflict that is there only when all three are merged", federation.ErrPolicyConflict, `{"p":["a"]}`,
			`{"subset_of":["a","b"]}`, `{"subset_of":["a","c"]}`, `{"superset_of":["b"]}`),
	)
	for _, policies := range [][]string{
		{`{"q":{"value":"a"}}`, `{"q":{"value":"b"}}`}, // which the entity does not have
		{`{"p":{"value":"a"},"q":{"one_of":["a"]}}`, `{"p":{"value":"a"},"q":{"one_of":["b"]}}`},
	} {
		got, err := federation.Resolve(object{"p": "a"}, parsed(t, policies[0]), parsed(t, policies[1]))
		if !errors.Is(err, federation.ErrPolicyConflict) || got != nil {
			t.Errorf("%v: %v, %v", policies, got, err)
		}
	}
}

// The policies reach the engine through the statements, and a conflict in an entity type that nobody asks for refuses
// the chain too.
func TestF4_the_policies_are_those_of_all_superiors(t *testing.T) {
	policy := func(place int, entityType, parameter string, operators object) func(*exchange) {
		return func(e *exchange) {
			policy, _ := e.about(place)["metadata_policy"].(object)
			if policy == nil {
				policy = object{}
				e.about(place)["metadata_policy"] = policy
			}
			policy[entityType] = object{parameter: operators}
		}
	}
	essential, one, other := object{"essential": true}, object{"value": "a"}, object{"value": "b"}
	judge(t,
		allow("what is there is essential", policy(1, oauthClient, "jwks", essential)),
		allow("what is not there is essential in another entity type", policy(1, "openid_provider", "issuer", essential)),
		allow("the same twice", both(policy(1, oauthClient, "p", one), policy(2, oauthClient, "p", one))),
		allow("different parameters", both(policy(1, oauthClient, "p", one), policy(2, oauthClient, "q", other))),
		allow("different entity types", both(policy(1, oauthClient, "p", one), policy(2, "openid_provider", "p", other))),
		allow("different languages", both(policy(1, oauthClient, "p#de", one), policy(2, oauthClient, "p", other))),
		deny("what is not there is essential, says the superior", federation.ErrPolicyBroken, policy(1, oauthClient, "contacts", essential)),
		deny("what is not there is essential, says the anchor", federation.ErrPolicyBroken, policy(2, oauthClient, "contacts", essential)),
		deny("jwks is not allowed", federation.ErrPolicyBroken, policy(2, oauthClient, "jwks", object{"subset_of": []any{}})),
		deny("jwks is one of others", federation.ErrPolicyBroken, policy(2, oauthClient, "jwks", object{"one_of": []any{object{"keys": []any{}}}})),
		deny("a conflict", federation.ErrPolicyConflict, both(policy(1, oauthClient, "p", one), policy(2, oauthClient, "p", other))),
		deny("a conflict in another entity type", federation.ErrPolicyConflict,
			both(policy(1, "openid_provider", "p", one), policy(2, "openid_provider", "p", other))),
		deny("a conflict within one policy", federation.ErrPolicyConflict,
			policy(2, "openid_provider", "p", object{"value": nil, "essential": true})),
		deny("an operator of no use in another entity type", federation.ErrPolicyForm, policy(1, "openid_provider", "p", object{"add": "a"})),
		deny("an operator of no use", federation.ErrPolicyForm, policy(1, oauthClient, "jwks", object{"essential": 1})),
		deny("metadata of another entity type that breaks its policy", federation.ErrPolicyBroken, both(
			func(e *exchange) { e.own()["metadata"].(object)["openid_provider"] = object{} },
			policy(2, "openid_provider", "issuer", essential))),
	)
}

// The example of §6.1.5.
func TestF4_the_example_of_the_specification_resolves_as_it_says(t *testing.T) {
	superior := parsed(t, `{
		"grant_types": {
			"default": ["authorization_code"],
			"subset_of": ["authorization_code", "refresh_token"],
			"superset_of": ["authorization_code"]
		},
		"token_endpoint_auth_method": {"one_of": ["private_key_jwt", "self_signed_tls_client_auth"], "essential": true},
		"token_endpoint_auth_signing_alg": {"one_of": ["PS256", "ES256"]},
		"subject_type": {"value": "pairwise"},
		"contacts": {"add": ["helpdesk@federation.example.org"]}
	}`)
	intermediate := parsed(t, `{
		"grant_types": {"subset_of": ["authorization_code"]},
		"token_endpoint_auth_method": {"one_of": ["self_signed_tls_client_auth"]},
		"contacts": {"add": ["helpdesk@org.example.org"]}
	}`)
	// The superior's two parameters are in it already.
	metadata := parsed(t, `{
		"redirect_uris": ["https://rp.example.org/callback"],
		"response_types": ["code"],
		"token_endpoint_auth_method": "self_signed_tls_client_auth",
		"contacts": ["rp_admins@rp.example.org"],
		"sector_identifier_uri": "https://org.example.org/sector-ids.json",
		"policy_uri": "https://org.example.org/policy.html"
	}`)
	want := parsed(t, `{
		"redirect_uris": ["https://rp.example.org/callback"],
		"grant_types": ["authorization_code"],
		"response_types": ["code"],
		"token_endpoint_auth_method": "self_signed_tls_client_auth",
		"subject_type": "pairwise",
		"sector_identifier_uri": "https://org.example.org/sector-ids.json",
		"policy_uri": "https://org.example.org/policy.html",
		"contacts": ["rp_admins@rp.example.org", "helpdesk@federation.example.org", "helpdesk@org.example.org"]
	}`)
	got, err := federation.Resolve(metadata.(object), superior, intermediate)
	must(t, err)
	if difference := cmp.Diff(want, any(got)); difference != "" {
		t.Error(difference)
	}
}
