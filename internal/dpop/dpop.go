// Package dpop checks that whoever sends a request has a private key: the DPoP proofs of RFC 9449, for the token
// endpoint and for APIs.
//
// [Verifier.Verify] decides whether a proof belongs to a [Request]. What it returns names the key, to which a token is
// then bound or already is, and the [replay.Use] that has to be remembered. [Nonces] makes and knows the values by
// which a server bounds how long before its use a proof can have been made. [Sign] makes a proof.
//
// A proof shows who has a key, and never who somebody is: the package must never be taken for an authentication, and
// nothing is granted because of a proof alone. It knows no HTTP and none of OAuth's error codes: what it returns is a
// fault (the proof is refused) or another error (it could not be decided).
package dpop

import (
	"context"
	"errors"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/replay"
)

// Fault is one way in which a proof is refused. The Sentence of each can follow the words DPoP proof and a colon.
type Fault = jose.Fault

// The ways in which a proof is refused, besides those of package jose.
var (
	ErrTooLong            = &Fault{Reason: "too_long", Sentence: "it is longer than 8 KiB"}
	ErrType               = &Fault{Reason: "typ", Sentence: "typ is not dpop+jwt"}
	ErrAlgorithm          = &Fault{Reason: "alg", Sentence: "alg is not one that is accepted here"}
	ErrIDMissing          = &Fault{Reason: "jti_missing", Sentence: "jti is missing"}
	ErrIDTooLong          = &Fault{Reason: "jti_too_long", Sentence: "jti is longer than 256 bytes"}
	ErrMethodMissing      = &Fault{Reason: "htm_missing", Sentence: "htm is missing or not a string"}
	ErrMethod             = &Fault{Reason: "htm", Sentence: "htm is not the method of the request"}
	ErrURLMissing         = &Fault{Reason: "htu_missing", Sentence: "htu is missing or not a string"}
	ErrURLForm            = &Fault{Reason: "htu_malformed", Sentence: "htu is not an absolute http or https URL without user information"}
	ErrURL                = &Fault{Reason: "htu", Sentence: "htu is not the URL that the request was sent to"}
	ErrIssuedAtMissing    = &Fault{Reason: "iat_missing", Sentence: "iat is missing"}
	ErrIssuedLongAgo      = &Fault{Reason: "iat_in_past", Sentence: "iat is more than 60 seconds in the past"}
	ErrIssuedInFuture     = &Fault{Reason: "iat_in_future", Sentence: "iat is more than 60 seconds in the future"}
	ErrExpired            = &Fault{Reason: "expired", Sentence: "exp has passed"}
	ErrNotYetValid        = &Fault{Reason: "not_yet_valid", Sentence: "nbf is in the future"}
	ErrAccessTokenMissing = &Fault{Reason: "ath_missing", Sentence: "ath is missing or not a string"}
	ErrAccessToken        = &Fault{Reason: "ath", Sentence: "ath is not the hash of the access token"}
	ErrKey                = &Fault{Reason: "key", Sentence: "its key is not the one that is expected here"}

	// ErrNonce asks for a proof with the nonce that the answer brings (RFC 9449 §8): use_dpop_nonce.
	ErrNonce = &Fault{Reason: "nonce", Sentence: "nonce is missing, too old or not from this server; use the one in the DPoP-Nonce header"}

	// ErrReplayed is the fault of a proof whose [replay.Use] is remembered already.
	ErrReplayed = &Fault{Reason: "replayed", Sentence: "jti has been used before; each proof is good for one request"}
)

// Algorithms returns what a proof can be signed with where nothing else is asked for, as the metadata say it
// (dpop_signing_alg_values_supported, RFC 9449 §5.1).
func Algorithms() []jose.Algorithm { return jose.AsymmetricAlgorithms() }

// Config is what a [Verifier] is made of.
type Config struct {
	Now    func() time.Time
	Nonces *Nonces // every proof must have one of these; nil: proofs need no nonce
}

// Verifier verifies proofs. It is safe for concurrent use.
type Verifier struct {
	now    func() time.Time
	nonces *Nonces
}

// New returns a verifier.
func New(config Config) (*Verifier, error) {
	if config.Now == nil {
		return nil, errors.New("dpop: want a clock")
	}
	return &Verifier{config.Now, config.Nonces}, nil
}

// Request is what a proof must have been made for.
type Request struct {
	Method     string           // the HTTP method, which htm must be (RFC 9110 §9.1: case counts); empty: an error
	URLs       []string         // where the request may have been sent to; htu must be one of them; none: an error
	Algorithms []jose.Algorithm // which are accepted; none: all of [Algorithms]

	// AccessToken is the token that came with the request to an API: ath must be its hash. Empty: there was none, as at
	// the token endpoint.
	AccessToken string

	// Thumbprint is that of the one key that is accepted: at an API the token's cnf.jkt. Empty: any key is good, but
	// none is beside an AccessToken, which is then not bound to any.
	Thumbprint string
}

// Proof is a proof that belongs to its request. Only [Verifier.Verify] makes one.
type Proof struct {
	thumbprint string
	use        replay.Use
}

// IsZero reports whether nothing was proved.
func (p Proof) IsZero() bool { return p.thumbprint == "" }

// Thumbprint returns the RFC 7638 thumbprint of the key that the sender has: cnf.jkt (RFC 9449 §6.1).
func (p Proof) Thumbprint() string { return p.thumbprint }

// Use returns what has to be remembered so that the proof is good only once (RFC 9449 §11.1).
func (p Proof) Use() replay.Use { return p.use }

// Verify decides whether the proof in text (the value of the one DPoP header) belongs to r. A *Fault refuses it; any
// other error says that it could not be decided.
//
// The order matters: what is cheap comes before the signature (protocol A7). The nonce comes last, so that only a proof
// that lacks nothing else is asked to come again.
func (v *Verifier) Verify(ctx context.Context, text string, r Request) (Proof, error) {
	if r.Method == "" || len(r.URLs) == 0 {
		return Proof{}, errors.New("dpop: a request without a method or a URL")
	}
	if len(text) > maxLength {
		return Proof{}, ErrTooLong
	}
	presented, err := jose.ParseProof(text)
	if err != nil {
		return Proof{}, err
	}
	if err := v.check(presented, r); err != nil {
		return Proof{}, err
	}
	claims, err := presented.Verify()
	if err != nil {
		return Proof{}, err
	}
	if err := v.checkNonce(ctx, claims); err != nil {
		return Proof{}, err
	}
	return Proof{presented.Thumbprint(), use(presented.Thumbprint(), claims)}, nil
}

// use names the proof by its key and its jti, never by its bytes: whoever signs can make many for one jti.
func use(thumbprint string, claims jose.Claims) replay.Use {
	// One second more than needed: at the last moment at which a proof is accepted its use can still be remembered.
	until := claims.IssuedAt.Add(window + time.Second)
	return replay.Use{Purpose: replay.ForProof, Party: thumbprint, ID: claims.ID, Until: until}
}
