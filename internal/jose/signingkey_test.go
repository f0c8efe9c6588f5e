package jose_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
)

func TestEvery_algorithm_signs_and_verifies(t *testing.T) {
	keys := map[jose.Algorithm]jose.SigningKey{}
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		keys[algorithm] = signingKey(t, algorithm)
	}
	for _, algorithm := range jose.SymmetricAlgorithms() {
		key, err := jose.NewSharedSecretSigningKey(secret, algorithm, "shared")
		if err != nil {
			t.Fatal(err)
		}
		keys[algorithm] = key
	}
	for algorithm, key := range keys {
		t.Run(string(algorithm), func(t *testing.T) {
			text, err := key.Sign("at+jwt", []byte(`{"iss":"a","exp":1764000000}`))
			if err != nil {
				t.Fatal(err)
			}
			token, err := jose.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if token.Algorithm != algorithm || token.KeyID != key.ID() || token.Type != "at+jwt" {
				t.Errorf("alg %q, kid %q, typ %q", token.Algorithm, token.KeyID, token.Type)
			}
			if claims, err := token.Verify(key.Verification()); err != nil || claims.Issuer != "a" {
				t.Errorf("%+v, %v", claims, err)
			}
		})
	}
}

// The other direction of sign in fixtures_test.go: the standard library verifies what we sign.
func TestA_signature_is_one_for_the_standard_library(t *testing.T) {
	key := signingKey(t, jose.PS384)
	text, err := key.Sign("JWT", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	input, signature := cutLast(text)
	digest := crypto.SHA384.New()
	digest.Write([]byte(input))
	public := privateKey(t, jose.PS384).Public().(*rsa.PublicKey)
	options := &rsa.PSSOptions{SaltLength: crypto.SHA384.Size()}
	if err := rsa.VerifyPSS(public, crypto.SHA384, digest.Sum(nil), decode(t, signature), options); err != nil {
		t.Error(err)
	}
}

// cutLast cuts a compact JWS before its signature.
func cutLast(text string) (input, signature string) {
	at := strings.LastIndex(text, ".")
	return text[:at], text[at+1:]
}

func TestSign_quotes_what_it_is_given(t *testing.T) {
	key, err := jose.NewSharedSecretSigningKey(secret, jose.HS256, `a","alg":"none`)
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.Sign("x\"\\\n<é>", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jose.Parse(text)
	if err != nil || token.KeyID != `a","alg":"none` || token.Type != "x\"\\\n<é>" || token.Algorithm != jose.HS256 {
		t.Errorf("%+v, %v", token, err)
	}
}

func TestSign_leaves_out_an_empty_kid_and_typ(t *testing.T) {
	key, err := jose.NewSharedSecretSigningKey(secret, jose.HS256, "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.Sign("", []byte(`{"iss":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	if header, _, _ := strings.Cut(text, "."); string(decode(t, header)) != `{"alg":"HS256"}` {
		t.Errorf("%s", decode(t, header))
	}
	if _, err := verify(text, key.Verification()); err != nil {
		t.Error(err)
	}
}

func TestA_zero_key_signs_and_encodes_nothing(t *testing.T) {
	var key jose.SigningKey
	if !key.IsZero() || key.ID() != "" || key.Algorithm() != "" || !key.Verification().IsZero() {
		t.Errorf("%v is something", key)
	}
	if text, err := key.Sign("JWT", []byte(`{}`)); !errors.Is(err, jose.ErrKeyType) || text != "" {
		t.Errorf("Sign: %q, %v", text, err)
	}
	for name, encode := range map[string]func() ([]byte, error){
		"EncodePrivateJWK": key.EncodePrivateJWK, "EncodePKCS8": key.EncodePKCS8, "EncodeSPKI": key.Verification().EncodeSPKI,
		"EncodeKeySet": func() ([]byte, error) { return jose.EncodeKeySet(jose.KeySet{{}}) },
	} {
		if text, err := encode(); !errors.Is(err, jose.ErrKeyType) || text != nil {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

func TestGenerated_keys_sign_and_differ(t *testing.T) {
	for _, algorithm := range []jose.Algorithm{jose.ES256, jose.ES384, jose.ES512, jose.EdDSA, jose.PS256} {
		key, err := jose.GenerateSigningKey(algorithm)
		if err != nil || key.Algorithm() != algorithm {
			t.Fatalf("%s: %v, %v", algorithm, key, err)
		}
		if key.ID() == signingKey(t, algorithm).ID() {
			t.Errorf("%s: not new", algorithm)
		}
	}
	for _, algorithm := range []jose.Algorithm{"", "none", jose.HS256, "ES256K", "RSA-OAEP"} {
		if key, err := jose.GenerateSigningKey(algorithm); !errors.Is(err, jose.ErrKeyAlgorithm) || !key.IsZero() {
			t.Errorf("%q: %v, %v", algorithm, key, err)
		}
	}
}

// remote is a key that lives elsewhere: a crypto.Signer of no type that the standard library knows.
type remote struct {
	crypto.Signer
	public  crypto.PublicKey // what it says that it is
	failure error
}

func (r remote) Public() crypto.PublicKey { return r.public }

func (r remote) Sign(random io.Reader, digest []byte, options crypto.SignerOpts) ([]byte, error) {
	if r.failure != nil {
		return nil, r.failure
	}
	return r.Signer.Sign(random, digest, options)
}

func TestA_key_that_lives_elsewhere_signs(t *testing.T) {
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			private := privateKey(t, algorithm)
			key, err := jose.NewSigningKey(remote{Signer: private, public: private.Public()}, algorithm)
			if err != nil {
				t.Fatal(err)
			}
			text, err := key.Sign("JWT", []byte(`{}`))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := verify(text, key.Verification()); err != nil {
				t.Error(err)
			}
			if text, err := key.EncodePrivateJWK(); err == nil {
				t.Errorf("a private JWK came out of it: %s", text)
			}
			if text, err := key.EncodePKCS8(); err == nil {
				t.Errorf("PKCS#8 came out of it: %s", text)
			}
		})
	}
}

// Design habit 10.
func TestA_key_that_does_not_verify_what_it_signs_is_refused(t *testing.T) {
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			pair := remote{Signer: privateKey(t, algorithm), public: strangersPublic(t, algorithm)}
			if key, err := jose.NewSigningKey(pair, algorithm); err == nil || !key.IsZero() {
				t.Errorf("%v, %v", key, err)
			}
		})
	}
	unreachable := errors.New("unreachable")
	private := privateKey(t, jose.ES256)
	key, err := jose.NewSigningKey(remote{Signer: private, public: private.Public(), failure: unreachable}, jose.ES256)
	if !errors.Is(err, unreachable) || !key.IsZero() {
		t.Errorf("a key that cannot be reached: %v, %v", key, err)
	}
}

