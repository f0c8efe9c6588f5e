package config_test

import (
	"strings"
	"testing"
)

// clientNamed returns a document with one client of tls_client_auth and this field.
func clientNamed(field string) string {
	return withProxy + `  ca_file: ca.pem
clients:
  - id: batch
    authentication: tls_client_auth
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
    ` + field + "\n"
}

func TestCertificateName(t *testing.T) {
	allow(t, "a_subject", clientNamed(`tls_client_auth_subject_dn: 'CN=batch\, the first,OU="a"+O=Acme,C=CH'`))
	allow(t, "a_subject_beyond_ascii", clientNamed(`tls_client_auth_subject_dn: CN=Zürich`))
	allow(t, "a_host", clientNamed(`tls_client_auth_san_dns: batch-1.example.com`))
	allow(t, "a_host_of_one_label", clientNamed(`tls_client_auth_san_dns: batch`))
	allow(t, "a_uri", clientNamed(`tls_client_auth_san_uri: spiffe://example.org/ns/batch`))
	allow(t, "a_urn", clientNamed(`tls_client_auth_san_uri: "urn:example:batch"`))
	allow(t, "an_ipv4_address", clientNamed(`tls_client_auth_san_ip: 192.0.2.7`))
	allow(t, "an_ipv6_address", clientNamed(`tls_client_auth_san_ip: "2001:db8::7"`))
	allow(t, "a_mail_address", clientNamed(`tls_client_auth_san_email: Batch+1@example.com`))

	denyByForm(t, "an_empty_subject_is_refused", clientNamed(
		`tls_client_auth_subject_dn: ""    #! clients[0].tls_client_auth_subject_dn: tls_client_auth_subject_dn is empty; give it a value`))
	denyByForm(t, "a_subject_as_a_mapping_is_refused", clientNamed(
		`tls_client_auth_subject_dn: {CN: batch}    #! clients[0].tls_client_auth_subject_dn: tls_client_auth_subject_dn is a mapping; write text`))
	deny := func(deny func(*testing.T, string, string), field, what, written string) {
		t.Helper()
		field = "tls_client_auth_san_" + field
		deny(t, field+"/"+what, clientNamed(field+`: "`+written+`"    #! clients[0].`+field+`: `+field+` …`))
	}
	for what, written := range map[string]string{
		"empty": "", "a_wildcard": "*.example.com", "a_wildcard_alone": "*", "upper_case": "Batch.example.com", "a_final_dot": "batch.example.com.",
		"a_first_dot": ".example.com", "two_dots": "batch..example.com", "a_port": "batch.example.com:443", "a_url": "https://batch.example.com",
		"a_hyphen_at_the_end": "batch-.example.com", "a_space": "batch example", "letters_beyond_ascii": "bätch.example.com",
		"an_ipv6_address": "2001:db8::7", "a_line_break": `batch.example.com\n`, "a_long_label": strings.Repeat("a", 64),
		"a_long_name": strings.Repeat("a23456789.", 26),
	} {
		deny(denyByForm, "dns", what, written)
	}
	deny(denyByMeaning, "dns", "an_ipv4_address", "192.0.2.7")
	for what, written := range map[string]string{
		"empty": "", "a_path": "/batch", "a_fragment": "spiffe://example.org/a#b", "a_space": "spiffe://example.org/a b",
		"upper_case_letters_in_the_scheme": "SPIFFE://example.org/a", "a_scheme_alone": "spiffe:",
	} {
		deny(denyByForm, "uri", what, written)
	}
	deny(denyByMeaning, "uri", "no_host", "https:///batch")
	deny(denyByMeaning, "uri", "a_template", "spiffe://example.org/{name}")
	for what, written := range map[string]string{
		"empty": "", "a_name": "batch.example.com", "a_network": "192.0.2.0/24", "a_zone": "fe80::1%eth0", "upper_case": "2001:DB8::7",
		"brackets": "[2001:db8::7]",
	} {
		deny(denyByForm, "ip", what, written)
	}
	for what, written := range map[string]string{
		"zeros_in_front": "192.0.2.007", "three_parts": "192.0.2", "a_long_form": "2001:db8:0:0:0:0:0:7", "ipv4_within_ipv6": "::ffff:192.0.2.7",
		"a_number": "3221225991", "a_port": "192.0.2.7:443", "no_address": "::::",
	} {
		deny(denyByMeaning, "ip", what, written)
	}
	for what, written := range map[string]string{
		"empty": "", "no_at_sign": "batch.example.com", "two_at_signs": "a@b@example.com", "nobody": "@example.com", "no_domain": "batch@",
		"a_space": "a b@example.com", "a_display_name": "Batch <batch@example.com>", "letters_beyond_ascii": "bätch@example.com",
		"a_line_break": `batch@example.com\n`,
	} {
		deny(denyByForm, "email", what, written)
	}
}

func TestTheOneFormOfAnAddressIsNamed(t *testing.T) {
	denyByMeaning(t, "a_long_form", clientNamed(
		`tls_client_auth_san_ip: "::ffff:192.0.2.7"    #! clients[0].tls_client_auth_san_ip: tls_client_auth_san_ip is "::ffff:192.0.2.7", which is 192.0.2.7 in another form; write that`))
}

