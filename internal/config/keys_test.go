package config_test

import (
	"testing"
)

const publicJWK = `{kty: EC, crv: P-256, x: ocL-_od_MWPaXcdQ_kOeaV2fNq8AeqFAwFYu2xb_EQk, y: fncCZYl_wC7WvH5QdoNE-2GjlY_G1yUKZ2Fh2zPN45c}`

func TestKeys(t *testing.T) {
	allow(t, "a_jwk_set", inKeys+`      jwks: {keys: [`+publicJWK+`]}`)
	allow(t, "a_jwk_set_as_json", inKeys+`      jwks: '{"keys": [{"kty": "OKP"}]}'`)
	allow(t, "pem", inKeys+`      {pem: "-----BEGIN PUBLIC KEY-----", algorithm: RS256}`)
	allow(t, "a_file", inKeys+`      {file: keys/größer als nötig.pem, algorithm: EdDSA}`)
	allow(t, "a_secret", inKeys+`      {secret: projects/acme/secrets/idp-keys}`)
	allow(t, "a_shared_secret", inKeys+`      {shared_secret: projects/acme/secrets/hmac, algorithm: HS512}`)

	const keys = prelude + `issuers:
  - issuer: https://idp.example.com
    allow: [{resource: https://api.example.com, scopes: [read]}]
    keys: `
	denyByForm(t, "no_keys_are_refused", keys+`{}                   #! issuers[0].keys: keys is empty; give it a field`)
	denyByForm(t, "an_algorithm_alone_is_refused", keys+`{algorithm: ES256}  #! issuers[0].keys: keys has none of jwks, pem, file, secret, shared_secret, jwks_uri, discovery, federation; give exactly one`)
	denyByForm(t, "two_sources_are_refused", keys+`{file: a, pem: b}        #! issuers[0].keys: keys has pem and file; give exactly one of them`)
	denyByForm(t, "a_public_and_a_shared_key_are_refused", keys+`{file: a, shared_secret: projects/acme/secrets/hmac, algorithm: HS256}  #! issuers[0].keys: keys has file and shared_secret; give exactly one of them`)
	denyByForm(t, "an_empty_pem_is_refused", inKeys+`      pem: ""    #! issuers[0].keys.pem: pem is empty; give it a value`)
	denyByForm(t, "a_list_of_files_is_refused", inKeys+`      file: [a, b]   #! issuers[0].keys.file: file is a list; write text`)
	denyByForm(t, "a_secret_that_is_no_name_is_refused", inKeys+`      secret: ./keys.json   #! issuers[0].keys.secret: secret is not the name of a secret; …`)
	denyByForm(t, "a_shared_secret_that_is_no_name_is_refused", inKeys+`
      algorithm: HS256
      shared_secret: correct-horse                 #! issuers[0].keys.shared_secret: shared_secret is not the name of a secret; …
`)
}

func TestKeyAlgorithm(t *testing.T) {
	denyByForm(t, "a_shared_secret_without_algorithm_is_refused", prelude+`
issuers:
  - issuer: https://idp.example.com
    allow: [{resource: https://api.example.com, scopes: [read]}]
    keys: {shared_secret: projects/acme/secrets/hmac}    #! issuers[0].keys.algorithm: algorithm is missing
`)
	for _, algorithm := range []string{"ES256", "PS384", "RS512", "EdDSA"} {
		denyByMeaning(t, "a_shared_secret_with_"+algorithm+"_is_refused", inKeys+`
      shared_secret: projects/acme/secrets/hmac
      algorithm: `+algorithm+`                     #! issuers[0].keys.algorithm: algorithm is "`+algorithm+`", which is not for a shared secret; use one of HS256, HS384, HS512
`)
	}
	for _, source := range []string{"file: a", "pem: a", "secret: projects/acme/secrets/a", `jwks: '{"keys": [{}]}'`} {
		for _, algorithm := range []string{"HS256", "HS384", "HS512"} {
			denyByMeaning(t, "public_keys_with_"+algorithm+"_are_refused/"+source, inKeys+`
      `+source+`
      algorithm: `+algorithm+`                     #! issuers[0].keys.algorithm: algorithm is "`+algorithm+`", which is not for public keys; use one of ES256, …
`)
		}
	}
	for _, algorithm := range []string{"none", "None", "es256", "ES256K", "RSA-OAEP", "RS256 ", "A256GCM"} {
		denyByForm(t, "an_algorithm_that_does_not_exist_is_refused/"+algorithm, inKeys+`
      file: a
      algorithm: "`+algorithm+`"                   #! issuers[0].keys.algorithm: algorithm is "`+algorithm+`"; use one of ES256, …
`)
	}
}

