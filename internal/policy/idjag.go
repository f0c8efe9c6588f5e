package policy

import (
	"errors"
	"slices"
	"time"

	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/sender"
)

// IdentityAssertions say for which of our clients, and for whose users, this server issues the grants of another
// authorization server (draft-ietf-oauth-identity-assertion-authz-grant §4.3.3). They are no rules: what a user may do
// there is for the other server to say, and these bound what it is told.
type IdentityAssertions struct {
	Name      string            // what the log calls it
	Audience  string            // the issuer identifier of the other server
	Clients   map[string]string // our clients, each with the name that it has there
	Issuers   []string          // whose ID tokens
	Scopes    oauth.Scope       // what may be asked for there; never none
	Resources []string          // where it may be asked for; none: nowhere in particular, and a request that names one is refused
	Lifetime  time.Duration
}

// NewIdentityAssertions adds to policies the servers that identity assertions are issued for.
func (p *Policies) NewIdentityAssertions(all []IdentityAssertions) (*Policies, error) {
	for _, to := range all {
		if to.Audience == "" || len(to.Scopes) == 0 || to.Lifetime <= 0 {
			return nil, errors.New("policy: identity assertions need an audience, scopes and a lifetime")
		}
	}
	return &Policies{p.rules, p.isClient, slices.Clone(all)}, nil
}

// IDJAG reports whether an identity assertion may be issued, and no access token.
func (d Decision) IDJAG() bool { return d.idJAG != nil }

// Resources returns where an identity assertion may be used; none: it does not say.
func (d Decision) Resources() []string { return d.resources }

// decideIdentity decides whether an identity assertion may be issued, and what it says.
func (p *Policies) decideIdentity(constrained sender.Constrained) (Decision, error) {
	authorization := constrained.Authorization()
	client, _ := authorization.Client()
	to, theirs, err := p.identityAssertions(authorization, client)
	if err != nil {
		return Decision{}, err
	}
	scope := authorization.Scope()
	if len(scope) == 0 {
		scope = to.Scopes
	}
	if !scope.Within(to.Scopes) {
		return Decision{}, &oauth.Error{Code: oauth.InvalidScope, Description: "not all of this scope may be asked of that server", Reason: "scope_not_allowed"}
	}
	resources := authorization.Request().Resource
	if len(resources) == 0 {
		resources = to.Resources
	}
	for _, resource := range resources {
		if !slices.Contains(to.Resources, resource) {
			return Decision{}, &oauth.Error{Code: oauth.InvalidTarget, Description: "this resource may not be asked of that server", Reason: "resource_not_allowed"}
		}
	}
	return Decision{
		subject:   authorization.Subject(),
		clientID:  theirs,
		audience:  []string{to.Audience},
		scope:     scope,
		resources: resources,
		lifetime:  to.Lifetime,
		notAfter:  authorization.NotAfter(),
		claims:    signIn(authorization.Claims()),
		actor:     authorization.Actor(),
		idJAG:     to,
		uses:      constrained.Uses(),
		sender:    constrained,
		assertion: authorization.Assertion(),
		valid:     true,
	}, nil
}

// identityAssertions finds what is said of the server that the request names, and how the client is called there.
func (p *Policies) identityAssertions(authorization grant.Authorization, client string) (to *IdentityAssertions, theirs string, err error) {
	audience := authorization.Request().Exchange.Audience
	for i := range p.identities {
		if to = &p.identities[i]; !slices.Contains(audience, to.Audience) {
			continue
		}
		theirs, isFor := to.Clients[client]
		if isFor && slices.Contains(to.Issuers, authorization.Party().ID) {
			return to, theirs, nil
		}
	}
	// The same for a server that nobody knows: to whom else this one vouches is nobody's business (draft §9.4).
	return nil, "", &oauth.Error{
		Code:        oauth.InvalidTarget,
		Description: "no identity assertion for this audience is issued to this client for users of this issuer",
		Reason:      "audience_not_allowed",
	}
}

// signIn returns what the other server may want to know of the user and of the sign-in (draft §3.1). It may find its own
// account of the user by the e-mail address, so one that is not verified does not count.
func signIn(claims map[string]any) map[string]any {
	told := map[string]any{}
	copied := []string{"auth_time", "acr", "amr"}
	if claims["email_verified"] == true {
		copied = append(copied, "email", "email_verified")
	}
	for _, name := range copied {
		if value, present := claims[name]; present {
			told[name] = value
		}
	}
	return told
}
