package config_test

import (
	"strings"
	"testing"
)

func TestReplay(t *testing.T) {
	allow(t, "a_database", prelude+`replay: {firestore: projects/acme/databases/replay}`)
	allow(t, "the_first_database_of_a_project", prelude+`replay: {firestore: "projects/acme/databases/(default)"}`)

	for _, name := range []string{
		"replay", "(default)", "projects/acme/databases/", "projects//databases/replay", "projects/acme/databases",
		"projects/acme/databases/replay/documents", "/projects/acme/databases/replay", "x/projects/acme/databases/replay",
		"projects/acme/databases/a b", `projects/acme/databases/replay\n`, "projects/acme/secrets/replay",
	} {
		denyByForm(t, "what_is_no_name_of_a_database_is_refused/"+name, prelude+`
replay: {firestore: "`+name+`"}          #! replay.firestore: firestore is "`+name+`"; write projects/PROJECT/databases/DATABASE, …
`)
	}
	denyByForm(t, "an_empty_section_is_refused", prelude+`
replay: {}                               #! replay: replay is empty; give it a field
`)
	denyByForm(t, "another_store_is_refused", prelude+`
replay: {redis: localhost}               #! replay.redis: redis is not a field here; the fields are firestore
`)
	denyByForm(t, "the_word_memory_is_refused", prelude+`
replay: memory                           #! replay: replay is text; write a mapping of fields
`)
}

func TestDPoP(t *testing.T) {
	allow(t, "nonces", prelude+`dpop: {nonces: projects/acme/secrets/nonces}`)
	allow(t, "a_resource_that_needs_it", strings.Replace(prelude, "[read, write]", "[read, write]\n    dpop: required", 1))
	allow(t, "a_client_that_needs_it", inClient+`
    authentication: none
    dpop: required
    keys: {file: batch.pem}
    grants: [`+jwtBearer+`]
`)

	denyByForm(t, "an_empty_section_is_refused", prelude+`
dpop: {}                                 #! dpop: dpop is empty; give it a field
`)
	denyByForm(t, "the_word_of_a_client_is_refused_of_the_service", prelude+`
dpop: required                           #! dpop: dpop is text; write a mapping of fields
`)
	denyByForm(t, "the_secret_itself_is_refused", prelude+`
dpop: {nonces: correct-horse}            #! dpop.nonces: nonces is not the name of a secret; …
`)
	denyByForm(t, "that_there_are_nonces_is_no_secret", prelude+`
dpop: {nonces: true}                     #! dpop.nonces: nonces is a boolean; …
`)
	for _, word := range []string{"optional", "Required", "none", "required "} {
		denyByForm(t, "another_word_is_refused_of_a_resource/"+word, strings.Replace(prelude, "[read, write]", `[read, write]
    dpop: "`+word+`"                     #! resources[0].dpop: dpop is "`+word+`"; write required, or leave it out`, 1))
		denyByForm(t, "another_word_is_refused_of_a_client/"+word, inClient+`
    authentication: none
    dpop: "`+word+`"                     #! clients[0].dpop: dpop is "`+word+`"; write required, or leave it out
    grants: [`+jwtBearer+`]
`)
	}
	denyByForm(t, "a_flag_is_refused", inClient+`
    authentication: none
    dpop: true                           #! clients[0].dpop: dpop is a boolean; …
    grants: [`+jwtBearer+`]
`)
	denyByForm(t, "an_empty_word_is_refused", inClient+`
    authentication: none
    mtls: ""                             #! clients[0].mtls: mtls is empty; …
    grants: [`+jwtBearer+`]
`)
	denyByForm(t, "an_issuer_needs_none", inIssuer+`
    dpop: required                       #! issuers[0].dpop: dpop is not a field here; the fields are …
`)
}

// A secret of the nonces or of the proxy is known to nobody else, so it is never one that has another use.
func TestASecretOfTheServiceIsForOneThing(t *testing.T) {
	const nonces = "dpop: {nonces: projects/acme/secrets/nonces}\n"
	denyByMeaning(t, "a_signing_key", prelude+`
dpop: {nonces: projects/acme/secrets/keys}    #! dpop.nonces: nonces is what signing_keys.secret on line 2 is already; each has a secret of its own
`)
	denyByMeaning(t, "a_key_of_another_ring", inRings+`
    - {secret: projects/acme/secrets/old, algorithm: RS256, publish_only: true}
dpop: {nonces: projects/acme/secrets/old}     #! dpop.nonces: nonces is what signing_keys.additional[0].secret on line 7 is already; …
`)
	denyByMeaning(t, "the_proxys_for_nonces", inTLS+`
  proxy:
    secret: projects/acme/secrets/nonces #! mutual_tls.proxy.secret: secret is what dpop.nonces on line 10 is already; …
`+nonces+`profile: fapi2
`)
	denyByMeaning(t, "the_proxys_for_keys", inTLS+`
  proxy:
    secret: projects/acme/secrets/keys   #! mutual_tls.proxy.secret: secret is what signing_keys.secret on line 2 is already; …
profile: fapi2
`)
	denyByMeaning(t, "what_an_api_verifies_with", nonces+prelude+`
    access_tokens:
      algorithm: HS256
      shared_secret: projects/acme/secrets/nonces    #! resources[0].access_tokens.shared_secret: shared_secret is what dpop.nonces on line 1 is already; …
`)
	for name, field := range map[string]string{
		"what_a_party_signs_with": "shared_secret: projects/acme/secrets/nonces, algorithm: HS256",
		"public_keys":             "secret: projects/acme/secrets/nonces",
	} {
		written, _, _ := strings.Cut(field, ":")
		denyByMeaning(t, name+"_of_an_issuer", nonces+inKeys+`
      {`+field+`}    #! issuers[0].keys.`+written+`: `+written+` is what dpop.nonces on line 1 is already; …
`)
		denyByMeaning(t, name+"_of_a_client", nonces+inClient+`
    authentication: none
    keys: {`+field+`}    #! clients[0].keys.`+written+`: `+written+` is what dpop.nonces on line 1 is already; …
    grants: [`+jwtBearer+`]
`)
	}
	denyByMeaning(t, "the_keys_of_a_trust_anchor", nonces+inKeys+`
      federation:
        trust_anchors:
          - id: https://anchor.example.com
            secret: projects/acme/secrets/nonces     #! issuers[0].keys.federation.trust_anchors[0].secret: secret is what dpop.nonces on line 1 is already; …
`)
}
