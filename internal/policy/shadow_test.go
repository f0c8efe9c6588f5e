package policy_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
)

func (r rule) inShadow() rule { r.Shadow = true; return r }

func TestG8_a_rule_in_shadow_mode_decides_nothing_and_is_told(t *testing.T) {
	s := newStages(t)
	const minute = time.Minute
	var (
		reading   = terms(invoices, 10*minute, "read")
		writing   = terms(invoices, 20*minute, "read", "write")
		deploying = terms(deploy, 30*minute, "deploy", "read")
		grants    = func(rule, resource string, lifetime time.Duration, scopes ...string) policy.Shadow {
			return policy.Shadow{Rule: rule, Subject: "somebody", Audience: []string{resource}, Scope: scopes, Lifetime: lifetime}
		}
		refuses = func(rule, reason string) policy.Shadow { return policy.Shadow{Rule: rule, Reason: reason} }
	)
	for _, test := range []struct {
		name    string
		request request
		rules   []rule
		want    granted
		refusal oauth.Code
		shadows []policy.Shadow
	}{
		// It would have granted.
		{"alone it grants nothing", request{}, []rule{reading.inShadow()}, granted{}, oauth.InvalidGrant, []policy.Shadow{grants("0", invoices, 10*minute, "read")}},
		{"it does not widen the scope", request{scope: "write"}, []rule{reading, writing.inShadow()}, granted{}, oauth.InvalidScope, []policy.Shadow{grants("1", invoices, 20*minute, "write")}},
		{"it adds no resource", request{resource: []string{deploy}}, []rule{reading, deploying.inShadow()}, granted{}, oauth.InvalidTarget, []policy.Shadow{grants("1", deploy, 30*minute, "deploy", "read")}},
		{"it does not come first", request{scope: "read"}, []rule{writing.inShadow(), reading}, granted{[]string{invoices}, "read", 10 * minute}, "", []policy.Shadow{grants("0", invoices, 20*minute, "read")}},
		{"though it would grant the same", request{}, []rule{reading.inShadow(), reading}, granted{[]string{invoices}, "read", 10 * minute}, "", []policy.Shadow{grants("0", invoices, 10*minute, "read")}},
		{"each is told as if it were the only one", request{}, []rule{reading.inShadow(), writing.inShadow()}, granted{}, oauth.InvalidGrant,
			[]policy.Shadow{grants("0", invoices, 10*minute, "read"), grants("1", invoices, 20*minute, "read", "write")}},
		{"it maps no subject", request{}, []rule{reading.about(`"x"`).inShadow(), reading}, granted{[]string{invoices}, "read", 10 * minute}, "",
			[]policy.Shadow{{Rule: "0", Subject: "x", Audience: []string{invoices}, Scope: oauth.Scope{"read"}, Lifetime: 10 * minute}}},

		// It would have refused.
		{"it does not make it ambiguous", request{}, []rule{reading, deploying.inShadow()}, granted{[]string{invoices}, "read", 10 * minute}, "", []policy.Shadow{refuses("1", "resource_ambiguous")}},
		{"it gives nobody the name of a client", request{}, []rule{reading.about(`"billing"`).inShadow(), writing}, granted{[]string{invoices}, "read write", 20 * minute}, "", []policy.Shadow{refuses("0", "subject_is_client")}},
		{"it makes no rules differ", request{scope: "read", resource: []string{invoices, deploy}}, []rule{reading.about(`"x"`).inShadow(), reading, deploying}, granted{[]string{invoices, deploy}, "read", 10 * minute}, "",
			[]policy.Shadow{refuses("0", "resources_differ")}},
		{"it takes no scope away", request{resource: []string{invoices, deploy}}, []rule{terms(invoices, minute, "write").inShadow(), reading, deploying}, granted{[]string{invoices, deploy}, "read", 10 * minute}, "",
			[]policy.Shadow{refuses("0", "scope_not_allowed")}},
		{"a refusal keeps its code", request{scope: "admin"}, []rule{reading.inShadow()}, granted{}, oauth.InvalidGrant, []policy.Shadow{refuses("0", "scope_not_allowed")}},

		// It would have changed nothing.
		{"another comes before it", request{scope: "read"}, []rule{reading, writing.inShadow()}, granted{[]string{invoices}, "read", 10 * minute}, "", nil},
		{"its condition does not hold", request{}, []rule{reading.inShadow().when("false")}, granted{}, oauth.InvalidGrant, nil},
		{"its condition lacks a claim", request{}, []rule{reading.inShadow().when(`claims.missing != "x"`)}, granted{}, oauth.InvalidGrant, nil},
		{"its subject lacks a claim", request{}, []rule{reading.inShadow().about("claims.missing")}, granted{}, oauth.InvalidGrant, nil},
		{"it is disabled", request{}, []rule{reading.inShadow().disabled()}, granted{}, oauth.InvalidGrant, nil},
		{"it is disabled, beside one in force", request{}, []rule{writing.inShadow().disabled(), reading}, granted{[]string{invoices}, "read", 10 * minute}, "", nil},
		{"another resource is asked for", request{resource: []string{invoices}}, []rule{reading, deploying.inShadow()}, granted{[]string{invoices}, "read", 10 * minute}, "", nil},
		{"the same is refused for the same reason", request{scope: "admin"}, []rule{reading, writing.inShadow()}, granted{}, oauth.InvalidScope, nil},
		{"none is there", request{}, []rule{reading}, granted{[]string{invoices}, "read", 10 * minute}, "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			decision, err := s.decide(t, theIssuer, test.request, numbered(test.rules...)...)
			got := granted{decision.Audience(), decision.Scope().String(), decision.Lifetime()}
			if diff := cmp.Diff(test.want, got); diff != "" || codeOf(err) != test.refusal {
				t.Errorf("%v\n%s", err, diff)
			}
			if diff := cmp.Diff(test.shadows, policy.Shadows(decision, err)); diff != "" {
				t.Errorf("shadows (-want +got):\n%s", diff)
			}
			if _, isPlain := err.(*oauth.Error); err != nil && isPlain != (test.shadows == nil) { //nolint:errorlint // whether it is wrapped is the question
				t.Errorf("the error is a %T", err)
			}
		})
	}
}

