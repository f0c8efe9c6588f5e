package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// fails runs localrun, which must end with status 1, say nothing but one line that the pattern matches, and show
// nothing that is meant for machines or programmers.
func (p place) fails(t *testing.T, pattern string, options ...string) {
	t.Helper()
	ended := p.run(t, append([]string{"-once"}, options...)...)
	if ended.status != 1 {
		t.Errorf("the exit status is %d\n%s", ended.status, ended.stdout)
	}
	if !regexp.MustCompile(`\Alocalrun: `+pattern+`\n\z`).MatchString(ended.stderr) || strings.Count(ended.stderr, "\n") != 1 {
		t.Errorf("standard error is %q, want one line that matches %q", ended.stderr, pattern)
	}
	if ended.stdout != "" {
		t.Errorf("it printed\n%s", ended.stdout)
	}
}

func TestFailuresAreOneSentence(t *testing.T) {
	t.Parallel()
	// Each has a state that an earlier run has made, unless it removes that first.
	made := newPlace(t)
	made.once(t)

	tests := map[string]struct {
		prepare func(t *testing.T, p *place)
		options []string
		want    string
	}{
		"an unknown command": {
			options: []string{"serve"},
			want:    `"serve" is not a command; localrun -h lists them`,
		},
		"an unknown option": {
			options: []string{"-onec"},
			want:    `flag provided but not defined: -onec; localrun -h lists the options`,
		},
		"a port that is none": {
			options: []string{"-port", "http"},
			want:    `invalid value "http" for flag -port: a port is a number from 1 to 65535; localrun -h lists the options`,
		},
		"a configuration that is not there": {
			options: []string{"-config", "nowhere.yaml"},
			want:    `the configuration nowhere\.yaml cannot be read: .*no such file.*`,
		},
		"a state folder that is a file": {
			prepare: func(t *testing.T, p *place) { p.writeBeside(t, "file") },
			options: []string{"-state", "file"},
			want:    `the state folder file cannot be used: not a directory`,
		},
		"a state folder below a file": {
			prepare: func(t *testing.T, p *place) { p.writeBeside(t, "file") },
			options: []string{"-state", "file/state"},
			want:    `the state folder file/state cannot be used: not a directory`,
		},
		"a folder that is somebody else's": {
			prepare: func(t *testing.T, p *place) { p.writeBeside(t, "photos/holiday.jpeg") },
			options: []string{"-state", "photos"},
			want:    `photos is not empty and was not made by localrun; name another folder with -state`,
		},
		"a reset of a folder that is somebody else's": {
			prepare: func(t *testing.T, p *place) { p.writeBeside(t, "photos/holiday.jpeg") },
			options: []string{"-reset", "-state", "photos"},
			want:    `photos was not made by localrun, and -reset leaves it alone`,
		},
		"a state folder that others can enter": {
			prepare: func(t *testing.T, p *place) { chmod(t, p.path(""), 0o755) },
			want:    `the state folder \.countersign is open to other users \(mode 0755\), and private keys are in it; close it with: chmod 700 \.countersign`,
		},
		"a private key that is damaged": {
			prepare: func(t *testing.T, p *place) { p.write(t, "ci.pem", "garbage") },
			want:    `\.countersign/ci\.pem cannot be used: this is neither a JWK nor one PEM block .*; restore it, or begin anew with -reset`,
		},
		"a private key that is gone": {
			prepare: func(t *testing.T, p *place) { remove(t, p.path("ci.pem")) },
			want:    `\.countersign/ci\.pem is missing, and \.countersign/ci\.jwks\.json belongs to it; restore the one, or remove the other for a new pair`,
		},
		"secrets that are damaged": {
			prepare: func(t *testing.T, p *place) { p.write(t, "secret-manager/secrets.json", "{") },
			want:    `starting the local Secret Manager: the file of the secrets is damaged: .*; restore it, or move it away to begin without secrets`,
		},
		"an emulator that does not answer": {
			prepare: func(t *testing.T, p *place) { p.env = []string{emulatorVariable + "=127.0.0.1:" + freePort(t)} },
			want:    `the Secret Manager at 127\.0\.0\.1:\d+ does not answer; SECRET_MANAGER_EMULATOR_HOST names it`,
		},
		"an emulator that is named by a URL": {
			prepare: func(_ *testing.T, p *place) { p.env = []string{emulatorVariable + "=http://127.0.0.1:9000"} },
			want:    `SECRET_MANAGER_EMULATOR_HOST: .* is not of the form host:port`,
		},
		"a port in use": {
			prepare: func(t *testing.T, p *place) { occupy(t, p.ports[0]) },
			want:    `the port \d+ is in use by another program, perhaps by another localrun; stop that, or choose a port with -port`,
		},
		"a port of the API in use": {
			prepare: func(t *testing.T, p *place) { occupy(t, p.ports[1]) },
			want:    `the port \d+ is in use by another program, perhaps by another localrun; stop that, or choose a port with -api-port`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" && strings.Contains(name, "folder") {
				t.Skip("these are modes and errors of Unix")
			}
			p := newPlace(t)
			if err := os.CopyFS(p.path(""), os.DirFS(made.path(""))); err != nil {
				t.Fatal(err)
			}
			chmod(t, p.path(""), 0o700)
			chmod(t, p.path(secretsFolder), 0o700)
			if test.prepare != nil {
				test.prepare(t, &p)
			}
			p.fails(t, test.want, test.options...)
		})
	}
}

func TestFaultyConfiguration(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.once(t)
	document := p.read(t, "config.yaml")
	p.write(t, "config.yaml", strings.NewReplacer(
		"id: nightly-report\n    authentication: private_key_jwt", "id: nightly-report\n    authentication: private_key",
		"claims.branch ==", "claim.branch ==",
	).Replace(document))

	ended := p.run(t, "-once")
	if ended.status != 1 || ended.stdout != "" {
		t.Errorf("status %d, output %q", ended.status, ended.stdout)
	}
	want := `\A\.countersign/config\.yaml:\d+: clients\[0\]\.authentication: .*
\.countersign/config\.yaml:\d+: issuers\[0\]\.allow\[0\]\.if: .*'claim'.*
localrun: the configuration has 2 faults; nothing was started
\z`
	if !regexp.MustCompile(want).MatchString(ended.stderr) {
		t.Errorf("standard error is\n%s\nwant\n%s", ended.stderr, want)
	}
}

func TestPortInUseAtFirstLeavesNoConfiguration(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	occupy(t, p.ports[0])
	p.fails(t, `the port \d+ is in use .*`)
	if _, err := os.Stat(p.path("config.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a configuration for a port that cannot be had was kept: %v", err)
	}
	p.ports[0] = freePort(t)
	if output := p.once(t); !strings.Contains(output, "http://127.0.0.1:"+p.ports[0]) {
		t.Errorf("the second attempt is not at its port:\n%s", output)
	}
}

// writeBeside makes an empty file beside the state folder.
func (p place) writeBeside(t *testing.T, name string) {
	t.Helper()
	path := filepath.Join(p.folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// occupy listens on a port for as long as the test runs.
func occupy(t *testing.T, port string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
}
