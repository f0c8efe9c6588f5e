package jose_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
)

// parseProof is ParseProof for tables; it also holds that nothing comes with an error.
func parseProof(t *testing.T) func(string) error {
	return func(text string) error {
		proof, err := jose.ParseProof(text)
		if (proof.Thumbprint() == "") != (err != nil) || (proof.Unverified().All() == nil) != (err != nil) {
			t.Errorf("ParseProof(%.300q) = %v, %v", text, proof.Thumbprint(), err)
		}
		return err
	}
}

// withKey is a proof by nobody with the given alg and jwk.
func withKey(algorithm jose.Algorithm, jwk string) string {
	return withHeader(`{"typ":"dpop+jwt","alg":"` + string(algorithm) + `","jwk":` + jwk + `}`)
}

// okpJWK is the key of RFC 8037 A.2 with more members.
func okpJWK(more string) string {
	return `{"kty":"OKP","crv":"Ed25519","x":"` + ed25519X + `"` + more + `}`
}

// publicJWK writes a public key down without the package under test.
func publicJWK(t testing.TB, algorithm jose.Algorithm) string {
	t.Helper()
	switch key := privateKey(t, algorithm).Public().(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		half := (len(point) + 1) / 2
		return `{"kty":"EC","crv":"` + key.Params().Name + `","x":"` + encode(point[1:half]) + `","y":"` + encode(point[half:]) + `"}`
	case ed25519.PublicKey:
		return `{"kty":"OKP","crv":"Ed25519","x":"` + encode([]byte(key)) + `"}`
	case *rsa.PublicKey:
		return rsaJWK(key.N, encode(big.NewInt(int64(key.E)).Bytes()))
	}
	t.Fatal("no key for " + algorithm)
	return ""
}

func TestD1_a_proof_verifies_with_the_key_that_it_brings_whatever_the_algorithm(t *testing.T) {
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		for _, name := range algorithm.Names() {
			t.Run(name, func(t *testing.T) {
				header := `{"typ":"dpop+jwt","alg":"` + name + `","jwk":` + publicJWK(t, algorithm) + `}`
				proof, err := jose.ParseProof(sign(t, privateKey(t, algorithm), algorithm, header, `{"jti":"1"}`))
				if err != nil {
					t.Fatal(err)
				}
				want, err := verificationKey(t, algorithm).Thumbprint()
				if err != nil || proof.Thumbprint() != want || proof.Algorithm() != algorithm || proof.Type() != "dpop+jwt" {
					t.Errorf("%s, %s, %s: want the thumbprint %s, %v", proof.Thumbprint(), proof.Algorithm(), proof.Type(), want, err)
				}
				if claims, err := proof.Verify(); err != nil || claims.ID != "1" {
					t.Errorf("%+v, %v", claims, err)
				}
			})
		}
	}
}

