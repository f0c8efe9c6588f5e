package config_test

import (
	"strings"
	"testing"
)

const authority = `-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n`

// user is a client that needs certificates, so that the section is not there for nobody.
const user = `
clients:
  - id: user
    authentication: none
    mtls: required
    grants: [` + jwtBearer + `]
`

// issuedTo is a client whose certificate somebody has issued.
const issuedTo = `
clients:
  - id: user
    authentication: tls_client_auth
    tls_client_auth_san_dns: batch.example.com
    grants: [` + jwtBearer + `]
`

func TestMutualTLS(t *testing.T) {
	allow(t, "a_proxy_with_a_secret", withProxy+user)
	allow(t, "a_proxy_that_the_ingress_stands_for", inTLS+`  proxy: {ingress: internal-and-cloud-load-balancing}`+user)
	allow(t, "a_file_of_authorities", withProxy+`  ca_file: ca.pem`+issuedTo)
	allow(t, "authorities", withProxy+`  ca: "`+authority+authority+`"`+issuedTo)
	allow(t, "an_endpoint", withProxy+`  endpoint: https://mtls.auth.example.com:8443/tenants/acme`+user)
	allow(t, "an_endpoint_on_this_machine", withProxy+`  endpoint: http://127.0.0.1:8443`+user)
	allow(t, "headers", inTLS+`
  certificate_header: X-Client-Cert
  chain_header: Client-Cert
  proxy: {secret: projects/acme/secrets/proxy, header: "!#$%&'*+-.^_`+"`"+`|~9aZ"}
`+user)
	allow(t, "nobody_who_uses_it", withProxy)

	denyByForm(t, "no_proxy_is_refused", strings.Replace(inTLS, "tls:", "tls:   #! mutual_tls.proxy: proxy is missing", 1)+`
  endpoint: https://mtls.example.com`+user)
	denyByForm(t, "a_misspelt_field_is_refused", withProxy+`
  certificate_headers: X-Client-Cert     #! mutual_tls.certificate_headers: certificate_headers is not a field here; did you mean certificate_header?
`+user)
	denyByForm(t, "a_flag_is_refused", prelude+`
mutual_tls: true                         #! mutual_tls: mutual_tls is a boolean; write a mapping of fields
`)
	denyByForm(t, "an_empty_section_is_refused_once", prelude+`
mutual_tls: {}                           #! mutual_tls: mutual_tls is empty; give it a field
`+user)
}

func TestTLSEndpoint(t *testing.T) {
	deny := func(t *testing.T, deny func(*testing.T, string, string), name, endpoint string) {
		t.Helper()
		deny(t, name, withProxy+"  endpoint: "+endpoint+user)
	}
	deny(t, denyByForm, "a_name_alone_is_refused", `mtls.example.com     #! mutual_tls.endpoint: endpoint is not an https URL; …`)
	deny(t, denyByForm, "a_query_is_refused", `https://mtls.example.com?a    #! mutual_tls.endpoint: endpoint has a query; …`)
	deny(t, denyByForm, "a_fragment_is_refused", `https://mtls.example.com#a #! mutual_tls.endpoint: endpoint has a fragment; …`)
	deny(t, denyByForm, "an_empty_text_is_refused", `""                #! mutual_tls.endpoint: endpoint is empty; …`)
	deny(t, denyByMeaning, "http_on_another_host_is_refused", `http://mtls.example.com    #! mutual_tls.endpoint: endpoint is http beyond this machine; …`)
	deny(t, denyByMeaning, "a_user_name_is_refused", `https://a@mtls.example.com    #! mutual_tls.endpoint: endpoint has a user name; …`)
	deny(t, denyByMeaning, "the_issuer_is_refused", `https://auth.example.com        #! mutual_tls.endpoint: endpoint is the issuer; leave it out …`)
	deny(t, denyByMeaning, "the_issuer_and_a_slash_is_refused", `https://auth.example.com/    #! mutual_tls.endpoint: endpoint is the issuer; …`)
}

func TestProxy(t *testing.T) {
	proxy := func(text string) string { return inTLS + "  proxy: " + text + user }
	denyByForm(t, "nothing_that_it_is_known_by_is_refused", proxy(
		`{header: X-Proxy}     #! mutual_tls.proxy: proxy has none of secret, ingress; give exactly one`))
	denyByForm(t, "both_are_refused", proxy(
		`{secret: projects/acme/secrets/proxy, ingress: internal-and-cloud-load-balancing}    #! mutual_tls.proxy: proxy has secret and ingress; …`))
	denyByForm(t, "the_secret_itself_is_refused", proxy(
		`{secret: correct-horse}    #! mutual_tls.proxy.secret: secret is not the name of a secret; …`))
	denyByForm(t, "a_header_without_a_secret_is_refused", proxy(
		`{ingress: internal-and-cloud-load-balancing, header: X-Proxy}    #! mutual_tls.proxy.header: header does not belong here: it goes with secret`))
	denyByForm(t, "anybody_is_refused", proxy(`{}    #! mutual_tls.proxy: proxy is empty; give it a field`))
	denyByForm(t, "a_flag_is_refused", proxy(`true    #! mutual_tls.proxy: proxy is a boolean; …`))
	for _, ingress := range []string{"all", "internal-only", "internal-and-gclb", "ALLOW_INTERNAL_AND_GCLB", "Internal-and-cloud-load-balancing"} {
		denyByForm(t, "an_ingress_that_lets_others_in_is_refused/"+ingress, proxy(`{ingress: `+ingress+
			`}    #! mutual_tls.proxy.ingress: ingress is "`+ingress+`"; write internal-and-cloud-load-balancing, or leave it out`))
	}
	for _, header := range []string{"Authorization", "authorization", "DPoP", "dpop", "Host", "Cookie", "Content-Type", "Content-Length"} {
		denyByMeaning(t, "a_header_of_clients_is_refused/"+header, proxy(`{secret: projects/acme/secrets/proxy, header: `+header+
			`}    #! mutual_tls.proxy.header: header is "`+header+`", which clients send themselves; name another header`))
	}
	for _, header := range []string{"Client-Cert", "client-cert", "Client-Cert-Chain", "X-Cert", "x-chain"} {
		denyByMeaning(t, "a_header_of_certificates_is_refused/"+header, inTLS+`
  certificate_header: X-Cert
  chain_header: X-Chain
  proxy: {secret: projects/acme/secrets/proxy, header: `+header+`}    #! mutual_tls.proxy.header: header is "`+header+`", which is for certificates; …
`+user)
	}
}

