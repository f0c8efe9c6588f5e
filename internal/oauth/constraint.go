package oauth

// Constraint says to what a token must be bound, so that nobody else can use it (RFC 9700 §2.2.1). The zero value asks
// for nothing.
type Constraint struct {
	DPoP        bool // to the key of a DPoP proof (RFC 9449 §5)
	Certificate bool // to the certificate of the TLS client (RFC 8705 §3)
	Either      bool // to one of the two at least
}

// And returns what both ask for.
func (c Constraint) And(other Constraint) Constraint {
	return Constraint{c.DPoP || other.DPoP, c.Certificate || other.Certificate, c.Either || other.Either}
}

// Confirmation is to what a token is bound: the cnf claim (RFC 7800 §3.1). The zero value is a bearer token's.
type Confirmation struct {
	JWKThumbprint         string `json:"jkt,omitempty"`      // of the DPoP key (RFC 9449 §6.1)
	CertificateThumbprint string `json:"x5t#S256,omitempty"` // of the TLS client's certificate (RFC 8705 §3.1)
}

// IsZero reports whether whoever has the token can use it.
func (c Confirmation) IsZero() bool { return c == Confirmation{} }

// TokenType returns the token_type of a token that is bound so.
func (c Confirmation) TokenType() string {
	if c.JWKThumbprint != "" {
		return TokenTypeDPoP
	}
	return TokenTypeBearer
}

// Confirm returns to what a token is bound that is asked for with all that presented has. A proof always counts, since
// a client that sends one expects it (RFC 9449 §5); a certificate only where it is asked for, since an API that TLS
// clients do not reach could not check it. The error is an *Error: something that is asked for was not presented.
func (c Constraint) Confirm(presented Confirmation) (Confirmation, error) {
	bound := Confirmation{JWKThumbprint: presented.JWKThumbprint}
	if c.Certificate || c.Either && bound.JWKThumbprint == "" {
		bound.CertificateThumbprint = presented.CertificateThumbprint
	}
	switch {
	case c.DPoP && bound.JWKThumbprint == "":
		return Confirmation{}, &Error{
			Code:        InvalidDPoPProof,
			Description: "the token has to be bound to a key (RFC 9449), and the request has no DPoP header",
			Reason:      "dpop_missing",
		}
	case c.Certificate && bound.CertificateThumbprint == "":
		return Confirmation{}, &Error{
			Code:        InvalidRequest,
			Description: "the token has to be bound to a certificate (RFC 8705), and the request came without one",
			Reason:      "certificate_missing",
		}
	case c.Either && bound.IsZero():
		return Confirmation{}, &Error{
			Code:        InvalidRequest,
			Description: "the token has to be bound to its client, and the request has neither a DPoP header nor a client certificate",
			Reason:      "constraint_missing",
		}
	}
	return bound, nil
}
