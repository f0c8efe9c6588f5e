package difference

import (
	"slices"
	"strings"

	"example.com/countersign/internal/config"
)

// party is a client or an issuer, as far as the two are compared alike. The zero party is not there.
type party struct {
	name     string
	disabled bool
	rules    []config.Rule
	exchange []config.Rule // of a client
}

func (p party) there() bool   { return p.name != "" }
func (p party) enabled() bool { return p.there() && !p.disabled }

func clientParty(client config.Client) party {
	return party{client.ID, client.Disabled, client.Allow, client.Exchange}
}

func issuerParty(issuer config.Issuer) party {
	return party{issuer.Issuer, issuer.Disabled, issuer.Allow, nil}
}

// clients compares the registered clients.
func (c *comparison) clients() error {
	were := make(map[string]config.Client, len(c.before.Configuration.Clients))
	for _, was := range c.before.Configuration.Clients {
		were[was.ID] = was
	}
	for _, is := range c.after.Configuration.Clients {
		was := were[is.ID]
		delete(were, is.ID)
		at := place{kind: Client, party: is.ID, before: was.At, after: is.At}
		if !c.standing(at, "id", clientParty(was), clientParty(is)) {
			continue
		}
		if err := c.client(at, was, is); err != nil {
			return err
		}
	}
	for _, was := range c.before.Configuration.Clients {
		if _, gone := were[was.ID]; gone {
			c.standing(place{kind: Client, party: was.ID, before: was.At}, "id", clientParty(was), party{})
		}
	}
	return nil
}

// issuers compares those who may vouch for others.
func (c *comparison) issuers() error {
	were := make(map[string]config.Issuer, len(c.before.Configuration.Issuers))
	for _, was := range c.before.Configuration.Issuers {
		were[was.Issuer] = was
	}
	for _, is := range c.after.Configuration.Issuers {
		was := were[is.Issuer]
		delete(were, is.Issuer)
		at := place{kind: Issuer, party: is.Issuer, before: was.At, after: is.At}
		if !c.standing(at, "issuer", issuerParty(was), issuerParty(is)) {
			continue
		}
		if err := c.issuer(at, was, is); err != nil {
			return err
		}
	}
	for _, was := range c.before.Configuration.Issuers {
		if _, gone := were[was.Issuer]; gone {
			c.standing(place{kind: Issuer, party: was.Issuer, before: was.At}, "issuer", issuerParty(was), party{})
		}
	}
	return nil
}

const whyNewParty = "it could get nothing, and vouch for nobody"

// standing compares whether a party is there and enabled, and what it has where it is so in one document alone. It
// reports whether it is in both, so that the rest is to be compared. name is the field that names the party.
func (c *comparison) standing(at place, name string, was, is party) (both bool) {
	switch {
	case was.enabled() && is.enabled():
		return true
	case !was.there():
		c.value(at, name, "", is.name, is.enabled(), whyNewParty)
	case !is.there():
		c.value(at, name, was.name, "", at.kind == Client && c.canBeVouchedFor(was.name),
			"the name is no client's any more, so others can vouch for a subject of that name; disabled: true would keep it")
	default:
		c.value(at, "disabled", on(was.disabled), on(is.disabled), is.enabled(), whyNewParty)
	}
	switch {
	case is.enabled():
		c.entitled(at, party{}, is)
	case was.enabled():
		c.entitled(at, was, party{})
	}
	return false
}

// entitled compares all that a party may get: on its own word, and for tokens of ours that it exchanges.
func (c *comparison) entitled(at place, was, is party) {
	at.path = "allow"
	c.rules(at, was.rules, is.rules)
	at.path = "exchange"
	c.rules(at, was.exchange, is.exchange)
}

