package probe

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"encoding/base64"
	"errors"
	"math/big"
	"slices"
	"strings"
)

// jwk is a key as it is published (RFC 7517 §4): read here, and not by package jose, whose reading the server has.
type jwk map[string]any

// text returns a member that is a text.
func (k jwk) text(name string) string {
	text, _ := k[name].(string)
	return text
}

// privateMembers are those of RFC 7518 §6.2.2, §6.3.2 and §6.4 and of RFC 8037 §2.
func privateMembers() []string { return []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} }

// secret returns the name of a member that must not be published.
func (k jwk) secret() string {
	for _, name := range privateMembers() {
		if _, there := k[name]; there {
			return name
		}
	}
	if k.text("kty") == "oct" {
		return "kty oct"
	}
	return ""
}

// thumbprint is RFC 7638 §3; empty: the key is of no kind that has one here.
func (k jwk) thumbprint() string {
	names := map[string][]string{"EC": {"crv", "kty", "x", "y"}, "RSA": {"e", "kty", "n"}, "OKP": {"crv", "kty", "x"}}[k.text("kty")]
	if names == nil {
		return ""
	}
	members := map[string]string{}
	for _, name := range names {
		members[name] = k.text(name)
	}
	sum := sha256.Sum256(marshal(members)) // in the order of the names, without spaces
	return encode(sum[:])
}

// publicKey returns the key; nil: it is none.
func (k jwk) publicKey() crypto.PublicKey {
	octets := func(name string) []byte {
		value, _ := base64.RawURLEncoding.DecodeString(k.text(name))
		return value
	}
	switch k.text("kty") {
	case "EC":
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[k.text("crv")]
		if curve == nil {
			return nil
		}
		key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, octets("x"), octets("y")))
		if err != nil {
			return nil
		}
		return key
	case "RSA":
		modulus, exponent := new(big.Int).SetBytes(octets("n")), new(big.Int).SetBytes(octets("e"))
		if modulus.BitLen() < 2048 || modulus.BitLen() > 8192 || exponent.BitLen() > 31 {
			return nil
		}
		return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}
	case "OKP":
		if x := octets("x"); k.text("crv") == "Ed25519" && len(x) == ed25519.PublicKeySize {
			return ed25519.PublicKey(x)
		}
	}
	return nil
}

// describe is the other way round.
func describe(public crypto.PublicKey) (jwk, error) {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			return nil, errors.New("the key's point is not on its curve")
		}
		half := len(point) / 2
		return jwk{"kty": "EC", "crv": key.Params().Name, "x": encode(point[1 : 1+half]), "y": encode(point[1+half:])}, nil
	case *rsa.PublicKey:
		return jwk{"kty": "RSA", "n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}, nil
	case ed25519.PublicKey:
		return jwk{"kty": "OKP", "crv": "Ed25519", "x": encode(key)}, nil
	default:
		return nil, errors.New("the key is of a kind that is not known here")
	}
}

// verifies reports whether the key made the signature over input, with its one algorithm (protocol A2).
func (k jwk) verifies(input string, signature []byte) bool {
	algorithm := k.text("alg")
	hash, digest := digestOf(algorithm, input)
	switch key := k.publicKey().(type) {
	case *ecdsa.PublicKey:
		size := (key.Params().BitSize + 7) / 8
		curves := map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
		if len(signature) != 2*size || curves[algorithm] != key.Params().Name {
			return false
		}
		return ecdsa.Verify(key, digest, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:]))
	case *rsa.PublicKey:
		switch {
		case hash == 0:
			return false
		case strings.HasPrefix(algorithm, "RS"):
			return rsa.VerifyPKCS1v15(key, hash, digest, signature) == nil
		case strings.HasPrefix(algorithm, "PS"):
			return rsa.VerifyPSS(key, hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		}
	case ed25519.PublicKey:
		return (algorithm == "EdDSA" || algorithm == "Ed25519") && ed25519.Verify(key, digest, signature)
	}
	return false
}
