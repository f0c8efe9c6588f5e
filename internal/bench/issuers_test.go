package bench

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// BenchmarkIssuers is the processor time of one token for the assertion of a trusted issuer among 100 and among 10,000 of
// them, against that where it is the only one. Aim: 1.
func BenchmarkIssuers(b *testing.B) {
	one := newIssuers(b, 1)
	for _, number := range []int{100, 10_000} {
		b.Run(fmt.Sprint(number), func(b *testing.B) {
			many := newIssuers(b, number)
			compare(b, [2]string{"many", "one"},
				[2]func() string{func() string { return many.bearer(b) }, func() string { return one.bearer(b) }},
				[2]func(string){over(b, many.handler), over(b, one.handler)})
		})
	}
}

// newIssuers builds a server that trusts so many issuers, each with keys and a rule of its own. The measured one is
// issuer-0.
func newIssuers(tb testing.TB, number int) *system {
	tb.Helper()
	return serve(tb, jose.ES256, func(key jose.SigningKey) []byte {
		var text strings.Builder
		text.WriteString(beginning(jose.ES256) + "issuers:\n")
		for i := range number {
			fmt.Fprintf(&text, "  - issuer: issuer-%d\n    keys: {jwks: '%s'}\n    allow:\n", i, ownKeySet(tb, i, key))
			fmt.Fprintf(&text, "      - {if: 'claims.sub == \"job-%d\"', resource: 'https://api.example.com', scopes: [read, write]}\n", i)
		}
		return []byte(text.String())
	})
}

// bearer is the body of one token request with the measured issuer's assertion.
func (s *system) bearer(tb testing.TB) string {
	tb.Helper()
	return url.Values{
		"grant_type": {oauth.JWTBearer},
		"assertion":  {s.party.assertion(tb, s.clock.Load(), "issuer-0", "job-0")},
		"scope":      {"read"},
	}.Encode()
}
