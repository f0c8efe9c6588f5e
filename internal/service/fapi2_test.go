package service_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/service"
)

const heldToFAPI2 = `
issuer: https://auth.example.com
profile: fapi2
signing_keys: {directory: keys}
resources:
  - {id: https://api.example.com, scopes: [read]}
clients:
  - id: batch
    authentication: private_key_jwt
    keys: {jwks: '%s'}
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
issuers:
  - issuer: https://idp.example.com
    client: authenticated
    keys: {jwks: '%s'}
    allow: [{resource: https://api.example.com, scopes: [read]}]
`

// FAPI 2.0 §5.4.1: a key that can never verify anything is believed to work by whoever has written it down.
func TestFAPI2_a_key_for_another_algorithm_is_a_fault_where_it_is_written(t *testing.T) {
	set := func(algorithm jose.Algorithm) string {
		key, err := jose.GenerateSigningKey(algorithm)
		if err != nil {
			t.Fatal(err)
		}
		text, err := jose.EncodeKeySet(jose.KeySet{key.Verification()})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	good := set(jose.PS256)
	for name, test := range map[string]struct{ client, issuer, place string }{
		"none":         {good, good, ""},
		"of a client":  {set(jose.RS256), good, "clients[0].keys"},
		"of an issuer": {good, set(jose.ES384), "issuers[0].keys"},
	} {
		t.Run(name, func(t *testing.T) {
			built, _, faults := service.Load("config.yaml", fmt.Appendf(nil, heldToFAPI2, test.client, test.issuer), service.Surroundings{
				Secrets: func(string) keys.Source { return nil }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
			})
			if test.place == "" {
				if built == nil || len(faults) > 0 {
					t.Fatal(faults)
				}
				return
			}
			if built != nil || len(faults) != 1 || faults[0].At.Path != test.place || !strings.Contains(faults[0].Problem, "FAPI 2.0") {
				t.Errorf("%v", faults)
			}
		})
	}
}
