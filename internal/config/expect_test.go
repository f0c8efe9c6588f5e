package config_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"example.com/countersign/internal/config"
)

// In the documents of these tests a comment "#! path: problem" states the fault that its own line has. A problem that
// ends in "…" is the beginning of one. Whatever is not stated is an error, and so is what is stated and not found.
const mark = "#! "

// allow expects a document to have no fault, and the schema to agree.
func allow(t *testing.T, name, document string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		expectFaults(t, document)
		if err := validate(t, document); err != nil {
			t.Errorf("the schema refuses it: %v", err)
		}
	})
}

// denyByForm expects a document to have the stated faults, and the schema to refuse it too.
func denyByForm(t *testing.T, name, document string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		denied(t, document)
		if validate(t, document) == nil {
			t.Error("the schema accepts it")
		}
	})
}

// denyByMeaning expects a document to have the stated faults, and the schema not to see them: they are about what one
// part of the document says of another, or need more than a schema can say.
func denyByMeaning(t *testing.T, name, document string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		denied(t, document)
		if err := validate(t, document); err != nil {
			t.Errorf("the schema can see it, so state it as form: %v", err)
		}
	})
}

// denyByNotation expects a document to have the stated faults, which are about how it is written. A schema never sees
// that.
func denyByNotation(t *testing.T, name, document string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		denied(t, document)
	})
}

func denied(t *testing.T, document string) {
	t.Helper()
	if !strings.Contains(document, mark) {
		t.Fatal("the document states no fault")
	}
	expectFaults(t, document)
}

// expectFaults loads a document and compares its faults with those that it states.
func expectFaults(t *testing.T, document string) *config.Config {
	t.Helper()
	c, faults := config.Load("config.yaml", []byte(document))
	if c == nil {
		t.Fatal("Load returned no Config")
	}
	stated := statedFaults(document)
	if diff := cmp.Diff(stated, shortened(stated, faults)); diff != "" {
		t.Errorf("faults (-stated +found):\n%s", diff)
	}
	return c
}

// statedFaults returns the faults that the comments of a document state, as they are printed.
func statedFaults(document string) []string {
	var stated []string
	for i, line := range strings.Split(document, "\n") {
		for _, fault := range strings.Split(line, mark)[1:] {
			stated = append(stated, fmt.Sprintf("config.yaml:%d: %s", i+1, strings.TrimSpace(fault)))
		}
	}
	return stated
}

// shortened prints faults, each as short as the one at its place is stated.
func shortened(stated []string, faults config.Faults) []string {
	var found []string
	for i, fault := range faults {
		text := fault.Error()
		if i < len(stated) {
			beginning, more := strings.CutSuffix(stated[i], "…")
			if more && strings.HasPrefix(text, beginning) {
				text = stated[i]
			}
		}
		found = append(found, text)
	}
	return found
}

// validate holds a document to the schema, as an editor would.
func validate(t *testing.T, document string) error {
	t.Helper()
	var root yaml.Node
	if err := yaml.Load([]byte(document), &root); err != nil {
		t.Fatalf("reading the document as YAML: %v", err)
	}
	datesAsText(&root)
	var written any
	if err := root.Decode(&written); err != nil {
		t.Fatalf("reading the document as YAML: %v", err)
	}
	asJSON, err := json.Marshal(written)
	if err != nil {
		t.Fatalf("writing the document as JSON: %v", err)
	}
	return compiledSchema(t).Validate(decodeJSON(t, asJSON))
}

// datesAsText makes text of dates, as it is in JSON and in the YAML 1.2 of editors.
func datesAsText(node *yaml.Node) {
	if node.Tag == "!!timestamp" {
		node.Tag = "!!str"
	}
	for _, child := range node.Content {
		datesAsText(child)
	}
}

// The beginnings of documents. Each leaves off where the section that it is named for begins.
const (
	prelude = `issuer: https://auth.example.com
signing_keys: {secret: projects/acme/secrets/keys}
resources:
  - id: https://api.example.com
    scopes: [read, write]
`
	inIssuers = prelude + `issuers:
`
	inKeys = prelude + `issuers:
  - issuer: https://idp.example.com
    allow: [{resource: https://api.example.com, scopes: [read]}]
    keys:
`
	inRules = prelude + `issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.pem}
    allow:
`
	inIssuer = prelude + `issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.pem}
    allow: [{resource: https://api.example.com, scopes: [read]}]
`
	inClient = prelude + `clients:
  - id: batch
    allow: [{resource: https://api.example.com, scopes: [read]}]
`
	inTLS = `issuer: https://auth.example.com
signing_keys: {secret: projects/acme/secrets/keys}
resources:
  - {id: https://api.example.com, scopes: [read, write]}
  - {id: "urn:api", scopes: [read]}
mutual_tls:
`
	withProxy = inTLS + `  proxy: {secret: projects/acme/secrets/proxy}
`
)
