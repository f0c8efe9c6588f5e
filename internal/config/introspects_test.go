package config_test

import (
	"slices"
	"testing"
)

// introspecting is a client without grants. What is added stands in it.
const introspecting = prelude + `
clients:
  - id: api
    authentication: client_secret_basic
    secrets: ["` + bcryptHash + `"]
`

func TestClientThatIntrospectsWrongIsRefused(t *testing.T) {
	denyByForm(t, "nothing", introspecting+`
    introspects: []                      #! clients[0].introspects: introspects is empty; list at least one
`)
	denyByForm(t, "a_resource_twice", introspecting+`
    introspects: [https://api.example.com, https://api.example.com]      #! clients[0].introspects[1]: introspects[1] is "https://api.example.com" again; list it once
`)
	denyByForm(t, "a_rule_that_gives_it_nothing", introspecting+`
    introspects: [https://api.example.com]
    allow: [{resource: https://api.example.com, scopes: [read]}]         #! clients[0].allow: allow does not belong here: the client has no grants, and gets no tokens
`)
	denyByForm(t, "a_bond_of_no_tokens", introspecting+`
    introspects: [https://api.example.com]
    dpop: required                       #! clients[0].dpop: dpop does not belong here: the client has no grants, and gets no tokens
`)
	denyByForm(t, "an_assertion_without_its_grant", introspecting+`
    introspects: [https://api.example.com]
    assertion: {subject: issuer}         #! clients[0].assertion: assertion does not belong here: the client does not have the grant urn:ietf:params:oauth:grant-type:jwt-bearer
`)
	denyByMeaning(t, "a_resource_that_does_not_exist", introspecting+`
    introspects: [https://other.example.com]     #! clients[0].introspects[0]: introspects[0] is "https://other.example.com", which is not the id of any of the resources
`)
	denyByMeaning(t, "keys_that_verify_nothing", introspecting+`
    introspects: [https://api.example.com]
    keys: {file: api.pem}                #! clients[0].keys: keys does not belong here: nothing that the client may do is verified with them
`)
	denyByMeaning(t, "nobody_who_proves_who_asks", prelude+`
clients:
  - id: api
    authentication: none
    grants: [`+jwtBearer+`]
    introspects: [https://api.example.com]       #! clients[0].introspects: introspects does not belong here: what a token says is told to nobody who has not proved who asks
`)
}

func TestClientThatIntrospects(t *testing.T) {
	allow(t, "and_does_nothing_else", introspecting+`
    introspects: [https://api.example.com]
`)
	allow(t, "with_keys", prelude+`
clients:
  - id: api
    authentication: private_key_jwt
    keys: {file: api.pem}
    introspects: [https://api.example.com]
`)
	both := inClient + `
    authentication: private_key_jwt
    keys: {file: batch.pem}
    grants: [client_credentials]
    dpop: required
    introspects: [https://api.example.com]
`
	allow(t, "and_gets_tokens_too", both)
	if got := expectFaults(t, both).Clients[0].Introspects; !slices.Equal(got, []string{"https://api.example.com"}) {
		t.Errorf("got %v", got)
	}
}
