package config

import (
	"slices"
	"time"
)

// IdentityAssertions says for which clients, and for whose users, the grants of one other authorization server are issued
// (draft-ietf-oauth-identity-assertion-authz-grant §4.3).
type IdentityAssertions struct {
	At        Position
	Audience  string           // the issuer identifier of the other server; no other entry has it
	Clients   []IdentityClient // at least one
	Issuers   []string         // issuers of this document whose ID tokens are taken; at least one, none with ProfileIDJAG
	Scopes    []string         // what may be asked for there; at least one
	Resources []string         // where it may be asked for; none: nowhere in particular
	Lifetime  time.Duration    // 5 m unless set
}

// IdentityClient is a client with two names.
type IdentityClient struct {
	At       Position
	ID       string // of a client of this document, which has the grant TokenExchange
	ClientID string // as the other server has registered it
}

// defaultIdentityLifetime is long enough to bring an identity assertion where it is for.
const defaultIdentityLifetime = 5 * time.Minute

// An identityReader reads who gets identity assertions.
type identityReader struct {
	config    *Config // its clients and issuers have been read
	audiences register
}

func newIdentityReader(c *Config) identityReader { return identityReader{c, register{}} }

func (r identityReader) read(v value) IdentityAssertions {
	m := v.mapping()
	defer m.refuseOthers()
	audience := m.required("audience")
	to := IdentityAssertions{
		At:        m.at(),
		Audience:  audience.issuer(),
		Clients:   list(m.required("clients"), r.readClient),
		Issuers:   distinct(m.required("issuers"), r.readIssuer),
		Scopes:    distinct(m.required("scopes"), value.scope),
		Resources: distinct(m.optional("resources"), value.resourceID),
		Lifetime:  m.optional("lifetime").lifetime(defaultIdentityLifetime),
	}
	r.audiences.enter(audience, to.Audience)
	if to.Audience != "" && to.Audience == r.config.Issuer {
		audience.fault("is this service; an identity assertion is for another one, and this one takes none of its own")
	}
	for n, client := range to.Clients {
		if slices.ContainsFunc(to.Clients[:n], func(c IdentityClient) bool { return c.ID == client.ID }) {
			m.findings.fault(client.At, "is "+quote(client.ID)+" again, which has one name there")
		}
	}
	return to
}

func (r identityReader) readClient(v value) IdentityClient {
	m := v.mapping()
	defer m.refuseOthers()
	id := m.required("id")
	client := IdentityClient{At: m.at(), ID: id.identifier(), ClientID: m.required("client_id").identifier()}
	if client.ID == "" {
		return client
	}
	at := slices.IndexFunc(r.config.Clients, func(c Client) bool { return c.ID == client.ID })
	switch {
	case at < 0:
		id.fault("is %s, which is not the id of any of the clients", quote(client.ID))
	case !slices.Contains(r.config.Clients[at].Grants, TokenExchange):
		id.fault("is %s, which does not have the grant %s", quote(client.ID), TokenExchange)
	}
	return client
}

func (r identityReader) readIssuer(v value) string {
	name := v.identifier()
	if name == "" {
		return ""
	}
	at := slices.IndexFunc(r.config.Issuers, func(i Issuer) bool { return i.Issuer == name })
	switch {
	case at < 0:
		v.fault("is %s, which is not any of the issuers", quote(name))
	case r.config.Issuers[at].Profile == ProfileIDJAG:
		v.fault("is %s, which issues identity assertions and no ID tokens", quote(name))
	}
	return name
}
