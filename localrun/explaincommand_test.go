package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/service"
)

// TestExplainAnswersAsTheServiceDoes sends each of the assertions to a service that has what explain does without:
// its own key, and a listener.
func TestExplainAnswersAsTheServiceDoes(t *testing.T) {
	e := newExplainTest(t)
	endpoint := e.serve(t)
	compared := 0
	for _, row := range e.refusals(t) {
		if strings.Contains(row.options, "-client portal") || strings.Contains(row.options, "-client front") {
			continue // whose secret nobody has
		}
		var got []explanation
		options := append(strings.Fields(row.options), "-json")
		if err := json.Unmarshal([]byte(e.explain(t, row.assertion, options...).stdout), &got); err != nil || len(got) != 1 {
			t.Fatalf("%s: %v", row.reason, err)
		}
		status, code, description := post(t, endpoint, formOf(got[0], row))
		if got[0].Status != status || string(got[0].Code) != code || got[0].Description != description {
			t.Errorf("%s: explained as %d %s %q, and the service answers %d %s %q", row.reason, got[0].Status, got[0].Code, got[0].Description, status, code, description)
		}
		compared++
	}
	if compared < 50 {
		t.Errorf("only %d were compared", compared)
	}
}

// serve serves the configuration at noon.
func (e explainTest) serve(t *testing.T) (endpoint string) {
	t.Helper()
	key, err := e.keys["stranger"].EncodePKCS8()
	if err != nil {
		t.Fatal(err)
	}
	built, _, faults := service.Load("config.yaml", read(t, filepath.Join(e.folder, "config.yaml")), service.Surroundings{
		Secrets: secretsOf{"signing-keys": key, "hmac": randomText(64), "ledger": randomText(64)}.source,
		Folder:  e.folder, Now: noon, Log: slog.New(slog.DiscardHandler),
	})
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(built.Server.Handler())
	t.Cleanup(listener.Close)
	return listener.URL + "/token"
}

// formOf is the request that a row stands for.
func formOf(e explanation, row refused) url.Values {
	form := url.Values{"grant_type": {e.GrantType}, e.Parameter: {row.assertion}}
	if e.Parameter == "client_assertion" {
		form.Set("client_assertion_type", oauth.ClientAssertionTypeJWTBearer)
	}
	options := strings.Fields(row.options)
	for pair := range slices.Chunk(options, 2) {
		switch pair[0] {
		case "-client":
			form.Set("client_id", pair[1])
			if pair[1] == "notes" {
				form.Set("client_secret", notesSecret)
			}
		case "-scope", "-resource":
			form.Add(pair[0][1:], pair[1])
		}
	}
	return form
}

