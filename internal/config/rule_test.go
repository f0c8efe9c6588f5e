package config_test

import (
	"testing"
)

func TestRule(t *testing.T) {
	allow(t, "a_resource_and_scopes", inRules+`
      - {resource: https://api.example.com, scopes: [read]}
`)
	allow(t, "everything", inRules+`
      - disabled: true
        mode: audit
        if: "true"
        subject: claims.email
        resource: https://api.example.com
        scopes: [read, write]
        default_scopes: [write]
        lifetime: 1s
        narrow: true
        expires_with_assertion: true
        claims: {team: claims.team, "https://example.com/ref": claims.ref}
`)
	allow(t, "the_same_rule_twice", inRules+`
      - {resource: https://api.example.com, scopes: [read]}
      - {resource: https://api.example.com, scopes: [read]}
`)

	denyByForm(t, "a_rule_of_nothing_is_refused", inRules+`
      - {}                               #! issuers[0].allow[0]: allow[0] is empty; give it a field
`)
	denyByForm(t, "a_rule_without_resource_and_scopes_is_refused", inRules+`
      - if: "true"                       #! issuers[0].allow[0].resource: resource is missing #! issuers[0].allow[0].scopes: scopes is missing
`)
	denyByForm(t, "a_rule_that_is_text_is_refused", inRules+`
      - https://api.example.com          #! issuers[0].allow[0]: allow[0] is text; write a mapping of fields
`)
	denyByForm(t, "a_misspelt_condition_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        when: claims.admin               #! issuers[0].allow[0].when: when is not a field here; the fields are resource, scopes, disabled, if, …
`)
	denyByForm(t, "a_condition_in_the_wrong_place_is_refused", inIssuer+`
    if: claims.admin                     #! issuers[0].if: if is not a field here; …
`)
	denyByForm(t, "a_condition_without_text_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        if:                              #! issuers[0].allow[0].if: if has no value; give it one
`)
	denyByForm(t, "an_empty_condition_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        if: ""                           #! issuers[0].allow[0].if: if is empty; give it a value
`)
	denyByForm(t, "a_condition_that_is_a_boolean_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        if: true                         #! issuers[0].allow[0].if: if is a boolean; write it in quotes, so that it is text
`)
	denyByForm(t, "an_unknown_mode_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        mode: shadow                     #! issuers[0].allow[0].mode: mode is "shadow"; use one of enforce, audit
`)
	denyByForm(t, "a_mode_that_is_a_boolean_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        mode: true                       #! issuers[0].allow[0].mode: mode is a boolean; write it in quotes, so that it is text
`)
	denyByForm(t, "a_mode_without_text_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        mode:                            #! issuers[0].allow[0].mode: mode has no value; give it one
`)
	denyByForm(t, "a_mode_of_a_whole_party_is_refused", inIssuer+`
    mode: audit                          #! issuers[0].mode: mode is not a field here; …
`)
	denyByMeaning(t, "an_unknown_resource_is_refused", inRules+`
      - resource: https://api.example.com/       #! issuers[0].allow[0].resource: resource is "https://api.example.com/", which is not the id of any of the resources
        scopes: [read]
`)
	denyByForm(t, "several_resources_are_refused", inRules+`
      - resource: [https://api.example.com]      #! issuers[0].allow[0].resource: resource is a list; write text
        scopes: [read]
`)
	denyByMeaning(t, "a_scope_that_the_resource_does_not_have_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read, admin]            #! issuers[0].allow[0].scopes[1]: scopes[1] is "admin", which is not one of the scopes of "https://api.example.com"
`)
	denyByMeaning(t, "a_scope_in_other_letters_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [Read]                   #! issuers[0].allow[0].scopes[0]: scopes[0] is "Read", which is not one of the scopes of …
`)
	denyByMeaning(t, "a_wildcard_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: ["*"]                    #! issuers[0].allow[0].scopes[0]: scopes[0] is "*", which is not one of the scopes of …
`)
	denyByForm(t, "scopes_in_one_text_are_refused", inRules+`
      - resource: https://api.example.com
        scopes: read write               #! issuers[0].allow[0].scopes: scopes is text; write a list
`)
	denyByForm(t, "an_empty_list_of_scopes_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: []                       #! issuers[0].allow[0].scopes: scopes is empty; list at least one
`)
	denyByForm(t, "an_empty_list_of_default_scopes_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        default_scopes: []               #! issuers[0].allow[0].default_scopes: default_scopes is empty; list at least one
`)
	denyByMeaning(t, "a_default_scope_beyond_the_rules_scopes_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        default_scopes: [read, write]    #! issuers[0].allow[0].default_scopes[1]: default_scopes[1] is "write", which is not one of the scopes of this rule
`)
	denyByMeaning(t, "a_lifetime_of_zero_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        lifetime: 0h0m0s                 #! issuers[0].allow[0].lifetime: lifetime is "0h0m0s"; it can be …
`)
	denyByMeaning(t, "a_rule_of_a_client_is_held_to_the_same", batch("", `
    authentication: none
    grants: [`+jwtBearer+`]
  - id: other
    authentication: none
    grants: [`+jwtBearer+`]
    allow:
      - {resource: https://api.example.com, scopes: [admin]}   #! clients[1].allow[0].scopes[0]: scopes[0] is "admin", which is not one of …
`))
}

// A claim that the service sets itself says who the token is for, or by whose authority (threat: custom claims overwrote
// reserved ones).
func TestMappingOntoAReservedClaimIsRefused(t *testing.T) {
	for _, claim := range []string{
		"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "cnf", "scope", "act", "may_act", "status",
	} {
		denyByForm(t, claim, inRules+`
      - resource: https://api.example.com
        scopes: [read]
        claims:
          team: claims.team
          `+claim+`: claims.email        #! issuers[0].allow[0].claims.`+claim+`: claims.`+claim+` is a claim that the service sets itself; use another name
`)
		denyByForm(t, claim+"_in_quotes", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        claims: {"`+claim+`": claims.email}  #! issuers[0].allow[0].claims.`+claim+`: claims.`+claim+` is a claim that …
`)
	}
}

func TestClaims(t *testing.T) {
	denyByForm(t, "no_claims_are_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        claims: {}                       #! issuers[0].allow[0].claims: claims is empty; give it a field
`)
	denyByForm(t, "a_list_of_claims_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        claims: [repository]             #! issuers[0].allow[0].claims: claims is a list; write a mapping of fields
`)
	denyByForm(t, "a_claim_without_expression_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        claims: {repository}             #! issuers[0].allow[0].claims.repository: claims.repository has no value; give it one
`)
	denyByForm(t, "a_number_as_an_expression_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        claims: {level: 3}               #! issuers[0].allow[0].claims.level: claims.level is a number; write it in quotes, so that it is text
`)
	denyByNotation(t, "a_claim_without_a_name_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        claims: {"": claims.a}           #! issuers[0].allow[0].claims: claims has a field without a name; give it one
`)
	denyByNotation(t, "a_claim_given_twice_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        claims:
          team: claims.a
          team: claims.b                 #! issuers[0].allow[0].claims.team: team is given twice, first on line 14; give it once
`)
	denyByNotation(t, "a_merge_key_is_refused", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        claims:
          <<: {team: claims.a}           #! issuers[0].allow[0].claims: claims has a merge key (<<); write the fields themselves
`)
}
