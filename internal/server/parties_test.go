package server_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

// claims are the claims of an assertion.
type claims map[string]any

// but returns the claims with one changed, or without it where the value is nil.
func (c claims) but(name string, value any) claims {
	changed := maps.Clone(c)
	if changed[name] = value; value == nil {
		delete(changed, name)
	}
	return changed
}

// of returns what a client says of itself: good for five minutes, and for one request.
func (d *deployment) of(id string) claims {
	return claims{
		"iss": id, "sub": id, "aud": us, "jti": rand.Text(),
		"iat": d.clock.in(0), "exp": d.clock.in(5 * time.Minute),
	}
}

// about returns what an issuer says of a subject.
func (d *deployment) about(subject, issuer string) claims {
	return d.of(issuer).but("sub", subject)
}

// privateKey returns the key of NAME.ALG, always the same one. There is only one RSA key.
func privateKey(t testing.TB, name string) crypto.Signer {
	t.Helper()
	seed := sha512.Sum512([]byte(name))
	curve := func(curve elliptic.Curve, scalar []byte) crypto.Signer {
		key, err := ecdsa.ParseRawPrivateKey(curve, scalar)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	switch jose.Algorithm(strings.TrimPrefix(filepath.Ext(name), ".")) {
	case jose.ES256:
		return curve(elliptic.P256(), seed[:32])
	case jose.ES384:
		return curve(elliptic.P384(), seed[:48])
	case jose.ES512:
		return curve(elliptic.P521(), append([]byte{0, 0}, seed[:]...))
	case jose.EdDSA:
		return ed25519.NewKeyFromSeed(seed[:32])
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "jose", "keys", "rsa2048.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(crypto.Signer)
}

// signingKey returns the same key as our own code has it.
func signingKey(t testing.TB, name string) jose.SigningKey {
	t.Helper()
	key, err := jose.NewSigningKey(privateKey(t, name), jose.Algorithm(strings.TrimPrefix(filepath.Ext(name), ".")))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes an assertion in good form with the key of NAME.ALG.
func sign(t testing.TB, name string, c claims) string {
	t.Helper()
	token, err := signingKey(t, name).Sign("JWT", marshal(t, c))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// forge makes an assertion in good form with the key of NAME.ES256, and names no key.
func forge(t testing.TB, name string, c claims) string {
	t.Helper()
	return handmade(t, privateKey(t, name), `{"alg":"ES256","typ":"JWT"}`, string(marshal(t, c)))
}

// mac makes an assertion in good form with a shared secret.
func mac(t testing.TB, algorithm jose.Algorithm, secret []byte, c claims) string {
	t.Helper()
	key, err := jose.NewSharedSecretSigningKey(secret, algorithm, "")
	if err != nil {
		t.Fatal(err)
	}
	token, err := key.Sign("JWT", marshal(t, c))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// proves is a client assertion by the client's own key.
func (d *deployment) proves(id string) part { return proof(sign(d.t, id+".ES256", d.of(id))) }

// handmade makes an assertion of any header and payload. The key is a private one or a shared secret; what it signs with
// follows from it, whatever the header says.
func handmade(t testing.TB, key any, header, payload string) string {
	t.Helper()
	input := encode(header) + "." + encode(payload)
	var signature []byte
	var err error
	switch key := key.(type) {
	case []byte:
		sum := hmac.New(crypto.SHA256.New, key)
		sum.Write([]byte(input))
		signature = sum.Sum(nil)
	case *ecdsa.PrivateKey:
		size := (key.Params().BitSize + 7) / 8
		hash := map[int]crypto.Hash{32: crypto.SHA256, 48: crypto.SHA384, 66: crypto.SHA512}[size]
		r, s, failure := ecdsa.Sign(rand.Reader, key, digest(hash, input))
		signature, err = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), failure
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest(crypto.SHA256, input))
	default:
		err = errors.New("no such key")
	}
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(signature)
}

func digest(hash crypto.Hash, text string) []byte {
	sum := hash.New()
	sum.Write([]byte(text))
	return sum.Sum(nil)
}

func encode[T string | []byte](text T) string {
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

func decode(t testing.TB, text string) []byte {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func marshal(t testing.TB, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// plain is a value as JSON has it.
func plain(t testing.TB, value any) (as any) {
	t.Helper()
	if err := json.Unmarshal(marshal(t, value), &as); err != nil {
		t.Fatal(err)
	}
	return as
}

// payload is what the first version of a secret holds: enough for every HMAC.
func payload(secret string) []byte {
	sum := sha512.Sum512([]byte(secret))
	return sum[:]
}

// silent is a log that nobody reads.
func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// keepsNoSecrets is the Secret Manager of a configuration that needs none.
func keepsNoSecrets(string) keys.Source { return nil }
