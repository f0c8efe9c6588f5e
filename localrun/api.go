package main

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/resource"
)

// apiConfig says which API the demonstration protects. All fields are required unless they say otherwise.
type apiConfig struct {
	Issuer    string // of the tokens that it takes
	JWKSURI   string
	Transport http.RoundTripper // fetches the JWK Set
	Audience  string            // its own identifier
	URL       string            // where it is served
	TLS       *tls.Config       // nil: without TLS
	Read      string            // the scope that GET needs
	Write     string            // the scope that POST needs
	Scopes    []string          // that it tells its clients of

	Requires oauth.Constraint // to what every token must be bound; zero: to nothing
	Proofs   []jose.Algorithm // of DPoP proofs; none: every one that there is
}

// proofsAtOnce is how many DPoP proofs the API remembers at a time.
const proofsAtOnce = 10_000

// demoAPI is an API that does nothing but say who called, and that only to callers with a token. Agents find the same at
// mcpPath.
type demoAPI struct {
	server *http.Server
	keys   *countingTransport
	write  string // the scope that POST needs
}

// newDemoAPI returns an API that is not being served yet.
func newDemoAPI(config apiConfig) (*demoAPI, error) {
	keys := &countingTransport{base: config.Transport}
	used, err := replay.NewMemory(time.Now, proofsAtOnce)
	if err != nil {
		return nil, err
	}
	verifier, err := resource.New(resource.Config{
		Issuer:   config.Issuer,
		Audience: config.Audience,
		JWKSURI:  config.JWKSURI,
		Client:   &http.Client{Transport: keys, CheckRedirect: noRedirect},
		Now:      time.Now,
		DPoP:     &resource.DPoP{URL: config.URL, Replay: used, Algorithms: config.Proofs},

		RequireDPoP:        config.Requires.DPoP,
		RequireCertificate: config.Requires.Certificate,
		RequireBound:       config.Requires.Either,

		Metadata: config.metadata(),
	})
	if err != nil {
		return nil, err
	}
	routes := http.NewServeMux()
	routes.Handle("GET /{$}", verifier.Protect(config.Read, greet))
	routes.Handle("POST /{$}", verifier.Protect(config.Write, greet))
	routes.Handle(mcpPath, newMCP(verifier, config.Read))
	served := newBoundedServer(verifier.Describe(routes), config.TLS)
	return &demoAPI{server: served, keys: keys, write: config.Write}, nil
}

// metadata are what the API says of itself (RFC 9728). Nil where its identifier is not where it is served: nobody could
// find it by that.
func (c apiConfig) metadata() *resource.Metadata {
	path, isHere := strings.CutPrefix(c.Audience, c.URL)
	if !isHere || path != "" && path[0] != '/' || strings.ContainsAny(path, "?#") {
		return nil
	}
	return &resource.Metadata{Scopes: c.Scopes, Certificates: c.TLS != nil}
}

// serve serves until the API is closed.
func (a *demoAPI) serve(listener net.Listener) error { return serveOn(a.server, listener) }

// greeting is the answer of the API: who called, as the token says.
type greeting struct {
	Message  string `json:"message"`
	Subject  string `json:"sub"`
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
	ID       string `json:"jti"`
	Expires  string `json:"expires"`
}

func greetingOf(token resource.Token) greeting {
	return greeting{
		Message:  "Hello, " + token.Subject + ".",
		Subject:  token.Subject,
		ClientID: token.ClientID,
		Scope:    strings.Join(token.Scope, " "),
		ID:       token.ID,
		Expires:  token.Expires.Local().Format(time.RFC3339),
	}
}

func greet(w http.ResponseWriter, _ *http.Request, token resource.Token) {
	text, err := json.MarshalIndent(greetingOf(token), "", "  ")
	if err != nil {
		http.Error(w, "the answer could not be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(text, '\n')) // the caller is gone: nobody to tell
}

// countingTransport counts what it sends, so that the diagram shows the fetch of a JWK Set where there was one.
type countingTransport struct {
	base http.RoundTripper
	sent atomic.Int64
	took atomic.Int64 // nanoseconds that the last one took
}

// RoundTrip implements [http.RoundTripper].
func (c *countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	begun := time.Now()
	answer, err := c.base.RoundTrip(r)
	c.took.Store(int64(time.Since(begun)))
	c.sent.Add(1)
	return answer, err
}
