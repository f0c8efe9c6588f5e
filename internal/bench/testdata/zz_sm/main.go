package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
	"example.com/countersign/internal/jose"
)

func main() {
	s, err := localsecrets.Start(localsecrets.Config{Now: time.Now, Address: "127.0.0.1:19999"})
	if err != nil {
		panic(err)
	}
	c, _ := gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: s.Address()})
	if err := c.CreateSecret(context.Background(), "projects/bench/secrets/signing"); err != nil {
		panic(err)
	}
	k, _ := jose.GenerateSigningKey(jose.ES256)
	t, _ := k.EncodePrivateJWK()
	c.AddVersion(context.Background(), "projects/bench/secrets/signing", t)
	cl, _ := jose.GenerateSigningKey(jose.ES256)
	set, _ := jose.EncodeKeySet(jose.KeySet{cl.Verification()})
	os.WriteFile("/tmp/sm/jwks.json", set, 0o600)
	pk, _ := cl.EncodePrivateJWK()
	os.WriteFile("/tmp/sm/client.jwk", pk, 0o600)
	os.WriteFile("/tmp/sm/config.yaml", []byte(fmt.Sprintf(`issuer: https://auth.example.com
signing_keys: {secret: projects/bench/secrets/signing}
resources:
  - {id: 'https://api.example.com', scopes: [read, write]}
  - {id: 'https://deploy.example.com', scopes: [deploy.write]}
clients:
  - id: client-0
    authentication: private_key_jwt
    keys: {jwks: '%s'}
    grants: [client_credentials]
    allow:
      - {resource: 'https://api.example.com', scopes: [read, write]}
issuers:
  - preset: github-actions
    allow:
      - if: claims.repository_id == "1234" && claims.ref == "refs/heads/main"
        subject: '"repo:" + claims.repository'
        resource: https://deploy.example.com
        scopes: [deploy.write]
        lifetime: 5m
`, set)), 0o600)
	select {}
}
