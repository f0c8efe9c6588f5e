package policy

import (
	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/oauth"
)

// match is a rule whose condition holds, with the subject that it maps to.
type match struct {
	place   int // among the rules of its party
	rule    *Rule
	scopes  oauth.Scope // that it may grant: those of the rule, as far as what is exchanged has them too
	subject string
	claims  map[string]any
}

// newMatch returns what a rule that matches comes to for an authorization.
func newMatch(place int, rule *Rule, authorization grant.Authorization) match {
	found := match{place: place, rule: rule, scopes: rule.Scopes}
	if limit, limited := authorization.Limit(rule.Resource); limited {
		found.scopes = rule.Scopes.And(limit)
	}
	return found
}

// grants reports whether the rule can answer a request for scope.
func (m match) grants(scope oauth.Scope) bool {
	if len(scope) == 0 || scope.Within(m.scopes) {
		return true
	}
	return m.rule.Narrow && len(scope.And(m.scopes)) > 0
}

// granted returns what the rule grants of requested, or its defaults where nothing was requested (protocol S1).
func (m match) granted(requested oauth.Scope) oauth.Scope {
	if len(requested) == 0 {
		return m.rule.DefaultScopes.And(m.scopes)
	}
	return requested.And(m.scopes)
}
