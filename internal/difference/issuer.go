package difference

import (
	"maps"
	"slices"

	"example.com/countersign/internal/config"
)

// issuer compares an issuer that both documents have, and neither has disabled.
func (c *comparison) issuer(at place, was, is config.Issuer) error {
	c.value(at, "profile", was.Profile, is.Profile, true, "assertions of another kind are accepted")
	c.value(at, "preset", was.Preset, is.Preset, true,
		"what is known of the issuer's tokens, and required of them, is another")
	c.value(at, "trust_domain", was.TrustDomain, is.TrustDomain, true,
		"the issuer may vouch for the SPIFFE IDs of another domain")
	if err := c.keys(at, was.Keys, is.Keys); err != nil {
		return err
	}
	c.assertion(at, was.Assertion, is.Assertion)
	c.value(at, "client", was.Client, is.Client, need(is.Client) < need(was.Client),
		"the request needs to say less of its client")
	if was.Preset == is.Preset { // else another preset has brought others
		c.claimTypes(at, was.ClaimTypes, is.ClaimTypes)
	}
	c.entitled(at, issuerParty(was), issuerParty(is))
	return nil
}

// claimTypes compares the types of claims. Rules are checked against them when a document is loaded, and grant the same
// with and without them.
func (c *comparison) claimTypes(at place, before, after config.ClaimTypes) {
	was, is := typed("", before), typed("", after)
	for _, added := range missing(is, was) {
		c.value(at, "claim_types", "", added, false, "")
	}
	for _, gone := range missing(was, is) {
		c.value(at, "claim_types", gone, "", false, "")
	}
}

// typed writes each claim with its type: kubernetes.io.namespace: string.
func typed(within string, types config.ClaimTypes) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(types)) {
		if claim := types[name]; claim.Members == nil {
			all = append(all, within+name+": "+claim.Name)
		} else {
			all = append(all, typed(within+name+".", claim.Members)...)
		}
	}
	return all
}

// need orders what a request must say of its client, the least first (protocol G1).
func need(client string) int {
	return slices.Index([]string{config.ClientNotNeeded, config.ClientIdentified, config.ClientAuthenticated}, client)
}
