package bench

import (
	"encoding/json"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// party is the measured client or issuer. It is safe for concurrent use.
type party struct {
	key  jose.SigningKey
	made atomic.Int64
}

func newParty(tb testing.TB) *party {
	tb.Helper()
	key, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		tb.Fatal(err)
	}
	return &party{key: key}
}

// form is the body of one token request with a client assertion. now is in seconds since 1970.
func (p *party) form(tb testing.TB, now int64) string {
	tb.Helper()
	return formWith(p.assertion(tb, now, "client-0", "client-0"))
}

func formWith(assertion string) string {
	return url.Values{
		"grant_type":            {oauth.ClientCredentials},
		"client_assertion_type": {oauth.ClientAssertionTypeJWTBearer},
		"client_assertion":      {assertion},
		"scope":                 {"read"},
	}.Encode()
}

// assertion is one that has not been used.
func (p *party) assertion(tb testing.TB, now int64, issuedBy, subject string) string {
	tb.Helper()
	claims, err := json.Marshal(map[string]any{
		"iss": issuedBy, "sub": subject, "aud": issuer,
		"iat": now, "exp": now + 60, "jti": fmt.Sprintf("b2d9-%016x-%d", now, p.made.Add(1)),
	})
	if err != nil {
		tb.Fatal(err)
	}
	assertion, err := p.key.Sign("JWT", claims)
	if err != nil {
		tb.Fatal(err)
	}
	return assertion
}