// canBeVouchedFor reports whether anybody in the document after may get a token about a subject of this name, where it
// is no client's (RFC 9700 §4.15). Where it is, be the client disabled, only that client gets one.
func (c *comparison) canBeVouchedFor(name string) bool {
	mapped := func(rule config.Rule) bool {
		return grants(rule) && rule.Subject.Text != "" && !beginsOtherwise(rule.Subject.Text, name)
	}
	for _, client := range c.after.Configuration.Clients {
		if !client.Disabled && slices.ContainsFunc(client.Allow, mapped) {
			return true
		}
	}
	for _, issuer := range c.after.Configuration.Issuers {
		asIs := func(rule config.Rule) bool {
			return grants(rule) && rule.Subject.Text == "" && (!issuer.Assertion.SubjectFromIssuer || issuer.Issuer == name)
		}
		if !issuer.Disabled && (slices.ContainsFunc(issuer.Allow, mapped) || slices.ContainsFunc(issuer.Allow, asIs)) {
			return true
		}
	}
	return false
}

// client compares a client that both documents have, and neither has disabled.
func (c *comparison) client(at place, was, is config.Client) error {
	c.authentication(at, was, is)
	if was.Authentication == config.TLSClientAuth && is.Authentication == config.TLSClientAuth {
		c.certificateName(at, was.CertificateName, is.CertificateName)
	}
	c.profile(at, was, is)
	c.bindings(at, bound{was.DPoPRequired, was.MTLSRequired}, bound{is.DPoPRequired, is.MTLSRequired})
	if err := c.keys(at, was.Keys, is.Keys); err != nil {
		return err
	}
	c.secrets(at, was.Secrets, is.Secrets)
	c.list(at, "grants", was.Grants, is.Grants, "the client may use another grant")
	c.list(at, "introspects", was.Introspects, is.Introspects, "the client may ask what tokens of this API say")
	if signs(was) && signs(is) {
		c.clientAssertion(at, was.ClientAssertion, is.ClientAssertion)
	}
	if asserts(was) && asserts(is) {
		c.assertion(at.within("assertion.", was.Assertion.At, is.Assertion.At), was.Assertion, is.Assertion)
	}
	c.entitled(at, clientParty(was), clientParty(is))
	return nil
}

// signs reports whether the client authenticates with assertions. Where it does in one document alone, its method is
// another, and that has been said.
func signs(client config.Client) bool {
	return client.Authentication == config.PrivateKeyJWT || client.Authentication == config.ClientSecretJWT
}

// asserts reports whether the client may assert for itself (protocol G2). Where it may in one document alone, its keys
// or its grants are others, and that has been said.
func asserts(client config.Client) bool {
	return !client.Keys.IsZero() && slices.Contains(client.Grants, config.JWTBearer)
}

// authentication compares the method. A stronger one widens too, since another credential is good then; but a secret
// that comes in the Authorization header instead of the body is the same one, and kept out of more logs
// (RFC 6749 §2.3.1).
func (c *comparison) authentication(at place, was, is config.Client) {
	narrower := was.Authentication == config.ClientSecretPost && is.Authentication == config.ClientSecretBasic
	c.value(at, "authentication", was.Authentication, is.Authentication, !narrower,
		"the client proves who it is with less, or with another credential")
}

// secrets compares hashes, and shows none of them: what one is of can be guessed.
func (c *comparison) secrets(at place, before, after []config.SecretHash) {
	lacks := func(hashes []config.SecretHash, one config.SecretHash) bool {
		return !slices.ContainsFunc(hashes, func(other config.SecretHash) bool { return other.Hash == one.Hash })
	}
	for _, is := range after {
		if lacks(before, is) {
			c.value(at.within("", config.Position{}, is.At), "secrets", "", hashName(is), true, "another secret is the client's")
		}
	}
	for _, was := range before {
		if lacks(after, was) {
			c.value(at.within("", was.At, config.Position{}), "secrets", hashName(was), "", false, "")
		}
	}
}

func hashName(secret config.SecretHash) string {
	if strings.HasPrefix(secret.Hash, "$argon2id$") {
		return "an argon2id hash"
	}
	return "a bcrypt hash"
}
