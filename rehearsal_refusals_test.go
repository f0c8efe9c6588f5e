package countersign

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// small is a checkout that can be deployed, as small as one can be.
const small = `
-- .gcloudignore --
.*
*_test.go
/docs
-- function.go --
package small

import (
	"net/http"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"example.com/small/internal/greeting"
)

func init() {
	functions.HTTP("Greet", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(greeting.Text) })
}
-- function_test.go --
package small

import _ "github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
-- internal/greeting/greeting.go --
package greeting

import _ "embed"

//go:embed greeting.txt
var Text []byte
-- internal/greeting/greeting.txt --
Hello.
-- docs/architecture.md --
-- .countersign/signing.pem --
-----BEGIN PRIVATE KEY-----
`

// smallCheckout writes that checkout, tidies it, and changes it then: a file of the change takes the place of the old one,
// or of its end where it begins with "…"; an empty one takes it away.
func smallCheckout(t *testing.T, change string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("NOT TESTED: the rehearsal needs git")
	}
	folder := t.TempDir()
	requirements, _ := bytes.CutPrefix([]byte(readFile(t, "go.mod")), []byte("module "+module))
	files := slices.Concat([]txtar.File{
		{Name: "go.mod", Data: append([]byte("module example.com/small"), requirements...)},
		{Name: "go.sum", Data: []byte(readFile(t, "go.sum"))},
	}, txtar.Parse([]byte(small)).Files)
	for _, file := range files {
		writeFile(t, filepath.Join(folder, file.Name), string(file.Data))
	}
	if _, err := run(folder, "go", "mod", "tidy"); err != nil && strings.Contains(err.Error(), "GOPROXY=off") {
		t.Skip("NOT TESTED: the module cache lacks what go mod tidy reads; make tidy fetches it")
	} else if err != nil {
		t.Fatal(err)
	}
	for _, file := range txtar.Parse([]byte(change)).Files {
		path := filepath.Join(folder, file.Name)
		added, appends := bytes.CutPrefix(file.Data, []byte("…\n"))
		switch {
		case appends:
			writeFile(t, path, readFile(t, path)+string(added))
		case len(file.Data) > 0:
			writeFile(t, path, string(file.Data))
		default:
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	return folder
}

func silently(string, string) {}

// What the builder takes is built, of what .gcloudignore leaves and the main alone.
func TestRehearsal_builds_what_can_be_deployed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := build(smallCheckout(t, ""), folder, silently); err != nil {
		t.Fatal(err)
	}
	var files []string
	err := fs.WalkDir(os.DirFS(filepath.Join(folder, builtWorkspace, sourceMoved)), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, name)
		}
		return err
	})
	want := []string{
		"function.go", "functions.local/app/main.go", "go.mod", "go.sum",
		"internal/greeting/greeting.go", "internal/greeting/greeting.txt",
	}
	if err != nil || !slices.Equal(files, want) {
		t.Errorf("it was built of %q, %v; want %q", files, err, want)
	}
}

// What the builder refuses, what it would build otherwise than it was tested, and what must not leave the checkout fails
// the rehearsal, which says why.
func TestRehearsal_refuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, change, want string }{
		{"a_second_package_in_the_root", "-- internal.go --\npackage internal\n", "two packages in the root, small and internal (internal.go)"},
		{"a_second_package_that_no_build_has", "-- script.go --\n//go:build ignore\n\npackage main\n", "two packages in the root"},
		{"tests", "-- .gcloudignore --\n.*\n/docs\n", "function_test.go has no place in the upload"},
		{"documents", "-- .gcloudignore --\n.*\n*_test.go\n", "docs/architecture.md has no place in the upload"},
		{"what_a_local_run_has_left", "-- .gcloudignore --\n*_test.go\n/docs\n", ".countersign/signing.pem has no place in the upload"},
		{"everything", "-- .gcloudignore --\n", "gcloudignore"},
		{"a_private_key", "-- signing.pem --\n-----BEGIN EC PRIVATE KEY-----\n", "signing.pem holds a private key"},
		{"a_private_JWK", "-- keys.json --\n{\"kty\": \"EC\", \"d\": \"" + strings.Repeat("A", 43) + "\"}\n", "keys.json holds a private key"},
		{"an_upload_without_a_package", "-- .gcloudignore --\n…\n/internal\n", "example.com/small/internal/greeting"},
		{"an_upload_without_an_embedded_file", "-- .gcloudignore --\n…\n*.txt\n", "greeting.txt: no matching files found"},
		{"an_upload_without_go.sum", "-- .gcloudignore --\n…\ngo.sum\n", "the builder would choose every version"},
		{"a_go.mod_that_is_not_tidy", "-- go.mod --\n…\nrequire github.com/google/go-cmp v0.7.0\n", "go.mod and go.sum are not tidy"},
		{"a_go.sum_that_is_not_tidy", "-- go.sum --\n…\nexample.com/x v1.0.0/go.mod h1:" + strings.Repeat("A", 43) + "=\n", "go.mod and go.sum are not tidy"},
		{"functions_that_are_not_registered_in_the_root", "-- function.go --\npackage small\n", "the builder would look for a function by its name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := build(smallCheckout(t, test.change), t.TempDir(), silently)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the rehearsal says %v, and nothing of %q", err, test.want)
			}
		})
	}
}

