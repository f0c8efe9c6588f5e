package config_test

import (
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/config"
)

const kmsKey = "projects/acme/locations/europe-west1/keyRings/auth/cryptoKeys/signing"

const withoutSigningKeys = `
issuer: https://auth.example.com
resources: [{id: https://api.example.com, scopes: [read]}]
`

func TestSigningKeys(t *testing.T) {
	allow(t, "a_secret", withoutSigningKeys+`signing_keys: {secret: projects/acme/secrets/keys}`)
	allow(t, "a_directory", withoutSigningKeys+`signing_keys: {directory: ./keys}`)
	allow(t, "a_key_in_kms", withoutSigningKeys+`signing_keys: {kms: `+kmsKey+`}`)
	for _, algorithm := range []string{
		"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA",
	} {
		allow(t, algorithm, withoutSigningKeys+`signing_keys: {directory: ./keys, algorithm: `+algorithm+`}`)
	}

	denyByForm(t, "no_signing_keys_are_refused", `
issuer: https://auth.example.com         #! signing_keys: signing_keys is missing
resources: [{id: https://api.example.com, scopes: [read]}]
`)
	denyByForm(t, "no_place_of_keys_is_refused", withoutSigningKeys+`
signing_keys: {algorithm: ES256}         #! signing_keys: signing_keys has none of secret, directory, kms; give exactly one
`)
	denyByForm(t, "both_secret_and_directory_are_refused", withoutSigningKeys+`
signing_keys:                            #! signing_keys: signing_keys has secret and directory; give exactly one of them
  directory: ./keys
  secret: projects/acme/secrets/keys
`)
	denyByForm(t, "both_secret_and_kms_are_refused", withoutSigningKeys+`
signing_keys:                            #! signing_keys: signing_keys has secret and kms; give exactly one of them
  secret: projects/acme/secrets/keys
  kms: `+kmsKey+`
`)
	denyByForm(t, "all_three_are_refused", withoutSigningKeys+`
signing_keys:                            #! signing_keys: signing_keys has secret and directory and kms; give exactly one of them
  secret: projects/acme/secrets/keys
  kms: `+kmsKey+`
  directory: ./keys
`)
	denyByForm(t, "a_shared_secret_algorithm_is_refused", withoutSigningKeys+`
signing_keys:
  directory: ./keys
  algorithm: HS256                       #! signing_keys.algorithm: algorithm is "HS256"; use one of ES256, …
`)
	denyByForm(t, "the_algorithm_none_is_refused", withoutSigningKeys+`
signing_keys: {directory: ./keys, algorithm: none}  #! signing_keys.algorithm: algorithm is "none"; use one of ES256, …
`)
	denyByForm(t, "an_algorithm_in_lower_case_is_refused", withoutSigningKeys+`
signing_keys: {directory: ./keys, algorithm: es256} #! signing_keys.algorithm: algorithm is "es256"; use one of ES256, …
`)
	for _, name := range []string{
		"keys", "projects/acme/secrets/", "projects//secrets/keys", "secrets/keys", "projects/acme/secrets/keys/versions/1",
		"projects/acme/secrets/keys/versions/latest", "/projects/acme/secrets/keys", "x/projects/acme/secrets/keys",
		"projects/acme/secrets/a b", `projects/acme/secrets/keys\n`,
	} {
		denyByForm(t, "what_is_no_name_of_a_secret_is_refused/"+name, withoutSigningKeys+`
signing_keys: {secret: "`+name+`"}       #! signing_keys.secret: secret is not the name of a secret; write projects/PROJECT/secrets/SECRET, …
`)
	}
	denyByForm(t, "keys_that_are_only_published_are_refused_where_tokens_are_signed", withoutSigningKeys+`
signing_keys:
  directory: ./keys
  publish_only: false                    #! signing_keys.publish_only: publish_only is not a field here; the fields are secret, public_keys, directory, kms, algorithm, jwks_max_age, refresh_interval, additional
`)
	denyByForm(t, "a_directory_with_a_line_break_is_refused", withoutSigningKeys+`
signing_keys: {directory: "keys\n"}      #! signing_keys.directory: directory has control characters or line breaks; …
`)
}

