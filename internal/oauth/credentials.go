package oauth

import (
	"encoding/base64"
	"net/url"
	"strings"
)

// parseCredentials finds out how the client tries to authenticate. More than one way in a request is refused, so that
// no later stage can look at one credential while another was checked (RFC 6749 §2.3, protocol C2).
func (r *TokenRequest) parseCredentials(form Form) error {
	r.ClientID = form.Parameters.Get("client_id")
	r.Method = NoAuthentication
	methods := 0

	if len(form.Authorization) > 0 {
		methods += len(form.Authorization)
		r.Method = ClientSecretBasic
	}
	if secret := form.Parameters.Get("client_secret"); secret != "" {
		methods++
		r.Method, r.ClientSecret = ClientSecretPost, NewSecret(secret)
	}
	if assertion := form.Parameters.Get("client_assertion"); assertion != "" {
		methods++
		r.Method, r.ClientAssertion = PrivateKeyJWT, NewSecret(assertion)
	}
	if methods > 1 {
		return malformed("several_credentials", "the request authenticates its client in more than one way")
	}
	if r.Method != PrivateKeyJWT && form.Parameters.Get("client_assertion_type") != "" {
		return malformed("client_assertion_missing", "client_assertion_type is there without a client_assertion")
	}
	switch r.Method {
	case ClientSecretBasic:
		return r.parseBasic(form.Authorization[0])
	case PrivateKeyJWT:
		return r.checkClientAssertion(form.Parameters.Get("client_assertion_type"))
	case ClientSecretPost:
		if r.ClientID == "" {
			return malformed("client_id_missing", "client_secret is there without a client_id")
		}
	}
	return nil
}

func (r *TokenRequest) checkClientAssertion(kind string) error {
	switch {
	case kind == "":
		return malformed("client_assertion_type_missing", "client_assertion is there without a client_assertion_type")
	case kind != ClientAssertionTypeJWTBearer:
		return &Error{
			Code:        InvalidClient,
			Description: "client_assertion_type must be " + ClientAssertionTypeJWTBearer,
			Reason:      "client_assertion_type_unknown",
		}
	case len(r.ClientAssertion.Reveal()) > maxAssertion:
		return malformed("client_assertion_too_long", "client_assertion is longer than 16 KiB")
	}
	return nil
}

// parseBasic reads the client's id and secret from an Authorization header. Both are form-encoded before they are
// joined (RFC 6749 §2.3.1), which is more than RFC 7617 asks for and is where clients differ from each other.
func (r *TokenRequest) parseBasic(header string) error {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return &Error{
			Code:        InvalidClient,
			Description: "the Authorization header's scheme is not Basic, the only one by which a client authenticates here",
			Reason:      "authorization_scheme_unknown",
		}
	}
	joined, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return malformedBasic()
	}
	id, secret, found := strings.Cut(string(joined), ":")
	if !found {
		return malformedBasic()
	}
	clientID, err := url.QueryUnescape(id)
	if err != nil || clientID == "" {
		return malformedBasic()
	}
	clientSecret, err := url.QueryUnescape(secret)
	if err != nil {
		return malformedBasic()
	}
	if r.ClientID != "" && r.ClientID != clientID {
		return malformed("client_id_mismatch", "client_id is not the client of the Authorization header")
	}
	r.ClientID, r.ClientSecret = clientID, NewSecret(clientSecret)
	return nil
}

func malformedBasic() *Error {
	return &Error{
		Code:        InvalidClient,
		Description: "the Authorization header is not Basic credentials: base64 of the form-encoded client_id, a colon, and the form-encoded secret",
		Reason:      "basic_malformed",
	}
}
