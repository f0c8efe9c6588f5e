package config

import "slices"

const (
	// OpaqueFormat is the value of access_tokens.format. What has none is a JWT.
	OpaqueFormat = "opaque"

	// SealingAlgorithm is what opaque tokens are sealed with, by its name in RFC 7518 §5.3. No other is for choice.
	SealingAlgorithm = "A256GCM"
)

// OpaqueTokens says where the keys are that seal the tokens of resources with format: opaque (protocol W3).
type OpaqueTokens struct {
	At     Position
	Secret string // projects/P/secrets/S, each enabled version of which is a key of 32 random bytes
}

// Ring returns its keys as a ring, which is rotated as those that sign.
func (o OpaqueTokens) Ring() KeyRing {
	return KeyRing{At: o.At, Secret: o.Secret, Algorithm: SealingAlgorithm}
}

// readOpaqueTokens reads where the keys of opaque tokens are. Whoever has them can read and make every such token.
func readOpaqueTokens(v value, rings *ringReader) OpaqueTokens {
	m := v.mapping()
	defer m.refuseOthers()
	rings.opaque = v
	if v.node == nil {
		return OpaqueTokens{}
	}
	secret := m.required("secret")
	o := OpaqueTokens{
		At:     m.at(),
		Secret: secret.secretName(),
	}
	rings.enterPrivate(secret, o.Secret)
	return o
}

// readFormat reads the format of a resource's tokens. It needs keys.
func (r *ringReader) readFormat(v value) (opaque bool) {
	opaque = v.only(OpaqueFormat)
	if opaque && r.opaque.node == nil {
		v.fault("is opaque, and there are no keys for that; add opaque_tokens: {secret: projects/PROJECT/secrets/SECRET}")
	}
	return opaque
}

// warnOfIdleOpaque warns of keys that seal nothing. They still open what was sealed before.
func (r *ringReader) warnOfIdleOpaque(c *Config) {
	isOpaque := func(resource Resource) bool { return resource.AccessTokens.Opaque }
	if r.opaque.node != nil && !slices.ContainsFunc(c.Resources, isOpaque) {
		r.opaque.warn("seals for nobody: no resource has access_tokens: {format: opaque}")
	}
}

// warnOfUnreadOpaque warns of an API whose tokens nobody can ask about: it could do nothing with them.
func warnOfUnreadOpaque(f *findings, c *Config) {
	for _, resource := range c.Resources {
		isRead := func(client Client) bool { return !client.Disabled && slices.Contains(client.Introspects, resource.ID) }
		if resource.AccessTokens.Opaque && !slices.ContainsFunc(c.Clients, isRead) {
			f.warn(resource.AccessTokens.At, "format is opaque, and no client introspects "+quote(resource.ID)+
				": nobody can find out what its tokens say; give the API a client with introspects")
		}
	}
}
