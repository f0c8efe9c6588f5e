package config_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/countersign/internal/config"
)

func read(t *testing.T, name string) string {
	t.Helper()
	document, err := os.ReadFile("../../testdata/config/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(document)
}

func TestEveryFaultIsReportedAtOnceAndInTheOrderOfLines(t *testing.T) {
	expectFaults(t, read(t, "every-section-is-faulty.yaml"))
}

func TestWhatCanBeReadOfAFaultyDocumentIsHandedOn(t *testing.T) {
	c := expectFaults(t, inClient+`
    authentication: private_key_jwt
    keys: {pem: not a key}
    grants: [client_credentials]
  - id: 42                              #! clients[1].id: id is a number; …
    authentication: client_secret_basic
    secrets: [$2b$10$irJafH76pkVUsJx9y9IuJe4bMCurhNQ.bxqomkuZ3VHKeMqcnZ5/e]
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read], if: "claims.("}]
`)
	if len(c.Clients) != 2 || c.Clients[0].Keys.PEM != "not a key" || c.Clients[1].Allow[0].If.Text != "claims.(" {
		t.Errorf("Clients = %+v, want both, so that their keys and conditions can be checked too", c.Clients)
	}
}

func TestTheCompleteDocument(t *testing.T) {
	c, faults := config.Load("config.yaml", []byte(read(t, "complete.yaml")))
	if len(faults) > 0 {
		t.Fatalf("faults:\n%v", faults)
	}
	const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	ignorePositions := cmpopts.IgnoreTypes(config.Position{}, config.Faults{})

	service := *c
	service.Clients, service.Issuers = nil, nil
	equal(t, "the service", service, config.Config{
		Issuer: "https://auth.example.com",
		SigningKeys: config.SigningKeys{
			KeyRing:         config.KeyRing{Secret: "projects/acme/secrets/countersign-signing-keys", Algorithm: "ES256"},
			JWKSMaxAge:      5 * time.Minute,
			RefreshInterval: time.Minute,
			Additional: []config.KeyRing{
				{Secret: "projects/acme/secrets/countersign-rs256", Algorithm: "RS256"},
				{
					KMS:       "projects/acme/locations/europe-west1/keyRings/auth/cryptoKeys/old",
					Algorithm: "ES256", PublishOnly: true,
				},
			},
		},
		AccessTokens:    config.AccessTokens{Lifetime: 10 * time.Minute},
		ClockSkew:       10 * time.Second,
		Troubleshooting: config.Troubleshooting{RecToken: true},
		Resources: []config.Resource{
			{ID: "https://invoices.example.com", Scopes: []string{"invoices.read", "invoices.write"}},
			{ID: "https://deploy.example.com", Scopes: []string{"deploy.read", "deploy.write"}},
			{
				ID: "https://legacy.example.com", Scopes: []string{"legacy.read"},
				AccessTokens: config.ResourceAccessToken{Algorithm: "RS256"},
			},
			{
				ID: "urn:example:legacy-ledger", Scopes: []string{"ledger.read"},
				AccessTokens: config.ResourceAccessToken{
					Algorithm: "HS512", SharedSecret: "projects/acme/secrets/ledger-hmac",
				},
			},
		},
	}, ignorePositions)

	equal(t, "a client of both grants", client(t, c, "reporting"), config.Client{
		ID:             "reporting",
		Authentication: config.PrivateKeyJWT,
		Keys: config.Keys{
			JWKS: []byte(`{"keys": [{"kty": "EC", "crv": "P-256", "x": "dn5wgMQZ8zuFotnZt5FO_tOMupWScAQ0xGdE9vC4KiU",
           "y": "ecLBsfUJwu9AIYg6PSFcjAwrkmfAA7ZGrcI-qjNQw58"}]}
`),
			Algorithm: "ES256",
		},
		ClientAssertion: config.ClientAssertion{
			MaxLifetime: 10 * time.Minute,
			Exceptions:  []config.Exception{{Name: "client_assertion.jti", JTIOptional: true}},
		},
		Grants: []string{config.ClientCredentials, jwtBearer},
		Assertion: config.Assertion{
			Audiences:      []string{"https://auth.example.com/oauth2/token"},
			Types:          []string{"authorization-grant+jwt"},
			MaxLifetime:    30 * time.Minute,
			JTIRequired:    true,
			ScopeFromClaim: true,
		},
		Allow: []config.Rule{{
			If:            config.Expression{Text: `has(claims.sub) && claims.sub.endsWith("@example.com")`},
			Resource:      "https://invoices.example.com",
			Scopes:        []string{"invoices.read"},
			DefaultScopes: []string{"invoices.read"},
			Lifetime:      10 * time.Minute,
		}},
	}, ignorePositions)

	equal(t, "an issuer", c.Issuers[0], config.Issuer{
		Issuer: "https://token.actions.githubusercontent.com",
		Keys:   config.Keys{Secret: "projects/acme/secrets/github-actions-jwks"},
		Assertion: config.Assertion{
			Audiences:   []string{"https://auth.example.com/github"},
			Types:       []string{"JWT"},
			MaxLifetime: time.Hour,
			JTIRequired: true,
		},
		Client: config.ClientNotNeeded,
		Allow: []config.Rule{{
			If:                   config.Expression{Text: `claims.repository_id == "1234" && claims.ref == "refs/heads/main"`},
			Subject:              config.Expression{Text: `"repo:" + claims.repository`},
			Resource:             "https://deploy.example.com",
			Scopes:               []string{"deploy.read", "deploy.write"},
			DefaultScopes:        []string{"deploy.read"},
			Lifetime:             5 * time.Minute,
			Narrow:               true,
			ExpiresWithAssertion: true,
			Claims: map[string]config.Expression{
				"repository":                     {Text: "claims.repository"},
				"https://example.com/claims/ref": {Text: "claims.ref"},
			},
		}, {
			Shadow:        true,
			If:            config.Expression{Text: `claims.repository_owner_id == "99"`},
			Resource:      "https://deploy.example.com",
			Scopes:        []string{"deploy.read"},
			DefaultScopes: []string{"deploy.read"},
			Lifetime:      10 * time.Minute,
		}},
	}, ignorePositions)

	endOfMarch := time.Date(2027, time.March, 31, 0, 0, 0, 0, time.UTC)
	equal(t, "the exceptions of a client", client(t, c, "warehouse").ClientAssertion, config.ClientAssertion{
		MaxLifetime: 10 * time.Minute,
		Exceptions: []config.Exception{
			{Name: "client_assertion.audience", Until: endOfMarch, Audience: "https://auth.example.com/oauth2/token"},
			{Name: "client_assertion.max_lifetime", Until: endOfMarch, MaxLifetime: time.Hour},
			{Name: "client_assertion.jti", Until: endOfMarch, JTIOptional: true},
		},
	}, ignorePositions)
	robot := c.Issuers[1]
	equal(t, "the exceptions of an issuer", robot.Assertion, config.Assertion{
		Audiences:         []string{"https://auth.example.com/robots"},
		MaxLifetime:       time.Hour,
		JTIRequired:       true,
		SubjectFromIssuer: true,
		ScopeFromClaim:    true,
		Exceptions: []config.Exception{
			{Name: "assertion.audiences[1]", Until: endOfMarch, Audience: "https://auth.example.com/v1/token"},
			{Name: "assertion.max_lifetime", Until: endOfMarch, MaxLifetime: 12 * time.Hour},
			{Name: "assertion.jti", Until: endOfMarch, JTIOptional: true},
		},
	}, ignorePositions)
	if !robot.Assertion.SubjectFromIssuer || !robot.Assertion.ScopeFromClaim || robot.Client != config.ClientAuthenticated {
		t.Errorf("the service account is read as %+v", robot)
	}
	if !client(t, c, "older-portal").Disabled || !client(t, c, "older-portal").Allow[0].Disabled {
		t.Error("what is disabled is not")
	}
}

func client(t *testing.T, c *config.Config, id string) config.Client {
	t.Helper()
	for _, client := range c.Clients {
		if client.ID == id {
			return client
		}
	}
	t.Fatalf("no client %q", id)
	return config.Client{}
}

func equal[T any](t *testing.T, what string, got, want T, options ...cmp.Option) {
	t.Helper()
	if diff := cmp.Diff(want, got, options...); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func at(line int, path string) config.Position {
	return config.Position{Document: "config.yaml", Line: line, Path: path}
}

func TestPositionsOfWhatIsCheckedLater(t *testing.T) {
	c := expectFaults(t, inClient+`
    authentication: client_secret_basic
    secrets:
      - $2b$10$irJafH76pkVUsJx9y9IuJe4bMCurhNQ.bxqomkuZ3VHKeMqcnZ5/e
    grants: [client_credentials]
issuers:
  - issuer: https://idp.example.com
    keys:
      file: idp.pem
    allow:
      - resource: https://api.example.com
        scopes: [read]
        if:
          claims.a == "b"
        claims:
          team: claims.team
          "https://example.com/team": claims.team
`)
	rule := c.Issuers[0].Allow[0]
	for _, test := range []struct{ got, want config.Position }{
		{c.SigningKeys.At, at(2, "signing_keys")},
		{c.Resources[0].At, at(4, "resources[0]")},
		{c.Clients[0].At, at(7, "clients[0]")},
		{c.Clients[0].Allow[0].At, at(8, "clients[0].allow[0]")},
		{c.Clients[0].Secrets[0].At, at(12, "clients[0].secrets[0]")},
		{c.Issuers[0].At, at(15, "issuers[0]")},
		{c.Issuers[0].Assertion.At, at(15, "issuers[0]")},
		{c.Issuers[0].Keys.At, at(16, "issuers[0].keys")},
		{rule.At, at(19, "issuers[0].allow[0]")},
		{rule.If.At, at(21, "issuers[0].allow[0].if")},
		{rule.Claims["team"].At, at(24, "issuers[0].allow[0].claims.team")},
		{rule.Claims["https://example.com/team"].At, at(25, `issuers[0].allow[0].claims["https://example.com/team"]`)},
	} {
		equal(t, "position", test.got, test.want)
	}
	for what, position := range map[string]config.Position{
		"keys of a client":      c.Clients[0].Keys.At,
		"its client assertions": c.Clients[0].ClientAssertion.At,
		"its own assertions":    c.Clients[0].Assertion.At,
		"subject of a rule":     rule.Subject.At,
		"troubleshooting":       c.Troubleshooting.At,
	} {
		equal(t, what+", which is not written", position, config.Position{})
	}
}

func TestDefaults(t *testing.T) {
	c := expectFaults(t, inClient+`
    authentication: private_key_jwt
    keys: {file: batch.pem}
    grants: [client_credentials]
issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.pem}
    allow: [{resource: https://api.example.com, scopes: [write, read]}]
access_tokens: {lifetime: 90s}
`)
	ignorePositions := cmpopts.IgnoreTypes(config.Position{})
	equal(t, "signing keys", c.SigningKeys, config.SigningKeys{
		KeyRing:         config.KeyRing{Secret: "projects/acme/secrets/keys", Algorithm: "ES256"},
		JWKSMaxAge:      5 * time.Minute,
		RefreshInterval: time.Minute,
	}, ignorePositions)
	equal(t, "clock skew", c.ClockSkew, 10*time.Second)
	equal(t, "client assertion", c.Clients[0].ClientAssertion, config.ClientAssertion{MaxLifetime: 10 * time.Minute})
	equal(t, "own assertion", c.Clients[0].Assertion, config.Assertion{MaxLifetime: time.Hour})
	equal(t, "issuer", c.Issuers[0], config.Issuer{
		Issuer:    "https://idp.example.com",
		Keys:      config.Keys{File: "idp.pem"},
		Assertion: config.Assertion{MaxLifetime: time.Hour},
		Client:    config.ClientNotNeeded,
		Allow: []config.Rule{{
			Resource: "https://api.example.com",
			Scopes:   []string{"write", "read"},
			// All that may be granted is granted where nothing is requested (protocol S1).
			DefaultScopes: []string{"write", "read"},
			Lifetime:      90 * time.Second,
		}},
	}, ignorePositions)

	minimal := expectFaults(t, prelude)
	equal(t, "lifetime of access tokens", minimal.AccessTokens.Lifetime, 10*time.Minute)
}

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
		{"rules_that_nothing_applies", inClient + `
    authentication: none
    grants: [` + jwtBearer + `]`,
			"config.yaml:8: clients[0].allow: allow is never used"},
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
		"a_turned_off":  prelude + "troubleshooting: {rec_token: false}",
		"keys_by_https": inKeys + "      {jwks_uri: https://idp.example.com/jwks.json, private_network: false}",
		"an_issuer":     inIssuer,
		"an_exception":  inIssuer + "    audiences: [{value: a, until: 2027-03-31}]",
		"a_rule_of_5_m": inRules + "      - {resource: https://api.example.com, scopes: [read], lifetime: 5m}",
	} {
		t.Run(name, func(t *testing.T) {
			if warnings := expectFaults(t, document).Warnings; len(warnings) > 0 {
				t.Errorf("warnings:\n%v", warnings)
			}
		})
	}
}
