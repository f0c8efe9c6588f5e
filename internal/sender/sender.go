// Package sender knows to whom a token can be bound, so that whoever steals it cannot use it (RFC 9700 §2.2.1): to the
// holder of the key of a DPoP proof (RFC 9449), or of a certificate for mutual TLS (RFC 8705).
//
// [Senders.Constrain] takes an authorization that holds and hands on a [Constrained]: the same, and what the sender of the
// request has proved to hold. [Constrained.Confirm] says to which of it a token is bound, and refuses where that is not
// enough.
//
// A proof proves that its sender holds a key, and nothing else: it comes after all that says who somebody is, so that a
// stranger's costs nothing. It must never stand in for client authentication.
package sender

import (
	"context"
	"errors"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/mutualtls"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/replay"
)

// Config is what senders are held to.
type Config struct {
	Proofs     *dpop.Verifier   // required
	URLs       []string         // of the token endpoint, which htu must name one of; at least one
	Algorithms []jose.Algorithm // of proofs; none: every asymmetric one. A client may have fewer
	Constraint oauth.Constraint // what holds for every token
}

// Senders looks at what the senders of requests have proved.
type Senders struct{ config Config }

// New returns senders.
func New(config Config) (*Senders, error) {
	if config.Proofs == nil || len(config.URLs) == 0 {
		return nil, errors.New("sender: a verifier of proofs and the URL of the token endpoint are required")
	}
	return &Senders{config}, nil
}

// Constrained is an authorization together with what the sender of its request holds. Only [Senders.Constrain] makes one.
type Constrained struct {
	authorization grant.Authorization
	proof         dpop.Proof
	certificate   string // x5t#S256; empty: there is none
	constraint    oauth.Constraint
	valid         bool
}

// IsZero reports whether no sender was looked at.
func (c Constrained) IsZero() bool { return !c.valid }

// Authorization returns what the request may rest on.
func (c Constrained) Authorization() grant.Authorization { return c.authorization }

// Uses returns what is good for one request only: the assertions, and the proof.
func (c Constrained) Uses() []replay.Use {
	uses := c.authorization.Uses()
	if use := c.proof.Use(); !use.IsZero() {
		uses = append(uses, use)
	}
	return uses
}

// Confirm returns to what a token is bound for resources that ask for this. The error is an *oauth.Error.
func (c Constrained) Confirm(resources oauth.Constraint) (oauth.Confirmation, error) {
	return c.constraint.And(resources).Confirm(oauth.Confirmation{
		JWKThumbprint:         c.proof.Thumbprint(),
		CertificateThumbprint: c.certificate,
	})
}

// Constrain finds out what the sender of a request holds. The error is an *oauth.Error.
func (s *Senders) Constrain(ctx context.Context, authorization grant.Authorization) (Constrained, error) {
	if authorization.IsZero() {
		return Constrained{}, &oauth.Error{Code: oauth.ServerError, Description: "the request was not authorized"}
	}
	constrained := Constrained{
		authorization: authorization,
		constraint:    s.config.Constraint.And(authorization.Constraint()),
		valid:         true,
	}
	request := authorization.Request()
	if len(request.Certificates) > 0 {
		constrained.certificate = mutualtls.Thumbprint(request.Certificates[0])
	}
	if !request.Proof.IsZero() {
		var err error
		if constrained.proof, err = s.verify(ctx, request.Proof, authorization.ProofAlgorithms()); err != nil {
			return Constrained{}, err
		}
	}
	if err := constrained.possess(authorization.Confirmation()); err != nil {
		return Constrained{}, err
	}
	return constrained, nil
}

// verify verifies a proof with one of these algorithms; none: with whichever every proof can have.
func (s *Senders) verify(ctx context.Context, proof oauth.Secret, algorithms []jose.Algorithm) (dpop.Proof, error) {
	if len(algorithms) == 0 {
		algorithms = s.config.Algorithms
	}
	verified, err := s.config.Proofs.Verify(ctx, proof.Reveal(), dpop.Request{
		Method: "POST", URLs: s.config.URLs, Algorithms: algorithms,
	})
	if err != nil {
		return dpop.Proof{}, faulty(err)
	}
	return verified, nil
}

// faulty turns what package dpop says of a proof into what the caller is told (RFC 9449 §5, §8).
func faulty(err error) error {
	fault, isFault := errors.AsType[*dpop.Fault](err)
	switch {
	case !isFault:
		return oauth.Unavailable("dpop_nonce_keys_unavailable", err)
	case errors.Is(err, dpop.ErrNonce):
		return &oauth.Error{Code: oauth.UseDPoPNonce, Description: "DPoP proof: " + fault.Sentence, Reason: "dpop_" + fault.Reason}
	default:
		return &oauth.Error{Code: oauth.InvalidDPoPProof, Description: "DPoP proof: " + fault.Sentence, Reason: "dpop_" + fault.Reason}
	}
}
