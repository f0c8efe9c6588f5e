package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// How long a step may take: downloads on a slow day, and clients that talk to this machine.
const (
	fetchPatience = 7 * time.Minute
	runPatience   = 2 * time.Minute
)

// suite is the clients of one language, in a folder of that name.
type suite struct {
	name  string
	tools []tool
	locks []string   // files that decide what is fetched
	kept  string     // folder that what is fetched is kept in; empty: the tool has a cache of its own
	fetch [][]string // commands that bring the libraries from their registry
	build [][]string // commands that need no registry
	start []string   // the clients themselves
}

// suites are all there are. Another one needs a folder, a program in it that reads the environment (see
// system.environment) and prints outcomes, and its lines here.
func suites() []suite {
	return []suite{
		{
			name:  "go",
			tools: []tool{{command: "go", version: []string{"version"}, atLeast: version{1, 26}, download: "https://go.dev"}},
			fetch: [][]string{{"go", "mod", "download"}},
			build: [][]string{{"go", "build", "-o", executable("target/clients"), "."}},
			start: []string{executable("target/clients")},
		},
		{
			name: "node",
			tools: []tool{
				{command: "node", version: []string{"--version"}, atLeast: version{20, 0}, download: "https://nodejs.org"},
				{command: "npm", version: []string{"--version"}, atLeast: version{9, 0}, download: "https://nodejs.org"},
			},
			locks: []string{"package-lock.json"},
			kept:  "node_modules",
			fetch: [][]string{{"npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"}},
			start: []string{"node", "clients.mjs"},
		},
		{
			name:  "python",
			tools: []tool{{command: "python3", version: []string{"-c", "import sys, venv, ensurepip; print(sys.version)"}, atLeast: version{3, 11}, download: "https://www.python.org, its modules venv and ensurepip with it"}},
			locks: []string{"requirements.txt"},
			kept:  ".venv",
			fetch: [][]string{
				{"python3", "-m", "venv", "--clear", ".venv"},
				{python(), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:", "-r", "requirements.txt"},
			},
			start: []string{python(), "-B", "clients.py"},
		},
		{
			name: "java",
			tools: []tool{
				{command: "javac", version: []string{"-version"}, atLeast: version{17, 0}, download: "a JDK, for example https://adoptium.net"},
				{command: "mvn", version: []string{"--version"}, atLeast: version{3, 6}, download: "https://maven.apache.org"},
			},
			locks: []string{"pom.xml"},
			kept:  "target/libraries",
			fetch: [][]string{{"mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=target/libraries"}},
			build: [][]string{{"javac", "--release", "17", "-Xlint:all,-processing,-classfile", "-Werror", "-proc:none", "-d", "target/classes", "-cp", "target/libraries/*", "Clients.java", "Flows.java", "Nimbus.java", "Service.java", "Bound.java", "Google.java"}},
			start: []string{"java", "-cp", "target/classes" + string(os.PathListSeparator) + "target/libraries/*", "Clients"},
		},
	}
}

// executable returns what a program is called that go build makes.
func executable(path string) string {
	if os.PathSeparator == '\\' {
		path += ".exe"
	}
	return "./" + path
}

// python returns the interpreter of the virtual environment.
func python() string {
	if os.PathSeparator == '\\' {
		return `.venv\Scripts\python.exe`
	}
	return ".venv/bin/python"
}

func (s suite) path(name string) string {
	return filepath.Join(folder, s.name, filepath.FromSlash(name))
}

// tool is a program that a suite needs.
type tool struct {
	command  string
	version  []string // arguments that make it print its version
	atLeast  version
	download string // where it is to be had
}

// version is the first two numbers of one.
type version struct{ major, minor int }

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

var (
	numbers = regexp.MustCompile(`([0-9]+)(?:\.([0-9]+))?`)
	colours = regexp.MustCompile("\x1b\\[[0-9;]*m") // Maven's, whatever it prints to
)

// versionIn finds the version in what a tool prints.
func versionIn(output []byte) (version, bool) {
	found := numbers.FindSubmatch(colours.ReplaceAll(output, nil))
	if found == nil {
		return version{}, false
	}
	major, err := strconv.Atoi(string(found[1]))
	minor, _ := strconv.Atoi(string(found[2])) // what has none is 0
	return version{major, minor}, err == nil
}

func (t tool) check(ctx context.Context) error {
	path, err := exec.LookPath(t.command)
	if err != nil {
		return fmt.Errorf("there is no %s on this machine; it comes with %s", t.command, t.download)
	}
	output, err := exec.CommandContext(ctx, path, t.version...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s does not work: %w: %s", t.command, err, bytes.TrimSpace(output))
	}
	found, known := versionIn(output)
	if !known || found.major < t.atLeast.major || found.major == t.atLeast.major && found.minor < t.atLeast.minor {
		return fmt.Errorf("%s is too old: want %v or later, and it says %s", t.command, t.atLeast, bytes.TrimSpace(output))
	}
	return nil
}

// strictness says what may be missing.
type strictness struct {
	tools      bool // every tool must be there
	registries bool // every registry must answer
}

// strictnessOf reads it from the environment: COUNTERSIGN_INTEROP=all leaves nothing out, and in CI only a language
// that is not installed is.
func strictnessOf(getenv func(string) string) strictness {
	all, ci := getenv("COUNTERSIGN_INTEROP") == "all", getenv("CI") == "true"
	return strictness{tools: all, registries: all || ci}
}

// prepare sees to it that the suite can be run, and reports whether it can.
func (s suite) prepare(ctx context.Context, report *report, must strictness) bool {
	for _, tool := range s.tools {
		if err := tool.check(ctx); err != nil {
			s.missing(report, must.tools, "tools", err)
			return false
		}
	}
	if err := s.install(ctx); err != nil {
		s.missing(report, must.registries, "libraries", fmt.Errorf("its libraries cannot be had: %w", err))
		return false
	}
	for _, command := range s.build {
		if err := s.do(ctx, command); err != nil {
			report.add(s.name, outcome{Library: "-", Flow: "build", Error: err.Error()})
			return false
		}
	}
	return true
}

func (s suite) missing(report *report, isFailure bool, what string, err error) {
	if isFailure {
		report.add(s.name, outcome{Library: "-", Flow: what, Error: err.Error()})
		return
	}
	report.skip(s.name, err.Error())
}

// stampFile remembers what the libraries beside it were installed for.
const stampFile = ".installed-for"

// install fetches the libraries, unless those that are there are the ones that the locks name.
func (s suite) install(ctx context.Context) error {
	stamp, err := s.stamp(ctx)
	if err != nil {
		return err
	}
	if s.kept != "" {
		found, err := os.ReadFile(filepath.Join(s.path(s.kept), stampFile))
		if err == nil && string(found) == stamp {
			return nil
		}
		if err := os.RemoveAll(s.path(s.kept)); err != nil {
			return err
		}
	}
	for _, command := range s.fetch {
		if err := s.do(ctx, command); err != nil {
			return err
		}
	}
	if s.kept == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(s.path(s.kept), stampFile), []byte(stamp), 0o644)
}