// What the builder's main needs, and nothing that is uploaded, must be in go.sum as well: a test sees to it.
func TestRehearsal_refuses_to_choose_what_the_main_needs(t *testing.T) {
	t.Parallel()
	checkout := smallCheckout(t, "-- function_test.go --\n")
	if _, err := run(checkout, "go", "mod", "tidy"); err != nil {
		t.Fatal(err)
	}
	if err := build(checkout, t.TempDir(), silently); err == nil || !strings.Contains(err.Error(), "the builder would add") {
		t.Errorf("the rehearsal says %v", err)
	}
}

func TestRehearsal_refuses_modules_that_were_not_tested(t *testing.T) {
	t.Parallel()
	const tested = "\n\nexample.com/a v1.2.3\nexample.com/b v1.0.0\n"
	a, b := &debug.Module{Path: "example.com/a", Version: "v1.2.3"}, &debug.Module{Path: "example.com/b", Version: "v1.0.0"}
	if err := asTested([]*debug.Module{a, b}, tested); err != nil {
		t.Error(err)
	}
	for _, other := range []*debug.Module{
		{Path: "example.com/a", Version: "v1.2.4"}, {Path: "example.com/a", Version: "v1.2"}, {Path: "example.com/c", Version: "v1.2.3"},
	} {
		if err := asTested([]*debug.Module{a, b, other}, tested); err == nil {
			t.Errorf("%v is taken", other)
		}
	}
}

// git and gcloud read this project's .gcloudignore alike, and where they do not, it shows.
func TestRehearsal_reads_gcloudignore_as_gcloud_does(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("gcloud"); err != nil {
		t.Skip("NOT TESTED: gcloud is not here")
	}
	if err := likeGcloud("."); err != nil {
		t.Error(err)
	}
	otherwise := smallCheckout(t, "-- .gcloudignore --\n…\n#!include:.gitignore\n-- .gitignore --\n*.txt\n")
	if err := likeGcloud(otherwise); err == nil || !strings.Contains(err.Error(), "greeting.txt") {
		t.Errorf("it says %v", err)
	}
}

// Terraform makes the archive itself, and reads .gcloudignore in two forms alone (terraform/source.tf): a pattern without
// a slash is for every folder, one with a slash for the root. As long as it has no others, both upload the same.
func TestRehearsal_is_of_what_Terraform_uploads(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("NOT TESTED: the rehearsal needs git")
	}
	excluded := func(name string) bool {
		for line := range strings.Lines(readFile(t, ".gcloudignore")) {
			pattern := strings.TrimSuffix(strings.TrimSpace(line), "/")
			if pattern == "" || strings.HasPrefix(pattern, "#") {
				continue
			}
			subject := path.Base(name)
			if strings.Contains(pattern, "/") {
				subject = name
			}
			if matches, err := path.Match(strings.TrimPrefix(pattern, "/"), subject); err != nil || matches {
				return true
			}
		}
		return false
	}
	var archived []string
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || name == ".":
			return err
		case excluded(name) && entry.IsDir():
			return fs.SkipDir
		case !excluded(name) && !entry.IsDir():
			archived = append(archived, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(archived)
	files, err := upload(".")
	if difference := cmp.Diff(files, archived); err != nil || difference != "" {
		t.Errorf("%v (-rehearsal +Terraform):\n%s", err, difference)
	}
}
