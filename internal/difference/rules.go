package difference

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"example.com/countersign/internal/config"
)

// rule is a rule with its expressions in the form in which they are compared.
type rule struct {
	*config.Rule
	condition, subject, claims string
	required                   []string // the conditions of the issuer's preset
}

func newRule(configured *config.Rule) rule {
	r := rule{Rule: configured, condition: spaced(configured.If.Text), subject: spaced(configured.Subject.Text)}
	for _, requirement := range configured.Require {
		r.required = append(r.required, requirement.Condition)
	}
	for _, name := range slices.Sorted(maps.Keys(configured.Claims)) {
		r.claims += strconv.Quote(name) + ":" + strconv.Quote(spaced(configured.Claims[name].Text))
	}
	return r
}

// reaches reports whether what a gives is at least what b gives, where both match and grant the requested scope.
func (a rule) reaches(b rule) bool {
	return a.Lifetime >= b.Lifetime && (!a.ExpiresWithAssertion || b.ExpiresWithAssertion) &&
		a.subject == b.subject && a.claims == b.claims &&
		len(missing(b.Scopes, a.Scopes)) == 0 && len(missing(b.DefaultScopes, a.DefaultScopes)) == 0
}

// decides reports whether a matches and grants the requested scope wherever b does. A mapping of the subject is a
// condition too, since a claim that it needs can be missing; the subject as it is never is.
func (a rule) decides(b rule) bool {
	return (a.condition == "" || a.condition == b.condition) && len(missing(a.required, b.required)) == 0 &&
		(a.subject == "" || a.subject == b.subject) && (a.Narrow || !b.Narrow) && len(missing(b.Scopes, a.Scopes)) == 0
}

// covers reports whether whatever b alone would grant, a alone would.
func (a rule) covers(b rule) bool { return a.decides(b) && a.reaches(b) }

// String writes a rule on one line.
func (a rule) String() string {
	text := scopes(a.Scopes) + " for " + duration(a.Lifetime)
	if a.condition != "" {
		text += " if " + strings.Join(strings.Fields(a.condition), " ")
	}
	return text
}

// rules compares what a party may get, one resource after the other: which rule decides is settled for each of them
// apart, by the first that matches the claims and grants the requested scope. A rule that is disabled, or in audit mode,
// is not there. at is the place of their list.
func (c *comparison) rules(at place, before, after []config.Rule) {
	for _, resource := range resourcesOf(after, before) {
		r := newRuling(enabled(before, resource), enabled(after, resource))
		for j := range r.after {
			c.rule(at, r, j)
		}
		for i, was := range r.before {
			if !slices.Contains(r.partner, i) {
				c.add(ruleChange(at, was, rule{}), false, "")
			}
		}
	}
}

// resourcesOf returns the resources of rules, each once.
func resourcesOf(lists ...[]config.Rule) []string {
	var all []string
	for _, configured := range slices.Concat(lists...) {
		if !slices.Contains(all, configured.Resource) {
			all = append(all, configured.Resource)
		}
	}
	return all
}

func enabled(rules []config.Rule, resource string) []rule {
	var chosen []rule
	for i := range rules {
		if grants(rules[i]) && rules[i].Resource == resource {
			chosen = append(chosen, newRule(&rules[i]))
		}
	}
	return chosen
}

// grants reports whether a rule can grant anything. One that is in audit mode is only tried.
func grants(rule config.Rule) bool { return !rule.Disabled && !rule.Shadow }

// ruleChange is a change from one rule to another; one of them may be zero.
func ruleChange(at place, was, is rule) Change {
	change := at.change("")
	change.OldRule, change.NewRule, change.OldLine, change.NewLine = was.Rule, is.Rule, 0, 0
	if was.Rule != nil {
		change.Resource, change.OldLine, change.Old = was.Resource, was.At.Line, was.String()
	}
	if is.Rule != nil {
		change.Resource, change.NewLine, change.New = is.Resource, is.At.Line, is.String()
	}
	return change
}

// rule adds what changed of one rule of the document after. The verdict is of the rule as a whole: what another rule
// allowed already is nothing new, and a rule that only became narrower can decide where a better one did.
func (c *comparison) rule(at place, r ruling, j int) {
	is, allowed, i := r.after[j], r.allowed(j), r.partner[j]
	if i < 0 {
		c.add(ruleChange(at, rule{}, is), !allowed, "no rule allowed all of this")
		return
	}
	was, wider := r.before[i], false
	for _, field := range differences(was, is) {
		change := ruleChange(at, was, is)
		change.What += "." + field.name
		change.Old, change.New = field.before, field.after
		c.add(change, field.widens && !allowed, field.why)
		wider = wider || field.widens
	}
	first, found := r.displaced(j, i)
	if found && !allowed && (!wider || !first.reaches(was)) {
		change := ruleChange(at, first, is)
		change.What += ".order"
		c.add(change, true, "the rule that decided first is gone, narrower or behind this one, which decides now where both match")
	}
}
