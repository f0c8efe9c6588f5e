package failures

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "example.com/countersign" // registers the functions
	"example.com/countersign/internal/jose"
)

// serveVariable tells this test binary to be a function. The rest of the environment is what the platform sets.
const serveVariable = "COUNTERSIGN_TEST_SERVES_A_FUNCTION"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) != "" {
		fmt.Fprintln(os.Stderr, serveFunction())
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// serveFunction is what the main does that Google's builder writes, on loopback. It names each port before it tries to
// listen there, and ends with its parent, however that ends.
func serveFunction() (err error) {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for range 20 {
		port := strconv.Itoa(20000 + rand.IntN(12000)) // below those that systems hand out by themselves
		fmt.Println(port)
		err = funcframework.StartHostPort("127.0.0.1", port) // it returns only where it cannot listen
	}
	return err
}

// process is a function in a process of its own.
type process struct {
	t     *testing.T
	stdin io.Closer
	ended chan struct{} // closed when it has
	state *os.ProcessState

	mu     sync.Mutex
	port   string
	output bytes.Buffer // standard error
}

func startProcess(t *testing.T, config string, environment ...string) *process {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	key, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	public, err := jose.EncodeKeySet(jose.KeySet{key.Verification()})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"config.yaml": config, "party.json": string(public)} {
		if content == "" {
			continue // there is none
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &process{t: t, ended: make(chan struct{})}
	cmd := exec.CommandContext(context.Background(), binary)
	cmd.Dir = folder
	cmd.Env = append([]string{serveVariable + "=1", "GORACE=atexit_sleep_ms=0 " + os.Getenv("GORACE")}, environment...)
	cmd.Stdout, cmd.Stderr = writer(p.listens), writer(p.says)
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait()
		p.state = cmd.ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.stdin.Close()
		select {
		case <-p.ended:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			t.Error("the process does not end by itself")
		}
	})
	return p
}

type writer func([]byte)

func (w writer) Write(text []byte) (int, error) { w(text); return len(text), nil }

func (p *process) listens(ports []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for port := range strings.Lines(string(ports)) {
		p.port = strings.TrimSpace(port)
	}
}

func (p *process) says(text []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.output.Write(text)
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// await waits until something is so.
func (p *process) await(what string, is func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-p.ended:
			p.t.Fatalf("it has ended, and does not %s:\n%s", what, p.log())
		default:
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("it does not %s:\n%s", what, p.log())
		}
	}
}

// url returns where it listens, as soon as it does.
func (p *process) url() (url string) {
	p.t.Helper()
	p.await("listen", func() bool {
		p.mu.Lock()
		address := net.JoinHostPort("127.0.0.1", p.port)
		p.mu.Unlock()
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
			url = "http://" + address
		}
		return err == nil
	})
	return url
}

// errorLine returns what the page says of the only thing in the log that is an error.
func (p *process) errorLine(about func(entry) string) string {
	p.t.Helper()
	var said []string
	for line := range strings.Lines(p.log()) {
		if strings.HasPrefix(line, "Function error: ") {
			continue // by the framework
		}
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			p.t.Errorf("a line is not JSON: %s", line)
		}
		if strings.Count(line, `"event":`) != 1 {
			p.t.Errorf("a line is about one thing: %s", line)
		}
		if e.Severity == "ERROR" {
			said = append(said, about(e))
		}
	}
	if said = slices.Compact(said); len(said) != 1 {
		p.t.Errorf("there are %d errors in the log:\n%s", len(said), p.log())
	}
	return strings.Join(said, "<br>")
}

// A process that cannot serve what it was deployed with ends, so that the platform keeps the revision before.
func TestStarts(t *testing.T) {
	t.Parallel()
	seen := newTable(t, "fault", "the process", "the log")
	for _, row := range []struct{ name, config, reference, why string }{
		{"the configuration file has faults", "issuer: [", "", "config.yaml"},
		{"the configuration file asks for what does not exist", usual + "unknown: 1\n", "", "unknown"},
		{"there is no configuration file", "", "", "cannot be read"},
		{"`COUNTERSIGN_CONFIG` names neither a file nor a secret", "", "gs://bucket/config.yaml", "want file:PATH or projects/P/secrets/S"},
	} {
		seen.expect(row.name)
		t.Run(row.name, func(t *testing.T) {
			p := startProcess(t, row.config, "FUNCTION_TARGET=AuthorizationServer", "COUNTERSIGN_CONFIG="+row.reference)
			select {
			case <-p.ended:
			case <-time.After(patience):
				t.Fatal("the process serves")
			}
			if p.state.ExitCode() != 1 {
				t.Errorf("it ends with %v", p.state)
			}
			line := p.errorLine(func(e entry) string {
				if e.Decision != "refused" || !strings.Contains(e.Error, row.why) {
					t.Errorf("the log does not say why: %v", e)
				}
				return "`" + e.Event + "` " + e.Decision
			})
			seen.record(row.name, "ends with status "+strconv.Itoa(p.state.ExitCode()), line)
		})
	}
}

// post sends a notice as Pub/Sub's trigger does, and returns the status.
func (p *process) post(url string, attributes map[string]string) int {
	p.t.Helper()
	data, err := json.Marshal(map[string]any{"message": map[string]any{"attributes": attributes, "messageId": "1"}})
	request, failed := http.NewRequest(http.MethodPost, url, bytes.NewReader(data))
	if err := errors.Join(err, failed); err != nil {
		p.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Ce-Id": "1", "Ce-Specversion": "1.0",
		"Ce-Type": "google.cloud.pubsub.topic.v1.messagePublished", "Ce-Source": "//pubsub.googleapis.com/projects/acme/topics/rotation",
	} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}
