package federation_test

import (
	"errors"
	"testing"

	"example.com/countersign/internal/trust/federation"
)

// constrain is a change of the constraints that the superior at this place sets.
func constrain(place int, name string, value any) func(*exchange) {
	return func(e *exchange) {
		constraints, _ := e.about(place)["constraints"].(object)
		if constraints == nil {
			constraints = object{}
		}
		constraints[name] = value
		e.about(place)["constraints"] = constraints
	}
}

func both(changes ...func(*exchange)) func(*exchange) {
	return func(e *exchange) {
		for _, change := range changes {
			change(e)
		}
	}
}

// The examples of §6.2.1, in the same chain: the leaf, two intermediates, the anchor.
func TestF4_max_path_length_counts_the_intermediates_below(t *testing.T) {
	const length = "max_path_length"
	p := newParties(t)
	judgeOn(t, func(t *testing.T) *exchange { return p.exchange(t, leaf, org, upper, anchor) },
		allow("the anchor says 2", constrain(3, length, 2)),
		allow("the anchor says 3", constrain(3, length, 3)),
		allow("the anchor says 2, the upper says 1", both(constrain(3, length, 2), constrain(2, length, 1))),
		allow("the lower says 0", constrain(1, length, 0)),
		allow("each says the least", both(constrain(3, length, 2), constrain(2, length, 1), constrain(1, length, 0))),
		deny("the anchor says 1", federation.ErrLength, constrain(3, length, 1)),
		deny("the anchor says 0", federation.ErrLength, constrain(3, length, 0)),
		deny("the upper says 0", federation.ErrLength, constrain(2, length, 0)),
		deny("the anchor says 5, the upper says 0", federation.ErrLength, both(constrain(3, length, 5), constrain(2, length, 0))),
		deny("the anchor says 1, the upper says 5", federation.ErrLength, both(constrain(3, length, 1), constrain(2, length, 5))),
		attempt{"the anchor's statement about itself is no intermediate", func(t *testing.T, e *exchange) {
			e.addAnchor(t)
			constrain(3, length, 2)(e)
		}, nil},
		attempt{"nor does it make the path longer than it is", func(t *testing.T, e *exchange) {
			e.addAnchor(t)
			constrain(3, length, 1)(e)
		}, federation.ErrLength},
	)
	judgeOn(t, func(t *testing.T) *exchange { return p.exchange(t, leaf, anchor) },
		allow("none may be there, and none is", constrain(1, length, 0)),
		deny("a negative number", federation.ErrClaims, constrain(1, length, -1)),
		deny("a fraction", federation.ErrClaims, constrain(1, length, 1.5)),
		deny("text", federation.ErrClaims, constrain(1, length, "1")),
		deny("null", federation.ErrClaims, constrain(1, length, nil)),
		deny("true", federation.ErrClaims, constrain(1, length, true)),
	)
}

func TestF4_naming_constraints_hold_for_everybody_below(t *testing.T) {
	const naming = "naming_constraints"
	permitted := func(names ...any) object { return object{"permitted": append([]any{}, names...)} }
	excluded := func(names ...any) object { return object{"excluded": names} }
	p := newParties(t)
	judgeOn(t, func(t *testing.T) *exchange { return p.exchange(t, leaf, org, upper, anchor) },
		allow("all are permitted, the anchor need not be", constrain(3, naming, permitted(".example.com"))),
		allow("each by its name", constrain(3, naming, permitted("leaf.example.com", "org.example.com", "upper.example.com"))),
		allow("the intermediate need not be permitted by its own constraint", constrain(1, naming, permitted("leaf.example.com"))),
		allow("somebody else is excluded", constrain(3, naming, excluded("stranger.example.net", ".leaf.example.com"))),
		allow("unknown constraints", both(constrain(3, "x", 1), constrain(1, naming, object{"x": 1}))),
		deny("the leaf is not permitted", federation.ErrNaming, constrain(3, naming, permitted("org.example.com", "upper.example.com"))),
		deny("the lower intermediate is not permitted", federation.ErrNaming, constrain(3, naming, permitted("leaf.example.com", "upper.example.com"))),
		deny("the upper intermediate is not permitted", federation.ErrNaming, constrain(3, naming, permitted("leaf.example.com", "org.example.com"))),
		deny("nobody is permitted", federation.ErrNaming, constrain(3, naming, permitted())),
		deny("the leaf is excluded", federation.ErrNaming, constrain(3, naming, excluded("leaf.example.com"))),
		deny("the leaf is excluded by its superior", federation.ErrNaming, constrain(1, naming, excluded("leaf.example.com"))),
		deny("an intermediate is excluded", federation.ErrNaming, constrain(3, naming, excluded("upper.example.com"))),
		deny("excluded and permitted", federation.ErrNaming, constrain(3, naming,
			object{"permitted": []any{".example.com"}, "excluded": []any{"leaf.example.com"}})),
		deny("a lower superior cannot permit what an upper one does not", federation.ErrNaming,
			both(constrain(3, naming, permitted(".example.net")), constrain(1, naming, permitted(".example.com")))),
	)
}

