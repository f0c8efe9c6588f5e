package config

// RequiredWord is the value of dpop and of mtls. Who needs neither writes neither.
const RequiredWord = "required"

// DPoP is what holds for every DPoP proof (RFC 9449). Proofs are accepted without it.
type DPoP struct {
	At     Position
	Nonces string // projects/P/secrets/S, each enabled version of which makes nonces (RFC 9449 §8); empty: none are needed
}

// readDPoP reads what holds for every proof. Whoever has the secret of the nonces can make proofs ahead of time, so it is
// nobody else's (RFC 9449 §11.2).
func readDPoP(v value, rings *ringReader) DPoP {
	m := v.mapping()
	defer m.refuseOthers()
	nonces := m.optional("nonces")
	d := DPoP{
		At:     m.at(),
		Nonces: nonces.secretName(),
	}
	rings.enterPrivate(nonces, d.Nonces)
	return d
}
