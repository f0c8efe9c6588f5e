package difference

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"example.com/countersign/internal/config"
)

// Files returns the names of the files that a configuration names and [Compare] has to know the content of: those of
// keys, of the certificates by which keys are fetched, and of those that issue the certificates of clients.
func Files(configuration *config.Config) []string {
	var names []string
	if file := configuration.MutualTLS.CAFile; file != "" {
		names = append(names, file)
	}
	for _, client := range configuration.Clients {
		names = append(names, filesOf(client.Keys)...)
	}
	for _, issuer := range configuration.Issuers {
		names = append(names, filesOf(issuer.Keys)...)
	}
	return names
}

func filesOf(keys config.Keys) []string {
	var names []string
	add := func(name string) {
		if name != "" {
			names = append(names, name)
		}
	}
	add(keys.File)
	add(keys.Fetching.CAFile)
	for _, anchor := range keys.Federation.TrustAnchors {
		add(anchor.File)
	}
	return names
}

// fetched reports whether keys are published by the party itself, at a URL.
func fetched(keys config.Keys) bool { return keys.JWKSURI != "" || keys.Discovery }

// fetching compares how a party's keys are fetched (protocol F1). Which certificates a source is known by, and which
// token it is asked with, decides what it answers: neither of two is a part of the other.
func (c *comparison) fetching(at place, before, after config.Fetching) error {
	was, err := c.before.certificates(before)
	if err != nil {
		return fmt.Errorf("the certificates for the keys of %s before: %w", at.party, err)
	}
	is, err := c.after.certificates(after)
	if err != nil {
		return fmt.Errorf("the certificates for the keys of %s after: %w", at.party, err)
	}
	c.value(at, "keys.ca", was, is, true, "whoever has a certificate of another authority can put other keys in")
	c.value(at, "keys.bearer_token_file", before.BearerTokenFile, after.BearerTokenFile, true,
		"the source is asked with another token, and may answer with other keys")
	c.value(at, "keys.private_network", on(before.PrivateNetwork), on(after.PrivateNetwork), after.PrivateNetwork,
		"keys may come from a private address")
	return nil
}

// certificates names certificates by what they are, not by where; empty: those of the system.
func (d Document) certificates(fetching config.Fetching) (string, error) {
	content := []byte(fetching.CA)
	if fetching.CAFile != "" {
		file, err := d.file(fetching.CAFile)
		if err != nil {
			return "", err
		}
		content = append(content, file...)
	}
	if len(content) == 0 {
		return "", nil
	}
	sum := sha256.Sum256(content)
	return "certificates with the SHA-256 sum " + hex.EncodeToString(sum[:]), nil
}

// anchors describes each key of each trust anchor, or the one place that an anchor's are in.
func (d Document) anchors(configured config.Keys) ([]string, error) {
	var all []string
	for _, anchor := range configured.Federation.TrustAnchors {
		own, err := d.keys(config.Keys{JWKS: anchor.JWKS, File: anchor.File, Secret: anchor.Secret})
		if err != nil {
			return nil, err
		}
		for _, key := range own {
			all = append(all, "trust chains to "+anchor.ID+" by "+key+rsaKeys(configured))
		}
	}
	return all, nil
}

// federation compares which trust chains to the same anchors count (OpenID Federation 1.0 §4).
func (c *comparison) federation(at place, before, after config.Federation) {
	at = at.within("keys.federation.", before.At, after.At)
	c.value(at, "entity_type", before.EntityType, after.EntityType, true, whyKey)
	c.value(at, "max_path_length", strconv.Itoa(before.MaxPathLength), strconv.Itoa(after.MaxPathLength),
		after.MaxPathLength > before.MaxPathLength, "more intermediates can vouch for a key of the party")
}
