package config_test

import (
	"strings"
	"testing"
)

const (
	bcryptHash   = `$2b$10$irJafH76pkVUsJx9y9IuJe4bMCurhNQ.bxqomkuZ3VHKeMqcnZ5/e`
	argon2idHash = `$argon2id$v=19$m=65536,t=1,p=2$3404cvVNvmO+o6ETDM9pOg$3vohnQMnA884DsFYPOnIWfGiCNYEIA5RMEkSoBBYOkQ`
	jwtBearer    = `"urn:ietf:params:oauth:grant-type:jwt-bearer"`
)

func TestClient(t *testing.T) {
	allow(t, "private_key_jwt", inClient+`
    authentication: private_key_jwt
    keys: {file: batch.pem}
    grants: [client_credentials]
`)
	allow(t, "client_secret_jwt", inClient+`
    authentication: client_secret_jwt
    keys: {shared_secret: projects/acme/secrets/hmac, algorithm: HS256}
    client_assertion: {audience: https://auth.example.com/token}
    grants: [client_credentials]
`)
	allow(t, "client_secret_basic", inClient+`
    authentication: client_secret_basic
    secrets: ["`+argon2idHash+`"]
    grants: [client_credentials]
`)
	allow(t, "client_secret_post_with_two_secrets", inClient+`
    authentication: client_secret_post
    secrets: ["`+argon2idHash+`", "`+bcryptHash+`"]
    grants: [client_credentials]
`)
	allow(t, "none_that_asserts_for_itself", inClient+`
    authentication: none
    keys: {file: batch.pem}
    grants: [`+jwtBearer+`]
    assertion: {subject: issuer}
`)
	allow(t, "none_that_brings_the_assertions_of_others", prelude+`
clients:
  - id: batch
    authentication: none
    grants: [`+jwtBearer+`]
`)
	allow(t, "client_secret_basic_that_asserts_for_itself", inClient+`
    authentication: client_secret_basic
    secrets: ["`+bcryptHash+`"]
    keys: {file: batch.pem}
    grants: [client_credentials, `+jwtBearer+`]
`)
	allow(t, "an_id_of_every_printable_character",
		strings.Replace(inClient, "id: batch", `id: " !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_az{|}~"`, 1)+`
    authentication: none
    grants: [`+jwtBearer+`]
`)
}

