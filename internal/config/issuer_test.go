package config_test

import (
	"strings"
	"testing"
)

// named returns a document with one issuer of this name.
func named(issuer string) string {
	return strings.Replace(inIssuer, "https://idp.example.com", issuer, 1)
}

func TestTrustedIssuer(t *testing.T) {
	allow(t, "a_url", inIssuer)
	allow(t, "an_http_url", named(`http://idp.example.com`))
	allow(t, "an_e_mail_address", named(`robot@acme.iam.gserviceaccount.com`))
	allow(t, "a_name_with_a_space", named(`Acme Identity`))
	allow(t, "this_issuer_with_a_slash_is_another_one", named(`https://auth.example.com/`))
	allow(t, "everything_about_assertions", inIssuer+`
    audiences: [https://auth.example.com/old, api://legacy]
    types: [at+jwt, application/example+jwt]
    max_lifetime: 12h
    jti: required
    subject: issuer
    scope: claim
    client: identified
`)
	allow(t, "assertions_that_can_be_used_again", inIssuer+`
    jti: reusable
`)
	allow(t, "disabled", inIssuer+`
    disabled: true
`)

	denyByForm(t, "no_issuer_is_refused", prelude+`
issuers: []                              #! issuers: issuers is empty; list at least one
`)
	denyByForm(t, "nothing_but_a_name_is_refused", prelude+`
issuers:
  - issuer: https://idp.example.com      #! issuers[0].keys: keys is missing #! issuers[0].allow: allow is missing
`)
	denyByForm(t, "no_name_is_refused", prelude+`
issuers:
  - keys: {file: idp.pem}                #! issuers[0].issuer: issuer is missing
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	denyByForm(t, "no_rule_is_refused", prelude+`
issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.pem}
    allow: []                            #! issuers[0].allow: allow is empty; list at least one
`)
	denyByForm(t, "an_empty_name_is_refused", named(`""  #! issuers[0].issuer: issuer is empty; give it a value`))
	denyByForm(t, "several_names_are_refused", named(`[a, b]  #! issuers[0].issuer: issuer is a list; write text`))
	denyByForm(t, "a_name_beyond_ascii_is_refused", named(`https://ídp.example.com  #! issuers[0].issuer: issuer is "https://ídp.example.com"; use printable ASCII …`))
	denyByForm(t, "a_name_with_a_nul_is_refused", named(`"https://idp.example.com\0"  #! issuers[0].issuer: issuer is "https://idp.example.com\x00"; …`))
	denyByForm(t, "a_section_as_a_client_has_it_is_refused", inIssuer+`
    assertion: {jti: required}           #! issuers[0].assertion: assertion is not a field here; the fields are …
`)
	denyByForm(t, "an_empty_list_of_audiences_is_refused", inIssuer+`
    audiences: []                        #! issuers[0].audiences: audiences is empty; list at least one
`)
	denyByForm(t, "an_audience_listed_twice_is_refused", inIssuer+`
    audiences: [a, b, a]                 #! issuers[0].audiences[2]: audiences[2] is "a" again; list it once
`)
	denyByForm(t, "an_empty_list_of_types_is_refused", inIssuer+`
    types: []                            #! issuers[0].types: types is empty; list at least one
`)
	denyByForm(t, "an_unknown_place_of_the_subject_is_refused", inIssuer+`
    subject: claims.sub                  #! issuers[0].subject: subject is "claims.sub"; use one of claim, issuer
`)
	denyByForm(t, "an_unknown_place_of_the_scope_is_refused", inIssuer+`
    scope: read                          #! issuers[0].scope: scope is "read"; use one of parameter, claim
`)
	denyByForm(t, "an_unknown_jti_is_refused", inIssuer+`
    jti: never                           #! issuers[0].jti: jti is "never"; use one of required, optional, reusable
`)
	denyByForm(t, "an_unknown_demand_on_the_client_is_refused", inIssuer+`
    client: none                         #! issuers[0].client: client is "none"; use one of optional, identified, authenticated
`)
	denyByMeaning(t, "a_lifetime_of_zero_is_refused", inIssuer+`
    max_lifetime: 0s                     #! issuers[0].max_lifetime: max_lifetime is "0s"; it can be …
`)
}

// Whose keys and rules hold for an assertion is found by its iss: two parties of one name would share them.
func TestTrustedIssuerThatBearsATakenNameIsRefused(t *testing.T) {
	const another = `
  - keys: {file: other.pem}
    allow: [{resource: https://api.example.com, scopes: [write]}]
`
	denyByMeaning(t, "another_issuers_name", inIssuer+another+`
    issuer: https://idp.example.com      #! issuers[1].issuer: issuer is "https://idp.example.com", which issuers[0].issuer on line 7 is already; …
`)
	denyByMeaning(t, "a_disabled_issuers_name", inIssuer+`
    disabled: true
`+another+`
    issuer: https://idp.example.com      #! issuers[1].issuer: issuer is "https://idp.example.com", which issuers[0].issuer on line 7 is already; …
`)
	denyByMeaning(t, "this_services_name", named(`https://auth.example.com  #! issuers[0].issuer: issuer is "https://auth.example.com", which issuer on line 1 is already; …`))
	denyByMeaning(t, "a_clients_id", named(`batch   #! issuers[0].issuer: issuer is "batch", which clients[0].id on line 12 is already; …`)+`
clients:
  - id: batch
    authentication: none
    grants: [`+jwtBearer+`]
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
}
