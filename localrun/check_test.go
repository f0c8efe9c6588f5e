package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
)

func TestEveryFaultIsReportedInTheOrderOfItsLine(t *testing.T) {
	folder := t.TempDir()
	path := write(t, filepath.Join(folder, "config.yaml"), `issuer: https://auth.example.com/?tenant=1
signing_keys: {secret: projects/acme/secrets/keys}
resources:
  - id: https://api.example.com
    scopes: [read]
clients:
  - id: batch
    authentication: private_key_jwt
    keys: {file: batch.pem}
    grants: [client_credentials]
    allow:
      - {resource: https://api.example.com, scopes: [write]}
issuers:
  - issuer: https://ci.example.com
    keys:
      jwks: {keys: [{kty: EC, crv: P-256, x: AA, y: AA}]}
    allow:
      - if: claims.ref ==
        resource: https://api.example.com
        scopes: [read]
`)
	result := runCommand(t, "", "check", path)
	if result.err == nil || result.err.Error() != path+" has 5 faults" {
		t.Errorf("the error is %v", result.err)
	}
	var got []string
	for line := range strings.Lines(result.stdout) {
		place, isFault := strings.CutPrefix(line, path+":")
		if !isFault {
			t.Fatalf("%q is no fault", line)
		}
		number, rest, _ := strings.Cut(place, ": ")
		where, problem, _ := strings.Cut(rest, ": ")
		if strings.TrimSpace(problem) == "" {
			t.Errorf("%q does not say what is wrong", line)
		}
		got = append(got, number+" "+where)
	}
	want := []string{"1 issuer", "9 clients[0].keys", "12 clients[0].allow[0].scopes[0]", "15 issuers[0].keys", "18 issuers[0].allow[0].if"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the faults (-want +got):\n%s\n%s", diff, result.stdout)
	}
}

// TestConsequencesOfAFaultAreNotReported holds that a fault is told once, in the words of the document: what cannot be
// built because of it says nothing new.
func TestConsequencesOfAFaultAreNotReported(t *testing.T) {
	result := runCommand(t, `issuer: https://auth.example.com
signing_keys: {secret: projects/acme/secrets/keys, algorithm: ES25}
resources: [{id: https://api.example.com, scopes: [read]}]
clients:
  - {id: a, authentication: client_secret_basic, secrets: [hunter2], grants: [client_credentials], allow: [{resource: https://api.example.com}]}
  - {id: a, authentication: none, grants: ["urn:ietf:params:oauth:grant-type:jwt-bearer"], allow: [{resource: https://api.example.com, scopes: [read]}]}
issuers: [{issuer: i, allow: [{resource: https://api.example.com, scopes: [read]}]}]
`, "check", "-")
	for _, want := range []string{"standard input:2: signing_keys.algorithm", "5: clients[0].secrets[0]", "5: clients[0].allow[0].scopes", "6: clients[1].id", "7: issuers[0].keys"} {
		if strings.Count(result.stdout, want) != 1 {
			t.Errorf("want %q once in\n%s", want, result.stdout)
		}
	}
	if faults := strings.Count("\n"+result.stdout, "\nstandard input:"); faults != 5 || strings.Contains(result.stdout, "hunter2") {
		t.Errorf("want 5 faults and no secret:\n%s", result.stdout)
	}
}

// completeConfiguration is the one that has every field, with the key file that it names.
func completeConfiguration(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	document := read(t, filepath.Join("..", "testdata", "config", "complete.yaml"))
	public, err := parsePrivate(t, rsaFixture(), jose.PS256).Verification().EncodeSPKI()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "command-line.pem"), string(public))
	anchor, err := jose.EncodeKeySet(jose.KeySet{parsePrivate(t, rsaFixture(), jose.PS256).Verification()})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "anchor.json"), string(anchor))
	// A pod has the certificate of its cluster.
	server := httptest.NewTLSServer(nil)
	server.Close()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	write(t, filepath.Join(folder, "ca.crt"), string(certificate))
	write(t, filepath.Join(folder, "clients-ca.pem"), string(certificate))
	document = bytes.ReplaceAll(document, []byte("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"), []byte("ca.crt"))
	return write(t, filepath.Join(folder, "config.yaml"), string(document))
}

