package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unicode/utf8"

	"example.com/countersign/internal/config"
)

// FuzzLoad holds every document to three promises: Load returns, what it refuses it refuses with a place, and what it
// does not refuse is as the comments of config.Config say.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("../../testdata/config/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no documents in testdata (%v)", err)
	}
	for _, file := range files {
		document, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(document)
	}
	for _, document := range []string{
		prelude, inIssuer, inKeys + `      jwks: '{"keys": [{}]}'`,
		inClient + "    authentication: none\n    grants: [" + jwtBearer + "]\n",
		prelude + "clock_skew: &a 1s\naccess_tokens: {<<: *a, ? [b] : !!str c}\n---\n...\n",
	} {
		f.Add([]byte(document))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		c, faults := config.Load("config.yaml", document)
		if c == nil {
			t.Fatal("Load returned no Config")
		}
		checkFaults(t, faults)
		checkFaults(t, c.Warnings)
		if len(faults) == 0 {
			checkInvariants(t, c)
		}
	})
}

func checkFaults(t *testing.T, faults config.Faults) {
	t.Helper()
	if !slices.IsSortedFunc(faults, func(a, b config.Fault) int { return a.At.Line - b.At.Line }) {
		t.Errorf("faults are not in the order of lines:\n%v", faults)
	}
	for _, fault := range faults {
		text := fault.Error()
		if fault.At.Line < 1 || fault.At.Document != "config.yaml" || fault.Problem == "" {
			t.Errorf("fault %#v has no place or no problem", fault)
		}
		if !utf8.ValidString(text) || slices.ContainsFunc([]rune(text), func(r rune) bool { return r < ' ' }) {
			t.Errorf("fault %q cannot be printed on one line", text)
		}
	}
}
