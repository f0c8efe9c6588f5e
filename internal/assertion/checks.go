package assertion

import (
	"errors"
	"slices"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/trace"
)

// check is one thing that must hold of an assertion, by the name of the claim or header that it looks at.
type check struct {
	name  string
	fault func(*asserted) error
	wants func(Profile) []string // what would do, for the trace; nil: the sentence of the fault says it
}

// The checks in their order: those that hold for every assertion, and those that depend on how its party is registered.
// Between them is the signature.
var (
	ofAll = []check{
		{"exp", (*asserted).checkExpiry, nil},
		{"nbf", (*asserted).checkNotBefore, nil},
		{"iat", (*asserted).checkIssuedAt, nil},
	}
	ofParty = []check{
		{"iss", (*asserted).checkIssuer, nil},
		{"typ", (*asserted).checkType, Profile.wantedTypes},
		{"sub", (*asserted).checkSubject, nil},
		{"aud", (*asserted).checkAudience, Profile.wantedAudiences},
		{"lifetime", (*asserted).checkLifetime, Profile.wantedLifetime},
		{"jti", (*asserted).checkID, nil},
	}
)

// The checks that are not in a list: Parse has made the first, and the key and the signature are between the lists.
const (
	formCheck      = "form"
	keyCheck       = "key"
	signatureCheck = "signature"
)

// Checks returns the names of all checks of an assertion, in their order.
func Checks() []string {
	names := []string{formCheck}
	for _, check := range ofAll {
		names = append(names, check.name)
	}
	names = append(names, keyCheck, signatureCheck)
	for _, check := range ofParty {
		names = append(names, check.name)
	}
	return names
}

// asserted is what the checks look at.
type asserted struct {
	typ     string
	claims  jose.Claims
	profile *Profile
	now     time.Time
	skew    time.Duration
}

// hold returns the fault of the first check that does not hold. used names the exceptions without which it would have
// refused; where none excuses, the fault is that of the strict rule.
func (v *Verifier) hold(checks []check, token *jose.Token, claims jose.Claims, profile *Profile) (used []string, err error) {
	a := &asserted{token.Type, claims, profile, v.now(), v.skew}
	for _, check := range checks {
		if fault := check.fault(a); fault != nil {
			exception, excused := a.excuse(check)
			if !excused {
				profile.failed(check.name, fault, check.wants)
				return nil, fault
			}
			used = append(used, exception)
		}
		profile.passed(check.name)
	}
	return used, nil
}

// parameter returns the name of the parameter that the assertion comes in.
func (p *Profile) parameter() string {
	switch {
	case p.Parameter != "":
		return p.Parameter
	case p.Purpose == replay.ForClient:
		return "client_assertion"
	default:
		return "assertion"
	}
}

func (p *Profile) passed(check string) {
	p.Trace.Add(trace.Step{Part: p.parameter(), Check: check, Result: trace.Passed})
}

func (p *Profile) failed(check string, err error, wants func(Profile) []string) {
	step := trace.Step{Part: p.parameter(), Check: check, Result: trace.Undecided}
	if _, isFault := errors.AsType[*Fault](err); isFault {
		step.Result = trace.Failed
	}
	if wants != nil {
		step.Want = wants(*p)
	}
	p.Trace.Add(step)
}

// checkExpiry holds RFC 7523 §3 item 4.
func (a *asserted) checkExpiry() error {
	switch {
	case a.claims.ExpiresAt.IsZero():
		return ErrExpiryMissing
	case !a.now.Before(a.claims.ExpiresAt.Add(a.skew)):
		return ErrExpired
	}
	return nil
}

// checkNotBefore holds RFC 7523 §3 item 5.
func (a *asserted) checkNotBefore() error {
	if a.claims.NotBefore.After(a.now.Add(a.skew)) {
		return ErrNotYetValid
	}
	return nil
}

// checkIssuedAt holds RFC 7523 §3 item 6.
func (a *asserted) checkIssuedAt() error {
	if a.claims.IssuedAt.After(a.now.Add(a.skew)) {
		return ErrIssuedInFuture
	}
	return nil
}

// allows reports whether the party may sign with algorithm, whatever its keys could do.
func (p Profile) allows(algorithm jose.Algorithm) bool {
	return len(p.Algorithms) == 0 || slices.Contains(p.Algorithms, algorithm)
}

func (p Profile) wantedAlgorithms() (names []string) {
	for _, algorithm := range p.Algorithms {
		names = append(names, algorithm.Names()...)
	}
	return names
}

func (a *asserted) checkIssuer() error {
	if a.claims.Issuer != a.profile.Issuer {
		return ErrIssuer
	}
	return nil
}

// checkType holds RFC 8725 §3.11: another kind of JWT must not pass for an assertion, so an explicit typ that is not
// accepted is refused.
func (a *asserted) checkType() error {
	if a.profile.Type != "" {
		if jose.MediaType(a.typ) != a.profile.Type {
			return ErrType
		}
		return nil
	}
	if a.typ == "" {
		return nil
	}
	if typ := jose.MediaType(a.typ); typ != "jwt" && !slices.Contains(a.profile.Types, typ) {
		return ErrType
	}
	return nil
}

func (p Profile) wantedTypes() []string {
	if p.Type != "" {
		return []string{p.Type}
	}
	return append([]string{"JWT"}, p.Types...)
}

func (a *asserted) checkSubject() error {
	subject, rule := a.claims.Subject, a.profile.Subject
	switch {
	case subject == "" && rule != SubjectMayBeAbsent:
		return ErrSubjectMissing
	case subject != "" && subject != a.claims.Issuer && rule != SubjectRequired:
		return ErrSubject
	}
	return nil
}

// checkAudience holds RFC 7523 §3 item 3 by simple string comparison.
func (a *asserted) checkAudience() error {
	audiences := a.claims.Audience.Values
	switch {
	case len(audiences) == 0:
		return ErrAudienceMissing
	case a.profile.SoleAudience && len(audiences) > 1:
		return ErrAudienceSeveral
	case a.profile.AudienceString && a.claims.Audience.Array:
		return ErrAudienceArray
	}
	for _, audience := range audiences {
		if slices.Contains(a.profile.Audiences, audience) {
			return nil
		}
	}
	return ErrAudience
}

func (p Profile) wantedAudiences() []string { return p.Audiences }

func (a *asserted) checkLifetime() error {
	most := a.profile.MaxLifetime + a.skew
	if a.profile.DateRequired && a.claims.IssuedAt.IsZero() {
		return ErrDateMissing
	}
	if a.profile.MaxLifetime <= 0 || a.claims.ExpiresAt.After(a.now.Add(most)) {
		return ErrLifetime
	}
	// An old iat with a near exp is a long-lived assertion too (protocol C6).
	if !a.claims.IssuedAt.IsZero() && a.claims.ExpiresAt.Sub(a.claims.IssuedAt) > most {
		return ErrLifetime
	}
	return nil
}

func (p Profile) wantedLifetime() []string { return []string{p.MaxLifetime.String() + " at most"} }

func (a *asserted) checkID() error {
	if a.profile.IDRequired && a.claims.ID == "" {
		return ErrIDMissing
	}
	return nil
}