func TestTableSaysWhoMayGetWhat(t *testing.T) {
	path := completeConfiguration(t)
	printed := succeed(t, "check", path)
	_, table, _ := strings.Cut(printed, "\n\n")
	for line := range strings.Lines(table) {
		if utf8.RuneCountInString(line)-1 > tableWidth && !strings.HasPrefix(line, path) {
			t.Errorf("a line is wider than %d columns: %q", tableWidth, line)
		}
	}
	for _, want := range []string{
		"client billing-batch (private_key_jwt) by client_credentials\n  https://invoices.example.com ",
		" invoices.read invoices.write             10m  JWT ES256\n    default scopes invoices.read\n",
		" JWT HS512\n",
		" JWT RS256\n",
		"client older-portal (client_secret_post) by client_credentials\n",
		"\n    disabled: nothing of this is granted\n",
		"\n    audit: nothing of this is granted, and the log says what would be\n    if claims.repository_owner_id == \"99\"\n",
		"client treasury (tls_client_auth) by client_credentials\n  https://payments.example.com ",
		" JWT ES256\n    DPoP: the token is bound to a key\n    mTLS: the token is bound to a certificate\n",
		"client bank (self_signed_tls_client_auth) by client_credentials\n  https://invoices.example.com ",
		"\n    FAPI 2.0: the token is bound to a key (DPoP) or to a certificate (mTLS)\n",
		"issuer https://token.actions.githubusercontent.com (client optional) by jwt-bearer, token-exchange\n",
		"client invoices-api (private_key_jwt) by token-exchange\n  https://payments.example.com ",
		"\n    for an access token: with its subject, no later than its end, and no more at what it is for\n",
		"\n    if claims.repository_id == \"1234\" && claims.ref == \"refs/heads/main\"\n    subject \"repo:\" + claims.repository\n",
		"\n    claim repository = claims.repository\n",
		"\n" + path + " is good.\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("want %q in\n%s", want, table)
		}
	}
}

func TestWarningsAreNoFaults(t *testing.T) {
	printed := succeed(t, "check", completeConfiguration(t))
	warnings, _, _ := strings.Cut(printed, "\n\n")
	for line := range strings.Lines(warnings) {
		if !strings.HasPrefix(line, "warning: ") {
			t.Errorf("%q is no warning", line)
		}
	}
	if !strings.Contains(warnings, "troubleshooting.rec_token") {
		t.Errorf("want a warning about rec_token in\n%s", warnings)
	}
}

func TestCheckForMachines(t *testing.T) {
	var result struct {
		Faults   []finding
		Warnings []finding
		Allowed  []entitlement
	}
	path := completeConfiguration(t)
	rules := strings.Count(string(read(t, path)), "resource: ")
	printed := succeed(t, "check", "-json", path)
	if err := json.Unmarshal([]byte(printed), &result); err != nil {
		t.Fatal(err)
	}
	if result.Faults == nil || len(result.Faults) != 0 || len(result.Warnings) == 0 || len(result.Allowed) != rules {
		t.Errorf("the result is %+v", result)
	}
	want := entitlement{
		Kind: "client", Party: "warehouse", Grants: []string{"client_credentials"}, Authentication: "client_secret_jwt",
		Resource: "urn:example:legacy-ledger", Scopes: []string{"ledger.read"}, DefaultScopes: []string{"ledger.read"},
		Lifetime: 600, Format: "jwt", Algorithm: "HS512", Rule: "clients[2].allow[0]", Mode: "enforce",
	}
	if diff := cmp.Diff(want, result.Allowed[2]); diff != "" {
		t.Errorf("the third entitlement (-want +got):\n%s", diff)
	}

	named := slices.IndexFunc(result.Allowed, func(e entitlement) bool { return e.Rule == "issuers[0].allow[1]" })
	if named < 0 {
		t.Fatalf("the rule on trial is not there: %+v", result.Allowed)
	}
	if onTrial := result.Allowed[named]; onTrial.Mode != "audit" || onTrial.Disabled {
		t.Errorf("the rule on trial is %+v", onTrial)
	}

	faulty := runCommand(t, "issuer: 1", "check", "--json", "-")
	if err := json.Unmarshal([]byte(faulty.stdout), &result); err != nil {
		t.Fatal(err)
	}
	if faulty.err == nil || len(result.Faults) == 0 || result.Faults[0].Line != 1 || len(result.Allowed) != 0 {
		t.Errorf("%v, %+v", faulty.err, result)
	}
}

