package config

import "slices"

// What jti says: whether an assertion must carry one, so that it can be used only once (RFC 7523 §3 item 7).
const (
	jtiRequired = "required"
	jtiOptional = "optional"
	jtiReusable = "reusable" // it is there and not looked at
)

// readClientAssertion reads how the assertions look that a client authenticates with (RFC 7523 §2.2, protocol C3..C6).
func readClientAssertion(v value) ClientAssertion {
	m := v.mapping()
	defer m.refuseOthers()
	jti := m.optional("jti")
	a := ClientAssertion{
		At:          m.at(),
		Audience:    m.optional("audience").identifier(),
		MaxLifetime: m.optional("max_lifetime").lifetime(defaultClientAssertionLifetime),
		JTIOptional: jti.oneOf(jtiRequired, jtiRequired, jtiOptional) == jtiOptional,
	}
	if a.JTIOptional {
		jti.warn("is optional: whoever copies an assertion without jti can use it again until it expires")
	}
	return a
}

// readAssertion reads how the assertions of a grant look (RFC 7523 §2.1, protocol G3..G6). They stand in a section of
// their own at a client, and among the other fields at an issuer. What is not written is as otherwise says.
func readAssertion(m *mapping, otherwise Assertion) Assertion {
	a := otherwise
	a.At = m.at()
	a.Audiences, a.Types = slices.Clone(otherwise.Audiences), slices.Clone(otherwise.Types)
	a.MaxLifetime = m.optional("max_lifetime").lifetime(otherwise.MaxLifetime)
	if audiences := distinct(m.optional("audiences"), value.identifier); m.has("audiences") {
		a.Audiences = audiences
	}
	if types := distinct(m.optional("types"), value.identifier); m.has("types") {
		a.Types = types
	}
	jti := m.optional("jti")
	if word := jti.oneOf("", jtiRequired, jtiOptional, jtiReusable); word != "" {
		a.JTIRequired, a.Reusable = word == jtiRequired, word == jtiReusable
		if a.Reusable {
			jti.warn("is reusable: whoever copies an assertion can use it again until it expires, also one with a jti")
		}
	}
	if word := m.optional("subject").oneOf("", "claim", "issuer"); word != "" {
		a.SubjectFromIssuer = word == "issuer"
	}
	if word := m.optional("scope").oneOf("", "parameter", "claim"); word != "" {
		a.ScopeFromClaim = word == "claim"
	}
	return a
}

// readOwnAssertion reads how the assertions look that a client makes for itself (protocol G2).
func readOwnAssertion(v value) Assertion {
	m := v.mapping()
	defer m.refuseOthers()
	return readAssertion(m, Assertion{MaxLifetime: defaultAssertionLifetime})
}
