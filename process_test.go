package countersign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
)

// patience is how long a test waits for what should take milliseconds.
const patience = 30 * time.Second

// process is a function at work in a process of its own.
type process struct {
	url   string
	audit chan []byte // the line of each request that is decided

	mu     sync.Mutex
	output bytes.Buffer // all that it wrote to standard error
}

// start runs a function until the end of the test.
func start(t *testing.T, folder string, environment ...string) *process {
	t.Helper()
	p := &process{audit: make(chan []byte, 100)}
	cmd := command(context.Background(), t, environment...)
	cmd.Dir = folder
	ports := make(chan string, attempts)
	cmd.Stdout = &lines{each: func(line []byte) { ports <- string(line) }}
	cmd.Stderr = &lines{each: p.read}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		close(ports)
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		select {
		case err = <-ended:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			err = errors.Join(<-ended, errors.New("it did not end by itself"))
		}
		if err != nil { // also a data race, by the status that the race detector ends with
			t.Errorf("the process of the function: %v\n%s", err, p.log())
		}
	})
	p.url = "http://" + p.reach(t, ports)
	return p
}

// reach waits until the process listens, and returns its address.
func (p *process) reach(t *testing.T, ports <-chan string) (address string) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case port, running := <-ports:
			if !running {
				t.Fatalf("the process of the function has ended:\n%s", p.log())
			}
			address = net.JoinHostPort("127.0.0.1", port)
		case <-again.C:
			if connection, err := net.Dial("tcp", address); err == nil {
				_ = connection.Close()
				return address
			}
		case <-deadline:
			t.Fatalf("nothing listens on %s:\n%s", address, p.log())
		}
	}
}

// read takes one line of the log.
func (p *process) read(line []byte) {
	p.mu.Lock()
	p.output.Write(append(line, '\n'))
	p.mu.Unlock()
	var entry struct{ Event string }
	if json.Unmarshal(line, &entry) == nil && slices.Contains([]string{"token", "introspection", "revocation"}, entry.Event) {
		p.audit <- bytes.Clone(line)
	}
}

// log returns what the process has written so far.
func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// lines calls each with every line that is written to it and is not empty: on Google the framework ends each request with
// an empty line, on standard output and in the log.
type lines struct {
	each func(line []byte)
	rest []byte
}

func (l *lines) Write(text []byte) (int, error) {
	l.rest = append(l.rest, text...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(text), nil
		}
		if len(line) > 0 {
			l.each(line)
		}
		l.rest = rest
	}
}

// system is a function at work, and what it works with.
type system struct {
	deployment
	folder        string
	process       *process
	secretAddress string               // where Secret Manager listens, or will
	secretServer  *localsecrets.Server // that a transcript has started
	secrets       map[string]bool      // what must never be in the log
}

// deploy starts the function of a folder. When it has ended, at the end of the test, its log is looked at.
func deploy(t *testing.T, folder, secretManager string) *system {
	t.Helper()
	s := &system{deployment: deployments[folder], folder: folder, secretAddress: secretManager, secrets: map[string]bool{}}
	if s.function == "" {
		s.function = "AuthorizationServer"
	}
	if s.secretManagerDown {
		s.secretAddress = net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort()))
		t.Cleanup(s.stopSecretManager)
	}
	t.Cleanup(func() { s.checkLog(t) })
	configuration, err := filepath.Abs(filepath.Join(filepath.FromSlash(exchanges), filepath.FromSlash(folder), "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.process = start(t, workspace(),
		"FUNCTION_TARGET="+s.function,
		"COUNTERSIGN_CONFIG=file:"+configuration,
		"SECRET_MANAGER_EMULATOR_HOST="+s.secretAddress,
		"GOOGLE_CLOUD_PROJECT=acme",
	)
	return s
}

// decided are the paths of the requests that leave a line in the log.
var decided = regexp.MustCompile(`/(token|introspect|revoke)(\?|\z)`)

