package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// SigningKey signs with exactly one algorithm. It has signed and verified random bytes before anybody got hold of it.
// The zero value signs nothing.
type SigningKey struct {
	public  VerificationKey
	private hidden // crypto.Signer, or []byte for a shared secret
	signer  jws.Signer
	header  string // of every token, up to its typ
}

// Algorithm returns the one algorithm of the key.
func (k SigningKey) Algorithm() Algorithm { return k.public.algorithm }

// ID returns the key's RFC 7638 thumbprint, or the given id of a shared secret.
func (k SigningKey) ID() string { return k.public.id }

// IsZero reports whether there is no key.
func (k SigningKey) IsZero() bool { return k.signer == nil }

// Verification returns the key's other half.
func (k SigningKey) Verification() VerificationKey { return k.public }

// LogValue keeps the key out of the log.
func (k SigningKey) LogValue() slog.Value { return k.public.LogValue() }

// String keeps the key out of every other way of printing.
func (k SigningKey) String() string { return k.public.String() }

// GoString is String.
func (k SigningKey) GoString() string { return k.String() }

// GenerateSigningKey makes a new key: RSA of 3072 bits, or what the algorithm's curve asks for.
func GenerateSigningKey(algorithm Algorithm) (SigningKey, error) {
	var private crypto.Signer
	var err error
	switch algorithm {
	case ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ES384:
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case ES512:
		private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case RS256, RS384, RS512, PS256, PS384, PS512:
		private, err = rsa.GenerateKey(rand.Reader, 3072)
	default:
		return SigningKey{}, ErrKeyAlgorithm
	}
	if err != nil {
		return SigningKey{}, fmt.Errorf("generating a key for %s: %w", algorithm, err)
	}
	return NewSigningKey(private, algorithm)
}

// NewSigningKey makes a key of a private one, which may live elsewhere. The algorithm must fit; empty stands for the
// only one that an EC or Ed25519 key can have.
func NewSigningKey(private crypto.Signer, algorithm Algorithm) (SigningKey, error) {
	if private == nil {
		return SigningKey{}, ErrKeyType
	}
	public, err := NewVerificationKey(dereference(private.Public()), algorithm, "")
	if err != nil {
		return SigningKey{}, err
	}
	return newSigningKey(private, public)
}

// NewSharedSecretSigningKey makes the key of the explicit exception of protocol W2.
func NewSharedSecretSigningKey(secret []byte, algorithm Algorithm, id string) (SigningKey, error) {
	public, err := NewSharedSecretKey(secret, algorithm, id)
	if err != nil {
		return SigningKey{}, err
	}
	return newSigningKey(slices.Clone(secret), public)
}

var errSelfTest = errors.New("the key does not verify what it signs")

// newSigningKey hands out a key only after it has signed random bytes and its other half has verified them.
func newSigningKey(private any, public VerificationKey) (SigningKey, error) {
	signer, err := newSigner(public.algorithm)
	if err != nil {
		return SigningKey{}, fmt.Errorf("making a signer for %s: %w", public.algorithm, err)
	}
	probe := make([]byte, 32)
	rand.Read(probe)
	signature, err := signer.Sign(probe, private)
	if err != nil {
		return SigningKey{}, fmt.Errorf("trying the key: %w", err)
	}
	if err := public.verify(probe, signature); err != nil {
		return SigningKey{}, fmt.Errorf("trying the key: %w", errSelfTest)
	}
	header := `{"alg":"` + string(public.algorithm) + `"` + member("kid", public.id)
	return SigningKey{public: public, private: hide(private), signer: signer, header: header}, nil
}

// ParseSigningKey reads one private key: a JWK (RFC 7517) or PKCS#8 PEM (RFC 7468 §10). algorithm is the one it is to
// be used with: a JWK that names another is refused, and so is a key that cannot have it. The error never holds a part
// of the key.
func ParseSigningKey(document []byte, algorithm Algorithm) (SigningKey, error) {
	if !isJSON(document) {
		return parsePKCS8(document, algorithm)
	}
	members, err := readMembers(document, "sign")
	if err != nil {
		return SigningKey{}, err
	}
	if members.algorithm != "" {
		if algorithm != "" && algorithm != members.algorithm {
			return SigningKey{}, ErrKeyAlgorithm
		}
		algorithm = members.algorithm
	}
	raw, err := rawKey(document)
	if err != nil {
		return SigningKey{}, err
	}
	private, ok := raw.(crypto.Signer)
	if !ok {
		return SigningKey{}, ErrKeyType
	}
	return newCheckedSigningKey(private, algorithm)
}

func parsePKCS8(document []byte, algorithm Algorithm) (SigningKey, error) {
	block, rest := pem.Decode(document)
	if block == nil || block.Type != "PRIVATE KEY" || countPEM(document) != 1 || len(bytes.TrimSpace(rest)) > 0 {
		return SigningKey{}, errNotPKCS8
	}
	raw, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return SigningKey{}, ErrKeyMember
	}
	private, ok := raw.(crypto.Signer)
	if !ok {
		return SigningKey{}, ErrKeyType
	}
	return newCheckedSigningKey(private, algorithm)
}

var errNotPKCS8 = &Fault{"key_pem", "this is neither a JWK nor one PEM block of type PRIVATE KEY (PKCS#8)"}

// newCheckedSigningKey also asks RSA whether its primes belong to its modulus, which signing would tell only later.
// What a JWK gives is not precomputed: without this every signature would do it again.
func newCheckedSigningKey(private crypto.Signer, algorithm Algorithm) (SigningKey, error) {
	if key, ok := private.(*rsa.PrivateKey); ok {
		key.Precompute()
		if err := key.Validate(); err != nil {
			return SigningKey{}, ErrKeyNumbers
		}
	}
	return NewSigningKey(private, algorithm)
}

// Sign returns the compact JWS of claims, which must be a JSON object, under a header with alg, kid and the given typ
// (RFC 7515 §7.1). A kid or typ that is empty is left out.
func (k SigningKey) Sign(typ string, claims []byte) (string, error) {
	if k.IsZero() {
		return "", ErrKeyType
	}
	return k.sign(k.header+member("typ", typ)+`}`, claims)
}

func (k SigningKey) sign(header string, claims []byte) (string, error) {
	encoding := base64.RawURLEncoding
	token := make([]byte, 0, encoding.EncodedLen(len(header))+encoding.EncodedLen(len(claims))+100)
	token = encoding.AppendEncode(token, []byte(header))
	token = append(token, '.')
	token = encoding.AppendEncode(token, claims)
	signature, err := k.signer.Sign(token, k.private())
	if err != nil {
		return "", fmt.Errorf("signing with key %s: %w", k.public.id, err)
	}
	token = append(token, '.')
	return string(encoding.AppendEncode(token, signature)), nil
}

// member returns one more member of a header, or nothing where it would be empty.
func member(name, text string) string {
	if text == "" {
		return ""
	}
	quoted, _ := jsontext.AppendQuote(nil, text) // what is no UTF-8 becomes U+FFFD
	return `,"` + name + `":` + string(quoted)
}

// dereference turns the value types that some signers return into the pointers that the rest expects.
func dereference(public crypto.PublicKey) crypto.PublicKey {
	switch key := public.(type) {
	case ecdsa.PublicKey:
		return &key
	case rsa.PublicKey:
		return &key
	default:
		return public
	}
}
