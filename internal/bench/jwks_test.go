package bench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/server"
)

// BenchmarkJWKS is the processor time of a bare handler that writes the bytes of the JWK Set, over HTTP, against that of
// ours: how much of what is possible is served. Aim: 0.9.
func BenchmarkJWKS(b *testing.B) {
	ours := newSystem(b, jose.ES256, 10).handler
	recorder := httptest.NewRecorder()
	ours.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, server.JWKSPath, http.NoBody))
	body := recorder.Body.Bytes()
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write(body)
	})
	nothing := func() string { return "" }
	compare(b, [2]string{"bare", "jwks"}, [2]func() string{nothing, nothing}, [2]func(string){get(b, bare), get(b, ours)})
}

// get serves handler on loopback and returns a function that fetches the JWK Set from it.
func get(tb testing.TB, handler http.Handler) func(string) {
	tb.Helper()
	listening := httptest.NewServer(handler)
	tb.Cleanup(listening.Close)
	client := listening.Client()
	return func(string) {
		response, err := client.Get(listening.URL + server.JWKSPath)
		if err != nil {
			tb.Fatal(err)
		}
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			tb.Fatalf("status %d, error %v", response.StatusCode, err)
		}
	}
}
