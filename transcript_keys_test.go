package countersign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The keys of transcripts, and what they sign and verify, with nothing but the standard library.

func encodePart(part []byte) string { return base64.RawURLEncoding.EncodeToString(part) }

func decodePart(t testing.TB, part string) []byte {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// keyFile reads a file of testdata/keys.
func keyFile(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "keys", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func privateKey(t testing.TB, file string) crypto.Signer {
	t.Helper()
	block, _ := pem.Decode(keyFile(t, file))
	if block == nil {
		t.Fatalf("%s is not PEM", file)
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return private.(crypto.Signer)
}

// digest hashes what is signed as RFC 7518 §3.1 says. Ed25519 does that itself (RFC 8037 §3.1).
func digest(algorithm, signed string) (hash crypto.Hash, sum []byte) {
	hash = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[algorithm[2:]]
	if hash == 0 {
		return 0, nil
	}
	h := hash.New()
	h.Write([]byte(signed))
	return hash, h.Sum(nil)
}

// signature signs with a file of testdata/keys: for an HMAC with its very bytes, whatever they are.
func signature(t testing.TB, algorithm, file, signed string) []byte {
	t.Helper()
	if algorithm == "none" {
		return nil
	}
	hash, sum := digest(algorithm, signed)
	if strings.HasPrefix(algorithm, "HS") {
		mac := hmac.New(hash.New, keyFile(t, file))
		mac.Write([]byte(signed))
		return mac.Sum(nil)
	}
	var made []byte
	var err error
	switch key := privateKey(t, file).(type) {
	case *ecdsa.PrivateKey:
		r, s, failure := ecdsa.Sign(rand.Reader, key, sum)
		if made, err = make([]byte, 64), failure; err == nil {
			r.FillBytes(made[:32])
			s.FillBytes(made[32:])
		}
	case ed25519.PrivateKey:
		made = ed25519.Sign(key, []byte(signed))
	case *rsa.PrivateKey:
		if strings.HasPrefix(algorithm, "PS") {
			made, err = rsa.SignPSS(rand.Reader, key, hash, sum, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			made, err = rsa.SignPKCS1v15(nil, key, hash, sum)
		}
	}
	if err != nil {
		t.Fatalf("signing with %s: %v", file, err)
	}
	return made
}

// verifiesWith reports whether a public key verifies a signature in the algorithms that the service signs with here.
func verifiesWith(public crypto.PublicKey, algorithm, signed string, signature []byte) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		_, sum := digest(algorithm, signed)
		return algorithm == "ES256" && len(signature) == 64 &&
			ecdsa.Verify(key, sum, new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case ed25519.PublicKey:
		return algorithm == "EdDSA" && ed25519.Verify(key, []byte(signed), signature)
	default:
		return false
	}
}

// publishedKey fetches the JWK Set and takes the key with this kid out of it, as an API does.
func publishedKey(t testing.TB, issuer, kid string) crypto.PublicKey {
	t.Helper()
	response, err := http.Get(issuer + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var set struct {
		Keys []struct{ Kty, Crv, Kid, Use, Alg, X, Y string }
	}
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		t.Fatalf("the JWK Set: %v", err)
	}
	for _, key := range set.Keys {
		switch {
		case key.Kid != kid || key.Use != "sig":
		case key.Kty == "EC" && key.Crv == "P-256" && key.Alg == "ES256":
			point := slices.Concat([]byte{4}, decodePart(t, key.X), decodePart(t, key.Y))
			public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
			if err != nil {
				t.Fatal(err)
			}
			return public
		case key.Kty == "OKP" && key.Crv == "Ed25519" && key.Alg == "EdDSA":
			return ed25519.PublicKey(decodePart(t, key.X))
		}
	}
	t.Errorf("the JWK Set has no key for signatures with the kid %q", kid)
	return nil
}
