package trust_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/refresh"
	"example.com/countersign/internal/trust"
)

// The times by which remote keys live.
const (
	shortest = time.Minute
	silent   = 5 * time.Minute
	refetch  = time.Minute
	rest     = 5 * time.Second
	maxBody  = 256 << 10
)

// epoch is when every test with a real listener begins. Its clock stands still until the test moves it.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type clock struct{ since atomic.Int64 }

func (c *clock) now() time.Time           { return epoch.Add(time.Duration(c.since.Load())) }
func (c *clock) advance(by time.Duration) { c.since.Add(int64(by)) }

// jwksPath is where a publisher has its keys, unless a test says otherwise.
const jwksPath = "/jwks.json"

// publisher is whoever publishes keys, at a loopback address, with a certificate of its own authority for that address
// and for *.example.com.
type publisher struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]http.HandlerFunc // by path
	asked   []*http.Request
	over    chan struct{} // closed when the test is
}

func newPublisher(t testing.TB) *publisher {
	p := newIdlePublisher(t)
	p.StartTLS()
	return p
}

// newIdlePublisher returns one that has to be started.
func newIdlePublisher(t testing.TB) *publisher {
	p := &publisher{answers: map[string]http.HandlerFunc{}, over: make(chan struct{})}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	p.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that a test lets fail
	t.Cleanup(func() {
		close(p.over)
		p.Close()
	})
	return p
}

func (p *publisher) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r)
	answer := p.answers[r.URL.EscapedPath()]
	p.mu.Unlock()
	if answer == nil {
		answer = http.NotFound
	}
	answer(w, r)
}

// answer replaces what is at a path.
func (p *publisher) answer(path string, with http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[path] = with
}

// says replaces what is at a path by a body and headers, each as "Name: value".
func (p *publisher) says(path, body string, headers ...string) {
	p.answer(path, saying(http.StatusOK, body, headers...))
}

// publishes replaces the keys.
func (p *publisher) publishes(set []byte, headers ...string) {
	p.says(jwksPath, string(set), headers...)
}

// fails lets every path answer 500.
func (p *publisher) fails() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for path := range p.answers {
		p.answers[path] = saying(http.StatusInternalServerError, "")
	}
}

func saying(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, header := range headers {
			name, value, _ := strings.Cut(header, ": ")
			w.Header().Add(name, value)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// requests returns how many requests there were for these paths, or for any.
func (p *publisher) requests(paths ...string) (count int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.asked {
		if len(paths) == 0 {
			count++
		}
		for _, path := range paths {
			if r.URL.EscapedPath() == path {
				count++
			}
		}
	}
	return count
}

func (p *publisher) want(t testing.TB, requests int, paths ...string) {
	t.Helper()
	if got := p.requests(paths...); got != requests {
		t.Errorf("%d requests for %v, want %d", got, paths, requests)
	}
}

// roots are the authority of every publisher.
func (p *publisher) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.Certificate())
	return pool
}

// port returns ":" and the port.
func (p *publisher) port() string {
	_, port, _ := net.SplitHostPort(p.Listener.Addr().String())
	return ":" + port
}

// remote is keys that are fetched, and what is said about the fetches.
type remote struct {
	*trust.Remote
	clock  *clock
	mu     sync.Mutex
	heard  []error
	warned []string
}

// errors returns the fetches that failed, and warnings what was wrong with others.
func (r *remote) errors() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.heard
}

func (r *remote) warnings() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.warned
}

// loopback is the network that a publisher is in.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// at says where a party publishes its keys; by, who the party is when its metadata say that.
func at(uri string) func(*trust.RemoteConfig) {
	return func(c *trust.RemoteConfig) { c.JWKSURI, c.Issuer = uri, "" }
}

func by(issuer string) func(*trust.RemoteConfig) {
	return func(c *trust.RemoteConfig) { c.JWKSURI, c.Issuer = "", issuer }
}

// following returns the keys of a publisher: those at jwksPath, unless changed. The clock is its own.
func following(t testing.TB, p *publisher, change ...func(*trust.RemoteConfig)) *remote {
	t.Helper()
	r := &remote{clock: &clock{}}
	return r.follow(t, p, change...)
}

// follow is following with a clock that is there.
func (r *remote) follow(t testing.TB, p *publisher, change ...func(*trust.RemoteConfig)) *remote {
	t.Helper()
	config := trust.RemoteConfig{
		Fetcher: fetcher(t, r.clock), JWKSURI: p.URL + jwksPath, Roots: p.roots(), Networks: loopback,
		Failed: func(failure refresh.Failure) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.heard = append(r.heard, failure.Err)
		},
		Warn: func(text string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.warned = append(r.warned, text)
		},
	}
	for _, c := range change {
		c(&config)
	}
	var err error
	r.Remote, err = trust.NewRemote(config)
	must(t, err)
	return r
}

func fetcher(t testing.TB, clock *clock, change ...func(*trust.FetcherConfig)) *trust.Fetcher {
	t.Helper()
	config := trust.FetcherConfig{Now: clock.now}
	for _, c := range change {
		c(&config)
	}
	f, err := trust.NewFetcher(config)
	must(t, err)
	return f
}

// names returns a change to a fetcher that has every name looked up by a server of the test.
func names(resolver *net.Resolver) func(*trust.FetcherConfig) {
	return func(c *trust.FetcherConfig) { c.Resolver = resolver }
}

func locally(c *trust.FetcherConfig) { c.AllowLoopback = true }

// using returns a change to a party that has another fetcher, on the clock of r.
func (r *remote) using(t testing.TB, change ...func(*trust.FetcherConfig)) func(*trust.RemoteConfig) {
	f := fetcher(t, r.clock, change...)
	return func(c *trust.RemoteConfig) { c.Fetcher = f }
}

// failsWith expects that the keys cannot be had, and that this was the reason.
func (r *remote) failsWith(t testing.TB, text string, because error) {
	t.Helper()
	undecided(t, r, text)
	heard := r.errors()
	if len(heard) == 0 || !errors.Is(heard[len(heard)-1], because) {
		t.Errorf("heard %v, want %v", heard, because)
	}
}

// set is a JWK Set of keys in JSON.
func set(keys ...string) []byte { return []byte(`{"keys":[` + strings.Join(keys, ",") + `]}`) }

// jwk is one key of a party as JSON, with more members.
func (p party) jwk(t testing.TB, kid string, more string) string {
	t.Helper()
	text := strings.TrimSuffix(strings.TrimPrefix(string(p.jwks(t, kid)), `{"keys":[`), `]}`)
	return strings.TrimSuffix(text, "}") + more + "}"
}

// find looks for a key without expecting anything.
func find(ctx context.Context, t testing.TB, from keys, text string) (jose.VerificationKey, error) {
	t.Helper()
	token, err := jose.Parse(text)
	must(t, err)
	return from.Find(ctx, token)
}

func maxAge(period time.Duration) string {
	return fmt.Sprintf("Cache-Control: max-age=%d", int(period/time.Second))
}