// TestTableNamesTheAlgorithmOfEachAPI holds that the table says what verifies a token: the first ring, the ring that its
// API names, or its shared secret; and never a ring that signs nothing.
func TestTableNamesTheAlgorithmOfEachAPI(t *testing.T) {
	result := runCommand(t, `issuer: https://auth.example.com
signing_keys:
  secret: projects/acme/secrets/keys
  algorithm: EdDSA
  additional:
    - {secret: projects/acme/secrets/old, algorithm: ES256, publish_only: true}
    - {secret: projects/acme/secrets/rs256, algorithm: RS256}
resources:
  - {id: "urn:first", scopes: [read]}
  - {id: "urn:named", scopes: [read], access_tokens: {algorithm: EdDSA}}
  - {id: "urn:legacy", scopes: [read], access_tokens: {algorithm: RS256}}
  - {id: "urn:ledger", scopes: [read], access_tokens: {algorithm: HS384, shared_secret: projects/acme/secrets/ledger}}
  - {id: "urn:records", scopes: [read], access_tokens: {format: opaque}}
opaque_tokens: {secret: projects/acme/secrets/opaque}
issuers:
  - issuer: https://ci.example.com
    keys: {secret: projects/acme/secrets/ci}
    allow:
      - {resource: "urn:records", scopes: [read]}
      - {resource: "urn:ledger", scopes: [read]}
      - {resource: "urn:legacy", scopes: [read]}
      - {resource: "urn:named", scopes: [read]}
      - {resource: "urn:first", scopes: [read]}
`, "check", "-")
	if result.err != nil {
		t.Fatal(result.err, result.stdout)
	}
	var got []string
	for line := range strings.Lines(result.stdout) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "  urn:") {
			got = append(got, fields[0]+" "+fields[len(fields)-1])
		}
	}
	want := []string{"urn:records opaque", "urn:ledger HS384", "urn:legacy RS256", "urn:named EdDSA", "urn:first EdDSA"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("algorithms (-want +got):\n%s\n%s", diff, result.stdout)
	}
}

// TestTableSaysWhatTokensAreBoundTo holds that a token is bound to what its client, its API or the profile asks for, and
// that nothing is said where nobody asks.
func TestTableSaysWhatTokensAreBoundTo(t *testing.T) {
	const beginning = `issuer: https://auth.example.com
signing_keys: {secret: projects/acme/secrets/keys}
mutual_tls: {proxy: {secret: projects/acme/secrets/proxy}}
resources:
  - {id: "urn:free", scopes: [read]}
  - {id: "urn:key", scopes: [read], dpop: required}
  - {id: "urn:certificate", scopes: [read], mtls: required}
`
	client := func(id, fields string) string {
		return "  - {id: " + id + ", authentication: private_key_jwt, keys: {secret: projects/acme/secrets/a}, grants: [client_credentials]" + fields +
			", allow: [{resource: \"urn:free\", scopes: [read]}, {resource: \"urn:key\", scopes: [read]}, {resource: \"urn:certificate\", scopes: [read]}]}\n"
	}
	clients := "clients:\n" + client("free", "") + client("key", ", dpop: required") + client("certificate", ", mtls: required") + client("bank", ", profile: fapi2")
	const issuer = `issuers:
  - issuer: https://ci.example.com
    keys: {secret: projects/acme/secrets/ci}
    client: authenticated
    allow: [{resource: "urn:free", scopes: [read]}, {resource: "urn:key", scopes: [read]}]
`
	bindings := func(document string) (found []string) {
		t.Helper()
		result := runCommand(t, document, "check", "-json", "-")
		var printed struct{ Allowed []entitlement }
		if err := json.Unmarshal([]byte(result.stdout), &printed); err != nil || result.err != nil {
			t.Fatal(err, result.err, result.stdout)
		}
		for _, e := range printed.Allowed {
			said := e.Party + " " + e.Resource
			for _, condition := range conditions(e) {
				said += " " + strings.Split(condition, ":")[0]
			}
			found = append(found, said)
		}
		return found
	}
	want := []string{
		"free urn:free", "free urn:key DPoP", "free urn:certificate mTLS",
		"key urn:free DPoP", "key urn:key DPoP", "key urn:certificate DPoP mTLS",
		"certificate urn:free mTLS", "certificate urn:key DPoP mTLS", "certificate urn:certificate mTLS",
		"bank urn:free FAPI 2.0", "bank urn:key DPoP FAPI 2.0", "bank urn:certificate mTLS FAPI 2.0",
		"https://ci.example.com urn:free", "https://ci.example.com urn:key DPoP",
	}
	if diff := cmp.Diff(want, bindings(beginning+clients+issuer)); diff != "" {
		t.Errorf("what tokens are bound to (-want +got):\n%s", diff)
	}
	want = []string{
		"free urn:free FAPI 2.0", "free urn:key DPoP FAPI 2.0", "free urn:certificate mTLS FAPI 2.0",
		"https://ci.example.com urn:free FAPI 2.0", "https://ci.example.com urn:key DPoP FAPI 2.0",
	}
	if diff := cmp.Diff(want, bindings("profile: fapi2\n"+beginning+"clients:\n"+client("free", "")+issuer)); diff != "" {
		t.Errorf("what all tokens are bound to (-want +got):\n%s", diff)
	}
}