// audited returns the log's one line of the last request, if that was one to decide.
func (s *system) audited(t testing.TB, path string, status int) []byte {
	t.Helper()
	if s.function == "JWKS" || s.function == "AuthorizationServer" && (status == http.StatusNotFound || !decided.MatchString(path)) {
		return nil
	}
	select {
	case line := <-s.process.audit:
		return line
	case <-time.After(patience):
		t.Fatalf("the log has no line of the request:\n%s", s.process.log())
		return nil
	}
}

// keepSecret takes note of what must not be in the log: the text, and of a JWT also each part that is its own.
func (s *system) keepSecret(text string) {
	s.secrets[text] = text != ""
	if parts := strings.Split(text, "."); len(parts) == 3 {
		s.secrets[parts[1]], s.secrets[parts[2]] = true, parts[2] != ""
	}
}

// checkLog holds habits 7 and 8 over everything that the process has written: JSON lines, one for each such request,
// and no assertion, token, secret or key in any of them.
func (s *system) checkLog(t *testing.T) {
	if s.process == nil {
		return
	}
	if left := len(s.process.audit); left > 0 {
		t.Errorf("the log has %d lines of requests more than there were", left)
	}
	written := s.process.log()
	for line := range strings.Lines(written) {
		if !strings.HasPrefix(line, `{"time":"`) {
			t.Errorf("a line of the log is not JSON: %s", line)
		}
	}
	for secret, isOne := range s.secrets {
		if isOne && strings.Contains(written, secret) {
			t.Errorf("the log has a secret in it: %.20s…", secret)
		}
	}
	for _, secret := range keyTexts(t) {
		if strings.Contains(written, secret) {
			t.Errorf("the log has a key in it: %.20s…", secret)
		}
	}
}

// keyTexts returns what must not be read anywhere of the keys in testdata/keys: shared secrets, and the lines of
// private keys.
func keyTexts(t *testing.T) []string {
	t.Helper()
	var texts []string
	err := fs.WalkDir(os.DirFS(filepath.Join("testdata", "keys")), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".public.pem") || strings.HasSuffix(path, ".md") {
			return err
		}
		for line := range strings.Lines(string(keyFile(t, path))) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(line, "-----") && len(line) >= 16 {
				texts = append(texts, line)
			}
		}
		return nil
	})
	if err != nil || len(texts) == 0 {
		t.Fatalf("%d keys, %v", len(texts), err)
	}
	return texts
}

// startSecretManager starts a Secret Manager with every secret of testdata/keys/secrets. A file is a version: its name is
// the secret's and the version's number.
func startSecretManager(t testing.TB, address string) *localsecrets.Server {
	t.Helper()
	server, err := localsecrets.Start(localsecrets.Config{Address: address, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	client, err := gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: server.Address()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	files, err := os.ReadDir(filepath.Join("testdata", "keys", "secrets"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files { // in the order of their names, so of their versions
		secret := "projects/acme/secrets/" + strings.TrimSuffix(file.Name(), filepath.Ext(file.Name()))
		if err := client.CreateSecret(t.Context(), secret); err != nil && !errors.Is(err, gcp.ErrAlreadyExists) {
			t.Fatal(err)
		}
		version, err := client.AddVersion(t.Context(), secret, keyFile(t, "secrets/"+file.Name()))
		if err != nil || "."+version != filepath.Ext(file.Name()) {
			t.Fatalf("%s became version %q, %v", file.Name(), version, err)
		}
	}
	return server
}

// startSecretManager starts the Secret Manager that was down, and waits until the function is ready.
func (s *system) startSecretManager(t *testing.T) {
	t.Helper()
	s.secretServer = startSecretManager(t, s.secretAddress)
	awaitOK(t, s.process.url+"/ready")
}

func (s *system) stopSecretManager() {
	if s.secretServer != nil {
		_ = s.secretServer.Close()
		s.secretServer = nil
	}
}

// awaitOK asks until the answer is 200.
func awaitOK(t *testing.T, url string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for ; ; <-again.C {
		response, err := http.Get(url)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not 200 in time: %v", url, err)
		}
	}
}
