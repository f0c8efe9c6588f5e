package difference_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/difference"
)

// wordsForPeople are the fields that change nothing: what the log calls an exception, and why a preset requires something.
var wordsForPeople = []string{
	"Clients.ClientAssertion.Exceptions.Name", "Clients.Assertion.Exceptions.Name", "Issuers.Allow.Require.Reason",
}

// TestEveryFieldOfAConfigurationIsCompared changes one field after the other, and holds that each change is told of: a
// field that is added to the configuration and not here could widen it unseen.
func TestEveryFieldOfAConfigurationIsCompared(t *testing.T) {
	keys := "\n    grants: [\"" + config.JWTBearer + "\"]\n    allow: [{resource: \"urn:api\", scopes: [read]}]\n"
	text := replaced(t, base, "clients:\n", `clients:
  - id: inline
    authentication: none
    keys: {jwks: {keys: [`+publicKeys["one"]+"]}}"+keys+`
  - id: pem
    authentication: none
    keys:
      pem: |
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEzQFh4wN9YeJXPXPg8sPhDAFSxADQ
        /EUbii0kBFdbEG3I+7M2Y8n3+PRMcEKaft0TCdO2W65vZ/fOQCVAe5nQJA==
        -----END PUBLIC KEY-----`+keys)
	text = replaced(t, text, "profile: fapi2 # bank\n", "profile: fapi2\n    dpop: required\n")
	text = replaced(t, text, "  additional:\n", `  additional:
    - {directory: keys, algorithm: ES384}
    - {kms: projects/acme/locations/l/keyRings/r/cryptoKeys/k, algorithm: PS256}
`)
	told := map[string]bool{}
	for _, path := range leaves(reflect.ValueOf(*document(t, text, nil).Configuration), nil) {
		after := document(t, text, files(t))
		place := reflect.ValueOf(after.Configuration).Elem()
		name := path.follow(&place)
		alter(t, name, place)
		changes, err := difference.Compare(document(t, text, files(t)), after)
		told[name] = told[name] || err != nil || len(changes) > 0
	}
	for _, name := range slices.Sorted(maps.Keys(told)) {
		if isWord := slices.Contains(wordsForPeople, name); told[name] == isWord {
			t.Errorf("%s can change, and whether somebody is told: %t", name, told[name])
		}
	}
	if len(told) < 110 {
		t.Errorf("only %d fields were changed", len(told))
	}
}

// fieldPath leads to a field: through structs by the number of the field, and through lists by that of the element.
type fieldPath []int

// leaves returns the paths of all fields but those that say where something stands, and the warnings.
func leaves(v reflect.Value, path fieldPath) []fieldPath {
	var paths []fieldPath
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		return []fieldPath{path}
	case v.Type() == reflect.TypeFor[config.Position](), v.Type() == reflect.TypeFor[config.Faults]():
		return nil
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			paths = append(paths, leaves(v.Field(i), append(slices.Clip(path), i))...)
		}
		return paths
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			paths = append(paths, leaves(v.Index(i), append(slices.Clip(path), i))...)
		}
		return paths
	}
	return []fieldPath{path}
}

// follow moves v to the field, and returns its name. Of keys and rings of keys only one place is written each time, so
// that their fields have one name wherever they are.
func (p fieldPath) follow(v *reflect.Value) string {
	var names []string
	for _, step := range p {
		if v.Kind() == reflect.Slice {
			*v = v.Index(step)
			continue
		}
		if owner := v.Type(); owner == reflect.TypeFor[config.Keys]() || owner == reflect.TypeFor[config.KeyRing]() {
			names = []string{owner.Name()}
		}
		names = append(names, v.Type().Field(step).Name)
		*v = v.Field(step)
	}
	return strings.Join(names, ".")
}

// alter gives a field another value.
func alter(t *testing.T, name string, v reflect.Value) {
	switch value := v.Addr().Interface().(type) {
	case *string:
		*value += "x"
	case *bool:
		*value = !*value
	case *[]string:
		*value = append(*value, "x")
	case *[]byte:
		*value = append(*value, "x"...)
	case *time.Time:
		*value = value.AddDate(0, 0, 1)
	case *config.ClaimTypes:
		*value = config.ClaimTypes{"x": {Name: "string"}}
	case *map[string]config.Expression:
		*value = map[string]config.Expression{"x": {Text: "claims.x"}}
	default:
		if !v.CanInt() {
			t.Fatalf("%s is of the type %s, which this test cannot change", name, v.Type())
		}
		v.SetInt(v.Int() + 1e9)
	}
}
