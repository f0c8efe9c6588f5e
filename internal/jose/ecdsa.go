package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"math/big"

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
	r, s := new(big.Int).SetBytes(signature[:a.size]), new(big.Int).SetBytes(signature[a.size:])
	if !ecdsa.Verify(public, a.digest(signed), r, s) {
		return ErrSignature
	}
	return nil
}

func (a ecdsaAlgorithm) digest(signed []byte) []byte {
	hash := a.hash.New()
	hash.Write(signed)
	return hash.Sum(nil)
}
