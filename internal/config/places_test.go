package config_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"example.com/countersign/internal/config"
)

// A place is somewhere in the document, by the schema: the path of it, and what the schema says of it there.
type place struct {
	path  string
	names []string // from the root, "[]" for the first item of a list
	says  map[string]any
}

// places walks the schema as the document can be nested, through every reference and every form that a value can have.
func places(t *testing.T) []place {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(config.Schema, &root); err != nil {
		t.Fatalf("decoding the schema: %v", err)
	}
	definitions := root["$defs"].(map[string]any)
	var found []place
	var walk func(at place)
	walk = func(at place) {
		if reference, ok := at.says["$ref"].(string); ok {
			definition := definitions
			for name := range strings.SplitSeq(strings.TrimPrefix(reference, "#/$defs/"), "/") {
				definition = definition[name].(map[string]any)
			}
			merged := map[string]any{}
			for _, part := range []map[string]any{definition, at.says} {
				for keyword, value := range part {
					merged[keyword] = value
				}
			}
			delete(merged, "$ref")
			if deeper, ok := definition["$ref"]; ok {
				merged["$ref"] = deeper
			}
			walk(place{path: at.path, names: at.names, says: merged})
			return
		}
		if forms := formsOf(at.says); forms != nil {
			for _, form := range forms {
				walk(place{path: at.path, names: at.names, says: form})
			}
			return
		}
		found = append(found, at)
		if items, ok := at.says["items"].(map[string]any); ok {
			walk(place{path: at.path + "[0]", names: append(slices.Clip(at.names), "[]"), says: items})
		}
		properties, _ := at.says["properties"].(map[string]any)
		for name, says := range properties {
			path := strings.TrimPrefix(at.path+"."+name, ".")
			walk(place{path: path, names: append(slices.Clip(at.names), name), says: says.(map[string]any)})
		}
	}
	walk(place{says: root})
	slices.SortFunc(found, func(a, b place) int { return strings.Compare(a.path, b.path) })
	return found
}

// formsOf returns what the schema says of each form that a value can have. Alternatives that only say which fields go
// together are no forms.
func formsOf(says map[string]any) (forms []map[string]any) {
	alternatives, _ := says["oneOf"].([]any)
	for _, alternative := range alternatives {
		form := maps.Clone(alternative.(map[string]any))
		if form["$ref"] == nil && form["type"] == nil {
			return nil
		}
		for keyword, value := range says {
			if keyword != "oneOf" {
				form[keyword] = value
			}
		}
		forms = append(forms, form)
	}
	return forms
}

// document writes a document that holds nothing but the value at this place.
func (p place) document(t *testing.T, value any) []byte {
	t.Helper()
	for _, name := range slices.Backward(p.names) {
		if name == "[]" {
			value = []any{value}
		} else {
			value = map[string]any{name: value}
		}
	}
	document, err := yaml.Dump(value)
	if err != nil {
		t.Fatalf("writing YAML: %v", err)
	}
	return document
}
