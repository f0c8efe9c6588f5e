package jose_test

import (
	"crypto/elliptic"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"example.com/countersign/internal/jose"
)

// readJWK reads a set of one key and returns the reason why it is rejected, as the Fault with that sentence.
func readJWK(t *testing.T) func(string) error {
	return func(jwk string) error {
		t.Helper()
		keys, rejected, err := jose.ParseKeySet([]byte(`{"keys":[`+jwk+`]}`), jose.RS256)
		if err != nil {
			t.Fatalf("%.200s: %v", jwk, err)
		}
		if len(keys)+len(rejected) != 1 {
			t.Fatalf("%.200s: %d keys and %d rejected", jwk, len(keys), len(rejected))
		}
		if len(keys) == 1 {
			return nil
		}
		for _, fault := range keyFaults {
			if fault.Sentence == rejected[0].Why {
				return fault
			}
		}
		return errors.New(rejected[0].Why)
	}
}

var keyFaults = []*jose.Fault{
	jose.ErrKeySet, jose.ErrKeyPrivate, jose.ErrKeyUse, jose.ErrKeyMember, jose.ErrKeyType, jose.ErrKeyWeak,
	jose.ErrKeyROCA, jose.ErrKeyNumbers, jose.ErrKeyCurve, jose.ErrKeyAlgorithm,
}

// The coordinates of RFC 7515 A.3 and RFC 8037 A.2.
const (
	p256X    = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
	p256Y    = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
	ed25519X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
)

// ecJWK is the P-256 key of RFC 7515 A.3 with more members, each with a comma in front.
func ecJWK(more string) string {
	return `{"kty":"EC","crv":"P-256","x":"` + p256X + `","y":"` + p256Y + `"` + more + `}`
}

// pointJWK is an EC key of any coordinates.
func pointJWK(curve string, x, y *big.Int, size int) string {
	return `{"kty":"EC","crv":"` + curve + `","x":"` + encode(x.FillBytes(make([]byte, size))) + `","y":"` +
		encode(y.FillBytes(make([]byte, size))) + `"}`
}

// rsaJWK is an RSA key; what is not a number in hexadecimal stands as it is.
func rsaJWK(n *big.Int, e string) string {
	return `{"kty":"RSA","n":"` + encode(n.Bytes()) + `","e":"` + e + `"}`
}

// modulus is an odd number of so many bits that no generator made.
func modulus(bits uint) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(3), bits-2)
	return n.Add(n, big.NewInt(0x10001))
}

func TestA3_only_strong_RSA_keys(t *testing.T) {
	good := modulus(2048)
	judge(t, readJWK(t),
		allow("2048 bits", rsaJWK(good, "AQAB")),
		allow("8192 bits", rsaJWK(modulus(8192), "AQAB")),
		allow("exponent 3", rsaJWK(good, "Aw")),
		allow("the largest exponent that crypto/rsa takes", rsaJWK(good, "f____w")),

		deny("512 bits", rsaJWK(modulus(512), "AQAB"), jose.ErrKeyWeak),
		deny("1024 bits", rsaJWK(modulus(1024), "AQAB"), jose.ErrKeyWeak),
		deny("2047 bits", rsaJWK(modulus(2047), "AQAB"), jose.ErrKeyWeak),
		deny("8193 bits", rsaJWK(modulus(8193), "AQAB"), jose.ErrKeyWeak),
		deny("16384 bits", rsaJWK(modulus(16384), "AQAB"), jose.ErrKeyWeak),
		deny("an even modulus", rsaJWK(new(big.Int).Add(good, big.NewInt(1)), "AQAB"), jose.ErrKeyWeak),
		deny("modulus 0", rsaJWK(big.NewInt(0), "AQAB"), jose.ErrKeyWeak),
		deny("modulus 1", rsaJWK(big.NewInt(1), "AQAB"), jose.ErrKeyWeak),
		deny("exponent 0", rsaJWK(good, "AA"), jose.ErrKeyWeak),
		deny("exponent 1", rsaJWK(good, "AQ"), jose.ErrKeyWeak),
		deny("exponent 2", rsaJWK(good, "Ag"), jose.ErrKeyWeak),
		deny("an even exponent", rsaJWK(good, "AQAC"), jose.ErrKeyWeak),
		deny("exponent 2^31 + 1", rsaJWK(good, "gAAAAQ"), jose.ErrKeyWeak),
		deny("an exponent of 63 bits", rsaJWK(good, "f_________8"), jose.ErrKeyWeak),
		deny("an exponent of 64 bits", rsaJWK(good, "__________8"), jose.ErrKeyWeak),
		deny("exponent 2^64 + 65537, which jwx reads as 65537", rsaJWK(good, "AQAAAAAAAQAB"), jose.ErrKeyWeak),
		deny("an exponent of 2048 bits", rsaJWK(good, encode(good.Bytes())), jose.ErrKeyWeak),
		deny("no exponent", `{"kty":"RSA","n":"`+encode(good.Bytes())+`"}`, jose.ErrKeyMember),
		deny("no modulus", `{"kty":"RSA","e":"AQAB"}`, jose.ErrKeyMember),
		deny("an exponent as a number", `{"kty":"RSA","n":"`+encode(good.Bytes())+`","e":65537}`, jose.ErrKeyMember),
		deny("a modulus as a number", `{"kty":"RSA","n":12345678901,"e":"AQAB"}`, jose.ErrKeyMember),
		deny("a modulus that is no base64", `{"kty":"RSA","n":"!","e":"AQAB"}`, jose.ErrKeyMember),
	)
}

