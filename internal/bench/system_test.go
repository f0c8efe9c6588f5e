package bench

import (
	"crypto"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/seal"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/service"
)

const issuer = "https://auth.example.com"

// system is a whole authorization server with one party that is measured among others.
type system struct {
	handler http.Handler
	party   party
	clock   atomic.Int64 // seconds since 1970
}

// newSystem builds a server with clients whose own key and whose measured client's key have this algorithm.
func newSystem(tb testing.TB, algorithm jose.Algorithm, clients int) *system {
	tb.Helper()
	return serve(tb, algorithm, func(key jose.SigningKey) []byte { return document(tb, key, algorithm, clients) })
}

// serve serves what configure makes of the measured party's key.
func serve(tb testing.TB, algorithm jose.Algorithm, configure func(party jose.SigningKey) []byte) *system {
	tb.Helper()
	folder := tb.TempDir()
	s := &system{}
	s.clock.Store(time.Now().Unix())
	writeKey(tb, filepath.Join(folder, "signing.pem"), algorithm)
	s.party.key = writeKey(tb, filepath.Join(folder, "client.pem"), algorithm)
	built, _, faults := service.Load("bench.yaml", configure(s.party.key), service.Surroundings{
		Secrets: func(string) keys.Source { return sealingKeys{seal.NewKeyMaterial()} },
		Folder:  folder,
		Now:     func() time.Time { return time.Unix(s.clock.Load(), 0) },
		Log:     server.NewLog(io.Discard),
		Version: "bench",
	})
	if len(faults) > 0 {
		tb.Fatal(faults)
	}
	s.handler = built.Server.Handler()
	return s
}

func writeKey(tb testing.TB, path string, algorithm jose.Algorithm) jose.SigningKey {
	tb.Helper()
	key, err := jose.GenerateSigningKey(algorithm)
	if err != nil {
		tb.Fatal(err)
	}
	text, err := key.EncodePrivateJWK()
	if err != nil {
		tb.Fatal(err)
	}
	// Only the signing key may be in a folder of signing keys.
	if filepath.Base(path) == "signing.pem" {
		path = strings.TrimSuffix(path, ".pem") + ".jwk"
	} else {
		path = strings.TrimSuffix(path, ".pem") + ".private"
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		tb.Fatal(err)
	}
	// The clock of the system stands at a whole second, and a key that is made after it would not sign yet.
	if err := os.Chtimes(path, time.Unix(0, 0), time.Unix(0, 0)); err != nil {
		tb.Fatal(err)
	}
	return key
}

// document is a configuration with the measured client and others that have keys of their own.
func document(tb testing.TB, key jose.SigningKey, algorithm jose.Algorithm, clients int) []byte {
	tb.Helper()
	var text strings.Builder
	text.WriteString(beginning(algorithm) + "clients:\n")
	for i := range clients {
		fmt.Fprintf(&text, "  - id: client-%d\n    authentication: private_key_jwt\n    keys: {jwks: '%s'}\n", i, ownKeySet(tb, i, key))
		text.WriteString("    grants: [client_credentials]\n    allow: [{resource: 'https://api.example.com', scopes: [read, write]}]\n")
	}
	return []byte(text.String())
}

func beginning(algorithm jose.Algorithm) string {
	return fmt.Sprintf("issuer: %s\nsigning_keys: {directory: ., algorithm: %s}\n", issuer, algorithm) +
		"resources:\n  - {id: 'https://api.example.com', scopes: [read, write]}\n"
}

// ownKeySet is the JWK Set of a party: of measured for the first one, and a new key for every other.
func ownKeySet(tb testing.TB, party int, measured jose.SigningKey) []byte {
	tb.Helper()
	public := measured.Verification()
	if party > 0 {
		other, err := jose.GenerateSigningKey(jose.ES256)
		if err != nil {
			tb.Fatal(err)
		}
		public = other.Verification()
	}
	set, err := jose.EncodeKeySet(jose.KeySet{public})
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

// form is the body of one token request with a client assertion.
func (s *system) form(tb testing.TB) string { return s.party.form(tb, s.clock.Load()) }

// over serves handler on loopback and returns a function that posts one form to it.
func over(tb testing.TB, handler http.Handler) func(form string) {
	tb.Helper()
	listening := httptest.NewServer(handler)
	tb.Cleanup(listening.Close)
	client := listening.Client()
	return func(form string) {
		response, err := client.Post(listening.URL+"/token", "application/x-www-form-urlencoded", strings.NewReader(form))
		if err != nil {
			tb.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			tb.Fatalf("status %d, error %v, %s", response.StatusCode, err, body)
		}
	}
}

// private is the key in the form of the standard library.
func private(tb testing.TB, algorithm jose.Algorithm) crypto.Signer {
	tb.Helper()
	signer, err := newPrivate(algorithm)
	if err != nil {
		tb.Fatal(err)
	}
	return signer
}
