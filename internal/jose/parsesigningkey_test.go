package jose_test

import (
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
)

func TestRound_trips_as_JWK_and_PKCS8(t *testing.T) {
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		key := signingKey(t, algorithm)
		for form, encode := range map[string]func() ([]byte, error){"JWK": key.EncodePrivateJWK, "PKCS8": key.EncodePKCS8} {
			t.Run(string(algorithm)+" "+form, func(t *testing.T) {
				document, err := encode()
				if err != nil {
					t.Fatal(err)
				}
				again, err := jose.ParseSigningKey(document, algorithm)
				if err != nil || again.ID() != key.ID() || again.Algorithm() != algorithm {
					t.Fatalf("%v, %v", again, err)
				}
				text, err := again.Sign("JWT", []byte(`{}`))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := verify(text, key.Verification()); err != nil {
					t.Errorf("the first key does not verify what the second signs: %v", err)
				}
			})
		}
	}
}

func TestFixtures_are_the_same_key_in_both_forms(t *testing.T) {
	for algorithm, name := range keyFiles {
		one, err := jose.ParseSigningKey(fixture(t, "keys", name+".jwk"), algorithm)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		other, err := jose.ParseSigningKey(fixture(t, "keys", name+".pem"), algorithm)
		if err != nil || one.ID() != other.ID() {
			t.Errorf("%s: %v and %v, %v", name, one, other, err)
		}
	}
}

