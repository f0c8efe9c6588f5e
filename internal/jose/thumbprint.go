package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
)

// canonicalJWK returns public (*ecdsa.PublicKey, *rsa.PublicKey or ed25519.PublicKey) as a JWK with the members that
// its type requires and no others, in the one form of RFC 7638 §3.3. It is made of the key and never of how somebody
// wrote the key down, so that one key has one.
func canonicalJWK(public any) ([]byte, error) {
	encode := base64.RawURLEncoding.AppendEncode
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			return nil, ErrKeyType
		}
		coordinates := point[1:] // behind the octet that says that none is left out
		size := len(coordinates) / 2
		jwk := append(make([]byte, 0, 256), `{"crv":"`+key.Params().Name+`","kty":"EC","x":"`...)
		jwk = append(encode(jwk, coordinates[:size]), `","y":"`...)
		return append(encode(jwk, coordinates[size:]), `"}`...), nil
	case ed25519.PublicKey:
		return append(encode([]byte(`{"crv":"Ed25519","kty":"OKP","x":"`), key), `"}`...), nil
	case *rsa.PublicKey:
		jwk := encode([]byte(`{"e":"`), big.NewInt(int64(key.E)).Bytes())
		jwk = append(jwk, `","kty":"RSA","n":"`...)
		return append(encode(jwk, key.N.Bytes()), `"}`...), nil
	default:
		return nil, ErrKeyType
	}
}

// thumbprint is the RFC 7638 thumbprint of a public key with SHA-256, in base64url.
func thumbprint(public any) (string, error) {
	canonical, err := canonicalJWK(public)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}
