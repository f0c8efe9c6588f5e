package config

// issuer reads one issuer that may vouch for others (protocol G2).
func (r partyReader) issuer(v value) Issuer {
	m := v.mapping()
	defer m.refuseOthers()
	preset := readPreset(m)
	place, name := preset.readIssuer(m)
	i := Issuer{
		At:          m.at(),
		Preset:      preset.name,
		Issuer:      name,
		TrustDomain: preset.readTrustDomain(m),
		Disabled:    m.optional("disabled").flag(),
		Keys:        preset.readKeys(m, keyUse{kind: anyKeys, name: name, issues: true, rings: r.rings}),
		Assertion:   readAssertion(m, preset.assertion),
		Client:      m.optional("client").oneOf(ClientNotNeeded, ClientNotNeeded, ClientIdentified, ClientAuthenticated),
		ClaimTypes:  readClaimTypes(m.optional("claim_types"), preset.claimTypes()),
		Allow:       list(m.required("allow"), r.rules.read),
	}
	for n, rule := range i.Allow {
		i.Allow[n].Require = preset.requirements(i, rule)
	}
	r.names.enter(place, i.Issuer)
	return i
}