func TestParseSigningKey_reads_one_good_private_key(t *testing.T) {
	ec, rsaKey := string(fixture(t, "keys", "p256.jwk")), string(fixture(t, "keys", "rsa2048.jwk"))
	ecPEM := string(fixture(t, "keys", "p256.pem"))
	rsaQ := encode(privateKey(t, jose.RS256).(*rsa.PrivateKey).Primes[1].Bytes())
	with := func(jwk, members string) string { return `{` + members + `,` + strings.TrimSpace(jwk)[1:] }
	block := func(kind string, text []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: text}))
	}
	for _, table := range []struct {
		algorithm jose.Algorithm
		verdicts  []verdict
	}{
		{jose.ES256, []verdict{
			allow("a JWK", ec),
			allow("a JWK that names the algorithm", with(ec, `"alg":"ES256"`)),
			allow("a JWK for signatures", with(ec, `"use":"sig","key_ops":["sign"]`)),
			allow("PKCS8", ecPEM),
			allow("PKCS8 with text in front", "Bag Attributes\n"+ecPEM),

			deny("a JWK that names another algorithm", with(ec, `"alg":"ES384"`), jose.ErrKeyAlgorithm),
			deny("a JWK that names an unknown algorithm", with(ec, `"alg":"none"`), jose.ErrKeyAlgorithm),
			deny("a JWK whose alg is a number", with(ec, `"alg":1`), jose.ErrKeyMember),
			deny("a JWK for the tokens of SPIFFE", with(ec, `"use":"jwt-svid"`), jose.ErrKeyUse),
			deny("a JWK for encryption", with(ec, `"use":"enc"`), jose.ErrKeyUse),
			deny("a JWK only to verify", with(ec, `"key_ops":["verify"]`), jose.ErrKeyUse),
			deny("a public JWK", ecJWK(""), jose.ErrKeyType),
			deny("a shared secret", `{"kty":"oct","k":"`+encode(secret)+`"}`, jose.ErrKeyType),
			deny("a JWK Set", `{"keys":[`+ec+`]}`, jose.ErrKeyMember),
			deny("a member twice", with(ec, `"kty":"EC"`), jose.ErrKeyMember),
			deny("two JWKs", ec+ec, jose.ErrKeyMember),
			deny("an RSA key", rsaKey, jose.ErrKeyType),
			deny("an X25519 key", `{"kty":"OKP","crv":"X25519","d":"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo","x":"hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo"}`, jose.ErrKeyType),
			deny("a number too large for the curve", change(t, ec, map[string]any{"d": strings.Repeat("_", 42) + "8"}), errAny),
			deny("d of zero", change(t, ec, map[string]any{"d": strings.Repeat("A", 43)}), errAny),
			deny("d of another key", change(t, ec, map[string]any{"d": encode(big.NewInt(7).FillBytes(make([]byte, 32)))}), errAny),
			deny("nothing", "", errAny),
			deny("a public PEM", string(publicForms(t, jose.ES256)["PEM"]), errAny),
			deny("SEC 1", block("EC PRIVATE KEY", []byte("1")), errAny),
			deny("PKCS8 under another label", strings.ReplaceAll(ecPEM, "PRIVATE", "EC PRIVATE"), errAny),
			deny("an encrypted key", block("ENCRYPTED PRIVATE KEY", []byte("1")), errAny),
			deny("two PEM blocks", ecPEM+ecPEM, errAny),
			deny("a damaged block in front", "-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n"+ecPEM, errAny),
			deny("text behind PEM", ecPEM+"x", errAny),
			deny("PEM of something else", block("PRIVATE KEY", []byte("1")), jose.ErrKeyMember),
		}},
		{"", []verdict{
			allow("an EC key without an algorithm", ec),
			allow("an RSA key that names its algorithm", with(rsaKey, `"alg":"PS256"`)),
			deny("an RSA key without an algorithm", rsaKey, jose.ErrKeyAlgorithm),
			deny("an EC key whose alg is a list", with(ec, `"alg":["ES256"]`), jose.ErrKeyMember),
			deny("a shared secret", `{"kty":"oct","k":"`+encode(secret)+`","alg":"HS256"}`, jose.ErrKeyType),
		}},
		{jose.RS256, []verdict{
			allow("an RSA key", rsaKey),
			allow("without its precomputed numbers", change(t, rsaKey, map[string]any{"dp": nil, "dq": nil, "qi": nil})),
			deny("p that is no factor", change(t, rsaKey, map[string]any{"p": "_w"}), jose.ErrKeyNumbers),
			deny("p as q", change(t, rsaKey, map[string]any{"p": rsaQ}), jose.ErrKeyNumbers),
			deny("another d", change(t, rsaKey, map[string]any{"d": "AQAB"}), jose.ErrKeyNumbers),
			deny("another dp", change(t, rsaKey, map[string]any{"dp": "AQAB"}), jose.ErrKeyNumbers),
			deny("another qi", change(t, rsaKey, map[string]any{"qi": "AQAB"}), jose.ErrKeyNumbers),
			deny("another e", change(t, rsaKey, map[string]any{"e": "Aw"}), jose.ErrKeyNumbers),
			deny("e and a multiple of 2^64", change(t, rsaKey, map[string]any{"e": "AQAAAAAAAQAB"}), jose.ErrKeyWeak),
			deny("another n", change(t, rsaKey, map[string]any{"n": rfcModulus(t)}), jose.ErrKeyNumbers),
			deny("no primes", change(t, rsaKey, map[string]any{"p": nil, "q": nil, "dp": nil, "dq": nil, "qi": nil}), jose.ErrKeyNumbers),
		}},
	} {
		t.Run("for "+string(table.algorithm), func(t *testing.T) {
			judge(t, func(document string) error {
				key, err := jose.ParseSigningKey([]byte(document), table.algorithm)
				if key.IsZero() != (err != nil) {
					t.Errorf("%v beside %v", key, err)
				}
				return err
			}, table.verdicts...)
		})
	}
}

// change returns a JWK with other members; a member that is to be nothing is left out.
func change(t *testing.T, jwk string, members map[string]any) string {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(jwk), &object); err != nil {
		t.Fatal(err)
	}
	for name, value := range members {
		if object[name] == nil || object[name] == value {
			t.Fatalf("%s is not there to be changed, or the same", name)
		}
		object[name] = value
		if value == nil {
			delete(object, name)
		}
	}
	changed, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(changed)
}