func TestTheExampleOfTheProfileIsGood(t *testing.T) {
	printed := succeed(t, "check", filepath.Join("..", "testdata", "config", "fapi2.yaml"))
	for _, want := range []string{"warning: ", "mutual_tls.proxy.ingress", " JWT PS256\n", "\n    FAPI 2.0: ", "fapi2.yaml is good.\n"} {
		if !strings.Contains(printed, want) {
			t.Errorf("want %q in\n%s", want, printed)
		}
	}
}

func TestEmptyPolicyIsSaidInWords(t *testing.T) {
	printed := succeed(t, "check", filepath.Join("..", "testdata", "config", "minimal.yaml"))
	if !strings.Contains(printed, "Nobody may get anything") {
		t.Errorf("the output is %q", printed)
	}
}

func TestManyScopesAndLongConditionsAreWrapped(t *testing.T) {
	var text strings.Builder
	writeTable(&text, []entitlement{{
		Kind: kindIssuer, Party: "i", Grants: []string{"jwt-bearer"}, Resource: "https://" + strings.Repeat("long-", 12) + "name.example.com",
		Scopes: strings.Fields(strings.Repeat("invoices.read ", 9)), If: strings.Repeat("claims.ref == 'main' && ", 12) + "true",
		Lifetime: 5400, Format: "jwt", Algorithm: "ES256",
	}})
	for line := range strings.Lines(text.String()) {
		if utf8.RuneCountInString(line)-1 > tableWidth && !strings.Contains(line, "long-") {
			t.Errorf("a line is wider than %d columns: %q", tableWidth, line)
		}
	}
	if strings.Count(text.String(), "invoices.read") != 9 || !strings.Contains(text.String(), "1h30m") {
		t.Errorf("the table is\n%s", text.String())
	}
}

func TestDurationsAreShort(t *testing.T) {
	for seconds, want := range map[int64]string{1: "1s", 10: "10s", 60: "1m", 90: "1m30s", 600: "10m", 3600: "1h", 3610: "1h0m10s", 5400: "1h30m", 36000: "10h"} {
		if got := shortDuration(seconds); got != want {
			t.Errorf("%d seconds are %s, want %s", seconds, got, want)
		}
	}
}

func TestCheckRefusesWhatItCannotRead(t *testing.T) {
	folder := t.TempDir()
	refuse(t, []string{"check", filepath.Join(folder, "missing.yaml")}, "missing.yaml")
	refuse(t, []string{"check", folder}, "reading ")
	refuse(t, []string{"check", "a.yaml", "b.yaml"}, "one file at a time")
	refuse(t, []string{"check", "-jsn"}, "-jsn; localrun check -h")
	t.Chdir(folder)
	refuse(t, []string{"check"}, "there is no config.yaml here; say which file: localrun check FILE")
}

func TestExitStatusTellsWhetherAConfigurationIsGood(t *testing.T) {
	stdout, stderr, status := program(t, "check", filepath.Join("..", "testdata", "config", "minimal.yaml"))
	if status != 0 || stderr != "" {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
	stdout, stderr, status = program(t, "check", filepath.Join("..", "testdata", "config", "every-section-is-faulty.yaml"))
	if status != 1 || !strings.Contains(stdout, "yaml:2: issuer") || !strings.HasPrefix(stderr, "localrun: ") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
}

// TestOptionsOfTheSystemAreNotForCommands holds that check -config, which would be ignored, is refused.
func TestOptionsOfTheSystemAreNotForCommands(t *testing.T) {
	for _, name := range []string{"keys", "assert", "token", "check", "trust"} {
		for _, option := range []string{"-reset", "-config=x"} {
			_, stderr, status := program(t, name, option)
			if status != 1 || !strings.Contains(stderr, "not defined: "+strings.TrimSuffix(option, "=x")) {
				t.Errorf("%s %s: status %d, %q", name, option, status, stderr)
			}
		}
	}
}
