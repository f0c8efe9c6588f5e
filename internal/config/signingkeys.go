package config

import (
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	maxJWKSMaxAge      = day
	maxRefreshInterval = time.Hour

	// longJWKSMaxAge is where a key that is disabled stays trusted for longer than most would guess.
	longJWKSMaxAge = time.Hour
)

// kmsAlgorithms are those of protocol A2 that a key in Cloud KMS can have.
func kmsAlgorithms() []string {
	return []string{"ES256", "ES384", "RS256", "RS512", "PS256", "PS512", "EdDSA"}
}

// A ringReader reads the rings of our own keys, and knows afterwards which there are.
type ringReader struct {
	secrets, directories, kmsKeys register // where the keys of a ring are; folders by their shortest name
	signers                       register // the rings that sign, by their algorithm
	private                       register // secrets that are neither keys of ours nor shared
	opaque                        value    // the section with the keys of opaque tokens
	profile                       string   // of the whole server
	unread                        bool     // a ring may sign with an algorithm that could not be read
}

func newRingReader(profile string) *ringReader {
	return &ringReader{
		secrets: register{}, directories: register{}, kmsKeys: register{}, signers: register{}, private: register{},
		profile: profile,
	}
}

// signingKeys reads the first ring, the clock of all rings, and the additional ones.
func (r *ringReader) signingKeys(v value) SigningKeys {
	m := v.mapping()
	defer m.refuseOthers()
	ring := r.ring(m)
	if m.node != nil && !m.has("algorithm") {
		ring.Algorithm = defaultSigningAlgorithm
	}
	r.sign(m, ring) // What is written and cannot be read is not the default: it may be what a resource names.
	maxAge := m.optional("jwks_max_age")
	keys := SigningKeys{
		KeyRing:         ring,
		JWKSMaxAge:      maxAge.duration(defaultJWKSMaxAge, time.Second, maxJWKSMaxAge),
		RefreshInterval: m.optional("refresh_interval").duration(defaultRefreshInterval, time.Second, maxRefreshInterval),
		Additional:      list(m.optional("additional"), r.additional),
	}
	if keys.JWKSMaxAge > longJWKSMaxAge {
		maxAge.warn("is more than an hour: a key that is disabled is trusted for as long by whoever kept the JWKS")
	}
	r.unread = r.unread || m.has("additional") && len(keys.Additional) == 0
	return keys
}

// additional reads one ring beside the first. Its algorithm has no default: resources name the ring by it.
func (r *ringReader) additional(v value) KeyRing {
	m := v.mapping()
	defer m.refuseOthers()
	ring := r.ring(m)
	m.need("algorithm", "it says which of the rings this is")
	ring.PublishOnly = m.optional("publish_only").flag()
	if !ring.PublishOnly {
		r.sign(m, ring)
	}
	return ring
}

// ring reads what every ring has. Two rings over the same keys would each have its own idea of which of them signs.
func (r *ringReader) ring(m *mapping) KeyRing {
	m.exactlyOne("secret", "directory", "kms")
	secret, public := m.optional("secret"), m.optional("public_keys")
	directory, kms := m.optional("directory"), m.optional("kms")
	ring := KeyRing{
		At:         m.at(),
		Secret:     secret.secretName(),
		Directory:  directory.filename(),
		KMS:        kms.kmsKeyName(),
		PublicKeys: public.secretName(),
		Algorithm:  readRingAlgorithm(m.optional("algorithm"), m.has("kms")),
	}
	if !m.has("secret") {
		m.forbid("public_keys", "it goes with secret: what keeps the keys elsewhere has their public halves itself")
	}
	r.secrets.enterKeys(secret, ring.Secret)
	r.secrets.enterKeys(public, ring.PublicKeys)
	r.directories.enterKeys(directory, shortest(ring.Directory))
	r.kmsKeys.enterKeys(kms, ring.KMS)
	return ring
}

// enterKeys gives a place of keys to the ring that names it in v.
func (r register) enterKeys(v value, place string) {
	if first, taken := r.taken(v, place); taken {
		v.fault("is %s, which %s on line %d is already; each ring has keys of its own",
			quote(v.node.Value), first.path(), first.line)
	}
}

// shortest returns the name of a folder by which it is the same as under its other names: ./keys/ is keys.
func shortest(directory string) string {
	if directory == "" {
		return ""
	}
	return filepath.Clean(directory)
}

// readRingAlgorithm reads the algorithm of a ring, which Cloud KMS does not leave open.
func readRingAlgorithm(v value, inKMS bool) string {
	if !inKMS {
		return v.oneOf("", signatureAlgorithms()...)
	}
	algorithm := v.text()
	if algorithm != "" && !slices.Contains(kmsAlgorithms(), algorithm) {
		v.fault("is %s, which is not for a key in Cloud KMS; use one of %s",
			quote(algorithm), strings.Join(kmsAlgorithms(), ", "))
		return ""
	}
	return algorithm
}

// sign notes that a ring signs. With two of one algorithm it would be undecided which of them does.
func (r *ringReader) sign(m *mapping, ring KeyRing) {
	if ring.Algorithm == "" {
		r.unread = true // A fault has been reported.
		return
	}
	if r.profile != "" {
		m.place("algorithm").holdToFAPI2(ring.Algorithm)
	}
	if first, taken := r.signers.taken(m.value, ring.Algorithm); taken {
		m.place("algorithm").fault("is %s, with which %s on line %d signs already; name another, or write publish_only: true",
			quote(ring.Algorithm), first.path(), first.line)
	}
}

// needSigner refuses an algorithm that no ring signs with.
func (r *ringReader) needSigner(v value, algorithm string) {
	if _, signs := r.signers[algorithm]; signs || r.unread {
		return
	}
	var there []string
	for _, known := range signatureAlgorithms() {
		if _, signs := r.signers[known]; signs {
			there = append(there, known)
		}
	}
	v.fault("is %s, which no ring of signing keys signs with; use one of %s, or add a ring to signing_keys.additional",
		quote(algorithm), strings.Join(there, ", "))
}

// refuseShared refuses a secret that would give our own keys to somebody who shares it.
func (r *ringReader) refuseShared(v value, name string) {
	if first, ours := r.secrets[name]; ours {
		v.fault("is what %s on line %d is; share another secret: whoever has this one can sign every token",
			first.path(), first.line)
	}
	r.refusePrivate(v, name)
}

// enterPrivate gives a secret to what is written in v, and to nothing else: whoever has it can say what only this service,
// or the proxy in front of it, may say.
func (r *ringReader) enterPrivate(v value, name string) {
	first, taken := r.secrets[name]
	if !taken {
		first, taken = r.private.taken(v, name)
	}
	if taken {
		v.refuseSecret(first)
	}
}

// refusePrivate refuses a secret that is private for a use by which somebody else has it.
func (r *ringReader) refusePrivate(v value, name string) {
	if first, private := r.private[name]; private {
		v.refuseSecret(first)
	}
}

func (v value) refuseSecret(first value) {
	v.fault("is what %s on line %d is already; each has a secret of its own", first.path(), first.line)
}

// warnOfIdle warns of the rings that are there to sign and have nobody to sign for.
func (r *ringReader) warnOfIdle(c *Config) {
	for _, ring := range c.SigningKeys.Additional {
		named := func(resource Resource) bool { return resource.AccessTokens.Algorithm == ring.Algorithm }
		signer, known := r.signers[ring.Algorithm]
		if known && signer.position() == ring.At && !slices.ContainsFunc(c.Resources, named) {
			signer.warn("signs for nobody: no resource has access_tokens: {algorithm: " + ring.Algorithm + "}")
		}
	}
}
