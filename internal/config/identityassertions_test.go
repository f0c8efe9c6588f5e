package config_test

import (
	"strings"
	"testing"
)

// abroad has a client and an issuer, and an entry whose fields go on where it leaves off.
const abroad = prelude + `clients:
  - id: agent
    authentication: private_key_jwt
    keys: {file: agent.pem}
    grants: [urn:ietf:params:oauth:grant-type:token-exchange]
  - id: batch
    authentication: private_key_jwt
    keys: {file: batch.pem}
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.pem}
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - issuer: https://workforce.example.com
    profile: id-jag
    keys: {file: workforce.pem}
    allow: [{resource: https://api.example.com, scopes: [read]}]
identity_assertions:
  - audience: https://auth.chat.example.net
    clients: [{id: agent, client_id: f53}]
    issuers: [https://idp.example.com]
    scopes: [chat.read]
`

func TestIdentityAssertions(t *testing.T) {
	with := func(old, by string) string {
		if strings.Count(abroad, old) != 1 {
			t.Fatalf("%q is there %d times", old, strings.Count(abroad, old))
		}
		return strings.Replace(abroad, old, by, 1)
	}
	allow(t, "an_entry", abroad)
	allow(t, "everything", abroad+`
    resources: [https://api.chat.example.net/mcp, "urn:chat"]
    lifetime: 2m
  - audience: https://auth.wiki.example.net
    clients: [{id: agent, client_id: agent}]
    issuers: [https://idp.example.com]
    scopes: [wiki.read]
`)

	denyByForm(t, "no_entry_is_refused", prelude+`
identity_assertions: []                  #! identity_assertions: identity_assertions is empty; list at least one
`)
	denyByForm(t, "an_entry_that_says_nothing_is_refused", prelude+`
identity_assertions:
  - lifetime: 5m                         #! identity_assertions[0].audience: audience is missing #! identity_assertions[0].clients: clients is missing #! identity_assertions[0].issuers: issuers is missing #! identity_assertions[0].scopes: scopes is missing
`)
	denyByForm(t, "an_audience_that_is_no_URL_is_refused", with("audience: https://auth.chat.example.net", "audience: chat  #! identity_assertions[0].audience: audience …"))
	denyByForm(t, "a_client_without_a_name_there_is_refused", with("clients: [{id: agent, client_id: f53}]",
		"clients: [{id: agent}]  #! identity_assertions[0].clients[0].client_id: client_id is missing"))
	denyByForm(t, "a_resource_that_is_no_URI_is_refused", abroad+`
    resources: [chat]                    #! identity_assertions[0].resources[0]: resources[0] …
`)
	denyByMeaning(t, "this_service_is_refused", with("audience: https://auth.chat.example.net",
		"audience: https://auth.example.com  #! identity_assertions[0].audience: audience is this service; …"))
	denyByMeaning(t, "a_client_that_nobody_knows_is_refused", with("clients: [{id: agent, client_id: f53}]",
		`clients: [{id: nobody, client_id: f53}]  #! identity_assertions[0].clients[0].id: id is "nobody", which is not the id of any of the clients`))
	denyByMeaning(t, "a_client_that_exchanges_nothing_is_refused", with("clients: [{id: agent, client_id: f53}]",
		`clients: [{id: batch, client_id: f53}]  #! identity_assertions[0].clients[0].id: id is "batch", which does not have the grant …`))
	denyByMeaning(t, "a_client_with_two_names_is_refused", with("clients: [{id: agent, client_id: f53}]",
		`clients: [{id: agent, client_id: f53}, {id: agent, client_id: f54}]  #! identity_assertions[0].clients[1]: is "agent" again, …`))
	denyByMeaning(t, "an_issuer_that_nobody_knows_is_refused", with("    issuers: [https://idp.example.com]",
		`    issuers: [https://other.example.com]  #! identity_assertions[0].issuers[0]: issuers[0] is "https://other.example.com", which is not any of the issuers`))
	denyByMeaning(t, "an_issuer_of_identity_assertions_is_refused", with("    issuers: [https://idp.example.com]",
		`    issuers: [https://workforce.example.com]  #! identity_assertions[0].issuers[0]: issuers[0] is "https://workforce.example.com", which issues identity assertions and no ID tokens`))
	denyByMeaning(t, "an_audience_twice_is_refused", abroad+`
  - audience: https://auth.chat.example.net   #! identity_assertions[1].audience: audience is "https://auth.chat.example.net", which …
    clients: [{id: agent, client_id: agent}]
    issuers: [https://idp.example.com]
    scopes: [chat.write]
`)
}
