package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"example.com/countersign/internal/config"
)

func ExampleFaults() {
	_, faults := config.Load("config.yaml", []byte(`
issuer: http://auth.example.com
signing_keys: {directory: ./keys}
resources:
  - id: https://invoices.example.com
    scopes: [invoices.read]
clients:
  - id: billing-batch
    authentication: private_key_jw
    grants: [client_credentials]
    alow: []
`))
	fmt.Println(faults)
	// Output:
	// config.yaml:2: issuer: issuer is http beyond this machine; write https://HOST, with a port and a path if need be (RFC 8414 §2), or http://localhost, http://127.0.0.1 or http://[::1] for a local run
	// config.yaml:8: clients[0].allow: allow is missing: no rule, no token
	// config.yaml:9: clients[0].authentication: authentication is "private_key_jw"; use one of private_key_jwt, client_secret_jwt, client_secret_basic, client_secret_post, tls_client_auth, self_signed_tls_client_auth, none
	// config.yaml:11: clients[0].alow: alow is not a field here; did you mean allow?
}

func TestNoFaultIsNoError(t *testing.T) {
	_, faults := config.Load("config.yaml", []byte(prelude))
	if err := faults.Err(); err != nil {
		t.Errorf("Err() = %v, want nil", err)
	}
}

func TestFaultsAreAnErrorThatKeepsThem(t *testing.T) {
	_, faults := config.Load("config.yaml", []byte("issuer: x"))
	var kept config.Faults
	if !errors.As(fmt.Errorf("starting: %w", faults.Err()), &kept) || len(kept) != len(faults) {
		t.Errorf("the error holds %d faults, want %d", len(kept), len(faults))
	}
}

func TestFaultsThatAreAddedLaterAreSortedByLine(t *testing.T) {
	faults := config.Faults{
		{At: config.Position{Line: 3, Path: "c"}},
		{At: config.Position{Line: 1, Path: "a"}},
		{At: config.Position{Line: 3, Path: "b"}},
	}
	faults.Sort()
	var paths []string
	for _, fault := range faults {
		paths = append(paths, fault.At.Path)
	}
	if got := strings.Join(paths, " "); got != "a c b" {
		t.Errorf("order = %s, want a c b: by line, and within a line as added", got)
	}
}

// A document that is no configuration at all must not cost more memory than a person can use.
func TestFaultsAreCountedAndNotKeptBeyondAThousand(t *testing.T) {
	document := "unknown:\n" + strings.Repeat("- x\n", 10) + "clients: [" + strings.Repeat("0,", 5000) + "]\n"
	_, faults := config.Load("config.yaml", []byte(document))
	if len(faults) != 1001 {
		t.Fatalf("%d faults, want 1001", len(faults))
	}
	last := faults[1000]
	if last.At.Path != "" || !strings.Contains(last.Problem, "more faults") {
		t.Errorf("the last fault is %q, want it to count the others", last)
	}
}

func TestASecretInTheWrongPlaceIsNotRepeatedInTheFault(t *testing.T) {
	const password = "correct-horse"
	for name, document := range map[string]string{
		"as_the_name_of_a_secret":   inKeys + "      {shared_secret: correct-horse, algorithm: HS256}",
		"as_the_name_of_our_secret": "signing_keys: {secret: correct-horse}",
		"as_the_name_of_a_key":      "signing_keys: {kms: correct-horse}",
		"as_a_secret_of_a_ring":     inRings + "    - {secret: correct-horse, algorithm: RS256}",
		"as_a_file":                 inKeys + "      file: |\n        correct-horse\n",
		"as_a_jwks":                 inKeys + "      jwks: correct-horse",
		"as_a_hash":                 inClient + "    secrets: [correct-horse]",
		"as_hashes":                 inClient + "    secrets: correct-horse",
		"as_a_password_in_a_url":    "issuer: https://admin:correct-horse@auth.example.com",
		"as_a_duration":             "clock_skew: correct-horse",
		"as_a_number":               "troubleshooting: {rec_token: correct-horse}",
		"as_an_alias":               inClient + "    secrets: [*correct-horse]",
		"as_an_anchor":              inClient + "    secrets: [&correct-horse x]",
		"as_a_tag":                  inClient + "    secrets: [!correct-horse x]",
	} {
		t.Run(name, func(t *testing.T) {
			_, faults := config.Load("config.yaml", []byte(document))
			if len(faults) == 0 {
				t.Error("no fault")
			}
			if strings.Contains(faults.Error(), password) {
				t.Errorf("the faults repeat it:\n%v", faults)
			}
		})
	}
}
