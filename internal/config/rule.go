package config

import (
	"cmp"
	"slices"
	"time"
)

// A scopeSet is the scopes that can be written in one place. A nil set allows any: what it would have been taken from
// has a fault of its own.
type scopeSet map[string]bool

func newScopeSet(scopes []string) scopeSet {
	if len(scopes) == 0 {
		return nil
	}
	set := make(scopeSet, len(scopes))
	for _, scope := range scopes {
		set[scope] = true
	}
	return set
}

func (s scopeSet) lacks(scope string) bool {
	return scope != "" && s != nil && !s[scope]
}

// A ruleReader reads rules. They refer to the resources and have the lifetime of access tokens as their default.
type ruleReader struct {
	resources  map[string]scopeSet // by id; nil where none could be read
	algorithms map[string]string   // what the tokens of a resource are signed with, by its id; opaque ones are not
	fapi2      bool                // they give tokens to a client that is held to the FAPI 2.0 Security Profile
	lifetime   time.Duration
}

func newRuleReader(c *Config) ruleReader {
	r := ruleReader{lifetime: c.AccessTokens.Lifetime, algorithms: make(map[string]string, len(c.Resources))}
	if len(c.Resources) > 0 {
		r.resources = make(map[string]scopeSet, len(c.Resources))
	}
	for _, resource := range c.Resources {
		if _, again := r.resources[resource.ID]; !again {
			r.resources[resource.ID] = newScopeSet(resource.Scopes)
			if !resource.AccessTokens.Opaque {
				r.algorithms[resource.ID] = cmp.Or(resource.AccessTokens.Algorithm, c.SigningKeys.Algorithm)
			}
		}
	}
	return r
}

// What mode says: whether a rule decides, or is only tried on real requests.
const (
	modeEnforce = "enforce"
	modeAudit   = "audit"
)

// read reads one rule.
func (r ruleReader) read(v value) Rule {
	m := v.mapping()
	defer m.refuseOthers()
	rule := r.readTerms(m)
	rule.Subject = readExpression(m.optional("subject"))
	rule.ExpiresWithAssertion = m.optional("expires_with_assertion").flag()
	return rule
}

// readExchange reads one rule for an access token of ours, which is exchanged for one with the same subject that ends no
// later: neither is for a rule to say.
func (r ruleReader) readExchange(v value) Rule {
	m := v.mapping()
	defer m.refuseOthers()
	return r.readTerms(m)
}

// readTerms reads what every rule can say.
func (r ruleReader) readTerms(m *mapping) Rule {
	resource := r.readResource(m.required("resource"))
	scopes := r.readScopes(m.required("scopes"), resource)
	return Rule{
		At:            m.at(),
		Disabled:      m.optional("disabled").flag(),
		If:            readExpression(m.optional("if")),
		Resource:      resource,
		Scopes:        scopes,
		DefaultScopes: readDefaultScopes(m.optional("default_scopes"), scopes),
		Lifetime:      m.optional("lifetime").lifetime(r.lifetime),
		Narrow:        m.optional("narrow").flag(),
		Shadow:        m.optional("mode").oneOf(modeEnforce, modeEnforce, modeAudit) == modeAudit,
		Claims:        readClaims(m.optional("claims")),
	}
}

// knownResource reads the id of one of the resources.
func (r ruleReader) knownResource(v value) string {
	id := v.text()
	if _, known := r.resources[id]; id != "" && r.resources != nil && !known {
		v.fault("is %s, which is not the id of any of the resources", quote(id))
	}
	return id
}

func (r ruleReader) readResource(v value) string {
	id := r.knownResource(v)
	if algorithm := r.algorithms[id]; r.fapi2 && beyondFAPI2(algorithm) {
		v.fault("is %s, whose tokens are signed with %s, which the profile fapi2 does not have (FAPI 2.0 §5.4.1)",
			quote(id), algorithm)
	}
	return id
}

// readScopes reads what may be granted, which the resource must know.
func (r ruleReader) readScopes(v value, resource string) []string {
	known := r.resources[resource]
	return distinct(v, func(v value) string {
		scope := v.scope()
		if known.lacks(scope) {
			v.fault("is %s, which is not one of the scopes of %s", quote(scope), quote(resource))
		}
		return scope
	})
}

// readDefaultScopes reads what is granted where nothing is requested: all that may be, unless less is written.
func readDefaultScopes(v value, scopes []string) []string {
	if v.node == nil {
		return slices.Clone(scopes)
	}
	allowed := newScopeSet(scopes)
	return distinct(v, func(v value) string {
		scope := v.scope()
		if allowed.lacks(scope) {
			v.fault("is %s, which is not one of the scopes of this rule", quote(scope))
		}
		return scope
	})
}

// readExpression reads CEL source. Whether it compiles is found where it is compiled.
func readExpression(v value) Expression {
	return Expression{At: v.at(), Text: v.text()}
}

// readClaims reads the claims that a rule adds to the token.
func readClaims(v value) map[string]Expression {
	m := v.mapping()
	defer m.refuseOthers()
	if m.node == nil {
		return nil
	}
	claims := make(map[string]Expression, len(m.fields))
	for name, source := range m.all() {
		if reservedClaim(name) {
			source.fault("is a claim that the service sets itself; use another name")
			continue
		}
		claims[name] = readExpression(source)
	}
	return claims
}

// reservedClaim reports whether a claim says what this service vouches for. A rule that could set one could name another
// subject, audience or key than the one that was checked.
func reservedClaim(name string) bool {
	switch name {
	case "iss", "sub", "aud", "exp", "iat", "nbf", "jti", // RFC 7519 §4.1
		"client_id", "scope", // RFC 9068 §2.2
		"cnf",            // RFC 7800 §3.1
		"status",         // draft-ietf-oauth-status-list §6.1
		"act", "may_act": // RFC 8693 §4
		return true
	}
	return false
}
