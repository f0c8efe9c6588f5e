package probe_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/probe"
)

func encode(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func decode(text string) string {
	decoded, _ := base64.RawURLEncoding.DecodeString(text)
	return string(decoded)
}

// formOf reads the form of a request, and leaves it to be read again.
func formOf(r *http.Request) url.Values {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	return form
}

func assertionOf(r *http.Request) string { return formOf(r).Get("client_assertion") }

func TestA_used_up_budget_ends_the_probe(t *testing.T) {
	t.Parallel()
	site := deploy(t, deployment{change: failing(5, func(w http.ResponseWriter, _ []byte) {
		w.Header().Set("Retry-After", "37")
		w.WriteHeader(http.StatusTooManyRequests)
	})})
	report := site.probe(t)
	if want := "the budget of failures is used up: try again in 37 s"; report.Stopped != want {
		t.Errorf("stopped: %q, want %q", report.Stopped, want)
	}
	attacks := attacksOf(t)
	for i, name := range attacks {
		if f := find(t, report, name); (f.Outcome == probe.AsItMustBe) != (i < 5) || i >= 5 && f.Why != report.Stopped {
			t.Errorf("%s is %+v", name, f)
		}
	}
	if f := find(t, report, "refusals_no_store"); f.Outcome != probe.NotRun {
		t.Errorf("of half the refusals it says %s", f.Outcome)
	}
	if got := len(site.log.reasons(t)); got != 5 {
		t.Errorf("%d requests were refused, want 5: it goes on asking", got)
	}
}

func TestA_server_that_is_not_there_ends_the_probe(t *testing.T) {
	t.Parallel()
	listener := httptest.NewServer(nil)
	listener.Close()
	report := run(t, probe.Config{URL: listener.URL})
	if report.Stopped == "" || report.Requests != 1 || len(by(report, probe.NotRun)) != len(report.Findings) {
		t.Errorf("stopped: %q after %d requests; not run: %v", report.Stopped, report.Requests, by(report, probe.NotRun))
	}
}

// One request alone that gets no answer is a finding. Where the next gets none either, the server has gone.
func TestA_server_that_goes_away(t *testing.T) {
	t.Parallel()
	hangUp := func(w http.ResponseWriter) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = connection.Close()
		}
	}
	expect(t, deploy(t, deployment{change: failing(8, func(w http.ResponseWriter, _ []byte) { hangUp(w) })}).probe(t), attacksOf(t)[8])

	var asked atomic.Int64
	report := deploy(t, deployment{change: func(good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked.Add(1) > 20 {
				hangUp(w)
				return
			}
			good.ServeHTTP(w, r)
		})
	}}).probe(t)
	expect(t, report)
	if report.Stopped == "" || asked.Load() != 22 {
		t.Errorf("stopped: %q after %d requests", report.Stopped, asked.Load())
	}
}

// Whatever a server says, the report is whole, bounded, and steers no terminal.
func TestA_hostile_server(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	for name, body := range map[string]string{
		"nothing": "", "null": "null", "a list": "[]", "half an object": `{"keys":[`, "deep": strings.Repeat(`{"keys":[`, 20_000),
		"keys of nothing": `{"keys":[null]}`, "keys of texts": `{"keys":["x"]}`, "a key of numbers": `{"keys":[{"kty":1,"kid":{}}]}`,
		"an RSA key without numbers": `{"keys":[{"kty":"RSA"}]}`, "an EC point of nothing": `{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""}]}`,
		"a short Ed25519 key": `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`,
		"many keys":           `{"keys":[` + strings.Repeat(`{},`, 500) + `{}]}`,
		"too much":            strings.Repeat(" ", 1<<20),
		"escape sequences":    `{"issuer":"\u001b[2J\u0007","error":"\u001b[2J","error_description":"\u001b]0;x\u0007","access_token":7}`,
		"a token of dots":     `{"access_token":"..","token_type":"Bearer","expires_in":1e308,"scope":"read"}`,
		"a token of numbers":  `{"access_token":"` + encode(`{"alg":1,"kid":[],"typ":{}}`) + "." + encode(`{"aud":[1],"exp":"x"}`) + `.AA","token_type":"Bearer","expires_in":600,"scope":"read"}`,
	} {
		for _, code := range []int{200, 304, 401, 302} {
			t.Run(fmt.Sprint(name, " ", code), func(t *testing.T) {
				t.Parallel()
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					w.Header().Set("ETag", "\"\x1b[2J\"")
					w.Header().Set("Cache-Control", "\x1b[2J")
					w.Header().Set("Location", "/elsewhere")
					w.WriteHeader(code)
					_, _ = io.WriteString(w, body)
				}))
				defer server.Close()
				report := run(t, probe.Config{URL: server.URL, Client: "prober", Key: key})
				for _, f := range report.Findings {
					if len(f.Came) > 1000 || strings.ContainsFunc(f.Came+f.Why, func(c rune) bool { return !unicode.IsPrint(c) }) {
						t.Errorf("%s: %q", f.Name, f.Came)
					}
				}
			})
		}
	}
}

