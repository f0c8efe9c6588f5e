package countersign

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const runbooksFile = "docs/operations/runbooks.md"

// Whoever is woken by an alert finds what to do behind its link, and what is written there is for an alert that exists.
func TestTerraform_every_alert_has_its_runbook_and_every_runbook_its_alert(t *testing.T) {
	var alerts, sections []string
	for _, match := range regexp.MustCompile(`(?m)^ +"?([a-z-]+)"? = \{\n +severity`).FindAllStringSubmatch(readFile(t, "terraform/alerts.tf"), -1) {
		alerts = append(alerts, match[1])
	}
	for _, match := range regexp.MustCompile(`(?m)^## (.+)$`).FindAllStringSubmatch(readFile(t, runbooksFile), -1) {
		sections = append(sections, anchor(match[1]))
	}
	slices.Sort(alerts)
	slices.Sort(sections)
	if len(alerts) < 10 {
		t.Fatalf("only %d alerts are found", len(alerts))
	}
	if !slices.Equal(alerts, sections) {
		t.Errorf("the alerts are\n%s\nand the runbooks\n%s", strings.Join(alerts, "\n"), strings.Join(sections, "\n"))
	}
}

// anchor is what a heading can be linked to as.
func anchor(heading string) string {
	return strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

// The tables of the module's README have every input and output, and none that is gone.
func TestTerraform_readme_has_every_input_and_output(t *testing.T) {
	readme := readFile(t, "terraform/README.md")
	for _, table := range []struct{ heading, path, declaration string }{
		{"| input |", "terraform/variables.tf", "variable"},
		{"| output |", "terraform/outputs.tf", "output"},
	} {
		_, rest, _ := strings.Cut(readme, table.heading)
		rows, _, _ := strings.Cut(rest, "\n\n")
		var written, declared []string
		for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(rows, -1) {
			for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
				written = append(written, name[1])
			}
		}
		for _, match := range regexp.MustCompile(`(?m)^`+table.declaration+` "(\w+)"`).FindAllStringSubmatch(readFile(t, table.path), -1) {
			declared = append(declared, match[1])
		}
		slices.Sort(written)
		slices.Sort(declared)
		if len(declared) == 0 || !slices.Equal(written, declared) {
			t.Errorf("%s declares %v, the README has %v", table.path, declared, written)
		}
	}
}

// A key of an algorithm that Countersign does not sign with would be made, and never used.
func TestTerraform_keys_in_kms_are_of_the_algorithms_that_are_signed_with(t *testing.T) {
	algorithms := func(path, prefix string) (found []string) {
		for _, match := range regexp.MustCompile(`(?m)`+prefix+`((?:EC|RSA)_SIGN_\w+)`).FindAllStringSubmatch(readFile(t, path), -1) {
			found = append(found, match[1])
		}
		slices.Sort(found)
		return slices.Compact(found)
	}
	module, code := algorithms("terraform/names.tf", `^ +`), algorithms("internal/gcp/kmssigner.go", `CryptoKeyVersion_`)
	if len(code) == 0 || !slices.Equal(module, code) {
		t.Errorf("the module has %v, the code %v", module, code)
	}
}

// What the module calls by a name is called so in the code: functions, collections and the field that expires, headers,
// variables of the environment.
func TestTerraform_names_are_those_of_the_code(t *testing.T) {
	written := constants(t)
	written["GOGC"], written["GOMEMLIMIT"] = true, true // read by Go itself
	for path, name := range map[string]string{
		"terraform/function.tf":     `entry_point = "(\w+)"|^ +([A-Z_]+) += `,
		"terraform/keys.tf":         `entry_point += "(\w+)"`,
		"terraform/replay.tf":       `"(countersign_\w+)"|field += "(\w+)"`,
		"terraform/loadbalancer.tf": `"(Client-[A-Za-z-]+):|"(/[a-z.-]+/[a-z.-]+)"`,
	} {
		matches := regexp.MustCompile(`(?m)`+name).FindAllStringSubmatch(readFile(t, path), -1)
		if len(matches) == 0 {
			t.Errorf("%s names nothing", path)
		}
		for _, match := range matches {
			if name := strings.Join(match[1:], ""); !written[name] {
				t.Errorf("%s: %s is not in the code", path, name)
			}
		}
	}
}

// A filter that names what nobody logs counts nothing, and nobody notices.
func TestTerraform_filters_name_only_what_is_logged(t *testing.T) {
	logged := constants(t)
	files, err := filepath.Glob("terraform/*.tf")
	if err != nil {
		t.Fatal(err)
	}
	fields := make(map[string]bool)
	for _, path := range append(files, runbooksFile, "docs/operations/deploying.md") {
		text := strings.ReplaceAll(readFile(t, path), `\"`, `"`)
		for _, match := range regexp.MustCompile(`jsonPayload\.(\w+)`).FindAllStringSubmatch(text, -1) {
			fields[match[1]] = true
			if !logged[match[1]] {
				t.Errorf("%s: nobody logs the field %s", path, match[1])
			}
		}
		for _, match := range regexp.MustCompile(`jsonPayload\.(event|decision|serving|reason|what)[=:](\([^)]*\)|"\w+")`).FindAllStringSubmatch(text, -1) {
			for _, value := range regexp.MustCompile(`"(\w+)"`).FindAllStringSubmatch(match[2], -1) {
				if !logged[value[1]] {
					t.Errorf("%s: nobody logs the %s %s", path, match[1], value[1])
				}
			}
		}
	}
	if len(fields) < 10 {
		t.Errorf("only the fields %v are found", slices.Sorted(maps.Keys(fields)))
	}
}

// constants returns every string that is written in the code. The names and the values of log lines are among them.
func constants(t *testing.T) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && strings.Split(filepath.ToSlash(path), "/")[0] != "internal":
			return fs.SkipDir
		case entry.IsDir(), !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if literal, is := node.(*ast.BasicLit); is && literal.Kind == token.STRING {
				if text, err := strconv.Unquote(literal.Value); err == nil {
					found[text] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
