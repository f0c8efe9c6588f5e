package countersign

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What docs/conformance.md names exists: a table that names a test which is gone promises what nobody checks.
func TestConformance_names_only_what_exists(t *testing.T) {
	text := readFile(t, "docs/conformance.md")
	declared := declaredTests(t)
	named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(text, -1)
	if len(named) < 50 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, match := range named {
		if declared[match[1]] == "" {
			t.Errorf("there is no test %s", match[1])
		}
	}
	for _, match := range regexp.MustCompile("`([a-z]+/[a-z0-9]+\\.go)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("internal", match[1])); err != nil {
			t.Errorf("there is no file internal/%s", match[1])
		}
	}
}

// Every rule that this server holds has its row, and every test at the wire that names a rule or a threat is in one.
func TestConformance_leaves_no_rule_out(t *testing.T) {
	text := readFile(t, "docs/conformance.md")
	for letter, last := range map[string]int{
		"T": 8, "C": 7, "A": 7, "G": 10, "K": 1, "S": 3, "W": 3, "J": 3, "F": 4, "R": 3, "D": 4, "M": 2, "X": 1, "I": 6, "O": 2,
	} {
		for number := 1; number <= last; number++ {
			if row := "\n| " + letter + string(rune('0'+number)) + " |"; number < 10 && !strings.Contains(text, row) {
				t.Errorf("rule %s%d has no row", letter, number)
			}
		}
	}
	rule := regexp.MustCompile(`^Test([TCAGKSWJFRDMXIO]\d|FAPI2|Threat_|Stop_|StatusList_)`)
	for name, path := range declaredTests(t) {
		if strings.Contains(path, filepath.Join("internal", "server")) && rule.MatchString(name) && !strings.Contains(text, "`"+name+"`") {
			t.Errorf("%s is in no row", name)
		}
	}
}

// declaredTests returns the tests of the module by their names, each with its file.
func declaredTests(t *testing.T) map[string]string {
	t.Helper()
	listed, err := exec.Command("go", "list", "-f", `{{$d := .Dir}}{{range .TestGoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	declared := make(map[string]string)
	for path := range strings.FieldsSeq(string(listed)) {
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(readFile(t, path), -1) {
			declared[match[1]] = path
		}
	}
	return declared
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