// RFC 9449 §6.1 prints the thumbprint of the key that signed both.
func TestRFC9449_the_examples_verify(t *testing.T) {
	for _, name := range []string{"rfc9449-4.1.jwt", "rfc9449-7.1.jwt"} {
		proof, err := jose.ParseProof(line(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := proof.Verify(); err != nil || proof.Thumbprint() != "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" {
			t.Errorf("%s: %s, %v", name, proof.Thumbprint(), err)
		}
	}
}

func TestD1_a_proof_brings_one_public_key_that_is_for_signatures(t *testing.T) {
	judge(t, parseProof(t),
		allow("EC", withKey(jose.ES256, ecJWK(""))),
		allow("EC that says what it is for", withKey(jose.ES256, ecJWK(`,"alg":"ES256","use":"sig","key_ops":["verify"],"kid":"1"`))),
		allow("Ed25519", withKey(jose.EdDSA, okpJWK(""))),
		allow("Ed25519 by its newer name", withKey("Ed25519", okpJWK(`,"alg":"EdDSA"`))),
		allow("RSA", withKey(jose.PS256, rsaJWK(modulus(2048), "AQAB"))),
		allow("members that nobody knows", withKey(jose.ES256, ecJWK(`,"more":{"x":[1]},"x5c":[1],"x5u":2`))),

		deny("no key", withHeader(`{"typ":"dpop+jwt","alg":"ES256"}`), jose.ErrNoProofKey),
		deny("null", withKey(jose.ES256, `null`), jose.ErrNoProofKey),
		deny("a text", withKey(jose.ES256, `"`+strings.ReplaceAll(ecJWK(""), `"`, `\"`)+`"`), jose.ErrNoProofKey),
		deny("an array with a key", withKey(jose.ES256, `[`+ecJWK("")+`]`), jose.ErrNoProofKey),
		deny("a set", withKey(jose.ES256, `{"keys":[`+ecJWK("")+`]}`), jose.ErrKeyMember),
		deny("no members", withKey(jose.ES256, `{}`), jose.ErrKeyMember),
		deny("two keys", withHeader(`{"alg":"ES256","jwk":`+ecJWK("")+`,"jwk":`+ecJWK("")+`}`), jose.ErrJSON),
		deny("a member twice", withKey(jose.ES256, ecJWK(`,"x":"`+p256X+`"`)), jose.ErrJSON),
		deny("a member twice, once with an escape", withKey(jose.ES256, ecJWK(`,"\u0078":"`+p256X+`"`)), jose.ErrJSON),
		deny("for encryption", withKey(jose.ES256, ecJWK(`,"use":"enc"`)), jose.ErrKeyUse),
		deny("for other operations", withKey(jose.ES256, ecJWK(`,"key_ops":["sign"]`)), jose.ErrKeyUse),
		deny("kid is a number", withKey(jose.ES256, ecJWK(`,"kid":1`)), jose.ErrKeyMember),
	)
}

// RFC 9449 §4.3 item 7: whoever sends its private key around has proved nothing by it.
func TestD1_a_private_or_symmetric_key_in_a_proof_is_refused(t *testing.T) {
	verdicts := []verdict{
		deny("a private EC key", withKey(jose.ES256, ecJWK(`,"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"`)), jose.ErrKeyPrivate),
		deny("a private EC key that may only sign", withKey(jose.ES256, ecJWK(`,"d":"AA","key_ops":["sign"]`)), jose.ErrKeyPrivate),
		deny("a private Ed25519 key", withKey(jose.EdDSA, okpJWK(`,"d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"`)), jose.ErrKeyPrivate),
		deny("d as null", withKey(jose.ES256, ecJWK(`,"d":null`)), jose.ErrKeyPrivate),
		deny("d with an escape", withKey(jose.ES256, ecJWK(`,"\u0064":"AA"`)), jose.ErrKeyPrivate),
		deny("a shared secret", withKey(jose.ES256, `{"kty":"oct","k":"`+encode(secret)+`"}`), jose.ErrKeyPrivate),
		deny("a shared secret without its value", withKey(jose.ES256, `{"kty":"oct"}`), jose.ErrKeyPrivate),
		deny("a k beside a point", withKey(jose.ES256, ecJWK(`,"k":"AAAA"`)), jose.ErrKeyPrivate),
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth"} {
		private := `{"` + name + `":"AAAA",` + rsaJWK(modulus(2048), "AQAB")[1:]
		verdicts = append(verdicts, deny("RSA with "+name, withKey(jose.RS256, private), jose.ErrKeyPrivate))
	}
	judge(t, parseProof(t), verdicts...)
}

// RFC 9449 §4.3 item 5: asymmetric, and not none. The alg is that of the key, and the key is fit for it (protocol A3).
func TestD1_the_algorithm_of_a_proof_is_asymmetric_and_fits_its_key(t *testing.T) {
	rsaKey := rsaJWK(modulus(2048), "AQAB")
	judge(t, parseProof(t),
		deny("none", withKey("none", ecJWK("")), jose.ErrAlgorithm),
		deny("no alg", withHeader(`{"jwk":`+ecJWK("")+`}`), jose.ErrAlgorithm),
		deny("in small letters", withKey("es256", ecJWK("")), jose.ErrAlgorithm),
		deny("a curve that we do not have", withKey("ES256K", ecJWK("")), jose.ErrAlgorithm),
		deny("encryption", withKey("RSA-OAEP", rsaKey), jose.ErrAlgorithm),
		deny("HMAC with a shared secret", withKey(jose.HS256, `{"kty":"oct","k":"`+encode(secret)+`"}`), jose.ErrAlgorithm),
		deny("HMAC with a public key", withKey(jose.HS512, ecJWK("")), jose.ErrAlgorithm),
		deny("ES384 for P-256", withKey(jose.ES384, ecJWK("")), jose.ErrKeyType),
		deny("ES256 for Ed25519", withKey(jose.ES256, okpJWK("")), jose.ErrKeyType),
		deny("EdDSA for P-256", withKey(jose.EdDSA, ecJWK("")), jose.ErrKeyType),
		deny("RS256 for P-256", withKey(jose.RS256, ecJWK("")), jose.ErrKeyType),
		deny("ES256 for RSA", withKey(jose.ES256, rsaKey), jose.ErrKeyType),
		deny("another alg in the key", withKey(jose.ES256, ecJWK(`,"alg":"ES384"`)), jose.ErrProofKeyAlgorithm),
		deny("PS256 with a key for RS256", withKey(jose.PS256, `{"alg":"RS256",`+rsaKey[1:]), jose.ErrProofKeyAlgorithm),
	)
}

func TestA3_the_key_of_a_proof_is_strong_and_written_in_one_way(t *testing.T) {
	weak := func(name, jwk string, algorithm jose.Algorithm, because error) verdict {
		return deny(name, withKey(algorithm, jwk), because)
	}
	good := modulus(2048)
	half := big.NewInt(1)
	judge(t, parseProof(t),
		allow("RSA 4096", withKey(jose.PS512, rsaJWK(modulus(4096), "AQAB"))),
		allow("the largest exponent", withKey(jose.PS256, rsaJWK(good, "f____w"))),
		weak("RSA 2047", rsaJWK(modulus(2047), "AQAB"), jose.RS256, jose.ErrKeyWeak),
		weak("RSA 4097", rsaJWK(modulus(4097), "AQAB"), jose.RS256, jose.ErrProofKeyLarge),
		weak("exponent 1", rsaJWK(good, "AQ"), jose.RS256, jose.ErrKeyWeak),
		weak("exponent of 32 bits", rsaJWK(good, "gAAAAQ"), jose.RS256, jose.ErrKeyWeak),
		weak("exponent 2^64 + 3", rsaJWK(good, encode([]byte{1, 0, 0, 0, 0, 0, 0, 0, 3})), jose.RS256, jose.ErrKeyWeak),
		weak("exponent with a leading zero", rsaJWK(good, "AAEAAQ"), jose.RS256, jose.ErrKeyMember),
		weak("exponent zero", rsaJWK(good, "AA"), jose.RS256, jose.ErrKeyMember),
		weak("no exponent", rsaJWK(good, ""), jose.RS256, jose.ErrKeyMember),
		weak("no modulus", `{"kty":"RSA","e":"AQAB"}`, jose.RS256, jose.ErrKeyMember),
		weak("modulus with a leading zero", `{"kty":"RSA","e":"AQAB","n":"`+encode(append([]byte{0}, good.Bytes()...))+`"}`, jose.RS256, jose.ErrKeyMember),

		weak("not on the curve", pointJWK("P-256", half, half, 32), jose.ES256, jose.ErrKeyCurve),
		weak("the point at infinity", pointJWK("P-256", new(big.Int), new(big.Int), 32), jose.ES256, jose.ErrKeyCurve),
		weak("a point of another curve", pointJWK("P-384", half, half, 32), jose.ES384, jose.ErrKeyMember),
		weak("x is too short", `{"kty":"EC","crv":"P-256","x":"AQ","y":"`+p256Y+`"}`, jose.ES256, jose.ErrKeyMember),
		weak("y is too long", `{"kty":"EC","crv":"P-256","x":"`+p256X+`","y":"`+encode(append([]byte{0}, decode(t, p256Y)...))+`"}`, jose.ES256, jose.ErrKeyMember),
		weak("no y", `{"kty":"EC","crv":"P-256","x":"`+p256X+`"}`, jose.ES256, jose.ErrKeyMember),
		weak("x is an array", `{"kty":"EC","crv":"P-256","x":["`+p256X+`"],"y":"`+p256Y+`"}`, jose.ES256, jose.ErrKeyMember),
		weak("padding", `{"kty":"EC","crv":"P-256","x":"`+p256X+`=","y":"`+p256Y+`"}`, jose.ES256, jose.ErrKeyMember),
		weak("a line break", `{"kty":"EC","crv":"P-256","x":"`+p256X+`\n","y":"`+p256Y+`"}`, jose.ES256, jose.ErrKeyMember),
		weak("base64 of the other alphabet", `{"kty":"EC","crv":"P-256","x":"`+p256X+`","y":"`+strings.ReplaceAll(p256Y, "_", "/")+`"}`, jose.ES256, jose.ErrKeyMember),
		weak("bits behind the end", `{"kty":"EC","crv":"P-256","x":"`+p256X[:42]+`V","y":"`+p256Y+`"}`, jose.ES256, jose.ErrKeyMember),
		weak("kty in small letters", `{"kty":"ec","crv":"P-256","x":"`+p256X+`","y":"`+p256Y+`"}`, jose.ES256, jose.ErrKeyMember),
		weak("secp256k1", pointJWK("secp256k1", half, half, 32), jose.ES256, jose.ErrKeyMember),

		weak("Ed25519 zeros", `{"kty":"OKP","crv":"Ed25519","x":"`+encode(make([]byte, 32))+`"}`, jose.EdDSA, jose.ErrKeyWeak),
		weak("Ed25519 of 31 bytes", `{"kty":"OKP","crv":"Ed25519","x":"`+encode(make([]byte, 31))+`"}`, jose.EdDSA, jose.ErrKeyMember),
		weak("Ed448", `{"kty":"OKP","crv":"Ed448","x":"`+encode(make([]byte, 57))+`"}`, jose.EdDSA, jose.ErrKeyMember),
		weak("X25519", `{"kty":"OKP","crv":"X25519","x":"`+ed25519X+`"}`, jose.EdDSA, jose.ErrKeyMember),
		weak("a type that we do not have", `{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"}`, jose.ES256, jose.ErrProofKeyAlgorithm),
	)
}

// Protocol A1, A4, A6: the gate is that of every JWT.
func TestA1_A4_A6_a_proof_passes_the_gate_of_every_JWT(t *testing.T) {
	good := sign(t, privateKey(t, jose.ES256), jose.ES256, `{"alg":"ES256","jwk":`+publicJWK(t, jose.ES256)+`}`, `{}`)
	more := func(member string) string {
		return withHeader(`{"alg":"ES256","jwk":` + ecJWK("") + `,` + member + `}`)
	}
	judge(t, parseProof(t),
		allow("as it is", good),
		deny("nothing", "", jose.ErrCompact),
		deny("padding", good+"=", jose.ErrCompact),
		deny("white space", " "+good, jose.ErrCompact),
		deny("a line break", good+"\n", jose.ErrCompact),
		deny("two of them", good+", "+good, jose.ErrEncrypted),
		deny("five parts", "a.b.c.d.e", jose.ErrEncrypted),
		deny("no signature", good[:strings.LastIndexByte(good, '.')+1], jose.ErrCompact),
		deny("JSON serialisation", `{"protected":"e30","payload":"e30","signature":"AA"}`, jose.ErrCompact),
		deny("longer than a JWT may be", good+strings.Repeat("A", 16<<10), jose.ErrTooLong),
		deny("crit", more(`"crit":["jwk"]`), jose.ErrCritical),
		deny("an empty crit", more(`"crit":[]`), jose.ErrCritical),
		deny("b64", more(`"b64":false`), jose.ErrUnencoded),
		deny("nested", more(`"cty":"JWT"`), jose.ErrNested),
		deny("compressed", more(`"zip":"DEF"`), jose.ErrNested),
		deny("alg twice", more(`"alg":"ES256"`), jose.ErrJSON),
		deny("a claim twice", unsigned(`{"alg":"ES256","jwk":`+ecJWK("")+`}`, `{"jti":"1","jti":"2"}`), jose.ErrJSON),
		deny("claims that are none", unsigned(`{"alg":"ES256","jwk":`+ecJWK("")+`}`, `"jti"`), jose.ErrJSON),
		deny("jti is a number", unsigned(`{"alg":"ES256","jwk":`+ecJWK("")+`}`, `{"jti":1}`), jose.ErrClaimType),
		deny("iat is a text", unsigned(`{"alg":"ES256","jwk":`+ecJWK("")+`}`, `{"iat":"1764000000"}`), jose.ErrClaimType),
	)
}

// CVE-2018-0114 for the one JWT that may bring a key: it brings it as jwk and in no other way (protocol A4).
func TestA4_nothing_but_jwk_supplies_the_key_of_a_proof(t *testing.T) {
	attacker := privateKey(t, jose.ES384)
	for name, member := range map[string]string{
		"kid":         `"kid":"key-1"`,
		"x5c":         `"x5c":["AAAA"]`,
		"jku":         `"jku":"https://127.0.0.1:1/"`,
		"x5u":         `"x5u":"https://127.0.0.1:1/"`,
		"trust_chain": `"trust_chain":["a.b.c"]`,
		"JWK":         `"JWK":` + publicJWK(t, jose.ES384),
	} {
		t.Run(name, func(t *testing.T) {
			alone := sign(t, attacker, jose.ES384, `{"alg":"ES384",`+member+`}`, `{}`)
			if _, err := jose.ParseProof(alone); !errors.Is(err, jose.ErrNoProofKey) {
				t.Errorf("alone: %v", err)
			}
			// Beside a jwk it changes nothing.
			header := `{"alg":"ES384","jwk":` + publicJWK(t, jose.ES384) + `,` + strings.Replace(member, `"JWK"`, `"jwk2"`, 1) + `}`
			proof, err := jose.ParseProof(sign(t, attacker, jose.ES384, header, `{}`))
			if err != nil {
				t.Fatal(err)
			}
			want, _ := verificationKey(t, jose.ES384).Thumbprint()
			if _, err := proof.Verify(); err != nil || proof.Thumbprint() != want {
				t.Errorf("beside jwk: %s, %v", proof.Thumbprint(), err)
			}
		})
	}
}

func TestD1_a_proof_that_another_key_has_signed_is_refused(t *testing.T) {
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		header := `{"alg":"` + string(algorithm) + `","jwk":` + publicJWK(t, algorithm) + `}`
		good := sign(t, privateKey(t, algorithm), algorithm, header, `{"jti":"1"}`)
		signature := good[strings.LastIndexByte(good, '.')+1:]
		stranger, err := jose.GenerateSigningKey(algorithm)
		if err != nil {
			t.Fatal(err)
		}
		strangers, err := stranger.SignProof("dpop+jwt", []byte(`{"jti":"1"}`))
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"other claims":           encode(header) + "." + encode(`{"jti":"2"}`) + "." + signature,
			"another header":         encode(strings.Replace(header, `{`, `{ `, 1)) + "." + encode(`{"jti":"1"}`) + "." + signature,
			"a stranger's signature": encode(header) + "." + encode(`{"jti":"1"}`) + strangers[strings.LastIndexByte(strangers, '.'):],
			"zeros":                  encode(header) + "." + encode(`{"jti":"1"}`) + "." + encode(make([]byte, len(decode(t, signature)))),
			"half of it":             encode(header) + "." + encode(`{"jti":"1"}`) + "." + encode(decode(t, signature)[:32]),
		} {
			proof, err := jose.ParseProof(text)
			if err != nil {
				t.Fatalf("%s, %s: %v", algorithm, name, err)
			}
			if claims, err := proof.Verify(); !errors.Is(err, jose.ErrSignature) || claims.All() != nil {
				t.Errorf("%s, %s: %+v, %v", algorithm, name, claims, err)
			}
		}
	}
}

