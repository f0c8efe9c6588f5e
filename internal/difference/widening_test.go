package difference_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/difference"
)

const (
	ci        = "https://ci.example.com"
	chat      = "identity_assertions.https://chat.example.net"
	spire     = "https://spire.example.com"
	member    = "https://member.example.com"
	aHash     = "$2a$10$irJafH76pkVUsJx9y9IuJe4bMCurhNQ.bxqomkuZ3VHKeMqcnZ5/e"
	otherHash = "$2a$10$7KwmZGJSeZ7GnMJ1Yj9Vje1zBGpCgU8vI9bB5uyqVg9VgJx5DhvK2"
)

// base has every field whose widening is tested, so that one replacement widens it.
const base = `issuer: https://auth.example.com
signing_keys:
  secret: projects/acme/secrets/first
  jwks_max_age: 5m
  refresh_interval: 1m
  additional:
    - {secret: projects/acme/secrets/second, algorithm: RS256}
    - {secret: projects/acme/secrets/past, algorithm: EdDSA, publish_only: true}
access_tokens: {lifetime: 10m}
opaque_tokens: {secret: projects/acme/secrets/opaque}
clock_skew: 10s
replay: {firestore: projects/acme/databases/replay}
dpop: {nonces: projects/acme/secrets/nonces}
stop_list: {secret: projects/acme/secrets/stops}
mutual_tls:
  endpoint: https://mtls.example.com
  ca_file: authority.pem
  certificate_header: X-Cert
  chain_header: X-Chain
  proxy: {secret: projects/acme/secrets/proxy, header: X-Proxy}
resources:
  - {id: "urn:vault", scopes: [read], dpop: required, mtls: required, status_list: true}
  - {id: "urn:api", scopes: [read, write]}
  - {id: "urn:legacy", scopes: [read], access_tokens: {algorithm: RS256}}
  - {id: "urn:ledger", scopes: [read], access_tokens: {algorithm: HS256, shared_secret: projects/acme/secrets/ledger}}
  - {id: "urn:records", scopes: [read], access_tokens: {format: opaque}}
clients:
  - id: batch
    authentication: private_key_jwt
    keys: {file: one.json}
    client_assertion: {max_lifetime: 5m, jti: required, audience: "https://auth.example.com/token"}
    grants: [client_credentials] # batch
    allow:
      - {resource: "urn:api", scopes: [read], lifetime: 5m, expires_with_assertion: true}
  - id: portal
    authentication: client_secret_basic
    secrets: [` + aHash + `]
    grants: [client_credentials]
    allow:
      - {resource: "urn:legacy", scopes: [read]} # portal
      - {resource: "urn:ledger", scopes: [read], disabled: true} # disabled rule
      - {resource: "urn:ledger", scopes: [read], mode: audit} # audited rule
  - id: front
    authentication: client_secret_post
    secrets: [` + otherHash + `]
    grants: ["` + config.TokenExchange + `"] # front
    exchange:
      - {resource: "urn:api", scopes: [write, read], default_scopes: [write], lifetime: 4m, if: has(claims.act)} # exchange
  - id: robot
    authentication: none
    keys: {secret: projects/acme/secrets/robot, algorithm: RS256}
    assertion: {max_lifetime: 20m, jti: required, audiences: [robots], types: [robot+jwt], scope: claim}
    grants: ["` + config.JWTBearer + `"]
    allow:
      - {resource: "urn:api", scopes: [read, write], default_scopes: [write]}
  - id: partner
    authentication: private_key_jwt
    keys: {jwks_uri: https://partner.example.com/keys, ca: ca.pem, bearer_token_file: partner.token}
    client_assertion: # partner
      audience: {value: "urn:token", until: 2027-03-31}
      max_lifetime: {value: 20m, until: 2027-03-31}
      jti: {value: optional, until: 2027-03-31}
    assertion: # partner
      audiences: [{value: partners, until: 2027-06-30}, everybody]
      max_lifetime: {value: 3h, until: 2027-06-30}
      jti: {value: optional, until: 2027-06-30}
    grants: [client_credentials, "` + config.JWTBearer + `"]
    allow:
      - {resource: "urn:api", scopes: [read]}
  - id: https://member.example.com
    authentication: private_key_jwt
    keys:
      federation:
        trust_anchors:
          - {id: "https://anchor.example.com", file: one.json}
          - {id: "https://inline.example.com", jwks: {keys: [{kty: OKP, crv: Ed25519, alg: EdDSA, x: ` + oneX + `}]}}
          - {id: "https://secret.example.com", secret: projects/acme/secrets/anchor}
        max_path_length: 2
    grants: [client_credentials]
    allow:
      - {resource: "urn:api", scopes: [read]}
  - id: gateway
    authentication: tls_client_auth
    tls_client_auth_san_dns: gateway.example.com
    dpop: required
    mtls: required # gateway
    grants: [client_credentials]
    allow:
      - {resource: "urn:vault", scopes: [read]}
  - id: bank
    profile: fapi2 # bank
    authentication: self_signed_tls_client_auth
    keys: {secret: projects/acme/secrets/bank}
    grants: [client_credentials]
    allow:
      - {resource: "urn:api", scopes: [read]}
  - id: former
    disabled: true # former
    authentication: private_key_jwt
    keys: {file: two.json}
    grants: [client_credentials]
    allow:
      - {resource: "urn:api", scopes: [read]}
issuers:
  - issuer: https://ci.example.com
    keys: {shared_secret: projects/acme/secrets/ci, algorithm: HS256}
    audiences: [https://ci.example.com/aud]
    types: [ci+jwt]
    max_lifetime: 30m
    jti: required # ci
    client: identified
    allow:
      - if: claims.ref == "main"
        resource: "urn:api"
        scopes: [read, write]
        default_scopes: [read]
        subject: '"ref:" + claims.ref'
        claims: {ref: claims.ref}
        lifetime: 5m
  - issuer: https://strict.example.com
    keys: {file: two.json}
    client: authenticated
    allow:
      - {resource: "urn:api", scopes: [read], subject: '"strict:" + claims.sub'}
  - issuer: https://spire.example.com
    preset: spiffe
    trust_domain: example.org
    keys: {discovery: true}
    claim_types: {team: string, place: {region: string}}
    jti: optional # spire
    allow:
      - {resource: "urn:api", scopes: [read], if: claims.team == "x", subject: '"spire:" + claims.sub'}
identity_assertions:
  - audience: https://chat.example.net
    clients: [{id: front, client_id: f53}]
    issuers: [https://ci.example.com] # chat
    scopes: [chat.read]
    resources: [https://api.chat.example.net]
    lifetime: 3m
`

