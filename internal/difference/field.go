package difference

import (
	"slices"
	"strings"
)

// field is one field of a rule that differs.
type field struct {
	name          string
	before, after string
	widens        bool
	why           string
}

// differences returns the fields in which two rules for one resource differ. None of them widens exactly where the rule
// before covers the one after.
func differences(was, is rule) []field {
	var fields []field
	add := func(name, before, after string, widens bool, why string) {
		if before != after {
			fields = append(fields, field{name, before, after, widens, why})
		}
	}
	set := func(name string, before, after []string, why string) {
		add(name, "", scopes(missing(after, before)), true, why)
		add(name, scopes(missing(before, after)), "", false, "")
	}
	set("scopes", was.Scopes, is.Scopes, "no rule allowed all of this scope")
	if !was.followsScopes() || !is.followsScopes() {
		set("default_scopes", was.DefaultScopes, is.DefaultScopes, "a request that names no scope gets more")
	}
	add("lifetime", duration(was.Lifetime), duration(is.Lifetime), is.Lifetime > was.Lifetime, "tokens live longer")
	add("if", was.condition, is.condition, was.condition != "", "other claims may satisfy the condition")
	add("require", "", strings.Join(missing(is.required, was.required), " and "), false, "")
	add("require", strings.Join(missing(was.required, is.required), " and "), "", true, "claims need not satisfy this any more")
	add("subject", was.subject, is.subject, true, "tokens may be about others")
	for _, name := range claimNames(was, is) {
		add("claims."+name, spaced(was.Claims[name].Text), spaced(is.Claims[name].Text), true, "tokens may say something else")
	}
	add("narrow", on(was.Narrow), on(is.Narrow), is.Narrow, "a request for a wider scope is no longer refused")
	add("expires_with_assertion", on(was.ExpiresWithAssertion), on(is.ExpiresWithAssertion), was.ExpiresWithAssertion,
		"tokens outlive the assertion")
	return fields
}

// followsScopes reports whether the default scopes are all that may be granted, as they are where none are written: then
// a change of those is told as that of the scopes.
func (a rule) followsScopes() bool { return len(missing(a.Scopes, a.DefaultScopes)) == 0 }

func claimNames(rules ...rule) []string {
	var names []string
	for _, r := range rules {
		for name := range r.Claims {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
