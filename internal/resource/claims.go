package resource

import (
	"errors"
	"slices"
	"strings"

	"example.com/countersign/internal/jose"
)

// check holds what RFC 9068 §4 asks of the claims, and reads to what the token is bound.
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
	binding, err := bindingOf(claims.All())
	if err != nil {
		return Token{}, err
	}
	return Token{
		Issuer:   claims.Issuer,
		Subject:  claims.Subject,
		ClientID: clientID,
		Scope:    strings.Fields(scope),
		ID:       claims.ID,
		Expires:  claims.ExpiresAt,
		Binding:  binding,
		Claims:   claims.All(),
	}, nil
}