func newKey(t *testing.T) jose.SigningKey {
	t.Helper()
	key, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// No assertion, no token and no key gets into a report, not even by way of a server that repeats them wherever it can.
func TestNothing_secret_is_in_a_report(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var told []string
	remember := func(r *http.Request) string {
		form := formOf(r)
		mu.Lock()
		defer mu.Unlock()
		told = append(told, form.Get("client_assertion"), form.Get("assertion"))
		return form.Get("client_assertion")
	}
	good := deploy(t, deployment{change: func(good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			remember(r)
			answer := answerOf(good, r)
			var members struct {
				Token string `json:"access_token"`
			}
			_ = json.Unmarshal(answer.Body.Bytes(), &members)
			mu.Lock()
			told = append(told, members.Token)
			mu.Unlock()
			send(w, answer, answer.Body.Bytes())
		})
	}})
	var last string
	echo := deploy(t, deployment{change: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if assertion := remember(r); assertion != "" {
				mu.Lock()
				last = assertion
				mu.Unlock()
			}
			mu.Lock()
			defer mu.Unlock()
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", last)
			w.Header().Set("Retry-After", last)
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error":%q,"error_description":%q,"issuer":%q}`, last, "refused: "+last, last)
		})
	}})
	for _, site := range []site{good, echo} {
		text, err := json.Marshal(site.probe(t))
		if err != nil {
			t.Fatal(err)
		}
		private, err := site.key.EncodePrivateJWK()
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]string
		_ = json.Unmarshal(private, &members)
		mu.Lock()
		secrets := append(slices.Clone(told), members["d"])
		mu.Unlock()
		for _, secret := range secrets {
			for part := range strings.SplitSeq(secret, ".") {
				if len(part) >= 20 && bytes.Contains(text, []byte(part)) {
					t.Fatalf("the report holds %s", part)
				}
			}
		}
	}
	if n := len(told); n < 80 {
		t.Fatalf("only %d secrets were seen", n)
	}
}

// An assertion for the server that was named goes to no other, whatever the metadata say.
func TestThe_metadata_lead_no_assertion_elsewhere(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	report := deploy(t, deployment{change: editing(metadataPath, 200, func(m map[string]any) {
		m["token_endpoint"], m["jwks_uri"] = other.URL+"/token", other.URL+"/jwks"
	})}).probe(t)
	if elsewhere.Load() != 0 {
		t.Errorf("%d requests went there", elsewhere.Load())
	}
	expect(t, report, "metadata_openid", "metadata_endpoints")
}

func TestClocks_that_differ_are_told(t *testing.T) {
	t.Parallel()
	for offset, differ := range map[time.Duration]bool{-time.Hour: true, -40 * time.Second: true, 0: false, 40 * time.Second: true} {
		report := deploy(t, deployment{change: func(good http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", time.Now().Add(offset).UTC().Format(http.TimeFormat))
				good.ServeHTTP(w, r)
			})
		}}).probe(t)
		if report.ClocksDiffer() != differ || differ && (report.Clock > 0) != (offset > 0) {
			t.Errorf("%v ahead: differ is %v, by %v", offset, report.ClocksDiffer(), report.Clock)
		}
		expect(t, report)
	}
}

func TestWhat_no_probe_can_be_made_with(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	secret, err := jose.NewSharedSecretSigningKey(bytes.Repeat([]byte("s"), 32), jose.HS256, "")
	if err != nil {
		t.Fatal(err)
	}
	good := probe.Config{URL: "https://auth.example.com", Timeout: time.Second, Now: time.Now}
	for name, change := range map[string]func(*probe.Config){
		"no URL":                 func(c *probe.Config) { c.URL = "" },
		"a name":                 func(c *probe.Config) { c.URL = "auth.example.com" },
		"in the clear":           func(c *probe.Config) { c.URL = "http://auth.example.com" },
		"a password in the URL":  func(c *probe.Config) { c.URL = "https://a:b@auth.example.com" },
		"a query":                func(c *probe.Config) { c.URL = "https://auth.example.com?x" },
		"an issuer in the clear": func(c *probe.Config) { c.Issuer = "http://auth.example.com" },
		"a client without a key": func(c *probe.Config) { c.Client = "prober" },
		"a key without a client": func(c *probe.Config) { c.Key = key },
		"a shared secret":        func(c *probe.Config) { c.Client, c.Key = "prober", secret },
		"no time-out":            func(c *probe.Config) { c.Timeout = 0 },
		"no clock":               func(c *probe.Config) { c.Now = nil },
	} {
		config := good
		change(&config)
		if _, err := probe.Run(context.Background(), config); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}
