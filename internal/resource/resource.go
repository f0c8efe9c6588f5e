// Package resource is what an API does with our access tokens: it finds the token in a request, verifies it against the
// JWK Set that we publish, and answers with a challenge where there is none that is good (RFC 6750, RFC 9068 §4).
//
// It must never accept a token for another audience, of another issuer, or of another type than at+jwt.
package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"example.com/countersign/internal/jose"
)

// Config says which tokens an API accepts. All fields are required unless they say otherwise.
type Config struct {
	Issuer   string       // iss, and whose JWK Set verifies
	Audience string       // the API's own identifier, which must be in aud
	JWKSURI  string       // where the JWK Set is
	Client   *http.Client // fetches the JWK Set, and follows redirects only if it is one that does
	Now      func() time.Time
	Skew     time.Duration // clock difference that is forgiven; zero: none
}

// Verifier verifies access tokens. It is safe for concurrent use.
type Verifier struct {
	config Config
	keys   *keySet
}

// New returns a verifier that has fetched nothing yet.
func New(config Config) (*Verifier, error) {
	if config.Issuer == "" || config.Audience == "" || config.JWKSURI == "" || config.Client == nil || config.Now == nil {
		return nil, errors.New("resource: issuer, audience, jwks_uri, client and clock are required")
	}
	keys, err := newKeySet(config.JWKSURI, config.Client, config.Now)
	if err != nil {
		return nil, err
	}
	return &Verifier{config, keys}, nil
}

// Token is an access token that holds. Only [Verifier.Verify] makes one.
type Token struct {
	Issuer   string
	Subject  string
	ClientID string
	Scope    []string
	ID       string // jti
	Expires  time.Time
	Claims   map[string]any // all of them; shared: it must not be changed
}

// Has reports whether the token has this scope.
func (t Token) Has(scope string) bool { return slices.Contains(t.Scope, scope) }

// The ways in which a request is refused.
var (
	ErrNoToken = errors.New("the request has no access token")
	// ErrMalformed is in every error about a request that nobody can understand; the rest of the error says why.
	ErrMalformed = errors.New("the Authorization header is malformed")
	// ErrInvalid is in every error about a token that does not hold; the rest of the error says why.
	ErrInvalid = errors.New("the access token is not valid")
)

// Verify returns the token of a request's Authorization headers. The error is ErrNoToken, an ErrMalformed, an
// ErrInvalid, or says that the keys could not be had.
func (v *Verifier) Verify(ctx context.Context, authorization []string) (Token, error) {
	text, err := bearer(authorization)
	if err != nil {
		return Token{}, err
	}
	parsed, err := jose.Parse(text)
	if err != nil {
		return Token{}, invalid(err)
	}
	// RFC 9068 §4: the type first, so that no other JWT of the same issuer passes for an access token.
	if jose.MediaType(parsed.Type) != "at+jwt" {
		return Token{}, invalid(errors.New("typ is not at+jwt"))
	}
	key, err := v.keys.find(ctx, parsed)
	if err != nil {
		return Token{}, err
	}
	claims, err := parsed.Verify(key)
	if err != nil {
		return Token{}, invalid(err)
	}
	return v.check(claims)
}

// check holds RFC 9068 §4.
func (v *Verifier) check(claims jose.Claims) (Token, error) {
	now := v.config.Now()
	switch {
	case claims.Issuer != v.config.Issuer:
		return Token{}, invalid(errors.New("iss is another server"))
	case !slices.Contains(claims.Audience.Values, v.config.Audience):
		return Token{}, invalid(errors.New("aud is another API"))
	case claims.ExpiresAt.IsZero() || !now.Before(claims.ExpiresAt.Add(v.config.Skew)):
		return Token{}, invalid(errors.New("it has expired"))
	case claims.NotBefore.After(now.Add(v.config.Skew)):
		return Token{}, invalid(errors.New("nbf is in the future"))
	}
	clientID, _ := claims.All()["client_id"].(string)
	scope, _ := claims.All()["scope"].(string)
	if claims.Subject == "" || clientID == "" {
		return Token{}, invalid(errors.New("sub or client_id is missing"))
	}
	return Token{
		Issuer:   claims.Issuer,
		Subject:  claims.Subject,
		ClientID: clientID,
		Scope:    strings.Fields(scope),
		ID:       claims.ID,
		Expires:  claims.ExpiresAt,
		Claims:   claims.All(),
	}, nil
}

// bearer finds the token of RFC 6750 §2.1. The scheme is case-insensitive (RFC 9110 §11.1), with one
// space or more behind it.
func bearer(authorization []string) (string, error) {
	switch len(authorization) {
	case 0:
		return "", ErrNoToken
	case 1:
	default:
		return "", fmt.Errorf("%w: there is more than one", ErrMalformed)
	}
	scheme, token, _ := strings.Cut(authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ErrNoToken
	}
	if token = strings.TrimLeft(token, " "); token == "" {
		return "", fmt.Errorf("%w: there is nothing behind Bearer", ErrMalformed)
	}
	return token, nil
}

func invalid(why error) error { return fmt.Errorf("%w: %s", ErrInvalid, why.Error()) }