func TestA_key_for_another_algorithm_is_refused(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		private   crypto.Signer
		algorithm jose.Algorithm
		want      error
	}{
		"no key":                       {nil, jose.ES256, jose.ErrKeyType},
		"P-256 for ES384":              {privateKey(t, jose.ES256), jose.ES384, jose.ErrKeyType},
		"P-384 for ES256":              {privateKey(t, jose.ES384), jose.ES256, jose.ErrKeyType},
		"P-256 for EdDSA":              {privateKey(t, jose.ES256), jose.EdDSA, jose.ErrKeyType},
		"P-256 for HS256":              {privateKey(t, jose.ES256), jose.HS256, jose.ErrKeyType},
		"Ed25519 for ES256":            {privateKey(t, jose.EdDSA), jose.ES256, jose.ErrKeyType},
		"RSA for ES256":                {privateKey(t, jose.RS256), jose.ES256, jose.ErrKeyType},
		"RSA for none":                 {privateKey(t, jose.RS256), "none", jose.ErrKeyAlgorithm},
		"RSA for no algorithm":         {privateKey(t, jose.RS256), "", jose.ErrKeyAlgorithm},
		"RSA of 1024 bits":             {weak, jose.RS256, jose.ErrKeyWeak},
		"P-224":                        {p224, "", jose.ErrKeyAlgorithm},
		"P-224 for ES256":              {p224, jose.ES256, jose.ErrKeyType},
		"a public key of another kind": {remote{public: "key"}, jose.ES256, jose.ErrKeyType},
		"no public key":                {remote{public: nil}, jose.ES256, jose.ErrKeyType},
	} {
		t.Run(name, func(t *testing.T) {
			if key, err := jose.NewSigningKey(row.private, row.algorithm); !errors.Is(err, row.want) || !key.IsZero() {
				t.Errorf("%v, %v", key, err)
			}
		})
	}
}

