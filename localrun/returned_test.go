package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
)

const askers = `  - id: api
    authentication: private_key_jwt
    keys: {file: api.jwks.json}
    introspects: [https://api.example.com]
  - id: other
    authentication: client_secret_jwt
    keys: {shared_secret: projects/acme/secrets/other, algorithm: HS256}
    introspects: [https://other.example.com]
`

// returning starts a server whose client prober has a token, which the client api may ask about.
func returning(t *testing.T) (issuer, folder, token string) {
	t.Helper()
	folder = t.TempDir()
	newKey(t, folder, "prober", jose.ES256)
	newKey(t, folder, "api", jose.ES256)
	secret := strings.Repeat("s", 32)
	write(t, filepath.Join(folder, "other.secret"), secret)
	parties := "  - {id: https://other.example.com, scopes: [read]}\n" + prober + askers
	issuer = startServer(t, folder, secretsOf{"other": []byte(secret)}, parties).issuer
	token = succeed(t, "token", "-url", issuer, "-client", "prober", "-key", filepath.Join(folder, "prober.pem"))
	return issuer, folder, token
}

func TestIntrospectAndRevoke(t *testing.T) {
	issuer, folder, token := returning(t)
	asAPI := []string{"introspect", "-url", issuer, "-client", "api", "-key", filepath.Join(folder, "api.pem")}
	asProber := []string{"revoke", "-url", issuer, "-client", "prober", "-key", filepath.Join(folder, "prober.pem")}
	isActive := func(args ...string) bool {
		t.Helper()
		result := runCommand(t, token, args...)
		var members struct {
			Active   bool
			ClientID string `json:"client_id"`
		}
		if err := json.Unmarshal([]byte(result.stdout), &members); err != nil {
			t.Fatalf("%v: %q, %v", err, result.stdout, result.err)
		}
		if members.Active != (result.err == nil) || result.err != nil && exitStatus(result.err) != 1 {
			t.Errorf("active is %v, and the error %v", members.Active, result.err)
		}
		if members.Active && members.ClientID != "prober" {
			t.Errorf("the token is said to be of %q", members.ClientID)
		}
		return members.Active
	}
	if !isActive(asAPI...) {
		t.Error("a new token is not active")
	}
	if isActive("introspect", "-url", issuer, "-client", "other", "-key", filepath.Join(folder, "other.secret"), "-alg", "HS256") {
		t.Error("the token is active for another API")
	}
	if result := runCommand(t, token, asProber...); result.err != nil || result.stdout != "" || result.stderr != "" {
		t.Fatalf("revoke printed %q and %q, and ended with %v", result.stdout, result.stderr, result.err)
	}
	if isActive(asAPI...) {
		t.Error("a token that was taken back is active")
	}
	file := write(t, filepath.Join(folder, "token"), token)
	if isActive(append(asAPI, "-token", file)...) {
		t.Error("in a file it is another token")
	}
}

func TestWhatCannotBeAskedOrTakenBackIsStatus2(t *testing.T) {
	issuer, folder, token := returning(t)
	key := filepath.Join(folder, "prober.pem")
	alone := t.TempDir()
	newKey(t, alone, "prober", jose.ES256)
	without := startServer(t, alone, nil, prober).issuer // nobody introspects
	metadata := func(endpoint string) string {
		server := httptest.NewUnstartedServer(nil)
		server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				_, _ = w.Write([]byte("{}"))
				return
			}
			url := "http://" + r.Host
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": url, "token_endpoint": url + "/token",
				"introspection_endpoint": strings.Replace(endpoint, "HERE", url, 1), "revocation_endpoint": endpoint})
		})
		server.Start()
		t.Cleanup(server.Close)
		return server.URL
	}
	for name, test := range map[string]struct {
		args []string
		text string
	}{
		"no URL":                      {[]string{"introspect", "-client", "prober", "-key", key}, "-url is missing"},
		"no client":                   {[]string{"revoke", "-url", issuer, "-key", key}, "-client is missing"},
		"no key":                      {[]string{"revoke", "-url", issuer, "-client", "prober"}, "needs the client's key"},
		"a client that may not ask":   {[]string{"introspect", "-url", issuer, "-client", "prober", "-key", key}, "unauthorized_client"},
		"another's key":               {[]string{"revoke", "-url", issuer, "-client", "api", "-key", key}, "invalid_client"},
		"a token on the command line": {[]string{"revoke", "-url", issuer, "-client", "prober", "-key", key, "-token", token}, "every process"},
		"two from standard input":     {[]string{"revoke", "-url", issuer, "-client", "prober", "-key", "-"}, "standard input"},
		"no endpoint":                 {[]string{"revoke", "-url", without, "-client", "prober", "-key", key}, "has no such endpoint"},
		"an endpoint in the clear":    {[]string{"revoke", "-url", metadata("http://evil.example.com/revoke"), "-client", "prober", "-key", key}, "is not https"},
		"an answer that is none":      {[]string{"introspect", "-url", metadata("HERE/introspect"), "-client", "prober", "-key", key}, "no introspection response"},
		"an unknown option":           {[]string{"revoke", "-scope", "read"}, "-scope"},
	} {
		result := runCommand(t, token, test.args...)
		if result.err == nil || exitStatus(result.err) != 2 || !strings.Contains(result.err.Error(), test.text) || result.stdout != "" {
			t.Errorf("%s: status %d, error %v, printed %q; want %q", name, exitStatus(result.err), result.err, result.stdout, test.text)
		}
		if strings.Contains(result.err.Error(), token[:30]) {
			t.Errorf("%s: the error has the token in it", name)
		}
	}
}

// What a server answers goes to a terminal.
func TestIntrospectPrintsNothingThatSteersATerminal(t *testing.T) {
	_, folder, token := returning(t)
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = w.Write([]byte("{\"active\":true,\r\"sub\":\"\u009b2Jé\x7f\u202e\xff\",\"exp\":12345678901234567890}"))
			return
		}
		url := "http://" + r.Host
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": url, "token_endpoint": url + "/token", "introspection_endpoint": url + "/introspect"})
	})
	server.Start()
	t.Cleanup(server.Close)
	result := runCommand(t, token, "introspect", "-url", server.URL, "-client", "prober", "-key", filepath.Join(folder, "prober.pem"))
	if want := "{\"active\":true, \"sub\":\"\\u009b2Jé\\u007f\\u202e\ufffd\",\"exp\":12345678901234567890}\n"; result.stdout != want || result.err != nil {
		t.Errorf("printed %q, want %q; %v", result.stdout, want, result.err)
	}
}
