package config_test

import (
	"strings"
	"testing"
)

func TestDangerousChoicesAreWarnedOf(t *testing.T) {
	for _, test := range []struct {
		name     string
		document string
		want     string // place and beginning of the one warning
	}{
		{"an_http_issuer", strings.Replace(prelude, "https://auth.example.com", "http://localhost:8080", 1),
			"config.yaml:1: issuer: issuer is http"},
		{"tokens_of_more_than_a_day", prelude + "access_tokens: {lifetime: 24h1s}",
			"config.yaml:6: access_tokens.lifetime: lifetime is more than a day"},
		{"a_rule_of_more_than_a_day", inRules + "      - {resource: https://api.example.com, scopes: [read], lifetime: 25h}",
			"config.yaml:10: issuers[0].allow[0].lifetime: lifetime is more than a day"},
		{"assertions_of_more_than_a_day", inIssuer + "    max_lifetime: 48h",
			"config.yaml:10: issuers[0].max_lifetime: max_lifetime is more than a day"},
		{"troubleshooting", prelude + "troubleshooting: {rec_token: true}",
			"config.yaml:6: troubleshooting.rec_token: rec_token is on"},
		{"an_issuer_with_a_shared_secret",
			inKeys + "      {shared_secret: projects/acme/secrets/hmac, algorithm: HS256}",
			"config.yaml:10: issuers[0].keys.shared_secret: shared_secret is shared"},
		{"a_client_with_a_shared_secret", inClient + `
    authentication: client_secret_jwt
    keys: {shared_secret: projects/acme/secrets/hmac, algorithm: HS256}
    grants: [client_credentials]`,
			"config.yaml:11: clients[0].keys.shared_secret: shared_secret is shared"},
		{"keys_by_way_of_http", inKeys + `      {jwks_uri: "http://localhost:8090/jwks.json"}`,
			"config.yaml:10: issuers[0].keys.jwks_uri: jwks_uri is http"},
		{"metadata_by_way_of_http", strings.Replace(inKeys, "https://idp.example.com", "http://127.0.0.1:8090", 1) + "      {discovery: true}",
			"config.yaml:10: issuers[0].keys.discovery: discovery is http"},
		{"an_anchor_by_way_of_http", inKeys + `      {federation: {trust_anchors: [{id: "http://localhost", file: a}]}}`,
			"config.yaml:10: issuers[0].keys.federation.trust_anchors[0].id: id is http"},
		{"keys_inside_the_network", inKeys + `      {jwks_uri: https://idp.internal/jwks.json, private_network: true}`,
			"config.yaml:10: issuers[0].keys.private_network: private_network is on"},
		{"tokens_signed_with_a_shared_secret", prelude +
			"    access_tokens: {algorithm: HS256, shared_secret: projects/acme/secrets/hmac}",
			"config.yaml:6: resources[0].access_tokens: access_tokens has a shared secret"},
		{"an_additional_ring_that_signs_for_nobody",
			inRings + "    - {directory: ./old, algorithm: ES256, publish_only: true}\n    - {directory: ./rs256, algorithm: RS256}",
			"config.yaml:7: signing_keys.additional[1]: additional[1] signs for nobody: no resource has access_tokens: {algorithm: RS256}"},
		{"keys_of_opaque_tokens_that_seal_for_nobody", inOpaque,
			"config.yaml:4: opaque_tokens: opaque_tokens seals for nobody: no resource has access_tokens: {format: opaque}"},
		{"opaque_tokens_that_nobody_asks_about",
			prelude + "    access_tokens: {format: opaque}\nopaque_tokens: {secret: projects/acme/secrets/opaque}\n",
			"config.yaml:6: resources[0].access_tokens: format is opaque, and no client introspects \"https://api.example.com\""},
		{"a_jwks_that_is_kept_for_more_than_an_hour",
			strings.Replace(prelude, "keys}", "keys, jwks_max_age: 1h0m1s}", 1),
			"config.yaml:2: signing_keys.jwks_max_age: jwks_max_age is more than an hour"},
		{"assertions_that_can_be_used_again", inIssuer + "    jti: reusable",
			"config.yaml:10: issuers[0].jti: jti is reusable"},
		{"client_assertions_without_jti", inClient + `
    authentication: private_key_jwt
    keys: {file: batch.pem}
    grants: [client_credentials]
    client_assertion: {jti: optional}`,
			"config.yaml:13: clients[0].client_assertion.jti: jti is optional"},
		{"client_assertions_without_jti_until_a_day", excepting + "      jti: {value: optional, until: 2027-03-31}",
			"config.yaml:14: clients[0].client_assertion.jti: jti is optional"},
		{"a_proxy_that_the_ingress_stands_for", inTLS + `
  proxy: {ingress: internal-and-cloud-load-balancing}
clients: [{id: a, mtls: required, authentication: none, grants: [` + jwtBearer + `]}]`,
			"config.yaml:8: mutual_tls.proxy.ingress: ingress is all that keeps others out"},
		{"mutual_tls_that_nobody_uses", inTLS + "  proxy: {secret: projects/acme/secrets/proxy}",
			"config.yaml:6: mutual_tls: mutual_tls is used by nobody"},
		{"an_endpoint_by_way_of_http", inTLS + `
  proxy: {secret: projects/acme/secrets/proxy}
  endpoint: http://localhost:8443
clients: [{id: a, mtls: required, authentication: none, grants: [` + jwtBearer + `]}]`,
			"config.yaml:9: mutual_tls.endpoint: endpoint is http"},
		{"rules_that_nothing_applies", inClient + `
    authentication: none
    grants: [` + jwtBearer + `]`,
			"config.yaml:8: clients[0].allow: allow is never used"},
		{"rules_beside_an_exchange", inExchange + `
    allow: [{resource: https://api.example.com, scopes: [read]}]`,
			"config.yaml:12: clients[0].allow: allow is never used: the client only exchanges tokens"},
	} {
		t.Run(test.name, func(t *testing.T) {
			warnings := expectFaults(t, test.document).Warnings
			if len(warnings) != 1 || !strings.HasPrefix(warnings[0].Error(), test.want) {
				t.Errorf("warnings are\n%v\nwant one that begins with\n%s", warnings, test.want)
			}
		})
	}
}

