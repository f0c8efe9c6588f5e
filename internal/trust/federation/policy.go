package federation

import (
	"slices"
	"strings"
)

// A policy is what superiors demand of metadata (§6.1), by entity type and by the name of the parameter. It says nothing
// of what is not there.
type policy map[string]map[string]rule

// A rule is the operators for one parameter (§6.1.3.1), in the order in which they are applied. A set that is nil says
// that its operator is not there. The zero rule demands nothing.
type rule struct {
	value      operand
	add        []any
	fallback   operand // default
	oneOf      []any
	subsetOf   []any
	supersetOf []any
	essential  bool
}

// An operand is the value of an operator that can be of any type. The zero operand says that the operator is not there.
type operand struct {
	value   any // nil: null
	present bool
}

// scope is the parameter that is one string and that operators take for an array (§6.1.3.1.8).
const scope = "scope"

// readPolicy reads the metadata_policy claim. Whether operators agree is seen when policies are merged. The error is
// ErrPolicyForm.
func readPolicy(claim any) (policy, error) {
	types, isObject := claim.(map[string]any)
	if !isObject {
		return nil, ErrPolicyForm
	}
	read := make(policy, len(types))
	for entityType, value := range types {
		named, isObject := value.(map[string]any)
		if !isObject {
			return nil, ErrPolicyForm
		}
		read[entityType] = make(map[string]rule, len(named))
		for name, value := range named {
			operators, isObject := value.(map[string]any)
			if !isObject {
				return nil, ErrPolicyForm
			}
			rule, err := readRule(name, operators)
			if err != nil {
				return nil, err
			}
			read[entityType][name] = rule
		}
	}
	return read, nil
}

// readRule ignores operators that it does not know, as §6.1.3.2 demands: the statement has no metadata_policy_crit, or
// it would not have come so far.
func readRule(name string, operators map[string]any) (rule, error) {
	var read rule
	var wellFormed bool
	for operator, value := range operators {
		switch operator {
		case "value":
			read.value, wellFormed = operand{listed(name, value), true}, true
		case "default":
			read.fallback, wellFormed = operand{listed(name, value), true}, value != nil
		case "add":
			read.add, wellFormed = readSet(value)
		case "one_of":
			read.oneOf, wellFormed = readSet(value)
			wellFormed = wellFormed && len(read.oneOf) > 0 // nothing is one of nothing
		case "subset_of":
			read.subsetOf, wellFormed = readSet(value)
		case "superset_of":
			read.supersetOf, wellFormed = readSet(value)
		case "essential":
			read.essential, wellFormed = value.(bool)
		default:
			continue
		}
		if !wellFormed {
			return rule{}, ErrPolicyForm
		}
	}
	return read, nil
}

// listed returns a scope as the array for which operators take it, and every other parameter as it is.
func listed(name string, value any) any {
	text, isText := value.(string)
	if name != scope || !isText {
		return value
	}
	list := []any{}
	for token := range strings.FieldsSeq(text) {
		list = append(list, token)
	}
	return list
}

// unlisted is the opposite of listed.
func unlisted(name string, value any) any {
	list, isArray := value.([]any)
	if name != scope || !isArray {
		return value
	}
	tokens := make([]string, 0, len(list))
	for _, element := range list {
		token, isText := element.(string)
		if !isText {
			return value
		}
		tokens = append(tokens, token)
	}
	return strings.Join(tokens, " ")
}

// readSet reads an array of what can be compared (§6.1.3.1.2): strings, numbers and objects.
func readSet(value any) (set []any, isSet bool) {
	elements, isArray := value.([]any)
	if !isArray || slices.ContainsFunc(elements, func(element any) bool { return !isElement(element) }) {
		return nil, false
	}
	return elements, true
}

func isElement(value any) bool {
	switch value.(type) {
	case string, int64, float64, map[string]any:
		return true
	default:
		return false
	}
}

// agrees holds which operators may stand beside each other, and with which values (§6.1.3.1).
func (r rule) agrees() bool {
	if r.value.present && !r.agreesWithValue() {
		return false
	}
	if r.oneOf != nil && (r.add != nil || r.subsetOf != nil || r.supersetOf != nil) {
		return false
	}
	return r.subsetOf == nil || within(r.add, r.subsetOf) && within(r.supersetOf, r.subsetOf)
}

func (r rule) agreesWithValue() bool {
	if r.value.value == nil && (r.fallback.present || r.essential) {
		return false
	}
	if r.oneOf != nil && !within([]any{r.value.value}, r.oneOf) {
		return false
	}
	if r.add == nil && r.subsetOf == nil && r.supersetOf == nil {
		return true
	}
	values, isSet := readSet(r.value.value)
	return isSet && within(r.add, values) && within(r.supersetOf, values) && (r.subsetOf == nil || within(values, r.subsetOf))
}

// apply returns the parameter as the rule makes it; false: it is not there, before or after. The error is
// ErrPolicyBroken.
func (r rule) apply(value any, present bool) (any, bool, error) {
	if r.value.present {
		value, present = r.value.value, r.value.value != nil
	}
	if r.add != nil {
		if !present {
			value = []any{}
		}
		values, isSet := readSet(value)
		if !isSet {
			return nil, false, ErrPolicyBroken
		}
		value, present = union(values, r.add), true
	}
	if !present && r.fallback.present {
		value, present = r.fallback.value, true
	}
	if !present {
		if r.essential {
			return nil, false, ErrPolicyBroken
		}
		return nil, false, nil
	}
	value, err := r.check(value)
	return value, err == nil, err
}

// check applies the operators that look at a parameter that is there.
func (r rule) check(value any) (any, error) {
	if r.oneOf != nil && !within([]any{value}, r.oneOf) {
		return nil, ErrPolicyBroken
	}
	if r.subsetOf == nil && r.supersetOf == nil {
		return value, nil
	}
	values, isSet := readSet(value)
	if !isSet {
		return nil, ErrPolicyBroken
	}
	if r.subsetOf != nil {
		values = intersection(values, r.subsetOf)
	}
	if !within(r.supersetOf, values) {
		return nil, ErrPolicyBroken
	}
	return values, nil
}
