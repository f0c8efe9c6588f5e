// Package sender knows to whom a token can be bound, so that whoever steals it cannot use it (RFC 9700 §2.2.1): to the
// holder of the key of a DPoP proof (RFC 9449), or of a certificate for mutual TLS (RFC 8705).
//
// [Senders.Constrain] takes an authenticated request and hands on a [Constrained]: the same request, and what its sender
// has proved to hold. [Sender.Confirm] says to which of it a token is bound, and refuses where that is not enough.
//
// A proof proves that its sender holds a key, and nothing else. It must never stand in for client authentication.
package sender

import (
	"context"
	"errors"
	"slices"

	"example.com/countersign/internal/client"
	"example.com/countersign/internal/dpop"
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

// Sender is what a token can be bound to, and must be.
type Sender struct {
	proof       dpop.Proof
	certificate string // x5t#S256; empty: there is none
	constraint  oauth.Constraint
}

// Held returns a sender that is held to more.
func (s Sender) Held(to oauth.Constraint) Sender {
	s.constraint = s.constraint.And(to)
	return s
}

// Confirm returns to what a token is bound for resources that ask for this. The error is an *oauth.Error.
func (s Sender) Confirm(resources oauth.Constraint) (oauth.Confirmation, error) {
	return s.constraint.And(resources).Confirm(oauth.Confirmation{
		JWKThumbprint:         s.proof.Thumbprint(),
		CertificateThumbprint: s.certificate,
	})
}

// Use returns what has to be remembered so that the proof is good only once; zero: there is none.
func (s Sender) Use() replay.Use { return s.proof.Use() }

// Constrained is a request together with what its sender holds. Only [Senders.Constrain] makes one.
type Constrained struct {
	client client.Authenticated
	sender Sender
	valid  bool
}

// IsZero reports whether no request was looked at.
func (c Constrained) IsZero() bool { return !c.valid }

// Client returns the request and its client.
func (c Constrained) Client() client.Authenticated { return c.client }

// Sender returns what a token can be bound to.
func (c Constrained) Sender() Sender { return c.sender }

// Constrain finds out what the sender of a request holds. The error is an *oauth.Error.
func (s *Senders) Constrain(ctx context.Context, authenticated client.Authenticated) (Constrained, error) {
	if authenticated.IsZero() {
		return Constrained{}, &oauth.Error{Code: oauth.ServerError, Description: "the request was not authenticated"}
	}
	sender := Sender{constraint: s.config.Constraint}
	algorithms := s.config.Algorithms
	if registration, named := authenticated.Client(); named {
		sender = sender.Held(registration.Constraint)
		if len(registration.Algorithms) > 0 {
			algorithms = registration.Algorithms
		}
	}
	request := authenticated.Request()
	if len(request.Certificates) > 0 {
		sender.certificate = mutualtls.Thumbprint(request.Certificates[0])
	}
	if !request.Proof.IsZero() {
		var err error
		sender.proof, err = s.config.Proofs.Verify(ctx, request.Proof.Reveal(), dpop.Request{
			Method:     "POST",
			URLs:       s.config.URLs,
			Algorithms: slices.Clip(algorithms),
		})
		if err != nil {
			return Constrained{}, faulty(err)
		}
	}
	return Constrained{client: authenticated, sender: sender, valid: true}, nil
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
