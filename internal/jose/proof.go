package jose

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"math/big"
	"slices"
)

// The ways in which a JWT does not bring a key that it could be a proof of, besides those of every JWT and every key.
var (
	ErrNoProofKey        = &Fault{"proof_key_missing", "the header has no jwk that is a JSON object"}
	ErrProofKeyLarge     = &Fault{"proof_key_large", "the RSA key in the header has more than 4096 bits"}
	ErrProofKeyAlgorithm = &Fault{"proof_key_alg", "the alg of the key in the header is not the alg of the JWT"}
)

// Proof is a JWT that brings the public key that it is signed with: a proof that its sender has the private one
// (RFC 9449 §4.2). Its form is good, and so is the key; its signature has not been looked at. The zero value verifies
// nothing.
//
// It is the second way, beside a trust chain, in which a header leads to a key (protocol A4, D1), and only for whoever
// asks. Everybody can make a key: what verifies says that the sender has this one, and nothing of who the sender is.
type Proof struct {
	token Token
	key   VerificationKey
}

// ParseProof takes a proof apart: [Parse], and the key in the jwk header parameter (RFC 7515 §4.1.3), which must be a
// public one, strong enough, and fit the alg. typ is not judged, and kid, jku, x5u, x5c are not looked at. The error
// is a *Fault.
func ParseProof(text string) (Proof, error) {
	token, err := Parse(text)
	if err != nil {
		return Proof{}, err
	}
	if token.Algorithm.Symmetric() {
		return Proof{}, ErrAlgorithm
	}
	key, err := readProofKey(token.key, token.Algorithm)
	if err != nil {
		return Proof{}, err
	}
	return Proof{*token, key}, nil
}

// Algorithm returns the algorithm, which is that of the header and fits the key.
func (p Proof) Algorithm() Algorithm { return p.key.algorithm }

// Type returns typ as written; empty: none.
func (p Proof) Type() string { return p.token.Type }

// Thumbprint returns the RFC 7638 thumbprint of the key.
func (p Proof) Thumbprint() string { return p.key.id }

// Unverified returns the claims of a proof whose signature nobody has looked at: good to refuse early, for nothing
// else.
func (p Proof) Unverified() Claims { return p.token.claims }

// Verify returns the claims if the key that the proof brought has signed it. The error is ErrSignature.
func (p Proof) Verify() (Claims, error) { return p.token.Verify(p.key) }

// readProofKey reads the jwk of a header, by the rules of every other JWK that is to verify. Where those are lenient,
// this one is not: the numbers of a key have one form (RFC 7518 §6.2.1.2, §6.3.1), and kty is read with regard to
// case. It does without jwx, because strangers decide how often it is done.
func readProofKey(header any, algorithm Algorithm) (VerificationKey, error) {
	object, isObject := header.(map[string]any)
	if !isObject {
		return VerificationKey{}, ErrNoProofKey
	}
	if object["kty"] == "oct" {
		return VerificationKey{}, ErrKeyPrivate
	}
	described, err := membersOf(object, "verify")
	if err != nil {
		return VerificationKey{}, err
	}
	if described.algorithm != "" && described.algorithm != algorithm {
		return VerificationKey{}, ErrProofKeyAlgorithm
	}
	var public any
	switch object["kty"] {
	case "EC":
		public, err = readPoint(object)
	case "OKP":
		public, err = readEd25519(object)
	case "RSA":
		public, err = readRSA(object)
	default:
		err = ErrKeyMember
	}
	if err != nil {
		return VerificationKey{}, err
	}
	return NewVerificationKey(public, algorithm, "")
}

// readPoint holds RFC 7518 §6.2.1: x and y have the full length of a coordinate.
func readPoint(object map[string]any) (*ecdsa.PublicKey, error) {
	var curve elliptic.Curve
	switch object["crv"] {
	case "P-256":
		curve = elliptic.P256()
	case "P-384":
		curve = elliptic.P384()
	case "P-521":
		curve = elliptic.P521()
	default:
		return nil, ErrKeyMember
	}
	size := (curve.Params().BitSize + 7) / 8
	x, y := octets(object, "x"), octets(object, "y")
	if len(x) != size || len(y) != size {
		return nil, ErrKeyMember
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, ErrKeyCurve
	}
	return key, nil
}

// readEd25519 holds RFC 8037 §2.
func readEd25519(object map[string]any) (ed25519.PublicKey, error) {
	x := octets(object, "x")
	if object["crv"] != "Ed25519" || len(x) != ed25519.PublicKeySize {
		return nil, ErrKeyMember
	}
	return x, nil
}

// maxProofRSABits is the length of the largest RSA key of a proof. A registered key may be twice as long; this one
// is a stranger's choice, and so is how often it is used: with the longest modulus and exponent a verification would
// take ten times as long as with this length and 65537.
const maxProofRSABits = 4096

// readRSA holds RFC 7518 §6.3.1: numbers without leading zeros.
func readRSA(object map[string]any) (*rsa.PublicKey, error) {
	n, e := octets(object, "n"), octets(object, "e")
	if len(n) == 0 || len(e) == 0 || n[0] == 0 || e[0] == 0 {
		return nil, ErrKeyMember
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	switch {
	case exponent.Cmp(big.NewInt(maxRSAExponent)) > 0:
		return nil, ErrKeyWeak
	case modulus.BitLen() > maxProofRSABits:
		return nil, ErrProofKeyLarge
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

// octets returns what a member is the base64url of, and nothing where it is none.
func octets(object map[string]any, name string) []byte {
	text, isText := object[name].(string)
	if !isText {
		return nil
	}
	decoded, err := decodePart(text)
	if err != nil {
		return nil
	}
	return decoded
}

// SignProof is [SigningKey.Sign] for a proof: its header has the public key as jwk, and no kid (RFC 9449 §4.2).
func (k SigningKey) SignProof(typ string, claims []byte) (string, error) {
	if k.IsZero() || k.public.algorithm.Symmetric() {
		return "", ErrKeyType
	}
	public, err := canonicalJWK(k.public.material())
	if err != nil {
		return "", fmt.Errorf("writing key %s: %w", k.public.id, err)
	}
	return k.sign(`{"alg":"`+string(k.public.algorithm)+`"`+member("typ", typ)+`,"jwk":`+string(public)+`}`, claims)
}
