package config_test

import (
	"slices"
	"strings"
	"time"

	"example.com/countersign/internal/config"
)

func (i invariants) identityAssertions(to config.IdentityAssertions) {
	i.must(to.At.Line > 0, "an entry has a place", to)
	i.must(strings.HasPrefix(to.Audience, "http") && to.Audience != i.config.Issuer, "the issuer identifier of another server", to)
	i.must(len(to.Clients) > 0 && len(to.Issuers) > 0 && len(to.Scopes) > 0, "clients, issuers and scopes", to)
	i.must(to.Lifetime >= time.Second, "a lifetime", to)
	for _, client := range to.Clients {
		i.must(client.ClientID != "", "a name at the other server", to)
		i.must(slices.ContainsFunc(i.config.Clients, func(c config.Client) bool {
			return c.ID == client.ID && contains(c.Grants, config.TokenExchange)
		}), "a client that exchanges tokens", to)
	}
	for _, name := range to.Issuers {
		i.must(slices.ContainsFunc(i.config.Issuers, func(c config.Issuer) bool { return c.Issuer == name && c.Profile == "" }), "an issuer of ID tokens", to)
	}
}