func post(t *testing.T, endpoint string, form url.Values) (status int, code, description string) {
	t.Helper()
	response, err := http.PostForm(endpoint, form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var told struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(body, &told); err != nil {
		t.Fatal(err)
	}
	description, _, _ = strings.Cut(told.Description, " (trace ")
	return response.StatusCode, told.Code, description
}

// A configuration whose every key is somewhere else: nothing of it may be asked for.
func TestExplainNeedsNothingThatIsElsewhere(t *testing.T) {
	folder := t.TempDir()
	key := parsePrivate(t, newKey(t, t.TempDir(), "ci", jose.RS256), "RS256")
	for name, own := range map[string]string{
		"a secret": "secret: projects/acme/secrets/keys", "a folder that is not there": "directory: nowhere",
		"Cloud KMS": "kms: projects/acme/locations/europe-west1/keyRings/auth/cryptoKeys/key",
	} {
		for source, keys := range map[string]string{
			"a secret": "{secret: projects/acme/secrets/jwks}", "a secret, with an algorithm": "{secret: projects/acme/secrets/jwks, algorithm: RS256}",
		} {
			path := write(t, filepath.Join(folder, "config.yaml"), `issuer: https://auth.example.com
signing_keys: {`+own+`}
resources: [{id: https://api.example.com, scopes: [read]}]
issuers: [{issuer: https://ci.example.com, keys: `+keys+`, allow: [{resource: https://api.example.com, scopes: [read]}]}]
`)
			result := runCommand(t, mustSign(t, key, marshal(t, by(ci))), "explain", "-at", noonText, "-config", path)
			if result.err != nil || !strings.Contains(result.stdout, "would be granted, if what is marked with a dash holds: read for 10m\n") ||
				!strings.Contains(result.stdout, "– assertion.signature        not checked: what follows is as if it had verified\n") {
				t.Errorf("%s and %s: %v\n%s", name, source, result.err, result.stdout)
			}
		}
	}
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestExplainVerifiesWithKeysThatItIsGiven(t *testing.T) {
	e := newExplainTest(t)
	elsewhere := strings.Replace(string(read(t, filepath.Join(e.folder, "config.yaml"))), "keys: {file: ci.jwks.json}", "keys: {secret: projects/acme/secrets/ci}", 1)
	write(t, filepath.Join(e.folder, "config.yaml"), elsewhere)
	// A provider's set may hold what is of no use here.
	mixed := strings.Replace(string(read(t, filepath.Join(e.folder, "ci.jwks.json"))), `"keys":[`, `"keys":[{"kty":"XYZ"},{"kty":"RSA","n":"AQAB","e":"AQAB","alg":"RS256"},`, 1)
	write(t, filepath.Join(e.folder, "mixed.jwks.json"), mixed)
	file := func(name string) string { return filepath.Join(e.folder, name) }
	good := e.sign(t, "ci", "JWT", by(ci))
	api := []string{"-resource", "https://api.example.com"}
	for name, test := range map[string]struct {
		assertion, keys, says string
		granted               bool
	}{
		"the right keys":                               {good, file("ci.jwks.json"), "✓ assertion.signature\n", true},
		"the right keys, as PEM":                       {good, file("ci.pub.pem"), "✓ assertion.signature\n", true},
		"the right key among others":                   {good, file("mixed.jwks.json"), "✓ assertion.signature\n", true},
		"other keys":                                   {good, file("batch.jwks.json"), "✗ assertion.key", false},
		"a changed assertion":                          {e.damaged(t, "ci", by(ci)), file("ci.jwks.json"), "✗ assertion.signature", false},
		"a changed assertion, where no keys are given": {e.damaged(t, "ci", by(ci)), "", "– assertion.signature", true},
	} {
		options := slices.Clone(api)
		if test.keys != "" {
			options = append(options, "-jwks", test.keys)
		}
		result := e.explain(t, test.assertion, options...)
		if (result.err == nil) != test.granted || !strings.Contains(result.stdout, test.says) {
			t.Errorf("%s: %v\n%s", name, result.err, result.stdout)
		}
	}
	assertion := write(t, file("ci.jwt"), good+"\n")
	result := runCommand(t, string(read(t, file("ci.jwks.json"))), append([]string{"explain", "-config", file("config.yaml"), "-at", noonText, "-assertion", assertion, "-jwks", "-"}, api...)...)
	if result.err != nil || !strings.Contains(result.stdout, "✓ assertion.signature\n") {
		t.Errorf("keys from standard input: %v\n%s", result.err, result.stdout)
	}
}

func TestExplainForMachines(t *testing.T) {
	e := newExplainTest(t)
	var list []explanation
	result := e.explain(t, e.sign(t, "ci", "JWT", by(ci)), "-json", "-resource", "https://api.example.com")
	if err := json.Unmarshal([]byte(result.stdout), &list); err != nil || len(list) != 1 || result.err != nil {
		t.Fatalf("%v, %v\n%s", err, result.err, result.stdout)
	}
	got := list[0]
	if !got.Granted || got.Status != 200 || got.Scope != "read write" || got.ExpiresIn != 600 || got.Claims["sub"] != ci || got.Claims["aud"] != "https://api.example.com" || !got.At.Equal(noon()) {
		t.Errorf("got %+v", got)
	}
	if strings.Contains(result.stdout, "null") {
		t.Errorf("an empty list is not one:\n%s", result.stdout)
	}
	list = nil
	refused := e.explain(t, e.sign(t, "ci", "JWT", by(ci).with(said{"ref": "x"})), "-json")
	if err := json.Unmarshal([]byte(refused.stdout), &list); err != nil || refused.err == nil {
		t.Fatalf("%v, %v", err, refused.err)
	}
	got = list[0]
	if got.Granted || got.Code != oauth.InvalidGrant || got.Reason != "no_rule" || got.Claims != nil || len(got.NotReached) != 3 || strings.Contains(refused.stdout, "null") {
		t.Errorf("got %s", refused.stdout)
	}
	rule := got.Checks[len(got.Checks)-3]
	if rule.Name != "allow[0].if" || rule.Result != "failed" || rule.Text != `claims.ref == "main"` || len(rule.Seen) != 1 || rule.Seen[0] != (seenValue{"ref", `"x"`}) {
		t.Errorf("got %+v", rule)
	}
}

// What an assertion claims is shown, and anybody can claim anything.
func TestExplainSteersNoTerminal(t *testing.T) {
	e := newExplainTest(t)
	evil := "\x1b[2J\r\n✓ would be granted"
	claims := by(ci).with(said{"sub": evil, "ref": evil, "jti": evil, evil: evil})
	for _, assertion := range []string{
		e.sign(t, "ci", "JWT", claims), e.sign(t, "ci", "JWT", claims.with(said{"iss": evil})), e.sign(t, "ci", "JWT", claims.with(said{"aud": evil})),
		unsigned(`{"alg":"ES256","kid":"\u001b[2J","typ":"\u001b[2J"}`, string(marshal(t, claims))), evil,
	} {
		result := e.explain(t, assertion, "-scope", "read")
		if strings.ContainsAny(result.stdout, "\x1b\r") || strings.Contains(result.stdout, "\n✓") {
			t.Errorf("it prints %q", result.stdout)
		}
	}
}

func TestExplainRefusesWhatItCannotRead(t *testing.T) {
	e := newExplainTest(t)
	config := filepath.Join(e.folder, "config.yaml")
	assertion := write(t, filepath.Join(e.folder, "ci.jwt"), e.sign(t, "ci", "JWT", by(ci)))
	empty := write(t, filepath.Join(e.folder, "empty"), "")
	faulty := write(t, filepath.Join(e.folder, "faulty.yaml"), "issuer: https://auth.example.com\nsigning_keys: {secret: projects/acme/secrets/keys}\n")
	gone := write(t, filepath.Join(e.folder, "gone.yaml"), strings.ReplaceAll(string(read(t, config)), "batch.jwks.json", "gone.json"))
	useless := write(t, filepath.Join(e.folder, "useless.json"), `{"keys":[{"kty":"XYZ"}]}`)
	for _, test := range []struct{ args, says string }{
		{"-config nowhere.yaml -assertion " + assertion, "nowhere.yaml"},
		{"-config " + config + " -assertion nowhere.jwt", "nowhere.jwt"},
		{"-config " + config + " -assertion " + empty, "there is no assertion in " + empty},
		{"-config " + config, "there is no assertion in standard input"},
		{"-config " + empty + " -assertion " + assertion, "empty"},
		{"-config " + faulty + " -assertion " + assertion, "resources"},
		{"-config " + gone + " -assertion " + assertion, "gone.json"},
		{"-config - -assertion -", "-config and -assertion cannot all be standard input"},
		{"-config " + config + " -assertion - -jwks -", "-assertion and -jwks cannot all"},
		{"-config " + config + " -assertion " + assertion + " -jwks " + useless, "holds no key that can be used"},
		{"-config " + config + " -assertion " + assertion + " -jwks " + assertion, "neither a JWK Set"},
	} {
		result := runCommand(t, "", append([]string{"explain"}, strings.Fields(test.args)...)...)
		if result.err == nil || exitStatus(result.err) != 2 || !strings.Contains(result.err.Error(), test.says) || result.stdout != "" {
			t.Errorf("%s: %v, and it printed %q", test.args, result.err, result.stdout)
		}
	}
	refuse(t, []string{"explain", "-at", "yesterday"}, "2026-03-01T12:00:00Z")
	refuse(t, []string{"explain", "-grant", "password"}, "use one of")
	refuse(t, []string{"explain", "token.jwt"}, "is not an option")
	t.Chdir(t.TempDir())
	refuse(t, []string{"explain"}, "there is no config.yaml here; say which file: -config FILE")
}

// Somebody who puts the assertion where its file belongs finds it in no error, log or history of ours.
func TestExplainDoesNotRepeatAnAssertionFromTheCommandLine(t *testing.T) {
	e := newExplainTest(t)
	assertion := e.sign(t, "ci", "JWT", by(ci))
	result := runCommand(t, "", "explain", "-config", filepath.Join(e.folder, "config.yaml"), "-assertion", assertion)
	if result.err == nil || strings.Contains(result.err.Error(), "eyJ") || !strings.Contains(result.err.Error(), "name of a file") {
		t.Errorf("the error is %v", result.err)
	}
}

func TestExitStatusTellsWhetherATokenWouldBeIssued(t *testing.T) {
	e := newExplainTest(t)
	config := filepath.Join(e.folder, "config.yaml")
	for _, test := range []struct {
		claims said
		config string
		status int
		says   string
	}{
		{by(ci), config, 0, ""},
		{by(ci).with(said{"ref": "x"}), config, 1, "localrun: the request would be refused: invalid_grant (no_rule)\n"},
		{by(ci), filepath.Join(e.folder, "ci.pem"), 2, "localrun: "},
	} {
		assertion := write(t, filepath.Join(e.folder, "assertion.jwt"), e.sign(t, "ci", "JWT", test.claims))
		stdout, stderr, status := program(t, "explain", "-at", noonText, "-config", test.config, "-assertion", assertion, "-resource", "https://api.example.com")
		if status != test.status || !strings.Contains(stderr, test.says) || (stderr == "") != (status == 0) {
			t.Errorf("status %d, want %d: %q\n%s", status, test.status, stderr, stdout)
		}
	}
}

// Without -at it is now.
func TestExplainIsAboutNowUnlessToldOtherwise(t *testing.T) {
	e := newExplainTest(t)
	fresh := by(ci).with(said{"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()})
	result := runCommand(t, e.sign(t, "ci", "JWT", fresh), "explain", "-config", filepath.Join(e.folder, "config.yaml"), "-resource", "https://api.example.com")
	if result.err != nil {
		t.Errorf("%v\n%s", result.err, result.stdout)
	}
	if result := e.explain(t, e.sign(t, "ci", "JWT", fresh)); result.err == nil || !strings.Contains(result.err.Error(), "assertion_lifetime") && !strings.Contains(result.err.Error(), "iat_in_future") {
		t.Errorf("at noon: %v", result.err)
	}
}

// Nobody here has the key that an identity assertion is bound to, or the certificate: a stand-in is sent in its place.
func TestExplainStandsInForWhatAnAssertionIsBoundTo(t *testing.T) {
	e := newExplainTest(t)
	text := e.sign(t, "ci", "oauth-id-jag+jwt", by("https://workforce.example.com").
		with(said{"sub": "alice", "client_id": "notes", "cnf": said{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}))
	got := e.explain(t, text, "-client", "notes")
	if got.err != nil || !strings.Contains(got.stdout, "as if the request came with a DPoP proof") || !strings.Contains(got.stdout, "(the key of the DPoP proof)") {
		t.Errorf("%v\n%s", got.err, got.stdout)
	}
	if strings.Contains(got.stdout, "signature                    not checked") {
		t.Errorf("the signature has been verified before:\n%s", got.stdout)
	}
}
