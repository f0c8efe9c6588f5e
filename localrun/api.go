package main

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"example.com/countersign/internal/resource"
)

// apiConfig says which API the demonstration protects. All fields are required.
type apiConfig struct {
	Issuer   string // of the tokens that it takes
	JWKSURI  string
	Audience string // its own identifier
	Read     string // the scope that GET needs
	Write    string // the scope that POST needs
}

// demoAPI is an API that does nothing but say who called, and that only to callers with a token.
type demoAPI struct {
	server *http.Server
	keys   *countingTransport
	write  string // the scope that POST needs
}

// newDemoAPI returns an API that is not being served yet.
func newDemoAPI(config apiConfig) (*demoAPI, error) {
	keys := &countingTransport{}
	verifier, err := resource.New(resource.Config{
		Issuer:   config.Issuer,
		Audience: config.Audience,
		JWKSURI:  config.JWKSURI,
		Client:   &http.Client{Transport: keys, CheckRedirect: noRedirect},
		Now:      time.Now,
	})
	if err != nil {
		return nil, err
	}
	routes := http.NewServeMux()
	routes.Handle("GET /{$}", verifier.Protect(config.Read, greet))
	routes.Handle("POST /{$}", verifier.Protect(config.Write, greet))
	return &demoAPI{
		server: &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second},
		keys:   keys,
		write:  config.Write,
	}, nil
}

// serve serves until the API is closed.
func (a *demoAPI) serve(listener net.Listener) error { return a.server.Serve(listener) }

// greeting is the answer of the API: who called, as the token says.
type greeting struct {
	Message  string `json:"message"`
	Subject  string `json:"sub"`
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
	ID       string `json:"jti"`
	Expires  string `json:"expires"`
}

func greet(w http.ResponseWriter, _ *http.Request, token resource.Token) {
	text, err := json.MarshalIndent(greeting{
		Message:  "Hello, " + token.Subject + ".",
		Subject:  token.Subject,
		ClientID: token.ClientID,
		Scope:    strings.Join(token.Scope, " "),
		ID:       token.ID,
		Expires:  token.Expires.Local().Format(time.RFC3339),
	}, "", "  ")
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
	sent atomic.Int64
	took atomic.Int64 // nanoseconds that the last one took
}

// RoundTrip implements [http.RoundTripper].
func (c *countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	begun := time.Now()
	answer, err := http.DefaultTransport.RoundTrip(r)
	c.took.Store(int64(time.Since(begun)))
	c.sent.Add(1)
	return answer, err
}
