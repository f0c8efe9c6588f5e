package config_test

import (
	"strings"
	"testing"

	"example.com/countersign/internal/config"
)

// fapi2Client is a client that is held to the profile. Its fields go on where it leaves off.
const fapi2Client = `
clients:
  - id: bank
    profile: fapi2
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
    authentication: private_key_jwt
    keys: {file: bank.pem}
`

// everybody is a server that is held to the profile, at its end.
const everybody = prelude + "profile: fapi2\n"

func TestFAPI2(t *testing.T) {
	allow(t, "a_client", prelude+fapi2Client)
	allow(t, "a_server", everybody+strings.Replace(fapi2Client, "    profile: fapi2\n", "", 1))
	allow(t, "both", everybody+fapi2Client)
	allow(t, "a_certificate_of_its_own", withProxy+strings.Replace(fapi2Client, "private_key_jwt", "self_signed_tls_client_auth", 1))
	allow(t, "a_strict_assertion", prelude+fapi2Client+`
    client_assertion: {jti: required, max_lifetime: 1h, audience: https://auth.example.com}
`)
	for _, algorithm := range []string{"ES256", "PS256", "EdDSA"} {
		allow(t, "keys_for_"+algorithm, prelude+strings.Replace(fapi2Client, "bank.pem", "bank.pem, algorithm: "+algorithm, 1))
		allow(t, "tokens_of_"+algorithm, strings.Replace(everybody, "keys}", "keys, algorithm: "+algorithm+"}", 1))
	}
	allow(t, "clocks_that_are_off_by_ten_seconds", everybody+`clock_skew: 10s`)
	allow(t, "an_issuer_that_is_brought_by_a_client", everybody+`
issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.pem, algorithm: PS256}
    client: authenticated
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	allow(t, "another_client_that_is_weaker", prelude+fapi2Client+`
  - id: other
    authentication: client_secret_basic
    secrets: ["`+bcryptHash+`"]
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	allow(t, "a_ring_that_signs_nothing", inRings+
		`    - {directory: ./rs256, algorithm: RS256, publish_only: true}
profile: fapi2
`)

	for _, profile := range []string{"fapi", "FAPI2", "fapi2-message-signing", "none"} {
		denyByForm(t, "another_profile_is_refused/"+profile, prelude+`
profile: `+profile+`                     #! profile: profile is "`+profile+`"; write fapi2, or leave it out
`)
	}
	denyByForm(t, "a_flag_is_refused", strings.Replace(prelude+fapi2Client, "profile: fapi2", "profile: true  #! clients[0].profile: profile is a boolean; …", 1))
	denyByForm(t, "an_issuer_has_no_profile", inIssuer+`
    profile: fapi2                       #! issuers[0].profile: profile is "fapi2"; write id-jag, or leave it out
`)
}

// held runs a test of a client that is held to the profile by itself, and of one that is as the whole server is.
func held(t *testing.T, name, rest string) {
	t.Helper()
	denyByMeaning(t, name+"/a_client", prelude+rest)
	denyByMeaning(t, name+"/a_server", everybody+strings.Replace(rest, "    profile: fapi2\n", "", 1))
}

func TestFAPI2RefusesAClientThatIsWeaker(t *testing.T) {
	const does = ", which the profile fapi2 does not have; use one of "
	for method, field := range map[string]string{
		"client_secret_basic": `secrets: ["` + bcryptHash + `"]`,
		"client_secret_post":  `secrets: ["` + bcryptHash + `"]`,
		"client_secret_jwt":   "keys: {shared_secret: projects/acme/secrets/hmac, algorithm: HS256}",
	} {
		held(t, method, `
clients:
  - id: bank
    profile: fapi2
    authentication: `+method+`           #! clients[0].authentication: authentication is `+method+does+`private_key_jwt, tls_client_auth, self_signed_tls_client_auth (FAPI 2.0 §5.3.2.1)
    `+field+`
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	}
	held(t, "none", `
clients:
  - id: bank
    profile: fapi2
    authentication: none                 #! clients[0].authentication: authentication is none`+does+`private_key_jwt, …
    grants: [`+jwtBearer+`]
`)
	held(t, "an_audience", fapi2Client+`
    client_assertion:
      audience: https://auth.example.com/token    #! clients[0].client_assertion.audience: audience is another than the issuer identifier, …
`)
	held(t, "an_audience_with_an_end", fapi2Client+`
    client_assertion:
      audience: {value: https://auth.example.com/token, until: 2027-03-31}    #! clients[0].client_assertion.audience: audience is another …
`)
	held(t, "no_jti", fapi2Client+`
    client_assertion:
      jti: optional                      #! clients[0].client_assertion.jti: jti is optional, and under the profile fapi2 an assertion is good once; leave it out
`)
	held(t, "no_jti_until_a_day", fapi2Client+`
    client_assertion: {jti: {value: optional, until: 2027-03-31}}    #! clients[0].client_assertion.jti: jti is optional, …
`)
	for _, algorithm := range []string{"ES384", "ES512", "PS384", "PS512", "RS256", "RS384", "RS512"} {
		held(t, "keys_for_"+algorithm, strings.Replace(fapi2Client, "{file: bank.pem}", `
      file: bank.pem
      algorithm: `+algorithm+`           #! clients[0].keys.algorithm: algorithm is "`+algorithm+`"`+does+`ES256, PS256, EdDSA (FAPI 2.0 §5.4.1)`, 1))
	}
	denyByMeaning(t, "a_shared_secret_for_assertions_of_its_own", withProxy+`  ca_file: ca.pem
clients:
  - id: bank
    profile: fapi2
    authentication: tls_client_auth
    tls_client_auth_san_dns: bank
    keys: {shared_secret: projects/acme/secrets/hmac, algorithm: HS256}    #! clients[0].keys.algorithm: algorithm is "HS256"`+does+`ES256, …
    grants: [`+jwtBearer+`]
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
}

func TestFAPI2RefusesAServerThatIsWeaker(t *testing.T) {
	for _, skew := range []string{"0s", "9s"} {
		held(t, "clocks_that_must_agree/"+skew, fapi2Client+`
clock_skew: `+skew+`                     #! clock_skew: clock_skew is `+skew+`, and under the profile fapi2 it is 10s at least (FAPI 2.0 §5.3.2.1-13)
`)
	}
	const http = "is http, and the profile fapi2 has TLS everywhere (FAPI 2.0 §5.2.1)"
	local := func(document string) string {
		return strings.Replace(document, "issuer: https://auth.example.com\n", "issuer: http://localhost:8080   #! issuer: issuer "+http+"\n", 1)
	}
	denyByMeaning(t, "an_issuer_by_way_of_http/a_client", local(prelude+fapi2Client))
	denyByMeaning(t, "an_issuer_by_way_of_http/a_server", local(everybody))
	denyByMeaning(t, "an_endpoint_by_way_of_http", withProxy+`
  endpoint: http://localhost:8443        #! mutual_tls.endpoint: endpoint `+http+`
`+fapi2Client)

	for _, client := range []string{"optional", "identified"} {
		denyByMeaning(t, "an_issuer_that_anybody_brings/"+client, inIssuer+`
    client: `+client+`                   #! issuers[0].client: client is `+client+`, and the profile fapi2 knows clients that authenticate alone (FAPI 2.0 §5.3.2.1); write client: authenticated
profile: fapi2
`)
	}
	denyByMeaning(t, "an_issuer_that_says_nothing_of_the_client", strings.Replace(inIssuer, "idp.example.com",
		"idp.example.com    #! issuers[0].client: client is optional, and the profile fapi2 …", 1)+"profile: fapi2\n")
	denyByForm(t, "a_client_that_cannot_be_read_has_one_fault", inIssuer+`
    client: all                          #! issuers[0].client: client is "all"; use one of optional, …
profile: fapi2
`)
	denyByMeaning(t, "an_issuer_with_keys_for_another_algorithm", strings.Replace(inIssuer, "{file: idp.pem}",
		`{file: idp.pem, algorithm: RS256}    #! issuers[0].keys.algorithm: algorithm is "RS256", which the profile fapi2 does not have; …`, 1)+`
    client: authenticated
profile: fapi2
`)
	denyByMeaning(t, "an_issuer_with_a_shared_secret", inKeys+`
      {shared_secret: projects/acme/secrets/hmac, algorithm: HS256}    #! issuers[0].keys.algorithm: algorithm is "HS256", which …
    client: authenticated
profile: fapi2
`)
	denyByMeaning(t, "claims_in_the_answer", everybody+`
troubleshooting: {rec_token: true}       #! troubleshooting.rec_token: rec_token is on, and the profile fapi2 has no answer that repeats claims; leave it out
`)
}

func TestFAPI2RefusesSignaturesThatItDoesNotHave(t *testing.T) {
	const does = ", which the profile fapi2 does not have; use one of ES256, PS256, EdDSA (FAPI 2.0 §5.4.1)"
	for _, algorithm := range []string{"ES384", "RS256", "PS512"} {
		denyByMeaning(t, "of_the_first_ring/"+algorithm, strings.Replace(everybody, "keys}",
			"keys, algorithm: "+algorithm+`}    #! signing_keys.algorithm: algorithm is "`+algorithm+`"`+does, 1))
	}
	denyByMeaning(t, "of_another_ring", strings.Replace(inRings, "[read]", "[read], access_tokens: {algorithm: RS256}", 1)+`
    - directory: ./rs256
      algorithm: RS256                   #! signing_keys.additional[0].algorithm: algorithm is "RS256"`+does+`
profile: fapi2
`)
	denyByMeaning(t, "of_a_shared_secret", strings.Replace(everybody, "[read, write]", `[read, write]
    access_tokens:
      algorithm: HS256                   #! resources[0].access_tokens.algorithm: algorithm is "HS256"`+does+`
      shared_secret: projects/acme/secrets/hmac`, 1))

	const whose = `, whose tokens are signed with `
	denyByMeaning(t, "of_the_api_of_a_client", strings.Replace(prelude, "[read, write]", `[read, write]
    access_tokens: {algorithm: HS512, shared_secret: projects/acme/secrets/hmac}`, 1)+strings.Replace(fapi2Client, "[read]}]",
		`[read]}]    #! clients[0].allow[0].resource: resource is "https://api.example.com"`+whose+`HS512, which the profile fapi2 does not have (FAPI 2.0 §5.4.1)`, 1))
	denyByMeaning(t, "of_the_first_ring_for_a_client", strings.Replace(prelude, "keys}", "keys, algorithm: RS256}", 1)+
		strings.Replace(fapi2Client, "[read]}]", `[read]}]    #! clients[0].allow[0].resource: resource is "https://api.example.com"`+whose+`RS256, …`, 1))
	brings := strings.Replace(fapi2Client, "[client_credentials]", `[client_credentials, "urn:ietf:params:oauth:grant-type:jwt-bearer"]`, 1)
	vouched := strings.Replace(prelude, "resources:", `resources:
  - {id: "urn:other", scopes: [read], access_tokens: {algorithm: HS512, shared_secret: projects/acme/secrets/hmac}}`, 1) + "%s" + `
issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.pem}
    allow: [{resource: "urn:other", scopes: [read]}]`
	denyByMeaning(t, "of_an_api_that_an_issuer_vouches_for", strings.Replace(vouched, "%s", brings, 1)+
		`    #! issuers[0].allow[0].resource: resource is "urn:other"`+whose+"HS512, …\n")
	allow(t, "of_an_api_that_an_issuer_vouches_for_to_others", strings.Replace(vouched, "%s", fapi2Client, 1)+"\n")
	sealed := strings.Replace(prelude, "keys}", "keys, algorithm: RS256}\nopaque_tokens: {secret: projects/acme/secrets/opaque}", 1)
	allow(t, "of_the_first_ring_where_the_tokens_of_the_api_are_opaque", sealed+"    access_tokens: {format: opaque}\n"+fapi2Client)
	allow(t, "of_an_api_of_others", strings.Replace(prelude, "resources:", `resources:
  - {id: "urn:other", scopes: [read], access_tokens: {algorithm: HS512, shared_secret: projects/acme/secrets/hmac}}`, 1)+fapi2Client)
}

func TestWhoIsHeldToFAPI2(t *testing.T) {
	plain, bank := config.Client{ID: "plain"}, config.Client{ID: "bank", Profile: config.ProfileFAPI2}
	some, all := &config.Config{}, &config.Config{Profile: config.ProfileFAPI2}
	if some.FAPI2(plain) || !some.FAPI2(bank) || !all.FAPI2(plain) || !all.FAPI2(bank) {
		t.Error("a client is held to the profile by itself, or as the whole server is, and by nothing else")
	}
}
