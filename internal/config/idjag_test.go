package config_test

import (
	"strings"
	"testing"

	"example.com/countersign/internal/config"
)

// inIDJAG is an issuer of identity assertions. Its fields go on where it leaves off.
var inIDJAG = strings.Replace(inIssuer, "  - issuer:", "  - profile: id-jag\n    issuer:", 1)

func TestIDJAG(t *testing.T) {
	allow(t, "an_issuer", inIDJAG)
	allow(t, "everything_that_is_left_to_say", inIDJAG+`
    disabled: true
    max_lifetime: 5m
    jti: reusable
    claim_types: {email: string, client_id: string}
`)
	allow(t, "jti_as_it_is_anyway", inIDJAG+`
    jti: required
`)
	allow(t, "a_server_under_fapi2", strings.Replace(inIDJAG, "issuer: https://auth.example.com\n", "issuer: https://auth.example.com\nprofile: fapi2\n", 1))

	for field, values := range map[string][2]string{
		"audiences": {"[https://auth.example.com/old]", "aud is the issuer identifier of this service and nothing else"},
		"types":     {"[JWT]", "typ is oauth-id-jag+jwt and nothing else"},
		"subject":   {"issuer", "sub is the user, and is always there"},
		"scope":     {"parameter", "the scope is in the assertion"},
		"client":    {"authenticated", "the client always authenticates, and is the one that the assertion names"},
	} {
		denyByForm(t, field+"_is_refused", inIDJAG+`
    `+field+`: `+values[0]+`    #! issuers[0].`+field+`: `+field+` does not belong here: with the profile id-jag `+values[1]+`
`)
	}
	denyByForm(t, "a_preset_is_refused", inIDJAG+`
    preset: kubernetes                   #! issuers[0].preset: preset does not belong here: with the profile id-jag a preset knows tokens of another kind
`)
	denyByForm(t, "no_jti_is_refused", inIDJAG+`
    jti: optional                        #! issuers[0].jti: jti is optional, and an identity assertion always has one; write required or reusable
`)
	denyByForm(t, "no_jti_until_a_day_is_refused", inIDJAG+`
    jti: {value: optional, until: 2027-03-31}    #! issuers[0].jti: jti is optional, and an identity assertion always has one; write required or reusable
`)
	denyByForm(t, "an_unknown_profile_is_refused", inIssuer+`
    profile: id_jag                      #! issuers[0].profile: profile is "id_jag"; write id-jag, or leave it out
`)
	for _, typ := range []string{"oauth-id-jag+jwt", "application/OAuth-ID-JAG+jwt"} {
		denyByMeaning(t, "its_type_elsewhere_is_refused/"+strings.ReplaceAll(typ, "/", "_"), inIssuer+`
    types: [at+jwt, `+typ+`]             #! issuers[0].types[1]: types[1] is "`+typ+`", which issuers with profile: id-jag have, and nobody else
`)
	}
}

func TestIDJAG_fills_in_what_the_profile_says(t *testing.T) {
	loaded, faults := config.Load("config.yaml", []byte(inIDJAG))
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	got := loaded.Issuers[0]
	if got.Profile != config.ProfileIDJAG || got.Client != config.ClientAuthenticated || !got.Assertion.JTIRequired || !got.Assertion.ScopeFromClaim {
		t.Errorf("got %+v", got)
	}
}