func TestKeyInKMS(t *testing.T) {
	for _, name := range []string{
		"signing", "projects/acme/secrets/keys", kmsKey + "/cryptoKeyVersions/1", kmsKey + "/", "/" + kmsKey,
		"https://cloudkms.googleapis.com/v1/" + kmsKey, "gcp-kms://" + kmsKey, kmsKey + `\n`, kmsKey + " 1",
		"projects/acme/locations/europe-west1/keyRings/auth",
		"projects/acme/locations/europe-west1/keyRings/auth/cryptoKeys/",
		"projects/acme/locations//keyRings/auth/cryptoKeys/signing",
		"projects/acme/keyRings/auth/cryptoKeys/signing",
		"projects/acme/locations/europe-west1/keyrings/auth/cryptokeys/signing",
	} {
		denyByForm(t, "what_is_no_name_of_a_key_is_refused/"+name, withoutSigningKeys+`
signing_keys: {kms: "`+name+`"}          #! signing_keys.kms: kms is not the name of a key in Cloud KMS; write projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY, …
`)
	}
	for _, algorithm := range []string{"ES512", "PS384", "RS384", "HS256", "ES256K", "EC_SIGN_P256_SHA256", "none"} {
		denyByForm(t, "an_algorithm_that_kms_does_not_have_is_refused/"+algorithm, withoutSigningKeys+`
signing_keys:
  algorithm: `+algorithm+`               #! signing_keys.algorithm: algorithm is "`+algorithm+`", which is not for a key in Cloud KMS; use one of ES256, ES384, RS256, RS512, PS256, PS512, EdDSA
  kms: `+kmsKey+`
`)
		denyByForm(t, "and_so_it_is_in_an_additional_ring/"+algorithm, withoutSigningKeys+`
signing_keys:
  directory: ./keys
  additional:
    - kms: `+kmsKey+`
      publish_only: true
      algorithm: `+algorithm+`           #! signing_keys.additional[0].algorithm: algorithm is "`+algorithm+`", which is not for a key in Cloud KMS; …
`)
	}
	for _, algorithm := range []string{"ES256", "ES384", "RS256", "RS512", "PS256", "PS512", "EdDSA"} {
		allow(t, algorithm, withoutSigningKeys+`signing_keys: {kms: `+kmsKey+`, algorithm: `+algorithm+`}`)
	}
}

func TestClockOfTheRings(t *testing.T) {
	const rest = withoutSigningKeys + `signing_keys:
  secret: projects/acme/secrets/keys
`
	for written, bounds := range map[string]string{
		"jwks_max_age: 0s":           "1s at least and 24h at most",
		"jwks_max_age: 24h1s":        "1s at least and 24h at most",
		"refresh_interval: 0s":       "1s at least and 1h at most",
		"refresh_interval: 1h0m1s":   "1s at least and 1h at most",
		"refresh_interval: 8760h":    "1s at least and 1h at most",
		"jwks_max_age: 99999999999h": "1s at least and 24h at most",
	} {
		name, value, _ := strings.Cut(written, ": ")
		denyByMeaning(t, written+"_is_refused", rest+`
  `+written+`            #! signing_keys.`+name+`: `+name+` is "`+value+`"; it can be `+bounds+`
`)
	}
	for _, name := range []string{"jwks_max_age", "refresh_interval"} {
		denyByForm(t, name+"_without_unit_is_refused", rest+`
  `+name+`: 300          #! signing_keys.`+name+`: `+name+` is not a duration; …
`)
		denyByForm(t, name+"_of_an_additional_ring_is_refused", rest+`
  additional:
    - directory: ./old
      algorithm: RS256
      publish_only: true
      `+name+`: 1m       #! signing_keys.additional[0].`+name+`: `+name+` is not a field here; the fields are secret, public_keys, directory, kms, algorithm, publish_only
`)
	}
	allow(t, "the_shortest", rest+`
  jwks_max_age: 1s
  refresh_interval: 1s
`)
	allow(t, "the_longest", rest+`
  jwks_max_age: 24h
  refresh_interval: 1h
`)
}

