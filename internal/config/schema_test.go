package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"example.com/countersign/internal/config"
)

func decodeJSON(t *testing.T, document []byte) any {
	t.Helper()
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatalf("decoding JSON: %v", err)
	}
	return decoded
}

var compileSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", document); err != nil {
		return nil, err
	}
	return compiler.Compile("schema.json")
})

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := compileSchema()
	if err != nil {
		t.Fatalf("compiling the schema: %v", err)
	}
	return schema
}

// complaint returns what the loader says of the value at a path, after the given words.
func complaint(t *testing.T, document []byte, path, words string) []string {
	t.Helper()
	_, faults := config.Load("config.yaml", document)
	for _, fault := range faults {
		if _, list, ok := strings.Cut(fault.Problem, words); ok && fault.At.Path == path {
			return strings.Split(list, ", ")
		}
	}
	t.Errorf("no complaint %q about %s in:\n%v", words, path, faults)
	return nil
}

// What the loader reads is found by what it says about a field that it does not know, so that neither side of the
// comparison is written down a second time.
func TestEverySectionHasTheSameFieldsInTheSchemaAndInTheLoader(t *testing.T) {
	unordered := cmpopts.SortSlices(strings.Compare)
	for _, at := range places(t) {
		if closed, ok := at.says["additionalProperties"].(bool); !ok || closed {
			continue
		}
		t.Run("section "+at.path, func(t *testing.T) {
			var inSchema []string
			for name := range at.says["properties"].(map[string]any) {
				inSchema = append(inSchema, name)
			}
			const nonsense = "there-will-never-be-a-field-of-this-name"
			path := strings.TrimPrefix(at.path+"."+nonsense, ".")
			document := at.document(t, map[string]any{nonsense: "x"})
			inLoader := complaint(t, document, path, "is not a field here; the fields are ")
			if diff := cmp.Diff(inSchema, inLoader, unordered); diff != "" {
				t.Errorf("fields (-schema +loader):\n%s", diff)
			}
		})
	}
}

func TestEveryEnumerationHasTheSameWordsInTheSchemaAndInTheLoader(t *testing.T) {
	for _, at := range places(t) {
		enumeration, ok := at.says["enum"].([]any)
		if !ok {
			continue
		}
		t.Run(at.path, func(t *testing.T) {
			var inSchema []string
			for _, word := range enumeration {
				inSchema = append(inSchema, word.(string))
			}
			inLoader := complaint(t, at.document(t, "nonsense"), at.path, `is "nonsense"; use one of `)
			if diff := cmp.Diff(inSchema, inLoader); diff != "" {
				t.Errorf("words (-schema +loader):\n%s", diff)
			}
		})
	}
}

// An absent field and the default that the schema promises for it must mean the same.
func TestEveryDefaultOfTheSchemaIsTheLoadersDefault(t *testing.T) {
	ignorePositions := cmpopts.IgnoreTypes(config.Position{}, config.Faults{})
	for _, at := range places(t) {
		promised, ok := at.says["default"]
		if !ok {
			continue
		}
		t.Run(at.path, func(t *testing.T) {
			absent, _ := config.Load("config.yaml", place{names: at.names[:len(at.names)-1]}.document(t, map[string]any{"x": "x"}))
			written, _ := config.Load("config.yaml", at.document(t, promised))
			if diff := cmp.Diff(absent, written, ignorePositions); diff != "" {
				t.Errorf("configuration (-absent +written):\n%s", diff)
			}
		})
	}
}

func TestEveryFieldIsDescribed(t *testing.T) {
	for _, at := range places(t) {
		if description, _ := at.says["description"].(string); description == "" && !strings.HasSuffix(at.path, "]") {
			t.Errorf("%s has no description", at.path)
		}
	}
}

// goodDocuments returns the documents in testdata that state no fault.
func goodDocuments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/config/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents in testdata (%v)", err)
	}
	good := map[string]string{}
	for _, file := range files {
		document, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(document), mark) {
			good[filepath.Base(file)] = string(document)
		}
	}
	return good
}

func TestEveryGoodDocumentIsAllowed(t *testing.T) {
	for name, document := range goodDocuments(t) {
		allow(t, name, document)
	}
}

// A field that no document uses is one that nobody has seen working.
func TestEveryFieldIsUsedInAGoodDocument(t *testing.T) {
	// Clients and issuers have the same keys, rules and assertions, and every ring has the same places: to use a field in one
	// of them is enough.
	section := strings.NewReplacer("clients[0].allow", "allow", "issuers[0].allow", "allow",
		"clients[0].keys", "keys", "clients[0].assertion.", "issuers[0].", "issuers[0].keys", "keys", "signing_keys.additional[0].", "signing_keys.")
	used := map[string]bool{}
	var walk func(path string, value any)
	walk = func(path string, value any) {
		used[section.Replace(path)] = true
		switch value := value.(type) {
		case map[string]any:
			for name, member := range value {
				walk(strings.TrimPrefix(path+"."+name, "."), member)
			}
		case []any:
			for _, item := range value {
				walk(path+"[0]", item) // The schema says the same of every item.
			}
		}
	}
	for name, document := range goodDocuments(t) {
		var written any
		if err := yaml.Load([]byte(document), &written); err != nil {
			t.Fatalf("reading %s: %v", name, err)
		}
		walk("", written)
	}
	for _, at := range places(t) {
		if !used[section.Replace(at.path)] {
			t.Errorf("no good document uses %s", at.path)
		}
	}
}