func TestD1_the_zero_proof_verifies_nothing(t *testing.T) {
	var proof jose.Proof
	if claims, err := proof.Verify(); !errors.Is(err, jose.ErrSignature) || claims.All() != nil {
		t.Errorf("%+v, %v", claims, err)
	}
}

// What everybody else reads has a jwk in its header that means nothing (protocol A4).
func TestA4_Parse_does_not_look_at_jwk(t *testing.T) {
	judge(t, parse(t),
		allow("no key at all", withKey(jose.ES256, `7`)),
		allow("a private key", withKey(jose.ES256, ecJWK(`,"d":"AA"`))),
		allow("a weak key", withKey(jose.RS256, rsaJWK(modulus(512), "AQAB"))),
	)
}

func TestD1_SignProof_writes_a_header_with_the_public_key_and_nothing_else(t *testing.T) {
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		text, err := signingKey(t, algorithm).SignProof("dpop+jwt", []byte(`{"jti":"1"}`))
		if err != nil {
			t.Fatal(err)
		}
		var header, jwk, want map[string]any
		first, _, _ := strings.Cut(text, ".")
		if err := json.Unmarshal(decode(t, first), &header); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(publicJWK(t, algorithm)), &jwk); err != nil {
			t.Fatal(err)
		}
		want = map[string]any{"typ": "dpop+jwt", "alg": string(algorithm), "jwk": jwk}
		if difference := cmp.Diff(want, header); difference != "" {
			t.Errorf("%s: %s", algorithm, difference)
		}
		proof, err := jose.ParseProof(text)
		if err != nil {
			t.Fatal(err)
		}
		if claims, err := proof.Verify(); err != nil || claims.ID != "1" {
			t.Errorf("%s: %+v, %v", algorithm, claims, err)
		}
		holdsNone(t, string(algorithm), text, material(privateKey(t, algorithm)))
	}
}

func TestD1_SignProof_refuses_a_shared_secret(t *testing.T) {
	shared, err := jose.NewSharedSecretSigningKey(secret, jose.HS256, "1")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []jose.SigningKey{shared, {}} {
		if text, err := key.SignProof("dpop+jwt", []byte(`{}`)); !errors.Is(err, jose.ErrKeyType) || text != "" {
			t.Errorf("%q, %v", text, err)
		}
	}
}
