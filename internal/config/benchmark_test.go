package config_test

import (
	"fmt"
	"strings"
	"testing"

	"example.com/countersign/internal/config"
)

// many returns a document of so many clients, and of one issuer with so many rules.
func many(clients, rules int, keys string) []byte {
	var b strings.Builder
	b.WriteString(prelude)
	if clients > 0 {
		b.WriteString("clients:\n")
	}
	for n := range clients {
		fmt.Fprintf(&b, `  - id: client-%d
    authentication: private_key_jwt
    keys: %s
    grants: [client_credentials]
    allow:
      - {resource: https://api.example.com, scopes: [read]}
`, n, keys)
	}
	fmt.Fprintf(&b, "issuers:\n  - issuer: https://idp.example.com\n    keys: {file: idp.pem}\n    allow:\n")
	for n := range rules {
		fmt.Fprintf(&b, `      - if: claims.repository_id == "%d" && claims.ref == "refs/heads/main"
        subject: '"repo:" + claims.repository'
        resource: https://api.example.com
        scopes: [write]
        lifetime: 5m
`, n)
	}
	return []byte(b.String())
}

// Half the clients mean half the time: the pairs show whether loading is linear.
func BenchmarkLoad(b *testing.B) {
	for _, size := range []struct {
		name           string
		clients, rules int
		keys           string
	}{
		{"1_rule", 0, 1, ""},
		{"1000_rules", 0, 1000, ""},
		{"5000_clients_and_500_rules", 5000, 500, "{secret: projects/acme/secrets/client-keys}"},
		{"10000_clients_and_1000_rules", 10000, 1000, "{secret: projects/acme/secrets/client-keys}"},
		{"5000_clients_with_a_jwks", 5000, 1, "{jwks: {keys: [" + publicJWK + "]}}"},
		{"10000_clients_with_a_jwks", 10000, 1, "{jwks: {keys: [" + publicJWK + "]}}"},
	} {
		document := many(size.clients, size.rules, size.keys)
		b.Run(size.name, func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			for b.Loop() {
				if _, faults := config.Load("config.yaml", document); len(faults) > 0 {
					b.Fatal(faults)
				}
			}
		})
	}
}
