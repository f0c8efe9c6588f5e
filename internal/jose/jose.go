// Package jose is the gate that every JWT passes: strict where RFC 7515, RFC 7517 and RFC 8725 leave room, in front of
// github.com/lestrrat-go/jwx/v2, which no other package imports.
//
// A [Token] is the compact form taken apart, nothing of it believed. A [VerificationKey] verifies with exactly one
// algorithm, the registered one. A [SigningKey] signs with exactly one. What jwx would let through (unknown crit,
// duplicate names, padding, white space, JSON serialisation, weak keys) is refused before jwx sees it; what remains for
// jwx is keys and signatures, but for RSASSA-PSS, where it accepts a salt of any length.
//
// Printing a key in any form, a log included, shows nothing of its private part.
//
// The package must never pick an algorithm or a key because a header says so. A [Proof] is the exception, for whoever
// asks for one: it verifies with the key that its header brings, and so proves that its sender has that key. Nothing
// is granted because of the key alone.
package jose

import (
	"slices"

	"github.com/lestrrat-go/jwx/v2/jwa"
)

// Fault is one way in which a JWT or a key is not acceptable. There is one value for each way: compare with errors.Is.
type Fault struct {
	Reason   string // snake_case, for the audit log
	Sentence string // constant plain ASCII, for the caller; it says which check failed and nothing of the input
}

// Error returns the sentence.
func (f *Fault) Error() string { return f.Sentence }

// Algorithm is a JWS algorithm (RFC 7518 §3.1, RFC 8037 §3.1). The zero value is no algorithm and fits no key.
type Algorithm string

// The algorithms that exist here (protocol A2). "none" does not.
const (
	ES256 Algorithm = "ES256"
	ES384 Algorithm = "ES384"
	ES512 Algorithm = "ES512"
	PS256 Algorithm = "PS256"
	PS384 Algorithm = "PS384"
	PS512 Algorithm = "PS512"
	RS256 Algorithm = "RS256"
	RS384 Algorithm = "RS384"
	RS512 Algorithm = "RS512"
	EdDSA Algorithm = "EdDSA"
	HS256 Algorithm = "HS256"
	HS384 Algorithm = "HS384"
	HS512 Algorithm = "HS512"
)

// AsymmetricAlgorithms returns every algorithm that a published key can have.
func AsymmetricAlgorithms() []Algorithm {
	return []Algorithm{ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512}
}

// FAPI2Algorithms returns those that FAPI 2.0 §5.4.1 allows.
func FAPI2Algorithms() []Algorithm { return []Algorithm{ES256, EdDSA, PS256} }

// SymmetricAlgorithms returns the algorithms of shared secrets.
func SymmetricAlgorithms() []Algorithm { return []Algorithm{HS256, HS384, HS512} }

// ed25519Name is what RFC 9864 §2.2 calls EdDSA with Ed25519. Here both mean the same, since a key of another curve exists
// for neither.
const ed25519Name = "Ed25519"

// algorithmOf reads the name of an algorithm.
func algorithmOf(name string) Algorithm {
	if name == ed25519Name {
		return EdDSA
	}
	return Algorithm(name)
}

// Names returns the names under which others may know the algorithm.
func (a Algorithm) Names() []string {
	if a == EdDSA {
		return []string{string(a), ed25519Name}
	}
	return []string{string(a)}
}

// Known reports whether a is one of the algorithms above.
func (a Algorithm) Known() bool {
	return slices.Contains(AsymmetricAlgorithms(), a) || a.Symmetric()
}

// Symmetric reports whether a is an HMAC.
func (a Algorithm) Symmetric() bool { return a == HS256 || a == HS384 || a == HS512 }

func (a Algorithm) jwa() jwa.SignatureAlgorithm { return jwa.SignatureAlgorithm(a) }
