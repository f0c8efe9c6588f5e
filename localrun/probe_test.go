package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/countersign/internal/jose"
)

const prober = `clients:
  - id: prober
    authentication: private_key_jwt
    keys: {file: prober.jwks.json}
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
`

// probed starts a server with the client prober, and returns the options that probe it.
func probed(t *testing.T) (issuer, key string, options []string) {
	t.Helper()
	folder := t.TempDir()
	key = newKey(t, folder, "prober", jose.ES256)
	issuer = startServer(t, folder, nil, prober).issuer
	return issuer, key, []string{"probe", "-url", issuer, "-client", "prober", "-key", key}
}

// probedJSON is what a machine reads.
type probedJSON struct {
	URL, Issuer, Client, Started, Stopped string
	Requests                              int
	Clock                                 *float64 `json:"clock_difference_seconds"`
	Summary                               map[string]int
	Checks                                []map[string]string
}

func TestProbeOfAGoodServer(t *testing.T) {
	issuer, _, options := probed(t)
	text := succeed(t, options...)
	for _, want := range []string{
		issuer + ", at ", ", as prober.\n", "\nWhat it must give\n", "\nWhat it must refuse\n",
		"\n  ✓ replay                         the assertion of the first token once more     C7, CVE-2020-5300\n",
		" as they must be, 0 not, 0 not run; ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if width := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); width > tableWidth {
			t.Errorf("%d columns: %s", width, line)
		}
	}

	var report probedJSON
	decoder := json.NewDecoder(strings.NewReader(succeed(t, append(options, "-json")...)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&report); err != nil {
		t.Fatal(err)
	}
	if report.Issuer != issuer || report.Client != "prober" || report.Clock == nil || report.Stopped != "" ||
		report.Summary["ok"] != len(report.Checks) || report.Summary["not"] != 0 || report.Summary["not_run"] != 0 {
		t.Errorf("%+v", report)
	}
	if members := []string{"name", "kind", "rule", "sent", "expected", "came", "outcome", "why"}; len(report.Checks) < 50 || len(report.Checks[0]) != len(members) {
		t.Errorf("%d checks, the first is %v; want the members %v", len(report.Checks), report.Checks[0], members)
	}
}

// The names are what alerts and pipelines go by: each is there once, in one form.
func TestProbeNamesAreStable(t *testing.T) {
	issuer, _, _ := probed(t)
	var report probedJSON
	if err := json.Unmarshal([]byte(succeed(t, "probe", "-url", issuer, "-json")), &report); err != nil {
		t.Fatal(err)
	}
	var names []string
	documented := string(read(t, filepath.Join("..", "docs", "operations", "probing.md")))
	for _, check := range report.Checks {
		names = append(names, check["name"])
		if strings.Trim(check["name"], "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			t.Errorf("%q is not in snake_case", check["name"])
		}
		if !strings.Contains(documented, "`"+check["name"]+"`") {
			t.Errorf("docs/operations/probing.md says nothing of %s", check["name"])
		}
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("a name is there twice: %v", names)
	}
}

func TestProbeWithoutAClientSaysWhatWasNotRun(t *testing.T) {
	issuer, _, _ := probed(t)
	text := succeed(t, "probe", "-url", issuer)
	if !strings.Contains(text, "– not run: it needs a client, and none was given:\n      replay, alg_none, ") || strings.Contains(text, ", 0 not run") {
		t.Errorf("it does not say what was not run:\n%s", text)
	}
}

func TestProbeTakesItsKeyFromTheEnvironment(t *testing.T) {
	issuer, key, _ := probed(t)
	t.Setenv("PROBER_KEY", string(read(t, key)))
	if text := succeed(t, "probe", "-url", issuer, "-client", "prober", "-key-env", "PROBER_KEY"); !strings.Contains(text, ", 0 not, 0 not run") {
		t.Error(text)
	}
}

// As in -key-env "$PROBER_KEY": what a job prints is kept.
func TestASecretInThePlaceOfItsNameIsNotPrinted(t *testing.T) {
	key := string(read(t, newKey(t, t.TempDir(), "prober", jose.ES256)))
	const url, variable, file = "http://127.0.0.1:1", "-env is the name of an environment variable", "in the place of the file"
	for _, test := range []struct {
		command, client, option, secret, says string
	}{
		{"probe", "prober", "-key-env", key, variable},
		{"probe", "prober", "-key", key, file},
		{"probe", "prober", "-key", `{"kty":"EC","d":"correct-horse"}`, file},
		{"token", "portal", "-secret-env", "correct-horse-battery", variable},
	} {
		stdout, stderr, status := program(t, test.command, "-url", url, "-client", test.client, test.option, test.secret)
		if text := stdout + stderr; status == 0 || !strings.Contains(text, test.says) ||
			strings.Contains(text, "horse") || strings.Contains(text, "PRIVATE") || strings.Contains(text, key[40:60]) {
			t.Errorf("%s %s: status %d, %q", test.command, test.option, status, text)
		}
	}
}

func TestProbeExitStatusTellsAFaultFromAProbeThatCouldNotBeMade(t *testing.T) {
	_, key, options := probed(t)
	stranger := newKey(t, t.TempDir(), "stranger", jose.ES256)
	withKey := func(file string) []string {
		changed := slices.Clone(options)
		changed[len(changed)-1] = file
		return changed
	}
	answering := func(status int) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(server.Close)
		return server.URL
	}
	gone := httptest.NewServer(nil)
	gone.Close()
	for name, test := range map[string]struct {
		args   []string
		status int
		text   string
	}{
		"good":                  {options, 0, ""},
		"an unregistered key":   {withKey(stranger), 1, "one check found what must not be"},
		"a server that is ill":  {[]string{"probe", "-url", answering(500)}, 1, "checks found what must not be"},
		"a server that is gone": {[]string{"probe", "-url", gone.URL}, 2, "the probe could not be made: no answer: "},
		"a used-up budget":      {[]string{"probe", "-url", answering(429)}, 2, "the budget of failures is used up: try again in a minute"},
		"no URL":                {[]string{"probe"}, 2, "-url is missing"},
		"a client without key":  {[]string{"probe", "-url", gone.URL, "-client", "prober"}, 2, "a client needs its private key"},
		"two keys":              {[]string{"probe", "-url", gone.URL, "-client", "prober", "-key", key, "-key-env", "X"}, 2, "give one of them"},
		"a variable of nothing": {[]string{"probe", "-url", gone.URL, "-client", "prober", "-key-env", "PROBER_KEY_OF_NOBODY"}, 2, "PROBER_KEY_OF_NOBODY is empty or not there"},
		"a key that is none":    {[]string{"probe", "-url", gone.URL, "-client", "prober", "-key", filepath.Join("testdata", "nothing")}, 2, "no such file"},
		"a URL in the clear":    {[]string{"probe", "-url", "http://auth.example.com"}, 2, "is not https"},
		"patience without end":  {[]string{"probe", "-url", gone.URL, "-timeout", "2m"}, 2, "a minute at most"},
		"an unknown option":     {[]string{"probe", "-urls", gone.URL}, 2, "-urls"},
		"an argument":           {[]string{"probe", "-url", gone.URL, "client"}, 2, `"client" is not an option`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, stderr, status := program(t, test.args...)
			if status != test.status || !strings.Contains(stderr, test.text) || strings.Count(stderr, "\n") != min(1, test.status) {
				t.Errorf("status %d, want %d; standard error %q, want %q in one line", status, test.status, stderr, test.text)
			}
		})
	}
}
