package federation

import (
	"slices"
	"strings"
)

// federationEntity is the one entity type that every superior allows (§6.2.3).
const federationEntity = "federation_entity"

// constraints are what a superior demands of all that is below it (§6.2). The zero value demands nothing.
type constraints struct {
	pathLength *int64   // how many intermediates there may be; nil: any number
	permitted  []string // host names, or domains with a dot in front; nil: every name
	excluded   []string // likewise
	types      []string // entity types; nil: every type
}

// readConstraints ignores what it does not know, as §6.2 demands.
func readConstraints(claim any) (constraints, error) {
	object, isObject := claim.(map[string]any)
	if !isObject {
		return constraints{}, ErrClaims
	}
	var read constraints
	if value, present := object["max_path_length"]; present {
		length, isInteger := value.(int64)
		if !isInteger || length < 0 {
			return constraints{}, ErrClaims
		}
		read.pathLength = &length
	}
	if value, present := object["naming_constraints"]; present {
		if err := read.readNaming(value); err != nil {
			return constraints{}, err
		}
	}
	if value, present := object["allowed_entity_types"]; present {
		var err error
		if read.types, err = readNames(value); err != nil || slices.Contains(read.types, federationEntity) {
			return constraints{}, ErrClaims
		}
	}
	return read, nil
}

func (c *constraints) readNaming(claim any) error {
	object, isObject := claim.(map[string]any)
	if !isObject {
		return ErrClaims
	}
	for _, member := range []struct {
		name string
		into *[]string
	}{{"permitted", &c.permitted}, {"excluded", &c.excluded}} {
		value, present := object[member.name]
		if !present {
			continue
		}
		names, err := readNames(value)
		if err != nil {
			return err
		}
		for i, name := range names {
			// What no name can ever match, such as a URL or a pattern, would exclude nothing and look as if it did.
			if names[i] = strings.ToLower(name); !isHostName(strings.TrimPrefix(names[i], ".")) {
				return ErrClaims
			}
		}
		*member.into = names
	}
	return nil
}

// allowsName holds §6.2.2, and through it RFC 5280 §4.2.1.10: an address instead of a name satisfies no constraint.
func (c constraints) allowsName(entity string) bool {
	if c.permitted == nil && c.excluded == nil {
		return true
	}
	host, _ := hostOf(entity)
	matches := func(name string) bool {
		if strings.HasPrefix(name, ".") {
			return strings.HasSuffix(host, name) // and is longer, since no host begins with a dot
		}
		return host == name
	}
	if isAddress(host) || slices.ContainsFunc(c.excluded, matches) {
		return false
	}
	return c.permitted == nil || slices.ContainsFunc(c.permitted, matches)
}

// allowsType holds §6.2.3.
func (c constraints) allowsType(entityType string) bool {
	return c.types == nil || entityType == federationEntity || slices.Contains(c.types, entityType)
}

// checkConstraints holds each superior's constraints against everybody below it, each for itself (§6.2). Those on entity
// types are held when the metadata is resolved.
func (c chain) checkConstraints() error {
	for i, superior := range c.superiors {
		if length := superior.constraints.pathLength; length != nil && int64(i) > *length {
			return ErrLength
		}
		for _, below := range c.superiors[:i+1] {
			if !superior.constraints.allowsName(below.subject) {
				return ErrNaming
			}
		}
	}
	return nil
}
