package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/config"
)

const withExceptions = `issuer: https://auth.example.com
signing_keys: {secret: projects/acme/secrets/keys}
resources: [{id: "urn:api", scopes: [read]}]
clients:
  - id: batch
    authentication: private_key_jwt
    keys: {secret: projects/acme/secrets/batch}
    client_assertion:
      audience: https://auth.example.com/token
      jti: {value: optional, until: 2001-02-28}
    grants: [client_credentials, "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assertion: {max_lifetime: {value: 90m, until: 9999-12-31}}
    allow: [{resource: "urn:api", scopes: [read]}]
issuers:
  - issuer: https://idp.example.com
    disabled: true
    keys: {secret: projects/acme/secrets/idp}
    audiences: [app, {value: legacy-app, until: 9999-12-31}]
    allow: [{resource: "urn:api", scopes: [read]}]
`

func loaded(t *testing.T, document string) *config.Config {
	t.Helper()
	configuration, faults := config.Load("config.yaml", []byte(document))
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	return configuration
}

// checkDocument returns what check prints of a document that has no fault.
func checkDocument(t *testing.T, document string, options ...string) string {
	t.Helper()
	result := runCommand(t, document, slices.Concat([]string{"check"}, options, []string{"-"})...)
	if result.err != nil {
		t.Fatalf("%v\n%s", result.err, result.stdout)
	}
	return result.stdout
}

func TestExceptionsAreListedWithTheirEnds(t *testing.T) {
	printed := checkDocument(t, withExceptions)
	_, table, found := strings.Cut(printed, "EXCEPTION ")
	if !found {
		t.Fatalf("no exceptions in\n%s", printed)
	}
	for line := range strings.Lines(table) {
		if utf8.RuneCountInString(line)-1 > tableWidth || strings.HasSuffix(line, " \n") {
			t.Errorf("a line is wider than %d columns or ends in spaces: %q", tableWidth, line)
		}
	}
	var got []string
	for line := range strings.Lines(table) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"client batch",
		"client_assertion.audience https://auth.example.com/token no end",
		"client_assertion.jti optional 2001-02-28 ended",
	}
	if diff := cmp.Diff(want, got[2:5]); diff != "" {
		t.Errorf("exceptions (-want +got):\n%s\n%s", diff, table)
	}
	for _, want := range []string{
		"\n  assertion.max_lifetime          1h30m                                     9999-12-31  29",
		"\nissuer https://idp.example.com\n  assertion.audiences[1]          legacy-app                                9999-12-31  disabled\n",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("want %q in\n%s", want, table)
		}
	}
}

func TestEndsThatHavePassedAreWarnedOfAndNoFaults(t *testing.T) {
	printed := checkDocument(t, withExceptions)
	for _, want := range []string{
		"warning: standard input:10: clients[0].client_assertion.jti: client_assertion.jti has ended on 2001-02-28: the strict rule applies",
		"warning: standard input:12: clients[0].assertion.max_lifetime: assertion.max_lifetime ends on 9999-12-31, in more than two years",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("want %q in\n%s", want, printed)
		}
	}
}

func TestDaysLeftAreCountedInUTC(t *testing.T) {
	configuration := loaded(t, strings.Replace(withExceptions, "2001-02-28", "2028-02-29", 1))
	for now, want := range map[string]struct {
		days int
		left string
	}{
		"2028-02-20T12:00:00Z":      {9, "9 days"},
		"2028-02-28T00:00:00Z":      {1, "1 day"},
		"2028-02-28T23:59:59Z":      {1, "1 day"},
		"2028-02-29T00:00:00Z":      {0, "last day"},
		"2028-02-29T23:59:59Z":      {0, "last day"},
		"2028-02-29T23:59:59-08:00": {-1, "ended"},
		"2028-03-01T00:00:00Z":      {-1, "ended"},
		"2028-03-01T01:00:00+02:00": {0, "last day"},
		"2029-02-28T00:00:00Z":      {-365, "ended"},
		"1628-02-29T00:00:00Z":      {146097, "146097 days"}, // 400 years
	} {
		moment, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		got := exceptions(configuration, moment)[1]
		if *got.DaysLeft != want.days || got.left() != want.left {
			t.Errorf("at %s %d are left, %q; want %d, %q", now, *got.DaysLeft, got.left(), want.days, want.left)
		}
	}
}

func TestExceptionsForMachines(t *testing.T) {
	var result struct{ Exceptions []map[string]any }
	if err := json.Unmarshal([]byte(checkDocument(t, withExceptions, "-json")), &result); err != nil {
		t.Fatal(err)
	}
	if len(result.Exceptions) != 4 {
		t.Fatalf("the exceptions are %v", result.Exceptions)
	}
	want := map[string]any{
		"kind": "client", "party": "batch", "disabled": false, "exception": "client_assertion.audience",
		"path": "clients[0].client_assertion.audience", "value": "https://auth.example.com/token",
	}
	if diff := cmp.Diff(want, result.Exceptions[0]); diff != "" {
		t.Errorf("one without an end (-want +got):\n%s", diff)
	}
	ended := result.Exceptions[1]
	if days, _ := ended["days_left"].(float64); ended["until"] != "2001-02-28" || days >= 0 || ended["value"] != "optional" {
		t.Errorf("one that has ended: %v", ended)
	}
	if idp := result.Exceptions[3]; idp["kind"] != "issuer" || idp["party"] != "https://idp.example.com" || idp["disabled"] != true {
		t.Errorf("one of a disabled issuer: %v", idp)
	}
	if err := json.Unmarshal([]byte(checkDocument(t, strings.Split(withExceptions, "clients:")[0], "-json")), &result); err != nil || result.Exceptions == nil || len(result.Exceptions) != 0 {
		t.Errorf("none: %v, %v", result.Exceptions, err)
	}
}

func TestWithoutExceptionsThereIsNoTableOfThem(t *testing.T) {
	if printed := checkDocument(t, strings.Split(withExceptions, "clients:")[0]); strings.Contains(printed, "EXCEPTION") {
		t.Errorf("the output is\n%s", printed)
	}
}

// TestAnExceptionFromWhatHoldsAnywayIsAFault holds what only the service knows: the URL of its token endpoint.
func TestAnExceptionFromWhatHoldsAnywayIsAFault(t *testing.T) {
	for _, us := range []string{"https://auth.example.com", "https://auth.example.com/token"} {
		result := runCommand(t, strings.Replace(withExceptions, "legacy-app", us, 1), "check", "-")
		want := "standard input:18: issuers[0].audiences[1]: assertion.audiences[1] is this service, which needs no exception; leave it out\n"
		if result.err == nil || !strings.Contains(result.stdout, want) {
			t.Errorf("%s: %v\n%s", us, result.err, result.stdout)
		}
	}
}
