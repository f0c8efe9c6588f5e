package jose

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// EncodeKeySet returns keys as a JWK Set (RFC 7517 §5), each with kid, use and alg (protocol J1). A shared secret in it
// is an error: it is never published.
func EncodeKeySet(keys KeySet) ([]byte, error) {
	encoded := make([]jwk.Key, 0, len(keys))
	for _, key := range keys {
		if key.algorithm.Symmetric() {
			return nil, ErrKeyPrivate
		}
		member, err := describe(key.material, key)
		if err != nil {
			return nil, err
		}
		if err := member.Set(jwk.KeyUsageKey, jwk.ForSignature); err != nil {
			return nil, fmt.Errorf("encoding key %s: %w", key.id, err)
		}
		encoded = append(encoded, member)
	}
	return json.Marshal(map[string]any{"keys": encoded})
}

// EncodePrivateJWK returns the key as a private JWK with kid and alg, as an operator stores it.
func (k SigningKey) EncodePrivateJWK() ([]byte, error) {
	key, err := describe(k.private, k.public)
	if err != nil {
		return nil, err
	}
	return json.Marshal(key)
}

func describe(material hidden, public VerificationKey) (jwk.Key, error) {
	if material == nil {
		return nil, ErrKeyType
	}
	key, err := jwk.FromRaw(material())
	if err != nil {
		return nil, fmt.Errorf("encoding key %s: %w", public.id, err)
	}
	if err := key.Set(jwk.KeyIDKey, public.id); err != nil {
		return nil, fmt.Errorf("encoding key %s: %w", public.id, err)
	}
	if err := key.Set(jwk.AlgorithmKey, public.algorithm.jwa()); err != nil {
		return nil, fmt.Errorf("encoding key %s: %w", public.id, err)
	}
	return key, nil
}

// EncodePKCS8 returns the private key as PEM (RFC 7468 §10).
func (k SigningKey) EncodePKCS8() ([]byte, error) {
	if k.IsZero() {
		return nil, ErrKeyType
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.private())
	if err != nil {
		return nil, fmt.Errorf("encoding key %s: %w", k.public.id, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// EncodeSPKI returns the public key as PEM (RFC 7468 §13).
func (k VerificationKey) EncodeSPKI() ([]byte, error) {
	if k.IsZero() {
		return nil, ErrKeyType
	}
	der, err := x509.MarshalPKIXPublicKey(k.material())
	if err != nil {
		return nil, fmt.Errorf("encoding key %s: %w", k.id, err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}
