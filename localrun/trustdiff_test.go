package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
)

// pipelineConfiguration is what a pipeline compares with: one issuer with one rule, and a client whose keys are in a file.
const pipelineConfiguration = `issuer: https://auth.example.com
signing_keys: {secret: projects/acme/secrets/keys}
resources:
  - {id: https://deploy.example.com, scopes: [read, write]}
clients:
  - id: batch
    authentication: private_key_jwt
    keys: {file: batch.jwks.json}
    grants: [client_credentials]
    allow:
      - {resource: https://deploy.example.com, scopes: [read]}
issuers:
  - issuer: https://ci.example.com
    keys: {secret: projects/acme/secrets/ci}
    allow:
      - if: claims.ref == "refs/heads/main"
        resource: https://deploy.example.com
        scopes: [read, write]
        lifetime: 5m
`

// pipeline writes two configurations, each into a folder of its own with the same key. A pair of edit says what the
// second has in place of what the first has.
func pipeline(t *testing.T, edit ...string) (before, after string) {
	t.Helper()
	folder := t.TempDir()
	newKey(t, folder, "batch", jose.ES256)
	before = write(t, filepath.Join(folder, "config.yaml"), pipelineConfiguration)
	text := strings.NewReplacer(edit...).Replace(pipelineConfiguration)
	other := t.TempDir()
	write(t, filepath.Join(other, "batch.jwks.json"), string(read(t, filepath.Join(folder, "batch.jwks.json"))))
	return before, write(t, filepath.Join(other, "config.yaml"), text)
}

// widening runs trust diff on what widens, and returns what it prints.
func widening(t *testing.T, args ...string) string {
	t.Helper()
	result := runCommand(t, "", append([]string{"trust", "diff"}, args...)...)
	if result.err == nil || exitStatus(result.err) != statusWider || result.stderr != "" {
		t.Errorf("status %d, error %v, standard error %q; want %d", exitStatus(result.err), result.err, result.stderr, statusWider)
	}
	return result.stdout
}

func TestExitStatusTellsWhetherAConfigurationWidens(t *testing.T) {
	before, after := pipeline(t, "lifetime: 5m", "lifetime: 10m")
	faulty := write(t, filepath.Join(t.TempDir(), "faulty.yaml"), "issuer: 1")
	for _, test := range []struct {
		args   []string
		status int
		stderr string
	}{
		{[]string{before, after}, 3, "localrun: " + after + " widens " + before + "\n"},
		{[]string{after, before}, 0, ""},
		{[]string{before, before}, 0, ""},
		{[]string{before, faulty}, 1, "localrun: " + faulty + " has 3 faults\n"},
		{[]string{faulty, before}, 1, "localrun: " + faulty + " has 3 faults\n"},
		{[]string{before}, 1, "localrun: localrun trust diff takes two files: OLD NEW\n"},
	} {
		stdout, stderr, status := program(t, append([]string{"trust", "diff"}, test.args...)...)
		if status != test.status || stderr != test.stderr {
			t.Errorf("%q: status %d, standard error %q; want %d, %q\n%s", test.args, status, stderr, test.status, test.stderr, stdout)
		}
	}
}

func TestDifferenceIsTold_by_party(t *testing.T) {
	before, after := pipeline(t,
		"lifetime: 5m", "lifetime: 10m",
		"scopes: [read]}", "scopes: [write]}",
		`claims.ref == "refs/heads/main"`, `claims.ref == "refs/heads/main" || claims.ref == "refs/heads/release"`,
		"resources:\n", "clock_skew: 20s\nresources:\n")
	printed := widening(t, before, after)
	for line := range strings.Lines(printed) {
		if utf8.RuneCountInString(line)-1 > tableWidth && !strings.Contains(line, after) {
			t.Errorf("a line is wider than %d columns: %q", tableWidth, line)
		}
	}
	printed = strings.NewReplacer(before, "old.yaml", after, "new.yaml", "\n    (", " (").Replace(printed)
	want := `every party
~ clock_skew: 10s → 20s
    widens: assertions are accepted for longer

client batch (private_key_jwt) by client_credentials
+ https://deploy.example.com                write                                    10m  JWT ES256
    widens: no rule allowed all of this scope (old.yaml:11 → new.yaml:12)
- https://deploy.example.com                read                                     10m  JWT ES256 (old.yaml:11 → new.yaml:12)

issuer https://ci.example.com (client optional) by jwt-bearer
~ https://deploy.example.com                lifetime: 5m → 10m
    widens: tokens live longer (old.yaml:16 → new.yaml:17)
~ https://deploy.example.com                if:
    from claims.ref == "refs/heads/main"
    to   claims.ref == "refs/heads/main" || claims.ref == "refs/heads/release"
    widens: other claims may satisfy the condition (old.yaml:16 → new.yaml:17)

new.yaml widens old.yaml: 5 changes, 4 wider.
`
	if diff := cmp.Diff(strings.Fields(want), strings.Fields(printed)); diff != "" {
		t.Errorf("-want +got:\n%s\n%s", diff, printed)
	}
}

