// Package policy decides what an authorization may become: which subject, resource, scope, lifetime and claims
// (RFC 6749 §3.3, RFC 8707, protocol S, G8).
//
// [Policies.Decide] takes an authorization whose sender is known and hands on a [Decision]. The rules are data: conditions and
// mappings in CEL over the verified claims, compiled and type-checked when they are loaded. The package is pure: no
// input or output, no clock.
//
// A rule matches when its condition holds and its subject has a value. Of the rules for one resource the first that
// matches and has the requested scope decides, and it alone: two rules never add up, and where the first ends in a
// refusal no later one is tried. Order ranks the rules of one resource and never picks the resource. That is the
// request's to say, by its resource parameter or by a scope that the rules of one resource alone have; else it is
// refused (protocol S2).
//
// A rule in shadow mode never decides. What it would have decided goes along with the decision or the refusal, for the
// log. A disabled rule is not there at all.
//
// It must never grant what no rule allows. No rule, no token.
package policy

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/sender"
)

// Policies are the rules of every party.
type Policies struct {
	rules      map[grant.Party][]Rule
	isClient   func(id string) bool
	identities []IdentityAssertions
}

// New returns policies. isClient reports whether an id is a registered client's: nobody but that client gets a token with
// a subject of that name.
func New(rules map[grant.Party][]Rule, isClient func(id string) bool) (*Policies, error) {
	if isClient == nil {
		return nil, errors.New("policy: isClient is required")
	}
	for party, list := range rules {
		for i, rule := range list {
			if !rule.compiled() {
				return nil, fmt.Errorf("policy: rule %d of %q was not made by Compile", i, party.ID)
			}
			if party.Kind == grant.Exchange && rule.subject != nil {
				return nil, fmt.Errorf("policy: rule %d of %q maps the subject of a token that is exchanged", i, party.ID)
			}
		}
	}
	return &Policies{rules: maps.Clone(rules), isClient: isClient}, nil
}

// Decision is what may be granted. Only [Policies.Decide] makes one.
type Decision struct {
	subject   string
	clientID  string
	audience  []string
	scope     oauth.Scope
	lifetime  time.Duration
	notAfter  time.Time
	claims    map[string]any
	actor     *oauth.Actor
	rules     []*Rule
	shadows   []Shadow
	uses      []replay.Use
	sender    sender.Constrained
	assertion assertion.Verified
	valid     bool

	idJAG     *IdentityAssertions // nil: it is about an access token
	resources []string            // of an identity assertion
}

// IsZero reports whether nothing was decided.
func (d Decision) IsZero() bool { return !d.valid }

// Subject returns the sub of the token.
func (d Decision) Subject() string { return d.subject }

// ClientID returns the client_id of the token: the client of the request, or, where it names none, the subject, which
// then is a workload that speaks for itself.
func (d Decision) ClientID() string { return d.clientID }

// Audience returns the aud of the token: one resource or several, never none.
func (d Decision) Audience() []string { return d.audience }

// Scope returns the granted scope, never empty.
func (d Decision) Scope() oauth.Scope { return d.scope }

// Lifetime returns how long the token may live.
func (d Decision) Lifetime() time.Duration { return d.lifetime }

// NotAfter returns the moment beyond which the token must not live whatever its lifetime; zero: there is none
// (protocol S3, X1).
func (d Decision) NotAfter() time.Time { return d.notAfter }

// Actor returns who acts on behalf of the subject (RFC 8693 §4.1); nil: nobody does.
func (d Decision) Actor() *oauth.Actor { return d.actor }

// Claims returns further claims of the token, none of them reserved.
func (d Decision) Claims() map[string]any { return d.claims }

// Rules returns the names of the rules that decided, one for each resource and in the order of Audience.
func (d Decision) Rules() []string {
	if d.idJAG != nil {
		return []string{d.idJAG.Name}
	}
	names := make([]string, len(d.rules))
	for i, rule := range d.rules {
		names[i] = rule.Name
	}
	return names
}

// Uses returns the assertions, and the DPoP proof, that must be remembered as used before the token is handed out.
func (d Decision) Uses() []replay.Use { return d.uses }

// Sender returns what the token can be bound to, and must be.
func (d Decision) Sender() sender.Constrained { return d.sender }

// Assertion returns the assertion that was the grant; its zero value where the grant has none.
func (d Decision) Assertion() assertion.Verified { return d.assertion }

