package countersign

import (
	"cmp"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "example.com/countersign"

// imports says who may import whom of ours; internal/ is left out. A stage imports the stage whose output it takes, and
// the vocabulary.
var imports = map[string]string{
	// The vocabulary, and what knows nothing of ours.
	"oauth":            "trace",
	"trace":            "",
	"config":           "",
	"jose":             "",
	"refresh":          "",
	"cachecontrol":     "",
	"replay":           "",
	"revocation":       "",
	"mutualtls":        "",
	"seal":             "",
	"gcp/loopback":     "",
	"gcp/localsecrets": "gcp/loopback",
	"gcp/localkms":     "gcp/loopback",

	// Keys: our own, other people's, and where they are kept.
	"keys":             "jose refresh seal",
	"trust":            "cachecontrol jose refresh",
	"trust/federation": "jose",
	"newest":           "keys",
	"gcp":              "keys replay revocation",

	// Access tokens of ours that come back.
	"issued": "jose oauth",

	// Who gets nothing any more, and which tokens have been taken back.
	"stoplist":   "issued keys newest refresh",
	"statuslist": "",

	// The stages of a token request, in their order.
	"assertion": "jose replay trace",
	"budget":    "",
	"client":    "assertion budget jose oauth replay stoplist",
	"dpop":      "jose replay",
	"grant":     "assertion client issued jose oauth replay stoplist",
	"sender":    "dpop grant jose mutualtls oauth replay",
	"policy":    "assertion grant oauth replay sender trace",
	"token":     "oauth policy statuslist",
	"server":    "assertion budget client dpop grant issued keys mutualtls oauth policy replay revocation sender statuslist token trace",

	// What an API does with our tokens. It lives without the rest.
	"resource": "cachecontrol dpop jose mutualtls refresh replay",

	// What a deployed service gives and refuses, seen from outside. It judges by itself.
	"probe": "jose",

	// What one configuration allows that another does not.
	"difference": "config jose server",

	// Who puts the parts together.
	"service":  "assertion budget client config dpop grant issued jose keys mutualtls newest oauth policy refresh replay revocation seal sender server statuslist stoplist token trust trust/federation",
	".":        "gcp keys replay revocation server service trust",
	"localrun": ". assertion config difference dpop gcp gcp/localsecrets jose keys mutualtls oauth probe replay resource revocation seal server service trace trust",

	// What every implementation of an interface has to pass, in tests.
	"replay/replaytest":         "replay",
	"revocation/revocationtest": "revocation",
	"assertion/keystest":        "assertion jose",
}

// importers says who alone may import what is not ours, and whatever is below it.
var importers = []struct{ imported, by string }{
	{"net/http", ". server service cachecontrol probe resource trust localrun"},
	{"cloud.google.com/go", "gcp gcp/localkms gcp/localsecrets"},
	{"google.golang.org/api", "gcp"},
	{"google.golang.org/grpc", "gcp gcp/localkms gcp/localsecrets gcp/loopback"},
	{"github.com/GoogleCloudPlatform/functions-framework-go", ". localrun"},
	{"github.com/lestrrat-go", "jose"},
	{"cel.dev/cel-go", "policy"},
	{"go.yaml.in/yaml", "config"},
	{"github.com/urfave/cli", "localrun"},
	{"github.com/modelcontextprotocol/go-sdk", "localrun"},
}

// unshipped is what the functions must not even link.
var unshipped = []string{
	"testing", "localrun", "gcp/localkms", "gcp/localsecrets", "gcp/loopback", "resource", "difference", "probe",
	"replay/replaytest", "revocation/revocationtest", "assertion/keystest", "github.com/modelcontextprotocol/go-sdk/mcp",
}

func TestImports(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, p := range goList(t, "./...") {
		name := ours(p.ImportPath)
		if name == "" || len(p.GoFiles) == 0 {
			continue // a dependency, or tests alone
		}
		seen[name] = true
		allowed, listed := imports[name]
		if !listed {
			t.Errorf("%s is not in the table of imports", name)
		}
		for _, imported := range p.Imports {
			if of := ours(imported); of != "" && !named(allowed, of) {
				t.Errorf("%s imports %s; it may import: %s", name, of, allowed)
			}
			for _, rule := range importers {
				if below(imported, rule.imported) && !named(rule.by, name) {
					t.Errorf("%s imports %s, which is for: %s", name, imported, rule.by)
				}
			}
		}
	}
	for name := range imports {
		if !seen[name] {
			t.Errorf("%s is in the table of imports, and there is no such package", name)
		}
	}
}

func TestWhatIsNotShipped(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, ".") {
		if slices.Contains(unshipped, cmp.Or(ours(p.ImportPath), p.ImportPath)) {
			t.Errorf("the functions link %s", p.ImportPath)
		}
	}
}

// Google's builder parses every file beside the functions, tests included, and breaks on a second package name.
func TestRootIsOnePackage(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly)
		if err != nil {
			t.Error(err)
		} else if file.Name.Name != "countersign" {
			t.Errorf("%s is of package %s", name, file.Name)
		}
	}
}

// listed is what go list says of a package.
type listed struct {
	ImportPath string
	GoFiles    []string // without tests
	Imports    []string // likewise
}

// goList returns the packages that match, and all that they need.
func goList(t *testing.T, pattern string) []listed {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,GoFiles,Imports", pattern).Output()
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	var packages []listed
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

// ours returns the folder of a package of this module, without internal/, and nothing for others.
func ours(importPath string) string {
	if importPath == module {
		return "."
	}
	folder, is := strings.CutPrefix(importPath, module+"/")
	if !is {
		return ""
	}
	return strings.TrimPrefix(folder, "internal/")
}

func named(list, name string) bool { return slices.Contains(strings.Fields(list), name) }

func below(path, parent string) bool { return path == parent || strings.HasPrefix(path, parent+"/") }
