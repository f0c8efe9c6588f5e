package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The tests of the whole system run the real program: what it prints, how it ends and what it leaves behind is what
// users get. They run at the same time, each in a folder and on ports of its own.

// built is the program, once a test has needed it.
var built struct {
	once sync.Once
	path string
	err  error
}

// binary builds the program when it is first needed, and returns where it is.
func binary() (string, error) {
	built.once.Do(func() { built.path, built.err = build() })
	return built.path, built.err
}

func build() (string, error) {
	folder, err := os.MkdirTemp("", "localrun")
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "localrun")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if output, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return path, fmt.Errorf("go build: %w\n%s", err, output)
	}
	// Another user runs it too, in the test of a folder that cannot be written.
	return path, os.Chmod(folder, 0o755)
}

func TestMain(m *testing.M) {
	status := m.Run()
	if built.path != "" {
		_ = os.RemoveAll(filepath.Dir(built.path))
	}
	os.Exit(status)
}

// place is a folder with two free ports, where localrun is run.
type place struct {
	folder string
	ports  [2]string // of the authorization server and of the API
	env    []string  // beside that of the test
}

func newPlace(t *testing.T) place {
	t.Helper()
	return place{folder: t.TempDir(), ports: [2]string{freePort(t), freePort(t)}}
}

// freePort returns a port that nothing listens on. It is below those that the system gives to outgoing connections, so
// that it is still free when the program comes to take it.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(20_000 + rand.IntN(12_000))
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		if _, taken := takenPorts.LoadOrStore(port, true); !taken {
			return port
		}
	}
	t.Fatal("there is no free port")
	return ""
}

// takenPorts are those that a test has got already.
var takenPorts sync.Map

// command returns the program with its ports and these further options.
func (p place) command(ctx context.Context, t *testing.T, options ...string) *exec.Cmd {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(ctx, path, append([]string{"-port", p.ports[0], "-api-port", p.ports[1]}, options...)...)
	command.Dir = p.folder
	command.Env = append(os.Environ(), emulatorVariable+"=", "FUNCTION_TARGET=", "COUNTERSIGN_CONFIG=")
	command.Env = append(command.Env, p.env...)
	return command
}

// outcome is how the program ended.
type outcome struct {
	stdout, stderr string
	status         int
}

// run runs the program to its end.
func (p place) run(t *testing.T, options ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return finish(t, p.command(ctx, t, options...))
}

func finish(t *testing.T, command *exec.Cmd) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	return outcome{stdout.String(), stderr.String(), command.ProcessState.ExitCode()}
}

// once runs the demonstration, which must work.
func (p place) once(t *testing.T, options ...string) string {
	t.Helper()
	ended := p.run(t, append([]string{"-once"}, options...)...)
	if ended.status != 0 || ended.stderr != "" {
		t.Fatalf("localrun -once ended with status %d and said %q after\n%s", ended.status, ended.stderr, ended.stdout)
	}
	return ended.stdout
}

// read returns a file of the state folder.
func (p place) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(p.path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func (p place) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(p.path(name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p place) path(name string) string { return filepath.Join(p.folder, ".countersign", name) }

// serving is a localrun that serves.
type serving struct {
	place
	command *exec.Cmd
	stderr  bytes.Buffer
	read    chan struct{} // closed when the output has ended

	mu     sync.Mutex
	output strings.Builder
}

// serve starts localrun and returns when its demonstration is over.
func (p place) serve(t *testing.T, options ...string) *serving {
	t.Helper()
	s := &serving{place: p, command: p.command(t.Context(), t, options...), read: make(chan struct{})}
	stdout, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.command.Stderr = &s.stderr
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.command.Process.Kill() })
	go s.follow(stdout)
	s.waitFor(t, "What Countersign decides:\n")
	return s
}

func (s *serving) follow(stdout io.Reader) {
	defer close(s.read)
	buffer := make([]byte, 4096)
	for {
		n, err := stdout.Read(buffer)
		s.mu.Lock()
		s.output.Write(buffer[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// printed returns everything that it has printed so far.
func (s *serving) printed() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.output.String()
}

// waitFor waits until text has been printed, and returns what came behind it.
func (s *serving) waitFor(t *testing.T, text string) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, behind, found := strings.Cut(s.printed(), text); found {
			return behind
		}
	}
	t.Fatalf("localrun did not print %q but\n%s\n%s", text, s.printed(), s.stderr.String())
	return ""
}

// interrupt ends it as Ctrl-C does.
func (s *serving) interrupt(t *testing.T) outcome {
	t.Helper()
	if err := s.command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-s.read
	_ = s.command.Wait()
	return outcome{s.printed(), s.stderr.String(), s.command.ProcessState.ExitCode()}
}
