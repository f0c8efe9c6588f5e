package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/resource"
)

// authorized puts a token, and a proof where there is a key for it, into every request of an agent.
type authorized struct {
	scheme, token string
	prover        jose.SigningKey // zero: no proof
}

// RoundTrip implements [http.RoundTripper].
func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if a.token != "" {
		r.Header.Set("Authorization", a.scheme+" "+a.token)
	}
	if !a.prover.IsZero() {
		claims := dpop.Claims{Method: r.Method, URL: r.URL.String(), IssuedAt: time.Now(), AccessToken: a.token}
		if err := prove(r, a.prover, claims); err != nil {
			return nil, err
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

// askStock connects as an agent does, finds the tool and calls it.
func (p place) askStock(t *testing.T, a authorized) (greeting, error) {
	t.Helper()
	agent := mcp.NewClient(&mcp.Implementation{Name: "agent", Version: "1"}, nil)
	session, err := agent.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: "http://127.0.0.1:" + p.ports[1] + mcpPath, HTTPClient: &http.Client{Transport: a}, MaxRetries: -1,
	}, nil)
	if err != nil {
		return greeting{}, err
	}
	defer session.Close()
	listed, err := session.ListTools(t.Context(), nil)
	if err != nil {
		return greeting{}, err
	}
	if len(listed.Tools) != 1 || listed.Tools[0].Name != "stock" {
		t.Errorf("the tools are %+v", listed.Tools)
	}
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "stock"})
	if err != nil {
		return greeting{}, err
	}
	text, err := json.Marshal(result.StructuredContent)
	if err != nil {
		t.Fatal(err)
	}
	var said greeting
	if err := json.Unmarshal(text, &said); err != nil || result.IsError {
		t.Errorf("the tool answers %s, %v", text, err)
	}
	return said, nil
}

// tokenOf gets a token with localrun's own command.
func (p place) tokenOf(t *testing.T, args ...string) string {
	t.Helper()
	return strings.TrimSpace(succeed(t, append([]string{"token", "-url", "http://127.0.0.1:" + p.ports[0]}, args...)...))
}

func TestTheAPIIsThereForAgents(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.serve(t)
	job := func(scope string) string {
		return p.tokenOf(t, "-grant", "jwt-bearer", "-key", p.path("ci.pem"), "-iss", ciIssuer, "-sub", "job-4711",
			"-claim", "project=acme/shop", "-claim", "branch=main", "-scope", scope)
	}
	mirror, err := jose.ParseSigningKey([]byte(p.read(t, mirrorName+".pem")), jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	bound := p.tokenOf(t, "-client", mirrorName, "-key", p.path(mirrorName+".pem"), "-dpop", p.path(mirrorName+".pem"))
	report := p.tokenOf(t, "-client", reportName, "-key", p.path(reportName+".pem"))

	for name, a := range map[string]authorized{
		"without a token":              {},
		"with another text":            {scheme: oauth.TokenTypeBearer, token: "x"},
		"with a token for writing":     {scheme: oauth.TokenTypeBearer, token: job("stock.write")},
		"with a bound token as Bearer": {scheme: oauth.TokenTypeBearer, token: bound},
		"with a bound token, no proof": {scheme: oauth.TokenTypeDPoP, token: bound},
	} {
		if said, err := p.askStock(t, a); err == nil {
			t.Errorf("%s: the tool says %+v", name, said)
		}
	}

	for subject, a := range map[string]authorized{
		reportName:          {scheme: oauth.TokenTypeBearer, token: report},
		"project:acme/shop": {scheme: oauth.TokenTypeBearer, token: job("stock.read")}, // a workload that nobody has registered
		mirrorName:          {scheme: oauth.TokenTypeDPoP, token: bound, prover: mirror},
	} {
		said, err := p.askStock(t, a)
		if err != nil || said.Subject != subject || said.Scope != "stock.read" {
			t.Errorf("%s: the tool says %+v, %v", subject, said, err)
		}
	}
}

// RFC 9728: an agent that knows nothing but the URL of the server finds out where tokens are to be had.
func TestTheAPISaysWhereTokensAreToBeHad(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.serve(t)
	api := "http://127.0.0.1:" + p.ports[1]

	answer, err := http.Post(api+mcpPath, "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	algs := `algs="ES256 ES384 ES512 EdDSA Ed25519 PS256 PS384 PS512 RS256 RS384 RS512"`
	where := `resource_metadata="` + api + `/.well-known/oauth-protected-resource"`
	want := []string{
		`DPoP scope="stock.read", ` + algs + `, ` + where,
		`Bearer realm="` + api + `", scope="stock.read", ` + where,
	}
	if diff := cmp.Diff(want, answer.Header.Values("WWW-Authenticate")); diff != "" || answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("%s; want -, got +:\n%s", answer.Status, diff)
	}

	found, err := http.Get(api + resource.WellKnown)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Body.Close()
	text, err := io.ReadAll(found.Body)
	if err != nil {
		t.Fatal(err)
	}
	const quoted = `["ES256","ES384","ES512","EdDSA","Ed25519","PS256","PS384","PS512","RS256","RS384","RS512"]`
	described := `{"resource":"` + api + `","authorization_servers":["http://127.0.0.1:` + p.ports[0] + `"],` +
		`"scopes_supported":["stock.read","stock.write"],"bearer_methods_supported":["header"],` +
		`"dpop_signing_alg_values_supported":` + quoted + `}`
	if string(text) != described {
		t.Errorf("it says %s\nwant %s", text, described)
	}
}

// An API whose identifier is somewhere else says nothing there of itself.
func TestMetadataAreWhereTheIdentifierIs(t *testing.T) {
	const at = "http://127.0.0.1:8081"
	for audience, want := range map[string]bool{
		at: true, at + "/": true, at + mcpPath: true, at + "/a/b": true,
		"http://127.0.0.1:80812": false, "http://127.0.0.1:8082": false, "http://localhost:8081": false,
		"https://api.example.com": false, at + "/?x=1": false, at + "#x": false, "urn:example:stock": false,
	} {
		if got := (apiConfig{Audience: audience, URL: at}).metadata(); (got != nil) != want {
			t.Errorf("%s: %+v, want metadata: %v", audience, got, want)
		}
	}
}

// The identifier of an MCP server is best its whole URL, and then the metadata are below the well-known path.
func TestTheAPICanBeNamedByTheURLOfItsTools(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.once(t)
	api := "http://127.0.0.1:" + p.ports[1]
	p.write(t, "config.yaml", strings.ReplaceAll(p.read(t, "config.yaml"), api, api+mcpPath))
	p.serve(t)
	answer, err := http.Get(api + resource.WellKnown + mcpPath)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var described struct{ Resource string }
	if err := json.NewDecoder(answer.Body).Decode(&described); err != nil || described.Resource != api+mcpPath {
		t.Errorf("%s names %q, %v", answer.Status, described.Resource, err)
	}
	token := p.tokenOf(t, "-client", reportName, "-key", p.path(reportName+".pem"), "-resource", api+mcpPath)
	if said, err := p.askStock(t, authorized{scheme: oauth.TokenTypeBearer, token: token}); err != nil || said.Subject != reportName {
		t.Errorf("the tool says %+v, %v", said, err)
	}
}
