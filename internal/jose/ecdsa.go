package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"errors"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// ecdsaAlgorithm stands in for jwx under ES256, ES384 and ES512 (RFC 7518 §3.4). jwx copies the key for every signature,
// which keeps crypto/ecdsa from remembering what it has prepared of it, and looks anew whether the point is on the curve,
// which was decided when the key was registered.
type ecdsaAlgorithm struct {
	name jwa.SignatureAlgorithm
	hash crypto.Hash
	size int // bytes of r, and of s
}

var errSignatureForm = errors.New("the signer's signature is not an ECDSA signature")

// Algorithm returns the name.
func (a ecdsaAlgorithm) Algorithm() jwa.SignatureAlgorithm { return a.name }

// Sign returns r and s, each of full length. key is a crypto.Signer.
func (a ecdsaAlgorithm) Sign(signed []byte, key any) ([]byte, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, ErrKeyType
	}
	encoded, err := signer.Sign(rand.Reader, a.digest(signed), a.hash)
	if err != nil {
		return nil, err
	}
	var r, s []byte
	var inner cryptobyte.String
	input := cryptobyte.String(encoded)
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !input.Empty() ||
		!inner.ReadASN1Integer(&r) || !inner.ReadASN1Integer(&s) || !inner.Empty() || len(r) > a.size || len(s) > a.size {
		return nil, errSignatureForm
	}
	signature := make([]byte, 2*a.size)
	copy(signature[a.size-len(r):], r)
	copy(signature[2*a.size-len(s):], s)
	return signature, nil
}

// Verify reports whether signature is one of signed by key, a *ecdsa.PublicKey.
func (a ecdsaAlgorithm) Verify(signed, signature []byte, key any) error {
	public, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return ErrKeyType
	}
	if len(signature) != 2*a.size {
		return ErrSignature
	}
	if !ecdsa.VerifyASN1(public, a.digest(signed), encodeSignature(signature[:a.size], signature[a.size:])) {
		return ErrSignature
	}
	return nil
}

// encodeSignature returns r and s as crypto/ecdsa reads them (RFC 3279 §2.2.3), in the one form that DER has. The
// function of crypto/ecdsa that takes them as they are makes the same by way of numbers.
func encodeSignature(r, s []byte) []byte {
	const sequence, integer, longLength = 0x30, 0x02, 0x81 // a length of 128 and more, in one further byte
	r, s = unsigned(r), unsigned(s)
	encoded := make([]byte, 0, len(r)+len(s)+7)
	encoded = append(encoded, sequence)
	length := len(r) + len(s) + 4
	if length >= 0x80 {
		encoded = append(encoded, longLength)
	}
	encoded = append(encoded, byte(length), integer, byte(len(r))) //nolint:gosec // 138 at most, that of ES512
	encoded = append(encoded, r...)
	encoded = append(encoded, integer, byte(len(s))) //nolint:gosec // likewise
	return append(encoded, s...)
}

// unsigned returns a number without zeros in front, but for one where there would be nothing else, or a sign.
func unsigned(number []byte) []byte {
	start := 0
	for start < len(number)-1 && number[start] == 0 {
		start++
	}
	if number[start] >= 0x80 {
		if start == 0 {
			return append([]byte{0}, number...)
		}
		start--
	}
	return number[start:]
}

func (a ecdsaAlgorithm) digest(signed []byte) []byte {
	hash := a.hash.New()
	hash.Write(signed)
	return hash.Sum(nil)
}
