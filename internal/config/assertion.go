package config

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
// their own at a client, and among the other fields at an issuer.
func readAssertion(m *mapping) Assertion {
	jti := m.optional("jti")
	word := jti.oneOf(jtiOptional, jtiRequired, jtiOptional, jtiReusable)
	if word == jtiReusable {
		jti.warn("is reusable: whoever copies an assertion can use it again until it expires, also one with a jti")
	}
	return Assertion{
		At:                m.at(),
		Audiences:         distinct(m.optional("audiences"), value.identifier),
		Types:             distinct(m.optional("types"), value.identifier),
		MaxLifetime:       m.optional("max_lifetime").lifetime(defaultAssertionLifetime),
		JTIRequired:       word == jtiRequired,
		Reusable:          word == jtiReusable,
		SubjectFromIssuer: m.optional("subject").oneOf("claim", "claim", "issuer") == "issuer",
		ScopeFromClaim:    m.optional("scope").oneOf("parameter", "parameter", "claim") == "claim",
	}
}

// readOwnAssertion reads how the assertions look that a client makes for itself (protocol G2).
func readOwnAssertion(v value) Assertion {
	m := v.mapping()
	defer m.refuseOthers()
	return readAssertion(m)
}