func TestClientWithACertificate(t *testing.T) {
	allow(t, "of_its_own", withProxy+`
clients:
  - id: batch
    authentication: self_signed_tls_client_auth
    keys: {jwks_uri: https://batch.example.com/jwks.json}
    grants: [client_credentials, `+jwtBearer+`]
    assertion: {jti: required}
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	allow(t, "that_asserts_for_itself", strings.Replace(clientNamed(`tls_client_auth_san_dns: batch
    keys: {file: batch.pem}
    assertion: {jti: required}`), "[client_credentials]", "[client_credentials, "+jwtBearer+"]", 1))

	const fault = `#! clients[0]: clients[0] has `
	denyByMeaning(t, "no_name_is_refused", strings.Replace(clientNamed(""), "id: batch", "id: batch "+fault+
		"none of tls_client_auth_subject_dn, tls_client_auth_san_dns, tls_client_auth_san_uri, tls_client_auth_san_ip, tls_client_auth_san_email; give exactly one", 1))
	denyByMeaning(t, "two_names_are_refused", strings.Replace(clientNamed(`tls_client_auth_san_dns: batch
    tls_client_auth_subject_dn: CN=batch`), "id: batch", "id: batch "+fault+"tls_client_auth_subject_dn and tls_client_auth_san_dns; give exactly one of them", 1))
	denyByMeaning(t, "keys_that_verify_nothing_are_refused", clientNamed(`tls_client_auth_san_dns: batch
    keys: {file: batch.pem}              #! clients[0].keys: keys does not belong here: nothing that the client may do is verified with them`))
	for name, other := range map[string]string{
		"private_key_jwt":     "keys: {file: batch.pem}",
		"client_secret_basic": `secrets: ["` + bcryptHash + `"]`,
	} {
		for _, field := range []string{
			"subject_dn: CN=batch", "san_dns: batch", `san_uri: "urn:batch"`, "san_ip: 192.0.2.7", "san_email: batch@example.com",
		} {
			written, _, _ := strings.Cut("tls_client_auth_"+field, ":")
			denyByMeaning(t, name+"_with_"+written+"_is_refused", inClient+`
    authentication: `+name+`
    grants: [client_credentials]
    `+other+`
    tls_client_auth_`+field+`            #! clients[0].`+written+`: `+written+` does not belong here: it goes with tls_client_auth
`)
		}
	}
	for method, field := range map[string]string{
		"tls_client_auth":             "tls_client_auth_san_dns: batch",
		"self_signed_tls_client_auth": "keys: {file: batch.pem}",
	} {
		client := strings.Replace(clientNamed(field), "authentication: tls_client_auth", "authentication: "+method, 1)
		if method != "tls_client_auth" {
			client = strings.Replace(client, "  ca_file: ca.pem\n", "", 1)
		}
		denyByMeaning(t, method+"_with_secrets_is_refused", client+`
    secrets: ["`+bcryptHash+`"]          #! clients[0].secrets: secrets does not belong here: `+method+` compares the client's certificate
`)
		denyByMeaning(t, method+"_with_a_client_assertion_is_refused", client+`
    client_assertion: {jti: required}    #! clients[0].client_assertion: client_assertion does not belong here: `+method+` compares the client's certificate
`)
	}
}

func TestKeysOfASelfSignedCertificate(t *testing.T) {
	const client = withProxy + `
clients:
  - id: https://batch.example.com
    authentication: self_signed_tls_client_auth
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
`
	for _, keys := range []string{"file: a.pem", "pem: x", "secret: projects/acme/secrets/a", "jwks_uri: https://a.example.com/jwks", "jwks: {keys: [{kty: EC}]}"} {
		allow(t, keys, client+"    keys: {"+keys+"}")
	}
	const why = " does not belong here: self_signed_tls_client_auth needs public keys: jwks, pem, file, secret or jwks_uri"
	denyByMeaning(t, "none_are_refused", strings.Replace(client, "batch.example.com\n",
		"batch.example.com    #! clients[0].keys: keys is missing: self_signed_tls_client_auth compares the client's certificate with them\n", 1))
	denyByMeaning(t, "a_shared_secret_is_refused", client+`
    keys:
      shared_secret: projects/acme/secrets/hmac    #! clients[0].keys.shared_secret: shared_secret`+why+`
      algorithm: HS256
`)
	denyByMeaning(t, "a_federation_is_refused", client+`
    keys:
      federation:                        #! clients[0].keys.federation: federation`+why+`
        trust_anchors: [{id: https://anchor.example.com, file: a.json}]
`)
	denyByForm(t, "discovery_is_refused", client+`
    keys: {discovery: true}              #! clients[0].keys.discovery: discovery does not belong here: it is for issuers; …
`)
	denyByMeaning(t, "a_name_in_the_certificate_is_refused", client+`
    keys: {file: a.pem}
    tls_client_auth_san_dns: batch       #! clients[0].tls_client_auth_san_dns: tls_client_auth_san_dns does not belong here: it goes with tls_client_auth
`)
}