// CVE-2017-15361: the modulus is a product of primes k*M + 65537^a mod M, here made small in k.
func TestA3_a_key_with_the_ROCA_fingerprint_is_refused(t *testing.T) {
	primorial := big.NewInt(1)
	for candidate := int64(2); candidate <= 701; candidate++ {
		if big.NewInt(candidate).ProbablyPrime(10) {
			primorial.Mul(primorial, big.NewInt(candidate))
		}
	}
	weak := new(big.Int).Exp(big.NewInt(65537), big.NewInt(1<<40), primorial)
	weak.Add(weak, new(big.Int).Mul(primorial, new(big.Int).Lsh(big.NewInt(1), 2048-uint(primorial.BitLen()))))
	if bits := weak.BitLen(); bits < 2048 || weak.Bit(0) == 0 {
		t.Fatalf("%d bits, last %d: refused for another reason", bits, weak.Bit(0))
	}
	judge(t, readJWK(t),
		allow("its neighbour", rsaJWK(new(big.Int).Add(weak, big.NewInt(2)), "AQAB")),
		deny("the fingerprint", rsaJWK(weak, "AQAB"), jose.ErrKeyROCA),
	)
}

func TestA3_only_points_on_the_curve_of_the_algorithm(t *testing.T) {
	zero, p := big.NewInt(0), elliptic.P256().Params()
	x, y := new(big.Int).SetBytes(decode(t, p256X)), new(big.Int).SetBytes(decode(t, p256Y))
	p384, p521 := elliptic.P384().Params(), elliptic.P521().Params()
	judge(t, readJWK(t),
		allow("P-256", ecJWK("")),
		allow("P-256 for ES256", ecJWK(`,"alg":"ES256"`)),
		allow("P-384", pointJWK("P-384", p384.Gx, p384.Gy, 48)),
		allow("P-521", pointJWK("P-521", p521.Gx, p521.Gy, 66)),

		deny("a point beside the curve", pointJWK("P-256", x, new(big.Int).Add(y, big.NewInt(1)), 32), jose.ErrKeyCurve),
		deny("x and y exchanged", pointJWK("P-256", y, x, 32), jose.ErrKeyCurve),
		deny("the point at infinity as 0, 0", pointJWK("P-256", zero, zero, 32), jose.ErrKeyCurve),
		deny("coordinates of no bytes", `{"kty":"EC","crv":"P-256","x":"","y":""}`, jose.ErrKeyCurve),
		deny("x not reduced", pointJWK("P-256", new(big.Int).Add(x, p.P), y, 33), jose.ErrKeyCurve),
		deny("y not reduced", pointJWK("P-256", x, new(big.Int).Add(y, p.P), 33), jose.ErrKeyCurve),
		deny("the prime as x", pointJWK("P-256", p.P, y, 32), jose.ErrKeyCurve),
		deny("a P-384 point on P-256", pointJWK("P-256", p384.Gx, p384.Gy, 48), jose.ErrKeyCurve),
		deny("a P-256 point on P-384", pointJWK("P-384", x, y, 48), jose.ErrKeyCurve),
		deny("coordinates of a thousand bytes", pointJWK("P-256", x.Lsh(x, 7000), y, 1000), jose.ErrKeyCurve),

		deny("a P-384 key for ES256", `{"alg":"ES256",`+pointJWK("P-384", p384.Gx, p384.Gy, 48)[1:], jose.ErrKeyType),
		deny("a P-256 key for ES384", ecJWK(`,"alg":"ES384"`), jose.ErrKeyType),
		deny("a P-256 key for EdDSA", ecJWK(`,"alg":"EdDSA"`), jose.ErrKeyType),
		deny("a P-256 key for HS256", ecJWK(`,"alg":"HS256"`), jose.ErrKeyType),
		deny("a P-256 key for RS256", ecJWK(`,"alg":"RS256"`), jose.ErrKeyType),
		deny("an RSA key for ES256", `{"alg":"ES256",`+rsaJWK(modulus(2048), "AQAB")[1:], jose.ErrKeyType),
		deny("an RSA key for HS256", `{"alg":"HS256",`+rsaJWK(modulus(2048), "AQAB")[1:], jose.ErrKeyType),
		deny("a P-256 key for none", ecJWK(`,"alg":"none"`), jose.ErrKeyAlgorithm),
		deny("a P-256 key for ECDH", ecJWK(`,"alg":"ECDH-ES"`), jose.ErrKeyAlgorithm),
		deny("a P-256 key for an unknown algorithm", ecJWK(`,"alg":"ES224"`), jose.ErrKeyAlgorithm),

		deny("secp256k1", `{"kty":"EC","crv":"secp256k1","x":"`+p256X+`","y":"`+p256Y+`"}`, jose.ErrKeyMember),
		deny("P-224", `{"kty":"EC","crv":"P-224","x":"`+p256X+`","y":"`+p256Y+`"}`, jose.ErrKeyMember),
		deny("no curve", `{"kty":"EC","x":"`+p256X+`","y":"`+p256Y+`"}`, jose.ErrKeyMember),
		deny("no y", `{"kty":"EC","crv":"P-256","x":"`+p256X+`"}`, jose.ErrKeyMember),
		deny("y as a sign", `{"kty":"EC","crv":"P-256","x":"`+p256X+`","y":true}`, jose.ErrKeyMember),
	)
}

