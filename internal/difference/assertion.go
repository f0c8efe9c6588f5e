package difference

import (
	"slices"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/server"
)

const (
	whyAudience = "assertions for another audience are accepted"
	whyLonger   = "assertions that live longer are accepted"
	whyNoID     = "assertions that can be used again are accepted"
)

// What jti says, the strictest first.
const (
	jtiRequired = "required"
	jtiOptional = "optional"
	jtiReusable = "reusable"
)

// clientAssertion compares how the assertions look that a client authenticates with (protocol C3 to C6).
func (c *comparison) clientAssertion(at place, before, after config.ClientAssertion) {
	at = at.within("client_assertion.", before.At, after.At)
	was, is := clientAudiences(c.before, before), clientAudiences(c.after, after)
	if len(was.about(c.before.issuer())) != len(was) || len(is.about(c.after.issuer())) != len(is) {
		// Else it is the service's own issuer, which has been compared.
		c.accepted(at, "audience", was, is, whyAudience)
	}
	c.accepted(at, "max_lifetime", lifetimes(before.MaxLifetime, before.Exceptions),
		lifetimes(after.MaxLifetime, after.Exceptions), whyLonger)
	c.accepted(at, "jti", jtis(jtiRequired, before.Exceptions), jtis(jtiRequired, after.Exceptions), whyNoID)
}

// clientAudiences returns every audience that is accepted of client assertions: the issuer identifier, unless another
// one without an end takes its place (protocol C4).
func clientAudiences(document Document, assertion config.ClientAssertion) terms {
	excepted := terms{}.withAudiences(assertion.Exceptions)
	if slices.ContainsFunc(excepted, func(t term) bool { return t.until.IsZero() }) {
		return excepted
	}
	return append(terms{audience(document.issuer(), time.Time{})}, excepted...)
}

// assertion compares how the assertions of a grant look (protocol G3 to G6).
func (c *comparison) assertion(at place, before, after config.Assertion) {
	c.audiences(at, before, after)
	c.list(at, "types", types(before.Types), types(after.Types), "assertions of another type are accepted")
	c.accepted(at, "max_lifetime", lifetimes(before.MaxLifetime, before.Exceptions),
		lifetimes(after.MaxLifetime, after.Exceptions), whyLonger)
	c.accepted(at, "jti", jtis(jti(before), before.Exceptions), jtis(jti(after), after.Exceptions), whyNoID)
	c.subject(at, before, after)
	// A scope that the assertion states is a bound on the request's; where it states none, the request's counts as before.
	c.value(at, "scope", scopeFrom(before), scopeFrom(after), !after.ScopeFromClaim, "the scope that the assertion states is no bound any more")
}

// audiences compares which audiences are accepted, each for itself. What names this service is accepted always, and no
// change where it is written too (protocol G4).
func (c *comparison) audiences(at place, before, after config.Assertion) {
	were, are := audiences(before), audiences(after)
	for _, t := range are {
		if former := were.about(t.audience); !c.before.us().cover(t) {
			c.value(at, "audiences", former.String(), t.String(), !former.cover(t), whyAudience)
		}
	}
	for _, t := range were {
		if !c.after.us().cover(t) && len(are.about(t.audience)) == 0 {
			c.value(at, "audiences", t.String(), "", false, "")
		}
	}
}

// audiences returns what is accepted besides this service.
func audiences(assertion config.Assertion) terms {
	var all terms
	for _, name := range assertion.Audiences {
		all = all.with(audience(name, time.Time{}))
	}
	return all.withAudiences(assertion.Exceptions)
}

func (d Document) issuer() string { return d.Configuration.Issuer }

// us returns the audiences that name this service.
func (d Document) us() terms {
	return terms{
		audience(d.issuer(), time.Time{}),
		audience(server.Endpoint(d.issuer(), server.TokenPath), time.Time{}),
	}
}

// about returns the terms that are about an audience.
func (all terms) about(audience string) terms {
	return slices.DeleteFunc(slices.Clone(all), func(t term) bool { return t.audience != audience })
}

// types returns typ values as they are compared. JWT is always accepted.
func types(written []string) []string {
	var compared []string
	for _, typ := range written {
		compared = append(compared, jose.MediaType(typ))
	}
	return slices.DeleteFunc(compared, func(typ string) bool { return typ == "jwt" })
}

// jti returns the word for what is asked without an exception.
func jti(assertion config.Assertion) string {
	switch {
	case assertion.Reusable:
		return jtiReusable
	case assertion.JTIRequired:
		return jtiRequired
	default:
		return jtiOptional
	}
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
