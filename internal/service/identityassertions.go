package service

import (
	"slices"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
)

// identityAssertions builds what is said of the servers that this one issues grants of.
func identityAssertions(configuration *config.Config) []policy.IdentityAssertions {
	all := make([]policy.IdentityAssertions, 0, len(configuration.IdentityAssertions))
	for _, to := range configuration.IdentityAssertions {
		clients := make(map[string]string, len(to.Clients))
		for _, client := range to.Clients {
			clients[client.ID] = client.ClientID
		}
		all = append(all, policy.IdentityAssertions{
			Name: to.At.Path, Audience: to.Audience, Clients: clients, Issuers: to.Issuers,
			Scopes: oauth.Scope(to.Scopes), Resources: to.Resources, Lifetime: to.Lifetime,
		})
	}
	return all
}

// issuesIdentityAssertions reports whether anybody can get one: a client and an issuer that are not disabled.
func issuesIdentityAssertions(configuration *config.Config) bool {
	disabled := map[string]bool{}
	for _, client := range configuration.Clients {
		disabled[client.ID] = client.Disabled
	}
	for _, issuer := range configuration.Issuers {
		disabled[issuer.Issuer] = issuer.Disabled
	}
	return slices.ContainsFunc(configuration.IdentityAssertions, func(to config.IdentityAssertions) bool {
		return slices.ContainsFunc(to.Clients, func(c config.IdentityClient) bool { return !disabled[c.ID] }) &&
			slices.ContainsFunc(to.Issuers, func(name string) bool { return !disabled[name] })
	})
}
