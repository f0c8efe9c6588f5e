package countersign

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
)

// instances are three processes that share one memory of used assertions, and the client that asks them.
type instances struct {
	key       jose.SigningKey
	relay     *relay
	processes []*process
}

const sharedConfiguration = `
issuer: https://auth.example.com
signing_keys: {directory: keys}
replay: {firestore: projects/%s/databases/(default)}
resources:
  - {id: https://api.example.com, scopes: [read]}
clients:
  - id: batch
    authentication: private_key_jwt
    keys: {file: batch.json}
    grants: [client_credentials]
    allow:
      - {resource: https://api.example.com, scopes: [read]}
`

// startInstances starts them beside Google's emulator, with a relay in between.
func startInstances(t *testing.T) *instances {
	t.Helper()
	emulator := os.Getenv("FIRESTORE_EMULATOR_HOST")
	if emulator == "" {
		t.Skip("NOT TESTED: there is no Firestore emulator. Start one, and run this again: .ci/firestore go test .")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	i := &instances{relay: newRelay(t, emulator)}
	var err error
	i.key, err = jose.GenerateSigningKey(jose.ES256)
	must(err)
	own, err := i.key.EncodePKCS8() // nobody looks at who signs
	must(err)
	public, err := jose.EncodeKeySet(jose.KeySet{i.key.Verification()})
	must(err)
	folder := t.TempDir()
	must(os.Mkdir(filepath.Join(folder, "keys"), 0o700))
	project := "test-" + strings.ToLower(rand.Text()[:12])
	for name, content := range map[string][]byte{
		"config.yaml": fmt.Appendf(nil, sharedConfiguration, project), "batch.json": public, "keys/first.pem": own,
	} {
		must(os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	for range 3 {
		p := start(t, folder, "FUNCTION_TARGET=AuthorizationServer", "FIRESTORE_EMULATOR_HOST="+i.relay.address())
		go func() { // nobody reads the audit lines, and the process must not wait for it
			for range p.audit {
			}
		}()
		i.processes = append(i.processes, p)
	}
	i.awaitStore(t) // the emulator takes its time for the first call
	return i
}

// assertion makes a client assertion that nobody has used.
func (i *instances) assertion(t *testing.T) string {
	t.Helper()
	now := time.Now()
	claims := fmt.Sprintf(`{"iss":"batch","sub":"batch","aud":"https://auth.example.com","jti":%q,"iat":%d,"exp":%d}`,
		rand.Text(), now.Unix(), now.Add(5*time.Minute).Unix())
	signed, err := i.key.Sign("JWT", []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// ask sends an assertion to one of the processes, and returns the status. What is not a token, a replay or an outage is
// an error.
func (i *instances) ask(t *testing.T, process int, assertion string) int {
	t.Helper()
	form := url.Values{
		"grant_type":            {"client_credentials"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	}
	answer, err := http.PostForm(i.processes[process%len(i.processes)].url+"/token", form)
	if err != nil {
		t.Errorf("process %d does not answer: %v", process, err)
		return 0
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	hasToken := bytes.Contains(body, []byte("access_token"))
	switch {
	case answer.StatusCode == http.StatusOK && hasToken:
	case answer.StatusCode == http.StatusUnauthorized && !hasToken && bytes.Contains(body, []byte("jti has been used before")):
	case answer.StatusCode == http.StatusServiceUnavailable && !hasToken && answer.Header.Get("Retry-After") != "":
	default:
		t.Errorf("got %d %s", answer.StatusCode, body)
	}
	return answer.StatusCode
}

// awaitStore waits until the processes agree again about an assertion: exactly one of them gives a token for it.
func (i *instances) awaitStore(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		got := i.together(t, len(i.processes), i.assertion(t))
		if got[http.StatusOK] == 1 && got[http.StatusUnauthorized] == len(i.processes)-1 {
			return
		}
		if got[http.StatusOK] > 1 || time.Now().After(deadline) {
			t.Fatalf("the store does not come back: %v", got)
		}
	}
}

// together asks the processes at the same moment, and returns how often there was which status.
func (i *instances) together(t *testing.T, times int, assertion string) map[int]int {
	t.Helper()
	statuses := make(chan int, times)
	var all sync.WaitGroup
	begin := make(chan struct{})
	for n := range times {
		all.Go(func() {
			<-begin
			statuses <- i.ask(t, n, assertion)
		})
	}
	close(begin)
	all.Wait()
	close(statuses)
	counted := map[int]int{}
	for status := range statuses {
		counted[status]++
	}
	return counted
}

func TestR1_of_a_hundred_requests_to_three_processes_exactly_one_gets_a_token(t *testing.T) {
	t.Parallel()
	i := startInstances(t)
	decided, attempts := 0, 0
	for ; decided < 100 && attempts < 300; attempts++ {
		got := i.together(t, 100, i.assertion(t))
		// On a busy machine an answer can take longer than a request waits for it, and then nobody knows who was first.
		if got[http.StatusServiceUnavailable] == 0 {
			decided++
		}
		if got[http.StatusOK] > 1 || got[http.StatusOK] == 0 && got[http.StatusServiceUnavailable] == 0 {
			t.Fatalf("assertion %d: %v", attempts, got)
		}
	}
	if decided < 100 {
		t.Errorf("only %d of %d assertions were decided for everybody", decided, attempts)
	}
}

func TestR3_a_store_that_is_down_slow_or_comes_and_goes_gives_no_token_and_needs_no_restart(t *testing.T) {
	t.Parallel()
	i := startInstances(t)
	for _, mode := range []relayMode{relayShut, relayStalled} {
		i.relay.become(mode)
		waiting := i.assertion(t)
		if got := i.together(t, 9, waiting); got[http.StatusServiceUnavailable] != 9 {
			t.Errorf("%s: %v", mode, got)
		}
		i.relay.become(relayOpen)
		i.awaitStore(t)
		// Nobody knows whether what had been sent was written. If it was, the client needs another assertion.
		if got := i.together(t, 9, waiting); got[http.StatusOK] > 1 {
			t.Errorf("after it was %s: %v", mode, got)
		}
	}
	ended := make(chan struct{})
	flapping := time.AfterFunc(3*time.Second, func() { close(ended) })
	defer flapping.Stop()
	var flaps sync.WaitGroup
	flaps.Go(func() {
		for mode := 0; ; mode++ {
			select {
			case <-ended:
				i.relay.become(relayOpen)
				return
			case <-time.After(30 * time.Millisecond):
				i.relay.become([]relayMode{relayOpen, relayShut, relayOpen, relayStalled}[mode%4])
			}
		}
	})
	for round := 0; round < 40; round++ {
		if got := i.together(t, 12, i.assertion(t)); got[http.StatusOK] > 1 {
			t.Errorf("a store that comes and goes: %v", got)
		}
	}
	flaps.Wait()
	i.awaitStore(t)
}

// relay passes connections on, as long as it is open.
type relay struct {
	listener net.Listener
	to       string
	mode     atomic.Value // relayMode

	mu          sync.Mutex
	connections map[net.Conn]bool
}

// relayMode is what a relay does with what comes.
type relayMode string

const (
	relayOpen    relayMode = "open"
	relayShut    relayMode = "shut"    // it closes all connections, and each new one
	relayStalled relayMode = "stalled" // it takes what comes and passes nothing on
)

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, to: to, connections: map[net.Conn]bool{}}
	r.mode.Store(relayOpen)
	go r.accept()
	t.Cleanup(func() {
		_ = listener.Close()
		r.become(relayShut)
	})
	return r
}

func (r *relay) address() string { return r.listener.Addr().String() }

func (r *relay) become(mode relayMode) {
	r.mode.Store(mode)
	if mode != relayShut {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for connection := range r.connections {
		_ = connection.Close()
	}
	clear(r.connections)
}

func (r *relay) accept() {
	for {
		connection, err := r.listener.Accept()
		if err != nil {
			return
		}
		if r.mode.Load() == relayShut {
			_ = connection.Close()
			continue
		}
		go r.serve(connection)
	}
}

func (r *relay) serve(near net.Conn) {
	far, err := net.Dial("tcp", r.to)
	if err != nil {
		_ = near.Close()
		return
	}
	r.mu.Lock()
	r.connections[near], r.connections[far] = true, true
	r.mu.Unlock()
	go r.pass(near, far)
	r.pass(far, near)
}

// pass copies what comes while the relay is open. What it has taken while it was stalled it passes on later.
func (r *relay) pass(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		for r.mode.Load() == relayStalled {
			time.Sleep(time.Millisecond)
		}
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
