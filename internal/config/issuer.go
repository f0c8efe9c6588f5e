package config

// issuer reads one issuer that may vouch for others (protocol G2).
func (r partyReader) issuer(v value) Issuer {
	m := v.mapping()
	defer m.refuseOthers()
	name := m.required("issuer")
	id := name.identifier()
	i := Issuer{
		At:        m.at(),
		Issuer:    id,
		Disabled:  m.optional("disabled").flag(),
		Keys:      readKeys(m.required("keys"), keyUse{kind: anyKeys, name: id, issues: true, rings: r.rings}),
		Assertion: readAssertion(m),
		Client:    m.optional("client").oneOf(ClientNotNeeded, ClientNotNeeded, ClientIdentified, ClientAuthenticated),
		Allow:     list(m.required("allow"), r.rules.read),
	}
	r.names.enter(name, i.Issuer)
	return i
}
