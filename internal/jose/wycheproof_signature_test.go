package jose_test

import (
	"encoding/hex"
	"testing"

	"example.com/countersign/internal/jose"
)

// signatureVectors is a file of Project Wycheproof with signatures or MACs over plain bytes.
type signatureVectors struct {
	NumberOfTests int
	TestGroups    []struct {
		PublicKeyPEM string `json:"publicKeyPem"`
		SaltLength   int    `json:"sLen"`    // of PSS, in bytes
		TagSize      int    `json:"tagSize"` // of HMAC, in bits
		Tests        []struct {
			ID                 int    `json:"tcId"`
			Comment            string // what the vector is about
			Result             string // valid, acceptable or invalid
			Key, Msg, Sig, Tag string // in hexadecimal
		}
	}
}

// The primitives under the JWS algorithms: here r, s, paddings, salts and lengths go wrong in hundreds of ways.
func TestWycheproof_signature_vectors_come_out_as_stated(t *testing.T) {
	for file, algorithm := range map[string]jose.Algorithm{
		"ecdsa_secp256r1_sha256_p1363_test.json": jose.ES256,
		"ecdsa_secp384r1_sha384_p1363_test.json": jose.ES384,
		"ecdsa_secp521r1_sha512_p1363_test.json": jose.ES512,
		"ed25519_test.json":                      jose.EdDSA,
		"rsa_signature_2048_sha256_test.json":    jose.RS256,
		"rsa_signature_3072_sha384_test.json":    jose.RS384,
		"rsa_signature_8192_sha512_test.json":    jose.RS512,
		"rsa_pss_2048_sha256_mgf1_32_test.json":  jose.PS256,
		"rsa_pss_2048_sha384_mgf1_48_test.json":  jose.PS384,
		"rsa_pss_4096_sha512_mgf1_64_test.json":  jose.PS512,
		"hmac_sha256_test.json":                  jose.HS256,
		"hmac_sha384_test.json":                  jose.HS384,
		"hmac_sha512_test.json":                  jose.HS512,
	} {
		t.Run(file, func(t *testing.T) {
			checked, accepted := checkSignatures(t, file, algorithm)
			if checked == 0 || accepted == 0 {
				t.Errorf("%d checked, %d accepted", checked, accepted)
			}
		})
	}
}

// RFC 7518 §3.5 asks for a salt of the hash's length: these are sound PSS signatures, and none of ours.
func TestWycheproof_PSS_vectors_with_other_salts_are_refused(t *testing.T) {
	checked, accepted := checkSignatures(t, "rsa_pss_4096_sha512_mgf1_32_test.json", jose.PS512)
	if checked == 0 || accepted != 0 {
		t.Errorf("%d checked, %d accepted", checked, accepted)
	}
}

// checkSignatures holds every vector of a file to its result, or to the rule by which we are stricter.
func checkSignatures(t *testing.T, file string, algorithm jose.Algorithm) (checked, accepted int) {
	t.Helper()
	length := map[string]int{"256": 32, "384": 48, "512": 64}[string(algorithm[2:])]
	var vectors signatureVectors
	readVectors(t, file, &vectors)
	var refusedKeys, byRule int
	for _, group := range vectors.TestGroups {
		otherSalt := algorithm[:2] == "PS" && group.SaltLength != length // RFC 7518 §3.5
		cutMAC := algorithm.Symmetric() && group.TagSize != length*8     // RFC 7518 §3.2: all of it
		for _, vector := range group.Tests {
			key, err := vectorKey(t, group.PublicKeyPEM, vector.Key, algorithm)
			if err != nil {
				refusedKeys++
				continue
			}
			checked++
			wanted := vector.Result == "valid"
			if otherSalt || cutMAC {
				byRule++
				wanted = false
			}
			err = key.VerifyBytes(unhex(t, vector.Msg), unhex(t, vector.Sig+vector.Tag))
			if err == nil {
				accepted++
			}
			// An acceptable signature may be refused, and is where the padding is not that of RFC 8017 §9.2.
			if (err == nil) != wanted {
				t.Errorf("%d (%s, %s): %v", vector.ID, vector.Comment, vector.Result, err)
			}
		}
	}
	t.Logf("%d vectors: %d checked, %d accepted, %d refused by a rule of RFC 7518; %d have a key that is refused",
		vectors.NumberOfTests, checked, accepted, byRule, refusedKeys)
	if checked+refusedKeys != vectors.NumberOfTests {
		t.Errorf("%d vectors of %d", checked+refusedKeys, vectors.NumberOfTests)
	}
	if refusedKeys > 0 && !algorithm.Symmetric() {
		t.Errorf("%d keys are refused", refusedKeys) // the short secrets of RFC 7518 §3.2 are the only ones that should be
	}
	return checked, accepted
}

// vectorKey is the key of a vector: PEM, or a secret in hexadecimal.
func vectorKey(t *testing.T, document, secret string, algorithm jose.Algorithm) (jose.VerificationKey, error) {
	t.Helper()
	if algorithm.Symmetric() {
		return jose.NewSharedSecretKey(unhex(t, secret), algorithm, "")
	}
	keys, err := jose.ParseRegisteredKeys([]byte(document), algorithm)
	if err != nil {
		return jose.VerificationKey{}, err
	}
	return keys[0], nil
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	decoded, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}
