package service

import (
	"fmt"
	"maps"
	"slices"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/config"
	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
	"example.com/countersign/internal/server"
)

type (
	trusts map[grant.Party]grant.Trust
	rules  map[grant.Party][]policy.Rule
)

// clients builds the registered clients, the trust in those that assert for themselves, and their rules.
func (b *builder) clients() ([]*client.Registration, trusts, rules) {
	registrations := make([]*client.Registration, 0, len(b.config.Clients))
	trusted, allowed := trusts{}, rules{}
	for _, registered := range b.config.Clients {
		party := grant.Party{Kind: grant.Client, ID: registered.ID}
		registration := b.registration(registered)
		registrations = append(registrations, registration)
		allowed[party] = b.rules(registered.Allow, nil)
		if len(registered.Exchange) > 0 {
			allowed[grant.Party{Kind: grant.Exchange, ID: registered.ID}] = b.rules(registered.Exchange, nil)
		}
		if registration.Keys != nil && registration.Allows(oauth.JWTBearer) {
			trust := b.trust(registered.Assertion, registration.Keys)
			trust.Disabled = registered.Disabled
			trust.Constraint, trust.Algorithms = registration.Constraint, registration.Algorithms
			if !b.config.FAPI2(registered) {
				trust.Client = grant.ClientOptional // its own assertion proves who it is
			}
			trust.Subject = assertion.SubjectIsIssuer
			if registered.Assertion.SubjectFromIssuer {
				trust.Subject = assertion.SubjectMayBeAbsent
			}
			trusted[party] = trust
		}
	}
	return registrations, trusted, allowed
}

func (b *builder) registration(registered config.Client) *client.Registration {
	registration := &client.Registration{
		ID:          registered.ID,
		Disabled:    registered.Disabled,
		Method:      registered.Authentication,
		Grants:      registered.Grants,
		Introspects: registered.Introspects,
		Keys:        b.keys(registered.Keys, registered.ID),
		Audience:    b.config.Issuer,
		MaxLifetime: registered.ClientAssertion.MaxLifetime,
		Exceptions:  exceptions(registered.ClientAssertion.Exceptions),
		Constraint:  b.constraint(registered),
		Algorithms:  b.algorithms(registered),

		AudienceString: b.config.FAPI2(registered), // FAPI 2.0 §5.3.2.1-8
		Certificate:    certificateName(registered.CertificateName),
	}
	if name := registration.Certificate; !name.IsZero() {
		if err := name.Validate(); err != nil {
			b.fault(registered.CertificateName.At, err)
		}
	}
	b.examineKeys(registered.Keys, registration.Keys, registration.Algorithms)
	if slices.ContainsFunc(registered.ClientAssertion.Exceptions, replacesIssuer) {
		registration.Audience = ""
	}
	for _, secret := range registered.Secrets {
		hash, err := client.ParseSecretHash(secret.Hash)
		if err != nil {
			b.fault(secret.At, err)
			continue
		}
		registration.Secrets = append(registration.Secrets, hash)
	}
	return registration
}

func certificateName(named config.CertificateName) client.CertificateName {
	return client.CertificateName{
		SubjectDN: named.SubjectDN, SANDNS: named.SANDNS, SANURI: named.SANURI, SANIP: named.SANIP, SANEmail: named.SANEmail,
	}
}

// issuers builds the trust in those who vouch for others, and their rules.
func (b *builder) issuers(trusted trusts, allowed rules) {
	needs := map[string]grant.ClientNeed{
		config.ClientNotNeeded:     grant.ClientOptional,
		config.ClientIdentified:    grant.ClientIdentified,
		config.ClientAuthenticated: grant.ClientAuthenticated,
	}
	for _, issuer := range b.config.Issuers {
		party := grant.Party{Kind: grant.Issuer, ID: issuer.Issuer}
		allowed[party] = b.rules(issuer.Allow, b.claimTypes(issuer))
		b.examine(issuer, allowed[party])
		keys := b.keys(issuer.Keys, issuer.Issuer)
		if keys == nil {
			continue // a fault, here or of the document
		}
		trust := b.trust(issuer.Assertion, keys)
		trust.Disabled = issuer.Disabled
		if issuer.Profile == config.ProfileIDJAG {
			trust.IDJAG, trust.Audiences = true, []string{b.config.Issuer}
		}
		trust.Client = needs[issuer.Client]
		trust.Algorithms = b.algorithms(config.Client{})
		b.examineKeys(issuer.Keys, keys, trust.Algorithms)
		trust.Subject = assertion.SubjectRequired
		if issuer.Assertion.SubjectFromIssuer {
			trust.Subject = assertion.SubjectMayBeAbsent
		}
		trusted[party] = trust
	}
}

