package assertion

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/countersign/internal/jose"
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
	Purpose      Purpose       // what it is presented for
	Issuer       string        // iss must be this, character by character (RFC 3986 §6.2.1)
	Keys         Keys          // whose signature it must have
	Subject      Subject       // what sub must be
	Audiences    []string      // one of them must be in aud; none: nothing is accepted
	SoleAudience bool          // aud must have exactly one value (protocol C4)
	Types        []string      // accepted typ values besides an absent one and JWT, in lower case, without application/
	MaxLifetime  time.Duration // how far exp may be ahead of now, and of iat; zero: nothing is accepted
	IDRequired   bool          // jti must be there
	Reusable     bool          // the assertion is good until it expires, also where it has a jti
	Exceptions   []Exception   // what may be weaker than Audiences, MaxLifetime and IDRequired say
}

// Verifier verifies assertions. It is safe for concurrent use.
type Verifier struct {
	now   func() time.Time
	skew  time.Duration
	decoy decoy
}

// NewVerifier returns a verifier with a clock and the clock difference that it forgives, at most 60 s.
func NewVerifier(now func() time.Time, skew time.Duration) (*Verifier, error) {
	if now == nil || skew < 0 || skew > time.Minute {
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
	if err := v.checkTimes(presented.token.Unverified()); err != nil {
		return Verified{}, err
	}
	claims, err := v.checkSignature(ctx, presented.token, profile.Keys)
	if err != nil {
		return Verified{}, err
	}
	if err := checkParty(presented.token.Type, claims, profile); err != nil {
		return Verified{}, err
	}
	used, err := v.checkBounds(claims, profile)
	if err != nil {
		return Verified{}, err
	}
	verified := Verified{claims: claims, exceptions: used, valid: true}
	if !profile.Reusable {
		verified.use = v.use(claims, profile.Purpose)
	}
	return verified, nil
}

// checkTimes holds RFC 7523 §3 items 4 to 6.
func (v *Verifier) checkTimes(claims jose.Claims) error {
	now := v.now()
	switch {
	case claims.ExpiresAt.IsZero():
		return ErrExpiryMissing
	case !now.Before(claims.ExpiresAt.Add(v.skew)):
		return ErrExpired
	case claims.NotBefore.After(now.Add(v.skew)):
		return ErrNotYetValid
	case claims.IssuedAt.After(now.Add(v.skew)):
		return ErrIssuedInFuture
	}
	return nil
}

// checkSignature takes about the same time whether or not there is a key, so that the clock does not tell who is
// registered.
func (v *Verifier) checkSignature(ctx context.Context, token *jose.Token, keys Keys) (jose.Claims, error) {
	if keys == nil {
		keys = Nobody{}
	}
	key, err := keys.Find(ctx, token)
	if err != nil {
		v.decoy.verify()
		return jose.Claims{}, err
	}
	return token.Verify(key)
}

// checkParty holds what no exception excuses: whose assertion it is, of which kind, and about whom.
func checkParty(typ string, claims jose.Claims, profile Profile) error {
	switch {
	case claims.Issuer != profile.Issuer:
		return ErrIssuer
	case !acceptsType(profile.Types, typ):
		return ErrType
	default:
		return checkSubject(claims, profile.Subject)
	}
}

// checkBounds holds the rest. used names the exceptions without which it would have refused; where none excuses, the
// fault is that of the strict rule.
func (v *Verifier) checkBounds(claims jose.Claims, profile Profile) (used []string, err error) {
	now := v.now()
	for _, check := range []func(Profile) error{
		func(p Profile) error { return checkAudience(claims.Audience, p) },
		func(p Profile) error { return v.checkLifetime(claims, p.MaxLifetime, now) },
		func(p Profile) error { return checkID(claims, p.IDRequired) },
	} {
		fault := check(profile)
		if fault == nil {
			continue
		}
		name, excused := profile.excuse(check, now)
		if !excused {
			return nil, fault
		}
		used = append(used, name)
	}
	return used, nil
}

// acceptsType holds RFC 8725 §3.11: another kind of JWT must not pass for an assertion, so an explicit typ that is not
// accepted is refused.
func acceptsType(types []string, typ string) bool {
	if typ == "" {
		return true
	}
	typ = jose.MediaType(typ)
	return typ == "jwt" || slices.Contains(types, typ)
}

func checkSubject(claims jose.Claims, rule Subject) error {
	switch {
	case claims.Subject == "" && rule != SubjectMayBeAbsent:
		return ErrSubjectMissing
	case claims.Subject != "" && claims.Subject != claims.Issuer && rule != SubjectRequired:
		return ErrSubject
	}
	return nil
}

// checkAudience holds RFC 7523 §3 item 3 by simple string comparison.
func checkAudience(audience jose.Audience, profile Profile) error {
	switch {
	case len(audience.Values) == 0:
		return ErrAudienceMissing
	case profile.SoleAudience && len(audience.Values) > 1:
		return ErrAudienceSeveral
	}
	for _, value := range audience.Values {
		if slices.Contains(profile.Audiences, value) {
			return nil
		}
	}
	return ErrAudience
}

func (v *Verifier) checkLifetime(claims jose.Claims, most time.Duration, now time.Time) error {
	switch {
	case most <= 0, claims.ExpiresAt.After(now.Add(most + v.skew)):
		return ErrLifetime
	case !claims.IssuedAt.IsZero() && claims.ExpiresAt.Sub(claims.IssuedAt) > most+v.skew:
		return ErrLifetime // an old iat with a near exp is a long-lived assertion too (protocol C6)
	}
	return nil
}

func checkID(claims jose.Claims, required bool) error {
	if required && claims.ID == "" {
		return ErrIDMissing
	}
	return nil
}

// use names the assertion by who made it and its jti, never by its bytes: whoever signs can make many for one jti.
func (v *Verifier) use(claims jose.Claims, purpose Purpose) Use {
	if claims.ID == "" {
		return Use{}
	}
	return Use{Purpose: purpose, Party: claims.Issuer, ID: claims.ID, Until: claims.ExpiresAt.Add(v.skew)}
}
