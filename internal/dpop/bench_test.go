package dpop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"
	"time"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
)

// A proof beside the primitive of the standard library, so that what the package adds shows.
func BenchmarkVerify(b *testing.B) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	key, err := jose.NewSigningKey(private, jose.ES256)
	if err != nil {
		b.Fatal(err)
	}
	clock := func() time.Time { return epoch }
	nonces, err := dpop.NewNonces(dpop.RandomNonceKeys(), clock)
	if err != nil {
		b.Fatal(err)
	}
	nonce, err := nonces.Fresh(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	for name, given := range map[string]*dpop.Nonces{"without nonce": nil, "with nonce": nonces} {
		verifier, err := dpop.New(dpop.Config{Now: clock, Nonces: given})
		if err != nil {
			b.Fatal(err)
		}
		proof, err := dpop.Sign(key, dpop.Claims{Method: "POST", URL: endpoint, IssuedAt: epoch, Nonce: nonce})
		if err != nil {
			b.Fatal(err)
		}
		request := dpop.Request{Method: "POST", URLs: []string{endpoint}}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := verifier.Verify(context.Background(), proof, request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("ecdsa.Verify", func(b *testing.B) {
		digest := sha256.Sum256([]byte(endpoint))
		r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if !ecdsa.Verify(&private.PublicKey, digest[:], r, s) {
				b.Fatal("refused")
			}
		}
	})
}
