package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
)

// verdict is one row of a table: what becomes of an input.
type verdict struct {
	name, input string
	refusal     error // nil: it is accepted
}

func allow(name, input string) verdict { return verdict{name, input, nil} }

func deny(name, input string, because error) verdict { return verdict{name, input, because} }

// errAny stands for whatever error comes: where the error has no name outside of the package.
var errAny = errors.New("any error")

// judge holds decide to the verdicts.
func judge(t *testing.T, decide func(input string) error, verdicts ...verdict) {
	t.Helper()
	for _, verdict := range verdicts {
		t.Run(verdict.name, func(t *testing.T) {
			t.Helper()
			err := decide(verdict.input)
			if errors.Is(verdict.refusal, errAny) && err != nil {
				return
			}
			if !errors.Is(err, verdict.refusal) {
				t.Errorf("%.300q\n got %v\nwant %v", verdict.input, err, verdict.refusal)
			}
		})
	}
}

// parse is Parse for tables; it also holds that nothing comes with an error.
func parse(t *testing.T) func(string) error {
	return func(text string) error {
		token, err := jose.Parse(text)
		if (token == nil) != (err != nil) {
			t.Errorf("Parse(%.300q) = %v, %v", text, token, err)
		}
		return err
	}
}

// encode is base64url without padding.
func encode[T string | []byte](text T) string {
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// decode is its opposite.
func decode(t testing.TB, text string) []byte {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// unsigned is a JWT in good form with a signature by nobody.
func unsigned(header, payload string) string {
	return encode(header) + "." + encode(payload) + "." + encode("signature")
}

// withHeader and withPayload make unsigned JWTs in which only one part matters.
func withHeader(header string) string   { return unsigned(header, `{}`) }
func withPayload(payload string) string { return unsigned(`{"alg":"ES256"}`, payload) }

// fixture reads a file of testdata/jose.
func fixture(t testing.TB, path ...string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{"..", "..", "testdata", "jose"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// fixtures reads every file of a folder of testdata/jose.
func fixtures(t testing.TB, folder string) [][]byte {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("..", "..", "testdata", "jose", folder))
	if err != nil || len(entries) == 0 {
		t.Fatalf("testdata/jose/%s: %d files, %v", folder, len(entries), err)
	}
	var contents [][]byte
	for _, entry := range entries {
		contents = append(contents, fixture(t, folder, entry.Name()))
	}
	return contents
}

// keyFiles names the private key in testdata/jose/keys of each algorithm.
var keyFiles = map[jose.Algorithm]string{
	jose.ES256: "p256", jose.ES384: "p384", jose.ES512: "p521", jose.EdDSA: "ed25519",
	jose.RS256: "rsa2048", jose.RS384: "rsa2048", jose.RS512: "rsa2048",
	jose.PS256: "rsa2048", jose.PS384: "rsa2048", jose.PS512: "rsa2048",
}

// privateKey reads a private key without the package under test.
func privateKey(t testing.TB, algorithm jose.Algorithm) crypto.Signer {
	t.Helper()
	block, _ := pem.Decode(fixture(t, "keys", keyFiles[algorithm]+".pem"))
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return private.(crypto.Signer)
}

// verificationKey is the public half of privateKey, with the id "key-1".
func verificationKey(t testing.TB, algorithm jose.Algorithm) jose.VerificationKey {
	t.Helper()
	key, err := jose.NewVerificationKey(privateKey(t, algorithm).Public(), algorithm, "key-1")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// strangersPublic is another public key of the same kind.
func strangersPublic(t testing.TB, algorithm jose.Algorithm) crypto.PublicKey {
	t.Helper()
	switch key := privateKey(t, algorithm).(type) {
	case *ecdsa.PrivateKey:
		other, err := ecdsa.GenerateKey(key.Curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return other.Public()
	case ed25519.PrivateKey:
		other, _, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return other
	default:
		return &rsa.PublicKey{N: new(big.Int).SetBytes(decode(t, rfcModulus(t))), E: 65537}
	}
}

// strangersKey is strangersPublic, also called "key-1".
func strangersKey(t testing.TB, algorithm jose.Algorithm) jose.VerificationKey {
	t.Helper()
	key, err := jose.NewVerificationKey(strangersPublic(t, algorithm), algorithm, "key-1")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// rfcModulus is the n of the key of RFC 7515 A.2.
func rfcModulus(t testing.TB) string {
	t.Helper()
	var jwk struct{ N string }
	if err := json.Unmarshal(fixture(t, "rfc", "rfc7515-a2.jwk"), &jwk); err != nil {
		t.Fatal(err)
	}
	return jwk.N
}

// signingKey makes a SigningKey of privateKey.
func signingKey(t testing.TB, algorithm jose.Algorithm) jose.SigningKey {
	t.Helper()
	key, err := jose.NewSigningKey(privateKey(t, algorithm), algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// secret is a shared secret that is long enough for every HMAC.
var secret = []byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")

var hashes = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}

// sign makes a compact JWS with nothing but the standard library: RFC 7518 §3.2 to §3.5, RFC 8037 §3.1.
func sign(t testing.TB, private any, algorithm jose.Algorithm, header, payload string) string {
	t.Helper()
	input := encode(header) + "." + encode(payload)
	hash := hashes[string(algorithm[2:])]
	var digest []byte
	if hash != 0 {
		sum := hash.New()
		sum.Write([]byte(input))
		digest = sum.Sum(nil)
	}
	var signature []byte
	var err error
	switch key := private.(type) {
	case []byte:
		mac := hmac.New(hash.New, key)
		mac.Write([]byte(input))
		signature = mac.Sum(nil)
	case *ecdsa.PrivateKey:
		r, s, failure := ecdsa.Sign(rand.Reader, key, digest)
		size := (key.Params().BitSize + 7) / 8
		signature, err = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), failure
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, []byte(input))
	case *rsa.PrivateKey:
		if strings.HasPrefix(string(algorithm), "PS") {
			signature, err = rsa.SignPSS(rand.Reader, key, hash, digest, &rsa.PSSOptions{SaltLength: hash.Size()})
		} else {
			signature, err = rsa.SignPKCS1v15(nil, key, hash, digest)
		}
	}
	if err != nil || signature == nil {
		t.Fatalf("signing with %T for %s: %v", private, algorithm, err)
	}
	return input + "." + encode(signature)
}

// signed is sign with the key of the algorithm, under a plain header with the kid of verificationKey.
func signed(t testing.TB, algorithm jose.Algorithm, payload string) string {
	t.Helper()
	return sign(t, privateKey(t, algorithm), algorithm, `{"alg":"`+string(algorithm)+`","kid":"key-1"}`, payload)
}

// verify is Parse, Find and Verify: what a caller does.
func verify(text string, keys ...jose.VerificationKey) (jose.Claims, error) {
	token, err := jose.Parse(text)
	if err != nil {
		return jose.Claims{}, err
	}
	key, err := jose.KeySet(keys).Find(token)
	if err != nil {
		return jose.Claims{}, err
	}
	return token.Verify(key)
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
