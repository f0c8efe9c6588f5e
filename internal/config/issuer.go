package config

// issuer reads one issuer that may vouch for others (protocol G2).
func (r partyReader) issuer(v value) Issuer {
	m := v.mapping()
	defer m.refuseOthers()
	name := m.required("issuer")
	i := Issuer{
		At:        m.at(),
		Issuer:    name.identifier(),
		Disabled:  m.optional("disabled").flag(),
		Keys:      readKeys(m.required("keys"), anyKeys, r.rings),
		Assertion: readAssertion(m),
		Client:    m.optional("client").oneOf(ClientNotNeeded, ClientNotNeeded, ClientIdentified, ClientAuthenticated),
		Allow:     list(m.required("allow"), r.rules.read),
	}
	r.names.enter(name, i.Issuer)
	return i
}