func TestCarefulChoicesAreNotWarnedOf(t *testing.T) {
	for name, document := range map[string]string{
		"minimal":                         prelude,
		"a_whole_day":                     prelude + "access_tokens: {lifetime: 24h}",
		"a_jwks_that_is_kept_for_an_hour": strings.Replace(prelude, "keys}", "keys, jwks_max_age: 1h}", 1),
		"a_ring_that_signs_nothing":       inRings + "    - {directory: ./rs256, algorithm: RS256, publish_only: true}",
		"a_ring_that_signs_for_an_api": strings.Replace(inRings, "[read]", "[read], access_tokens: {algorithm: RS256}", 1) +
			"    - {directory: ./rs256, algorithm: RS256}",
		"mutual_tls_that_a_resource_uses": strings.Replace(inTLS, "[read, write]", "[read, write], mtls: required", 1) +
			"  proxy: {secret: projects/acme/secrets/proxy}",
		"mutual_tls_that_a_client_uses":  withProxy + fapi2Client,
		"mutual_tls_that_a_server_uses":  withProxy + "profile: fapi2\n",
		"nonces_and_a_store_and_profile": prelude + "profile: fapi2\ndpop: {nonces: projects/acme/secrets/nonces}\nreplay: {firestore: projects/acme/databases/replay}",
		"a_turned_off":                   prelude + "troubleshooting: {rec_token: false}",
		"keys_by_https":                  inKeys + "      {jwks_uri: https://idp.example.com/jwks.json, private_network: false}",
		"an_issuer":                      inIssuer,
		"an_exception":                   inIssuer + "    audiences: [{value: a, until: 2027-03-31}]",
		"an_exchange":                    inExchange,
		"a_rule_of_5_m":                  inRules + "      - {resource: https://api.example.com, scopes: [read], lifetime: 5m}",
	} {
		t.Run(name, func(t *testing.T) {
			if warnings := expectFaults(t, document).Warnings; len(warnings) > 0 {
				t.Errorf("warnings:\n%v", warnings)
			}
		})
	}
}
