package config

// readResource reads one API. A resource without any rule is fine: it may be there for introspection alone.
func readResource(v value, ids register) Resource {
	m := v.mapping()
	defer m.refuseOthers()
	id := m.required("id")
	r := Resource{
		At:           m.at(),
		ID:           id.resourceID(),
		Scopes:       distinct(m.required("scopes"), value.scope),
		AccessTokens: readResourceAccessToken(m.optional("access_tokens")),
	}
	ids.enter(id, r.ID)
	return r
}

// readResourceAccessToken reads the exception of protocol W2. Both fields go together: an algorithm without a key of
// its own would be one that signs with somebody else's.
func readResourceAccessToken(v value) ResourceAccessToken {
	m := v.mapping()
	defer m.refuseOthers()
	if m.node != nil {
		v.warn("has a shared secret: whoever can verify such a token can also make one; let the API read the JWKS if it can")
	}
	return ResourceAccessToken{
		At:           m.at(),
		Algorithm:    m.required("algorithm").oneOf("", macAlgorithms()...),
		SharedSecret: m.required("shared_secret").secretName(),
	}
}