func TestJWKS(t *testing.T) {
	allow(t, "members_of_every_kind", inKeys+`
      jwks:
        keys: [{kty: EC, key_ops: [verify], ext: true, x-version: 7, x-share: -0.5, x-empty: "x"}]
`)
	denyByForm(t, "a_set_without_keys_is_refused", inKeys+`
      jwks: {kty: EC}                              #! issuers[0].keys.jwks: jwks is not a JWK Set; write {keys: [{kty: …}]}, …
`)
	denyByForm(t, "an_empty_mapping_is_refused", inKeys+`
      jwks: {}                                     #! issuers[0].keys.jwks: jwks is empty; give it a field
`)
	denyByForm(t, "a_set_of_no_keys_is_refused", inKeys+`
      jwks: {keys: []}                             #! issuers[0].keys.jwks.keys: jwks.keys is empty; list at least one #! issuers[0].keys.jwks: jwks is not a JWK Set; …
`)
	denyByForm(t, "one_key_instead_of_a_list_is_refused", inKeys+`
      jwks: {keys: {kty: EC}}                      #! issuers[0].keys.jwks: jwks is not a JWK Set; …
`)
	denyByForm(t, "a_list_is_refused", inKeys+`
      jwks: [{kty: EC}]                            #! issuers[0].keys.jwks: jwks is a list; write text
`)
	denyByMeaning(t, "text_that_is_not_json_is_refused", inKeys+`
      jwks: ./keys.json                            #! issuers[0].keys.jwks: jwks is not a JWK Set; …
`)
	denyByMeaning(t, "json_and_more_is_refused", inKeys+`
      jwks: '{"keys": [{}]} {}'                    #! issuers[0].keys.jwks: jwks is not a JWK Set; …
`)
	denyByMeaning(t, "json_without_keys_is_refused", inKeys+`
      jwks: '{"keys": []}'                         #! issuers[0].keys.jwks: jwks is not a JWK Set; …
`)
	denyByMeaning(t, "json_of_nothing_is_refused", inKeys+`
      jwks: '{}'                                   #! issuers[0].keys.jwks: jwks is not a JWK Set; …
`)
	denyByMeaning(t, "json_null_is_refused", inKeys+`
      jwks: 'null'                                 #! issuers[0].keys.jwks: jwks is not a JWK Set; …
`)
	denyByNotation(t, "a_member_given_twice_is_refused", inKeys+`
      jwks:
        keys:
          - kty: EC
            kty: oct                               #! issuers[0].keys.jwks.keys[0].kty: kty is given twice, first on line 13; give it once
`)
	denyByNotation(t, "an_alias_is_refused", inKeys+`
      jwks:
        keys:
          - &a {kty: EC}                           #! issuers[0].keys.jwks.keys[0]: jwks.keys[0] has an anchor; …
          - *a                                     #! issuers[0].keys.jwks.keys[1]: jwks.keys[1] is an alias; write the value itself
`)
	denyByNotation(t, "a_null_is_refused", inKeys+`
      jwks:
        keys:
          - {kty: EC, kid: ~}                      #! issuers[0].keys.jwks.keys[0].kid: jwks.keys[0].kid has no value; give it one
`)
	for _, number := range []string{"0x1F", "0o17", "1_000", ".inf", ".nan", "+1", "1.", "2026-01-31", "True"} {
		denyByNotation(t, "what_only_yaml_reads_so_is_refused/"+number, inKeys+`
      jwks:
        keys:
          - {kty: EC, kid: `+number+`}             #! issuers[0].keys.jwks.keys[0].kid: jwks.keys[0].kid is …
`)
	}
}

func TestJWKSIsHandedOnAsTheJSONThatItLooksLike(t *testing.T) {
	c := expectFaults(t, inKeys+`
      jwks:
        keys:
          - kty: RSA
            n: 'sXch/&<>"\'
            e: AQAB
            kid: "7"
            key_ops: [verify]
            ext: true
            x-version: 7
            x-share: -1.5e3
            "https://example.com/ä": yes
`)
	equal(t, "JWKS", string(c.Issuers[0].Keys.JWKS), `{"keys":[{"kty":"RSA","n":"sXch/\u0026\u003c\u003e\"\\",`+
		`"e":"AQAB","kid":"7","key_ops":["verify"],"ext":true,"x-version":7,"x-share":-1.5e3,"https://example.com/ä":"yes"}]}`)
}

func TestKeysAreZeroWhereNoneAreNeeded(t *testing.T) {
	c := expectFaults(t, inClient+`
    authentication: none
    grants: [`+jwtBearer+`]
`)
	if !c.Clients[0].Keys.IsZero() {
		t.Errorf("Keys = %+v, want none", c.Clients[0].Keys)
	}
}
