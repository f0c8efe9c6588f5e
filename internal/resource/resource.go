// Package resource is what an API does with our access tokens: it finds the token in a request, verifies it against the
// JWK Set that we publish, has the sender prove that it holds what the token is bound to, and answers with a challenge
// where there is none that is good (RFC 6750, RFC 9068 §4, RFC 9449 §7, RFC 8705 §3). It tells those who do not know the
// API how to get one (RFC 9728).
//
// It must never accept a token for another audience, of another issuer, or of another type than at+jwt; nor a token
// that is bound to something from a sender who has not shown to hold it.
package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/mutualtls"
)

// Config says which tokens an API accepts. All fields are required unless they say otherwise.
type Config struct {
	Issuer   string       // iss, and whose JWK Set verifies
	Audience string       // the API's own identifier, which must be in aud
	JWKSURI  string       // where the JWK Set is
	Client   *http.Client // fetches the JWK Set, and follows redirects only if it is one that does
	Now      func() time.Time
	Skew     time.Duration // clock difference that is forgiven; zero: none

	// DPoP is how proofs are checked. Nil: they cannot be, so that tokens that are bound to a key are refused, and the
	// scheme DPoP is none of the API's.
	DPoP *DPoP

	// Proxy says with which certificate a client has opened its TLS connection, where that ends in front of the API.
	// Nil: it ends at the API, and the certificate that it was opened with counts.
	Proxy *mutualtls.Proxy

	RequireDPoP        bool // refuse tokens that are not bound to a key; false: they need not be. It needs DPoP
	RequireCertificate bool // refuse tokens that are not bound to a certificate; false: they need not be
	RequireBound       bool // refuse tokens that are bound to neither; false: whoever has one of those can use it

	// Metadata is what the API says of itself to those who do not know it yet (RFC 9728). Nil: nothing, and its challenges
	// do not point there.
	Metadata *Metadata
}

// Verifier verifies access tokens. It is safe for concurrent use.
type Verifier struct {
	config    Config
	keys      *keySet
	proofs    *proofs    // nil: proofs are not taken
	published *published // nil: it does not describe itself
}

// New returns a verifier that has fetched nothing yet.
func New(config Config) (*Verifier, error) {
	if config.Issuer == "" || config.Audience == "" || config.JWKSURI == "" ||
		config.Client == nil || config.Now == nil {
		return nil, errors.New("resource: issuer, audience, jwks_uri, client and clock are required")
	}
	if config.RequireDPoP && config.DPoP == nil {
		return nil, errors.New("resource: an API that requires DPoP needs to know how proofs are checked")
	}
	keys, err := newKeySet(config.JWKSURI, config.Client, config.Now)
	if err != nil {
		return nil, err
	}
	v := &Verifier{config: config, keys: keys}
	if config.DPoP != nil {
		if v.proofs, err = newProofs(*config.DPoP, config.Now); err != nil {
			return nil, err
		}
	}
	if config.Metadata != nil {
		if v.published, err = v.newPublished(*config.Metadata); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// Token is an access token that holds. Only [Verifier.Verify] makes one.
type Token struct {
	Issuer   string
	Subject  string
	ClientID string
	Scope    []string
	ID       string // jti
	Expires  time.Time
	Binding  Binding        // the sender holds this; zero: the token is good for whoever has it
	Claims   map[string]any // all of them; shared: it must not be changed
}

// Has reports whether the token has this scope.
func (t Token) Has(scope string) bool { return slices.Contains(t.Scope, scope) }

// The ways in which a request is refused.
var (
	ErrNoToken = errors.New("the request has no access token")
	// ErrMalformed is in every error about a request that nobody can understand; the rest of the error says why.
	ErrMalformed = errors.New("the Authorization header is malformed")
	// ErrInvalid is in every error about a token that does not hold, or not for its sender; the rest of the error says
	// why.
	ErrInvalid = errors.New("the access token is not valid")
	// ErrProof is in every error about a DPoP proof that does not hold, beside the fault of package dpop that says why.
	// Where that is dpop.ErrNonce, the client is to come again with a nonce.
	ErrProof = errors.New("the DPoP proof is not valid")
)

func invalid(why error) error { return fmt.Errorf("%w: %s", ErrInvalid, why.Error()) }

func badProof(fault *dpop.Fault) error { return fmt.Errorf("%w: %w", ErrProof, fault) }

// undecided is the error where nobody can tell whether a request is good. It is none of the ways in which one is
// refused, whatever its cause is.
type undecided struct {
	sentence string // for the caller; constant
	cause    error
}

func (u undecided) Error() string { return u.sentence + ": " + u.cause.Error() }

// Verify returns the token of a request. The error is ErrNoToken, an ErrMalformed, an ErrInvalid, an ErrProof, or says
// that it could not be decided: the keys cannot be had, or nobody knows whether a proof has been used before.
//
// A proof is good for one call.
func (v *Verifier) Verify(r *http.Request) (Token, error) {
	p, err := v.examine(r)
	if err != nil {
		return Token{}, err
	}
	if err := v.remember(r.Context(), p); err != nil {
		return Token{}, err
	}
	return p.token, nil
}

// examine does everything that Verify does, but for remembering the proof.
//
// The order matters. The token comes first: what its sender has to prove is written in it. What costs a signature comes
// last, and is then only done for whoever has a token of ours.
func (v *Verifier) examine(r *http.Request) (presented, error) {
	c, err := v.credentials(r.Header.Values("Authorization"))
	if err != nil {
		return presented{}, err
	}
	token, err := v.verifyToken(r.Context(), c.token)
	if err != nil {
		return presented{}, err
	}
	if err := v.checkBinding(token.Binding, c.scheme); err != nil {
		return presented{}, err
	}
	if err := v.checkCertificate(r, token.Binding); err != nil {
		return presented{}, err
	}
	if token.Binding.Key == "" {
		return presented{token: token}, nil
	}
	proof, err := v.proofs.verify(r, c.token, token.Binding.Key)
	if err != nil {
		return presented{}, err
	}
	return presented{token, proof}, nil
}

// presented is a token that is good for its sender, and the proof that has to be remembered as used.
type presented struct {
	token Token
	proof dpop.Proof // zero: the token is not bound to a key
}

// remember makes sure that a proof is good only once (RFC 9449 §11.1). It comes last, so that a request which is
// refused does not burn it, and strangers cannot fill the memory (protocol R2).
func (v *Verifier) remember(ctx context.Context, p presented) error {
	if p.proof.IsZero() {
		return nil
	}
	return v.proofs.remember(ctx, p.proof)
}

// verifyToken holds RFC 9068 §4 for a token, whoever sent it.
func (v *Verifier) verifyToken(ctx context.Context, text string) (Token, error) {
	parsed, err := jose.Parse(text)
	if err != nil {
		return Token{}, invalid(err)
	}
	// The type first, so that no other JWT of the same issuer passes for an access token.
	if jose.MediaType(parsed.Type) != "at+jwt" {
		return Token{}, invalid(errors.New("typ is not at+jwt"))
	}
	key, err := v.keys.find(ctx, parsed)
	if err != nil {
		return Token{}, err
	}
	claims, err := parsed.Verify(key)
	if err != nil {
		return Token{}, invalid(err)
	}
	return v.check(claims)
}