const newClient = `  - id: new
    authentication: private_key_jwt
    keys: {file: one.json}
    grants: [client_credentials]
    allow: [{resource: "urn:api", scopes: [read]}]
`

// What the mirror of a widening is.
type mirror string

const (
	narrows mirror = "narrows" // the former is within the latter
	another mirror = "another" // neither is within the other, so the mirror widens too
)

// TestEveryKindOfWideningIsSeen replaces one part of the configuration by another, and then the other way round.
func TestEveryKindOfWideningIsSeen(t *testing.T) {
	for _, test := range []struct {
		party, what string // of the change that widens
		part, by    string
		mirror      mirror
	}{
		// What holds for everybody.
		{"", "issuer", "issuer: https://auth.example.com\n", "issuer: https://other.example.com\n", another},
		{"", "signing_keys", "secrets/first", "secrets/third", another},
		{"", "signing_keys", "secret: projects/acme/secrets/first", "directory: keys", another},
		{"", "signing_keys", "secrets/first\n", "secrets/first\n  algorithm: PS256\n", another},
		{"", "signing_keys", "  additional:\n",
			"  additional:\n    - {secret: projects/acme/secrets/third, algorithm: PS256}\n", narrows},
		{"", "signing_keys", "  additional:\n",
			"  additional:\n    - {secret: projects/acme/secrets/third, algorithm: PS256, publish_only: true}\n", narrows},
		{"", "signing_keys", "algorithm: EdDSA, publish_only: true", "algorithm: EdDSA", narrows},
		{"", "signing_keys.public_keys", "secrets/first\n", "secrets/first\n  public_keys: projects/acme/secrets/halves\n", narrows},
		{"", "signing_keys.public_keys", "secrets/second,", "secrets/second, public_keys: projects/acme/secrets/halves,", narrows},
		{"", "signing_keys.jwks_max_age", "jwks_max_age: 5m", "jwks_max_age: 6m", narrows},
		{"", "signing_keys.refresh_interval", "refresh_interval: 1m", "refresh_interval: 2m", narrows},
		{"", "access_tokens.lifetime", "access_tokens: {lifetime: 10m}", "access_tokens: {lifetime: 11m}", narrows},
		{"portal", "allow.lifetime", "access_tokens: {lifetime: 10m}", "access_tokens: {lifetime: 11m}", narrows},
		{"", "clock_skew", "clock_skew: 10s", "clock_skew: 11s", narrows},
		{"", "troubleshooting.rec_token", "clock_skew: 10s\n",
			"clock_skew: 10s\ntroubleshooting: {rec_token: true}\n", narrows},

		// What is remembered, and who is believed.
		{"", "replay.firestore", "replay: {firestore: projects/acme/databases/replay}\n", "", narrows},
		{"", "replay.firestore", "databases/replay", "databases/other", another},
		{"", "dpop.nonces", "dpop: {nonces: projects/acme/secrets/nonces}\n", "", narrows},
		{"", "dpop.nonces", "secrets/nonces", "secrets/other-nonces", another},
		{"", "stop_list.secret", "secrets/stops", "secrets/other-stops", another},
		{"", "mutual_tls.endpoint", "mtls.example.com", "tls.example.com", another},
		{"", "mutual_tls.endpoint", "  endpoint: https://mtls.example.com\n", "", another},
		{"", "mutual_tls.ca", "authority.pem", "other.pem", another},
		{"", "mutual_tls.certificate_header", "X-Cert", "X-Other", another},
		{"", "mutual_tls.chain_header", "X-Chain", "X-Other", another},
		{"", "mutual_tls.proxy", "secrets/proxy", "secrets/other-proxy", another},
		{"", "mutual_tls.proxy", "X-Proxy", "X-Other", another},
		{"", "mutual_tls.proxy", "{secret: projects/acme/secrets/proxy, header: X-Proxy}",
			"{ingress: internal-and-cloud-load-balancing}", another},

		// The APIs.
		{"urn:vault", "dpop", ", dpop: required", "", narrows},
		{"urn:vault", "mtls", ", mtls: required", "", narrows},
		{"urn:vault", "status_list", ", status_list: true", "", narrows},
		{"urn:legacy", "access_tokens", "{algorithm: RS256}}",
			"{algorithm: HS512, shared_secret: projects/acme/secrets/legacy}}", narrows},
		{"urn:ledger", "access_tokens", "secrets/ledger", "secrets/other-ledger", another},
		{"urn:ledger", "access_tokens", "algorithm: HS256, shared_secret: projects/acme/secrets/ledger",
			"algorithm: HS512, shared_secret: projects/acme/secrets/ledger", another},
		{"urn:legacy", "access_tokens", ", access_tokens: {algorithm: RS256}}", "}", another},
		{"urn:records", "access_tokens", ", access_tokens: {format: opaque}}", "}", narrows},
		{"", "opaque_tokens.secret", "secrets/opaque", "secrets/other-opaque", another},

		// Who asks in its own name.
		{"gateway", "dpop", "    dpop: required\n", "", narrows},
		{"gateway", "mtls", "    mtls: required # gateway\n", "", narrows},
		{"gateway", "tls_client_auth_san_dns", "san_dns: gateway.", "san_dns: other.", another},
		{"bank", "authentication", "self_signed_tls_client_auth", "private_key_jwt", another},
		{"bank", "keys", "secrets/bank", "secrets/other-bank", another},
		{"bank", "profile", "    profile: fapi2 # bank\n", "", narrows},
		{"new", "id", "clients:\n", "clients:\n" + newClient, narrows},
		{"new", "allow", "clients:\n", "clients:\n" + newClient, narrows},
		{"new", "id", "clients:\n",
			"clients:\n  - {id: new, authentication: none, grants: [\"" + config.JWTBearer + "\"]}\n", narrows},
		{"former", "disabled", "disabled: true # former", "disabled: false", narrows},
		{"former", "allow", "disabled: true # former", "disabled: false", narrows},
		{"batch", "keys", "{file: one.json}",
			"{jwks: {keys: [" + publicKeys["one"] + ", " + publicKeys["two"] + "]}}", narrows},
		{"batch", "keys", "{file: one.json}", "{file: two.json}", another},
		{"batch", "keys", "{file: one.json}", "{jwks: {keys: [" + publicKeys["named"] + "]}}", another},
		{"batch", "keys", "{file: one.json}", "{secret: projects/acme/secrets/batch}", another},
		{"robot", "keys", "secrets/robot", "secrets/robots", another},
		{"robot", "keys", "secrets/robot, algorithm: RS256", "secrets/robot, algorithm: PS256", another},
		{"portal", "authentication", "client_secret_basic", "client_secret_post", narrows},
		{"batch", "authentication", "private_key_jwt\n    keys: {file: one.json}",
			"client_secret_jwt\n    keys: {shared_secret: projects/acme/secrets/batch, algorithm: HS256}", another},
		{"robot", "authentication", "authentication: none", "authentication: private_key_jwt", another},
		{"portal", "secrets", "[" + aHash + "]", "[" + aHash + ", " + otherHash + "]", narrows},
		{"portal", "secrets", "[" + aHash + "]", "[" + otherHash + "]", another},
		{"batch", "grants", "[client_credentials] # batch",
			`[client_credentials, "` + config.JWTBearer + `"]`, narrows},
		{"batch", "client_assertion.max_lifetime", "{max_lifetime: 5m,", "{max_lifetime: 6m,", narrows},
		{"batch", "client_assertion.jti", "5m, jti: required", "5m, jti: optional", narrows},
		{"batch", "client_assertion.audience", `, audience: "https://auth.example.com/token"`, "", another},
		{"partner", "client_assertion.audience", `"urn:token", until: 2027-03-31`, `"urn:token", until: 2027-04-01`, narrows},
		{"partner", "client_assertion.audience", `"urn:token"`, `"urn:other"`, another},
		{"partner", "client_assertion.audience", "      audience: {value: \"urn:token\", until: 2027-03-31}\n",
			"      audience: \"urn:token\"\n", another}, // in place of the issuer, and not beside it
		{"batch", "client_assertion.audience", `audience: "https://auth.example.com/token"`,
			`audience: {value: "https://auth.example.com/token", until: 2027-03-31}`, another},
		{"partner", "client_assertion.max_lifetime", "20m, until: 2027-03-31", "20m, until: 2028-03-31", narrows},
		{"partner", "client_assertion.max_lifetime", "{value: 20m, until: 2027-03-31}", "20m", narrows},
		{"partner", "client_assertion.max_lifetime", "20m, until: 2027-03-31", "21m, until: 2027-03-31", narrows},
		{"partner", "client_assertion.max_lifetime", "20m, until: 2027-03-31", "21m, until: 2027-03-30", another},
		{"batch", "client_assertion.max_lifetime", "{max_lifetime: 5m,", "{max_lifetime: {value: 1h, until: 2027-03-31},", narrows},
		{"batch", "client_assertion.max_lifetime", "{max_lifetime: 5m,", "{max_lifetime: 1h,", narrows},
		{"partner", "client_assertion.jti", "optional, until: 2027-03-31", "optional, until: 2027-12-31", narrows},
		{"partner", "client_assertion.jti", "{value: optional, until: 2027-03-31}", "optional", narrows},
		{"batch", "client_assertion.jti", "5m, jti: required", "5m, jti: {value: optional, until: 2027-03-31}", narrows},
		{"partner", "assertion.audiences", "[{value: partners, until: 2027-06-30}, ", "[{value: partners, until: 2027-07-01}, ", narrows},
		{"partner", "assertion.audiences", "[{value: partners, until: 2027-06-30}, ", "[partners, ", narrows},
		{"partner", "assertion.audiences", "everybody]", "everybody, {value: more, until: 2027-06-30}]", narrows},
		{"partner", "assertion.max_lifetime", "3h, until: 2027-06-30", "3h, until: 2027-07-01", narrows},
		{"partner", "assertion.max_lifetime", "{value: 3h, until: 2027-06-30}", "2h", another},
		{"partner", "assertion.jti", "optional, until: 2027-06-30", "optional, until: 2027-07-01", narrows},
		{"partner", "assertion.jti", "{value: optional, until: 2027-06-30}", "optional", narrows},
		{"partner", "assertion.jti", "{value: optional, until: 2027-06-30}", "reusable", narrows},
		{"partner", "keys", "partner.example.com/keys", "partner.example.com/other", another},
		{"partner", "keys", "https://partner.example.com/keys,", "https://partner.example.com/keys, algorithm: PS256,", another},
		{"partner", "keys.ca", "ca: ca.pem", "ca: other.pem", another},
		{"partner", "keys.ca", "ca: ca.pem, ", "", another},
		{"partner", "keys.bearer_token_file", "partner.token", "other.token", another},
		{"partner", "keys.bearer_token_file", ", bearer_token_file: partner.token", "", another},
		{"partner", "keys.private_network", "partner.token}", "partner.token, private_network: true}", narrows},
		{"batch", "keys", "{file: one.json}", "{jwks_uri: https://batch.example.com/keys}", another},
		{member, "keys", `"https://anchor.example.com", file: one.json`, `"https://anchor.example.com", file: two.json`, another},
		{member, "keys", `"https://anchor.example.com"`, `"https://other.example.com"`, another},
		{member, "keys", "secrets/anchor", "secrets/anchors", another},
		{member, "keys", "        trust_anchors:\n",
			"        trust_anchors:\n          - {id: \"https://more.example.com\", file: two.json}\n", narrows},
		{member, "keys.federation.entity_type", "max_path_length: 2", "max_path_length: 2\n        entity_type: openid_relying_party", another},
		{member, "keys.federation.max_path_length", "max_path_length: 2", "max_path_length: 3", narrows},
		{"robot", "assertion.max_lifetime", "{max_lifetime: 20m", "{max_lifetime: 21m", narrows},
		{"robot", "assertion.jti", "20m, jti: required", "20m", narrows},
		{"robot", "assertion.audiences", "[robots]", "[robots, others]", narrows},
		{"robot", "assertion.types", "[robot+jwt]", "[robot+jwt, other+jwt]", narrows},
		{"robot", "assertion.subject", "scope: claim}", "scope: claim, subject: issuer}", narrows},
		{"robot", "assertion.scope", ", scope: claim}", "}", narrows},

		// Who vouches for others.
		{"new", "issuer", "issuers:\n",
			"issuers:\n  - {issuer: new, keys: {file: two.json}, allow: [{resource: \"urn:api\", scopes: [read]}]}\n", narrows},
		{"new", "allow", "issuers:\n",
			"issuers:\n  - {issuer: new, keys: {file: two.json}, allow: [{resource: \"urn:api\", scopes: [read]}]}\n", narrows},
		{ci, "keys", "secrets/ci,", "secrets/other-ci,", another},
		{ci, "keys", "secrets/ci, algorithm: HS256", "secrets/ci, algorithm: HS384", another},
		{ci, "audiences", "[https://ci.example.com/aud]", "[https://ci.example.com/aud, more]", narrows},
		{ci, "types", "[ci+jwt]", "[ci+jwt, more+jwt]", narrows},
		{ci, "max_lifetime", "max_lifetime: 30m", "max_lifetime: 31m", narrows},
		{ci, "jti", "jti: required # ci", "jti: optional", narrows},
		{ci, "jti", "jti: required # ci", "jti: reusable", narrows},
		{spire, "jti", "jti: optional # spire", "jti: reusable", narrows},
		{spire, "jti", "    jti: optional # spire\n", "", narrows}, // as the preset has it
		{spire, "keys", "{discovery: true}", "{jwks_uri: https://spire.example.com/keys}", another},
		{spire, "keys", "{discovery: true}", "{file: two.json}", another},
		{spire, "keys.private_network", "{discovery: true}", "{discovery: true, private_network: true}", narrows},
		{spire, "preset", "    preset: spiffe\n    trust_domain: example.org\n", "", another},
		{spire, "trust_domain", "example.org", "example.net", another},
		{spire, "allow.require", "example.org", "example.net", another},
		{ci, "subject", "client: identified\n", "client: identified\n    subject: issuer\n", another},
		{ci, "client", "client: identified", "client: optional", narrows},
		{"https://strict.example.com", "client", "client: authenticated", "client: identified", narrows},

		// The rules.
		{"batch", "allow.scopes", "scopes: [read], lifetime: 5m", "scopes: [read, write], lifetime: 5m", narrows},
		{ci, "allow.default_scopes", "default_scopes: [read]", "default_scopes: [read, write]", narrows},
		{"batch", "allow.lifetime", "scopes: [read], lifetime: 5m", "scopes: [read], lifetime: 6m", narrows},
		{ci, "allow.if", `"main"`, `"master"`, another},
		{ci, "allow.if", "if: claims.ref == \"main\"\n        resource", "resource", narrows},
		{ci, "allow.subject", `'"ref:" + claims.ref'`, "claims.ref", another},
		{ci, "allow.subject", "        subject: '\"ref:\" + claims.ref'\n", "", another},
		{ci, "allow.claims.ref", "{ref: claims.ref}", "{ref: claims.other}", another},
		{ci, "allow.claims.other", "{ref: claims.ref}", "{ref: claims.ref, other: claims.other}", another},
		{"batch", "allow.narrow", "scopes: [read], lifetime: 5m",
			"scopes: [read], lifetime: 5m, narrow: true", narrows},
		{"batch", "allow.expires_with_assertion", ", expires_with_assertion: true", "", narrows},
		{"portal", "allow", "scopes: [read]} # portal\n",
			"scopes: [read]}\n      - {resource: \"urn:api\", scopes: [read]}\n", narrows},
		{"portal", "allow", `resource: "urn:legacy", scopes: [read]} # portal`,
			`resource: "urn:api", scopes: [read]}`, another},
		{"portal", "allow", "disabled: true} # disabled rule", "disabled: false}", narrows},
		{"portal", "allow", "mode: audit} # audited rule", "mode: enforce}", narrows},

		// Grants of other authorization servers.
		{"", chat + ".clients", "client_id: f53}", "client_id: f54}", another},
		{"", chat + ".issuers", "[https://ci.example.com] # chat", "[https://ci.example.com, https://strict.example.com]", narrows},
		{"", chat + ".scopes", "[chat.read]", "[chat.read, chat.write]", narrows},
		{"", chat + ".resources", "[https://api.chat.example.net]", "[https://api.chat.example.net, https://more.chat.example.net]", narrows},
		{"", chat + ".resources", "    resources: [https://api.chat.example.net]\n", "", narrows},
		{"", chat + ".lifetime", "lifetime: 3m", "lifetime: 4m", narrows},
		{"", "identity_assertions", "audience: https://chat.example.net", "audience: https://wiki.example.net", another},

		// What is exchanged.
		{"front", "exchange.default_scopes", "default_scopes: [write], lifetime: 4m", "lifetime: 4m", narrows},
		{"front", "exchange.narrow", "lifetime: 4m", "lifetime: 4m, narrow: true", narrows},
		{"front", "exchange.lifetime", "lifetime: 4m", "lifetime: 5m", narrows},
		{"front", "exchange.if", "has(claims.act)", "has(claims.cnf)", another},
		{"front", "exchange", "has(claims.act)} # exchange\n", "has(claims.act)}\n      - {resource: \"urn:vault\", scopes: [read]}\n", narrows},
		{"front", "grants", "] # front", ", client_credentials]\n    allow: [{resource: \"urn:api\", scopes: [read]}]", narrows},
		{"front", "allow", "] # front", ", client_credentials]\n    allow: [{resource: \"urn:api\", scopes: [read]}]", narrows},
	} {
		t.Run(test.party+" "+test.what+" "+test.by, func(t *testing.T) {
			before, after := base, replaced(t, base, test.part, test.by)
			there, back := compare(t, before, after), compare(t, after, before)
			if !has(there, test.party, test.what, true) || !difference.Widens(there) {
				t.Errorf("want that %s of %q widens, not\n%s", test.what, test.party, list(there))
			}
			if widens := test.mirror == another; !has(back, test.party, test.what, widens) || difference.Widens(back) != widens {
				t.Errorf("the mirror is of the sort %s; not\n%s", test.mirror, list(back))
			}
			for _, change := range append(there, back...) {
				if change.Widens != (change.Why != "") {
					t.Errorf("whether it widens, and why, are at odds: %+v", change)
				}
			}
		})
	}
}

// has reports whether a change of this field is among the changes, with this verdict.
func has(changes []difference.Change, party, what string, widens bool) bool {
	for _, change := range changes {
		if change.Party == party && change.What == what && change.Widens == widens {
			return true
		}
	}
	return false
}

func list(changes []difference.Change) string {
	var text strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&text, "  %s %s %q %s %s: %q → %q, widens %t, lines %d → %d\n",
			c.Sign(), c.Kind, c.Party, c.Resource, c.What, c.Old, c.New, c.Widens, c.OldLine, c.NewLine)
	}
	return text.String()
}
