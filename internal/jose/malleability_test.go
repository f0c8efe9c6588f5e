package jose_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
)

// CVE-2022-21449: signatures that verify under every key where nobody checks the range of r and s (FIPS 186-5 §6.4.2).
func TestZero_signatures_are_refused(t *testing.T) {
	for _, algorithm := range []jose.Algorithm{jose.ES256, jose.ES384, jose.ES512} {
		key := verificationKey(t, algorithm)
		good := signed(t, algorithm, `{"iss":"a"}`)
		input := good[:strings.LastIndex(good, ".")+1]
		raw := decode(t, good[len(input):])
		size := len(raw) / 2
		order := privateKey(t, algorithm).(*ecdsa.PrivateKey).Params().N
		whole := func(number *big.Int) []byte { return number.FillBytes(make([]byte, size)) }
		zero, one, n := make([]byte, size), whole(big.NewInt(1)), whole(order)
		below := whole(new(big.Int).Sub(order, big.NewInt(1)))
		r, s := raw[:size], raw[size:]
		for name, pair := range map[string][2][]byte{
			"r is 0, s is 0": {zero, zero}, "r is 0": {zero, s}, "s is 0": {r, zero},
			"r is n": {n, s}, "s is n": {r, n}, "r is n, s is n": {n, n}, "r is n, s is 0": {n, zero}, "r is 0, s is n": {zero, n},
			"r is 1, s is 1": {one, one}, "r is n-1, s is n-1": {below, below},
			"all bits": {bytes.Repeat([]byte{255}, size), bytes.Repeat([]byte{255}, size)},
		} {
			t.Run(string(algorithm)+" "+name, func(t *testing.T) {
				text := input + encode(append(bytes.Clone(pair[0]), pair[1]...))
				if claims, err := verify(text, key); !errors.Is(err, jose.ErrSignature) || claims.All() != nil {
					t.Errorf("%+v, %v", claims, err)
				}
			})
		}
	}
}

// A JWT of other bytes with the same claims: (r, n-s) is a signature too wherever (r, s) is. It verifies here, as it
// must; that is why one-time use is keyed by iss and jti and never by the bytes (protocol C7, threats: malleability).
func TestThe_twin_signature_of_ECDSA_verifies_with_the_same_jti(t *testing.T) {
	good := signed(t, jose.ES256, `{"iss":"a","jti":"1"}`)
	input := good[:strings.LastIndex(good, ".")+1]
	raw := decode(t, good[len(input):])
	s := new(big.Int).SetBytes(raw[32:])
	s.Sub(elliptic.P256().Params().N, s)
	twin := input + encode(append(bytes.Clone(raw[:32]), s.FillBytes(make([]byte, 32))...))
	if twin == good {
		t.Fatal("the twin is the same text")
	}
	for _, text := range []string{good, twin} {
		if claims, err := verify(text, verificationKey(t, jose.ES256)); err != nil || claims.Issuer != "a" || claims.ID != "1" {
			t.Errorf("%+v, %v", claims, err)
		}
	}
}

// Every other kind has one signature text for one signature.
func TestOther_signatures_have_no_second_form(t *testing.T) {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10) // RFC 8032 §5.1, L
	for _, algorithm := range []jose.Algorithm{jose.EdDSA, jose.RS256, jose.PS256, jose.ES256, jose.HS256} {
		var key jose.VerificationKey
		var good string
		if algorithm.Symmetric() {
			shared, err := jose.NewSharedSecretKey(secret, algorithm, "key-1")
			if err != nil {
				t.Fatal(err)
			}
			key, good = shared, sign(t, secret, algorithm, `{"alg":"HS256"}`, `{}`)
		} else {
			key, good = verificationKey(t, algorithm), signed(t, algorithm, `{}`)
		}
		if _, err := verify(good, key); err != nil {
			t.Fatal(algorithm, err)
		}
		input := good[:strings.LastIndex(good, ".")+1]
		raw := decode(t, good[len(input):])
		forms := map[string][]byte{
			"a zero in front": append([]byte{0}, raw...), "a zero behind": append(bytes.Clone(raw), 0),
			"cut off": raw[:len(raw)-1], "twice": append(bytes.Clone(raw), raw...),
		}
		if algorithm == jose.EdDSA { // S + L (RFC 8032 §5.1.7)
			scalar := bytes.Clone(raw[32:])
			slices.Reverse(scalar)
			larger := new(big.Int).Add(new(big.Int).SetBytes(scalar), order).FillBytes(make([]byte, 32))
			slices.Reverse(larger)
			forms["S + L"] = append(bytes.Clone(raw[:32]), larger...)
		}
		for name, form := range forms {
			t.Run(string(algorithm)+" "+name, func(t *testing.T) {
				if _, err := verify(input+encode(form), key); !errors.Is(err, jose.ErrSignature) {
					t.Error(err)
				}
			})
		}
	}
}

// RFC 7518 §3.5: the salt is as long as the hash. jwx would take any.
func TestA_PSS_salt_of_another_length_is_refused(t *testing.T) {
	private := privateKey(t, jose.PS256).(*rsa.PrivateKey)
	for _, algorithm := range []jose.Algorithm{jose.PS256, jose.PS384, jose.PS512} {
		hash := hashes[string(algorithm[2:])]
		input := encode(`{"alg":"`+string(algorithm)+`"}`) + "." + encode(`{"iss":"a"}`)
		sum := hash.New()
		sum.Write([]byte(input))
		for _, length := range []int{hash.Size(), rsa.PSSSaltLengthAuto /* as long as fits */, 1, hash.Size() - 1, hash.Size() + 1, 100} {
			signature, err := rsa.SignPSS(rand.Reader, private, hash, sum.Sum(nil), &rsa.PSSOptions{SaltLength: length})
			if err != nil {
				t.Fatal(err)
			}
			_, err = verify(input+"."+encode(signature), verificationKey(t, algorithm))
			if accepted := err == nil; accepted != (length == hash.Size()) {
				t.Errorf("%s with a salt of %d bytes: %v", algorithm, length, err)
			}
		}
	}
}
