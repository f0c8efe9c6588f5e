package config

import "cmp"

// issuer reads one issuer that may vouch for others (protocol G2).
func (r partyReader) issuer(v value) Issuer {
	m := v.mapping()
	defer m.refuseOthers()
	preset := readPreset(m)
	place, name := preset.readIssuer(m)
	client := m.optional("client").oneOf("", ClientNotNeeded, ClientIdentified, ClientAuthenticated)
	profile := readIssuerProfile(m)
	if profile == ProfileIDJAG {
		preset, client = &Preset{assertion: idJAGAssertion()}, ClientAuthenticated
	}
	use := keyUse{kind: anyKeys, name: name, issues: true, fapi2: r.profile != "", rings: r.rings}
	i := Issuer{
		At:          m.at(),
		Profile:     profile,
		Preset:      preset.name,
		Issuer:      name,
		TrustDomain: preset.readTrustDomain(m),
		Disabled:    m.optional("disabled").flag(),
		Keys:        preset.readKeys(m, use),
		Assertion:   readAssertion(m, preset.assertion),
		Client:      cmp.Or(client, ClientNotNeeded),
		ClaimTypes:  readClaimTypes(m.optional("claim_types"), preset.claimTypes()),
		Allow:       list(m.required("allow"), r.rules.read),
	}
	if profile == ProfileIDJAG {
		i.Assertion.holdToIDJAG(m)
	}
	for n, rule := range i.Allow {
		i.Allow[n].Require = preset.requirements(i, rule)
	}
	if r.profile != "" {
		holdIssuerToFAPI2(m, client)
	}
	r.names.enter(place, i.Issuer)
	return i
}
