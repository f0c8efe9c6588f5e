package oauth_test

import (
	"errors"
	"testing"

	"example.com/countersign/internal/oauth"
)

// RFC 9449 §5, RFC 8705 §3: what is asked for is there, or there is no token.
func TestConstraint_binds_to_what_is_asked_for_and_to_every_proof(t *testing.T) {
	const key, certificate = "the key", "the certificate"
	for name, test := range map[string]struct {
		constraint oauth.Constraint
		presented  oauth.Confirmation
		want       oauth.Confirmation
		refused    oauth.Code
		tokenType  string
	}{
		"nothing asked for, nothing there":             {tokenType: "Bearer"},
		"a proof that nobody asked for":                {presented: oauth.Confirmation{key, ""}, want: oauth.Confirmation{key, ""}, tokenType: "DPoP"},
		"a certificate that nobody asked for":          {presented: oauth.Confirmation{"", certificate}, tokenType: "Bearer"},
		"DPoP":                                         {oauth.Constraint{DPoP: true}, oauth.Confirmation{key, certificate}, oauth.Confirmation{key, ""}, "", "DPoP"},
		"DPoP without a proof":                         {constraint: oauth.Constraint{DPoP: true}, refused: oauth.InvalidDPoPProof},
		"DPoP with a certificate instead":              {constraint: oauth.Constraint{DPoP: true}, presented: oauth.Confirmation{"", certificate}, refused: oauth.InvalidDPoPProof},
		"a certificate":                                {oauth.Constraint{Certificate: true}, oauth.Confirmation{"", certificate}, oauth.Confirmation{"", certificate}, "", "Bearer"},
		"a certificate and a proof besides":            {oauth.Constraint{Certificate: true}, oauth.Confirmation{key, certificate}, oauth.Confirmation{key, certificate}, "", "DPoP"},
		"a certificate that is not there":              {constraint: oauth.Constraint{Certificate: true}, refused: oauth.InvalidRequest},
		"a certificate, and a proof instead":           {constraint: oauth.Constraint{Certificate: true}, presented: oauth.Confirmation{key, ""}, refused: oauth.InvalidRequest},
		"both":                                         {oauth.Constraint{DPoP: true, Certificate: true}, oauth.Confirmation{key, certificate}, oauth.Confirmation{key, certificate}, "", "DPoP"},
		"both, without the proof":                      {constraint: oauth.Constraint{DPoP: true, Certificate: true}, presented: oauth.Confirmation{"", certificate}, refused: oauth.InvalidDPoPProof},
		"both, without the certificate":                {constraint: oauth.Constraint{DPoP: true, Certificate: true}, presented: oauth.Confirmation{key, ""}, refused: oauth.InvalidRequest},
		"either, by a proof":                           {oauth.Constraint{Either: true}, oauth.Confirmation{key, ""}, oauth.Confirmation{key, ""}, "", "DPoP"},
		"either, by a certificate":                     {oauth.Constraint{Either: true}, oauth.Confirmation{"", certificate}, oauth.Confirmation{"", certificate}, "", "Bearer"},
		"either, by both: the proof is what was meant": {oauth.Constraint{Either: true}, oauth.Confirmation{key, certificate}, oauth.Confirmation{key, ""}, "", "DPoP"},
		"either, and neither is there":                 {constraint: oauth.Constraint{Either: true}, refused: oauth.InvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.constraint.Confirm(test.presented)
			if refusal, is := errors.AsType[*oauth.Error](err); err != nil && (!is || refusal.Code != test.refused) || err == nil && test.refused != "" {
				t.Fatalf("%v; want %q", err, test.refused)
			}
			if got != test.want || err == nil && got.TokenType() != test.tokenType {
				t.Errorf("%+v, %s; want %+v, %s", got, got.TokenType(), test.want, test.tokenType)
			}
		})
	}
}

func TestConstraint_of_two_asks_for_what_either_does(t *testing.T) {
	for _, one := range []oauth.Constraint{{}, {DPoP: true}, {Certificate: true}, {Either: true}} {
		for _, other := range []oauth.Constraint{{}, {DPoP: true}, {Certificate: true}, {Either: true}} {
			want := oauth.Constraint{
				DPoP: one.DPoP || other.DPoP, Certificate: one.Certificate || other.Certificate, Either: one.Either || other.Either,
			}
			if got := one.And(other); got != want {
				t.Errorf("%+v and %+v: %+v", one, other, got)
			}
		}
	}
}
