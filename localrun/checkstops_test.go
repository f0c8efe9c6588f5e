package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckReadsAStopListAsTheServiceDoes(t *testing.T) {
	for name, test := range map[string]struct{ document, says, fails string }{
		"good":    {"entries:\n  - {client: billing}\n  - {subject: x, issued_before: 2026-03-01T13:00:00+01:00}\n", "is good, with 2 entries.\n", ""},
		"one":     {"entries: [{jti: A}]\n", "is good, with 1 entry.\n", ""},
		"nobody":  {"entries: []\n", "is good, and stops nobody.\n", ""},
		"empty":   {"", "the document is empty; it needs at least entries\n", "one fault"},
		"faulty":  {"entries:\n  - {clientt: a}\n  - {}\n", ":2: entries[0].clientt: clientt is not a field here; did you mean client?\n", "3 faults"},
		"another": {"issuer: https://auth.example.com\n", "entries is missing\n", "2 faults"},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, filepath.Join(t.TempDir(), "stops.yaml"), test.document)
			result := runCommand(t, "", "check", "-stop-list", path)
			if !strings.Contains(result.stdout, test.says) {
				t.Errorf("want %q in %q", test.says, result.stdout)
			}
			switch {
			case test.fails == "" && result.err != nil:
				t.Errorf("the error is %v", result.err)
			case test.fails != "" && (result.err == nil || result.err.Error() != path+" has "+test.fails):
				t.Errorf("the error is %v", result.err)
			}
		})
	}
}

func TestCheckOfAStopListForMachines(t *testing.T) {
	result := runCommand(t, "entries: [{subject: x, issued_before: 2026-03-01T13:00:00+01:00}]", "check", "-json", "-stop-list", "-")
	var got any
	if err := json.Unmarshal([]byte(result.stdout), &got); err != nil || result.err != nil {
		t.Fatalf("got %s, %v, %v", result.stdout, result.err, err)
	}
	want := map[string]any{
		"file": "standard input", "faults": []any{},
		"entries": []any{map[string]any{"line": 1.0, "subject": "x", "issued_before": "2026-03-01T12:00:00Z"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	result = runCommand(t, "entries: [{}, {client: a}]", "check", "-json", "-stop-list", "-")
	if result.err == nil || !strings.Contains(result.stdout, `"entries": []`) || !strings.Contains(result.stdout, `"line": 1`) {
		t.Errorf("got %s, %v", result.stdout, result.err)
	}
}