// The rules of another party are in nobody's shadow.
func TestG8_a_rule_in_shadow_mode_is_its_partys_alone(t *testing.T) {
	s := newStages(t)
	shadow := s.compile(t, rule{}.inShadow())
	policies, err := policy.New(map[grant.Party][]policy.Rule{theClient: {shadow}}, s.clients.Has)
	if err != nil {
		t.Fatal(err)
	}
	decision, err := policies.Decide(s.authorize(t, request{}))
	if codeOf(err) != oauth.InvalidGrant || policy.Shadows(decision, err) != nil {
		t.Errorf("%v, %v", err, policy.Shadows(decision, err))
	}
}

// TestG8_rules_in_shadow_mode_change_no_decision draws rules, some of them in shadow mode. The outcome must be that of
// the others alone, and what is told of each must be the outcome with it in force.
func TestG8_rules_in_shadow_mode_change_no_decision(t *testing.T) {
	s := newStages(t)
	told := map[string]int{}
	for seed := range uint64(1500) {
		random := rand.New(rand.NewPCG(seed, 4))
		var rules []rule
		for range 1 + random.IntN(5) {
			drawn := drawRule(random)
			drawn.Shadow = random.IntN(3) == 0
			rules = append(rules, drawn)
		}
		rules = numbered(rules...)
		asked := drawRequest(random)
		decision, err := s.decide(t, theIssuer, asked, rules...)
		alone, aloneErr := s.decide(t, theIssuer, asked, without(rules, "")...)
		if diff := cmp.Diff(outcomeOf(alone, aloneErr), outcomeOf(decision, err)); diff != "" {
			t.Fatalf("seed %d: with rules in shadow mode (-without +with):\n%s\nrules:\n%s", seed, diff, listed(rules))
		}
		var want []policy.Shadow
		for _, r := range rules {
			if !r.Shadow {
				continue
			}
			would, refusal := s.decide(t, theIssuer, asked, without(rules, r.Name)...)
			switch before, after := outcomeOf(alone, aloneErr), outcomeOf(would, refusal); {
			case slices.Contains(after.Rules, r.Name):
				want = append(want, policy.Shadow{Rule: r.Name, Subject: after.Subject, Audience: after.Audience, Scope: after.Scope, Lifetime: after.Lifetime})
				told["granted"]++
			case after.Reason != "" && after.Reason != before.Reason:
				want = append(want, policy.Shadow{Rule: r.Name, Reason: after.Reason})
				told["refused"]++
			default:
				told["nothing"]++
			}
		}
		if diff := cmp.Diff(want, policy.Shadows(decision, err), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d: shadows (-want +got):\n%s\nrules:\n%s\nrequest: %+v", seed, diff, listed(rules), asked)
		}
	}
	for _, kind := range []string{"granted", "refused", "nothing"} {
		if told[kind] < 100 {
			t.Errorf("only %d rules in shadow mode would have %s: the drawing is lopsided", told[kind], kind)
		}
	}
}

// without leaves out the rules in shadow mode, but for the one of this name, which it puts in force.
func without(rules []rule, except string) []rule {
	var left []rule
	for _, r := range rules {
		if r.Shadow && r.Name != except {
			continue
		}
		r.Shadow = false
		left = append(left, r)
	}
	return left
}

// outcome is what becomes of a request.
type outcome struct {
	Subject, ClientID string
	Audience          []string
	Scope             oauth.Scope
	Lifetime          time.Duration
	NotAfter          time.Time
	Claims            map[string]any
	Rules             []string
	Code              oauth.Code
	Reason            string
}

func outcomeOf(decision policy.Decision, err error) outcome {
	o := outcome{
		decision.Subject(), decision.ClientID(), decision.Audience(), decision.Scope(), decision.Lifetime(), decision.NotAfter(),
		decision.Claims(), decision.Rules(), codeOf(err), "",
	}
	if refusal, isRefusal := errors.AsType[*oauth.Error](err); isRefusal {
		o.Reason = refusal.Reason
	}
	return o
}
