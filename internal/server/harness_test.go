package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/service"
)

// A deployment is one configuration at work: the whole server, behind a real listener.
type deployment struct {
	t             testing.TB
	configuration *config.Config
	folder        string // what the configuration's file names are relative to
	clock         *clock
	log           *logbook
	vault         *vault // nil where the configuration names no secret
	service       *service.Service
	url           string

	mu   sync.Mutex
	told []string // the assertions, secrets and tokens that went over the wire
}

// deploy serves a configuration.
func deploy(t testing.TB, document string) *deployment {
	t.Helper()
	d := prepare(t, document)
	d.serve()
	return d
}

// prepare makes what a configuration names, from its names: the public keys of NAME.ALG in the file NAME.ALG.json, a
// payload in projects/acme/secrets/NAME, and the key that signs tokens.
func prepare(t testing.TB, document string) *deployment {
	t.Helper()
	d := &deployment{t: t, folder: t.TempDir(), clock: newClock(), log: &logbook{}}
	var faults config.Faults
	d.configuration, faults = config.Load("config.yaml", []byte(document))
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile(`[\w-]+\.[A-Z]\w+\.json`).FindAllString(document, -1) {
		set, err := jose.EncodeKeySet(jose.KeySet{signingKey(t, strings.TrimSuffix(name, ".json")).Verification()})
		d.must(err)
		d.must(os.WriteFile(filepath.Join(d.folder, name), set, 0o600))
	}
	own, err := signingKey(t, "own."+d.configuration.SigningKeys.Algorithm).EncodePKCS8()
	d.must(err)
	if directory := d.configuration.SigningKeys.Directory; directory != "" {
		d.must(os.Mkdir(filepath.Join(d.folder, directory), 0o700))
		file := filepath.Join(d.folder, directory, "first.pem")
		d.must(os.WriteFile(file, own, 0o600))
		d.must(os.Chtimes(file, noon(), noon()))
	}
	if names := regexp.MustCompile(`projects/acme/secrets/[\w-]+`).FindAllString(document, -1); len(names) > 0 {
		slices.Sort(names)
		d.vault = newVault(d, slices.Compact(names), own)
	}
	t.Cleanup(d.expectNothingSecretInTheLog)
	return d
}

// serve builds the server and opens the listener.
func (d *deployment) serve() {
	d.t.Helper()
	surroundings := service.Surroundings{
		Secrets: keepsNoSecrets, Folder: d.folder, Now: d.clock.now, Log: server.NewLog(d.log), Version: "v1.2.3", Project: "acme",
	}
	if d.vault != nil {
		surroundings.Secrets = d.vault.ours.Source
	}
	var faults config.Faults
	d.service, faults = service.New(d.configuration, surroundings)
	d.must(faults.Err())
	d.service.Start()
	d.listen(d.service.Server)
}

func (d *deployment) listen(served *server.Server) {
	listener := httptest.NewServer(served.Handler())
	d.t.Cleanup(listener.Close)
	d.url = listener.URL
}

func (d *deployment) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// A clock stands still until a test moves it. Every test begins at noon.
type clock struct {
	tells atomic.Pointer[func() time.Time]
}

func noon() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC) }

func newClock() *clock {
	c := &clock{}
	c.set(noon())
	return c
}

func (c *clock) now() time.Time             { return (*c.tells.Load())() }
func (c *clock) set(to time.Time)           { c.replace(func() time.Time { return to }) }
func (c *clock) advance(by time.Duration)   { c.set(c.now().Add(by)) }
func (c *clock) replace(f func() time.Time) { c.tells.Store(&f) }

// in is a date of a JWT.
func (c *clock) in(d time.Duration) int64 { return c.now().Add(d).Unix() }

// A logbook is what the server has logged.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// decisions returns the audit events in this part of the log.
func decisions(t testing.TB, log string) (events []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if entry["event"] == "token" {
			events = append(events, entry)
		}
	}
	return events
}

