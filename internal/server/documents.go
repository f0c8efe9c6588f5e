package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"example.com/countersign/internal/oauth"
)

// Metadata is the authorization server's metadata (RFC 8414 §2): exactly what this configuration supports.
type Metadata struct {
	Issuer                 string   `json:"issuer"`
	TokenEndpoint          string   `json:"token_endpoint"`
	JWKSURI                string   `json:"jwks_uri"`
	ScopesSupported        []string `json:"scopes_supported"`
	ResponseTypesSupported []string `json:"response_types_supported"` // required by RFC 8414, and empty: nothing is had at an authorization endpoint
	GrantTypesSupported    []string `json:"grant_types_supported"`
	GrantProfilesSupported []string `json:"authorization_grant_profiles_supported,omitempty"`            // of JWTBearer (draft-ietf-oauth-identity-assertion-authz-grant §7.2)
	IssuedGrantsSupported  []string `json:"identity_chaining_requested_token_types_supported,omitempty"` // draft-ietf-oauth-identity-chaining
	AuthMethodsSupported   []string `json:"token_endpoint_auth_methods_supported"`
	AuthSigningAlgorithms  []string `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"` // only with a method that uses assertions

	// Of introspection and revocation; all empty: there are no such endpoints.
	IntrospectionEndpoint              string   `json:"introspection_endpoint,omitempty"`
	IntrospectionAuthMethods           []string `json:"introspection_endpoint_auth_methods_supported,omitempty"`
	IntrospectionAuthSigningAlgorithms []string `json:"introspection_endpoint_auth_signing_alg_values_supported,omitempty"`
	RevocationEndpoint                 string   `json:"revocation_endpoint,omitempty"`
	RevocationAuthMethods              []string `json:"revocation_endpoint_auth_methods_supported,omitempty"`
	RevocationAuthSigningAlgorithms    []string `json:"revocation_endpoint_auth_signing_alg_values_supported,omitempty"`

	// Of the authorization endpoint, for clients that insist on it; both empty: there is none. It refuses every request.
	AuthorizationEndpoint string   `json:"authorization_endpoint,omitempty"`
	CodeChallengeMethods  []string `json:"code_challenge_methods_supported,omitempty"` // RFC 7636

	DPoPSigningAlgorithms  []string         `json:"dpop_signing_alg_values_supported"`                    // RFC 9449 §5.1
	CertificateBoundTokens bool             `json:"tls_client_certificate_bound_access_tokens,omitempty"` // RFC 8705 §3.3
	MTLSEndpointAliases    *EndpointAliases `json:"mtls_endpoint_aliases,omitempty"`                      // RFC 8705 §5; nil: TLS asks for certificates everywhere, or nowhere
}

// IDJAGProfile is the grant profile of identity assertions (draft-ietf-oauth-identity-assertion-authz-grant §7.2).
const IDJAGProfile = "urn:ietf:params:oauth:grant-profile:id-jag"

// EndpointAliases are where TLS asks the client for its certificate (RFC 8705 §5).
type EndpointAliases struct {
	TokenEndpoint         string `json:"token_endpoint"`
	IntrospectionEndpoint string `json:"introspection_endpoint,omitempty"`
	RevocationEndpoint    string `json:"revocation_endpoint,omitempty"`
}

// metadataMaxAge is how long the metadata may be kept, in seconds.
const metadataMaxAge = 300

func (m Metadata) render() (*document, error) {
	m.ResponseTypesSupported = []string{}
	// Left out or null, these would stand for what we do not have (RFC 8414 §2).
	for _, list := range []*[]string{&m.ScopesSupported, &m.GrantTypesSupported, &m.AuthMethodsSupported} {
		if *list == nil {
			*list = []string{}
		}
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("rendering the metadata: %w", err)
	}
	sum := sha256.Sum256(body)
	return &document{
		body:        body,
		contentType: "application/json",
		etag:        `"` + hex.EncodeToString(sum[:16]) + `"`,
		maxAge:      metadataMaxAge,
	}, nil
}

// describe serves the metadata (protocol J3).
func (s *Server) describe(w http.ResponseWriter, r *http.Request) { respondDocument(w, r, s.metadata) }

// jwks serves our public keys (protocol J1).
func (s *Server) jwks(w http.ResponseWriter, r *http.Request) {
	set, err := s.config.Keys.Document(r.Context())
	if err != nil {
		s.config.Log.ErrorContext(r.Context(), "the JWK Set cannot be served", "event", "jwks", "error", err.Error())
		respondError(w, r, oauth.Unavailable("signing_key_unavailable", err), "")
		return
	}
	respondDocument(w, r, &document{
		body:        set.Body,
		contentType: "application/jwk-set+json",
		etag:        set.ETag,
		maxAge:      int(set.MaxAge.Seconds()),
	})
}

// matches reports whether an If-None-Match names etag (RFC 9110 §13.1.2, the weak comparison).
func matches(fields []string, etag string) bool {
	for _, field := range fields {
		for candidate := range strings.SplitSeq(field, ",") {
			candidate = strings.TrimSpace(candidate)
			if candidate == "*" || strings.TrimPrefix(candidate, "W/") == etag {
				return true
			}
		}
	}
	return false
}

// health says that the process answers. It depends on nothing.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	respondHealth(w, r, s.config.Version)
}

// Ready returns an error unless every token that can be asked for could be signed now, and verified, and it is known who
// gets none.
func (s *Server) Ready(ctx context.Context) error {
	if err := s.config.Tokens.Ready(ctx); err != nil {
		return err
	}
	if err := s.config.Clients.Ready(ctx); err != nil {
		return err
	}
	_, err := s.config.Keys.Document(ctx)
	return err
}

// ready says whether it is.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	if !readsOnly(w, r) {
		return
	}
	if err := s.Ready(r.Context()); err != nil {
		s.config.Log.ErrorContext(r.Context(), "not ready", "event", "readiness", "error", err.Error())
		respondError(w, r, oauth.Unavailable("signing_key_unavailable", err), "")
		return
	}
	respondJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}
