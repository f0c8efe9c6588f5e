package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/countersign/internal/config"
)

func TestClaimTypes(t *testing.T) {
	const in = inIssuer + `
    claim_types:
`
	c := expectFaults(t, in+`
      department: string
      admin: bool
      level: int
      share: double
      anything: dyn
      groups: list(string)
      labels: "map(string, string)"
      counts: map(string,int)
      https://example.com/claims/*: list(dyn)
      address: {country: string, geo: {lat: double}}
`)
	name := func(name string) config.ClaimType { return config.ClaimType{Name: name} }
	equal(t, "claim types", c.Issuers[0].ClaimTypes, config.ClaimTypes{
		"iss": name("string"), "sub": name("string"), "jti": name("string"), "aud": name("dyn"),
		"exp": name("int"), "nbf": name("int"), "iat": name("int"),
		"department": name("string"), "admin": name("bool"), "level": name("int"), "share": name("double"), "anything": name("dyn"),
		"groups": name("list(string)"), "labels": name("map(string, string)"), "counts": name("map(string, int)"),
		"https://example.com/claims/*": name("list(dyn)"),
		"address": {Members: config.ClaimTypes{
			"country": name("string"), "geo": {Members: config.ClaimTypes{"lat": name("double")}},
		}},
	}, cmpopts.IgnoreTypes(config.Position{}))
	equal(t, "the place of a claim", c.Issuers[0].ClaimTypes["admin"].At, at(14, "issuers[0].claim_types.admin"))

	denyByForm(t, "no_claims_are_refused", inIssuer+`
    claim_types: {}                      #! issuers[0].claim_types: claim_types is empty; give it a field
`)
	denyByForm(t, "a_list_of_claims_is_refused", inIssuer+`
    claim_types: [department]            #! issuers[0].claim_types: claim_types is a list; write a mapping of fields
`)
	for _, typ := range []string{"text", "String", "number", "list", "list()", "list(list(string))", "map(string)", "map(int, string)", "map(string, list(string))", "list(string) ", "string?"} {
		denyByForm(t, "a_type_that_does_not_exist_is_refused/"+typ, in+`
      a: "`+typ+`"                       #! issuers[0].claim_types.a: claim_types.a is "`+typ+`"; use string, bool, int, double or dyn, list(T) or …
`)
	}
	denyByForm(t, "a_list_of_types_is_refused", in+`
      a: [string, int]                   #! issuers[0].claim_types.a: claim_types.a is a list; write text
`)
	denyByForm(t, "a_claim_without_a_type_is_refused", in+`
      a:                                 #! issuers[0].claim_types.a: claim_types.a has no value; give it one
`)
	denyByForm(t, "an_object_without_members_is_refused", in+`
      a: {}                              #! issuers[0].claim_types.a: claim_types.a is empty; give it a field
`)
	denyByForm(t, "every_claim_is_refused", in+`
      "*": dyn                           #! issuers[0].claim_types["*"]: claim_types["*"] would be every claim, whatever its name; leave claim_types out for that
`)
	denyByMeaning(t, "a_registered_claim_is_refused", in+`
      exp: string                        #! issuers[0].claim_types.exp: claim_types.exp is known already, as int; leave it out
`)
	denyByNotation(t, "a_claim_given_twice_is_refused", in+`
      a: string
      a: int                             #! issuers[0].claim_types.a: a is given twice, first on line 13; give it once
`)
	denyByForm(t, "claim_types_of_a_client_are_refused", inClient+`
    authentication: none
    grants: [`+jwtBearer+`]
    claim_types: {a: string}             #! clients[0].claim_types: claim_types is not a field here; …
`)
}
