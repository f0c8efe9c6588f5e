package probe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/probe"
	"example.com/countersign/internal/service"
)

// site is the whole service behind a real listener, with one thing about it changed.
type site struct {
	url string
	key jose.SigningKey // of the client prober
	log *logbook
}

// logbook is what the service has logged.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// reasons returns why token requests were refused, in order.
func (l *logbook) reasons(t *testing.T) (reasons []string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		var entry struct{ Decision, Reason string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Decision == "denied" {
			reasons = append(reasons, entry.Reason)
		}
	}
	return reasons
}

// deployment says what a site is made of. The zero value of each field is the usual.
type deployment struct {
	client, own jose.Algorithm                  // ES256
	path        string                          // of the issuer
	more        string                          // more of the configuration
	change      func(http.Handler) http.Handler // what is changed about the good service
}

func noSecrets(string) keys.Source { return nil }

// deploy serves.
func deploy(t *testing.T, d deployment) site {
	t.Helper()
	folder := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	generate := func(algorithm jose.Algorithm) jose.SigningKey {
		if algorithm == "" {
			algorithm = jose.ES256
		}
		key, err := jose.GenerateSigningKey(algorithm)
		must(err)
		return key
	}
	s := site{key: generate(d.client), log: &logbook{}}
	own := generate(d.own)
	set, err := jose.EncodeKeySet(jose.KeySet{s.key.Verification()})
	must(err)
	must(os.WriteFile(filepath.Join(folder, "prober.json"), set, 0o600))
	private, err := own.EncodePKCS8()
	must(err)
	must(os.Mkdir(filepath.Join(folder, "signing"), 0o700))
	must(os.WriteFile(filepath.Join(folder, "signing", "own.pem"), private, 0o600))

	listener := httptest.NewUnstartedServer(nil)
	t.Cleanup(listener.Close)
	s.url = "http://" + listener.Listener.Addr().String() + d.path
	document := fmt.Sprintf(`issuer: %s
signing_keys: {directory: signing, algorithm: %s}
resources:
  - {id: https://api.example.com, scopes: [read, write]}
  - {id: https://other.example.com, scopes: [read]}
clients:
  - id: prober
    authentication: private_key_jwt
    keys: {file: prober.json}
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
%s`, s.url, own.Algorithm(), d.more)
	configuration, faults := config.Load("config.yaml", []byte(document))
	must(faults.Err())
	built, faults := service.New(configuration, service.Surroundings{
		Secrets: noSecrets, Folder: folder, Now: time.Now, Log: slog.New(slog.NewJSONHandler(s.log, nil)),
	})
	must(faults.Err())
	listener.Config.Handler = built.Server.Handler()
	if d.change != nil {
		listener.Config.Handler = d.change(listener.Config.Handler)
	}
	listener.Start()
	return s
}

// probe probes the site as the client.
func (s site) probe(t *testing.T) probe.Report {
	t.Helper()
	return run(t, probe.Config{URL: s.url, Client: "prober", Key: s.key, Scope: "read", Resource: "https://api.example.com"})
}

func run(t *testing.T, config probe.Config) probe.Report {
	t.Helper()
	config.Timeout, config.Now = 5*time.Second, time.Now
	report, err := probe.Run(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	if report.Requests > 60 {
		t.Errorf("%d requests", report.Requests)
	}
	return report
}

// by returns the names of the checks with this outcome.
func by(report probe.Report, outcome probe.Outcome) []string {
	var names []string
	for _, f := range report.Findings {
		if f.Outcome == outcome {
			names = append(names, f.Name)
		}
	}
	return names
}

// find returns the finding of a check.
func find(t *testing.T, report probe.Report, name string) probe.Finding {
	t.Helper()
	for _, f := range report.Findings {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("there is no check %s", name)
	return probe.Finding{}
}

// expect holds a report to exactly these checks that are not as they must be.
func expect(t *testing.T, report probe.Report, names ...string) {
	t.Helper()
	got := by(report, probe.NotAsItMustBe)
	slices.Sort(got)
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Errorf("not as they must be: %v, want %v", got, names)
		for _, f := range report.Findings {
			if f.Outcome == probe.NotAsItMustBe {
				t.Logf("%s: expected %s, came %s", f.Name, f.Expected, f.Came)
			}
		}
	}
}

// answerOf is what the good service answers.
func answerOf(good http.Handler, r *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	good.ServeHTTP(recorder, r)
	return recorder
}

// send hands an answer on, with another body.
func send(w http.ResponseWriter, from *httptest.ResponseRecorder, body []byte) {
	maps.Copy(w.Header(), from.Result().Header)
	w.Header().Del("Content-Length")
	w.WriteHeader(from.Code)
	_, _ = w.Write(body)
}

// editing changes the JSON of every answer at path that has this status.
func editing(path string, status int, edit func(map[string]any)) func(http.Handler) http.Handler {
	return func(good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := answerOf(good, r)
			body := answer.Body.Bytes()
			if strings.HasSuffix(r.URL.Path, path) && answer.Code == status {
				var members map[string]any
				if json.Unmarshal(body, &members) == nil {
					edit(members)
					body, _ = json.Marshal(members)
				}
			}
			send(w, answer, body)
		})
	}
}

// without takes a header out of every answer at path that has this status; 0: any.
func without(header, path string, status func(int) bool) func(http.Handler) http.Handler {
	return func(good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := answerOf(good, r)
			if strings.HasSuffix(r.URL.Path, path) && status(answer.Code) {
				answer.Result().Header.Del(header)
				answer.Header().Del(header)
				maps.Copy(w.Header(), answer.Header())
				w.WriteHeader(answer.Code)
				_, _ = w.Write(answer.Body.Bytes())
				return
			}
			send(w, answer, answer.Body.Bytes())
		})
	}
}

// instead answers at path in a way of its own.
func instead(path string, answer http.HandlerFunc) func(http.Handler) http.Handler {
	return func(good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, path) {
				answer(w, r)
				return
			}
			good.ServeHTTP(w, r)
		})
	}
}

// status answers with nothing but a status.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
