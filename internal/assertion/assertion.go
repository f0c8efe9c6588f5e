// Package assertion checks a JWT that somebody else signed and presents to us, as RFC 7523 §3 asks, for both of its
// uses: as an authorization grant and as client authentication.
//
// [Parse] decides what the text alone decides. [Verifier.Verify] decides the rest against a [Profile], which says whose
// assertion it must be and within which bounds. Only Verify makes a [Verified], and no claim leaves this package
// without one, except the iss that tells whose keys to use.
//
// It must never use a key that the profile did not name, and it knows nothing of OAuth's error codes: what it returns
// is a fault (the assertion is refused) or another error (it could not be decided).
package assertion

import (
	"context"
	"errors"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/replay"
)

// Fault is one way in which an assertion is refused. The Sentence of each follows the name of the parameter that the
// assertion came in.
type Fault = jose.Fault

// The ways in which an assertion of good form is refused, besides those of package jose.
var (
	ErrExpiryMissing   = &Fault{Reason: "exp_missing", Sentence: "exp is missing"}
	ErrExpired         = &Fault{Reason: "expired", Sentence: "exp has passed"}
	ErrNotYetValid     = &Fault{Reason: "not_yet_valid", Sentence: "nbf is in the future"}
	ErrIssuedInFuture  = &Fault{Reason: "iat_in_future", Sentence: "iat is in the future"}
	ErrDateMissing     = &Fault{Reason: "iat_missing", Sentence: "iat is missing"}
	ErrLifetime        = &Fault{Reason: "lifetime", Sentence: "the time until exp, or from iat to exp, is longer than allowed"}
	ErrIssuerMissing   = &Fault{Reason: "iss_missing", Sentence: "iss is missing"}
	ErrIssuer          = &Fault{Reason: "iss", Sentence: "iss is not the expected party"}
	ErrSubjectMissing  = &Fault{Reason: "sub_missing", Sentence: "sub is missing"}
	ErrSubject         = &Fault{Reason: "sub", Sentence: "sub is not the same as iss"}
	ErrAudienceMissing = &Fault{Reason: "aud_missing", Sentence: "aud is missing"}
	ErrAudience        = &Fault{Reason: "aud", Sentence: "aud is not this server"}
	ErrAudienceSeveral = &Fault{Reason: "aud_several", Sentence: "aud has more than one value; it must be this server alone"}
	ErrAudienceArray   = &Fault{Reason: "aud_array", Sentence: "aud is an array; it must be this server as a string"}
	ErrType            = &Fault{Reason: "typ", Sentence: "typ is not one that is accepted here"}
	ErrIDMissing       = &Fault{Reason: "jti_missing", Sentence: "jti is missing"}
	ErrReplayed        = &Fault{Reason: "replayed", Sentence: "jti has been used before; each assertion is good for one request"}

	// ErrNobody is the fault of a party that is not registered at all.
	ErrNobody = &Fault{Reason: "party_unknown", Sentence: "nobody is registered under this iss"}
)

// TellsWhoExists reports whether err is a fault that would tell a stranger which parties and keys are registered. The
// caller answers all of these alike (protocol T8).
func TellsWhoExists(err error) bool {
	for _, fault := range []error{ErrNobody, jose.ErrNoKey, jose.ErrKeyNotDefinite, jose.ErrSignature} {
		if errors.Is(err, fault) {
			return true
		}
	}
	return false
}

// Keys are the registered keys of one party.
type Keys interface {
	// Find returns the key that must have signed token. A *Fault says that no registered key can have; any other
	// error says that the keys could not be had.
	Find(ctx context.Context, token *jose.Token) (jose.VerificationKey, error)
}

// Nobody is the keys of a party that is not registered: every assertion fails, at the cost of one that has a key.
type Nobody struct{}

// Find returns ErrNobody.
func (Nobody) Find(context.Context, *jose.Token) (jose.VerificationKey, error) {
	return jose.VerificationKey{}, ErrNobody
}

// Presented is an assertion whose form is good and of which nothing is believed.
type Presented struct{ token *jose.Token }

// Parse takes an assertion apart (protocol A1, A4, A6). The error is a *Fault.
func Parse(text string) (Presented, error) {
	token, err := jose.Parse(text)
	if err != nil {
		return Presented{}, err
	}
	if token.Unverified().Issuer == "" {
		return Presented{}, ErrIssuerMissing
	}
	return Presented{token}, nil
}

// Issuer returns the iss that the assertion claims: good to find out whose keys must have signed it, and for nothing
// else.
func (p Presented) Issuer() string { return p.token.Unverified().Issuer }

// Verified is an assertion that its issuer signed and that satisfies its profile. Only [Verifier.Verify] makes one.
type Verified struct {
	claims     jose.Claims
	use        replay.Use
	exceptions []string
	valid      bool
}

// IsZero reports whether nothing was verified.
func (v Verified) IsZero() bool { return !v.valid }

// Issuer returns iss.
func (v Verified) Issuer() string { return v.claims.Issuer }

// Subject returns sub, or iss where the profile lets sub be absent.
func (v Verified) Subject() string {
	if v.claims.Subject == "" {
		return v.claims.Issuer
	}
	return v.claims.Subject
}

// ID returns jti; it may be empty where the profile allows that.
func (v Verified) ID() string { return v.claims.ID }

// ExpiresAt returns exp.
func (v Verified) ExpiresAt() time.Time { return v.claims.ExpiresAt }

// Claims returns all claims by name. The map is shared: it must not be changed.
func (v Verified) Claims() map[string]any { return v.claims.All() }

// Use returns what has to be remembered so that the assertion is good only once. The zero Use says that there is
// nothing to remember, because the assertion has no jti or the profile lets it be used again.
func (v Verified) Use() replay.Use { return v.use }

// Exceptions returns the names of the exceptions without which the assertion would have been refused, in the order of
// the checks; none where it satisfies its profile as it is.
func (v Verified) Exceptions() []string { return v.exceptions }
