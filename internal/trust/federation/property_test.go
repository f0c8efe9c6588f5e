package federation_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"example.com/countersign/internal/trust/federation"
)

// obeys is a reading of §6.1.3.1 that knows nothing of how policies are merged or applied: whether a parameter could
// have come out of this policy alone. Operators that are not known demand nothing.
func obeys(policy map[string]any, value any, present bool) bool {
	for operator, operand := range policy {
		values, _ := value.([]any)
		ok := true
		switch operator {
		case "value":
			ok = present == (operand != nil) && equal(value, operand)
		case "add":
			ok = present && containsAll(values, operand.([]any))
		case "default":
			ok = present
		case "one_of":
			ok = !present || containsAll(operand.([]any), []any{value})
		case "subset_of":
			ok = !present || values != nil && containsAll(operand.([]any), values)
		case "superset_of":
			ok = !present || values != nil && containsAll(values, operand.([]any))
		case "essential":
			ok = present || operand == false
		}
		if !ok {
			return false
		}
	}
	return true
}

func containsAll(whole, part []any) bool {
	return !slices.ContainsFunc(part, func(wanted any) bool {
		return !slices.ContainsFunc(whole, func(element any) bool { return equal(element, wanted) })
	})
}

// equal compares values as JSON does: a number is a number.
func equal(a, b any) bool {
	var plain [2]any
	for i, value := range []any{a, b} {
		text, _ := json.Marshal(value)
		_ = json.Unmarshal(text, &plain[i])
	}
	return reflect.DeepEqual(plain[0], plain[1])
}

// judgeResolution says what is wrong with the outcome of policies; nothing: it is as it must be.
func judgeResolution(policies []map[string]any, value any, present bool) string {
	if present && value == nil {
		return "the parameter is null"
	}
	for _, policy := range policies {
		if !obeys(policy, value, present) {
			text, _ := json.Marshal(policy)
			return "one of the policies alone forbids it: " + string(text)
		}
	}
	return ""
}

// §6.1.1, Hierarchy: whatever the policies of several superiors let through, each of them alone would have.
func TestF4_merged_policies_never_allow_what_one_of_them_alone_forbids(t *testing.T) {
	outcomes := map[error]int{}
	for seed := range uint64(20_000) {
		random := rand.New(rand.NewPCG(seed, 4))
		var policies []map[string]any
		var claims []any
		for range 1 + random.IntN(3) {
			policy := drawPolicy(random)
			policies = append(policies, policy)
			claims = append(claims, object{"p": policy})
		}
		metadata := object{}
		if random.IntN(4) > 0 {
			metadata["p"] = drawValue(random)
		}
		got, err := federation.Resolve(metadata, claims...)
		outcomes[err]++
		if err != nil {
			continue
		}
		value, present := got["p"]
		if fault := judgeResolution(policies, value, present); fault != "" {
			t.Fatalf("seed %d: %s\n%v under %v became %v", seed, fault, metadata, policies, got)
		}
		again, err := federation.Resolve(got, claims...)
		if err != nil || !equal(got, again) {
			t.Fatalf("seed %d: applied again, %v under %v became %v, %v", seed, got, policies, again, err)
		}
	}
	for _, outcome := range []error{nil, federation.ErrPolicyConflict, federation.ErrPolicyBroken} {
		if outcomes[outcome] < 1000 {
			t.Errorf("only %d ended with %v: the drawing is lopsided", outcomes[outcome], outcome)
		}
	}
}

// Policies agree or do not, whoever of the superiors has which.
func TestF4_policies_that_agree_do_so_in_every_order(t *testing.T) {
	agreed := 0
	for seed := range uint64(5000) {
		random := rand.New(rand.NewPCG(seed, 5))
		var claims []any
		for range 3 {
			claims = append(claims, object{"p": drawPolicy(random)})
		}
		conflict := func() bool {
			_, err := federation.Resolve(object{}, claims...)
			return errors.Is(err, federation.ErrPolicyConflict)
		}
		first := conflict()
		if !first {
			agreed++
		}
		for range 5 {
			random.Shuffle(len(claims), func(i, j int) { claims[i], claims[j] = claims[j], claims[i] })
			if conflict() != first {
				t.Fatalf("seed %d: %v", seed, claims)
			}
		}
	}
	if agreed < 500 || agreed > 4500 {
		t.Errorf("%d of 5000 agreed: the drawing is lopsided", agreed)
	}
}

var letters = []any{"a", "b", "c"}

// drawSet is a part of the letters, in some order.
func drawSet(random *rand.Rand, least int) []any {
	drawn := slices.Clone(letters)
	random.Shuffle(len(drawn), func(i, j int) { drawn[i], drawn[j] = drawn[j], drawn[i] })
	return drawn[:least+random.IntN(len(drawn)-least+1)]
}

func drawValue(random *rand.Rand) any {
	switch random.IntN(8) {
	case 0:
		return random.IntN(2) == 0
	case 1:
		return int64(random.IntN(2))
	case 2, 3, 4:
		return letters[random.IntN(3)]
	default:
		return drawSet(random, 0)
	}
}

// drawPolicy has one operator or two, seldom more, as those that have many hardly ever agree.
func drawPolicy(random *rand.Rand) map[string]any {
	policy := map[string]any{}
	for random.IntN(3) > 0 {
		switch random.IntN(8) {
		case 0:
			if policy["value"] = drawValue(random); random.IntN(4) == 0 {
				policy["value"] = nil
			}
		case 1:
			policy["add"] = drawSet(random, 0)
		case 2:
			policy["default"] = drawValue(random)
		case 3:
			policy["one_of"] = drawSet(random, 1)
		case 4:
			policy["subset_of"] = drawSet(random, 0)
		case 5:
			policy["superset_of"] = drawSet(random, 0)
		case 6:
			policy["essential"] = random.IntN(2) == 0
		default:
			policy["regexp"] = "."
		}
	}
	return policy
}
