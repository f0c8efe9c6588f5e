package jose_test

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
)

// line is a fixture of one line.
func line(t *testing.T, name string) string {
	return strings.TrimSpace(string(fixture(t, "rfc", name)))
}

// rfcKey is the one key of a fixture, for algorithm.
func rfcKey(t *testing.T, name string, algorithm jose.Algorithm) jose.VerificationKey {
	t.Helper()
	keys, err := jose.ParseRegisteredKeys([]byte(`{"keys":[`+line(t, name)+`]}`), algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return keys[0]
}

// RFC 7515 Appendix A.1 to A.3: three signatures over the same claims.
func TestRFC7515_examples_of_claims_verify(t *testing.T) {
	shared, err := jose.NewSharedSecretKey(decode(t, line(t, "rfc7515-a1.secret")), jose.HS256, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]jose.VerificationKey{
		"rfc7515-a1.jwt": shared,
		"rfc7515-a2.jwt": rfcKey(t, "rfc7515-a2.jwk", jose.RS256),
		"rfc7515-a3.jwt": rfcKey(t, "rfc7515-a3.jwk", jose.ES256),
	} {
		t.Run(name, func(t *testing.T) {
			claims, err := verify(line(t, name), key)
			if err != nil {
				t.Fatal(err)
			}
			if claims.Issuer != "joe" || !claims.ExpiresAt.Equal(time.Unix(1300819380, 0)) || claims.All()["http://example.com/is_root"] != true {
				t.Errorf("%+v", claims)
			}
		})
	}
}

// RFC 7515 Appendix A.4 signs the word Payload, RFC 8037 Appendix A.4 a sentence: the signatures verify, and the gate
// refuses them all the same, since they are no claims.
func TestRFC_examples_of_other_texts_verify_and_are_refused(t *testing.T) {
	for name, key := range map[string]jose.VerificationKey{
		"rfc7515-a4.jwt": rfcKey(t, "rfc7515-a4.jwk", jose.ES512),
		"rfc8037-a4.jwt": rfcKey(t, "rfc8037-a2.jwk", jose.EdDSA),
	} {
		t.Run(name, func(t *testing.T) {
			if reached, err := jose.VerifyPayload(line(t, name), jose.KeySet{key}); err != nil || !reached {
				t.Errorf("the signature: %v, %v", reached, err)
			}
			if _, err := verify(line(t, name), key); !errors.Is(err, jose.ErrJSON) {
				t.Errorf("the payload: %v", err)
			}
		})
	}
}

// RFC 7638 §3.1 and RFC 8037 Appendix A.3. For EC there is no printed example: the text of RFC 7638 §3.2 is written out.
func TestRFC7638_a_key_without_kid_has_its_thumbprint(t *testing.T) {
	written := sha256.Sum256([]byte(`{"crv":"P-256","kty":"EC","x":"` + p256X + `","y":"` + p256Y + `"}`))
	for name, want := range map[string]string{
		"rfc7638-3.1.jwk": "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
		"rfc8037-a2.jwk":  "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
		"rfc7515-a3.jwk":  encode(written[:]),
	} {
		if id := rfcKey(t, name, "").ID(); id != want {
			t.Errorf("%s: %s, want %s", name, id, want)
		}
	}
}

func TestRFC7638_the_thumbprint_is_of_the_key_and_not_of_its_text(t *testing.T) {
	for _, jwk := range []string{
		ecJWK(`,"use":"sig","alg":"ES256","more":1`),
		`{ "y":"` + p256Y + `", "x" : "` + p256X + `","kty":"E\u0043", "crv":"P-256"}`,
	} {
		keys, err := jose.ParseRegisteredKeys([]byte(`{"keys":[`+jwk+`]}`), "")
		if err != nil {
			t.Fatal(err)
		}
		if keys[0].ID() != rfcKey(t, "rfc7515-a3.jwk", "").ID() {
			t.Errorf("%s: %s", jwk, keys[0].ID())
		}
	}
	keys, err := jose.ParseRegisteredKeys([]byte(`{"keys":[`+ecJWK(`,"kid":"its own"`)+`]}`), "")
	if err != nil || keys[0].ID() != "its own" {
		t.Errorf("%v, %v", keys, err)
	}
	if thumbprint, err := keys[0].Thumbprint(); err != nil || thumbprint != rfcKey(t, "rfc7515-a3.jwk", "").ID() {
		t.Errorf("under a kid of its own: %q, %v", thumbprint, err)
	}
}

func TestRFC7638_a_key_that_is_not_registered_has_the_same_thumbprint(t *testing.T) {
	for _, algorithm := range []jose.Algorithm{jose.ES256, jose.ES512, jose.EdDSA, jose.PS256} {
		key, err := jose.GenerateSigningKey(algorithm)
		if err != nil {
			t.Fatal(err)
		}
		text, err := key.Verification().EncodeSPKI()
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if thumbprint, err := jose.Thumbprint(public); err != nil || thumbprint != key.Verification().ID() {
			t.Errorf("%s: %q, %v", algorithm, thumbprint, err)
		}
	}
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []any{nil, []byte("secret"), "text", private.PublicKey(), ecdsa.PublicKey{}, ed25519.PrivateKey(make([]byte, 64))} {
		if thumbprint, err := jose.Thumbprint(other); !errors.Is(err, jose.ErrKeyType) || thumbprint != "" {
			t.Errorf("%T: %q, %v", other, thumbprint, err)
		}
	}
}

// A thumbprint of a shared secret would be a hash to guess the secret by (RFC 7638 §7).
func TestRFC7638_a_shared_secret_has_no_thumbprint(t *testing.T) {
	shared, err := jose.NewSharedSecretKey(make([]byte, 32), jose.HS256, "1")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []jose.VerificationKey{shared, {}} {
		if thumbprint, err := key.Thumbprint(); !errors.Is(err, jose.ErrKeyType) || thumbprint != "" {
			t.Errorf("%q, %v", thumbprint, err)
		}
	}
}
