package federation

import "encoding/json"

// add adds the policy of the next superior below to those of the ones above it (§6.1.4.1). The result allows nothing
// that one of them alone forbids. The error is ErrPolicyConflict.
func (p policy) add(below policy) error {
	for entityType, rules := range below {
		if p[entityType] == nil {
			p[entityType] = make(map[string]rule, len(rules))
		}
		for name, next := range rules {
			merged, err := p[entityType][name].merge(next)
			if err != nil {
				return err
			}
			p[entityType][name] = merged
		}
	}
	return nil
}

// merge merges operator by operator, and then looks whether they agree. A rule whose own operators do not agree does not
// come to by merging, since every merge makes it narrower: that each policy is sound by itself is seen here too.
func (r rule) merge(below rule) (rule, error) {
	merged := rule{
		add:        either(r.add, below.add, union),
		oneOf:      either(r.oneOf, below.oneOf, intersection),
		subsetOf:   either(r.subsetOf, below.subsetOf, intersection),
		supersetOf: either(r.supersetOf, below.supersetOf, union),
		essential:  r.essential || below.essential,
	}
	var same [2]bool
	merged.value, same[0] = r.value.merge(below.value)
	merged.fallback, same[1] = r.fallback.merge(below.fallback)
	if !same[0] || !same[1] || merged.oneOf != nil && len(merged.oneOf) == 0 || !merged.agrees() {
		return rule{}, ErrPolicyConflict
	}
	return merged, nil
}

// merge reports whether the two agree: an operator that sets a parameter cannot set it to two values.
func (o operand) merge(below operand) (operand, bool) {
	switch {
	case !o.present:
		return below, true
	case !below.present:
		return o, true
	default:
		return o, text(o.value) == text(below.value)
	}
}

// either returns what is there, or both merged.
func either(above, below []any, merge func(above, below []any) []any) []any {
	switch {
	case above == nil:
		return below
	case below == nil:
		return above
	default:
		return merge(above, below)
	}
}

// text is how values are compared: as JSON with sorted members, in which 1 and 1.0 are the same. It cannot fail, since
// the value has come out of JSON.
func text(value any) string {
	encoded, _ := json.Marshal(value)
	return string(encoded)
}

func texts(values []any) map[string]bool {
	all := make(map[string]bool, len(values))
	for _, value := range values {
		all[text(value)] = true
	}
	return all
}

// within reports whether every one of some is among all.
func within(some, all []any) bool {
	known := texts(all)
	for _, value := range some {
		if !known[text(value)] {
			return false
		}
	}
	return true
}

// union returns all of above and what of below is not among it.
func union(above, below []any) []any {
	known := texts(above)
	merged := append([]any{}, above...)
	for _, value := range below {
		if !known[text(value)] {
			known[text(value)] = true
			merged = append(merged, value)
		}
	}
	return merged
}

// intersection returns what of above is also among below. It is not nil, since an empty set demands something and no
// set demands nothing.
func intersection(above, below []any) []any {
	known := texts(below)
	common := []any{}
	for _, value := range above {
		if known[text(value)] {
			common = append(common, value)
		}
	}
	return common
}
