package localkms

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
)

// algorithm is how the keys of a CryptoKeyVersionAlgorithm are made, and how they sign.
type algorithm struct {
	generate func() (crypto.Signer, error)
	options  crypto.SignerOpts // without a hash: the data itself is signed
}

// algorithmOf knows the algorithms that a JWS can have (RFC 7518 §3.1, RFC 8037 §3.1).
func algorithmOf(name pb.CryptoKeyVersion_CryptoKeyVersionAlgorithm) (algorithm, bool) {
	switch name {
	case pb.CryptoKeyVersion_EC_SIGN_P256_SHA256:
		return algorithm{ecKey(elliptic.P256()), crypto.SHA256}, true
	case pb.CryptoKeyVersion_EC_SIGN_P384_SHA384:
		return algorithm{ecKey(elliptic.P384()), crypto.SHA384}, true
	case pb.CryptoKeyVersion_EC_SIGN_ED25519:
		return algorithm{ed25519Key, crypto.Hash(0)}, true
	case pb.CryptoKeyVersion_RSA_SIGN_PKCS1_2048_SHA256:
		return algorithm{rsaKey(2048), crypto.SHA256}, true
	case pb.CryptoKeyVersion_RSA_SIGN_PKCS1_3072_SHA256:
		return algorithm{rsaKey(3072), crypto.SHA256}, true
	case pb.CryptoKeyVersion_RSA_SIGN_PKCS1_4096_SHA256:
		return algorithm{rsaKey(4096), crypto.SHA256}, true
	case pb.CryptoKeyVersion_RSA_SIGN_PKCS1_4096_SHA512:
		return algorithm{rsaKey(4096), crypto.SHA512}, true
	case pb.CryptoKeyVersion_RSA_SIGN_PSS_2048_SHA256:
		return algorithm{rsaKey(2048), pss(crypto.SHA256)}, true
	case pb.CryptoKeyVersion_RSA_SIGN_PSS_3072_SHA256:
		return algorithm{rsaKey(3072), pss(crypto.SHA256)}, true
	case pb.CryptoKeyVersion_RSA_SIGN_PSS_4096_SHA256:
		return algorithm{rsaKey(4096), pss(crypto.SHA256)}, true
	case pb.CryptoKeyVersion_RSA_SIGN_PSS_4096_SHA512:
		return algorithm{rsaKey(4096), pss(crypto.SHA512)}, true
	default:
		return algorithm{}, false
	}
}

func ecKey(curve elliptic.Curve) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
}

func ed25519Key() (crypto.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return private, err
}

func rsaKey(bits int) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) }
}

// pss signs with a salt of the hash's length (CryptoKeyVersionAlgorithm).
func pss(hash crypto.Hash) crypto.SignerOpts {
	return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
}
