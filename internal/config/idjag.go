package config

import (
	"slices"
	"strings"
)

// ProfileIDJAG is the profile of an issuer whose assertions are identity assertion JWT authorization grants
// (draft-ietf-oauth-identity-assertion-authz-grant): each is about one user, for one client, at this service alone.
const ProfileIDJAG = "id-jag"

// idJAGType is their typ, which no other issuer and no client can have accepted (draft §4.4.1, RFC 8725 §3.11).
const idJAGType = "oauth-id-jag+jwt"

// idJAGAssertion is how they look: the profile leaves little to say.
func idJAGAssertion() Assertion {
	return Assertion{MaxLifetime: defaultAssertionLifetime, JTIRequired: true, ScopeFromClaim: true}
}

// readIssuerProfile reads of which profile an issuer's assertions are. What the profile says already cannot be written.
func readIssuerProfile(m *mapping) string {
	if !m.optional("profile").only(ProfileIDJAG) {
		return ""
	}
	for _, known := range []struct{ name, why string }{
		{"preset", "a preset knows tokens of another kind"},
		{"audiences", "aud is the issuer identifier of this service and nothing else"},
		{"types", "typ is " + idJAGType + " and nothing else"},
		{"subject", "sub is the user, and is always there"},
		{"scope", "the scope is in the assertion"},
		{"client", "the client always authenticates, and is the one that the assertion names"},
	} {
		m.forbid(known.name, "with the profile %s %s", ProfileIDJAG, known.why)
	}
	return ProfileIDJAG
}

// holdToIDJAG refuses what an identity assertion cannot be without.
func (a Assertion) holdToIDJAG(m *mapping) {
	if slices.ContainsFunc(a.Exceptions, func(e Exception) bool { return e.JTIOptional }) {
		m.place("jti").fault("is optional, and an identity assertion always has one; write required or reusable")
	}
}

// assertionType reads a typ that is accepted besides JWT. That of identity assertions is not among them: they would be
// taken without what they ask for.
func assertionType(v value) string {
	typ := v.identifier()
	if strings.TrimPrefix(strings.ToLower(typ), "application/") == idJAGType {
		v.fault("is %s, which issuers with profile: %s have, and nobody else", quote(typ), ProfileIDJAG)
		return ""
	}
	return typ
}
