package config

import (
	"fmt"
	"slices"
	"strings"
)

// Preset is what is known of the tokens of one provider, so that a document need not say it. The providers are in
// presets_ci.go, presets_cloud.go and presets_workload.go, each with the documents that it follows.
//
// What a preset knows and what a document says of the same issuer:
//
//	issuer                 the one public instance; an own one where the document names it, unless there is no other
//	keys                   by discovery; what is written takes its place, for keys that are pinned, or inside a network
//	audiences, types       what the provider cannot do otherwise; what is written takes its place
//	max_lifetime, jti      as the provider has it; what is written takes its place
//	subject, scope         the provider's; they cannot be written
//	claim_types            the provider's; what is written is added, and changes none
//	requirements           the provider's, for every rule; nothing takes them away
//	client, allow          the document's
type Preset struct {
	name string

	issuer      string // iss of the one instance that everybody uses; empty: each tenant or cluster has its own
	issuerAlone bool   // there is no other
	issuerForm  pattern
	issuerLike  string // what an issuer looks like, for those who wrote another

	keysNeeded      string    // why keys have to be written; empty: they are found by discovery
	audiencesNeeded string    // why audiences have to be written; empty: they need not be
	trustDomain     bool      // the issuer has a trust domain
	assertion       Assertion // what holds where the document says nothing

	claims  ClaimTypes // beside the registered ones
	require func(issuer Issuer, rule Rule) []Requirement
	forms   []form

	strangers string   // who can get tokens of the one instance, which is anybody; empty: nobody but ours
	ids       []string // claims that tell who somebody is and can never be another's, as a condition writes them
	names     []naming // claims that are names
	example   string   // a condition that is good
}

// A naming is a claim that names somebody: it can be given up, and taken by somebody else.
type naming struct{ claim, id string } // both as a condition writes them; id is what cannot be taken

// A form is one that the text of a claim can have.
type form struct {
	claim   string // as a condition writes it
	pattern pattern
	says    string
	pins    bool // there is an id in it
}

// presets returns all of them.
func presets() []*Preset {
	return []*Preset{
		&githubActions, &gitlabCI, &google, &kubernetes, &spiffe, &aws, &azure, &googleServiceAccountKey,
	}
}

// FindPreset returns a preset by its name.
func FindPreset(name string) (*Preset, bool) {
	all := presets()
	at := slices.IndexFunc(all, func(p *Preset) bool { return p.name == name })
	if at < 0 {
		return nil, false
	}
	return all[at], true
}

func presetNames() []string {
	var names []string
	for _, preset := range presets() {
		names = append(names, preset.name)
	}
	return names
}

// Example returns a condition as a rule for this provider has it, in CEL.
func (p *Preset) Example() string { return p.example }

// Describe says in a few words which form the text of a claim has, for example "GitHub's immutable form"; "" where
// nothing is known of it. The claim is as a condition writes it, for example claims.sub.
func (p *Preset) Describe(claim, text string) string {
	for _, form := range p.forms {
		if form.claim == claim && form.pattern.MatchString(text) {
			return form.says
		}
	}
	return ""
}

// Examine says what is wrong with what the condition of a rule rests on: the claims that it looks at, each as it is
// written, and the texts that it compares them with. A fault: it tells nobody apart, and strangers can have tokens of
// this issuer too. A warning: it rests on names alone. Each follows the word condition; both are empty where all is well.
func (i Issuer) Examine(claims, texts []string) (fault, warning string) {
	preset, known := FindPreset(i.Preset)
	if !known {
		return "", ""
	}
	if slices.ContainsFunc(preset.ids, func(id string) bool { return slices.Contains(claims, id) }) {
		return "", ""
	}
	for _, form := range preset.forms {
		if form.pins && slices.Contains(claims, form.claim) && slices.ContainsFunc(texts, form.pattern.MatchString) {
			return "", ""
		}
	}
	for _, name := range preset.names {
		if slices.Contains(claims, name.claim) {
			return "", fmt.Sprintf("rests on %s, a name that can be given up and taken by somebody else; add %s", name.claim, name.id)
		}
	}
	if preset.strangers != "" && i.Issuer == preset.issuer {
		return fmt.Sprintf("does not say whose tokens it is for, and %s can have tokens of this issuer; write for example %s",
			preset.strangers, preset.example), ""
	}
	return "", ""
}

