package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/seal"
	"example.com/countersign/internal/server"
)

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
		case "assertion", "client_assertion", "client_secret", "subject_token", "actor_token", "token":
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

// granted is a token response whose token has been verified as an API would.
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
	if g.Type != "Bearer" && g.Type != "DPoP" || g.ExpiresIn <= 0 || g.Scope == "" {
		t.Errorf("token_type %q, expires_in %d, scope %q", g.Type, g.ExpiresIn, g.Scope)
	}
	expectNotKept(t, g.answer)
	return g
}

// verify does what an API does with a token: it fetches the JWK Set and believes nothing else. A resource that wants
// shared-secret tokens has the secret instead, and one that wants opaque tokens asks.
func (d *deployment) verify(t testing.TB, text string) map[string]any {
	t.Helper()
	if strings.HasPrefix(text, seal.Prefix) {
		return d.unsealed(t, text)
	}
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
	description, id := untraced(*told.Description)
	if got.status != want.status || *told.Code != want.code || description != want.description {
		t.Errorf("\n got %d %s %q\nwant %d %s %q", got.status, *told.Code, description, want.status, want.code, want.description)
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
	if steps, _ := event["trace"].([]any); id == "" || event["trace_id"] != id || len(steps) == 0 {
		t.Errorf("the caller was given the trace %q; the log has %v", id, event)
	}
}

// untraced takes the id of the trace off an error_description; empty: there is none.
func untraced(description string) (said, id string) {
	said, rest, _ := strings.Cut(description, " (trace ")
	id, isLast := strings.CutSuffix(rest, ")")
	if !isLast || !regexp.MustCompile(`\A[A-Z2-7]{10}\z`).MatchString(id) {
		return description, ""
	}
	return said, id
}

// anyTrace writes the same id into every refusal: for what must look the same, and has one of its own each time.
func anyTrace(body string) string {
	return regexp.MustCompile(` \(trace [A-Z2-7]{10}\)"`).ReplaceAllString(body, ` (trace ID)"`)
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
