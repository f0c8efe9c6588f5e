package policy

import (
	"errors"
	"fmt"
	"slices"

	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/trace"
)

// rulesInLog bounds how many rules are looked at again where nobody watches, and of each the first part that does not
// hold is enough: a party can have a thousand, and whoever holds one of its assertions can be refused as often as he
// likes.
const rulesInLog = 10

// record says of each rule whether it matched, and, where the request is refused, what would have been granted. Why one
// does not match is found by looking a second time, which is done for those alone who are refused or watched.
func (p *Policies) record(authorization grant.Authorization, matching matches, err error) {
	record := authorization.Request().Trace
	if record == nil || err == nil && !record.Watched() {
		return
	}
	rules, list := p.rules[authorization.Party()], "allow"
	if authorization.Party().Kind == grant.Exchange {
		list = "exchange"
	}
	for i := range rules {
		if i == rulesInLog && !record.Watched() {
			record.Add(trace.Step{Part: fmt.Sprintf("%d more rules", len(rules)-i), Result: trace.Skipped})
			break
		}
		part := fmt.Sprintf("%s[%d]", list, i)
		if slices.ContainsFunc(matching.inForce, func(m match) bool { return m.rule == &rules[i] }) {
			record.Add(trace.Step{Part: part, Result: trace.Passed})
			continue
		}
		if slices.ContainsFunc(matching.inShadow, func(m match) bool { return m.rule == &rules[i] }) {
			record.Add(trace.Step{Part: part, Check: "mode", Result: trace.Skipped, Text: "it matches, and decides nothing: mode is audit"})
			continue
		}
		misses := rules[i].misses(authorization)
		if !record.Watched() {
			misses = misses[:1]
		}
		for _, step := range misses {
			step.Part = part
			record.Add(step)
		}
	}
	if err != nil {
		record.Add(refusedStep(err, matching.inForce, authorization.Resources()))
	}
}

// misses returns what keeps a rule from matching: every part of its condition that does not hold, or its subject.
func (r *Rule) misses(authorization grant.Authorization) []trace.Step {
	claims := present(authorization.Claims())
	switch {
	case r.Disabled:
		return []trace.Step{{Check: "disabled", Result: trace.Failed}}
	case !r.condition.holds(claims):
		return r.condition.misses(claims)
	}
	for _, required := range r.required {
		if !required.holds(claims) {
			return required.misses(claims) // what the issuer's preset asks of every rule
		}
	}
	if _, mapped := r.subjectOf(authorization.Subject(), claims); mapped || r.subject == nil {
		return []trace.Step{{Result: trace.Failed}}
	}
	subject := r.subject.conjuncts()[0]
	return []trace.Step{{Check: "subject", Result: trace.Undecided, Text: subject.text, Reads: subject.reads}}
}

// misses returns the parts of a condition that are false, or cannot be decided. Where each of them holds alone, the
// condition as a whole costs too much.
func (e *expression) misses(claims map[string]any) []trace.Step {
	var steps []trace.Step
	conjuncts := e.conjuncts()
	for _, part := range conjuncts {
		step := trace.Step{Check: "if", Result: trace.Failed, Text: part.text, Want: part.wants, Reads: part.reads}
		whole := part.alone
		if whole == nil {
			whole = e
		}
		switch value, decided := whole.value(claims); {
		case !decided:
			step.Result = trace.Undecided
		case value == true:
			continue
		}
		steps = append(steps, step)
	}
	if len(steps) == 0 {
		steps = append(steps, trace.Step{Check: "if", Result: trace.Undecided, Text: "the whole condition, which costs too much"})
	}
	return steps
}

// refusedStep says what the rules that match would have granted, where the request asked for something else: other
// resources, or another scope of those that it asked for.
func refusedStep(err error, matching []match, resources []string) trace.Step {
	step := trace.Step{Part: "policy", Result: trace.Failed}
	refusal, _ := errors.AsType[*oauth.Error](err)
	if refusal == nil || len(matching) == 0 {
		return step
	}
	for _, m := range matching {
		switch isFor := len(resources) == 0 || slices.Contains(resources, m.rule.Resource); {
		case refusal.Code == oauth.InvalidTarget:
			step.Check, step.Want = "resource", append(step.Want, m.rule.Resource)
		case refusal.Code == oauth.InvalidScope && isFor:
			step.Check, step.Want = "scope", append(step.Want, m.scopes...)
		}
	}
	slices.Sort(step.Want)
	step.Want = slices.Compact(step.Want)
	return step
}
