package policy_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
)

// TestS_what_is_granted_is_always_within_the_rules draws rules and requests at random and compares every decision with
// a reading of the rules that knows nothing of how package policy chooses.
func TestS_what_is_granted_is_always_within_the_rules(t *testing.T) {
	s := newStages(t)
	decided := map[oauth.Code]int{}
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 3))
		var rules []rule
		for range 1 + random.IntN(5) {
			rules = append(rules, drawRule(random))
		}
		rules = numbered(rules...)
		asked := drawRequest(random)
		decision, err := s.decide(t, theIssuer, asked, rules...)
		decided[codeOf(err)]++
		if fault := judge(rules, asked, decision, codeOf(err)); fault != "" {
			t.Fatalf("seed %d: %s\nrules:\n%s\nrequest: %+v\ngot %v %q %v, %v", seed, fault, listed(rules), asked,
				decision.Audience(), decision.Scope(), decision.Lifetime(), err)
		}
	}
	for _, code := range []oauth.Code{"", oauth.InvalidScope, oauth.InvalidTarget, oauth.InvalidGrant} {
		if decided[code] < 100 {
			t.Errorf("only %d of the requests ended with %q: the drawing is lopsided", decided[code], code)
		}
	}
}

var (
	someResources = []string{invoices, deploy, archive}
	someScopes    = []string{"a", "b", "c", "d"}
)

// some draws a part of all, in some order.
func some(random *rand.Rand, all []string, least int) []string {
	drawn := slices.Clone(all)
	random.Shuffle(len(drawn), func(i, j int) { drawn[i], drawn[j] = drawn[j], drawn[i] })
	return drawn[:least+random.IntN(len(all)-least+1)]
}

func drawRule(random *rand.Rand) rule {
	scopes := some(random, someScopes, 1)
	return rule{
		Terms: policy.Terms{
			Disabled: random.IntN(8) == 0, Resource: someResources[random.IntN(3)],
			Scopes: scopes, DefaultScopes: some(random, scopes, 1),
			Lifetime: time.Duration(1+random.IntN(9)) * time.Minute, Narrow: random.IntN(3) == 0,
			ExpiresWithAssertion: random.IntN(6) == 0,
		},
		Expressions: policy.Expressions{
			If:      []string{"", "", `claims.team == "x"`, `claims.team != "x"`}[random.IntN(4)],
			Subject: []string{"", "", "", `claims.name`}[random.IntN(4)],
		},
	}
}

func drawRequest(random *rand.Rand) request {
	drawn := request{claims: claims{}}
	if random.IntN(3) > 0 {
		drawn.scope = strings.Join(some(random, append(someScopes, "elsewhere")[:4+random.IntN(2)], 0), " ")
	}
	if random.IntN(3) > 0 {
		drawn.resource = some(random, someResources, 0)
	}
	if team := random.IntN(4); team > 0 {
		drawn.claims["team"] = []string{"", "x", "y", "y"}[team]
	}
	if random.IntN(3) > 0 {
		drawn.claims["name"] = "mapped"
	}
	return drawn
}

// applies reports whether a rule is there for the request, and for whom.
func applies(r rule, asked request) (subject string, ok bool) {
	team, named := asked.claims["team"]
	switch {
	case r.Disabled:
		return "", false
	case r.If != "" && !named:
		return "", false
	case strings.Contains(r.If, "==") && team != "x", strings.Contains(r.If, "!=") && team == "x":
		return "", false
	case r.Subject == "":
		return "somebody", true
	}
	name, ok := asked.claims["name"].(string)
	return name, ok
}

// allows reports whether a rule lets the request have any answer for the resource, whatever the scope of the answer.
func allows(r rule, asked request, resource string) bool {
	if _, ok := applies(r, asked); !ok || r.Resource != resource {
		return false
	}
	wanted := strings.Fields(asked.scope)
	missing := slices.ContainsFunc(wanted, func(scope string) bool { return !slices.Contains(r.Scopes, scope) })
	found := slices.ContainsFunc(wanted, func(scope string) bool { return slices.Contains(r.Scopes, scope) })
	return !missing || r.Narrow && found
}

// covers reports whether a rule by itself allows all of what was granted for a resource.
func covers(r rule, asked request, decision policy.Decision, resource string) bool {
	subject, _ := applies(r, asked)
	within := r.Scopes
	if asked.scope == "" {
		within = r.DefaultScopes
	}
	return allows(r, asked, resource) && subject == decision.Subject() && decision.Lifetime() <= r.Lifetime &&
		(!r.ExpiresWithAssertion || !decision.NotAfter().IsZero()) &&
		!slices.ContainsFunc(decision.Scope(), func(scope string) bool { return !slices.Contains(within, scope) })
}

// judge says what is wrong with a decision.
func judge(rules []rule, asked request, decision policy.Decision, code oauth.Code) string {
	if code == "" {
		return judgeGranted(rules, asked, decision)
	}
	// A refusal is wrong where the request is simple and some rule allows it.
	var possible []string
	for _, resource := range someResources {
		if slices.ContainsFunc(rules, func(r rule) bool { return allows(r, asked, resource) }) {
			possible = append(possible, resource)
		}
	}
	switch {
	case len(asked.resource) == 0 && len(possible) == 1:
		return "there is one answer, and it was refused"
	case len(asked.resource) == 1 && slices.Contains(possible, asked.resource[0]):
		return "the resource is allowed, and it was refused"
	}
	return ""
}

func judgeGranted(rules []rule, asked request, decision policy.Decision) string {
	wanted := strings.Fields(asked.scope)
	switch {
	case len(decision.Scope()) == 0 || len(decision.Audience()) == 0 || decision.Subject() == "":
		return "nothing was granted, and it is no error"
	case len(wanted) > 0 && slices.ContainsFunc(decision.Scope(), func(scope string) bool { return !slices.Contains(wanted, scope) }):
		return "a scope was granted that nobody asked for"
	case len(asked.resource) > 0 && !slices.Equal(asked.resource, decision.Audience()):
		return "the audience is not the resources of the request"
	case len(asked.resource) == 0 && len(decision.Audience()) != 1:
		return "without a resource there are several"
	}
	for i, resource := range decision.Audience() {
		if !slices.ContainsFunc(rules, func(r rule) bool { return covers(r, asked, decision, resource) }) {
			return "no rule covers it for " + resource
		}
		first := slices.IndexFunc(rules, func(r rule) bool { return allows(r, asked, resource) })
		if decision.Rules()[i] != rules[first].Name {
			return "not the first rule that allows it has decided for " + resource
		}
		narrow := slices.ContainsFunc(rules, func(r rule) bool { return r.Narrow && covers(r, asked, decision, resource) })
		if !narrow && len(decision.Audience()) == 1 && len(wanted) > len(decision.Scope()) {
			return "a part of the scope was left out in silence"
		}
	}
	if len(asked.resource) == 0 {
		for _, other := range someResources {
			if other != decision.Audience()[0] && slices.ContainsFunc(rules, func(r rule) bool { return allows(r, asked, other) }) {
				return "it could have been " + other + " as well"
			}
		}
	}
	return ""
}

func listed(rules []rule) string {
	var lines []string
	for _, r := range rules {
		lines = append(lines, fmt.Sprintf("  %+v", r))
	}
	return strings.Join(lines, "\n")
}
