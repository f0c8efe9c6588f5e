// Package oauth is the vocabulary of the token endpoint: the names that RFC 6749, RFC 7521, RFC 7523, RFC 8693, RFC 8705, RFC 8707 and
// RFC 9449 register, the [TokenRequest], [Scope], and [Error], the one error that a caller ever sees.
//
// It knows words and grammar, not HTTP and not policy: everything here is decided from the text alone.
package oauth

// Grant types (RFC 6749 §4.4.2, RFC 7523 §2.1, RFC 8693 §2.1).
const (
	ClientCredentials = "client_credentials"
	JWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	TokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// ClientAssertionTypeJWTBearer is the one client_assertion_type (RFC 7523 §2.2).
const ClientAssertionTypeJWTBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Client authentication methods (IANA OAuth Token Endpoint Authentication Methods).
const (
	PrivateKeyJWT           = "private_key_jwt"
	ClientSecretJWT         = "client_secret_jwt"
	ClientSecretBasic       = "client_secret_basic"
	ClientSecretPost        = "client_secret_post"
	TLSClientAuth           = "tls_client_auth"             // RFC 8705 §2.1
	SelfSignedTLSClientAuth = "self_signed_tls_client_auth" // RFC 8705 §2.2
	NoAuthentication        = "none"
)

// The token types, by which a client knows how to present a token.
const (
	TokenTypeBearer = "Bearer" // RFC 6750; also of a token that is bound to a certificate (RFC 8705 §3)
	TokenTypeDPoP   = "DPoP"   // RFC 9449 §5
)
