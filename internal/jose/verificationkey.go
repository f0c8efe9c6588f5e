package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/lestrrat-go/jwx/v2/jws"
)

// ErrSignature says that the signature is not by this key, or not over these bytes. It says no more on purpose.
var ErrSignature = &Fault{"signature", "the signature does not verify"}

// VerificationKey verifies signatures with exactly one algorithm. The zero value verifies nothing.
type VerificationKey struct {
	algorithm Algorithm
	id        string
	material  hidden // *ecdsa.PublicKey, *rsa.PublicKey, ed25519.PublicKey, []byte
	verifier  jws.Verifier
}

// hidden holds key material where printing cannot follow: in a function. The methods below do not suffice, since fmt
// calls none on a key in an unexported field of somebody's struct, nor for a verb like %d, and it follows pointers.
type hidden func() any

func hide(material any) hidden { return func() any { return material } }

// Algorithm returns the one algorithm of the key.
func (k VerificationKey) Algorithm() Algorithm { return k.algorithm }

// ID returns the kid by which tokens name the key.
func (k VerificationKey) ID() string { return k.id }

// Thumbprint returns the RFC 7638 thumbprint of a public key, which is the same under whatever kid it is registered.
func (k VerificationKey) Thumbprint() (string, error) {
	if k.IsZero() || k.algorithm.Symmetric() {
		return "", ErrKeyType
	}
	return thumbprint(k.material())
}

// Thumbprint returns the RFC 7638 thumbprint of a public key that is not registered, as that of a certificate.
func Thumbprint(public crypto.PublicKey) (string, error) {
	switch public.(type) {
	case *ecdsa.PublicKey, *rsa.PublicKey, ed25519.PublicKey:
		return thumbprint(public)
	default:
		return "", ErrKeyType
	}
}

// IsZero reports whether there is no key.
func (k VerificationKey) IsZero() bool { return k.material == nil }

// LogValue keeps a shared secret out of the log.
func (k VerificationKey) LogValue() slog.Value {
	return slog.StringValue(fmt.Sprintf("%s key %s", k.algorithm, k.id))
}

// String is LogValue for every other way of printing.
func (k VerificationKey) String() string { return k.LogValue().String() }

// GoString is String.
func (k VerificationKey) GoString() string { return k.String() }

func (k VerificationKey) verify(signed, signature []byte) error {
	return k.verifier.Verify(signed, signature, k.material())
}

// NewVerificationKey makes a key of public (*ecdsa.PublicKey, *rsa.PublicKey or ed25519.PublicKey). An empty id stands
// for the RFC 7638 thumbprint; an empty algorithm for the only one the key can have, and for RSA there is none such.
// The error is one of the ErrKey faults.
func NewVerificationKey(public crypto.PublicKey, algorithm Algorithm, id string) (VerificationKey, error) {
	if algorithm == "" {
		algorithm = defaultAlgorithm(public, "")
	}
	if algorithm == "" || !algorithm.Known() {
		return VerificationKey{}, ErrKeyAlgorithm
	}
	if err := checkStrength(public, algorithm); err != nil {
		return VerificationKey{}, err
	}
	if id == "" {
		var err error
		if id, err = thumbprint(public); err != nil {
			return VerificationKey{}, err
		}
	}
	return newVerificationKey(public, algorithm, id)
}

// NewSharedSecretKey makes a key of an HMAC secret of at least the hash's length. Its id is what a token's kid may name.
func NewSharedSecretKey(secret []byte, algorithm Algorithm, id string) (VerificationKey, error) {
	if err := checkSecret(secret, algorithm); err != nil {
		return VerificationKey{}, err
	}
	return newVerificationKey(slices.Clone(secret), algorithm, id)
}

func newVerificationKey(material any, algorithm Algorithm, id string) (VerificationKey, error) {
	verifier, err := newVerifier(algorithm)
	if err != nil {
		return VerificationKey{}, fmt.Errorf("making a verifier for %s: %w", algorithm, err)
	}
	return VerificationKey{algorithm: algorithm, id: id, material: hide(material), verifier: verifier}, nil
}

// KeySet is the verification keys of one party.
type KeySet []VerificationKey

// The ways in which a set has no key for a token.
var (
	ErrNoKey          = &Fault{"key_unknown", "no registered key has the kid and the alg of the JWT"}
	ErrKeyNotDefinite = &Fault{"key_ambiguous", "more than one registered key fits the kid (if any) and the alg of the JWT"}
)

// Find returns the key that must have signed token (protocol A5): the one that its kid names, or, without a kid, the
// only one of its algorithm. The error is ErrNoKey or ErrKeyNotDefinite.
func (s KeySet) Find(token *Token) (VerificationKey, error) {
	var found VerificationKey
	for _, key := range s {
		if key.algorithm != token.Algorithm || token.KeyID != "" && key.id != token.KeyID {
			continue
		}
		if !found.IsZero() {
			return VerificationKey{}, ErrKeyNotDefinite
		}
		found = key
	}
	if found.IsZero() {
		return VerificationKey{}, ErrNoKey
	}
	return found, nil
}

// Holds reports whether one of the keys is a public key with this RFC 7638 thumbprint.
func (s KeySet) Holds(thumbprint string) bool {
	return slices.ContainsFunc(s, func(key VerificationKey) bool {
		own, err := key.Thumbprint()
		return err == nil && own == thumbprint
	})
}

// ambiguous reports whether two keys cannot be told apart by kid and alg: Find returns neither.
func (s KeySet) ambiguous() bool {
	for i, key := range s {
		for _, other := range s[:i] {
			if key.id == other.id && key.algorithm == other.algorithm {
				return true
			}
		}
	}
	return false
}

// reasonOf returns the sentence of a Fault in err, or a plain one.
func reasonOf(err error) string {
	if fault, ok := errors.AsType[*Fault](err); ok {
		return fault.Sentence
	}
	return "the key cannot be read"
}
