package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"example.com/countersign/internal/jose"
)

// The registrations below are lines to paste into the configuration. Each loads as it stands once its resource and
// scopes are ones that the configuration has.

// registerKeyPair returns the registration of a client that signs with key.
func registerKeyPair(id string, key jose.SigningKey) (string, error) {
	public, err := key.Verification().EncodeSPKI()
	return fmt.Sprintf(`clients:
  - id: %s
    authentication: private_key_jwt
    keys:
      algorithm: %s
      pem: |
%s    grants: [client_credentials]
    allow:
      - {resource: https://api.example.com, scopes: [read]}
`, yamlText(id), key.Algorithm(), indent(8, public)), err
}

// registerSharedSecret returns the registration of a client that shares a secret with the service.
func registerSharedSecret(id string, algorithm jose.Algorithm) string {
	return fmt.Sprintf(`clients:
  - id: %s
    authentication: client_secret_jwt
    keys: {shared_secret: projects/PROJECT/secrets/SECRET, algorithm: %s}
    grants: [client_credentials]
    allow:
      - {resource: https://api.example.com, scopes: [read]}
`, yamlText(id), algorithm)
}

// registerGoogleKey returns the registration of a client that gets its tokens through Google's auth libraries. It needs
// no client authentication: its assertion proves who it is (protocol G2).
func registerGoogleKey(id string, key jose.SigningKey) (string, error) {
	public, err := key.Verification().EncodeSPKI()
	return fmt.Sprintf(`clients:
  - id: %s
    authentication: none              # the assertion says and proves who it is
    keys:
      algorithm: RS256
      pem: |
%s    grants: ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assertion:
      subject: issuer                 # the libraries send no sub
      scope: claim                    # the scope is in the assertion
      jti: optional                   # they send no jti either, so that a copied assertion works again until it expires
      max_lifetime: 1h
      audiences: [%s]   # Python's and Java's aud; Go's is token_uri
    allow:
      - {resource: https://api.example.com, scopes: [read]}
`, yamlText(id), indent(8, public), googleAudience), err
}

// registerHash returns the registration of a client with a secret of which the service has the hash only.
func registerHash(id, hash string) string {
	return fmt.Sprintf(`clients:
  - id: %s
    authentication: client_secret_basic
    secrets:
      - %s
    grants: [client_credentials]
    allow:
      - {resource: https://api.example.com, scopes: [read]}
`, yamlText(id), hash)
}

// indent shifts every line to the right.
func indent(columns int, text []byte) string {
	margin := strings.Repeat(" ", columns)
	return margin + strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n"+margin) + "\n"
}

// yamlText writes a string so that YAML reads it as that string: plain where it cannot be taken for anything else, or
// quoted as in JSON, which YAML reads alike.
func yamlText(text string) string {
	if regexp.MustCompile(`\A[A-Za-z][A-Za-z0-9]*[-._@/][-A-Za-z0-9._@/]*\z`).MatchString(text) {
		return text
	}
	quoted, _ := json.Marshal(text) // a string always encodes
	return string(quoted)
}
