// Package server is the HTTP side of the authorization server: the token endpoint (RFC 6749 §3.2), introspection
// (RFC 7662) and revocation (RFC 7009) of its tokens, the JWK Set (RFC 7517), the metadata (RFC 8414), and what says
// whether it is well.
//
// token.go is the product on one screen. Only respond.go writes responses.
//
// It must never let a header of the request (Host, X-Forwarded-*) into a URL, a claim or a check.
package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"

	"example.com/countersign/internal/budget"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/mutualtls"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/revocation"
	"example.com/countersign/internal/sender"
	"example.com/countersign/internal/statuslist"
	"example.com/countersign/internal/token"
)

// Config is the parts of a server. All are required unless they say otherwise.
type Config struct {
	Clients  *client.Registry
	Senders  *sender.Senders
	Grants   *grant.Grants
	Policies *policy.Policies
	Replay   replay.Store
	Tokens   *token.Issuer
	Keys     *keys.Set // what the JWK Set shows
	Metadata Metadata

	StatusList *statuslist.Publisher // nil: there is none

	Proxy  *mutualtls.Proxy // says which certificate a client has; nil: nobody is believed to
	Nonces *dpop.Nonces     // what DPoP proofs need; nil: they need none

	// Issued and Revocations are for the endpoints of tokens that come back: introspection and revocation. Both nil: there
	// are no such endpoints.
	Issued      *issued.Verifier
	Revocations revocation.Store

	Budgets      *budget.Budgets // who has failed too often; nil: nobody has
	ForwardedFor int             // how many addresses at the end of X-Forwarded-For are our own proxies' writing; 0: none

	RecToken bool   // echo the verified assertion's claims (protocol G9)
	Version  string // of the program, for /health
	Project  string // Google Cloud project whose traces log lines belong to; empty: log lines name no trace
	Log      *slog.Logger
}

// Server is an authorization server.
type Server struct {
	config   Config
	metadata *document
	prefix   string // the path of the issuer identifier, decoded as that of a request is, without a final slash

	unauthorizing *oauth.Error // what the authorization endpoint tells everybody

	all, tokens, keys http.Handler
	records           sync.Pool // of *trace.Record
	bodies            sync.Pool // of *bytes.Buffer
}

// New returns a server.
func New(config Config) (*Server, error) {
	if config.Clients == nil || config.Senders == nil || config.Grants == nil || config.Policies == nil || config.Replay == nil ||
		config.Tokens == nil || config.Keys == nil || config.Log == nil {
		return nil, errors.New("server: a part is missing")
	}
	if (config.Issued == nil) != (config.Revocations == nil) {
		return nil, errors.New("server: introspection and revocation need each other's parts")
	}
	issuer, err := url.Parse(config.Metadata.Issuer)
	if err != nil || !issuer.IsAbs() {
		return nil, fmt.Errorf("server: the issuer identifier %q is not a URL", config.Metadata.Issuer)
	}
	metadata, err := config.Metadata.render()
	if err != nil {
		return nil, err
	}
	s := &Server{config: config, metadata: metadata, prefix: strings.TrimSuffix(issuer.Path, "/")}
	s.unauthorizing = noAuthorization(config.Metadata.GrantTypesSupported)
	s.all, s.tokens, s.keys = s.routed(), s.recovering(s.token), s.recovering(s.jwks)
	return s, nil
}

// Endpoint returns the URL of one of the paths below. An issuer identifier may end in a slash; an endpoint has one
// there only.
func Endpoint(issuer, path string) string { return strings.TrimSuffix(issuer, "/") + path }

// Paths below the issuer identifier.
const (
	TokenPath         = "/token"
	IntrospectionPath = "/introspect"
	RevocationPath    = "/revoke"
	JWKSPath          = "/.well-known/jwks.json"

	StatusListPath    = "/statuslists/1" // exactly where there is a status list
	AuthorizationPath = "/authorize"     // exactly where the metadata name it

	metadataPath  = "/.well-known/oauth-authorization-server"
	discoveryPath = "/.well-known/openid-configuration"
	healthPath    = "/health"
	readyPath     = "/ready"
)

// Handler serves everything below one origin.
func (s *Server) Handler() http.Handler { return s.all }

// routed is the handler of every path.
//
// An issuer identifier may have a path. The metadata then stands where RFC 8414 §3.1 puts it and where OpenID Connect
// Discovery does, under both names (RFC 8414 §5); and since a proxy, or Google's own front end, may have taken the path
// off, each endpoint answers with and without it.
func (s *Server) routed() http.Handler {
	routes := map[string]http.HandlerFunc{}
	for _, prefix := range []string{"", s.prefix} {
		routes[prefix+TokenPath] = s.token
		routes[prefix+JWKSPath] = s.jwks
		routes[prefix+metadataPath] = s.describe
		routes[prefix+discoveryPath] = s.describe
		routes[metadataPath+prefix] = s.describe
		routes[discoveryPath+prefix] = s.describe
		routes[prefix+healthPath] = s.health
		routes[prefix+readyPath] = s.ready
		if s.config.Issued != nil {
			routes[prefix+IntrospectionPath] = s.introspection
			routes[prefix+RevocationPath] = s.revocation
		}
		if s.config.StatusList != nil {
			routes[prefix+StatusListPath] = s.statusList
		}
		if s.config.Metadata.AuthorizationEndpoint != "" {
			routes[prefix+AuthorizationPath] = s.authorize
		}
	}
	return s.recovering(func(w http.ResponseWriter, r *http.Request) {
		if handle, found := routes[r.URL.Path]; found {
			handle(w, r)
			return
		}
		respondNotFound(w)
	})
}

// Token serves the token endpoint alone, at whatever path it is reached.
func (s *Server) Token() http.Handler { return s.tokens }

// JWKS serves the JWK Set alone, at whatever path it is reached.
func (s *Server) JWKS() http.Handler { return s.keys }

// recovering answers a panic itself, since the functions framework would send its value to the caller. The value is not
// logged either: it may hold what the request held.
func (s *Server) recovering(handle http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if value := recover(); value != nil {
				id := newTraceID()
				s.config.Log.ErrorContext(r.Context(), "panic", "event", "panic", "kind", fmt.Sprintf("%T", value), "trace_id", id, "stack", string(debug.Stack()))
				respondError(w, r, &oauth.Error{Code: oauth.ServerError, Description: "this server has a defect; its log says more"}, id)
			}
		}()
		handle(w, r)
	})
}
