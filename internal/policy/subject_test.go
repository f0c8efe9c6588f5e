package policy_test

import (
	"testing"

	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
)

// RFC 9700 §4.15: an API must not take a subject that a foreign issuer has named for a client of ours.
func TestG8_no_issuer_vouches_for_a_subject_with_the_name_of_a_client(t *testing.T) {
	s := newStages(t)
	as := func(subject, client, secret string) request {
		return request{claims: claims{"sub": subject}, client: client, secret: secret}
	}
	for name, test := range map[string]struct {
		request request
		rule    rule
		refusal oauth.Code
	}{
		"another name":                       {as("somebody", "", ""), rule{}, ""},
		"nearly the name of a client":        {as("billing ", "", ""), rule{}, ""},
		"its own name, and it has proved it": {as("billing", "billing", password), rule{}, ""},

		"the name of a client":                  {as("billing", "", ""), rule{}, oauth.InvalidGrant},
		"the name of a client without secret":   {as("public", "", ""), rule{}, oauth.InvalidGrant},
		"its own name, and it has no secret":    {as("public", "public", ""), rule{}, oauth.InvalidGrant},
		"the name of a disabled client":         {as("retired", "", ""), rule{}, oauth.InvalidGrant},
		"the name of another client":            {as("billing", "public", ""), rule{}, oauth.InvalidGrant},
		"the name of another client, by proof":  {as("public", "billing", password), rule{}, oauth.InvalidGrant},
		"mapped to the name of a client":        {as("x", "", ""), rule{Expressions: policy.Expressions{Subject: `"bil" + "ling"`}}, oauth.InvalidGrant},
		"mapped to the name from another claim": {request{claims: claims{"name": "billing"}}, rule{Expressions: policy.Expressions{Subject: `claims.name`}}, oauth.InvalidGrant},
		"mapped away from the name of a client": {as("billing", "", ""), rule{Expressions: policy.Expressions{Subject: `"issuer:" + claims.sub`}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.decide(t, theIssuer, test.request, test.rule); codeOf(err) != test.refusal {
				t.Errorf("%v", err)
			}
		})
	}
}

// RFC 9700 §4.15 again: what a client says of itself must not give it the name of another one.
func TestG8_no_client_gets_the_name_of_another_client(t *testing.T) {
	s := newStages(t)
	credentials := request{grant: oauth.ClientCredentials, client: "billing", secret: password}
	for source, want := range map[string]oauth.Code{
		`"billing"`: "", `"batch"`: "",
		`"public"`: oauth.UnauthorizedClient, `"retired"`: oauth.UnauthorizedClient,
	} {
		if _, err := s.decide(t, theClient, credentials, rule{Expressions: policy.Expressions{Subject: source}}); codeOf(err) != want {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// Protocol K1.
func TestK1_the_subject_of_client_credentials_is_the_client_unless_a_rule_says_otherwise(t *testing.T) {
	s := newStages(t)
	credentials := request{grant: oauth.ClientCredentials, client: "billing", secret: password}
	for source, want := range map[string]string{``: "billing", `"batch"`: "batch"} {
		decision, err := s.decide(t, theClient, credentials, rule{Expressions: policy.Expressions{Subject: source}})
		if err != nil || decision.Subject() != want || decision.ClientID() != "billing" {
			t.Errorf("%s: %q, %q, %v", source, decision.Subject(), decision.ClientID(), err)
		}
	}
	// A client with a secret has no claims: whatever a rule asks of them is absent.
	for _, condition := range []string{`claims.sub == "billing"`, `claims.sub != "x"`, `has(claims.iss)`} {
		if _, err := s.decide(t, theClient, credentials, rule{Expressions: policy.Expressions{If: condition}}); codeOf(err) != oauth.UnauthorizedClient {
			t.Errorf("%s: %v", condition, err)
		}
	}
}
