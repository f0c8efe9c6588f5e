package assertion

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/trace"
)

// Subject says what sub must be.
type Subject int

// The zero Subject is the strictest.
const (
	SubjectIsIssuer    Subject = iota // sub = iss (RFC 7523 §3 item 2.B)
	SubjectRequired                   // sub is there, whatever it is (item 2.A)
	SubjectMayBeAbsent                // sub is absent or equals iss (protocol G3)
)

// Profile says whose assertion it must be and within which bounds. The zero Profile accepts nothing.
type Profile struct {
	Purpose        replay.Purpose   // what it is presented for
	Parameter      string           // which parameter it comes in, for the trace; empty: the purpose says it
	Issuer         string           // iss must be this, character by character (RFC 3986 §6.2.1)
	Keys           Keys             // whose signature it must have
	Subject        Subject          // what sub must be
	Audiences      []string         // one of them must be in aud; none: nothing is accepted
	SoleAudience   bool             // aud must have exactly one value (protocol C4)
	AudienceString bool             // and not as an array of one (FAPI 2.0 §5.3.2.1-8)
	Algorithms     []jose.Algorithm // of the signature; none: all that the keys have
	Types          []string         // accepted typ values besides an absent one and JWT, in lower case, without application/
	Type           string           // the one typ that is accepted, and must be there, in the same form; empty: Types says
	MaxLifetime    time.Duration    // how far exp may be ahead of now, and of iat; zero: nothing is accepted
	IDRequired     bool             // jti must be there
	DateRequired   bool             // iat must be there
	Reusable       bool             // the assertion is good until it expires, also where it has a jti
	Exceptions     []Exception      // what may be weaker than Audiences, MaxLifetime and IDRequired say
	Trace          *trace.Record    // records the checks; nil: nobody does

	// Stopped returns an error for a key that is registered and counts no longer; nil: every one counts. The refusal is that
	// of a key that is not registered, and wraps the error.
	Stopped func(jose.VerificationKey) error
}

// Verifier verifies assertions. It is safe for concurrent use.
type Verifier struct {
	now   func() time.Time
	skew  time.Duration
	decoy decoy
}

// maxSkew is the largest clock difference that can be forgiven.
const maxSkew = time.Minute

// NewVerifier returns a verifier with a clock and the clock difference that it forgives, at most 60 s.
func NewVerifier(now func() time.Time, skew time.Duration) (*Verifier, error) {
	if now == nil || skew < 0 || skew > maxSkew {
		return nil, fmt.Errorf("assertion: want a clock and a skew of 0 s to 60 s, not %v", skew)
	}
	decoy, err := newDecoy()
	if err != nil {
		return nil, err
	}
	return &Verifier{now, skew, decoy}, nil
}

// Verify decides whether presented is an assertion of this profile. A *Fault refuses it; any other error says that
// it could not be decided.
//
// The order matters. What is true of every assertion comes first, since it is cheap and tells a stranger nothing. Then
// the signature. What depends on who is registered, and how, is said only to the holder of a registered key
// (protocol A7, T8).
func (v *Verifier) Verify(ctx context.Context, presented Presented, profile Profile) (Verified, error) {
	if presented.token == nil {
		return Verified{}, errors.New("assertion: nothing was presented")
	}
	profile.passed(formCheck)
	if _, err := v.hold(ofAll, presented.token, presented.token.Unverified(), &profile); err != nil {
		return Verified{}, err
	}
	claims, err := v.checkSignature(ctx, presented.token, &profile)
	if err != nil {
		return Verified{}, err
	}
	used, err := v.hold(ofParty, presented.token, claims, &profile)
	if err != nil {
		return Verified{}, err
	}
	verified := Verified{claims: claims, exceptions: used, valid: true}
	if !profile.Reusable {
		verified.use = v.use(claims, profile.Purpose)
	}
	return verified, nil
}

// checkSignature takes about the same time whether or not there is a key, so that the clock does not tell who is
// registered.
func (v *Verifier) checkSignature(ctx context.Context, token *jose.Token, profile *Profile) (jose.Claims, error) {
	keys := profile.Keys
	if keys == nil {
		keys = Nobody{}
	}
	key, err := keys.Find(ctx, token)
	if err == nil && !profile.allows(key.Algorithm()) {
		err = jose.ErrNoKey
	}
	if err == nil && profile.Stopped != nil {
		if stopped := profile.Stopped(key); stopped != nil {
			err = fmt.Errorf("%w: %w", jose.ErrNoKey, stopped)
		}
	}
	if err != nil {
		v.decoy.verify()
		profile.failed(keyCheck, err, Profile.wantedAlgorithms)
		return jose.Claims{}, err
	}
	profile.passed(keyCheck)
	claims, err := token.Verify(key)
	if err != nil {
		profile.failed(signatureCheck, err, nil)
		return jose.Claims{}, err
	}
	profile.passed(signatureCheck)
	return claims, nil
}

// use names the assertion by who made it and its jti, never by its bytes: whoever signs can make many for one jti. It is
// remembered for as long as the largest skew lets it pass, since a later configuration can forgive more than this one.
func (v *Verifier) use(claims jose.Claims, purpose replay.Purpose) replay.Use {
	if claims.ID == "" {
		return replay.Use{}
	}
	return replay.Use{Purpose: purpose, Party: claims.Issuer, ID: claims.ID, Until: claims.ExpiresAt.Add(maxSkew)}
}