func TestA3_only_sound_Ed25519_keys(t *testing.T) {
	okp := func(curve, x, more string) string {
		return `{"kty":"OKP","crv":"` + curve + `","x":"` + x + `"` + more + `}`
	}
	verdicts := []verdict{
		allow("the key of RFC 8037", okp("Ed25519", ed25519X, "")),
		allow("with its algorithm", okp("Ed25519", ed25519X, `,"alg":"EdDSA"`)),
		allow("with its algorithm as RFC 9864 names it", okp("Ed25519", ed25519X, `,"alg":"Ed25519"`)),

		deny("31 bytes", okp("Ed25519", encode(decode(t, ed25519X)[:31]), ""), jose.ErrKeyType),
		deny("33 bytes", okp("Ed25519", encode(append(decode(t, ed25519X), 0)), ""), jose.ErrKeyType),
		deny("no bytes", okp("Ed25519", "", ""), jose.ErrKeyType),
		deny("for ES256", okp("Ed25519", ed25519X, `,"alg":"ES256"`), jose.ErrKeyType),
		deny("for HS256", okp("Ed25519", ed25519X, `,"alg":"HS256"`), jose.ErrKeyType),
		deny("X25519", okp("X25519", ed25519X, ""), jose.ErrKeyType),
		deny("Ed448 as RFC 9864 names it", okp("Ed25519", ed25519X, `,"alg":"Ed448"`), jose.ErrKeyAlgorithm),
		deny("X25519 for EdDSA", okp("X25519", ed25519X, `,"alg":"EdDSA"`), jose.ErrKeyType),
		deny("Ed448", okp("Ed448", encode(make([]byte, 57)), ""), jose.ErrKeyMember),
		deny("no x", `{"kty":"OKP","crv":"Ed25519"}`, jose.ErrKeyMember),
		deny("y is 2, which no x goes with", okp("Ed25519", littleEndian("2", 0), ""), jose.ErrKeyCurve),
	}
	// The eight points whose order divides eight, by their y (Chalkias et al., "Taming the many EdDSAs", 2020, table 6).
	const orderEight = "2707385501144840649318225287225658788936804267575313519463743609750303402022"
	for _, y := range []string{"0", "1", fieldMinus("1"), orderEight, fieldMinus(orderEight)} {
		for _, sign := range []byte{0, 0x80} {
			name := fmt.Sprintf("small order, y is %s, sign %x", y, sign)
			verdicts = append(verdicts, deny(name, okp("Ed25519", littleEndian(y, sign), ""), jose.ErrKeyWeak))
		}
	}
	// The same written without reduction modulo the prime, and one that is not small.
	for _, y := range []string{fieldMinus("0"), fieldMinus("-1"), fieldMinus("-3"), fieldMinus("-18")} {
		verdicts = append(verdicts, deny("not reduced, y is "+y, okp("Ed25519", littleEndian(y, 0), ""), jose.ErrKeyCurve))
	}
	judge(t, readJWK(t), verdicts...)
}