// trust builds what issuers and clients that assert for themselves have in common.
func (b *builder) trust(bounds config.Assertion, keys assertion.Keys) grant.Trust {
	us := []string{b.config.Issuer, server.Endpoint(b.config.Issuer, server.TokenPath)}
	for _, exception := range bounds.Exceptions {
		if slices.Contains(us, exception.Audience) {
			b.fault(exception.At, fmt.Errorf("%s is this service, which needs no exception; leave it out", exception.Name))
		}
	}
	return grant.Trust{
		Keys:           keys,
		Audiences:      append(us, bounds.Audiences...),
		Types:          mediaTypes(bounds.Types),
		MaxLifetime:    bounds.MaxLifetime,
		IDRequired:     bounds.JTIRequired,
		Reusable:       bounds.Reusable,
		Exceptions:     exceptions(bounds.Exceptions),
		ScopeFromClaim: bounds.ScopeFromClaim,
	}
}

// exceptions hands on what assertions may be weaker in.
func exceptions(configured []config.Exception) []assertion.Exception {
	all := make([]assertion.Exception, len(configured))
	for i, e := range configured {
		all[i] = assertion.Exception{
			Name: e.Name, End: e.End(), Endless: e.Until.IsZero(),
			Audience: e.Audience, MaxLifetime: e.MaxLifetime, IDOptional: e.JTIOptional,
		}
	}
	return all
}

// replacesIssuer reports whether a client names one exact value in place of the issuer identifier (protocol C4). Where
// that has an end both are accepted, so that the client can change before it.
func replacesIssuer(e config.Exception) bool { return e.Audience != "" && e.Until.IsZero() }

// rules compiles rules, and reports each expression that does not compile where it stands. A rule with such a fault is
// there with its zero value.
func (b *builder) rules(configured []config.Rule, types *policy.ClaimTypes) []policy.Rule {
	compiled := make([]policy.Rule, 0, len(configured))
	for _, rule := range configured {
		terms := policy.Terms{
			Name:                 rule.At.Path,
			Disabled:             rule.Disabled,
			Shadow:               rule.Shadow,
			Resource:             rule.Resource,
			Scopes:               oauth.Scope(rule.Scopes),
			DefaultScopes:        oauth.Scope(rule.DefaultScopes),
			Lifetime:             rule.Lifetime,
			Narrow:               rule.Narrow,
			ExpiresWithAssertion: rule.ExpiresWithAssertion,
		}
		expressions := policy.Expressions{If: rule.If.Text, Subject: rule.Subject.Text, Claims: map[string]string{}, Types: types}
		for _, requirement := range rule.Require {
			expressions.Require = append(expressions.Require, requirement.Condition)
		}
		for name, expression := range rule.Claims {
			expressions.Claims[name] = expression.Text
		}
		made, faults, err := b.compiler.Rule(terms, expressions)
		if err != nil {
			b.fault(rule.At, err)
		}
		for _, fault := range faults {
			b.fault(place(rule, fault.Field), fault.Err)
		}
		compiled = append(compiled, made)
	}
	return compiled
}

// place returns where an expression of a rule stands.
func place(rule config.Rule, field string) config.Position {
	switch field {
	case "if":
		return rule.If.At
	case "subject":
		return rule.Subject.At
	}
	for name, expression := range rule.Claims {
		if field == "claims."+name {
			return expression.At
		}
	}
	return rule.At
}

