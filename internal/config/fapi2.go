package config

import (
	"slices"
	"strings"
	"time"
)

// ProfileFAPI2 is the FAPI 2.0 Security Profile: see [Config.FAPI2].
const ProfileFAPI2 = "fapi2"

// FAPI2 reports whether the client is held to the FAPI 2.0 Security Profile: by itself, or as the whole server is. Such a
// client gets only tokens that are bound to a key or to a certificate, also where neither dpop nor mtls is required of it.
func (c *Config) FAPI2(client Client) bool {
	return c.Profile == ProfileFAPI2 || client.Profile == ProfileFAPI2
}

// bringsUnderFAPI2 reports whether the client is held to the profile by itself, and can bring the assertions of issuers.
func (c Client) bringsUnderFAPI2() bool {
	return c.Profile == ProfileFAPI2 && slices.Contains(c.Grants, JWTBearer)
}

// leastFAPI2Skew is how far from the future a JWT must still be accepted (FAPI 2.0 §5.3.2.1-13).
const leastFAPI2Skew = 10 * time.Second

func readProfile(v value) string {
	if v.only(ProfileFAPI2) {
		return ProfileFAPI2
	}
	return ""
}

// fapi2Methods are the ways to authenticate of FAPI 2.0 §5.3.2.1.
func fapi2Methods() []string {
	return []string{PrivateKeyJWT, TLSClientAuth, SelfSignedTLSClientAuth}
}

// fapi2Algorithms are those of FAPI 2.0 §5.4.1.
func fapi2Algorithms() []string {
	return []string{"ES256", "PS256", "EdDSA"}
}

// beyondFAPI2 reports whether an algorithm is one that the profile does not have. One that could not be read has a fault
// already.
func beyondFAPI2(algorithm string) bool {
	return algorithm != "" && !slices.Contains(fapi2Algorithms(), algorithm)
}

// holdToFAPI2 refuses an algorithm that the profile does not have.
func (v value) holdToFAPI2(algorithm string) {
	if beyondFAPI2(algorithm) {
		v.fault("is %s, which the profile fapi2 does not have; use one of %s (FAPI 2.0 §5.4.1)",
			quote(algorithm), strings.Join(fapi2Algorithms(), ", "))
	}
}

// holdClientToFAPI2 refuses what is weaker than the profile in how a client authenticates.
func holdClientToFAPI2(m *mapping, c Client) {
	if c.Authentication == "" {
		return // A fault has been reported.
	}
	if !slices.Contains(fapi2Methods(), c.Authentication) {
		m.place("authentication").fault("is %s, which the profile fapi2 does not have; use one of %s (FAPI 2.0 §5.3.2.1)",
			c.Authentication, strings.Join(fapi2Methods(), ", "))
		return
	}
	for _, e := range c.ClientAssertion.Exceptions {
		switch {
		case c.Authentication != PrivateKeyJWT: // There must be none, and that has been said.
		case e.Audience != "":
			m.findings.fault(e.At, "audience is another than the issuer identifier, "+
				"and the profile fapi2 accepts that alone (FAPI 2.0 §5.3.2.1); leave it out")
		case e.JTIOptional:
			m.findings.fault(e.At, "jti is optional, and under the profile fapi2 an assertion is good once; leave it out")
		}
	}
}

// holdIssuerToFAPI2 refuses an issuer on whose word anybody gets a token: the profile knows confidential clients alone.
// word is what client says, if anything.
func holdIssuerToFAPI2(m *mapping, word string) {
	if word == ClientAuthenticated || word == "" && m.has("client") {
		return // In the second case a fault has been reported.
	}
	if word == "" {
		word = ClientNotNeeded
	}
	m.place("client").fault("is %s, and the profile fapi2 knows clients that authenticate alone (FAPI 2.0 §5.3.2.1); "+
		"write client: %s", word, ClientAuthenticated)
}

// holdServiceToFAPI2 refuses what is weaker than the profile for everybody, where anybody is held to it.
func holdServiceToFAPI2(m *mapping, c *Config, endpoint value) {
	if c.Profile == "" && !slices.ContainsFunc(c.Clients, c.FAPI2) {
		return
	}
	if c.ClockSkew < leastFAPI2Skew {
		m.place("clock_skew").fault("is %s, and under the profile fapi2 it is %s at least (FAPI 2.0 §5.3.2.1-13)",
			brief(c.ClockSkew), brief(leastFAPI2Skew))
	}
	const why = "is http, and the profile fapi2 has TLS everywhere (FAPI 2.0 §5.2.1)"
	if strings.HasPrefix(c.Issuer, "http:") {
		m.place("issuer").fault(why)
	}
	if strings.HasPrefix(c.MutualTLS.Endpoint, "http:") {
		endpoint.fault(why)
	}
}