// fieldMinus is 2^255 - 19 - number.
func fieldMinus(number string) string {
	prime := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	subtrahend, _ := new(big.Int).SetString(number, 10)
	return prime.Sub(prime, subtrahend).String()
}

// littleEndian is the encoding of a y with the sign of x in its last bit (RFC 8032 §5.1.2).
func littleEndian(number string, sign byte) string {
	y, _ := new(big.Int).SetString(number, 10)
	encoded := make([]byte, 32)
	for i, octet := range y.FillBytes(make([]byte, 32)) {
		encoded[31-i] = octet
	}
	encoded[31] |= sign
	return encode(encoded)
}

func TestA4_private_and_symmetric_keys_are_refused(t *testing.T) {
	rsaKey := rsaJWK(modulus(2048), "AQAB")
	verdicts := []verdict{
		deny("a shared secret", `{"kty":"oct","k":"`+encode(secret)+`","alg":"HS256"}`, jose.ErrKeyPrivate),
		deny("a post-quantum private key", `{"kty":"AKP","alg":"ML-DSA-44","priv":"AAAA"}`, jose.ErrKeyPrivate),
		deny("a private EC key", ecJWK(`,"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"`), jose.ErrKeyPrivate),
		deny("a private key for encryption", ecJWK(`,"use":"enc","d":"AA"`), jose.ErrKeyPrivate),
		deny("a private key that may only sign", ecJWK(`,"key_ops":["sign"],"d":"AA"`), jose.ErrKeyPrivate),
		deny("d as null", ecJWK(`,"d":null`), jose.ErrKeyPrivate),
		deny("d as nothing", ecJWK(`,"d":""`), jose.ErrKeyPrivate),
		deny("d with an escape", ecJWK(`,"\u0064":"AA"`), jose.ErrKeyPrivate),
		deny("a k beside a point", ecJWK(`,"k":"AAAA"`), jose.ErrKeyPrivate),
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth"} {
		verdicts = append(verdicts, deny("RSA with "+name, `{"`+name+`":"AAAA",`+rsaKey[1:], jose.ErrKeyPrivate))
	}
	judge(t, readJWK(t), verdicts...)
}

func TestKeys_are_for_signatures(t *testing.T) {
	judge(t, readJWK(t),
		allow("use sig", ecJWK(`,"use":"sig"`)),
		allow("use jwt-svid", ecJWK(`,"use":"jwt-svid"`)),
		allow("key_ops with verify", ecJWK(`,"key_ops":["sign","verify"]`)),

		deny("use enc", ecJWK(`,"use":"enc"`), jose.ErrKeyUse),
		deny("use x509-svid", ecJWK(`,"use":"x509-svid"`), jose.ErrKeyUse),
		deny("use jwt-svid in capitals", ecJWK(`,"use":"JWT-SVID"`), jose.ErrKeyUse),
		deny("use in capitals", ecJWK(`,"use":"SIG"`), jose.ErrKeyUse),
		deny("an unknown use", ecJWK(`,"use":"both"`), jose.ErrKeyUse),
		deny("key_ops without verify", ecJWK(`,"key_ops":["sign"]`), jose.ErrKeyUse),
		deny("use sig but key_ops without verify", ecJWK(`,"use":"sig","key_ops":["encrypt"]`), jose.ErrKeyUse),
		deny("empty key_ops", ecJWK(`,"key_ops":[]`), jose.ErrKeyUse),
		deny("key_ops as a string", ecJWK(`,"key_ops":"verify"`), jose.ErrKeyUse),
		deny("key_ops as null", ecJWK(`,"key_ops":null`), jose.ErrKeyUse),
		deny("key_ops in a list", ecJWK(`,"key_ops":[["verify"]]`), jose.ErrKeyUse),
	)
}

