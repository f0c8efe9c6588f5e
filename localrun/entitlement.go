package main

import (
	"cmp"
	"slices"
	"strings"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/oauth"
)

// entitlement is one thing that a configuration allows: a rule, seen from the party that it is for.
type entitlement struct {
	Kind           string            `json:"kind"` // client or issuer
	Party          string            `json:"party"`
	Grants         []string          `json:"grants"`
	Authentication string            `json:"authentication"` // of a client: its method; of an issuer: what the request must say of its client
	Disabled       bool              `json:"disabled"`       // the rule or the whole party
	Rule           string            `json:"rule"`           // what the log calls it: its place in the configuration
	Mode           string            `json:"mode"`           // enforce or audit: whether the rule decides
	If             string            `json:"if,omitempty"`
	Subject        string            `json:"subject,omitempty"` // CEL; empty: as the party says
	Resource       string            `json:"resource"`
	Scopes         []string          `json:"scopes"`
	DefaultScopes  []string          `json:"default_scopes"`
	Narrow         bool              `json:"narrow"`
	Lifetime       int64             `json:"lifetime"`               // seconds
	WithAssertion  bool              `json:"expires_with_assertion"` // or with the token that is exchanged
	Claims         map[string]string `json:"claims,omitempty"`
	Format         string            `json:"format"`    // of the token: jwt or opaque
	Algorithm      string            `json:"algorithm"` // of its signature, or with which it is sealed
	Profile        string            `json:"profile,omitempty"`
	DPoP           bool              `json:"dpop"` // the token must be bound to a DPoP key
	MTLS           bool              `json:"mtls"` // the token must be bound to a certificate
}

// The kinds of a party.
const (
	kindClient = "client"
	kindIssuer = "issuer"
)

// The modes of a rule.
const (
	modeEnforce = "enforce"
	modeAudit   = "audit"
)

// formatJWT is the token format of RFC 9068. The other one is config.OpaqueFormat.
const formatJWT = "jwt"

// entitlements returns what a configuration allows, in its own order.
func entitlements(configuration *config.Config) []entitlement {
	tokens := tokensOf(configuration)
	var all []entitlement
	add := func(party entitlement, rules []config.Rule) {
		for _, rule := range rules {
			all = append(all, party.with(rule, tokens[rule.Resource]))
		}
	}
	exchanges := false
	for _, client := range configuration.Clients {
		exchanges = exchanges || !client.Disabled && slices.Contains(client.Grants, oauth.TokenExchange)
		party := ofClient(client)
		if configuration.FAPI2(client) {
			party.Profile = config.ProfileFAPI2
		}
		add(party.by(withoutExchange(client.Grants)), client.Allow)
		add(party.by([]string{oauth.TokenExchange}), client.Exchange)
	}
	for _, issuer := range configuration.Issuers {
		party := ofIssuer(issuer)
		party.Profile = cmp.Or(issuer.Profile, configuration.Profile)
		if exchanges && issuer.Profile != config.ProfileIDJAG {
			party.Grants = append(party.Grants, oauth.TokenExchange)
		}
		add(party, issuer.Allow)
	}
	return all
}

// resourceTokens is what the tokens of one resource have in common.
type resourceTokens struct {
	format     string
	algorithm  string // of the signature, or with which they are sealed
	dpop, mtls bool   // what they must be bound to
}

func tokensOf(configuration *config.Config) map[string]resourceTokens {
	tokens := make(map[string]resourceTokens)
	for _, resource := range configuration.Resources {
		all := resourceTokens{
			format:    formatJWT,
			algorithm: cmp.Or(resource.AccessTokens.Algorithm, configuration.SigningKeys.Algorithm),
			dpop:      resource.DPoPRequired,
			mtls:      resource.MTLSRequired,
		}
		if resource.AccessTokens.Opaque {
			all.format, all.algorithm = config.OpaqueFormat, config.SealingAlgorithm
		}
		tokens[resource.ID] = all
	}
	return tokens
}

// ofClient returns what all entitlements of a client have in common.
func ofClient(client config.Client) entitlement {
	return entitlement{
		Kind: kindClient, Party: client.ID, Disabled: client.Disabled,
		Grants: client.Grants, Authentication: client.Authentication,
		DPoP: client.DPoPRequired, MTLS: client.MTLSRequired,
	}
}

// ofIssuer returns what all entitlements have in common that rest on an issuer's word.
func ofIssuer(issuer config.Issuer) entitlement {
	return entitlement{
		Kind: kindIssuer, Party: issuer.Issuer, Disabled: issuer.Disabled,
		Grants: []string{oauth.JWTBearer}, Authentication: issuer.Client,
	}
}

// by returns what the party gets by some of its grants.
func (e entitlement) by(grants []string) entitlement {
	e.Grants = grants
	return e
}

// withoutExchange returns the grants that the rules of a client itself are for.
func withoutExchange(grants []string) []string {
	return slices.DeleteFunc(slices.Clone(grants), func(grant string) bool { return grant == oauth.TokenExchange })
}

// exchanges reports whether it is granted for an access token of the service, and nothing else.
func (e entitlement) exchanges() bool { return slices.Equal(e.Grants, []string{oauth.TokenExchange}) }

// with returns what a rule allows to the party.
func (e entitlement) with(rule config.Rule, tokens resourceTokens) entitlement {
	e.Disabled = e.Disabled || rule.Disabled
	e.Rule, e.Mode = rule.At.Path, modeEnforce
	if rule.Shadow {
		e.Mode = modeAudit
	}
	e.If, e.Subject = rule.If.Text, rule.Subject.Text
	e.Resource, e.Scopes, e.DefaultScopes, e.Narrow = rule.Resource, rule.Scopes, rule.DefaultScopes, rule.Narrow
	e.Lifetime, e.WithAssertion = int64(rule.Lifetime.Seconds()), rule.ExpiresWithAssertion || e.exchanges()
	e.Format, e.Algorithm = tokens.format, tokens.algorithm
	e.DPoP, e.MTLS = e.DPoP || tokens.dpop, e.MTLS || tokens.mtls
	if len(rule.Claims) > 0 {
		e.Claims = make(map[string]string, len(rule.Claims))
		for name, expression := range rule.Claims {
			e.Claims[name] = expression.Text
		}
	}
	return e
}

// who describes the party, and how it comes to ask.
func (e entitlement) who() string {
	if e.Kind == kindClient {
		return "client " + e.Party + " (" + e.Authentication + ")"
	}
	if e.Profile == config.ProfileIDJAG {
		return "issuer " + e.Party + " (" + e.Profile + ", client " + e.Authentication + ")"
	}
	return "issuer " + e.Party + " (client " + e.Authentication + ")"
}

// heading is what the entitlements of the party stand below.
func (e entitlement) heading() string { return e.who() + " by " + e.grantNames() }

// grantNames returns the grants by the names that people use.
func (e entitlement) grantNames() string {
	names := slices.Clone(e.Grants)
	for i, name := range names {
		names[i] = name[strings.LastIndex(name, ":")+1:]
	}
	return strings.Join(names, ", ")
}
