package config

// readIssuer reads one issuer that may vouch for others (protocol G2).
func readIssuer(v value, parties register, rules ruleReader) Issuer {
	m := v.mapping()
	defer m.refuseOthers()
	name := m.required("issuer")
	i := Issuer{
		At:        m.at(),
		Issuer:    name.identifier(),
		Disabled:  m.optional("disabled").flag(),
		Keys:      readKeys(m.required("keys"), anyKeys),
		Assertion: readAssertion(m),
		Client:    m.optional("client").oneOf(ClientNotNeeded, ClientNotNeeded, ClientIdentified, ClientAuthenticated),
		Allow:     list(m.required("allow"), rules.read),
	}
	parties.enter(name, i.Issuer)
	return i
}
