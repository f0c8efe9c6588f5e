package config

import "time"

// The defaults of the document, as the comments of Config state them.
const (
	defaultClockSkew               = 10 * time.Second
	defaultTokenLifetime           = 10 * time.Minute
	defaultClientAssertionLifetime = 10 * time.Minute
	defaultAssertionLifetime       = time.Hour

	// maxClockSkew is the bound of FAPI 2.0 §5.3.2.1-13: what is later than that from the future is never valid.
	maxClockSkew = 60 * time.Second
)

// Load reads a document. The name is what faults call it, for example config.yaml.
//
// The Config is never nil: where there are faults it holds as much as could be read, so that those who build the parts
// can look for theirs in it and report all together. It must not be served unless there are none.
func Load(name string, document []byte) (*Config, Faults) {
	f := &findings{document: name}
	c := readConfig(f.parse(document))
	f.warnings.Sort()
	c.Warnings = f.warnings
	return c, f.sorted()
}

// readConfig reads the sections in the order in which one refers to another, whatever their order in the document.
func readConfig(v value) *Config {
	m := v.mapping()
	defer m.refuseOthers()
	issuer := m.required("issuer")
	c := &Config{
		Issuer:          issuer.issuer(),
		SigningKeys:     readSigningKeys(m.required("signing_keys")),
		AccessTokens:    readAccessTokens(m.optional("access_tokens")),
		ClockSkew:       m.optional("clock_skew").duration(defaultClockSkew, 0, maxClockSkew),
		Troubleshooting: readTroubleshooting(m.optional("troubleshooting")),
	}

	ids := register{}
	c.Resources = list(m.required("resources"), func(v value) Resource { return readResource(v, ids) })

	// What the iss of an assertion names is this service, a client or an issuer, and never two of them: the rules and
	// keys of one must not be reached by the name of another.
	parties := register{}
	parties.enter(issuer, c.Issuer)
	rules := newRuleReader(c)
	c.Clients = list(m.optional("clients"), func(v value) Client { return readClient(v, parties, rules) })
	c.Issuers = list(m.optional("issuers"), func(v value) Issuer { return readIssuer(v, parties, rules) })
	return c
}

func readSigningKeys(v value) SigningKeys {
	m := v.mapping()
	defer m.refuseOthers()
	m.exactlyOne("secret", "directory")
	return SigningKeys{
		At:        m.at(),
		Secret:    m.optional("secret").secretName(),
		Directory: m.optional("directory").filename(),
		Algorithm: m.optional("algorithm").oneOf("ES256", signatureAlgorithms()...),
	}
}

func readAccessTokens(v value) AccessTokens {
	m := v.mapping()
	defer m.refuseOthers()
	return AccessTokens{
		Lifetime: m.optional("lifetime").lifetime(defaultTokenLifetime),
	}
}

func readTroubleshooting(v value) Troubleshooting {
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
	return t
}

// A register knows what bears a name, so that nothing else gets it.
type register map[string]value

// enter gives a name to what is written in v.
func (r register) enter(v value, name string) {
	if name == "" {
		return
	}
	if first, taken := r[name]; taken {
		v.fault("is %s, which %s on line %d is already; a name means one thing", quote(name), first.path(), first.line)
		return
	}
	r[name] = v
}