// inRings is a document up to its additional rings. The first ring signs with ES256.
const inRings = `issuer: https://auth.example.com
resources: [{id: https://api.example.com, scopes: [read]}]
signing_keys:
  secret: projects/acme/secrets/keys
  additional:
`

func TestAdditionalRing(t *testing.T) {
	withoutList := strings.TrimSuffix(inRings, "\n")
	denyByForm(t, "an_empty_list_is_refused", withoutList+` []                                  #! signing_keys.additional: additional is empty; list at least one
`)
	denyByForm(t, "one_ring_instead_of_a_list_is_refused", withoutList+` {directory: ./old, algorithm: RS256}  #! signing_keys.additional: additional is a mapping; write a list
`)
	denyByForm(t, "text_is_refused", inRings+`
    - projects/acme/secrets/rs256        #! signing_keys.additional[0]: additional[0] is text; write a mapping of fields
`)
	denyByForm(t, "a_ring_without_algorithm_is_refused", inRings+`
    - secret: projects/acme/secrets/rs256          #! signing_keys.additional[0].algorithm: algorithm is missing: it says which of the rings this is
`)
	denyByForm(t, "a_published_ring_without_algorithm_is_refused", inRings+`
    - publish_only: true                 #! signing_keys.additional[0].algorithm: algorithm is missing: …
      directory: ./old
`)
	denyByForm(t, "a_shared_secret_algorithm_is_refused", inRings+`
    - secret: projects/acme/secrets/rs256
      algorithm: HS256                   #! signing_keys.additional[0].algorithm: algorithm is "HS256"; use one of ES256, …
`)
	denyByForm(t, "a_ring_without_keys_is_refused", inRings+`
    - algorithm: RS256                   #! signing_keys.additional[0]: additional[0] has none of secret, directory, kms; give exactly one
`)
	denyByForm(t, "a_ring_of_two_places_is_refused", inRings+`
    - directory: ./old                   #! signing_keys.additional[0]: additional[0] has directory and kms; give exactly one of them
      algorithm: RS256
      kms: `+kmsKey+`
`)
	denyByForm(t, "rings_within_a_ring_are_refused", inRings+`
    - directory: ./old
      algorithm: RS256
      additional: [{directory: ./older, algorithm: RS512}]   #! signing_keys.additional[0].additional: additional is not a field here; …
`)
	denyByForm(t, "publish_only_that_is_text_is_refused", inRings+`
    - directory: ./old
      algorithm: RS256
      publish_only: "true"               #! signing_keys.additional[0].publish_only: publish_only is text; write true or false
`)
	denyByForm(t, "a_misspelt_publish_only_is_refused", inRings+`
    - directory: ./old
      algorithm: RS256
      published_only: true               #! signing_keys.additional[0].published_only: published_only is not a field here; did you mean publish_only?
`)

	allow(t, "a_secret", inRings+`    - {secret: projects/acme/secrets/rs256, algorithm: RS256}`)
	allow(t, "a_directory", inRings+`    - {directory: ./rs256, algorithm: RS256}`)
	allow(t, "a_key_in_kms", inRings+`    - {kms: `+kmsKey+`, algorithm: RS256}`)
	allow(t, "one_for_each_algorithm", inRings+`
    - {directory: "1", algorithm: ES384}
    - {directory: "2", algorithm: ES512}
    - {directory: "3", algorithm: PS256}
    - {directory: "4", algorithm: EdDSA}
`)
}

