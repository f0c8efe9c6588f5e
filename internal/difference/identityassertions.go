package difference

import "example.com/countersign/internal/config"

// identityAssertions compares the grants of other authorization servers that are issued here.
func (c *comparison) identityAssertions() {
	were := map[string]config.IdentityAssertions{}
	for _, was := range c.before.Configuration.IdentityAssertions {
		were[was.Audience] = was
	}
	for _, is := range c.after.Configuration.IdentityAssertions {
		c.identityAssertionsFor(were[is.Audience], is)
		delete(were, is.Audience)
	}
	for _, was := range c.before.Configuration.IdentityAssertions {
		if _, gone := were[was.Audience]; gone {
			c.identityAssertionsFor(was, config.IdentityAssertions{})
		}
	}
}

// identityAssertionsFor compares those of one server. Where one of the two is zero, the other is new or gone as a whole.
func (c *comparison) identityAssertionsFor(was, is config.IdentityAssertions) {
	at := place{kind: Service}.within("identity_assertions", was.At, is.At)
	if was.Audience != is.Audience {
		c.value(at, "", was.Audience, is.Audience, is.Audience != "", "clients get grants of another authorization server")
		return
	}
	at.path += "." + is.Audience + "."
	const why = "clients get more grants of that authorization server"
	c.list(at, "clients", names(was.Clients), names(is.Clients), why)
	c.list(at, "issuers", was.Issuers, is.Issuers, why)
	c.list(at, "scopes", was.Scopes, is.Scopes, why)
	// Without resources a grant says nothing of them, and is good wherever that server likes.
	c.value(at, "resources", scopes(missing(was.Resources, is.Resources)), scopes(missing(is.Resources, was.Resources)),
		len(was.Resources) > 0 && (len(is.Resources) == 0 || len(missing(is.Resources, was.Resources)) > 0), why)
	c.longer(at, "lifetime", was.Lifetime, is.Lifetime, "grants of that authorization server are good for longer")
}

// names writes clients with the names that they have at the other server.
func names(clients []config.IdentityClient) []string {
	var all []string
	for _, client := range clients {
		all = append(all, client.ID+" as "+client.ClientID)
	}
	return all
}