func TestF4_a_naming_constraint_is_a_host_or_a_domain(t *testing.T) {
	for _, test := range []struct {
		constraint, entity string
		matches            bool
	}{
		{"host.example.com", "https://host.example.com", true},
		{"host.example.com", "https://host.example.com:8443/a/b", true},
		{"host.example.com", "https://HOST.example.com", true},
		{"Host.Example.com", "https://host.example.com", true},
		{"host.example.com", "https://a.host.example.com", false},
		{"host.example.com", "https://xhost.example.com", false},
		{"host.example.com", "https://host.example.com.evil.example", false},
		{"host.example.com", "https://evil.example/host.example.com", false},
		{".example.com", "https://host.example.com", true},
		{".example.com", "https://my.host.example.com", true},
		{".example.com", "https://MY.host.EXAMPLE.com/", true},
		{".example.com", "https://example.com", false},
		{".example.com", "https://example.com.evil.example", false},
		{".example.com", "https://a.example.com.evil.example", false},
		{".example.com", "https://badexample.com", false},
		{".example.com", "https://evil.example/a.example.com", false},
		{".com", "https://host.example.com", true},
	} {
		permitted, err := federation.AllowsName(object{"permitted": []any{test.constraint}}, test.entity)
		if err != nil || permitted != test.matches {
			t.Errorf("%s permits %s: %v, %v", test.constraint, test.entity, permitted, err)
		}
		excluded, err := federation.AllowsName(object{"excluded": []any{test.constraint}}, test.entity)
		if err != nil || excluded == test.matches {
			t.Errorf("%s does not exclude %s: %v, %v", test.constraint, test.entity, excluded, err)
		}
	}
	// RFC 5280 §4.2.1.10: where there are constraints on names, an address is not good.
	for _, entity := range []string{"https://192.0.2.1", "https://[2001:db8::1]"} {
		for _, naming := range []object{{"excluded": []any{".example.com"}}, {"permitted": []any{".example.com"}}, {"excluded": []any{}}} {
			if allowed, err := federation.AllowsName(naming, entity); allowed || err != nil {
				t.Errorf("%v allows %s: %v", naming, entity, err)
			}
		}
		if allowed, err := federation.AllowsName(object{}, entity); !allowed {
			t.Errorf("%s without constraints: %v", entity, err)
		}
	}
	for _, naming := range []any{
		nil, []any{}, ".example.com", object{"permitted": nil}, object{"permitted": ".example.com"}, object{"excluded": []any{1}},
		object{"excluded": []any{""}}, object{"excluded": []any{"."}}, object{"excluded": []any{"..example.com"}},
		object{"excluded": []any{"example.com."}}, object{"excluded": []any{"*.example.com"}}, object{"excluded": []any{"https://example.com"}},
		object{"excluded": []any{"example.com:443"}}, object{"excluded": []any{"example.com/a"}}, object{"excluded": []any{"bücher.example"}},
		object{"excluded": []any{"192.0.2.1"}}, object{"permitted": []any{".example.com"}, "excluded": []any{" example.com"}},
	} {
		if allowed, err := federation.AllowsName(naming, leaf); allowed || !errors.Is(err, federation.ErrClaims) {
			t.Errorf("%v: %v, %v", naming, allowed, err)
		}
	}
}

func TestF4_the_entity_type_is_allowed_by_every_superior(t *testing.T) {
	const allowed = "allowed_entity_types"
	types := func(place int, names ...any) func(*exchange) {
		return constrain(place, allowed, append([]any{}, names...))
	}
	judge(t,
		allow("by the anchor", types(2, oauthClient)),
		allow("by the anchor, beside others", types(2, "openid_provider", oauthClient)),
		allow("by both", both(types(2, oauthClient), types(1, oauthClient))),
		deny("not by the anchor", federation.ErrEntityType, types(2, "openid_provider")),
		deny("not by its superior", federation.ErrEntityType, types(1, "openid_provider")),
		deny("not by one of them", federation.ErrEntityType, both(types(2, oauthClient), types(1, "openid_provider"))),
		deny("by none", federation.ErrEntityType, both(types(2, "openid_relying_party"), types(1, "openid_provider"))),
		deny("none at all", federation.ErrEntityType, types(2)),
		deny("in capital letters", federation.ErrEntityType, types(2, "OAUTH_CLIENT")),
		deny("federation_entity, which is always allowed", federation.ErrClaims, types(2, oauthClient, "federation_entity")),
		deny("a string", federation.ErrClaims, constrain(2, allowed, oauthClient)),
		deny("null", federation.ErrClaims, constrain(2, allowed, nil)),
		deny("a number", federation.ErrClaims, types(2, oauthClient, 1)),
		deny("an empty string", federation.ErrClaims, types(2, oauthClient, "")),
		// What is not allowed is taken away before any policy looks at it (§6.2.3).
		allow("a policy for a type that is taken away is not broken", both(
			func(e *exchange) { e.own()["metadata"].(object)["openid_provider"] = object{} },
			set(1, "metadata_policy", object{"openid_provider": object{"issuer": object{"essential": true}}}),
			types(2, oauthClient))),
		deny("a policy for a type that stays is", federation.ErrPolicyBroken, both(
			func(e *exchange) { e.own()["metadata"].(object)["openid_provider"] = object{} },
			set(1, "metadata_policy", object{"openid_provider": object{"issuer": object{"essential": true}}}),
			types(2, oauthClient, "openid_provider"))),
		deny("federation_entity is never taken away", federation.ErrPolicyBroken, both(
			func(e *exchange) { e.own()["metadata"].(object)["federation_entity"] = object{} },
			set(1, "metadata_policy", object{"federation_entity": object{"organization_name": object{"essential": true}}}),
			types(2, oauthClient))),
	)
}