func (l *logbook) lastDecision(t testing.TB) map[string]any {
	t.Helper()
	log := l.String()
	at := strings.LastIndex(log, `"event":"token"`)
	if at < 0 {
		t.Fatal("no decision was logged")
	}
	events := decisions(t, log[strings.LastIndex(log[:at], "\n")+1:])
	return events[len(events)-1]
}

// remember takes note of what must never be in the log.
func (d *deployment) remember(secrets ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, secrets...)
}

// expectNothingSecretInTheLog looks for whatever was secret so far.
func (d *deployment) expectNothingSecretInTheLog() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if leak := leaked(d.log.String(), d.told); leak != "" {
		d.t.Errorf("something secret is in the log: %.400s", leak)
	}
}

// leaked returns where log holds one of the secrets, or 24 bytes of a longer one: the parts of JWTs as they are, since
// the log may say what they claim, and anything else decoded as well.
func leaked(log string, secrets []string) string {
	for _, secret := range secrets {
		forms := strings.Split(secret, ".")
		if len(forms) == 1 {
			for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
				if decoded, err := encoding.DecodeString(secret); err == nil {
					forms = append(forms, string(decoded))
				}
			}
		}
		for _, form := range forms {
			for part := range slices.Chunk([]byte(form), 24) {
				if at := strings.Index(log, string(part)); at >= 0 && len(part) >= 10 {
					return log[max(0, at-150):]
				}
			}
		}
	}
	return ""
}

// A request is an HTTP request, made of parts.
type request struct {
	method, target string
	header         http.Header
	form           []string
	body           *string // in place of the form
	chunked        bool
	secrets        []string
}

type part func(*request)

// ask is a token request.
func ask(parts ...part) request {
	r := request{method: http.MethodPost, target: server.TokenPath, header: http.Header{}}
	r.header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, add := range parts {
		add(&r)
	}
	return r
}

func clientCredentials(parts ...part) request {
	return ask(append([]part{param("grant_type", oauth.ClientCredentials)}, parts...)...)
}

func jwtBearer(assertion string, parts ...part) request {
	return ask(append([]part{param("grant_type", oauth.JWTBearer), param("assertion", assertion)}, parts...)...)
}

func param(name, value string) part {
	return func(r *request) {
		r.form = append(r.form, url.QueryEscape(name)+"="+url.QueryEscape(value))
		switch name {
		case "assertion", "client_assertion", "client_secret":
			r.secrets = append(r.secrets, value)
		}
	}
}

func both(parts ...part) part {
	return func(r *request) {
		for _, add := range parts {
			add(r)
		}
	}
}

func scope(value string) part    { return param("scope", value) }
func resource(value string) part { return param("resource", value) }
func clientID(value string) part { return param("client_id", value) }

// proof is a client assertion.
func proof(assertion string) part {
	return both(param("client_assertion_type", oauth.ClientAssertionTypeJWTBearer), param("client_assertion", assertion))
}

func post(id, secret string) part { return both(clientID(id), param("client_secret", secret)) }

func basic(id, secret string) part {
	credentials := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id) + ":" + url.QueryEscape(secret)))
	return both(header("Authorization", "Basic "+credentials), func(r *request) { r.secrets = append(r.secrets, secret, credentials) })
}

func header(name string, values ...string) part {
	return func(r *request) { r.header[name] = append(r.header[name], values...) }
}

func contentType(values ...string) part {
	return func(r *request) { r.header["Content-Type"] = values }
}

func method(name string) part { return func(r *request) { r.method = name } }
func target(path string) part { return func(r *request) { r.target = path } }
func body(text string) part   { return func(r *request) { r.body = &text } }
func chunked(r *request)      { r.chunked = true }
func get(path string) request { return ask(method(http.MethodGet), target(path), contentType()) }
func (r request) text() string {
	if r.body != nil {
		return *r.body
	}
	return strings.Join(r.form, "&")
}

