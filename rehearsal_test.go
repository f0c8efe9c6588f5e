package countersign

import (
	"bytes"
	"cmp"
	"debug/buildinfo"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The rehearsal does with the upload what Google's source builder does, so that the tests are about what is deployed:
// GoogleCloudPlatform/buildpacks, cmd/go/functions_framework and cmd/go/build. "What is deployed" in docs/architecture.md
// says it in words.

const (
	framework      = "github.com/GoogleCloudPlatform/functions-framework-go"
	builtProgram   = "main"
	builtWorkspace = "workspace" // where the upload is unpacked, and where the program starts
	mainFolder     = "functions.local/app"
)

// generated is the builder's main but for two things. It listens on loopback alone, where the builder's listens on every
// address: the framework has no setting for that, and offers this call. And it lacks two handlers that the builder's
// registers where the framework does not look.
const generated = `package main

import (
	"log"
	"os"

	_ %q

	"` + framework + `/funcframework"
)

func main() { log.Fatal(funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT"))) }
`

// rehearsal runs the tests about what is built of the upload, and says what that is.
func rehearsal(m *testing.M) (status int) {
	folder, err := os.MkdirTemp("", "countersign-rehearsal")
	if err == nil {
		defer func() { _ = os.RemoveAll(folder) }()
		err = errors.Join(build(".", folder, tell), os.Setenv(builtVariable, folder))
	}
	if err != nil {
		fmt.Println("The rehearsal has failed", err)
		return 1
	}
	if status = m.Run(); status == 0 {
		transcripts, _ := fs.Glob(os.DirFS(exchanges), "*/*.txtar")
		nested, _ := fs.Glob(os.DirFS(exchanges), "*/*/*.txtar")
		tell("tested", fmt.Sprintf("%s, by %d transcripts and more", strings.Join(entryPoints, ", "), len(transcripts)+len(nested)))
	}
	return status
}

func tell(step, done string) { fmt.Printf("%-12s %s\n", step, done) }

// build makes the program of what a checkout uploads, below a folder, and tells each step that it has taken.
func build(checkout, folder string, tell func(step, done string)) error {
	source, program := filepath.Join(folder, builtWorkspace, sourceMoved), filepath.Join(folder, builtProgram)
	for _, step := range []struct {
		name string
		take func() (done string, err error)
	}{
		{"upload", func() (string, error) { return unpack(checkout, source) }},
		{"package", func() (string, error) { return packageOfFunctions(source) }},
		{"go mod tidy", func() (string, error) { return tidy(checkout, source) }},
		{"go build", func() (string, error) { return compile(source, program) }},
		{"versions", func() (string, error) { return versions(checkout, program) }},
	} {
		done, err := step.take()
		if err != nil {
			return fmt.Errorf("at %s: %w", step.name, err)
		}
		tell(step.name, done)
	}
	return nil
}

// packageOfFunctions finds the package of the functions as the builder does: it parses every .go file of the root, those
// for tests and those that a build leaves out included, and wants one package. That it calls the framework decides which
// main the builder writes: the one that leaves it to init what there is to serve.
func packageOfFunctions(source string) (done string, err error) {
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	if err != nil || len(files) == 0 {
		return "", errors.Join(err, errors.New("the root has no .go file"))
	}
	name, calls := "", false
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return "", err
		}
		if name = cmp.Or(name, parsed.Name.Name); name != parsed.Name.Name {
			return "", fmt.Errorf("the builder refuses two packages in the root, %s and %s (%s)", name, parsed.Name, filepath.Base(file))
		}
		for _, imported := range parsed.Imports {
			calls = calls || imported.Path.Value == strconv.Quote(framework+"/functions")
		}
	}
	if !calls {
		return "", fmt.Errorf("no file of the root imports %s/functions: the builder would look for a function by its name", framework)
	}
	return name + ", and no other in the root", nil
}

// tidy writes the main, and has go.mod follow it. The builder does so with the network at hand, and takes the newest of
// what go.mod does not pin. Here nothing is fetched, and go.sum must have it all: what the main needs is there because a
// test imports it too (served_test.go).
func tidy(checkout, source string) (done string, err error) {
	diff := exec.Command("go", "mod", "tidy", "-diff") // which may fetch what the cache lacks
	diff.Dir = checkout
	if _, err := output(diff); err != nil {
		return "", fmt.Errorf("go.mod and go.sum are not tidy, and the builder would choose versions: %w", err)
	}
	_, err = os.Stat(filepath.Join(source, "go.mod"))
	sums, unread := os.ReadFile(filepath.Join(source, "go.sum"))
	if err := errors.Join(err, unread); err != nil {
		return "", fmt.Errorf("the builder would choose every version: %w", err)
	}
	module, err := run(source, "go", "list", "-m")
	if err != nil {
		return "", err
	}
	module = strings.TrimSpace(module)
	if host, _, _ := strings.Cut(module, "/"); !strings.Contains(host, ".") {
		return "", fmt.Errorf("the builder wants a dot in the first element of the module's path: %s", module)
	}
	folder := filepath.Join(source, filepath.FromSlash(mainFolder))
	if err := errors.Join(os.MkdirAll(folder, 0o700),
		os.WriteFile(filepath.Join(folder, "main.go"), fmt.Appendf(nil, generated, module), 0o600)); err != nil {
		return "", err
	}
	if _, err := run(source, "go", "mod", "tidy"); err != nil {
		return "", err
	}
	tidied, err := os.ReadFile(filepath.Join(source, "go.sum"))
	for line := range strings.Lines(string(tidied)) {
		if !bytes.Contains(sums, []byte(line)) {
			err = errors.Join(err, fmt.Errorf("the builder would add %s", line))
		}
	}
	return module + ", and nothing to fetch", err
}

// compile builds as the builder does, without a flag.
func compile(source, program string) (done string, err error) {
	if _, err := run(source, "go", "build", "-o", program, filepath.Join(source, filepath.FromSlash(mainFolder))); err != nil {
		return "", err
	}
	info, err := os.Stat(program)
	if err != nil {
		return "", err
	}
	return megabytes(info.Size()), nil
}

// versions compares the modules that the program links with those of the checkout that the tests link.
func versions(checkout, program string) (done string, err error) {
	tested, err := run(checkout, "go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}}{{end}}", ".", framework+"/funcframework")
	if err != nil {
		return "", err
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, %d modules, as the tests have them", info.GoVersion, len(info.Deps)), asTested(info.Deps, tested)
}

// asTested refuses modules that are not in a list.
func asTested(linked []*debug.Module, tested string) (err error) {
	for _, module := range linked {
		if name := module.Path + " " + module.Version; !slices.Contains(strings.Split(tested, "\n"), name) {
			err = errors.Join(err, fmt.Errorf("%s is linked, and not what the tests link", name))
		}
	}
	return err
}

// run runs a command in a folder. It fetches nothing, and nothing around the folder has a say in it: no workspace, no
// flags of the user's, no repository.
func run(folder string, command ...string) (written string, err error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = folder
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "GIT_") })
	cmd.Env = append(cmd.Env, "GOFLAGS=", "GOWORK=off", "GOPROXY=off", "GOSUMDB=off", "GOTOOLCHAIN=local")
	return output(cmd)
}

// output returns what a command writes, or, where it fails, what it says to that.
func output(cmd *exec.Cmd) (string, error) {
	written, err := cmd.Output()
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), err, written, exit.Stderr)
	}
	return string(written), err
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/1e6) }
