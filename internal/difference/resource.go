package difference

import (
	"cmp"
	"strings"

	"example.com/countersign/internal/config"
)

// resources compares the APIs. None of them, and none of their scopes, grants anything by itself: a rule must.
func (c *comparison) resources() {
	were := make(map[string]config.Resource)
	for _, was := range c.before.Configuration.Resources {
		were[was.ID] = was
	}
	for _, is := range c.after.Configuration.Resources {
		was, known := were[is.ID]
		delete(were, is.ID)
		at := place{kind: Resource, party: is.ID, before: was.At, after: is.At}
		if !known {
			c.value(at, "id", "", is.ID, false, "")
			continue
		}
		c.value(at, "scopes", "", scopes(missing(is.Scopes, was.Scopes)), false, "")
		c.value(at, "scopes", scopes(missing(was.Scopes, is.Scopes)), "", false, "")
		c.tokens(at, was.AccessTokens, is.AccessTokens)
		c.value(at, "status_list", on(was.StatusList), on(is.StatusList), was.StatusList,
			"the API no longer sees which of its tokens are taken back")
		c.bindings(at, bound{was.DPoPRequired, was.MTLSRequired}, bound{is.DPoPRequired, is.MTLSRequired})
	}
	for _, was := range c.before.Configuration.Resources {
		if _, gone := were[was.ID]; gone {
			c.value(place{kind: Resource, party: was.ID, before: was.At}, "id", was.ID, "", false, "")
		}
	}
}

// scopes writes a scope as its parameter has it (RFC 6749 §3.3).
func scopes(tokens []string) string { return strings.Join(tokens, " ") }

// tokens compares what the tokens of a resource are signed or sealed with. Where it is the first ring in both documents,
// that has been compared.
func (c *comparison) tokens(at place, before, after config.ResourceAccessToken) {
	if before == (config.ResourceAccessToken{At: before.At}) && after == (config.ResourceAccessToken{At: after.At}) {
		return
	}
	why := "another key signs its tokens"
	switch {
	case after.SharedSecret != "":
		why = "whoever has the secret can make its tokens, and those who verify them have it" // protocol W2
	case before.Opaque && !after.Opaque:
		why = "whoever gets hold of its tokens can read them" // protocol W3
	}
	c.value(at.within("", before.At, after.At), "access_tokens",
		madeWith(before, c.before.Configuration.SigningKeys), madeWith(after, c.after.Configuration.SigningKeys),
		after.SharedSecret != "" || before.SharedSecret == "" && !after.Opaque, why)
}

// madeWith says how the tokens of a resource are signed, where the first ring is this one.
func madeWith(tokens config.ResourceAccessToken, first config.SigningKeys) string {
	algorithm := cmp.Or(tokens.Algorithm, first.Algorithm)
	switch {
	case tokens.Opaque:
		return config.OpaqueFormat
	case tokens.SharedSecret != "":
		return algorithm + " with " + tokens.SharedSecret
	default:
		return algorithm
	}
}