// metadata says what this configuration supports, and nothing else (protocol J3). The registrations are those of its
// clients, in their order.
func metadata(configuration *config.Config, registrations []*client.Registration) server.Metadata {
	m := server.Metadata{
		Issuer:        configuration.Issuer,
		TokenEndpoint: server.Endpoint(configuration.Issuer, server.TokenPath),
		JWKSURI:       server.Endpoint(configuration.Issuer, server.JWKSPath),
	}
	scopes, grants, methods, algorithms := names{}, names{}, names{}, assertionAlgorithms{}
	for _, resource := range configuration.Resources {
		scopes.add(resource.Scopes...)
	}
	for i, registered := range configuration.Clients {
		if !registered.Disabled && len(registered.Grants) > 0 {
			grants.add(registered.Grants...)
			methods.add(registered.Authentication)
			algorithms.add(registered, registrations[i])
		}
	}
	for _, issuer := range configuration.Issuers {
		if !issuer.Disabled {
			grants.add(oauth.JWTBearer)
			if issuer.Profile == config.ProfileIDJAG {
				m.GrantProfilesSupported = []string{server.IDJAGProfile}
			}
			if issuer.Client == config.ClientNotNeeded {
				methods.add(oauth.NoAuthentication)
			}
		}
	}
	if issuesIdentityAssertions(configuration) {
		m.IssuedGrantsSupported = []string{oauth.TypeIDJAG}
	}
	m.ScopesSupported, m.GrantTypesSupported = scopes.sorted(), grants.sorted()
	m.AuthMethodsSupported, m.AuthSigningAlgorithms = methods.sorted(), algorithms.names().sorted()
	m.DPoPSigningAlgorithms = proofAlgorithms(configuration).sorted()
	m.CertificateBoundTokens = !configuration.MutualTLS.IsZero()
	if alias := configuration.MutualTLS.Endpoint; alias != "" {
		m.MTLSEndpointAliases = &server.EndpointAliases{TokenEndpoint: server.Endpoint(alias, server.TokenPath)}
	}
	describeAuthorization(&m, configuration)
	describeReturned(&m, configuration, registrations)
	return m
}

// describeAuthorization adds what the official clients of the Model Context Protocol insist on, where the configuration
// wants that. No response type is supported all the same, and the endpoint says so.
func describeAuthorization(m *server.Metadata, configuration *config.Config) {
	if configuration.Metadata.MCPClients {
		m.AuthorizationEndpoint = server.Endpoint(configuration.Issuer, server.AuthorizationPath)
		m.CodeChallengeMethods = []string{"S256"} // RFC 7636 §4.2
	}
}

// describeReturned adds introspection and revocation, where a client introspects. Whoever has a token can take it back.
func describeReturned(m *server.Metadata, configuration *config.Config, registrations []*client.Registration) {
	if !slices.ContainsFunc(configuration.Clients, introspects) {
		return
	}
	asks, asksWith, revokes, revokesWith := names{}, assertionAlgorithms{}, names{}, assertionAlgorithms{}
	for i, registered := range configuration.Clients {
		if introspects(registered) {
			asks.add(registered.Authentication)
			asksWith.add(registered, registrations[i])
		}
		if !registered.Disabled && len(registered.Grants) > 0 {
			revokes.add(registered.Authentication)
			revokesWith.add(registered, registrations[i])
		}
	}
	m.IntrospectionEndpoint = server.Endpoint(configuration.Issuer, server.IntrospectionPath)
	m.IntrospectionAuthMethods, m.IntrospectionAuthSigningAlgorithms = asks.sorted(), asksWith.names().sorted()
	m.RevocationEndpoint = server.Endpoint(configuration.Issuer, server.RevocationPath)
	m.RevocationAuthMethods, m.RevocationAuthSigningAlgorithms = revokes.sorted(), revokesWith.names().sorted()
	if alias := configuration.MutualTLS.Endpoint; alias != "" {
		m.MTLSEndpointAliases.IntrospectionEndpoint = server.Endpoint(alias, server.IntrospectionPath)
		m.MTLSEndpointAliases.RevocationEndpoint = server.Endpoint(alias, server.RevocationPath)
	}
}

// proofAlgorithms returns those that a DPoP proof can have. A single client may have fewer of them.
func proofAlgorithms(configuration *config.Config) names {
	algorithms := jose.AsymmetricAlgorithms()
	if configuration.Profile == config.ProfileFAPI2 {
		algorithms = jose.FAPI2Algorithms()
	}
	all := names{}
	for _, algorithm := range algorithms {
		all.add(algorithm.Names()...)
	}
	return all
}

// names are few, however many clients have them.
type names map[string]bool

func (n names) add(more ...string) {
	for _, name := range more {
		n[name] = true
	}
}

func (n names) sorted() []string { return slices.Sorted(maps.Keys(n)) }
