package server_test

import (
	"strings"
	"testing"
)

// acme is the configuration of most tests.
const acme = `
issuer: https://auth.example.com
signing_keys: {directory: keys}
resources:
  - {id: https://invoices.example.com, scopes: [invoices.read, invoices.write]}
  - {id: https://deploy.example.com, scopes: [deploy.read, deploy.write]}
  - {id: https://mail.example.com, scopes: [email]}
clients:
  - id: billing
    authentication: private_key_jwt
    keys: {file: billing.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read, invoices.write], default_scopes: [invoices.read]}
  - id: reporting
    authentication: private_key_jwt
    keys: {file: reporting.ES256.json}
    grants: [client_credentials, "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: portal                                      # its secret changes from one to the next
    authentication: client_secret_basic
    secrets:
      - $argon2id$v=19$m=64,t=1,p=1$f0Y4efikBUU$2aKtyboevh+TiGuyB2ri1A
      - $2a$04$SQhg/SBifBBKktyTdFrsEe7ep2VhHPleP82ZHrkeZGYfwitJr67Ca
    grants: [client_credentials, "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: mobile
    authentication: client_secret_post
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$AKpAqMYY9/0$X3XF2vTarmr06uPB/XY+QA"]
    grants: [client_credentials]
    allow:
      - {resource: https://deploy.example.com, scopes: [deploy.read, deploy.write]}
  - id: mail-app                                    # it only says who it is
    authentication: none
    grants: ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow:
      - {resource: https://mail.example.com, scopes: [email]}
issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.ES256.json}
    audiences: [mail-app]
    allow:
      - {resource: https://mail.example.com, scopes: [email]}
  - issuer: https://partner.example.com
    keys: {file: partner.ES256.json}
    client: authenticated
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - issuer: https://ci.example.com
    keys: {file: ci.ES256.json}
    client: identified
    allow:
      - {resource: https://deploy.example.com, scopes: [deploy.read, deploy.write]}
`

// vaulted is a configuration that keeps everything secret in Secret Manager.
const vaulted = `
issuer: https://auth.example.com
signing_keys: {secret: projects/acme/secrets/signing-keys}
resources:
  - {id: https://invoices.example.com, scopes: [invoices.read, invoices.write]}
  - id: urn:example:ledger                          # it can only verify with a shared secret
    scopes: [ledger.read]
    access_tokens: {algorithm: HS512, shared_secret: projects/acme/secrets/ledger-hmac}
clients:
  - id: billing
    authentication: private_key_jwt
    keys: {file: billing.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
      - {resource: "urn:example:ledger", scopes: [ledger.read]}
  - id: warehouse
    authentication: client_secret_jwt
    keys: {shared_secret: projects/acme/secrets/warehouse-hmac, algorithm: HS256}
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: portal
    authentication: client_secret_basic
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$f0Y4efikBUU$2aKtyboevh+TiGuyB2ri1A"]
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: mobile
    authentication: client_secret_post
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$AKpAqMYY9/0$X3XF2vTarmr06uPB/XY+QA"]
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: former-billing
    disabled: true
    authentication: private_key_jwt
    keys: {file: former.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: former-mobile
    disabled: true
    authentication: client_secret_post
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$AKpAqMYY9/0$X3XF2vTarmr06uPB/XY+QA"]
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
issuers:
  - issuer: legacy-portal                           # HMAC, and a fixed audience
    keys: {shared_secret: projects/acme/secrets/legacy-hmac, algorithm: HS512}
    audiences: [token-service]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
`

// The secrets of vaulted.
const (
	signingSecret   = "projects/acme/secrets/signing-keys"
	warehouseSecret = "projects/acme/secrets/warehouse-hmac"
	ledgerSecret    = "projects/acme/secrets/ledger-hmac"
	legacySecret    = "projects/acme/secrets/legacy-hmac"
)

// The secrets whose hashes stand in acme.
const (
	portalSecret     = "portal-secret-6b7c9e4a1d80"
	portalNextSecret = "portal-secret-f20415c3a9d7"
	mobileSecret     = "mobile-secret-93ad07e5b1c2"
)

// Parties of acme, as assertions name them.
const (
	us      = "https://auth.example.com"
	idp     = "https://idp.example.com"
	partner = "https://partner.example.com"
	ci      = "https://ci.example.com"
)

// variant returns a document with one part replaced, which must be there once.
func variant(t testing.TB, document, old, replacement string) string {
	t.Helper()
	if strings.Count(document, old) != 1 {
		t.Fatalf("%q is there %d times", old, strings.Count(document, old))
	}
	return strings.Replace(document, old, replacement, 1)
}
