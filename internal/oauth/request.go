package oauth

import (
	"crypto/x509"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"example.com/countersign/internal/trace"
)

// maxAssertion is the length in bytes beyond which an assertion is refused unread (protocol T4).
const maxAssertion = 16 << 10

// Form is what of an HTTP request the token endpoint looks at.
type Form struct {
	Parameters    url.Values // of the body alone (protocol T2)
	Authorization []string   // every Authorization header
	Proofs        []string   // every DPoP header
	// Certificates are those of the TLS client, its own first, then what leads to its issuer (RFC 8705). None: it showed
	// none, or nobody who is believed says so.
	Certificates []*x509.Certificate
}

// TokenRequest is a token request (RFC 6749 §4) that is well formed: each parameter is there at most once, and there
// is at most one client authentication. Nothing in it is believed yet. Only [ParseTokenRequest] makes one, and, without a
// grant, [ParseClientRequest].
type TokenRequest struct {
	GrantType string
	Scope     Scope    // requested; empty: none was
	Resource  []string // RFC 8707 §2, each once
	Assertion Secret   // the authorization grant of RFC 7521 §4.1
	Exchange  Exchange // RFC 8693 §2.1; zero: it is none
	ClientID  string   // as the form or the Authorization header claims; empty: not said

	// Method is how the client tries to authenticate: NoAuthentication, ClientSecretBasic, ClientSecretPost, or
	// PrivateKeyJWT, which stands for both methods that use a client assertion, since a request does not tell them apart.
	// Nor does it tell whether a certificate is meant to authenticate: with NoAuthentication the registration says so.
	Method          string
	ClientSecret    Secret
	ClientAssertion Secret

	Proof        Secret              // the DPoP proof (RFC 9449 §4); zero: there is none
	Certificates []*x509.Certificate // as in Form. They prove who the client is only where it is registered for that

	Token Secret // what a client asks about, or takes back (RFC 7662 §2.1, RFC 7009 §2.1); zero in a request for a token

	Source netip.Addr // where the request comes from; zero: nobody knows. It decides about no token

	Trace *trace.Record // records what becomes of the request; nil: nobody does. It is no part of the request

	parsed bool
}

// IsZero reports whether the request came from neither parser.
func (r TokenRequest) IsZero() bool { return !r.parsed }

// ParseTokenRequest reads the parameters of a token request. Unknown ones are ignored and empty ones count as absent
// (RFC 6749 §3.2). The error is always an [*Error].
func ParseTokenRequest(form Form) (TokenRequest, error) {
	if err := refuseRepeated(form.Parameters); err != nil {
		return TokenRequest{}, err
	}
	request := TokenRequest{
		GrantType:    form.Parameters.Get("grant_type"),
		Assertion:    NewSecret(form.Parameters.Get("assertion")),
		Certificates: form.Certificates,
		parsed:       true,
	}
	if request.GrantType == "" {
		return TokenRequest{}, malformed("grant_type_missing", "grant_type is missing")
	}
	if len(request.Assertion.Reveal()) > maxAssertion {
		return TokenRequest{}, malformed("assertion_too_long", "assertion is longer than 16 KiB")
	}
	var err error
	if request.Scope, err = ParseScope(form.Parameters.Get("scope")); err != nil {
		return TokenRequest{}, err
	}
	if request.Resource, err = parseResources(form.Parameters["resource"]); err != nil {
		return TokenRequest{}, err
	}
	if request.Proof, err = parseProof(form.Proofs); err != nil {
		return TokenRequest{}, err
	}
	if request.GrantType == TokenExchange {
		if request.Exchange, err = parseExchange(form.Parameters); err != nil {
			return TokenRequest{}, err
		}
	}
	if err := request.parseCredentials(form); err != nil {
		return TokenRequest{}, err
	}
	return request, nil
}

// ParseClientRequest reads the parameters of a request about a token: of introspection (RFC 7662 §2.1) and of revocation
// (RFC 7009 §2.1), where clients authenticate as at the token endpoint. token_type_hint says nothing that the token does
// not. The error is always an [*Error].
func ParseClientRequest(form Form) (TokenRequest, error) {
	if err := refuseRepeated(form.Parameters); err != nil {
		return TokenRequest{}, err
	}
	request := TokenRequest{
		Token:        NewSecret(form.Parameters.Get("token")),
		Certificates: form.Certificates,
		parsed:       true,
	}
	if request.Token.IsZero() {
		return TokenRequest{}, malformed("token_missing", "token is missing")
	}
	if err := request.parseCredentials(form); err != nil {
		return TokenRequest{}, err
	}
	return request, nil
}

// parseProof holds RFC 9449 §4.3 item 1.
func parseProof(headers []string) (Secret, error) {
	switch {
	case len(headers) == 0:
		return Secret{}, nil
	case len(headers) > 1:
		return Secret{}, &Error{Code: InvalidDPoPProof, Description: "there is more than one DPoP header", Reason: "dpop_repeated"}
	case headers[0] == "":
		return Secret{}, &Error{Code: InvalidDPoPProof, Description: "the DPoP header is empty", Reason: "dpop_empty"}
	default:
		return NewSecret(headers[0]), nil
	}
}

// refuseRepeated holds protocol T3. Only resource may come more than once (RFC 8707 §2), and the audience of a token
// exchange (RFC 8693 §2.1).
func refuseRepeated(parameters url.Values) error {
	exchanges := parameters.Get("grant_type") == TokenExchange
	for name, values := range parameters {
		if len(values) > 1 && name != "resource" && (name != "audience" || !exchanges) {
			return malformed("parameter_repeated", "a parameter is there more than once")
		}
	}
	return nil
}

func parseResources(values []string) ([]string, error) {
	var resources []string
	for _, value := range values {
		if value == "" || slices.Contains(resources, value) {
			continue
		}
		if !IsResource(value) {
			return nil, &Error{
				Code:        InvalidTarget,
				Description: "resource is not an absolute URI without a fragment (RFC 8707 section 2)",
				Reason:      "resource_malformed",
			}
		}
		resources = append(resources, value)
	}
	return resources, nil
}

// IsResource reports whether text is an absolute URI without a fragment (RFC 8707 §2). Any scheme is good, and so is a
// path without a host (app:/path), except for the two that name a host.
func IsResource(text string) bool {
	uri, err := url.Parse(text)
	switch {
	case err != nil || !uri.IsAbs() || strings.Contains(text, "#"):
		return false
	case uri.Scheme == "https" || uri.Scheme == "http":
		return uri.Hostname() != ""
	default:
		return uri.Host != "" || uri.Opaque != "" || uri.Path != ""
	}
}

func malformed(reason, description string) *Error {
	return &Error{Code: InvalidRequest, Description: description, Reason: reason}
}
