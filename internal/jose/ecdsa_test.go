package jose_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
)

// RFC 7518 §3.4 writes r and s at full length; DER, in between, has no zeros in front but the one that says that a number
// is not negative. One signature in 256 has such a number, and none may be refused for it.
func TestECDSA_signatures_verify_whatever_their_numbers_begin_with(t *testing.T) {
	for _, algorithm := range []jose.Algorithm{jose.ES256, jose.ES384} {
		t.Run(string(algorithm), func(t *testing.T) {
			key, err := jose.GenerateSigningKey(algorithm)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for tries := 0; len(seen) < 6; tries++ {
				if tries == 20_000 {
					t.Fatalf("of all that numbers can begin with, only %v came up", seen)
				}
				text, err := key.Sign("JWT", []byte(`{"iss":"batch"}`))
				if err != nil {
					t.Fatal(err)
				}
				signature, err := base64.RawURLEncoding.DecodeString(text[strings.LastIndex(text, ".")+1:])
				if err != nil {
					t.Fatal(err)
				}
				seen["r"+beginning(signature)] = true
				seen["s"+beginning(signature[len(signature)/2:])] = true
				token, err := jose.Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := token.Verify(key.Verification()); err != nil {
					t.Fatalf("the signature %x: %v", signature, err)
				}
			}
		})
	}
}

func beginning(number []byte) string {
	switch {
	case number[0] == 0:
		return " with a zero"
	case number[0] >= 0x80:
		return " with its highest bit"
	default:
		return " otherwise"
	}
}