// stamp is a hash of the locks, the tools and the place: a virtual environment works nowhere but where it was made.
func (s suite) stamp(ctx context.Context) (string, error) {
	hash := sha256.New()
	for _, lock := range s.locks {
		content, err := os.ReadFile(s.path(lock))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s %d %s\n", lock, len(content), content)
	}
	for _, tool := range s.tools {
		path, err := exec.LookPath(tool.command)
		if err != nil {
			return "", err
		}
		version, err := exec.CommandContext(ctx, path, tool.version...).CombinedOutput()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s %s\n", path, version)
	}
	place, err := filepath.Abs(s.path("."))
	if err != nil {
		return "", err
	}
	fmt.Fprintln(hash, place)
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// do runs a command in the folder of the suite. The error has the end of what it printed.
func (s suite) do(ctx context.Context, command []string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchPatience)
	defer cancel()
	output, err := s.command(ctx, command).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", command[0], err, end(output))
	}
	return nil
}

func (s suite) command(ctx context.Context, arguments []string) *exec.Cmd {
	command := exec.CommandContext(ctx, arguments[0], arguments[1:]...)
	command.Dir = s.path(".")
	command.WaitDelay = 5 * time.Second
	return command
}

// end returns the last of some output: what went wrong stands there.
func end(output []byte) []byte {
	const limit = 3000
	output = bytes.TrimSpace(output)
	if len(output) > limit {
		output = append([]byte("…"), output[len(output)-limit:]...)
	}
	return output
}

// run runs the clients. What they print is reported line by line as it comes.
func (s suite) run(ctx context.Context, report *report, environment []string) {
	if err := s.runClients(ctx, report, environment); err != nil {
		report.add(s.name, outcome{Library: "-", Flow: "all of the suite", Error: err.Error()})
	}
}

func (s suite) runClients(ctx context.Context, report *report, environment []string) error {
	ctx, cancel := context.WithTimeout(ctx, runPatience)
	defer cancel()
	var complaints bytes.Buffer
	command := s.command(ctx, s.start)
	command.Env = environment
	command.Stderr = &complaints
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	lines := 0
	scanner := bufio.NewScanner(output)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		report.line(s.name, scanner.Text())
		lines++
	}
	err = errors.Join(scanner.Err(), command.Wait())
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("it was not done after %v\n%s", runPatience, end(complaints.Bytes()))
	case err != nil:
		return fmt.Errorf("%w\n%s", err, end(complaints.Bytes()))
	case lines == 0:
		return errors.New("it ended well and has tried nothing")
	}
	return nil
}
