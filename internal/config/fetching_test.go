package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/countersign/internal/config"
)

const certificate = `"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"`

func TestKeysThatAreFetched(t *testing.T) {
	allow(t, "a_url", inKeys+`      {jwks_uri: https://idp.example.com/jwks.json}`)
	allow(t, "a_url_with_port_and_query", inKeys+`      {jwks_uri: "https://idp.example.com:8443/keys?use=sig", algorithm: PS256}`)
	allow(t, "a_url_on_this_machine", inKeys+`      {jwks_uri: "http://127.0.0.1:8090/jwks.json"}`)
	allow(t, "everything_about_a_url", inKeys+`      {jwks_uri: https://10.0.0.1/openid/v1/jwks, ca: ca.pem, bearer_token_file: /var/run/token, private_network: true}`)
	allow(t, "discovery", inKeys+`      {discovery: true}`)
	allow(t, "everything_about_discovery", inKeys+`      {discovery: true, ca: `+certificate+`, bearer_token_file: token, private_network: false, algorithm: ES256}`)
	allow(t, "a_client_with_a_url", inClient+`
    authentication: private_key_jwt
    keys: {jwks_uri: https://batch.example.com/jwks.json}
    grants: [client_credentials]
`)

	denyByForm(t, "a_url_and_discovery_are_refused", inIssuers+`
  - issuer: https://idp.example.com
    keys: {jwks_uri: https://idp.example.com/jwks, discovery: true}   #! issuers[0].keys: keys has jwks_uri and discovery; give exactly one of them
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	denyByForm(t, "a_url_and_a_set_are_refused", inIssuers+`
  - issuer: https://idp.example.com
    keys: {jwks_uri: https://idp.example.com/jwks, file: a}   #! issuers[0].keys: keys has file and jwks_uri; give exactly one of them
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	denyByForm(t, "an_empty_url_is_refused", inKeys+`      jwks_uri: ""    #! issuers[0].keys.jwks_uri: jwks_uri is empty; give it a value`)
	denyByForm(t, "discovery_that_is_off_is_refused", inKeys+`      discovery: false    #! issuers[0].keys.discovery: discovery is false; leave it out, or write true`)
	denyByForm(t, "discovery_at_a_url_is_refused", inKeys+`      discovery: https://idp.example.com    #! issuers[0].keys.discovery: discovery is text; write true or false #! issuers[0].keys.discovery: discovery is false; …`)
	denyByForm(t, "discovery_for_a_client_is_refused", inClient+`
    authentication: private_key_jwt
    keys: {discovery: true}                 #! clients[0].keys.discovery: discovery does not belong here: it is for issuers; a client's keys have a jwks_uri
    grants: [client_credentials]
`)
	for _, beside := range []string{"jwks: {keys: [{}]}", "pem: a", "file: a", "secret: projects/acme/secrets/a"} {
		for _, field := range []string{"ca: ca.pem", "bearer_token_file: token", "private_network: true"} {
			name, _, _ := strings.Cut(field, ":")
			denyByForm(t, "a_field_of_fetching_beside_"+beside+"_is_refused/"+name, inKeys+`
      `+strings.Replace(beside, "{}", publicJWK, 1)+`
      `+field+`     #! issuers[0].keys.`+name+`: `+name+` does not belong here: it goes with jwks_uri and discovery
`)
		}
	}
	denyByForm(t, "an_empty_ca_is_refused", inFetched+`
      ca: ""                                #! issuers[0].keys.ca: ca is empty; give it a value
`)
	denyByForm(t, "several_cas_are_refused", inFetched+`
      ca: [a.pem, b.pem]                    #! issuers[0].keys.ca: ca is a list; write text
`)
	denyByMeaning(t, "a_private_key_as_ca_is_refused", inFetched+`
      ca: "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"   #! issuers[0].keys.ca: ca has something else than certificates; …
`)
	denyByMeaning(t, "a_private_key_beside_a_ca_is_refused", inFetched+`
      ca: "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n"    #! issuers[0].keys.ca: ca has something else than certificates; …
`)
	denyByForm(t, "a_ca_file_with_a_line_break_is_refused", inFetched+`
      bearer_token_file: "a\nb"             #! issuers[0].keys.bearer_token_file: bearer_token_file has control characters or line breaks; write the path alone
`)
	denyByForm(t, "a_private_network_that_is_named_is_refused", inFetched+`
      private_network: 10.0.0.0/8           #! issuers[0].keys.private_network: private_network is text; write true or false
`)
}

// inFetched leaves off behind the URL of an issuer's keys.
const inFetched = inKeys + `      jwks_uri: https://idp.example.com/jwks.json
`

// Where keys are fetched from is decided when the document is read, for all tokens alike (Centrifugo CVE-2026-32301:
// claims were interpolated into the URL).
func TestKeysAreNeverFetchedFromATemplate(t *testing.T) {
	for _, url := range []string{
		"https://{tenant}.example.com/jwks", "https://idp.example.com/{iss}/jwks.json", "https://idp.example.com/{{.tenant}}/jwks",
		"https://idp.example.com/${claims.tenant}", "https://idp.example.com/}", "{claims.jku}",
	} {
		denyByForm(t, url, inKeys+`      jwks_uri: "`+url+`"   #! issuers[0].keys.jwks_uri: jwks_uri is a template; there are none: the URL is the same for every token, …`)
	}
	denyByMeaning(t, "discovery_under_a_template", strings.Replace(inKeys, "https://idp.example.com", "https://login.example.com/{tenant}/v2.0", 1)+`
      discovery: true                       #! issuers[0].keys.discovery: discovery needs an issuer that is an https URL without query, since its metadata is there; this one has the character '{', which no URI has
`)
}

func TestURLsThatKeysAreNotFetchedFrom(t *testing.T) {
	for url, problem := range map[string]string{
		"http://idp.example.com/jwks":        "is http beyond this machine",
		"http://127.1/jwks":                  "is http beyond this machine",
		"http://localhost.example.com/jwks":  "is http beyond this machine",
		"http://169.254.169.254/jwks":        "is http beyond this machine",
		"https:///jwks":                      "has no host",
		"https://user:pass@idp.example.com":  "has a user name",
		"https://good.example@evil.example/": "has a user name",
	} {
		denyByMeaning(t, url, inKeys+`      jwks_uri: "`+url+`"   #! issuers[0].keys.jwks_uri: jwks_uri `+problem+`; write https://HOST/PATH`)
	}
	for url, problem := range map[string]string{
		"file:///etc/keys.json":          "is not an https URL",
		"ftp://idp.example.com/jwks":     "is not an https URL",
		"HTTPS://idp.example.com/jwks":   "has upper-case letters in its scheme",
		"idp.example.com/jwks":           "is not an https URL",
		"//idp.example.com/jwks":         "is not an https URL",
		"jwks.json":                      "is not an https URL",
		"https://idp.example.com/jwks#k": "has a fragment",
	} {
		denyByForm(t, url, inKeys+`      jwks_uri: "`+url+`"   #! issuers[0].keys.jwks_uri: jwks_uri `+problem+`; write https://HOST/PATH`)
	}
}

func TestDiscoveryNeedsAnIssuerWhereMetadataCanBe(t *testing.T) {
	for issuer, problem := range map[string]string{
		"robot@acme.iam.gserviceaccount.com": "is not an https URL",
		"Acme":                               "is not an https URL",
		"http://idp.example.com":             "is http beyond this machine",
		"https://idp.example.com?tenant=1":   "has a query",
		"urn:example:idp":                    "is not an https URL",
	} {
		denyByMeaning(t, issuer, strings.Replace(inKeys, "https://idp.example.com", issuer, 1)+`
      discovery: true                       #! issuers[0].keys.discovery: discovery needs an issuer that is an https URL without query, since its metadata is there; this one `+problem+`
`)
	}
	denyByForm(t, "an_issuer_without_a_name", inIssuers+`
  - keys: {discovery: true}                 #! issuers[0].issuer: issuer is missing
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	denyByForm(t, "an_issuer_whose_name_is_faulty_is_told_once", inIssuers+`
  - issuer: https://ídp.example.com         #! issuers[0].issuer: issuer is "https://ídp.example.com"; use printable ASCII …
    keys: {discovery: true}
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
}

// inFederation leaves off where the fields of a federation begin.
const inFederation = inKeys + `      federation:
`

func TestFederation(t *testing.T) {
	const anchor = `        trust_anchors: [{id: https://anchor.example.com, file: anchor.json}]
`
	allow(t, "an_anchor_in_a_file", inFederation+anchor)
	allow(t, "everything", inFederation+`
        trust_anchors:
          - {id: https://anchor.example.com, jwks: {keys: [`+publicJWK+`]}}
          - {id: "https://anchor.example.org:8443/federation/", secret: projects/acme/secrets/anchor}
        entity_type: oauth_authorization_server
        max_path_length: 0
`)
	allow(t, "a_client", strings.Replace(inClient, "id: batch", "id: https://batch.example.com", 1)+`
    authentication: private_key_jwt
    keys: {federation: {trust_anchors: [{id: https://anchor.example.com, file: anchor.json}]}, algorithm: ES256}
    grants: [client_credentials]
`)

	denyByForm(t, "a_federation_without_anchor_is_refused", inKeys+`
      federation:                           #! issuers[0].keys.federation.trust_anchors: trust_anchors is missing
        entity_type: oauth_client
`)
	denyByForm(t, "no_anchors_are_refused", inFederation+`
        trust_anchors: []                   #! issuers[0].keys.federation.trust_anchors: trust_anchors is empty; list at least one
`)
	denyByForm(t, "an_anchor_without_keys_is_refused", inFederation+`
        trust_anchors:
          - id: https://anchor.example.com  #! issuers[0].keys.federation.trust_anchors[0]: trust_anchors[0] has none of jwks, file, secret; give exactly one
`)
	denyByForm(t, "an_anchor_without_a_name_is_refused", inFederation+`
        trust_anchors:
          - file: anchor.json               #! issuers[0].keys.federation.trust_anchors[0].id: id is missing
`)
	denyByForm(t, "an_anchor_with_two_sets_is_refused", inFederation+`
        trust_anchors:
          - {id: https://anchor.example.com, file: a, secret: projects/acme/secrets/a}   #! issuers[0].keys.federation.trust_anchors[0]: trust_anchors[0] has file and secret; give exactly one of them
`)
	denyByForm(t, "an_anchor_whose_keys_are_fetched_is_refused", inFederation+`
        trust_anchors:
          - {id: https://anchor.example.com, file: a, jwks_uri: https://anchor.example.com/jwks}   #! issuers[0].keys.federation.trust_anchors[0].jwks_uri: jwks_uri is not a field here; …
`)
	denyByForm(t, "an_anchor_as_a_template_is_refused", inFederation+`
        trust_anchors:
          - {id: "https://{anchor}.example.com", file: a}   #! issuers[0].keys.federation.trust_anchors[0].id: id has the character '{', which no URI has; write the anchor's entity identifier, …
`)
	denyByForm(t, "an_anchor_with_a_query_is_refused", inFederation+`
        trust_anchors:
          - {id: "https://anchor.example.com?x=1", file: a}   #! issuers[0].keys.federation.trust_anchors[0].id: id has a query; write the anchor's entity identifier, …
`)
	denyByMeaning(t, "an_anchor_over_http_is_refused", inFederation+`
        trust_anchors:
          - {id: "http://anchor.example.com", file: a}   #! issuers[0].keys.federation.trust_anchors[0].id: id is http beyond this machine; write …
`)
	denyByMeaning(t, "an_anchor_given_twice_is_refused", inFederation+`
        trust_anchors:
          - {id: https://anchor.example.com, file: a}
          - {id: https://anchor.example.com, file: b}   #! issuers[0].keys.federation.trust_anchors[1].id: id is "https://anchor.example.com", which issuers[0].keys.federation.trust_anchors[0].id on line 13 is already; …
`)
	denyByForm(t, "a_federation_beside_a_file_is_refused", inIssuers+`
  - issuer: https://idp.example.com
    keys: {file: a, federation: {trust_anchors: [{id: https://anchor.example.com, file: b}]}}   #! issuers[0].keys: keys has file and federation; give exactly one of them
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	denyByForm(t, "an_unknown_entity_type_is_refused", inFederation+anchor+`
        entity_type: client                 #! issuers[0].keys.federation.entity_type: entity_type is "client"; use one of oauth_client, openid_relying_party, …
`)
	for _, length := range []string{"-1", "11", "9999999999"} {
		denyByForm(t, "a_path_of_this_length_is_refused/"+length, inFederation+anchor+`
        max_path_length: `+length+`         #! issuers[0].keys.federation.max_path_length: max_path_length is "`+length+`"; it can be 0 at least and 10 at most
`)
	}
	denyByNotation(t, "a_path_whose_length_readers_disagree_about_is_refused", inFederation+anchor+`
        max_path_length: 010                #! issuers[0].keys.federation.max_path_length: max_path_length is "010"; it can be …
`)
	denyByForm(t, "a_path_of_a_fraction_is_refused", inFederation+anchor+`
        max_path_length: 1.5                #! issuers[0].keys.federation.max_path_length: max_path_length is a number; write a whole number
`)
	denyByForm(t, "a_path_of_text_is_refused", inFederation+anchor+`
        max_path_length: "3"                #! issuers[0].keys.federation.max_path_length: max_path_length is text; write a whole number
`)
	denyByMeaning(t, "an_entity_without_an_identifier_is_refused", strings.Replace(inKeys, "https://idp.example.com", "Acme", 1)+`
      federation:                           #! issuers[0].keys.federation: federation needs a name that is an entity identifier, an https URL without query; this one is not an https URL
`+anchor)
	denyByMeaning(t, "a_client_without_an_identifier_is_refused", inClient+`
    authentication: private_key_jwt
    keys: {federation: {trust_anchors: [{id: https://anchor.example.com, file: a}]}}   #! clients[0].keys.federation: federation needs a name that is an entity identifier, …
    grants: [client_credentials]
`)
	denyByMeaning(t, "a_shared_secrets_algorithm_is_refused", inKeys+`
      algorithm: HS256                      #! issuers[0].keys.algorithm: algorithm is "HS256", which is not for public keys; …
      federation:
`+anchor)
}

func TestFetchedKeysAreHandedOn(t *testing.T) {
	ignorePositions := cmpopts.IgnoreTypes(config.Position{})
	c := expectFaults(t, inIssuers+`
  - issuer: https://kubernetes.default.svc
    keys: {jwks_uri: https://10.0.0.1/openid/v1/jwks, ca: ca.pem, bearer_token_file: token, private_network: true}
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - issuer: https://idp.example.com
    keys: {discovery: true, ca: `+certificate+`}
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - issuer: https://member.example.com
    keys:
      federation:
        trust_anchors:
          - {id: https://anchor.example.com, jwks: {keys: [{kty: EC}]}}
          - {id: https://anchor.example.org, secret: projects/acme/secrets/anchor}
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	equal(t, "a URL", c.Issuers[0].Keys, config.Keys{
		JWKSURI:  "https://10.0.0.1/openid/v1/jwks",
		Fetching: config.Fetching{CAFile: "ca.pem", BearerTokenFile: "token", PrivateNetwork: true},
	}, ignorePositions)
	equal(t, "discovery", c.Issuers[1].Keys, config.Keys{
		Discovery: true,
		Fetching:  config.Fetching{CA: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"},
	}, ignorePositions)
	equal(t, "a federation", c.Issuers[2].Keys, config.Keys{Federation: config.Federation{
		TrustAnchors: []config.TrustAnchor{
			{ID: "https://anchor.example.com", JWKS: []byte(`{"keys":[{"kty":"EC"}]}`)},
			{ID: "https://anchor.example.org", Secret: "projects/acme/secrets/anchor"},
		},
		EntityType: config.OpenIDProvider, MaxPathLength: 3,
	}}, ignorePositions)
	for _, issuer := range c.Issuers {
		if issuer.Keys.IsZero() {
			t.Errorf("the keys of %s are none", issuer.Issuer)
		}
	}
}