func TestTwoRingsDoNotSignWithOneAlgorithm(t *testing.T) {
	denyByMeaning(t, "that_of_the_first_ring_which_is_the_default", inRings+`
    - secret: projects/acme/secrets/es256
      algorithm: ES256                   #! signing_keys.additional[0].algorithm: algorithm is "ES256", with which signing_keys on line 3 signs already; name another, or write publish_only: true
`)
	withEdDSA := strings.Replace(inRings, "  additional", "  algorithm: EdDSA\n  additional", 1)
	denyByMeaning(t, "that_of_the_first_ring_which_is_written", withEdDSA+`
    - secret: projects/acme/secrets/es256
      algorithm: EdDSA                   #! signing_keys.additional[0].algorithm: algorithm is "EdDSA", with which signing_keys on line 3 signs already; …
      publish_only: false
`)
	denyByMeaning(t, "that_of_another_additional_ring", inRings+`
    - {directory: ./a, algorithm: RS256}
    - {directory: ./b, algorithm: ES256, publish_only: true}
    - directory: ./c
      algorithm: RS256                   #! signing_keys.additional[2].algorithm: algorithm is "RS256", with which signing_keys.additional[0] on line 7 signs already; …
`)
	allow(t, "unless_one_is_only_published", inRings+`
    - {directory: ./a, algorithm: ES256, publish_only: true}
    - {directory: ./b, algorithm: ES256, publish_only: true}
    - {directory: ./c, algorithm: RS256, publish_only: true}
    - {directory: ./d, algorithm: RS256}
`)
}

func TestKeysAreInOneRing(t *testing.T) {
	denyByMeaning(t, "the_first_rings_secret", inRings+`
    - secret: projects/acme/secrets/keys #! signing_keys.additional[0].secret: secret is "projects/acme/secrets/keys", which signing_keys.secret on line 4 is already; each ring has keys of its own
      algorithm: RS256
`)
	denyByMeaning(t, "the_first_rings_secret_only_published", inRings+`
    - secret: projects/acme/secrets/keys #! signing_keys.additional[0].secret: secret is "projects/acme/secrets/keys", which signing_keys.secret on line 4 is already; …
      algorithm: RS256
      publish_only: true
`)
	denyByMeaning(t, "another_rings_key_in_kms", inRings+`
    - {kms: `+kmsKey+`, algorithm: RS256}
    - kms: `+kmsKey+`     #! signing_keys.additional[1].kms: kms is "`+kmsKey+`", which signing_keys.additional[0].kms on line 7 is already; …
      algorithm: PS256
`)
	for _, other := range []string{"./old", "old", "old/", "./new/../old", ".//old/."} {
		denyByMeaning(t, "another_rings_directory/"+other, inRings+`
    - {directory: ./old, algorithm: RS256}
    - directory: `+other+`               #! signing_keys.additional[1].directory: directory is "`+other+`", which signing_keys.additional[0].directory on line 7 is already; …
      algorithm: PS256
`)
	}
	allow(t, "a_secret_and_a_directory_of_one_name_are_two_places", inRings+`
    - {directory: projects/acme/secrets/keys, algorithm: RS256}
`)
	allow(t, "a_directory_within_another_is_another", inRings+`
    - {directory: ./keys, algorithm: RS256}
    - {directory: ./keys/old, algorithm: PS256}
`)
}