// An answer is an HTTP response.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request over the wire.
func (d *deployment) send(t testing.TB, r request) answer {
	t.Helper()
	d.remember(r.secrets...)
	var content io.Reader = strings.NewReader(r.text())
	if r.chunked {
		content = io.MultiReader(content) // of which net/http knows no length
	}
	sent, err := http.NewRequestWithContext(context.Background(), r.method, d.url+r.target, content)
	if err != nil {
		t.Fatal(err)
	}
	sent.Header = r.header
	if host := r.header.Get("Host"); host != "" {
		sent.Host = host
	}
	response, err := http.DefaultTransport.RoundTrip(sent)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	received, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(received)}
}

// A granted is a token response whose token has been verified as an API would.
type granted struct {
	answer
	Token     string         `json:"access_token"`
	Type      string         `json:"token_type"`
	ExpiresIn int64          `json:"expires_in"`
	Scope     string         `json:"scope"`
	RecToken  map[string]any `json:"rec_token"`
	claims    map[string]any
}

// grant sends a request that must be granted (protocol T5, W1).
func (d *deployment) grant(t testing.TB, r request) granted {
	t.Helper()
	g := d.grantUnverified(t, r)
	g.claims = d.verify(t, g.Token)
	if event := d.log.lastDecision(t); event["decision"] != "granted" || event["jti"] != g.claims["jti"] {
		t.Errorf("the log says %v", event)
	}
	return g
}

func (d *deployment) grantUnverified(t testing.TB, r request) granted {
	t.Helper()
	g := granted{answer: d.send(t, r)}
	if g.status != http.StatusOK {
		t.Fatalf("got %d %s\nlog: %v", g.status, g.body, d.log.lastDecision(t))
	}
	if err := json.Unmarshal([]byte(g.body), &g); err != nil {
		t.Fatal(err)
	}
	d.remember(g.Token)
	if g.Type != "Bearer" || g.ExpiresIn <= 0 || g.Scope == "" {
		t.Errorf("token_type %q, expires_in %d, scope %q", g.Type, g.ExpiresIn, g.Scope)
	}
	expectNotKept(t, g.answer)
	return g
}

// verify does what an API does with a token: it fetches the JWK Set and believes nothing else. A resource that wants
// shared-secret tokens has the secret instead.
func (d *deployment) verify(t testing.TB, text string) map[string]any {
	t.Helper()
	token, err := jose.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if token.Type != "at+jwt" || token.KeyID == "" {
		t.Errorf("typ %q, kid %q", token.Type, token.KeyID)
	}
	set, _, err := jose.ParseKeySet([]byte(d.send(t, get(server.JWKSPath)).body), jose.RS256)
	if err != nil {
		t.Fatal(err)
	}
	for _, api := range d.configuration.Resources {
		if token.Algorithm.Symmetric() && api.AccessTokens.SharedSecret != "" {
			shared, err := jose.NewSharedSecretKey(payload(api.AccessTokens.SharedSecret), token.Algorithm, "1")
			if err != nil {
				t.Fatal(err)
			}
			set = append(set, shared)
		}
	}
	key, err := set.Find(token)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := token.Verify(key)
	if err != nil {
		t.Fatal(err)
	}
	return claims.All()
}

// A refusal is what a denied request must come to: what the caller is told, and the reason in the log.
type refusal struct {
	status                    int
	code, reason, description string
}

func invalidRequest(reason, description string) refusal {
	return refusal{400, "invalid_request", reason, description}
}

func invalidClient(reason, description string) refusal {
	return refusal{401, "invalid_client", reason, description}
}

func invalidGrant(reason, description string) refusal {
	return refusal{400, "invalid_grant", reason, description}
}

func invalidScope(reason, description string) refusal {
	return refusal{400, "invalid_scope", reason, description}
}

func invalidTarget(reason, description string) refusal {
	return refusal{400, "invalid_target", reason, description}
}

func unauthorizedClient(reason, description string) refusal {
	return refusal{400, "unauthorized_client", reason, description}
}

func unavailable(reason string) refusal {
	return refusal{503, "temporarily_unavailable", reason, "a service that this server depends on does not answer; try again"}
}

