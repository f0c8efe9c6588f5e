package jose

import (
	"crypto"
	"crypto/rsa"
)

// pssVerifier stands in for jwx under PS256, PS384 and PS512: RFC 7518 §3.5 asks for a salt of the hash's length, and
// jwx takes one of any length.
type pssVerifier struct{ hash crypto.Hash }

// Verify reports whether signature is one of signed by key, a *rsa.PublicKey.
func (v pssVerifier) Verify(signed, signature []byte, key any) error {
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return ErrKeyType
	}
	digest := v.hash.New()
	digest.Write(signed)
	options := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	return rsa.VerifyPSS(public, v.hash, digest.Sum(nil), signature, &options)
}
