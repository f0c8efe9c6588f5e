package bench

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is how long a process may take for what should take milliseconds.
const patience = 30 * time.Second

// build builds a program of testdata as Google's builder builds a function: plainly. flags are those of go build.
func build(tb testing.TB, name string, flags ...string) (path string) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), name+".exe") // what systems want that want a suffix
	command := exec.Command("go", append(append([]string{"build"}, flags...), "-o", path, "./testdata/"+name)...)
	if output, err := command.CombinedOutput(); err != nil {
		tb.Fatalf("building %s: %v\n%s", name, err, output)
	}
	return path
}

// process is a function at work in a process of its own.
type process struct {
	command *exec.Cmd
	began   time.Time
	url     string
	address string
	client  *http.Client
	stdin   io.WriteCloser
	stdout  *bufio.Scanner
}

// start starts a program. It does not wait for anything.
func (d *deployment) start(tb testing.TB, program string, environment ...string) *process {
	tb.Helper()
	port := freePort(tb)
	p := &process{
		command: exec.Command(program),
		address: net.JoinHostPort("127.0.0.1", port),
		client:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000}, Timeout: patience},
	}
	p.url = "http://" + p.address
	p.command.Env = append(append([]string{"PORT=" + port}, d.environment...), environment...)
	p.command.Stderr = d.log
	var err error
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		tb.Fatal(err)
	}
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	p.stdout = bufio.NewScanner(stdout)
	p.began = time.Now()
	if err := p.command.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { p.end() })
	return p
}

// freePort returns a port on which nobody listens, below those that systems hand out by themselves.
func freePort(tb testing.TB) string {
	tb.Helper()
	for port := 20000 + os.Getpid()%10000; port < 32000; port++ {
		if listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			_ = listener.Close()
			return strconv.Itoa(port)
		}
	}
	tb.Fatal("no port is free")
	return ""
}

// listening waits until the process takes connections, and returns the time since it was started.
func (p *process) listening(tb testing.TB) time.Duration {
	tb.Helper()
	again := time.NewTicker(250 * time.Microsecond)
	defer again.Stop()
	for range again.C {
		connection, err := net.Dial("tcp", p.address)
		took := time.Since(p.began)
		if err == nil {
			_ = connection.Close()
			return took
		}
		if took > patience {
			tb.Fatalf("nothing listens: %v", err)
		}
	}
	return 0
}

// ask posts a form to the token endpoint, which has to answer 200, and returns the body of the answer.
func (p *process) ask(tb testing.TB, form string) []byte {
	tb.Helper()
	return granted(tb)(p.client.Post(p.url+"/token", "application/x-www-form-urlencoded", strings.NewReader(form)))
}

// get fetches a document.
func (p *process) get(tb testing.TB, path string) []byte {
	tb.Helper()
	return granted(tb)(p.client.Get(p.url + path))
}

// granted reads an answer, which has to be 200.
func granted(tb testing.TB) func(*http.Response, error) []byte {
	return func(response *http.Response, err error) []byte {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			tb.Fatalf("status %d, error %v, %s", response.StatusCode, err, body)
		}
		return body
	}
}

// liveHeap has the process collect its garbage, and returns the bytes that are left.
func (p *process) liveHeap(tb testing.TB) float64 {
	tb.Helper()
	if _, err := io.WriteString(p.stdin, "\n"); err != nil || !p.stdout.Scan() {
		tb.Fatalf("the process does not tell its heap: %v", err)
	}
	bytes, err := strconv.ParseFloat(p.stdout.Text(), 64)
	if err != nil {
		tb.Fatal(err)
	}
	return bytes
}

// end ends the process, and returns the processor time that it took.
func (p *process) end() time.Duration {
	if p.command.ProcessState == nil {
		_ = p.command.Process.Kill()
		_ = p.command.Wait() // it was killed
		p.client.CloseIdleConnections()
	}
	return p.command.ProcessState.UserTime() + p.command.ProcessState.SystemTime()
}