// strangeClient is the one answer to a client that is unknown or has a wrong credential (protocol T8).
func strangeClient(reason string) refusal {
	return invalidClient(reason, "client authentication failed: the client is unknown, or its credential or its method is wrong")
}

// strangeIssuer is the same for the issuer of an assertion.
func strangeIssuer(reason string) refusal {
	return invalidGrant("assertion_"+reason, "assertion: its iss is not trusted here, or none of the keys known for it made the signature")
}

// clientFault and grantFault are the two ways in which a fault of an assertion is told.
func clientFault(fault *assertion.Fault) refusal {
	if assertion.TellsWhoExists(fault) {
		return strangeClient(fault.Reason)
	}
	return invalidClient("client_assertion_"+fault.Reason, "client_assertion: "+fault.Sentence)
}

func grantFault(fault *assertion.Fault) refusal {
	if assertion.TellsWhoExists(fault) {
		return strangeIssuer(fault.Reason)
	}
	return invalidGrant("assertion_"+fault.Reason, "assertion: "+fault.Sentence)
}

// expectRefusal holds an answer to a refusal, and to what every refusal is (protocol T6, T7).
func (d *deployment) expectRefusal(t testing.TB, r request, got answer, want refusal) {
	t.Helper()
	var told struct {
		Code        *string `json:"error"`
		Description *string `json:"error_description"`
	}
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&told); err != nil || told.Code == nil || told.Description == nil {
		t.Fatalf("got %d %q: %v", got.status, got.body, err)
	}
	if got.status != want.status || *told.Code != want.code || *told.Description != want.description {
		t.Errorf("\n got %d %s %q\nwant %d %s %q", got.status, *told.Code, *told.Description, want.status, want.code, want.description)
	}
	expectNotKept(t, got)
	if !regexp.MustCompile(`\A[\x20-\x21\x23-\x5B\x5D-\x7E]+\z`).MatchString(*told.Description) {
		t.Errorf("the description is not what RFC 6749 section 5.2 allows: %q", *told.Description)
	}
	challenged, attempted := got.header.Get("WWW-Authenticate") != "", len(r.header["Authorization"]) > 0
	if challenged != (attempted && want.status == http.StatusUnauthorized) {
		t.Errorf("WWW-Authenticate: %q", got.header.Get("WWW-Authenticate"))
	}
	if (got.header.Get("Retry-After") != "") != (want.status == http.StatusServiceUnavailable) {
		t.Errorf("Retry-After: %q", got.header.Get("Retry-After"))
	}
	event := d.log.lastDecision(t)
	if event["decision"] != "denied" || event["error"] != want.code || event["reason"] != want.reason || event["status"] != float64(want.status) {
		t.Errorf("the log should give the reason %q: %v", want.reason, event)
	}
}

// expectNotKept holds what is true of every answer of the token endpoint.
func expectNotKept(t testing.TB, got answer) {
	t.Helper()
	if kind, kept := got.header.Get("Content-Type"), got.header.Get("Cache-Control"); kind != "application/json" || kept != "no-store" {
		t.Errorf("Content-Type: %q, Cache-Control: %q", kind, kept)
	}
}

// A verdict is one row of a table: what becomes of a request.
type verdict struct {
	name    string
	request request
	refusal *refusal // nil: it is granted
}

func allow(name string, r request) verdict { return verdict{name, r, nil} }

func deny(name string, r request, because refusal) verdict { return verdict{name, r, &because} }

// judge holds the server to the verdicts, in their order.
func (d *deployment) judge(t *testing.T, verdicts ...verdict) {
	t.Helper()
	for _, v := range verdicts {
		t.Run(v.name, func(t *testing.T) {
			t.Helper()
			if v.refusal == nil {
				d.grant(t, v.request)
				return
			}
			d.expectRefusal(t, v.request, d.send(t, v.request), *v.refusal)
		})
	}
}

// allocated returns how many bytes this process has allocated.
func allocated() uint64 {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return memory.TotalAlloc
}

// ringFresh is how long keys are used before they are looked at again.
const ringFresh = time.Minute