// Decide applies the rules of the authorization's party. The error is an *oauth.Error, or a *Refused that wraps one.
func (p *Policies) Decide(constrained sender.Constrained) (Decision, error) {
	if constrained.IsZero() {
		return Decision{}, &oauth.Error{Code: oauth.ServerError, Description: "the sender of the request was not looked at"}
	}
	authorization := constrained.Authorization()
	if authorization.WantsIDJAG() {
		return p.decideIdentity(constrained)
	}
	matching := p.matching(authorization)
	decision, err := p.decide(authorization, matching.inForce)
	if err == nil {
		decision.sender, decision.uses = constrained, constrained.Uses()
	}
	p.record(authorization, matching, err)
	return withShadows(decision, err, p.shadows(authorization, matching, err))
}

// decide applies rules that match.
func (p *Policies) decide(authorization grant.Authorization, matching []match) (Decision, error) {
	if len(matching) == 0 {
		return Decision{}, noRule(authorization)
	}
	chosen, err := choose(matching, authorization.Resources(), authorization.Scope())
	if err != nil {
		return Decision{}, err
	}
	decision, err := combine(chosen, authorization.Scope())
	if err != nil {
		return Decision{}, err
	}
	if p.poses(authorization, decision.subject) {
		return Decision{}, wrongSubject(authorization)
	}
	if err := authorization.CheckStopped(decision.subject, ""); err != nil {
		return Decision{}, err
	}
	client, named := authorization.Client()
	if !named {
		client = decision.subject
	}
	decision.clientID = client
	decision.notAfter = authorization.NotAfter()
	if decision.notAfter.IsZero() && chosen[0].rule.ExpiresWithAssertion {
		decision.notAfter = authorization.ExpiresAt()
	}
	decision.assertion, decision.actor = authorization.Assertion(), authorization.Actor()
	decision.valid = true
	return decision, nil
}

// poses reports whether the token would be about a client that has not proved to have sent the request: a name alone is
// said by anybody, and an API could take the token for that client's (RFC 9700 §4.15). The subject of a token of ours had
// proved it when it was issued.
func (p *Policies) poses(authorization grant.Authorization, subject string) bool {
	if authorization.Party().Kind == grant.Exchange && subject == authorization.Subject() {
		return false
	}
	client, _ := authorization.Client()
	proved := authorization.Proved() || authorization.Party().Kind == grant.Client
	return p.isClient(subject) && (!proved || client != subject)
}

func wrongSubject(authorization grant.Authorization) error {
	refusal := &oauth.Error{
		Code:        oauth.InvalidGrant,
		Description: "the subject that the assertion stands for has the name of a client",
		Reason:      "subject_is_client",
	}
	switch authorization.Request().GrantType {
	case oauth.ClientCredentials:
		refusal.Code, refusal.Description = oauth.UnauthorizedClient, "the rule for this client gives it the name of another client"
	case oauth.TokenExchange:
		refusal.Code, refusal.Description = oauth.InvalidRequest, "the subject that the subject_token stands for has the name of a client"
	}
	return refusal
}

// matching finds the rules that hold for these claims.
func (p *Policies) matching(authorization grant.Authorization) (matching matches) {
	claims := present(authorization.Claims())
	rules := p.rules[authorization.Party()]
	for i := range rules {
		rule := &rules[i]
		if !rule.matches(claims) {
			continue
		}
		subject, mapped := rule.subjectOf(authorization.Subject(), claims)
		if !mapped {
			continue
		}
		found := newMatch(i, rule, authorization)
		found.subject, found.claims = subject, rule.copiedClaims(claims)
		if rule.Shadow {
			matching.inShadow = append(matching.inShadow, found)
			continue
		}
		matching.inForce = append(matching.inForce, found)
	}
	return matching
}

// noRule says that nothing is allowed (protocol G7, G8).
func noRule(authorization grant.Authorization) error {
	switch authorization.Request().GrantType {
	case oauth.ClientCredentials:
		return &oauth.Error{Code: oauth.UnauthorizedClient, Description: "no rule allows this client anything", Reason: "no_rule"}
	case oauth.TokenExchange: // RFC 8693 §2.2.2: unacceptable based on policy
		return &oauth.Error{Code: oauth.InvalidRequest, Description: "no rule matches the claims of the subject_token", Reason: "no_rule"}
	}
	return &oauth.Error{Code: oauth.InvalidGrant, Description: "no rule matches the claims of the assertion", Reason: "no_rule"}
}
