package resource

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// WellKnown is where an API describes itself: it goes between the host and the path of its identifier (RFC 9728 §3).
const WellKnown = "/.well-known/oauth-protected-resource"

// metadataMaxAge is for how long the description may be kept, in seconds.
const metadataMaxAge = "300"

// Metadata is what an API says of itself (RFC 9728 §2) beside what its Config says anyway. The Audience of an API that
// does so is a URL.
type Metadata struct {
	Scopes []string // that its callers can ask for; none: it does not say

	// Certificates says that the API sees the certificates of its clients, and so takes tokens that are bound to one.
	// That goes without saying where there is a Proxy, or where every token has to be bound to one.
	Certificates bool
}

// description is the document (RFC 9728 §2). What has no values is left out, as §3.2 asks.
type description struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	Scopes               []string `json:"scopes_supported,omitempty"`
	BearerMethods        []string `json:"bearer_methods_supported,omitempty"`
	CertificateBound     bool     `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	ProofAlgorithms      []string `json:"dpop_signing_alg_values_supported,omitempty"`
	DPoPRequired         bool     `json:"dpop_bound_access_tokens_required,omitempty"`
}

// published is the description of an API, and where it is.
type published struct {
	url  string
	path string // of url
	body []byte
}

// newPublished renders the description once: it is the same for everybody.
func (v *Verifier) newPublished(metadata Metadata) (*published, error) {
	c := v.config
	origin, path, err := splitIdentifier(c.Audience)
	if err != nil {
		return nil, err
	}
	d := description{
		Resource:             c.Audience,
		AuthorizationServers: []string{c.Issuer},
		Scopes:               metadata.Scopes,
		CertificateBound:     metadata.Certificates || c.Proxy != nil || c.RequireCertificate,
		DPoPRequired:         c.RequireDPoP,
	}
	if slices.Contains(v.schemes(), schemeBearer) {
		d.BearerMethods = []string{"header"} // RFC 6750 §2.1, and no other: see credentials
	}
	if v.proofs != nil {
		d.ProofAlgorithms = v.proofs.algs()
	}
	body, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("resource: rendering the metadata: %w", err)
	}
	return &published{url: origin + WellKnown + path, path: WellKnown + path, body: body}, nil
}

// splitIdentifier takes an API's identifier apart where the well-known path goes in (RFC 9728 §3.1). A slash that is the
// whole path goes away there. RFC 9728 §1.2 wants https; http is for an API on the same machine.
func splitIdentifier(identifier string) (origin, path string, err error) {
	if _, err := readURL(identifier); err != nil {
		return "", "", fmt.Errorf("an API that describes itself is named by its URL: %w", err)
	}
	parsed, err := url.Parse(identifier)
	if err != nil {
		return "", "", err
	}
	origin, path = parsed.Scheme+"://"+parsed.Host, parsed.EscapedPath()
	if origin+path != identifier { // clients compare it character by character (RFC 9728 §6)
		return "", "", errors.New("resource: the identifier of the API is not written as a URL is")
	}
	if path == "/" {
		path = ""
	}
	return origin, path, nil
}

// MetadataURL is where the API describes itself. Empty: it does not.
func (v *Verifier) MetadataURL() string {
	if v.published == nil {
		return ""
	}
	return v.published.url
}

// Describe serves the description of the API where its clients look for it, and hands everything else on. It needs no
// token: it says how to get one.
func (v *Verifier) Describe(rest http.Handler) http.Handler {
	if v.published == nil {
		return rest
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.EscapedPath() != v.published.path:
			rest.ServeHTTP(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed, "this document is read with GET")
		default:
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "public, max-age="+metadataMaxAge)
			_, _ = w.Write(v.published.body) // an error: the caller is gone, and there is nobody to tell
		}
	})
}