func TestHeaderName(t *testing.T) {
	for name, header := range map[string]string{
		"a_space": "Client Cert", "a_colon": "Client-Cert:", "a_line_break": `Client-Cert\n`, "a_letter_beyond_ascii": "Clïent",
		"a_slash": "Client/Cert", "a_quotation_mark": `a\"b`, "a_parenthesis": "a(b)",
	} {
		for _, field := range []string{"certificate_header", "chain_header"} {
			denyByForm(t, field+"_with_"+name+"_is_refused", withProxy+`
  `+field+`: "`+header+`"                #! mutual_tls.`+field+`: `+field+` is "`+header+`"; write the name of a header, such as Client-Cert…
`+user)
		}
	}
	denyByForm(t, "an_empty_header_is_refused", withProxy+`
  chain_header: ""                       #! mutual_tls.chain_header: chain_header is empty; …
`+user)
	for _, header := range []string{"Authorization", "dpop", "HOST", "Cookie", "Content-Type"} {
		denyByMeaning(t, "a_header_of_clients_is_refused/"+header, withProxy+`
  certificate_header: `+header+`         #! mutual_tls.certificate_header: certificate_header is "`+header+`", which clients send themselves; …
`+user)
	}
	denyByMeaning(t, "the_header_of_the_certificate_is_refused_for_the_chain", withProxy+`
  chain_header: client-cert              #! mutual_tls.chain_header: chain_header is "client-cert", as certificate_header is; name another header
`+user)
	denyByMeaning(t, "the_header_of_the_chain_is_refused_for_the_certificate", withProxy+`
  certificate_header: Client-Cert-Chain  #! mutual_tls.certificate_header: certificate_header is "Client-Cert-Chain", as chain_header is; …
`+user)
}

func TestAuthorities(t *testing.T) {
	denyByForm(t, "both_places_are_refused", strings.Replace(withProxy, "tls:", "tls:   #! mutual_tls: mutual_tls has ca and ca_file; give one of them at most", 1)+`
  ca: "`+authority+`"
  ca_file: ca.pem
`+issuedTo)
	denyByForm(t, "the_name_of_a_file_is_refused_as_certificates", withProxy+`
  ca: ca.pem                             #! mutual_tls.ca: ca has no certificate; write PEM, or ca_file: FILE
`+issuedTo)
	denyByMeaning(t, "a_private_key_is_refused", withProxy+`
  ca: "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"    #! mutual_tls.ca: ca has something else than certificates; …
`+issuedTo)
	denyByForm(t, "a_file_name_with_a_line_break_is_refused", withProxy+`
  ca_file: "ca.pem\n"                    #! mutual_tls.ca_file: ca_file has control characters or line breaks; …
`+issuedTo)
	for _, field := range []string{"ca_file: ca.pem", `ca: "` + authority + `"`} {
		name, _, _ := strings.Cut(field, ":")
		denyByMeaning(t, name+"_that_has_issued_nothing_is_refused", withProxy+`
  `+field+`    #! mutual_tls.`+name+`: `+name+` does not belong here: no client has tls_client_auth, and no other certificate is held to it
`+user)
	}
	denyByForm(t, "a_method_that_cannot_be_read_has_one_fault", withProxy+`
  ca_file: ca.pem
clients:
  - id: user
    authentication: tls_client_aut       #! clients[0].authentication: authentication is "tls_client_aut"; use one of …
    tls_client_auth_san_dns: batch.example.com
    grants: [`+jwtBearer+`]
`)
}

func TestWhatNeedsMutualTLSIsRefusedWithout(t *testing.T) {
	const why = ", which needs the section mutual_tls: without it nobody is believed about certificates"
	denyByMeaning(t, "an_api", strings.Replace(prelude, "[read, write]", `[read, write]
    mtls: required                       #! resources[0].mtls: mtls is required`+why, 1))
	denyByMeaning(t, "a_client", prelude+strings.Replace(user, "mtls: required", "mtls: required    #! clients[0].mtls: mtls is required"+why, 1))
	denyByMeaning(t, "a_certificate_that_somebody_has_issued", prelude+`
clients:
  - id: user
    authentication: tls_client_auth      #! clients[0].authentication: authentication is tls_client_auth`+why+`
    tls_client_auth_san_dns: batch.example.com
    grants: [`+jwtBearer+`]
`)
	denyByMeaning(t, "a_certificate_of_its_own", inClient+`
    authentication: self_signed_tls_client_auth    #! clients[0].authentication: authentication is self_signed_tls_client_auth`+why+`
    keys: {file: batch.pem}
    grants: [client_credentials]
`)
	denyByMeaning(t, "a_certificate_that_anybody_can_have_issued", withProxy+strings.Replace(issuedTo, "tls_client_auth\n",
		"tls_client_auth    #! clients[0].authentication: authentication is tls_client_auth, which needs mutual_tls.ca_file or mutual_tls.ca: …\n", 1))
}
