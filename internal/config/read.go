package config

import (
	"slices"
	"time"
)

// The defaults of the document, as the comments of Config state them.
const (
	defaultClockSkew               = 10 * time.Second
	defaultTokenLifetime           = 10 * time.Minute
	defaultClientAssertionLifetime = 10 * time.Minute
	defaultAssertionLifetime       = time.Hour
	defaultJWKSMaxAge              = 5 * time.Minute
	defaultRefreshInterval         = time.Minute
	defaultSigningAlgorithm        = "ES256"

	// maxClockSkew is the bound of FAPI 2.0 §5.3.2.1-13: what is later than that from the future is never valid.
	maxClockSkew = 60 * time.Second
)

// Load reads a document. The name is what faults call it, for example config.yaml.
//
// The Config is never nil: where there are faults it holds as much as could be read, so that those who build the parts
// can look for theirs in it and report all together. It must not be served unless there are none.
func Load(name string, document []byte) (*Config, Faults) {
	f := &findings{document: name, needs: "issuer, signing_keys and resources"}
	c := readConfig(f.parse(document))
	f.warnings.Sort()
	c.Warnings = f.warnings
	return c, f.sorted()
}

// readConfig reads the sections in the order in which one refers to another, whatever their order in the document.
func readConfig(v value) *Config {
	m := v.mapping()
	defer m.refuseOthers()
	issuer, profile := m.required("issuer"), readProfile(m.optional("profile"))
	rings := newRingReader(profile)
	c := &Config{
		Issuer:          issuer.issuer(),
		SigningKeys:     rings.signingKeys(m.required("signing_keys")),
		AccessTokens:    readAccessTokens(m.optional("access_tokens")),
		OpaqueTokens:    readOpaqueTokens(m.optional("opaque_tokens"), rings),
		ClockSkew:       m.optional("clock_skew").duration(defaultClockSkew, 0, maxClockSkew),
		Profile:         profile,
		Replay:          readReplay(m.optional("replay")),
		DPoP:            readDPoP(m.optional("dpop"), rings),
		StopList:        readStopList(m.optional("stop_list"), rings),
		Metadata:        readMetadata(m.optional("metadata")),
		Limits:          readLimits(m.optional("limits")),
		Troubleshooting: readTroubleshooting(m.optional("troubleshooting"), profile),
	}
	certificates := &certificateReader{written: m.has("mutual_tls")}
	c.MutualTLS = certificates.read(m.optional("mutual_tls"), c.Issuer, rings)

	ids := register{}
	c.Resources = list(m.required("resources"), func(v value) Resource { return readResource(v, ids, rings, certificates, c.StopList) })
	rings.warnOfIdle(c)
	rings.warnOfIdleOpaque(c)

	parties := partyReader{
		us: c.Issuer, profile: profile, names: register{}, rings: rings, certificates: certificates, rules: newRuleReader(c),
	}
	parties.names.enter(issuer, c.Issuer)
	c.Clients = list(m.optional("clients"), parties.client)
	warnOfUnreadOpaque(m.findings, c)
	// What an issuer vouches for goes to whichever client brings it.
	parties.rules.fapi2 = profile == "" && slices.ContainsFunc(c.Clients, Client.bringsUnderFAPI2)
	c.Issuers = list(m.optional("issuers"), parties.issuer)
	c.IdentityAssertions = list(m.optional("identity_assertions"), newIdentityReader(c).read)
	certificates.checkUse(c)
	holdServiceToFAPI2(m, c, certificates.endpoint)
	return c
}

// A partyReader reads clients and issuers. What the iss of an assertion names is this service, a client or an issuer,
// and never two of them: the rules and keys of one must not be reached by the name of another.
type partyReader struct {
	us           string // the issuer identifier of this service
	profile      string // of the whole server
	names        register
	rings        *ringReader
	certificates *certificateReader
	rules        ruleReader
}

func readAccessTokens(v value) AccessTokens {
	m := v.mapping()
	defer m.refuseOthers()
	return AccessTokens{
		Lifetime: m.optional("lifetime").lifetime(defaultTokenLifetime),
	}
}

func readTroubleshooting(v value, profile string) Troubleshooting {
	m := v.mapping()
	defer m.refuseOthers()
	recToken := m.optional("rec_token")
	t := Troubleshooting{
		At:       m.at(),
		RecToken: recToken.flag(),
	}
	if t.RecToken {
		recToken.warn("is on: every token response repeats the claims of the assertion; turn it off in production")
	}
	if t.RecToken && profile != "" {
		recToken.fault("is on, and the profile %s has no answer that repeats claims; leave it out", profile)
	}
	return t
}

// A register knows what bears a name, so that nothing else gets it.
type register map[string]value

// enter gives a name to what is written in v.
func (r register) enter(v value, name string) {
	if first, taken := r.taken(v, name); taken {
		v.fault("is %s, which %s on line %d is already; a name means one thing", quote(name), first.path(), first.line)
	}
}

// taken returns what bears a name already. Where nothing does, v bears it from now on.
func (r register) taken(v value, name string) (first value, taken bool) {
	if name == "" {
		return value{}, false
	}
	first, taken = r[name]
	if !taken {
		r[name] = v
	}
	return first, taken
}
