package jose_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
)

// assertion is what a client sends, about 400 bytes when ES256 has signed it.
const assertion = `{"iss":"billing-batch.example.com","sub":"billing-batch.example.com","aud":"https://auth.example.com/",` +
	`"exp":1764000000,"nbf":1763999700,"iat":1763999700,"jti":"0b0e6a1e-6c1c-4b0d-9d5e-0a6b1b9b1c11"}`

func BenchmarkParse(b *testing.B) {
	text := signed(b, jose.ES256, assertion)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jose.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse_a_million_dots(b *testing.B) {
	text := strings.Repeat(".", 1_000_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jose.Parse(text); err == nil {
			b.Fatal("accepted")
		}
	}
}

// Each algorithm beside the primitive of the standard library on the same bytes, so that what the package adds shows.
func BenchmarkVerify(b *testing.B) {
	for _, algorithm := range append(jose.AsymmetricAlgorithms(), jose.HS256) {
		var text string
		var key jose.VerificationKey
		if algorithm.Symmetric() {
			text = sign(b, secret, algorithm, `{"alg":"HS256"}`, assertion)
			key, _ = jose.NewSharedSecretKey(secret, algorithm, "")
		} else {
			text, key = signed(b, algorithm, assertion), verificationKey(b, algorithm)
		}
		b.Run(string(algorithm)+"/parse and verify", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := verify(text, key); err != nil {
					b.Fatal(err)
				}
			}
		})
		input, signature := cutLast(text)
		raw, verifies := decode(b, signature), primitive(b, algorithm)
		b.Run(string(algorithm)+"/standard library", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !verifies([]byte(input), raw) {
					b.Fatal("refused")
				}
			}
		})
	}
}

// primitive returns what the standard library does to verify, with everything prepared that does not depend on the bytes.
func primitive(b *testing.B, algorithm jose.Algorithm) func(input, signature []byte) bool {
	b.Helper()
	hash := hashes[string(algorithm[2:])]
	digest := func(input []byte) []byte {
		sum := hash.New()
		sum.Write(input)
		return sum.Sum(nil)
	}
	if algorithm.Symmetric() {
		return func(input, signature []byte) bool {
			mac := hmac.New(hash.New, secret)
			mac.Write(input)
			return hmac.Equal(mac.Sum(nil), signature)
		}
	}
	switch key := privateKey(b, algorithm).Public().(type) {
	case *ecdsa.PublicKey:
		return func(input, signature []byte) bool {
			half := len(signature) / 2
			return ecdsa.Verify(key, digest(input), new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
		}
	case ed25519.PublicKey:
		return func(input, signature []byte) bool { return ed25519.Verify(key, input, signature) }
	case *rsa.PublicKey:
		if strings.HasPrefix(string(algorithm), "PS") {
			return func(input, signature []byte) bool {
				return rsa.VerifyPSS(key, hash, digest(input), signature, &rsa.PSSOptions{SaltLength: hash.Size()}) == nil
			}
		}
		return func(input, signature []byte) bool {
			return rsa.VerifyPKCS1v15(key, hash, digest(input), signature) == nil
		}
	}
	b.Fatal("no key for " + algorithm)
	return nil
}

func BenchmarkSign(b *testing.B) {
	for _, algorithm := range []jose.Algorithm{jose.ES256, jose.EdDSA, jose.PS256} {
		key := signingKey(b, algorithm)
		b.Run(string(algorithm), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := key.Sign("at+jwt", []byte(assertion)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
