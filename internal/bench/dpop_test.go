package bench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
)

// BenchmarkDPoP is the processor time of one token that is bound to a key (RFC 9449) against that of one that is not. What
// it cannot go below is one verification more.
func BenchmarkDPoP(b *testing.B) {
	s := newSystem(b, jose.ES256, 10)
	agent, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		b.Fatal(err)
	}
	form := func() string { return s.form(b) }
	proved := func() string {
		proof, err := dpop.Sign(agent, dpop.Claims{Method: http.MethodPost, URL: issuer + "/token", IssuedAt: time.Unix(s.clock.Load(), 0)})
		if err != nil {
			b.Fatal(err)
		}
		return proof + "\n" + s.form(b)
	}
	compare(b, [2]string{"DPoP", "Bearer"}, [2]func() string{proved, form}, [2]func(string){overWithProof(b, s.handler), over(b, s.handler)})
}

// overWithProof is over for a proof and the form behind it.
func overWithProof(tb testing.TB, handler http.Handler) func(form string) {
	tb.Helper()
	listening := httptest.NewServer(handler)
	tb.Cleanup(listening.Close)
	client := listening.Client()
	return func(proofAndForm string) {
		proof, form, _ := strings.Cut(proofAndForm, "\n")
		request, err := http.NewRequest(http.MethodPost, listening.URL+"/token", strings.NewReader(form))
		if err != nil {
			tb.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("DPoP", proof)
		response, err := client.Do(request)
		if err != nil {
			tb.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), `"DPoP"`) {
			tb.Fatalf("status %d, error %v, %s", response.StatusCode, err, body)
		}
	}
}