// TestKeysOfBothSidesAreReadBesideTheirDocument holds that another key in a file of the same name is seen, and named.
func TestKeysOfBothSidesAreReadBesideTheirDocument(t *testing.T) {
	before, after := pipeline(t)
	if printed := succeed(t, "trust", "diff", before, after); !strings.HasSuffix(printed, " allow the same.\n") {
		t.Errorf("with the same key:\n%s", printed)
	}
	folder := filepath.Dir(after)
	gone := parsePrivate(t, filepath.Join(filepath.Dir(before), "batch.pem"), "").ID()
	succeed(t, "keys", "-force", "-alg", "EdDSA", "-name", "batch", "-out", folder)
	come := parsePrivate(t, filepath.Join(folder, "batch.pem"), "").ID()
	printed := widening(t, before, after)
	for _, want := range []string{"\n+ keys: EdDSA key " + come + "\n", "\n- keys: ES256 key " + gone + "\n"} {
		if !strings.Contains(printed, want) {
			t.Errorf("want %q in\n%s", want, printed)
		}
	}
}

func TestOneSideCanComeFromStandardInput(t *testing.T) {
	before, after := pipeline(t, "lifetime: 5m", "lifetime: 10m")
	t.Chdir(filepath.Dir(before))
	result := runCommand(t, pipelineConfiguration, "trust", "diff", "-", after)
	if exitStatus(result.err) != statusWider || !strings.Contains(result.stdout, after+" widens standard input: one change, 1 wider.") {
		t.Errorf("%v\n%s", result.err, result.stdout)
	}
	refuse(t, []string{"trust", "diff", "-", "-"}, "only one of the two")
}

func TestDifferenceForMachines(t *testing.T) {
	before, after := pipeline(t, "lifetime: 5m", "lifetime: 10m", "  - id: batch\n", "  - id: batch\n    disabled: true\n")
	want := `{"changes":[` +
		`{"kind":"client","new":"true","new_line":6,"old":"","old_line":6,"party":"batch","resource":"","sign":"+","what":"disabled","why":"","widens":false},` +
		`{"kind":"client","new":"","new_line":0,"old":"read for 10m","old_line":11,"party":"batch","resource":"https://deploy.example.com","sign":"-","what":"allow","why":"","widens":false},` +
		`{"kind":"issuer","new":"10m","new_line":17,"old":"5m","old_line":16,"party":"https://ci.example.com","resource":"https://deploy.example.com","sign":"~","what":"allow.lifetime","why":"tokens live longer","widens":true}` +
		`],"faults":[],"new":"` + after + `","old":"` + before + `","widens":true}`
	var printed, wanted any
	if err := json.Unmarshal([]byte(widening(t, "-json", before, after)), &printed); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wanted, printed); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	same := succeed(t, "trust", "diff", "-json", before, before)
	if !strings.Contains(same, `"changes": []`) || !strings.Contains(same, `"widens": false`) {
		t.Errorf("nothing changed, and it is\n%s", same)
	}
}

// TestFaultyConfigurationIsNotCompared holds that what could not be compared is not said to be narrow.
func TestFaultyConfigurationIsNotCompared(t *testing.T) {
	before, after := pipeline(t, "scopes: [read, write]\n", "scopes: [other]\n", "if: claims.ref ==", "if: claims.ref =")
	result := runCommand(t, "", "trust", "diff", before, after)
	if exitStatus(result.err) != 1 || strings.Count(result.stdout, after+":") != 2 || strings.Contains(result.stdout, "widen") {
		t.Errorf("%v\n%s", result.err, result.stdout)
	}
	result = runCommand(t, "", "trust", "diff", "-json", before, after)
	var answer struct {
		Faults  []struct{ File, Path string }
		Widens  *bool
		Changes []any
	}
	if err := json.Unmarshal([]byte(result.stdout), &answer); err != nil {
		t.Fatal(err)
	}
	if exitStatus(result.err) != 1 || answer.Widens != nil || len(answer.Changes) != 0 || len(answer.Faults) != 2 || answer.Faults[0].File != after {
		t.Errorf("%v\n%s", result.err, result.stdout)
	}
}

// TestConditionCannotSteerTheTerminal holds that whoever writes a configuration cannot hide a part of the report on it.
func TestConditionCannotSteerTheTerminal(t *testing.T) {
	before, after := pipeline(t, `if: claims.ref == "refs/heads/main"`, `if: "claims.ref == 'x\e[1A\e[2K\u202e'"`)
	if printed := widening(t, before, after); strings.ContainsAny(printed, "\x1b\u202e") || !strings.Contains(printed, "'x?[1A?[2K?'") {
		t.Errorf("printed %q", printed)
	}
	before, after = pipeline(t, "lifetime: 5m\n", "lifetime: 5m\n      - {resource: https://deploy.example.com, scopes: [read], if: \"claims.x == '\\e[2K'\"}\n")
	if printed := widening(t, before, after); strings.Contains(printed, "\x1b") {
		t.Errorf("printed %q", printed)
	}
}

func TestTrustRefusesWhatItDoesNotKnow(t *testing.T) {
	before, _ := pipeline(t)
	refuse(t, []string{"trust"}, "say what to do: localrun trust diff")
	refuse(t, []string{"trust", "dif"}, `"dif" is not a command`)
	refuse(t, []string{"trust", "diff", before}, "takes two files")
	refuse(t, []string{"trust", "diff", before, before, before}, "takes two files")
	refuse(t, []string{"trust", "diff", before, before + ".missing"}, "config.yaml.missing")
	refuse(t, []string{"trust", "diff", "-jsn"}, "-jsn; localrun trust diff -h")
}
