package config_test

import (
	"os"
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
			KeyRing: config.KeyRing{
				Secret:     "projects/acme/secrets/countersign-signing-keys",
				PublicKeys: "projects/acme/secrets/countersign-signing-keys-public",
				Algorithm:  "ES256",
			},
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
		AccessTokens: config.AccessTokens{Lifetime: 10 * time.Minute},
		OpaqueTokens: config.OpaqueTokens{Secret: "projects/acme/secrets/opaque-tokens"},
		ClockSkew:    10 * time.Second,
		Replay:       config.Replay{Firestore: "projects/acme/databases/(default)"},
		DPoP:         config.DPoP{Nonces: "projects/acme/secrets/dpop-nonces"},
		IdentityAssertions: []config.IdentityAssertions{{
			Audience:  "https://auth.chat.example.net",
			Clients:   []config.IdentityClient{{ID: "assistant", ClientID: "f53f191f9311af35"}},
			Issuers:   []string{"https://login.example.com"},
			Scopes:    []string{"chat.read", "chat.history"},
			Resources: []string{"https://api.chat.example.net/mcp"},
			Lifetime:  5 * time.Minute,
		}},
		StopList: config.StopList{Secret: "projects/acme/secrets/stop-list"},
		MutualTLS: config.MutualTLS{
			Endpoint:          "https://mtls.auth.example.com",
			CAFile:            "clients-ca.pem",
			CertificateHeader: "Client-Cert",
			ChainHeader:       "Client-Cert-Chain",
			Proxy:             config.Proxy{Secret: "projects/acme/secrets/proxy", Header: "X-Proxy-Authorization"},
		},
		Metadata:        config.Metadata{MCPClients: true},
		Limits:          config.Limits{ClientFailures: 60, SourceFailures: 600, ForwardedFor: 2},
		Troubleshooting: config.Troubleshooting{RecToken: true},
		Resources: []config.Resource{
			{ID: "https://invoices.example.com", Scopes: []string{"invoices.read", "invoices.write"}},
			{ID: "https://deploy.example.com", Scopes: []string{"deploy.read", "deploy.write"}},
			{
				ID: "https://legacy.example.com", Scopes: []string{"legacy.read"},
				AccessTokens: config.ResourceAccessToken{Algorithm: "RS256"},
			},
			{ID: "https://payments.example.com", Scopes: []string{"payments.write"}, DPoPRequired: true, MTLSRequired: true, StatusList: true},
			{
				ID: "https://records.example.com", Scopes: []string{"records.read"},
				AccessTokens: config.ResourceAccessToken{Opaque: true},
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

	equal(t, "a client with a certificate", client(t, c, "treasury"), config.Client{
		ID:              "treasury",
		Authentication:  config.TLSClientAuth,
		CertificateName: config.CertificateName{SubjectDN: "CN=treasury,O=Acme,C=CH"},
		DPoPRequired:    true,
		MTLSRequired:    true,
		ClientAssertion: config.ClientAssertion{MaxLifetime: 10 * time.Minute},
		Grants:          []string{config.ClientCredentials},
		Assertion:       config.Assertion{MaxLifetime: time.Hour},
		Allow: []config.Rule{{
			Resource:      "https://payments.example.com",
			Scopes:        []string{"payments.write"},
			DefaultScopes: []string{"payments.write"},
			Lifetime:      10 * time.Minute,
		}},
	}, ignorePositions)
	for id, name := range map[string]config.CertificateName{
		"mesh-gateway": {SANDNS: "gateway.mesh.example.com"},
		"mesh-batch":   {SANURI: "spiffe://example.org/payments/batch"},
		"appliance":    {SANIP: "192.0.2.7"},
		"night-shift":  {SANEmail: "night-shift@example.com"},
		"bank":         {},
	} {
		equal(t, "the certificate of "+id, client(t, c, id).CertificateName, name, ignorePositions)
	}
	if bank := client(t, c, "bank"); !c.FAPI2(bank) || c.FAPI2(client(t, c, "treasury")) {
		t.Errorf("the profiles are read as %q of the bank and %q of the service", bank.Profile, c.Profile)
	}

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
  - id: tls
    authentication: tls_client_auth
    tls_client_auth_san_ip: 192.0.2.7
    grants: [`+jwtBearer+`]
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
mutual_tls:
  ca_file: ca.pem
  proxy: {secret: projects/acme/secrets/proxy}
replay: {firestore: projects/acme/databases/replay}
dpop: {nonces: projects/acme/secrets/nonces}
`)
	rule := c.Issuers[0].Allow[0]
	for _, test := range []struct{ got, want config.Position }{
		{c.SigningKeys.At, at(2, "signing_keys")},
		{c.Clients[1].CertificateName.At, at(16, "clients[1].tls_client_auth_san_ip")},
		{c.MutualTLS.At, at(30, "mutual_tls")},
		{c.MutualTLS.Proxy.At, at(32, "mutual_tls.proxy")},
		{c.Replay.At, at(33, "replay")},
		{c.DPoP.At, at(34, "dpop")},
		{c.Resources[0].At, at(4, "resources[0]")},
		{c.Clients[0].At, at(7, "clients[0]")},
		{c.Clients[0].Allow[0].At, at(8, "clients[0].allow[0]")},
		{c.Clients[0].Secrets[0].At, at(12, "clients[0].secrets[0]")},
		{c.Issuers[0].At, at(19, "issuers[0]")},
		{c.Issuers[0].Assertion.At, at(19, "issuers[0]")},
		{c.Issuers[0].Keys.At, at(20, "issuers[0].keys")},
		{rule.At, at(23, "issuers[0].allow[0]")},
		{rule.If.At, at(25, "issuers[0].allow[0].if")},
		{rule.Claims["team"].At, at(28, "issuers[0].allow[0].claims.team")},
		{rule.Claims["https://example.com/team"].At, at(29, `issuers[0].allow[0].claims["https://example.com/team"]`)},
	} {
		equal(t, "position", test.got, test.want)
	}
	for what, position := range map[string]config.Position{
		"keys of a client":      c.Clients[0].Keys.At,
		"its client assertions": c.Clients[0].ClientAssertion.At,
		"its own assertions":    c.Clients[0].Assertion.At,
		"subject of a rule":     rule.Subject.At,
		"name in a certificate": c.Clients[0].CertificateName.At,
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
	equal(t, "what is not written", minimal.MutualTLS.IsZero() && minimal.Clients == nil, true)
	equal(t, "where what is used once is remembered", minimal.Replay, config.Replay{})
	equal(t, "what holds for proofs", minimal.DPoP, config.DPoP{})
	equal(t, "lifetime of access tokens", minimal.AccessTokens.Lifetime, 10*time.Minute)
}
