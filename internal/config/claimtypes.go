package config

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// claimTypeNames are the types that a claim can have beside that of an object.
func claimTypeNames() []string {
	var names []string
	for _, scalar := range []string{"string", "bool", "int", "double", "dyn"} {
		names = append(names, scalar, "list("+scalar+")", "map(string, "+scalar+")")
	}
	return names
}

// registeredClaims are the claims that any JWT can have (RFC 7519 §4.1). aud is one text or a list of them.
func registeredClaims() ClaimTypes {
	return ClaimTypes{
		"iss": {Name: "string"}, "sub": {Name: "string"}, "jti": {Name: "string"}, "aud": {Name: "dyn"},
		"exp": {Name: "int"}, "nbf": {Name: "int"}, "iat": {Name: "int"},
	}
}

// readClaimTypes reads what a document declares, beside what is known already. nil: nothing is declared.
func readClaimTypes(v value, known ClaimTypes) ClaimTypes {
	if v.node == nil {
		return known
	}
	all := maps.Clone(known)
	if all == nil {
		all = registeredClaims()
	}
	addClaimTypes(all, v)
	return all
}

// addClaimTypes adds the members of one object. What is known cannot be declared otherwise: a rule would be checked
// against something else than what the provider sends.
func addClaimTypes(known ClaimTypes, v value) {
	m := v.mapping()
	defer m.refuseOthers()
	if m.node == nil {
		return
	}
	for name, member := range m.all() {
		before, isKnown := known[name]
		switch {
		case name == "*":
			member.fault("would be every claim, whatever its name; leave claim_types out for that")
		case member.node == nil: // A fault has been reported.
		case member.node.Kind == yaml.MappingNode && (!isKnown || before.Members != nil):
			members := maps.Clone(before.Members)
			if members == nil {
				members = ClaimTypes{}
			}
			addClaimTypes(members, member)
			known[name] = ClaimType{At: member.at(), Members: members}
		case isKnown:
			member.fault("is known already, as %s; leave it out", before.describe())
		default:
			known[name] = ClaimType{At: member.at(), Name: readClaimType(member)}
		}
	}
}

func (t ClaimType) describe() string {
	if t.Members != nil {
		return "an object"
	}
	return t.Name
}

func readClaimType(v value) string {
	written := v.text()
	name := written
	if values, isMap := strings.CutPrefix(written, "map(string,"); isMap {
		name = "map(string, " + strings.TrimPrefix(values, " ")
	}
	if written != "" && !slices.Contains(claimTypeNames(), name) {
		v.fault("is %s; use string, bool, int, double or dyn, list(T) or map(string, T) of one of these, or a mapping of members",
			quote(written))
		return ""
	}
	return name
}
