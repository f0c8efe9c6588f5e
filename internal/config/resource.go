package config

import (
	"slices"
	"strings"
)

// readResource reads one API. A resource without any rule is fine: it may be there for introspection alone.
func readResource(v value, ids register, rings *ringReader, certificates *certificateReader, stops StopList) Resource {
	m := v.mapping()
	defer m.refuseOthers()
	id := m.required("id")
	r := Resource{
		At:           m.at(),
		ID:           id.resourceID(),
		Scopes:       distinct(m.required("scopes"), value.scope),
		AccessTokens: readResourceAccessToken(m.optional("access_tokens"), rings),
		DPoPRequired: m.optional("dpop").only(RequiredWord),
		MTLSRequired: certificates.readRequired(m.optional("mtls")),
		StatusList:   readStatusList(m.optional("status_list"), stops),
	}
	if r.StatusList && r.AccessTokens.Opaque {
		m.place("status_list").fault("is for an API that can read its tokens; one whose tokens are opaque asks about them")
	}
	ids.enter(id, r.ID)
	return r
}

// readResourceAccessToken reads the exceptions of protocol W2 and W3. An HMAC algorithm goes with a secret of its own: one
// without would sign with somebody else's. Every other algorithm goes with one of our rings.
func readResourceAccessToken(v value, rings *ringReader) ResourceAccessToken {
	m := v.mapping()
	defer m.refuseOthers()
	m.exactlyOne("algorithm", "format")
	algorithm := m.optional("algorithm")
	t := ResourceAccessToken{
		At:           m.at(),
		Algorithm:    algorithm.oneOf("", algorithms()...),
		SharedSecret: m.optional("shared_secret").secretName(),
		Opaque:       rings.readFormat(m.optional("format")),
	}
	rings.refuseShared(m.place("shared_secret"), t.SharedSecret)
	if m.has("shared_secret") {
		v.warn("has a shared secret: whoever can verify such a token can also make one; let the API read the JWKS if it can")
	}
	switch {
	case m.has("format"):
		m.forbid("shared_secret", "opaque tokens are sealed with the keys in opaque_tokens")
	case t.Algorithm == "": // A fault has been reported.
	case slices.Contains(macAlgorithms(), t.Algorithm):
		m.need("shared_secret", "%s has no other key", t.Algorithm)
		if rings.profile != "" {
			algorithm.holdToFAPI2(t.Algorithm)
		}
	default:
		m.forbid("shared_secret", "it goes with %s", strings.Join(macAlgorithms(), ", "))
		rings.needSigner(algorithm, t.Algorithm)
	}
	return t
}