// RFC 7518 §3.2, CVE-2026-45363: an empty or short HMAC key.
func TestA2_shared_secrets_are_as_long_as_the_hash(t *testing.T) {
	for algorithm, least := range map[jose.Algorithm]int{jose.HS256: 32, jose.HS384: 48, jose.HS512: 64} {
		for length, want := range map[int]error{least: nil, least + 1: nil, 0: jose.ErrKeyWeak, 1: jose.ErrKeyWeak, least - 1: jose.ErrKeyWeak} {
			material := bytes.Repeat([]byte("s"), length)
			if key, err := jose.NewSharedSecretKey(material, algorithm, "a"); !errors.Is(err, want) || key.IsZero() != (want != nil) {
				t.Errorf("%s, %d bytes: %v, %v", algorithm, length, key, err)
			}
			if key, err := jose.NewSharedSecretSigningKey(material, algorithm, "a"); !errors.Is(err, want) || key.IsZero() != (want != nil) {
				t.Errorf("%s, %d bytes, to sign: %v, %v", algorithm, length, key, err)
			}
		}
	}
	if key, err := jose.NewSharedSecretKey(nil, jose.HS256, ""); !errors.Is(err, jose.ErrKeyWeak) || !key.IsZero() {
		t.Errorf("nil: %v, %v", key, err)
	}
	for _, algorithm := range append(jose.AsymmetricAlgorithms(), "", "none", "HS1", "A256KW") {
		if key, err := jose.NewSharedSecretKey(secret, algorithm, "a"); !errors.Is(err, jose.ErrKeyType) || !key.IsZero() {
			t.Errorf("a secret for %q: %v, %v", algorithm, key, err)
		}
	}
}

func TestA_shared_secret_is_copied(t *testing.T) {
	material := bytes.Clone(secret)
	key, err := jose.NewSharedSecretSigningKey(material, jose.HS256, "a")
	if err != nil {
		t.Fatal(err)
	}
	clear(material)
	if _, err := verify(sign(t, secret, jose.HS256, `{"alg":"HS256"}`, `{}`), key.Verification()); err != nil {
		t.Errorf("verifying after the caller has cleared his copy: %v", err)
	}
	text, err := key.Sign("JWT", []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(text, key.Verification()); err != nil {
		t.Errorf("signing after the caller has cleared his copy: %v", err)
	}
}

// What a JWK gives of an RSA key is not what crypto/rsa works with: unless it is prepared once, every signature pays.
func TestAn_RSA_key_from_a_JWK_signs_as_cheaply_as_one_from_PKCS8(t *testing.T) {
	cost := func(file string) float64 {
		key, err := jose.ParseSigningKey(fixture(t, "keys", file), jose.RS256)
		if err != nil {
			t.Fatal(err)
		}
		return testing.AllocsPerRun(5, func() {
			if _, err := key.Sign("at+jwt", []byte(`{}`)); err != nil {
				t.Fatal(err)
			}
		})
	}
	if jwk, pkcs8 := cost("rsa2048.jwk"), cost("rsa2048.pem"); jwk > 2*pkcs8 {
		t.Errorf("%v allocations from the JWK, %v from PKCS#8", jwk, pkcs8)
	}
}
