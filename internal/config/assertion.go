package config

import "slices"

// What jti says: whether an assertion must carry one, so that it can be used only once (RFC 7523 §3 item 7).
const (
	jtiRequired = "required"
	jtiOptional = "optional"
)

// readClientAssertion reads how the assertions look that a client authenticates with (RFC 7523 §2.2, protocol C3..C6).
// us is the issuer identifier of this service.
func readClientAssertion(v value, us string) ClientAssertion {
	m := v.mapping()
	defer m.refuseOthers()
	exceptions := exceptionReader{section: "client_assertion"}
	exceptions.audience(m.optional("audience"), us)
	a := ClientAssertion{
		At:          m.at(),
		MaxLifetime: exceptions.maxLifetime(m.optional("max_lifetime"), defaultClientAssertionLifetime),
	}
	exceptions.jti(m.optional("jti"), jtiRequired)
	a.Exceptions = exceptions.found
	if slices.ContainsFunc(a.Exceptions, func(e Exception) bool { return e.JTIOptional }) {
		m.place("jti").warn("is optional: whoever copies an assertion without jti can use it again until it expires")
	}
	return a
}

// readAssertion reads how the assertions of a grant look (RFC 7523 §2.1, protocol G3..G6). They stand in a section of
// their own at a client, and among the other fields at an issuer.
func readAssertion(m *mapping) Assertion {
	exceptions := exceptionReader{section: "assertion"}
	a := Assertion{
		At:                m.at(),
		Audiences:         exceptions.audiences(m.optional("audiences")),
		Types:             distinct(m.optional("types"), value.identifier),
		MaxLifetime:       exceptions.maxLifetime(m.optional("max_lifetime"), defaultAssertionLifetime),
		JTIRequired:       exceptions.jti(m.optional("jti"), jtiOptional),
		SubjectFromIssuer: m.optional("subject").oneOf("claim", "claim", "issuer") == "issuer",
		ScopeFromClaim:    m.optional("scope").oneOf("parameter", "parameter", "claim") == "claim",
	}
	a.Exceptions = exceptions.found
	return a
}

// readOwnAssertion reads how the assertions look that a client makes for itself (protocol G2).
func readOwnAssertion(v value) Assertion {
	m := v.mapping()
	defer m.refuseOthers()
	return readAssertion(m)
}
