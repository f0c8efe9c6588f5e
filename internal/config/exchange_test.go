package config_test

import "testing"

const tokenExchange = `"urn:ietf:params:oauth:grant-type:token-exchange"`

// inExchange is a client that exchanges tokens, for what is listed then.
const inExchange = prelude + `clients:
  - id: front
    authentication: private_key_jwt
    keys: {file: front.pem}
    grants: [` + tokenExchange + `]
`

func TestExchange(t *testing.T) {
	allow(t, "of_the_tokens_of_issuers_alone", inExchange)
	allow(t, "of_our_own", inExchange+`
    exchange:
      - {resource: https://api.example.com, scopes: [read], if: has(claims.act), lifetime: 1m, narrow: true, mode: audit}
`)
	allow(t, "beside_another_grant", inClient+`
    authentication: private_key_jwt
    keys: {file: batch.pem}
    grants: [client_credentials, `+tokenExchange+`]
    exchange: [{resource: https://api.example.com, scopes: [read]}]
`)
	allow(t, "beside_the_assertions_of_others", inExchange[:len(inExchange)-2]+`, `+jwtBearer+`]
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	denyByForm(t, "no_rule_is_refused", inExchange+`
    exchange: []                         #! clients[0].exchange: exchange is empty; list at least one
`)
	denyByForm(t, "a_mapped_subject_is_refused", inExchange+`
    exchange:
      - resource: https://api.example.com
        scopes: [read]
        subject: claims.client_id        #! clients[0].exchange[0].subject: subject is not a field here; …
`)
	denyByForm(t, "an_end_that_could_be_left_out_is_refused", inExchange+`
    exchange:
      - resource: https://api.example.com
        scopes: [read]
        expires_with_assertion: false    #! clients[0].exchange[0].expires_with_assertion: expires_with_assertion is not a field here; …
`)
	denyByForm(t, "act_as_a_claim_of_a_rule_is_refused", inExchange+`
    exchange:
      - resource: https://api.example.com
        scopes: [read]
        claims: {act: claims.act}        #! clients[0].exchange[0].claims.act: claims.act is a claim that the service sets itself; use another name
`)
	denyByMeaning(t, "without_the_grant_is_refused", inClient+`
    authentication: private_key_jwt
    keys: {file: batch.pem}
    grants: [client_credentials]
    exchange:                            #! clients[0].exchange: exchange does not belong here: the client does not have the grant urn:ietf:params:oauth:grant-type:token-exchange
      - {resource: https://api.example.com, scopes: [read]}
`)
	denyByMeaning(t, "by_a_client_without_authentication_is_refused", prelude+`
clients:
  - id: phone
    authentication: none
    grants: [`+tokenExchange+`]           #! clients[0].grants: grants has urn:ietf:params:oauth:grant-type:token-exchange, but a client without authentication can only have …
`)
	denyByMeaning(t, "a_resource_that_is_none_is_refused", inExchange+`
    exchange:
      - resource: https://other.example.com      #! clients[0].exchange[0].resource: resource is "https://other.example.com", which is not the id of any of the resources
        scopes: [read]
`)
	denyByForm(t, "own_assertions_without_rules_are_refused", prelude+`
clients:
  - id: front                            #! clients[0].allow: allow is missing: no rule, no token
    authentication: private_key_jwt
    keys: {file: front.pem}
    grants: [`+tokenExchange+`, `+jwtBearer+`]
`)
}
