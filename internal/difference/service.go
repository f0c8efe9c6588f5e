package difference

import (
	"strconv"
	"strings"
	"time"

	"example.com/countersign/internal/config"
)

// service compares what holds for every party.
func (c *comparison) service() {
	before, after := c.before.Configuration, c.after.Configuration
	at := place{kind: Service}
	c.value(at, "issuer", before.Issuer, after.Issuer, true,
		"assertions for another audience are accepted, and tokens are of another issuer")
	c.rings(before.SigningKeys, after.SigningKeys)
	at = at.within("", before.SigningKeys.At, after.SigningKeys.At)
	const longTrust = "a key that is disabled is trusted for longer"
	c.longer(at, "signing_keys.jwks_max_age", before.SigningKeys.JWKSMaxAge, after.SigningKeys.JWKSMaxAge, longTrust)
	c.longer(at, "signing_keys.refresh_interval", before.SigningKeys.RefreshInterval, after.SigningKeys.RefreshInterval, longTrust)
	at = place{kind: Service}
	c.longer(at, "access_tokens.lifetime", before.AccessTokens.Lifetime, after.AccessTokens.Lifetime,
		"tokens live longer by every rule that states no lifetime")
	c.value(at.within("", before.OpaqueTokens.At, after.OpaqueTokens.At), "opaque_tokens.secret",
		before.OpaqueTokens.Secret, after.OpaqueTokens.Secret, after.OpaqueTokens.Secret != "",
		"whoever has the secret can read and make opaque tokens")
	c.longer(at, "clock_skew", before.ClockSkew, after.ClockSkew, "assertions are accepted for longer")
	c.value(at, "profile", before.Profile, after.Profile, after.Profile == "",
		"clients are no longer held to the profile, and need no tokens that are bound")
	c.value(at.within("", before.Replay.At, after.Replay.At), "replay.firestore",
		before.Replay.Firestore, after.Replay.Firestore, before.Replay.Firestore != "",
		"what was used once can be used again, where it is not remembered")
	c.value(at.within("", before.DPoP.At, after.DPoP.At), "dpop.nonces",
		before.DPoP.Nonces, after.DPoP.Nonces, before.DPoP.Nonces != "",
		"DPoP proofs are accepted with other nonces, or without one")
	c.value(at.within("", before.StopList.At, after.StopList.At), "stop_list.secret",
		before.StopList.Secret, after.StopList.Secret, before.StopList.Secret != "",
		"whoever is stopped by the list before may get tokens again")
	// Never wider: nothing is granted at the endpoint that the metadata then name.
	c.value(at.within("", before.Metadata.At, after.Metadata.At), "metadata.mcp_clients",
		on(before.Metadata.MCPClients), on(after.Metadata.MCPClients), false, "")
	c.limits(at, before.Limits, after.Limits)
	c.value(at.within("", before.Troubleshooting.At, after.Troubleshooting.At), "troubleshooting.rec_token",
		on(before.Troubleshooting.RecToken), on(after.Troubleshooting.RecToken), after.Troubleshooting.RecToken,
		"responses repeat the claims of assertions")
}

// limits compares how often somebody may fail. Whoever may fail more often is granted nothing that he was not before.
func (c *comparison) limits(at place, before, after config.Limits) {
	at = at.within("", before.At, after.At)
	for _, limit := range []struct {
		what          string
		before, after int
	}{
		{"limits.client_failures", before.ClientFailures, after.ClientFailures},
		{"limits.source_failures", before.SourceFailures, after.SourceFailures},
		{"limits.forwarded_for", before.ForwardedFor, after.ForwardedFor},
	} {
		c.value(at, limit.what, strconv.Itoa(limit.before), strconv.Itoa(limit.after), false, "")
	}
}

// longer compares a duration. A longer one widens.
func (c *comparison) longer(at place, what string, before, after time.Duration, why string) {
	c.value(at, what, duration(before), duration(after), after > before, why)
}

// duration writes a duration as the document would: 10m, 1h30m, 45s.
func duration(d time.Duration) string {
	text := d.String()
	if whole, found := strings.CutSuffix(text, "m0s"); found {
		text = whole + "m"
	}
	if whole, found := strings.CutSuffix(text, "h0m"); found {
		text = whole + "h"
	}
	return text
}

// on writes a flag, whose default is false.
func on(flag bool) string {
	if flag {
		return "true"
	}
	return ""
}
