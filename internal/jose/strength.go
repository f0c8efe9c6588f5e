package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
)

// RSA moduli in bits (protocol A3). The upper bound keeps a registered key from making verification slow.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// maxRSAExponent is the largest public exponent that crypto/rsa takes.
const maxRSAExponent = 1<<31 - 1

// The ways in which a key is not one that we use.
var (
	ErrKeyType      = &Fault{"key_type", "the key is not of the type that its algorithm needs"}
	ErrKeyWeak      = &Fault{"key_weak", "the key is too weak: RSA needs 2048 to 8192 bits and an odd public exponent from 3 to 2147483647, an HMAC secret at least the length of its hash, Ed25519 a point of full order"}
	ErrKeyNumbers   = &Fault{"key_numbers", "the numbers of the private RSA key do not belong together"}
	ErrKeyCurve     = &Fault{"key_curve", "the key's point is not on the curve of its algorithm"}
	ErrKeyROCA      = &Fault{"key_roca", "the RSA key has the fingerprint of CVE-2017-15361 (ROCA): its primes can be guessed"}
	ErrKeyAlgorithm = &Fault{"key_algorithm", "the key has no algorithm that this server accepts"}
)

// defaultAlgorithm returns the one algorithm of a public key that names none: EC and Ed25519 keys have just one
// (RFC 7518 §3.4, RFC 8037 §3.1), an RSA key has the fallback. A key is used with one algorithm only (RFC 8725 §3.1).
func defaultAlgorithm(public any, fallback Algorithm) Algorithm {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return ES256
		case elliptic.P384():
			return ES384
		case elliptic.P521():
			return ES512
		}
	case ed25519.PublicKey:
		return EdDSA
	case *rsa.PublicKey:
		return fallback
	}
	return ""
}

// checkStrength reports what is wrong with using public for algorithm (protocol A3).
func checkStrength(public any, algorithm Algorithm) error {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if defaultAlgorithm(key, "") != algorithm {
			return ErrKeyType
		}
		// ECDH refuses what is not a point on the curve, the point at infinity included.
		if _, err := key.ECDH(); err != nil {
			return ErrKeyCurve
		}
		return nil
	case ed25519.PublicKey:
		if algorithm != EdDSA || len(key) != ed25519.PublicKeySize {
			return ErrKeyType
		}
		return checkEd25519(key)
	case *rsa.PublicKey:
		return checkRSA(key, algorithm)
	default:
		return ErrKeyType
	}
}

func checkRSA(key *rsa.PublicKey, algorithm Algorithm) error {
	switch algorithm {
	case RS256, RS384, RS512, PS256, PS384, PS512:
	default:
		return ErrKeyType
	}
	bits := key.N.BitLen()
	if bits < minRSABits || bits > maxRSABits || key.N.Bit(0) == 0 {
		return ErrKeyWeak
	}
	if key.E < 3 || key.E > maxRSAExponent || key.E%2 == 0 {
		return ErrKeyWeak
	}
	if hasROCAFingerprint(key.N) {
		return ErrKeyROCA
	}
	return nil
}

// checkSecret holds RFC 7518 §3.2: an HMAC key is at least as long as the hash output.
func checkSecret(secret []byte, algorithm Algorithm) error {
	least := map[Algorithm]int{HS256: 32, HS384: 48, HS512: 64}[algorithm]
	if least == 0 {
		return ErrKeyType
	}
	if len(secret) < least {
		return ErrKeyWeak
	}
	return nil
}
