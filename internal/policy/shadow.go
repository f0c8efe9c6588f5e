package policy

import (
	"errors"
	"slices"
	"time"

	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/oauth"
)

// Shadow is what a rule in shadow mode would have made of a request, had it alone been in force beside the others. It is
// no [Decision], and nothing can be granted on it.
type Shadow struct {
	Rule   string // its name
	Reason string // why the request would have been refused, as an oauth.Error says it to the log; empty: it would have been granted

	// What the token would have been like; zero where the request would have been refused.
	Subject  string
	Audience []string
	Scope    oauth.Scope
	Lifetime time.Duration
}

// Refused is a refusal that rules in shadow mode would have had a part in. It wraps the *oauth.Error.
type Refused struct {
	Err     error
	Shadows []Shadow
}

// Error returns the text of the refusal.
func (r *Refused) Error() string { return r.Err.Error() }

// Unwrap returns the refusal.
func (r *Refused) Unwrap() error { return r.Err }

// Shadows returns what rules in shadow mode would have made of a request, in the order of the rules. decision and err
// are how the request ended: what [Policies.Decide] returned, or the error of a later stage.
func Shadows(decision Decision, err error) []Shadow {
	if refused, isRefused := errors.AsType[*Refused](err); isRefused {
		return refused.Shadows
	}
	return decision.shadows
}

// withShadows adds to an outcome what the rules in shadow mode would have made of it.
func withShadows(decision Decision, err error, shadows []Shadow) (Decision, error) {
	switch {
	case len(shadows) == 0:
		return decision, err
	case err != nil:
		return Decision{}, &Refused{err, shadows}
	default:
		decision.shadows = shadows
		return decision, nil
	}
}

// shadows finds the rules in shadow mode without which err, or a decision, would not have been the outcome: they would
// have decided themselves, or led to another refusal. One that another rule comes before is not among them.
func (p *Policies) shadows(authorization grant.Authorization, matching matches, err error) []Shadow {
	var shadows []Shadow
	for _, m := range matching.inShadow {
		would, refusal := p.decide(authorization, matching.with(m))
		switch {
		case refusal == nil && slices.Contains(would.rules, m.rule):
			shadows = append(shadows, Shadow{
				Rule: m.rule.Name, Subject: would.subject, Audience: would.audience, Scope: would.scope, Lifetime: would.lifetime,
			})
		case refusal != nil && reason(refusal) != reason(err):
			shadows = append(shadows, Shadow{Rule: m.rule.Name, Reason: reason(refusal)})
		}
	}
	return shadows
}

// matches are the rules that match one authorization, each kind in its order.
type matches struct {
	inForce  []match
	inShadow []match
}

// with returns the rules in force as they were if one in shadow mode stood in its place among them.
func (m matches) with(shadow match) []match {
	at := len(m.inForce)
	if behind := slices.IndexFunc(m.inForce, func(other match) bool { return other.place > shadow.place }); behind >= 0 {
		at = behind
	}
	return slices.Insert(slices.Clone(m.inForce), at, shadow)
}

// reason returns what the log calls a refusal; empty: there is none.
func reason(err error) string {
	refusal, isRefusal := errors.AsType[*oauth.Error](err)
	switch {
	case !isRefusal:
		return ""
	case refusal.Reason == "":
		return string(refusal.Code)
	default:
		return refusal.Reason
	}
}
