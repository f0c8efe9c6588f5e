package resource

import (
	"fmt"
	"strings"
)

// scheme is one of the authentication schemes of access tokens, as it is written in a challenge.
type scheme string

// The schemes of RFC 6750 §2.1 and RFC 9449 §7.1.
const (
	schemeBearer scheme = "Bearer"
	schemeDPoP   scheme = "DPoP"
)

// schemes are those in which the API takes tokens. None is Bearer where every token has to be bound to a key.
func (v *Verifier) schemes() []scheme {
	switch {
	case v.proofs == nil:
		return []scheme{schemeBearer}
	case v.config.RequireDPoP:
		return []scheme{schemeDPoP}
	default:
		return []scheme{schemeDPoP, schemeBearer}
	}
}

// credentials are a token and the scheme in which it came.
type credentials struct {
	scheme scheme
	token  string
}

// credentials finds the token in the Authorization headers, and nowhere else: in a URL it would end in logs (RFC 9700
// §4.3.2). The scheme is case-insensitive (RFC 9110 §11.1), with one space or more behind it.
func (v *Verifier) credentials(authorization []string) (credentials, error) {
	switch len(authorization) {
	case 0:
		return credentials{}, ErrNoToken
	case 1:
	default:
		return credentials{}, fmt.Errorf("%w: there is more than one", ErrMalformed)
	}
	used, rest := v.schemeOf(authorization[0])
	if used == "" {
		return credentials{}, ErrNoToken
	}
	token := strings.TrimLeft(rest, " ")
	if token == "" {
		return credentials{}, fmt.Errorf("%w: there is nothing behind %s", ErrMalformed, used)
	}
	return credentials{used, token}, nil
}

// schemeOf returns the scheme of an Authorization header, and what is behind it. Empty: it is none that a token comes
// in.
//
// Bearer is known also where it is not taken: whoever sends a token that is bound to a key in it is told so.
func (v *Verifier) schemeOf(authorization string) (used scheme, rest string) {
	name, rest, _ := strings.Cut(authorization, " ")
	switch {
	case strings.EqualFold(name, string(schemeBearer)):
		return schemeBearer, rest
	case strings.EqualFold(name, string(schemeDPoP)) && v.proofs != nil:
		return schemeDPoP, rest
	default:
		return "", ""
	}
}