func TestClientWithoutWhatEveryClientNeedsIsRefused(t *testing.T) {
	denyByForm(t, "no_clients", prelude+`
clients: []                              #! clients: clients is empty; list at least one
`)
	denyByForm(t, "nothing_but_an_id", prelude+`
clients:
  - id: batch                            #! clients[0].authentication: authentication is missing #! clients[0].grants: grants is missing: without one, and without introspects, the client can do nothing #! clients[0].allow: allow is missing: no rule, no token
`)
	denyByForm(t, "no_id", prelude+`
clients:
  - authentication: none                 #! clients[0].id: id is missing
    grants: [`+jwtBearer+`]
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	denyByForm(t, "an_empty_id", strings.Replace(inClient, "id: batch", `id: ""   #! clients[0].id: id is empty; give it a value`, 1)+`
    authentication: none
    grants: [`+jwtBearer+`]
`)
	denyByForm(t, "an_id_beyond_ascii", strings.Replace(inClient, "id: batch", `id: bätch #! clients[0].id: id is "bätch"; use printable ASCII …`, 1)+`
    authentication: none
    grants: [`+jwtBearer+`]
`)
	denyByForm(t, "an_id_with_a_line_break", strings.Replace(inClient, "id: batch", `id: "a\nb"  #! clients[0].id: id is "a\nb"; use printable ASCII …`, 1)+`
    authentication: none
    grants: [`+jwtBearer+`]
`)
	denyByForm(t, "no_rule", prelude+`
clients:
  - id: batch                            #! clients[0].allow: allow is missing: no rule, no token
    authentication: none
    keys: {file: batch.pem}
    grants: [`+jwtBearer+`]
`)
	denyByForm(t, "an_empty_list_of_rules", prelude+`
clients:
  - id: batch
    authentication: none
    grants: [`+jwtBearer+`]
    allow: []                            #! clients[0].allow: allow is empty; list at least one
`)
	denyByForm(t, "no_grant", inClient+`
    authentication: private_key_jwt
    keys: {file: batch.pem}
    grants: []                           #! clients[0].grants: grants is empty; list at least one
`)
	denyByForm(t, "a_grant_that_does_not_exist", inClient+`
    authentication: private_key_jwt
    keys: {file: batch.pem}
    grants: [refresh_token]              #! clients[0].grants[0]: grants[0] is "refresh_token"; use one of client_credentials, …
`)
	denyByForm(t, "a_grant_listed_twice", inClient+`
    authentication: private_key_jwt
    keys: {file: batch.pem}
    grants: [client_credentials, client_credentials]     #! clients[0].grants[1]: grants[1] is "client_credentials" again; list it once
`)
	denyByForm(t, "a_method_that_does_not_exist", inClient+`
    authentication: tls_client           #! clients[0].authentication: authentication is "tls_client"; use one of private_key_jwt, …
    grants: [client_credentials]
`)
	denyByForm(t, "two_methods", inClient+`
    authentication: [none, private_key_jwt]    #! clients[0].authentication: authentication is a list; write text
    grants: [client_credentials]
`)
	denyByForm(t, "a_misspelt_field", inClient+`
    authentication: none
    grants: [`+jwtBearer+`]
    disable: true                        #! clients[0].disable: disable is not a field here; did you mean disabled?
`)
}

func TestClientThatBearsATakenNameIsRefused(t *testing.T) {
	const another = `
    authentication: none
    grants: [` + jwtBearer + `]
  - authentication: none
    grants: [` + jwtBearer + `]
    allow: [{resource: https://api.example.com, scopes: [read]}]
`
	denyByMeaning(t, "another_clients_id", inClient+another+`
    id: batch                            #! clients[1].id: id is "batch", which clients[0].id on line 7 is already; a name means one thing
`)
	denyByMeaning(t, "this_services_name", inClient+another+`
    id: https://auth.example.com         #! clients[1].id: id is "https://auth.example.com", which issuer on line 1 is already; …
`)
}

// batch returns a document with one client of these fields. Its own line states a fault, if there is one.
func batch(fault, fields string) string {
	return prelude + `
clients:
  - id: batch        ` + fault + `
    allow: [{resource: https://api.example.com, scopes: [read]}]` + fields
}

func TestClientWithoutWhatItsMethodNeedsIsRefused(t *testing.T) {
	denyByMeaning(t, "private_key_jwt_without_keys",
		batch("#! clients[0].keys: keys is missing: private_key_jwt verifies the client's assertions with them", `
    authentication: private_key_jwt
    grants: [client_credentials]
`))
	denyByMeaning(t, "private_key_jwt_with_a_shared_secret", batch("", `
    authentication: private_key_jwt
    keys:
      shared_secret: projects/acme/secrets/hmac    #! clients[0].keys.shared_secret: shared_secret does not belong here: private_key_jwt needs public keys: …
      algorithm: HS256
    grants: [client_credentials]
`))
	denyByMeaning(t, "client_secret_jwt_without_keys",
		batch("#! clients[0].keys: keys is missing: client_secret_jwt verifies the client's assertions with them", `
    authentication: client_secret_jwt
    grants: [client_credentials]
`))
	denyByMeaning(t, "client_secret_jwt_with_public_keys", batch("", `
    authentication: client_secret_jwt
    keys: {file: batch.pem}              #! clients[0].keys.shared_secret: shared_secret is missing: client_secret_jwt has no other key
    grants: [client_credentials]
`))
	denyByMeaning(t, "client_secret_jwt_with_an_asymmetric_algorithm", batch("", `
    authentication: client_secret_jwt
    keys:
      shared_secret: projects/acme/secrets/hmac
      algorithm: RS256                   #! clients[0].keys.algorithm: algorithm is "RS256", which is not for a shared secret; …
    grants: [client_credentials]
`))
	denyByMeaning(t, "private_key_jwt_that_asserts_for_itself_without_keys",
		batch("#! clients[0].keys: keys is missing: private_key_jwt verifies the client's assertions with them", `
    authentication: private_key_jwt
    grants: [`+jwtBearer+`]
    assertion: {jti: required}
`))
	denyByMeaning(t, "client_secret_basic_without_secrets",
		batch("#! clients[0].secrets: secrets is missing: client_secret_basic compares the client's secret with these hashes", `
    authentication: client_secret_basic
    grants: [client_credentials]
`))
	denyByMeaning(t, "client_secret_post_without_secrets",
		batch("#! clients[0].secrets: secrets is missing: client_secret_post compares …", `
    authentication: client_secret_post
    keys: {file: batch.pem}
    grants: [client_credentials, `+jwtBearer+`]
`))
	denyByMeaning(t, "none_with_client_credentials", batch("", `
    authentication: none
    grants: [`+jwtBearer+`, client_credentials]    #! clients[0].grants: grants has client_credentials, but a client without authentication can only have urn:ietf:params:oauth:grant-type:jwt-bearer
`))
	denyByMeaning(t, "an_assertion_of_its_own_without_keys",
		batch("#! clients[0].keys: keys is missing: they verify the assertions that the client makes for itself", `
    authentication: client_secret_basic
    secrets: ["`+bcryptHash+`"]
    grants: [`+jwtBearer+`]
    assertion: {jti: required}
`))
}

func TestClientWithFieldsThatItDoesNotUseIsRefused(t *testing.T) {
	for _, method := range []string{"private_key_jwt", "client_secret_jwt"} {
		keys := map[string]string{
			"private_key_jwt":   "{file: batch.pem}",
			"client_secret_jwt": "{shared_secret: projects/acme/secrets/hmac, algorithm: HS256}",
		}[method]
		denyByMeaning(t, method+"_with_secrets", batch("", `
    authentication: `+method+`
    keys: `+keys+`
    secrets: ["`+bcryptHash+`"]          #! clients[0].secrets: secrets does not belong here: `+method+` compares no secrets
    grants: [client_credentials]
`))
		denyByMeaning(t, method+"_with_an_assertion_and_without_its_grant", batch("", `
    authentication: `+method+`
    keys: `+keys+`
    grants: [client_credentials]
    assertion: {jti: required}           #! clients[0].assertion: assertion does not belong here: the client does not have the grant urn:…
`))
	}
	for _, method := range []string{"client_secret_basic", "client_secret_post"} {
		denyByMeaning(t, method+"_with_a_client_assertion", batch("", `
    authentication: `+method+`
    secrets: ["`+bcryptHash+`"]
    client_assertion: {jti: required}    #! clients[0].client_assertion: client_assertion does not belong here: `+method+` reads no client assertion
    grants: [client_credentials]
`))
		denyByMeaning(t, method+"_with_keys_that_verify_nothing", batch("", `
    authentication: `+method+`
    secrets: ["`+bcryptHash+`"]
    keys: {file: batch.pem}              #! clients[0].keys: keys does not belong here: nothing that the client may do is verified with them
    grants: [client_credentials]
`))
	}
	denyByMeaning(t, "none_with_secrets", batch("", `
    authentication: none
    secrets: ["`+bcryptHash+`"]          #! clients[0].secrets: secrets does not belong here: authentication is none
    grants: [`+jwtBearer+`]
`))
	denyByMeaning(t, "none_with_a_client_assertion", batch("", `
    authentication: none
    client_assertion: {jti: required}    #! clients[0].client_assertion: client_assertion does not belong here: authentication is none
    grants: [`+jwtBearer+`]
`))
}

func TestSecrets(t *testing.T) {
	for name, secret := range map[string]string{
		"the_secret_itself":             `correct-horse`,
		"a_sha_256_hash":                `9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08`,
		"an_argon2i_hash":               strings.Replace(argon2idHash, "argon2id", "argon2i", 1),
		"an_old_version_of_argon2":      strings.Replace(argon2idHash, "v=19", "v=16", 1),
		"an_argon2id_hash_without_salt": `$argon2id$v=19$m=65536,t=1,p=2$$3vohnQMnA884DsFYPOnIWfGiCNYEIA5RMEkSoBBYOkQ`,
		"an_unknown_kind_of_bcrypt":     strings.Replace(bcryptHash, "$2b$", "$2x$", 1),
		"a_truncated_bcrypt_hash":       bcryptHash[:59],
		"a_bcrypt_hash_and_more":        bcryptHash + "a",
		"a_bcrypt_hash_and_a_line_end":  bcryptHash + `\n`,
		"an_sha_512_crypt_hash":         `$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/`,
	} {
		denyByForm(t, name+"_is_refused", batch("", `
    authentication: client_secret_basic
    grants: [client_credentials]
    secrets:
      - "`+secret+`"                     #! clients[0].secrets[0]: secrets[0] is not the hash of a secret; write an argon2id hash …
`))
	}
	denyByForm(t, "an_empty_list_is_refused", batch("", `
    authentication: client_secret_basic
    grants: [client_credentials]
    secrets: []                          #! clients[0].secrets: secrets is empty; list at least one
`))
	denyByForm(t, "a_third_secret_is_refused", batch("", `
    authentication: client_secret_basic
    grants: [client_credentials]
    secrets:                             #! clients[0].secrets: secrets has 3 hashes; keep two at most, the current one and the next
      - "`+bcryptHash+`"
      - "`+bcryptHash+`"
      - "`+argon2idHash+`"
`))
}

func TestClientAssertion(t *testing.T) {
	const client = inClient + `
    authentication: private_key_jwt
    keys: {file: batch.pem}
    grants: [client_credentials]
`
	allow(t, "everything", client+`
    client_assertion: {audience: https://auth.example.com/token, max_lifetime: 1h, jti: optional}
`)
	denyByForm(t, "several_audiences_are_refused", client+`
    client_assertion:
      audience: [a, b]                   #! clients[0].client_assertion.audience: audience is a list; write text
`)
	denyByForm(t, "an_empty_audience_is_refused", client+`
    client_assertion: {audience: ""}     #! clients[0].client_assertion.audience: audience is empty; give it a value
`)
	denyByForm(t, "an_unknown_jti_is_refused", client+`
    client_assertion: {jti: false}       #! clients[0].client_assertion.jti: jti is a boolean; write it in quotes, so that it is text
`)
	denyByForm(t, "the_plural_that_a_grant_assertion_has_is_refused", client+`
    client_assertion: {audiences: [a]}   #! clients[0].client_assertion.audiences: audiences is not a field here; did you mean audience?
`)
	denyByMeaning(t, "a_lifetime_of_zero_is_refused", client+`
    client_assertion: {max_lifetime: 0s} #! clients[0].client_assertion.max_lifetime: max_lifetime is "0s"; it can be …
`)
}
