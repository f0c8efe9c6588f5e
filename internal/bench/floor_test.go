package bench

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"net/http"
	"testing"

	"example.com/countersign/internal/jose"
)

// newPrivate makes a key as jose.GenerateSigningKey does: RSA of 3072 bits.
func newPrivate(algorithm jose.Algorithm) (crypto.Signer, error) {
	switch algorithm {
	case jose.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	case jose.RS256:
		return rsa.GenerateKey(rand.Reader, 3072)
	default:
		return nil, fmt.Errorf("no floor for %s", algorithm)
	}
}

// floor is what no token endpoint can go below: it takes a form over HTTP, verifies one signature, makes one, and
// answers as many bytes as we do. It parses no JWT and checks nothing.
func floor(tb testing.TB, algorithm jose.Algorithm) http.Handler {
	tb.Helper()
	signer := private(tb, algorithm)
	message := make([]byte, 400)
	answer := make([]byte, 640)
	var options crypto.SignerOpts = crypto.SHA256
	if algorithm == jose.EdDSA {
		options = crypto.Hash(0)
	}
	digest := func() []byte {
		if algorithm == jose.EdDSA {
			return message
		}
		sum := sha256.Sum256(message)
		return sum[:]
	}
	signature, err := signer.Sign(rand.Reader, digest(), options)
	if err != nil {
		tb.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("client_assertion") == "" || !verifies(signer.Public(), digest(), signature) {
			http.Error(w, "", http.StatusBadRequest)
			return
		}
		if _, err := signer.Sign(rand.Reader, digest(), options); err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	})
}

func verifies(public crypto.PublicKey, digest, signature []byte) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digest, signature)
	case ed25519.PublicKey:
		return ed25519.Verify(key, digest, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, signature) == nil
	default:
		return false
	}
}
