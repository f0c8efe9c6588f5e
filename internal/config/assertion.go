package config

import "slices"

// What jti says: whether an assertion must carry one, so that it can be used only once (RFC 7523 §3 item 7).
const (
	jtiRequired = "required"
	jtiOptional = "optional"
	jtiReusable = "reusable" // it is there and not looked at
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
	exceptions.jti(m.optional("jti"), jtiRequired, jtiRequired, jtiOptional)
	a.Exceptions = exceptions.found
	if slices.ContainsFunc(a.Exceptions, func(e Exception) bool { return e.JTIOptional }) {
		m.place("jti").warn("is optional: whoever copies an assertion without jti can use it again until it expires")
	}
	return a
}

// readAssertion reads how the assertions of a grant look (RFC 7523 §2.1, protocol G3..G6). They stand in a section of
// their own at a client, and among the other fields at an issuer. What is not written is as otherwise says.
func readAssertion(m *mapping, otherwise Assertion) Assertion {
	exceptions := exceptionReader{section: "assertion"}
	a := otherwise
	a.At = m.at()
	a.Audiences, a.Types = slices.Clone(otherwise.Audiences), slices.Clone(otherwise.Types)
	if audiences := exceptions.audiences(m.optional("audiences")); m.has("audiences") {
		a.Audiences = audiences
	}
	a.MaxLifetime = exceptions.maxLifetime(m.optional("max_lifetime"), otherwise.MaxLifetime)
	if types := distinct(m.optional("types"), assertionType); m.has("types") {
		a.Types = types
	}
	strict := jtiOptional
	if otherwise.JTIRequired {
		strict = jtiRequired
	}
	jti := m.optional("jti")
	if word := exceptions.jti(jti, strict, jtiRequired, jtiOptional, jtiReusable); word != "" {
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
	a.Exceptions = exceptions.found
	return a
}

// readOwnAssertion reads how the assertions look that a client makes for itself (protocol G2).
func readOwnAssertion(v value) Assertion {
	m := v.mapping()
	defer m.refuseOthers()
	return readAssertion(m, Assertion{MaxLifetime: defaultAssertionLifetime})
}