func TestPublicHalves(t *testing.T) {
	const halves = "public_keys: projects/acme/secrets/halves"
	allow(t, "of_every_ring", withoutSigningKeys+`
signing_keys:
  secret: projects/acme/secrets/keys
  `+halves+`
  additional:
    - {secret: projects/acme/secrets/rs256, public_keys: projects/acme/secrets/other-halves, algorithm: RS256, publish_only: true}
`)
	for _, elsewhere := range []string{"directory: ./keys", "kms: " + kmsKey} {
		denyByForm(t, "of_keys_that_are_in_no_secret/"+elsewhere, withoutSigningKeys+`
signing_keys:
  `+elsewhere+`
  `+halves+` #! signing_keys.public_keys: public_keys does not belong here: it goes with secret: …
`)
	}
	denyByForm(t, "in_what_is_no_secret", withoutSigningKeys+`
signing_keys:
  secret: projects/acme/secrets/keys
  public_keys: ./halves                  #! signing_keys.public_keys: public_keys is not the name of a secret; …
`)
	denyByMeaning(t, "beside_the_private_ones", withoutSigningKeys+`
signing_keys:
  secret: projects/acme/secrets/keys
  public_keys: projects/acme/secrets/keys #! signing_keys.public_keys: public_keys is "projects/acme/secrets/keys", which signing_keys.secret on line 6 is already; …
`)
	denyByMeaning(t, "of_two_rings_in_one_secret", withoutSigningKeys+`
signing_keys:
  secret: projects/acme/secrets/keys
  `+halves+`
  additional:
    - secret: projects/acme/secrets/rs256
      `+halves+` #! signing_keys.additional[0].public_keys: public_keys is "projects/acme/secrets/halves", which signing_keys.public_keys on line 7 is already; …
      algorithm: RS256
`)
	denyByMeaning(t, "shared_with_an_api", withoutSigningKeys+`
signing_keys:
  secret: projects/acme/secrets/keys
  `+halves+`
clients:
  - id: batch
    authentication: client_secret_jwt
    keys:
      algorithm: HS256
      shared_secret: projects/acme/secrets/halves  #! clients[0].keys.shared_secret: shared_secret is what signing_keys.public_keys on line 7 is; …
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
}

// Whoever shares a secret with us has it, and with a signing key could make every token.
func TestASigningKeyIsNotShared(t *testing.T) {
	const problem = "is what signing_keys.additional[0].secret on line 6 is; share another secret: " +
		"whoever has this one can sign every token"
	denyByMeaning(t, "with_an_api", prelude+`
    access_tokens:
      algorithm: HS256
      shared_secret: projects/acme/secrets/keys    #! resources[0].access_tokens.shared_secret: shared_secret is what signing_keys.secret on line 2 is; …
`)
	const rings = inRings + `    - {secret: projects/acme/secrets/rs256, algorithm: RS256, publish_only: true}
`
	denyByMeaning(t, "with_a_client", rings+`
clients:
  - id: batch
    authentication: client_secret_jwt
    keys:
      algorithm: HS256
      shared_secret: projects/acme/secrets/rs256   #! clients[0].keys.shared_secret: shared_secret `+problem+`
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	denyByMeaning(t, "with_an_issuer", rings+`
issuers:
  - issuer: https://idp.example.com
    keys:
      algorithm: HS256
      shared_secret: projects/acme/secrets/rs256   #! issuers[0].keys.shared_secret: shared_secret `+problem+`
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
}

func TestResourceNamesARingThatSigns(t *testing.T) {
	denyByMeaning(t, "an_algorithm_that_no_ring_has_is_refused", prelude+`
    access_tokens: {algorithm: RS256}    #! resources[0].access_tokens.algorithm: algorithm is "RS256", which no ring of signing keys signs with; use one of ES256, or add a ring to signing_keys.additional
`)
	const document = `issuer: https://auth.example.com
signing_keys:
  secret: projects/acme/secrets/keys
  algorithm: EdDSA
  additional:
    - {directory: ./rs256, algorithm: RS256}
    - {directory: ./old, algorithm: ES256, publish_only: true}
resources:
  - id: https://api.example.com
    scopes: [read]
`
	denyByMeaning(t, "an_algorithm_of_a_ring_that_is_only_published_is_refused", document+`
    access_tokens: {algorithm: ES256}    #! resources[0].access_tokens.algorithm: algorithm is "ES256", which no ring of signing keys signs with; use one of RS256, EdDSA, or add …
`)
	denyByMeaning(t, "an_algorithm_of_the_same_family_is_refused", document+`
    access_tokens: {algorithm: RS512}    #! resources[0].access_tokens.algorithm: algorithm is "RS512", which no ring …
`)
	denyByForm(t, "a_shared_secret_beside_the_algorithm_of_a_ring_is_refused", document+`
    access_tokens:
      algorithm: RS256
      shared_secret: projects/acme/secrets/hmac    #! resources[0].access_tokens.shared_secret: shared_secret does not belong here: it goes with HS256, HS384, HS512
`)
	for _, algorithm := range []string{"RS256", "EdDSA"} {
		named := document + "    access_tokens: {algorithm: " + algorithm + "}"
		allow(t, algorithm, named)
		equal(t, "access tokens", expectFaults(t, named).Resources[0].AccessTokens,
			config.ResourceAccessToken{At: at(11, "resources[0].access_tokens"), Algorithm: algorithm})
	}
	allow(t, "the_default_of_the_first_ring", prelude+"    access_tokens: {algorithm: ES256}")
}

// Which algorithms there are is not known where one of them could not be read.
func TestAFaultyRingIsNotReportedAtEveryResource(t *testing.T) {
	const resource = `
resources:
  - id: https://api.example.com
    scopes: [read]
    access_tokens: {algorithm: RS256}
`
	denyByForm(t, "no_signing_keys", `issuer: https://auth.example.com    #! signing_keys: signing_keys is missing`+resource)
	denyByForm(t, "signing_keys_that_are_text", `issuer: https://auth.example.com
signing_keys: RS256          #! signing_keys: signing_keys is text; …`+resource)
	denyByForm(t, "a_first_ring", `issuer: https://auth.example.com
signing_keys:
  directory: ./keys
  algorithm: RS-256          #! signing_keys.algorithm: algorithm is "RS-256"; use one of ES256, …`+resource)
	const additional = `issuer: https://auth.example.com
signing_keys:
  directory: ./keys
  additional:`
	denyByForm(t, "additional_rings_that_are_text", additional+` RS256      #! signing_keys.additional: additional is text; write a list`+resource)
	denyByForm(t, "an_additional_ring_that_is_text", additional+`
    - RS256                  #! signing_keys.additional[0]: additional[0] is text; …`+resource)
	denyByForm(t, "an_additional_ring_without_algorithm", additional+`
    - directory: ./rs256     #! signing_keys.additional[0].algorithm: algorithm is missing: …`+resource)
	denyByForm(t, "an_additional_ring_with_another_fault", additional+`
    - algorithm: RS256       #! signing_keys.additional[0]: additional[0] has none of secret, …`+resource)

	denyByForm(t, "but_one_that_signs_nothing_is_none_to_wait_for", additional+`
    - {directory: ./old, algorithm: RS-256, publish_only: true}  #! signing_keys.additional[0].algorithm: algorithm is "RS-256"; …`+
		strings.Replace(resource, "{algorithm: RS256}", `{algorithm: RS256}    #! resources[0].access_tokens.algorithm: algorithm is "RS256", which no ring …`, 1))
}

func TestRingsAreHandedOnInTheirOrder(t *testing.T) {
	c := expectFaults(t, `
issuer: https://auth.example.com
resources: [{id: https://api.example.com, scopes: [read]}]
signing_keys:
  kms: `+kmsKey+`
  jwks_max_age: 10m
  refresh_interval: 30s
  additional:
    - {directory: ./rs256, algorithm: RS256}
    - {kms: `+kmsKey+`-before, algorithm: PS512, publish_only: true}
`)
	equal(t, "signing keys", c.SigningKeys, config.SigningKeys{
		KeyRing:         config.KeyRing{At: at(4, "signing_keys"), KMS: kmsKey, Algorithm: "ES256"},
		JWKSMaxAge:      10 * time.Minute,
		RefreshInterval: 30 * time.Second,
		Additional: []config.KeyRing{
			{At: at(9, "signing_keys.additional[0]"), Directory: "./rs256", Algorithm: "RS256"},
			{At: at(10, "signing_keys.additional[1]"), KMS: kmsKey + "-before", Algorithm: "PS512", PublishOnly: true},
		},
	})
}
