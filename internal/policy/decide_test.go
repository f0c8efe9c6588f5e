package policy_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
	"example.com/countersign/internal/sender"
)

// terms is the short way to write a rule.
func terms(resource string, lifetime time.Duration, scopes ...string) rule {
	return rule{Terms: policy.Terms{Resource: resource, Scopes: scopes, Lifetime: lifetime}}
}

func (r rule) narrow() rule { r.Narrow = true; return r }

func (r rule) withDefault(scopes ...string) rule { r.DefaultScopes = scopes; return r }

// granted is what a test compares of a decision.
type granted struct {
	Audience []string
	Scope    string
	Lifetime time.Duration
}

func TestS_what_a_request_gets(t *testing.T) {
	s := newStages(t)
	const minute = time.Minute
	var (
		invoicing = terms(invoices, 10*minute, "read", "write")
		deploying = terms(deploy, 5*minute, "deploy", "read")
		reading   = terms(invoices, 60*minute, "read")
	)
	for _, test := range []struct {
		name    string
		request request
		rules   []rule
		want    granted
		refusal oauth.Code
	}{
		// S1: scope
		{"S1 no scope: the default", request{}, []rule{invoicing.withDefault("read")}, granted{[]string{invoices}, "read", 10 * minute}, ""},
		{"S1 no scope: all where the default is all", request{}, []rule{invoicing}, granted{[]string{invoices}, "read write", 10 * minute}, ""},
		{"S1 a part of the scope", request{scope: "write"}, []rule{invoicing.withDefault("read")}, granted{[]string{invoices}, "write", 10 * minute}, ""},
		{"S1 order and repetition do not matter", request{scope: "write read write"}, []rule{invoicing}, granted{[]string{invoices}, "write read", 10 * minute}, ""},
		{"S1 a scope outside", request{scope: "admin"}, []rule{invoicing}, granted{}, oauth.InvalidScope},
		{"S1 one scope outside fails all", request{scope: "read admin"}, []rule{invoicing}, granted{}, oauth.InvalidScope},
		{"S1 scopes are compared as they are", request{scope: "Read"}, []rule{invoicing}, granted{}, oauth.InvalidScope},
		{"S1 no prefix of a scope", request{scope: "rea"}, []rule{invoicing}, granted{}, oauth.InvalidScope},
		{"S1 no longer scope", request{scope: "read.all"}, []rule{invoicing}, granted{}, oauth.InvalidScope},
		{"S1 two rules do not add up", request{scope: "read deploy"}, []rule{terms(invoices, minute, "read"), terms(invoices, minute, "deploy")}, granted{}, oauth.InvalidScope},
		{"S1 narrow: the allowed part", request{scope: "read admin"}, []rule{invoicing.narrow()}, granted{[]string{invoices}, "read", 10 * minute}, ""},
		{"S1 narrow: nothing is allowed", request{scope: "admin"}, []rule{invoicing.narrow()}, granted{}, oauth.InvalidScope},
		{"S1 narrow: no scope is the default still", request{}, []rule{invoicing.narrow().withDefault("write")}, granted{[]string{invoices}, "write", 10 * minute}, ""},

		// S2: resource
		{"S2 the only resource needs no name", request{scope: "read"}, []rule{invoicing}, granted{[]string{invoices}, "read", 10 * minute}, ""},
		{"S2 the resource by its name", request{resource: []string{invoices}}, []rule{invoicing, deploying}, granted{[]string{invoices}, "read write", 10 * minute}, ""},
		{"S2 the other resource by its name", request{resource: []string{deploy}}, []rule{invoicing, deploying}, granted{[]string{deploy}, "deploy read", 5 * minute}, ""},
		{"S2 the resource twice", request{resource: []string{deploy, deploy}}, []rule{deploying}, granted{[]string{deploy}, "deploy read", 5 * minute}, ""},
		{"S2 the scope says which resource", request{scope: "deploy"}, []rule{invoicing, deploying}, granted{[]string{deploy}, "deploy", 5 * minute}, ""},
		{"S2 the scope does not say which", request{scope: "read"}, []rule{invoicing, deploying}, granted{}, oauth.InvalidTarget},
		{"S2 nothing says which", request{}, []rule{invoicing, deploying}, granted{}, oauth.InvalidTarget},
		{"S2 several rules for the same resource are not ambiguous", request{scope: "read"}, []rule{reading, invoicing}, granted{[]string{invoices}, "read", 60 * minute}, ""},
		{"S2 narrow makes it ambiguous", request{scope: "write read"}, []rule{invoicing, deploying.narrow()}, granted{}, oauth.InvalidTarget},
		{"S2 another resource", request{resource: []string{archive}}, []rule{invoicing}, granted{}, oauth.InvalidTarget},
		{"S2 the resource with a slash behind", request{resource: []string{invoices + "/"}}, []rule{invoicing}, granted{}, oauth.InvalidTarget},
		{"S2 the resource in capitals", request{resource: []string{"https://INVOICES.example.com"}}, []rule{invoicing}, granted{}, oauth.InvalidTarget},
		{"S2 the resource with a port", request{resource: []string{invoices + ":443"}}, []rule{invoicing}, granted{}, oauth.InvalidTarget},
		{"S2 one of two resources is not allowed", request{resource: []string{invoices, archive}}, []rule{invoicing}, granted{}, oauth.InvalidTarget},
		{"S2 one of two resources is not allowed, the other way round", request{resource: []string{archive, invoices}}, []rule{invoicing}, granted{}, oauth.InvalidTarget},
		{"S2 the resource is right and the scope is another's", request{scope: "deploy", resource: []string{invoices}}, []rule{invoicing, deploying}, granted{}, oauth.InvalidScope},

		// RFC 8707 §2.2: a token for several resources
		{"S2 two resources: what both allow", request{resource: []string{invoices, deploy}}, []rule{invoicing, deploying}, granted{[]string{invoices, deploy}, "read", 5 * minute}, ""},
		{"S2 two resources in the order of the request", request{scope: "read", resource: []string{deploy, invoices}}, []rule{invoicing, deploying}, granted{[]string{deploy, invoices}, "read", 5 * minute}, ""},
		{"S2 two resources that share no scope", request{resource: []string{invoices, deploy}}, []rule{invoicing, terms(deploy, minute, "deploy")}, granted{}, oauth.InvalidScope},
		{"S2 two resources, and a scope of one", request{scope: "write", resource: []string{invoices, deploy}}, []rule{invoicing, deploying}, granted{}, oauth.InvalidScope},
		{"S2 two resources, narrow, and a scope of one", request{scope: "read write deploy", resource: []string{invoices, deploy}}, []rule{invoicing.narrow(), deploying.narrow()}, granted{[]string{invoices, deploy}, "read", 5 * minute}, ""},

		// the first rule that fits
		{"the first rule that allows the scope", request{scope: "write"}, []rule{reading, invoicing}, granted{[]string{invoices}, "write", 10 * minute}, ""},
		{"the first of two that allow it", request{scope: "read"}, []rule{invoicing, reading}, granted{[]string{invoices}, "read", 10 * minute}, ""},

		// no rule, no token
		{"G8 no rule", request{}, nil, granted{}, oauth.InvalidGrant},
		{"G8 a disabled rule", request{}, []rule{{Terms: policy.Terms{Disabled: true}}}, granted{}, oauth.InvalidGrant},
		{"G8 a condition that does not hold", request{}, []rule{{Expressions: policy.Expressions{If: "false"}}}, granted{}, oauth.InvalidGrant},
		{"G8 a disabled rule does not make it ambiguous", request{}, []rule{invoicing, {Terms: policy.Terms{Disabled: true, Resource: deploy}}}, granted{[]string{invoices}, "read write", 10 * minute}, ""},
		{"G8 a resource of a rule that does not hold", request{resource: []string{deploy}}, []rule{invoicing, {Terms: policy.Terms{Resource: deploy}, Expressions: policy.Expressions{If: "false"}}}, granted{}, oauth.InvalidTarget},
	} {
		t.Run(test.name, func(t *testing.T) {
			decision, err := s.decide(t, theIssuer, test.request, test.rules...)
			got := granted{decision.Audience(), decision.Scope().String(), decision.Lifetime()}
			if diff := cmp.Diff(test.want, got); diff != "" || codeOf(err) != test.refusal {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestS2_a_token_for_several_resources_wants_rules_that_agree(t *testing.T) {
	s := newStages(t)
	both := request{resource: []string{invoices, deploy}, scope: "read", claims: claims{"email": "a@b.example"}}
	with := func(e policy.Expressions, expires bool) []rule {
		return []rule{
			{Terms: policy.Terms{Resource: invoices}, Expressions: policy.Expressions{Subject: "claims.email", Claims: map[string]string{"email": "claims.email"}}},
			{Terms: policy.Terms{Resource: deploy, ExpiresWithAssertion: expires}, Expressions: e},
		}
	}
	same := policy.Expressions{Subject: "claims.email", Claims: map[string]string{"email": `"a@b.example"`}}
	if _, err := s.decide(t, theIssuer, both, with(same, false)...); err != nil {
		t.Error(err)
	}
	for name, rules := range map[string][]rule{
		"another subject": with(policy.Expressions{Subject: `"x"`, Claims: same.Claims}, false),
		"another claim":   with(policy.Expressions{Subject: same.Subject, Claims: map[string]string{"email": `"x"`}}, false),
		"a claim more":    with(policy.Expressions{Subject: same.Subject, Claims: map[string]string{"email": "claims.email", "x": "1"}}, false),
		"a claim less":    with(policy.Expressions{Subject: same.Subject}, false),
		"another expiry":  with(same, true),
	} {
		if _, err := s.decide(t, theIssuer, both, rules...); codeOf(err) != oauth.InvalidTarget {
			t.Errorf("%s: %v", name, err)
		}
	}
	nothing := policy.Expressions{Claims: map[string]string{"x": "claims.missing"}}
	if _, err := s.decide(t, theIssuer, both, rule{Terms: policy.Terms{Resource: invoices}}, rule{Terms: policy.Terms{Resource: deploy}, Expressions: nothing}); err != nil {
		t.Errorf("a claim that is left out is no difference: %v", err)
	}
}

func TestS3_the_assertions_expiry_bounds_the_token_where_the_rule_says_so(t *testing.T) {
	s := newStages(t)
	until := epoch.Add(90 * time.Second)
	soon := request{claims: claims{"exp": until.Unix()}}
	free, err := s.decide(t, theIssuer, soon, rule{})
	if err != nil || !free.NotAfter().IsZero() {
		t.Errorf("not asked for: %v, %v", free.NotAfter(), err)
	}
	bound, err := s.decide(t, theIssuer, soon, rule{Terms: policy.Terms{ExpiresWithAssertion: true}})
	if err != nil || !bound.NotAfter().Equal(until) {
		t.Errorf("asked for: %v, %v", bound.NotAfter(), err)
	}
	withSecret := request{grant: oauth.ClientCredentials, client: "billing", secret: password}
	none, err := s.decide(t, theClient, withSecret, rule{Terms: policy.Terms{ExpiresWithAssertion: true}})
	if err != nil || !none.NotAfter().IsZero() {
		t.Errorf("without an assertion: %v, %v", none.NotAfter(), err)
	}
}

func TestG7_a_party_without_rules_gets_nothing_and_the_code_of_its_grant(t *testing.T) {
	s := newStages(t)
	credentials := request{grant: oauth.ClientCredentials, client: "billing", secret: password}
	if _, err := s.decide(t, theIssuer, request{}); codeOf(err) != oauth.InvalidGrant {
		t.Errorf("an issuer: %v", err)
	}
	if _, err := s.decide(t, theClient, credentials); codeOf(err) != oauth.UnauthorizedClient {
		t.Errorf("a client: %v", err)
	}
	// Rules belong to one party. A client that has the name of an issuer, or the other way round, has not its rules.
	for _, other := range []grant.Party{{}, {Kind: grant.Client, ID: issuer}, {Kind: grant.Issuer, ID: issuer + "/"}, {Kind: grant.Issuer, ID: "HTTPS://issuer.example"}} {
		if _, err := s.decide(t, other, request{}, rule{}); codeOf(err) != oauth.InvalidGrant {
			t.Errorf("the rules of %v: %v", other, err)
		}
	}
	if _, err := s.decide(t, grant.Party{Kind: grant.Issuer, ID: "billing"}, credentials, rule{}); codeOf(err) != oauth.UnauthorizedClient {
		t.Errorf("the rules of an issuer called billing: %v", err)
	}
}

func TestDecide_of_nothing_is_a_defect_and_no_grant(t *testing.T) {
	s := newStages(t)
	policies, err := policy.New(map[grant.Party][]policy.Rule{{}: {s.compile(t, rule{})}}, s.clients.Has)
	if err != nil {
		t.Fatal(err)
	}
	if decision, err := policies.Decide(sender.Constrained{}); codeOf(err) != oauth.ServerError || !decision.IsZero() {
		t.Errorf("%v, %v", decision, err)
	}
}

func TestNew_takes_only_rules_that_were_compiled(t *testing.T) {
	s := newStages(t)
	if _, err := policy.New(map[grant.Party][]policy.Rule{theIssuer: {s.compile(t, rule{}), {}}}, s.clients.Has); err == nil {
		t.Error("a zero rule is accepted")
	}
	raw := policy.Rule{Terms: policy.Terms{Resource: invoices, Scopes: []string{"read"}, DefaultScopes: []string{"read"}, Lifetime: time.Hour}}
	if _, err := policy.New(map[grant.Party][]policy.Rule{theIssuer: {raw}}, s.clients.Has); err == nil {
		t.Error("a rule that was only written down is accepted")
	}
	if policies, err := policy.New(nil, nil); err == nil || policies != nil {
		t.Error("nobody can say who is a client")
	}
}

func TestDecision_carries_what_the_stages_behind_need(t *testing.T) {
	s := newStages(t)
	decision, err := s.decide(t, theIssuer, request{claims: claims{"jti": "1"}, client: "public"}, rule{})
	if err != nil {
		t.Fatal(err)
	}
	if uses := decision.Uses(); len(uses) != 1 || uses[0].ID != "1" || uses[0].Party != issuer {
		t.Errorf("uses %v", uses)
	}
	if decision.Assertion().Issuer() != issuer || decision.ClientID() != "public" || decision.Subject() != "somebody" {
		t.Errorf("%v, %q, %q", decision.Assertion(), decision.ClientID(), decision.Subject())
	}
	if errors.Is(err, nil) && decision.IsZero() {
		t.Error("it is zero")
	}
}