// readPreset reads which provider an issuer is. Without one, and where there is a fault, it is a provider of which
// nothing is known.
func readPreset(m *mapping) *Preset {
	name := m.optional("preset").oneOf("", presetNames()...)
	preset, known := FindPreset(name)
	if !known {
		return &Preset{assertion: Assertion{MaxLifetime: defaultAssertionLifetime}}
	}
	for _, fixed := range []string{"subject", "scope"} {
		m.forbid(fixed, "the preset %s knows it", name)
	}
	if preset.audiencesNeeded != "" {
		m.need("audiences", "%s", preset.audiencesNeeded)
	}
	return preset
}

// readIssuer reads the name of the issuer, and returns where it stands.
func (p *Preset) readIssuer(m *mapping) (v value, name string) {
	if p.issuer != "" && !m.has("issuer") {
		return m.place("preset"), p.issuer
	}
	v = m.optional("issuer")
	if m.node != nil && !m.has("issuer") && (p.name != "" || !m.has("preset")) {
		v.fault("is missing")
	}
	name = v.identifier()
	switch {
	case name == "":
		return v, ""
	case p.issuerAlone && name != p.issuer:
		v.fault("is %s, which the tokens of %s do not have; leave it out", quote(name), p.name)
		return v, ""
	case p.issuerForm != nil && !p.issuerForm.MatchString(name):
		v.fault("is %s; write %s", quote(name), p.issuerLike)
		return v, ""
	}
	return v, name
}

// readKeys reads where the issuer's keys come from.
func (p *Preset) readKeys(m *mapping, use keyUse) Keys {
	written := m.optional("keys")
	switch {
	case m.node == nil || m.has("keys"):
	case p.name == "" && m.has("preset"): // A fault has been reported.
	case p.name == "":
		written.fault("is missing")
	case p.keysNeeded != "":
		m.need("keys", "%s", p.keysNeeded)
	default:
		place := m.place("preset")
		place.checkMetadata(use.name)
		return Keys{At: place.position(), Discovery: true}
	}
	return readKeys(written, use)
}

// readTrustDomain reads the trust domain of an issuer that has one (SPIFFE-ID §2.1).
func (p *Preset) readTrustDomain(m *mapping) string {
	v := m.optional("trust_domain")
	if !p.trustDomain {
		if p.name != "" || !m.has("preset") {
			m.forbid("trust_domain", "it goes with the preset spiffe")
		}
		return ""
	}
	m.need("trust_domain", "no SPIFFE ID of another one is taken from this issuer")
	domain := v.text()
	if domain != "" && !trustDomainForm.MatchString(domain) {
		v.fault("is %s; write the name alone, in lower case, such as example.org", quote(domain))
		return ""
	}
	return domain
}

var trustDomainForm = matching(`\A[a-z0-9._-]{1,255}\z`)

// claimTypes returns what is known of the claims; nil: nothing.
func (p *Preset) claimTypes() ClaimTypes {
	if p.name == "" {
		return nil
	}
	return p.claims.and(registeredClaims())
}

// requirements returns what every rule of the issuer has to hold besides its own condition.
func (p *Preset) requirements(issuer Issuer, rule Rule) []Requirement {
	if p.require == nil {
		return nil
	}
	return p.require(issuer, rule)
}

// claimNames writes claims as a condition has them.
func claimNames(names ...string) []string {
	written := make([]string, len(names))
	for n, name := range names {
		written[n] = "claims." + name
	}
	return written
}

// texts declares claims that are texts, by their names with spaces between them.
func texts(names string) ClaimTypes {
	declared := ClaimTypes{}
	for name := range strings.FieldsSeq(names) {
		declared[name] = ClaimType{Name: "string"}
	}
	return declared
}

// and returns all of both.
func (t ClaimTypes) and(others ClaimTypes) ClaimTypes {
	all := ClaimTypes{}
	for _, some := range []ClaimTypes{t, others} {
		for name, declared := range some {
			all[name] = declared
		}
	}
	return all
}
