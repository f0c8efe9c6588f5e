package policy_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
)

// numbered gives each rule its place as its name.
func numbered(rules ...rule) []rule {
	for i := range rules {
		rules[i].Name = strconv.Itoa(i)
	}
	return rules
}

func (r rule) when(condition string) rule { r.If = condition; return r }

func (r rule) about(subject string) rule { r.Subject = subject; return r }

func (r rule) disabled() rule { r.Disabled = true; return r }

// Of the rules for one resource the first that matches and has the scope decides, and alone. Between resources the
// request decides, and never the order.
func TestS2_the_first_rule_that_matches_decides(t *testing.T) {
	s := newStages(t)
	const minute = time.Minute
	var (
		reading   = terms(invoices, 10*minute, "read")
		writing   = terms(invoices, 20*minute, "read", "write")
		deploying = terms(deploy, 30*minute, "deploy")
		releasing = terms(deploy, 40*minute, "deploy", "read")
	)
	for _, test := range []struct {
		name    string
		request request
		rules   []rule
		decides string // the places of the deciding rules
		refusal oauth.Code
	}{
		{"the only one", request{}, []rule{reading}, "0", ""},
		{"the first, though the second has more", request{}, []rule{reading, writing}, "0", ""},
		{"the first, though the second has less", request{}, []rule{writing, reading}, "0", ""},
		{"the first of two that are alike", request{scope: "read"}, []rule{reading, reading}, "0", ""},
		{"the scope picks the second", request{scope: "write"}, []rule{reading, writing}, "1", ""},
		{"all of the scope picks it, and not a part", request{scope: "read write"}, []rule{reading, writing}, "1", ""},
		{"a part will do where the first is narrow", request{scope: "read write"}, []rule{reading.narrow(), writing}, "0", ""},
		{"a narrow rule behind it changes nothing", request{scope: "read write"}, []rule{writing, reading.narrow()}, "0", ""},
		{"the first whose condition holds", request{}, []rule{reading.when("false"), writing, reading}, "1", ""},
		{"the first whose condition has its claims", request{}, []rule{reading.when(`claims.missing != "x"`), writing}, "1", ""},
		{"the first that has a subject", request{}, []rule{reading.about("claims.missing"), writing}, "1", ""},
		{"the first that is not disabled", request{}, []rule{reading.disabled(), writing}, "1", ""},
		{"the resource picks its first", request{resource: []string{deploy}}, []rule{reading, writing, deploying, releasing}, "2", ""},
		{"the resource and the scope pick", request{scope: "read", resource: []string{deploy}}, []rule{reading, deploying, releasing}, "2", ""},
		{"the scope picks a resource, and there the first", request{scope: "deploy"}, []rule{reading, deploying, releasing}, "1", ""},
		{"for two resources the first of each", request{scope: "read", resource: []string{invoices, deploy}}, []rule{reading, writing, deploying, releasing}, "0 3", ""},
		{"in the order of the request", request{scope: "read", resource: []string{deploy, invoices}}, []rule{reading, writing, deploying, releasing}, "3 0", ""},

		{"the order of the rules picks no resource", request{}, []rule{reading, deploying}, "", oauth.InvalidTarget},
		{"nor the other way round", request{}, []rule{deploying, reading}, "", oauth.InvalidTarget},
		{"nor where the scope is in both", request{scope: "read"}, []rule{reading, writing, releasing}, "", oauth.InvalidTarget},
		{"two rules do not add up", request{scope: "read write"}, []rule{reading, terms(invoices, minute, "write")}, "", oauth.InvalidScope},
		{"a first one that ends in a refusal ends in it", request{}, []rule{reading.about(`"billing"`), writing}, "", oauth.InvalidGrant},
		{"nor does a second one help two resources to agree", request{scope: "read", resource: []string{invoices, deploy}}, []rule{reading.about(`"x"`), writing, releasing}, "", oauth.InvalidTarget},
	} {
		t.Run(test.name, func(t *testing.T) {
			decision, err := s.decide(t, theIssuer, test.request, numbered(test.rules...)...)
			if got := strings.Join(decision.Rules(), " "); got != test.decides || codeOf(err) != test.refusal {
				t.Errorf("decided by %q, %v; want %q, %q", got, err, test.decides, test.refusal)
			}
		})
	}
}

// What a token says comes from the rule that decided, and nothing of it from one that matched as well.
func TestS2_the_deciding_rule_alone_says_what_the_token_holds(t *testing.T) {
	s := newStages(t)
	first := terms(invoices, time.Minute, "read").about(`"first"`)
	second := terms(invoices, time.Hour, "read", "write").about(`"second"`)
	first.Claims, second.Claims = map[string]string{"a": `"first"`}, map[string]string{"a": `"second"`, "b": `"second"`}
	for name, test := range map[string]struct {
		rules    []rule
		lifetime time.Duration
		claims   int
	}{
		"first":  {[]rule{first, second}, time.Minute, 1},
		"second": {[]rule{second, first}, time.Hour, 2},
	} {
		decision, err := s.decide(t, theIssuer, request{scope: "read"}, test.rules...)
		if err != nil || decision.Subject() != name || decision.Lifetime() != test.lifetime || decision.Claims()["a"] != name || len(decision.Claims()) != test.claims {
			t.Errorf("%s: %v, %q, %v, %v", name, err, decision.Subject(), decision.Lifetime(), decision.Claims())
		}
	}
}

func TestDecision_names_no_rule_where_none_has_a_name(t *testing.T) {
	s := newStages(t)
	decision, err := s.decide(t, theIssuer, request{}, rule{Terms: policy.Terms{}})
	if err != nil || len(decision.Rules()) != 1 || decision.Rules()[0] != "" {
		t.Errorf("%v, %q", err, decision.Rules())
	}
}
