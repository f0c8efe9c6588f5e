package config_test

import (
	"strings"
	"testing"
)

// inOpaque has a resource, to whose access_tokens is added, and keys for opaque tokens.
const inOpaque = `
issuer: https://auth.example.com
signing_keys: {secret: projects/acme/secrets/keys}
opaque_tokens: {secret: projects/acme/secrets/opaque}
resources:
  - id: https://api.example.com
    scopes: [read]
`

func TestOpaqueTokens(t *testing.T) {
	allow(t, "for_a_resource", inOpaque+`    access_tokens: {format: opaque}`)
	allow(t, "for_one_of_two", inOpaque+`    access_tokens: {format: opaque}
  - {id: "urn:other", scopes: [read]}
`)

	denyByForm(t, "no_secret_is_refused", prelude+`
opaque_tokens: {}                        #! opaque_tokens: opaque_tokens is empty; give it a field
`)
	denyByForm(t, "a_folder_is_refused", prelude+`
opaque_tokens:                           #! opaque_tokens.secret: secret is missing
  directory: ./keys                      #! opaque_tokens.directory: directory is not a field here; the fields are secret
`)
	denyByForm(t, "what_is_no_name_is_refused", prelude+`
opaque_tokens: {secret: correct-horse}   #! opaque_tokens.secret: secret is not the name of a secret; …
`)
	denyByForm(t, "another_format_is_refused", inOpaque+`
    access_tokens: {format: jwt}         #! resources[0].access_tokens.format: format is "jwt"; write opaque, or leave it out
`)
	denyByForm(t, "an_algorithm_besides_is_refused", inOpaque+`
    access_tokens: {format: opaque, algorithm: ES256}    #! resources[0].access_tokens: access_tokens has algorithm and format; give exactly one of them
`)
	denyByForm(t, "an_algorithm_and_a_shared_secret_besides_are_refused", inOpaque+`
    access_tokens:                       #! resources[0].access_tokens: access_tokens has algorithm and format; give exactly one of them
      format: opaque
      algorithm: HS256
      shared_secret: projects/acme/secrets/hmac    #! resources[0].access_tokens.shared_secret: shared_secret does not belong here: …
`)
	denyByForm(t, "a_shared_secret_besides_is_refused", inOpaque+`
    access_tokens:
      format: opaque
      shared_secret: projects/acme/secrets/hmac    #! resources[0].access_tokens.shared_secret: shared_secret does not belong here: opaque tokens are sealed with the keys in opaque_tokens
`)
	denyByMeaning(t, "a_format_without_keys_is_refused", prelude+`
    access_tokens: {format: opaque}      #! resources[0].access_tokens.format: format is opaque, and there are no keys for that; add opaque_tokens: …
`)
}

// Whoever has the keys can read and make every opaque token.
func TestTheKeysOfOpaqueTokensAreForOneThing(t *testing.T) {
	const section = "opaque_tokens: {secret: projects/acme/secrets/opaque}\n"
	const opaque = `    access_tokens: {format: opaque}
`
	denyByMeaning(t, "signing_keys", strings.Replace(inOpaque, "secrets/opaque}", "secrets/keys}    #! opaque_tokens.secret: secret is what signing_keys.secret on line 3 is already; each has a secret of its own", 1)+opaque)
	denyByMeaning(t, "nonces", inOpaque+opaque+`
dpop: {nonces: projects/acme/secrets/opaque}     #! dpop.nonces: nonces is what opaque_tokens.secret on line 4 is already; …
`)
	denyByMeaning(t, "what_an_api_verifies_with", inOpaque+opaque+`
  - id: urn:other
    scopes: [read]
    access_tokens:
      algorithm: HS256
      shared_secret: projects/acme/secrets/opaque    #! resources[1].access_tokens.shared_secret: shared_secret is what opaque_tokens.secret on line 4 is already; …
`)
	for name, field := range map[string]string{
		"what_a_party_signs_with": "shared_secret: projects/acme/secrets/opaque, algorithm: HS256",
		"public_keys":             "secret: projects/acme/secrets/opaque",
	} {
		written, _, _ := strings.Cut(field, ":")
		denyByMeaning(t, name, section+inKeys+`
      {`+field+`}    #! issuers[0].keys.`+written+`: `+written+` is what opaque_tokens.secret on line 1 is already; …
`)
	}
}
