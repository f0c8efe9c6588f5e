package policy

import (
	"maps"
	"reflect"
	"slices"

	"example.com/countersign/internal/oauth"
)

// choose picks one rule for each resource of the token: of those that match, the first that allows it and the scope.
// Without a resource parameter the rules must leave only one resource (protocol S2).
func choose(matching []match, resources []string, scope oauth.Scope) ([]match, error) {
	if len(resources) == 0 {
		resource, err := onlyResource(matching, scope)
		if err != nil {
			return nil, err
		}
		resources = []string{resource}
	}
	var chosen []match
	for _, resource := range resources {
		isFor := func(m match) bool { return m.rule.Resource == resource }
		if !slices.ContainsFunc(matching, isFor) {
			return nil, &oauth.Error{Code: oauth.InvalidTarget, Description: "no rule allows this resource", Reason: "resource_not_allowed"}
		}
		fits := slices.IndexFunc(matching, func(m match) bool { return isFor(m) && m.grants(scope) })
		if fits < 0 {
			return nil, scopeNotAllowed()
		}
		chosen = append(chosen, matching[fits])
	}
	return chosen, nil
}

// onlyResource returns the resource that is meant where the request names none.
func onlyResource(matching []match, scope oauth.Scope) (string, error) {
	var resource string
	for _, m := range matching {
		switch {
		case !m.grants(scope):
		case resource == "":
			resource = m.rule.Resource
		case resource != m.rule.Resource:
			return "", &oauth.Error{
				Code:        oauth.InvalidTarget,
				Description: "more than one resource is allowed; say which with the resource parameter (RFC 8707)",
				Reason:      "resource_ambiguous",
			}
		}
	}
	if resource == "" {
		return "", scopeNotAllowed()
	}
	return resource, nil
}

// combine makes one decision of the rules for each resource. A token for several resources carries every scope to each
// of them (RFC 8707 §2.2), so it gets only what all of their rules grant, and lives as briefly as the briefest.
func combine(chosen []match, requested oauth.Scope) (Decision, error) {
	first := chosen[0]
	decision := Decision{
		subject:  first.subject,
		audience: []string{first.rule.Resource},
		rules:    []*Rule{first.rule},
		scope:    first.granted(requested),
		lifetime: first.rule.Lifetime,
		claims:   maps.Clone(first.claims),
	}
	for _, m := range chosen[1:] {
		if m.subject != first.subject || !reflect.DeepEqual(m.claims, first.claims) ||
			m.rule.ExpiresWithAssertion != first.rule.ExpiresWithAssertion {
			return Decision{}, &oauth.Error{
				Code:        oauth.InvalidTarget,
				Description: "the rules for these resources differ in subject, claims or expiry; ask for one token each",
				Reason:      "resources_differ",
			}
		}
		decision.audience = append(decision.audience, m.rule.Resource)
		decision.rules = append(decision.rules, m.rule)
		decision.scope = decision.scope.And(m.granted(requested))
		decision.lifetime = min(decision.lifetime, m.rule.Lifetime)
	}
	if len(decision.scope) == 0 {
		return Decision{}, scopeNotAllowed()
	}
	return decision, nil
}

func scopeNotAllowed() error {
	return &oauth.Error{Code: oauth.InvalidScope, Description: "no rule allows all of this scope for the resource", Reason: "scope_not_allowed"}
}
