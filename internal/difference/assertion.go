package difference

import (
	"cmp"
	"slices"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/server"
)

const (
	whyAudience = "assertions for another audience are accepted"
	whyLonger   = "assertions that live longer are accepted"
	whyNoID     = "assertions that can be used again are accepted"
)

// clientAssertion compares how the assertions look that a client authenticates with (protocol C3 to C6).
func (c *comparison) clientAssertion(at place, before, after config.ClientAssertion) {
	at = at.within("client_assertion.", before.At, after.At)
	if before.Audience != "" || after.Audience != "" { // else it is the service's own issuer, which has been compared
		was, is := cmp.Or(before.Audience, c.before.Configuration.Issuer), cmp.Or(after.Audience, c.after.Configuration.Issuer)
		c.value(at, "audience", was, is, true, whyAudience)
	}
	c.longer(at, "max_lifetime", before.MaxLifetime, after.MaxLifetime, whyLonger)
	c.value(at, "jti", jti(!before.JTIOptional), jti(!after.JTIOptional), after.JTIOptional, whyNoID)
}

// assertion compares how the assertions of a grant look (protocol G3 to G6).
func (c *comparison) assertion(at place, before, after config.Assertion) {
	was, is := audiences(c.before, before), audiences(c.after, after)
	for _, added := range missing(after.Audiences, was) {
		c.value(at, "audiences", "", added, true, whyAudience)
	}
	for _, gone := range missing(before.Audiences, is) {
		c.value(at, "audiences", gone, "", false, "")
	}
	c.list(at, "types", types(before.Types), types(after.Types), "assertions of another type are accepted")
	c.longer(at, "max_lifetime", before.MaxLifetime, after.MaxLifetime, whyLonger)
	c.value(at, "jti", jti(before.JTIRequired), jti(after.JTIRequired), !after.JTIRequired, whyNoID)
	c.subject(at, before, after)
	// A scope that the assertion states is a bound on the request's; where it states none, the request's counts as before.
	c.value(at, "scope", scopeFrom(before), scopeFrom(after), !after.ScopeFromClaim, "the scope that the assertion states is no bound any more")
}

// audiences returns every audience that is accepted (protocol G4).
func audiences(document Document, assertion config.Assertion) []string {
	issuer := document.Configuration.Issuer
	return append([]string{issuer, server.Endpoint(issuer, server.TokenPath)}, assertion.Audiences...)
}

// types returns typ values as they are compared. JWT is always accepted.
func types(written []string) []string {
	var compared []string
	for _, typ := range written {
		compared = append(compared, jose.MediaType(typ))
	}
	return slices.DeleteFunc(compared, func(typ string) bool { return typ == "jwt" })
}

func jti(required bool) string {
	if required {
		return "required"
	}
	return "optional"
}

// subject compares who an assertion may be about (protocol G3). A client can only speak of itself, with or without a
// sub; the sub of an issuer's assertion is either anybody or not there, and neither is a part of the other.
func (c *comparison) subject(at place, before, after config.Assertion) {
	widens := at.kind == Issuer || after.SubjectFromIssuer
	c.value(at, "subject", subjectFrom(before), subjectFrom(after), widens, "assertions with another sub, or without one, are accepted")
}

func subjectFrom(assertion config.Assertion) string {
	if assertion.SubjectFromIssuer {
		return "issuer"
	}
	return "claim"
}

func scopeFrom(assertion config.Assertion) string {
	if assertion.ScopeFromClaim {
		return "claim"
	}
	return "parameter"
}
