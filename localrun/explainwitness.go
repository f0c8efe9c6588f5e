package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.com/countersign/internal/trace"
)

// witness has seen a rehearsal and what the assertion says, and tells of each check what there is to know.
type witness struct {
	question
	rehearsal   *rehearsal
	use         assertionUse
	claimant    claimant
	says        unproved
	explanation explanation // without its checks
}

// check sets what the assertion says beside a step of the trace.
func (w witness) check(step trace.Step) explainedCheck {
	c := explainedCheck{
		Name: step.Name(), Result: step.Result, Text: step.Text,
		Seen: append([]seenValue{}, w.seen(step)...), Want: []string{}, Notes: []string{},
	}
	switch why := w.assumption(step); {
	case step.Result == trace.Passed && why != "":
		c.Result, c.Notes = assumed, append(c.Notes, why)
	case step.Result == trace.Passed:
	case step.Check == "disabled":
		c.Notes = append(c.Notes, "the configuration has it disabled")
	case step.Text != "":
		c.Notes = append(c.Notes, w.missesOf(step)...)
	case !strings.HasPrefix(step.Part, "allow["):
		c.Want, c.Notes = append(c.Want, step.Want...), append(c.Notes, w.refusal(step)...)
	}
	return c
}

// assumption says why a check that has passed is not believed; empty: it is.
func (w witness) assumption(step trace.Step) string {
	name := step.Part
	if step.Part == w.use.parameter() {
		name = step.Check
	}
	if name == "once" && w.says.claim("jti") == "absent" {
		return ""
	}
	return w.rehearsal.assumed[name]
}

// seen returns what a step has looked at.
func (w witness) seen(step trace.Step) []seenValue {
	if len(step.Reads) > 0 {
		var values []seenValue
		for _, path := range step.Reads {
			values = append(values, seenValue{path, w.says.claim(path)})
		}
		return values
	}
	value := ""
	switch {
	case step.Part == w.use.parameter():
		value = w.seenInAssertion(step.Check)
	case strings.HasPrefix(step.Part, "allow[") && step.Result == trace.Passed:
		value = w.ruleText(step.Part)
	case step.Part == "client" && w.client != "":
		value = quoted(w.client)
	case step.Name() == "policy.scope":
		value = quoted(w.requestedScope())
	case step.Name() == "policy.resource" && len(w.resources) > 0:
		value = quoted(strings.Join(w.resources, " "))
	case step.Part == "once" && w.says.claim("jti") == "absent":
		value = "there is no jti: it can be sent again until it expires"
	}
	if value == "" {
		return nil
	}
	return []seenValue{{"", value}}
}

func (w witness) seenInAssertion(check string) string {
	switch check {
	case "exp", "nbf", "iat":
		return w.says.dateText(check, w.at)
	case "iss", "sub", "aud", "jti":
		return w.says.claim(check)
	case "typ":
		return w.headerText("typ")
	case "key":
		return "alg " + w.headerText("alg") + ", kid " + w.headerText("kid")
	case "lifetime":
		return w.lifetimeText()
	default:
		return ""
	}
}

// ruleText shows what a rule that matches allows.
func (w witness) ruleText(part string) string {
	var i int
	if _, err := fmt.Sscanf(part, "allow[%d]", &i); err != nil || i >= len(w.claimant.rules) {
		return ""
	}
	rule := w.claimant.rules[i]
	return "allows " + strings.Join(rule.Scopes, " ") + " for " + rule.Resource
}

func (w witness) headerText(name string) string {
	if value, present := w.says.header[name]; present {
		return shown(value)
	}
	return "absent"
}

// lifetimeText shows both ends of the lifetime, which are both bounded.
func (w witness) lifetimeText() string {
	expires, _ := w.says.date("exp")
	text := longDuration(expires.Sub(w.at.Truncate(time.Second))) + " from now"
	if issued, isDate := w.says.date("iat"); isDate {
		text += ", " + longDuration(expires.Sub(issued)) + " from iat"
	}
	return text
}

// requestedScope is that of the option, or the assertion's own where the party is trusted to say it there.
func (w witness) requestedScope() string {
	if w.scope == "" {
		return w.says.text("scope")
	}
	return w.scope
}

// missesOf says of a condition by how little it was missed.
func (w witness) missesOf(step trace.Step) []string {
	var notes []string
	for _, path := range step.Reads {
		value, _ := w.says.value(path)
		// Another claim may be what it does not hold for, and this one as it should be.
		miss := nearMiss(value, step.Want)
		text, _ := value.(string)
		isRight := slices.Contains(step.Want, text) && (step.Result != trace.Failed || len(step.Reads) > 1)
		if miss != "" && !isRight {
			notes = append(notes, of(path, len(step.Reads))+miss)
		}
		notes = append(notes, w.elsewhere(path, step.Want)...)
	}
	return notes
}

// of names the claim where there are several that it could be.
func of(path string, among int) string {
	if among == 1 {
		return ""
	}
	return path + ": "
}

// elsewhere names another claim that has the wanted value.
func (w witness) elsewhere(path string, wants []string) []string {
	var names []string
	for name, value := range w.says.claims {
		text, isText := value.(string)
		if isText && name != path && slices.Contains(wants, text) && text != w.says.text(path) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	return []string{"the claim " + strings.Join(names, " and ") + " has the value that " + path + " should have"}
}