func TestMembers_of_a_key_are_of_their_types(t *testing.T) {
	judge(t, readJWK(t),
		allow("unknown members", ecJWK(`,"x5u":"https://unreachable.example/","issued":1,"more":{"a":[]}`)),

		deny("kid as a number", ecJWK(`,"kid":1`), jose.ErrKeyMember),
		deny("kid as null", ecJWK(`,"kid":null`), jose.ErrKeyMember),
		deny("an empty kid", ecJWK(`,"kid":""`), jose.ErrKeyMember),
		deny("alg as a list", ecJWK(`,"alg":["ES256"]`), jose.ErrKeyMember),
		deny("an empty alg", ecJWK(`,"alg":""`), jose.ErrKeyMember),
		deny("use as true", ecJWK(`,"use":true`), jose.ErrKeyMember),
		deny("x5c as a string", ecJWK(`,"x5c":"MIIB"`), jose.ErrKeyMember),
		deny("no kty", `{"crv":"P-256","x":"`+p256X+`","y":"`+p256Y+`"}`, jose.ErrKeyMember),
		deny("another name of kty", `{"KTY":"EC","crv":"P-256","x":"`+p256X+`","y":"`+p256Y+`"}`, jose.ErrKeyMember),
		deny("kty in small letters", `{"kty":"ec","crv":"P-256","x":"`+p256X+`","y":"`+p256Y+`"}`, jose.ErrKeyMember),
		deny("kty of another key", `{"kty":"RSA","crv":"P-256","x":"`+p256X+`","y":"`+p256Y+`"}`, jose.ErrKeyMember),
		deny("two kinds of kty", ecJWK(`,"KTY":"RSA"`), jose.ErrKeyMember),
		deny("an unknown kty", `{"kty":"lattice","x":"AAAA"}`, jose.ErrKeyMember),
		deny("AKP", `{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"}`, jose.ErrKeyMember),
		deny("no members", `{}`, jose.ErrKeyMember),
		deny("null", `null`, jose.ErrKeyMember),
		deny("a number", `1`, jose.ErrKeyMember),
		deny("a string", `"EC"`, jose.ErrKeyMember),
		deny("a list", `[]`, jose.ErrKeyMember),
	)
}

// RFC 8725 §3.1: a key has one algorithm. EC and Ed25519 keys tell it; of RSA keys the caller must.
func TestA2_an_RSA_key_without_alg_has_the_registered_algorithm_or_none(t *testing.T) {
	document := []byte(`{"keys":[` + rsaJWK(modulus(2048), "AQAB") + `,` + ecJWK("") + `]}`)
	keys, rejected, err := jose.ParseKeySet(document, jose.PS384)
	if err != nil || len(rejected) != 0 || len(keys) != 2 || keys[0].Algorithm() != jose.PS384 || keys[1].Algorithm() != jose.ES256 {
		t.Errorf("with one: %v, %v, %v", keys, rejected, err)
	}
	keys, rejected, err = jose.ParseKeySet(document, "")
	if err != nil || len(keys) != 1 || len(rejected) != 1 || rejected[0].Why != jose.ErrKeyAlgorithm.Sentence {
		t.Errorf("without: %v, %v, %v", keys, rejected, err)
	}
	for _, wrong := range []jose.Algorithm{jose.ES256, jose.HS256, jose.EdDSA, "none", "RSA-OAEP"} {
		if keys, rejected, err = jose.ParseKeySet(document, wrong); err != nil || len(keys) != 1 || len(rejected) != 1 {
			t.Errorf("with %s: %v, %v, %v", wrong, keys, rejected, err)
		}
	}
}
