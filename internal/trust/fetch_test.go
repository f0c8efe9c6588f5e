package trust_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/trust"
)

// Fulcio CVE-2026-49478.
func TestFetch_follows_no_redirect(t *testing.T) {
	good, stranger := newParty(t), newParty(t)
	for _, status := range []int{300, 301, 302, 303, 305, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			p, elsewhere := newPublisher(t), newPublisher(t)
			elsewhere.publishes(stranger.jwks(t, "k"))
			p.says("/other", string(stranger.jwks(t, "k")))
			for i, location := range []string{
				elsewhere.URL + jwksPath, p.URL + jwksPath, "/other", "other", "//" + elsewhere.Listener.Addr().String() + jwksPath,
				"http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "::", "",
			} {
				p.answer(jwksPath, saying(status, string(stranger.jwks(t, "k")), "Location: "+location))
				r := following(t, p)
				undecided(t, r, stranger.signs(t, "k"))
				p.want(t, 3*i+1)

				// Nor when it comes later.
				p.publishes(good.jwks(t, "k"))
				r.clock.advance(rest)
				accept(t, r, good.signs(t, "k"))
				p.answer(jwksPath, saying(status, "", "Location: "+location))
				r.clock.advance(silent)
				accept(t, r, good.signs(t, "k"))
				p.want(t, 3*i+3)
			}
			p.want(t, 0, "/other")
			elsewhere.want(t, 0)
		})
	}
}

// Protocol F1: five seconds in all. These take as long, so they wait at the same time.
func TestFetch_waits_for_nobody_longer_than_five_seconds(t *testing.T) {
	signed := newParty(t).signs(t, "k")
	var all sync.WaitGroup
	for name, answer := range slow {
		p := newPublisher(t)
		p.answer(jwksPath, func(w http.ResponseWriter, r *http.Request) { answer(p, w, r) })
		r := following(t, p)
		all.Go(func() {
			undecided(t, r, signed)
			r.wantTimeout(t, name)
		})
	}
	silent := newIdlePublisher(t) // which accepts a connection and begins no handshake
	r := following(t, newPublisher(t), at("https://"+silent.Listener.Addr().String()+jwksPath))
	all.Go(func() {
		undecided(t, r, signed)
		r.wantTimeout(t, "a handshake that does not come")
	})
	all.Wait()
	silent.Start() // so that it can be closed
}

// slow are answers that do not end.
var slow = map[string]func(*publisher, http.ResponseWriter, *http.Request){
	"headers that do not come": func(p *publisher, _ http.ResponseWriter, _ *http.Request) { <-p.over },
	"a body that does not come": func(p *publisher, w http.ResponseWriter, _ *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-p.over
	},
	"a body that drips": func(_ *publisher, w http.ResponseWriter, r *http.Request) {
		drip(r.Context(), func() error {
			_, _ = w.Write([]byte(" "))
			return http.NewResponseController(w).Flush()
		})
		panic(http.ErrAbortHandler) // or else the answer has an end, which may come before the connection is closed
	},
	"headers that drip": func(_ *publisher, w http.ResponseWriter, r *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer connection.Close()
		_, _ = connection.Write([]byte("HTTP/1.1 200 OK\r\nX-Slow: "))
		drip(context.WithoutCancel(r.Context()), func() error {
			_, err := connection.Write([]byte("a"))
			return err
		})
	},
}

// drip does something again and again, far more often than could be waited for, until that or the context ends.
func drip(ctx context.Context, one func() error) {
	for ctx.Err() == nil && one() == nil {
		pause, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		<-pause.Done()
		cancel()
	}
}

// wantTimeout expects that one fetch failed because it took too long.
func (r *remote) wantTimeout(t testing.TB, name string) {
	t.Helper()
	heard := r.errors()
	var timeout interface{ Timeout() bool }
	if len(heard) != 1 || !errors.As(heard[0], &timeout) || !timeout.Timeout() {
		t.Errorf("%s: heard %v", name, heard)
	}
}

func TestFetch_leaves_an_answer_without_end(t *testing.T) {
	for name, stream := range map[string]func(write func(string) error) error{
		"a body": func(write func(string) error) error {
			return write("HTTP/1.1 200 OK\r\n\r\n")
		},
		"a header": func(write func(string) error) error {
			return write("HTTP/1.1 200 OK\r\nX-Long: ")
		},
		"interim answers": func(write func(string) error) error {
			for {
				if err := write("HTTP/1.1 103 Early Hints\r\nLink: <" + strings.Repeat("a", 1000) + ">\r\n\r\n"); err != nil {
					return err
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPublisher(t)
			sent := make(chan int, 1)
			p.answer(jwksPath, func(w http.ResponseWriter, _ *http.Request) {
				connection, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					return
				}
				defer connection.Close()
				total := 0
				write := func(text string) error {
					n, err := connection.Write([]byte(text))
					if total += n; total > 1<<30 {
						return errors.New("it is read on and on")
					}
					return err
				}
				for err := stream(write); err == nil; {
					err = write(strings.Repeat("a", 64<<10))
				}
				sent <- total
			})
			undecided(t, following(t, p), newParty(t).signs(t, "k"))
			if total := <-sent; total > 64<<20 {
				t.Errorf("%d MiB were read", total>>20)
			}
		})
	}
}

func TestFetch_believes_only_the_right_certificate(t *testing.T) {
	good := newParty(t)
	resolver := resolving(t, map[string][][]netip.Addr{"keys.example.com": always("127.0.0.1"), "example.org": always("127.0.0.1")})
	for name, test := range map[string]struct {
		server func(*tls.Config)
		party  func(*publisher) func(*trust.RemoteConfig)
		good   bool
	}{
		"of its address":  {good: true},
		"of its name":     {party: called("keys.example.com"), good: true},
		"of another name": {party: called("example.org")},
		"of an authority that nobody knows": {party: func(*publisher) func(*trust.RemoteConfig) {
			return func(c *trust.RemoteConfig) { c.Roots = nil }
		}},
		"TLS 1.2":       {server: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, good: true},
		"TLS 1.3 alone": {server: func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, good: true},
		"TLS 1.1":       {server: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }},
	} {
		t.Run(name, func(t *testing.T) {
			p := newIdlePublisher(t)
			p.TLS = &tls.Config{} //nolint:gosec // an old version is what is tried
			if test.server != nil {
				test.server(p.TLS)
			}
			p.StartTLS()
			p.publishes(good.jwks(t, "k"))
			r := &remote{clock: &clock{}}
			party := func(*trust.RemoteConfig) {}
			if test.party != nil {
				party = test.party(p)
			}
			r.follow(t, p, r.using(t, names(resolver)), party)
			if test.good {
				accept(t, r, good.signs(t, "k"))
				return
			}
			undecided(t, r, good.signs(t, "k"))
			p.want(t, 0)
		})
	}
}

// called is a party whose keys are at a name of the publisher.
func called(name string) func(*publisher) func(*trust.RemoteConfig) {
	return func(p *publisher) func(*trust.RemoteConfig) { return at("https://" + name + p.port() + jwksPath) }
}

func TestFetch_says_nothing_about_itself_and_remembers_nothing(t *testing.T) {
	p, good := newIdlePublisher(t), newParty(t)
	p.EnableHTTP2 = true
	p.StartTLS()
	p.publishes(good.jwks(t, "k"), "Set-Cookie: a=b; Path=/", `ETag: "1"`, `Alt-Svc: h3=":443"`)
	r := following(t, p, at(p.URL+jwksPath+"?tenant=1&kid=2"))
	for range 2 {
		accept(t, r, good.signs(t, "k"))
		r.clock.advance(silent)
	}
	for _, request := range p.asked {
		want := http.Header{
			"Accept":     {"application/json, application/jwk-set+json"},
			"User-Agent": {"Go-http-client/1.1"},
			"Connection": {"close"},
		}
		if diff := cmp.Diff(want, request.Header); diff != "" {
			t.Error(diff)
		}
		if request.Method != http.MethodGet || request.RequestURI != jwksPath+"?tenant=1&kid=2" || request.ContentLength != 0 {
			t.Errorf("%s %s with %d bytes", request.Method, request.RequestURI, request.ContentLength)
		}
	}
	p.want(t, 2)
}

// The environment is read once by a process, so that it needs one of its own. Nobody answers at the proxy.
func TestFetch_knows_no_proxy(t *testing.T) {
	const proxy = "http://127.0.0.1:1"
	if os.Getenv("HTTPS_PROXY") != proxy {
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFetch_knows_no_proxy$", "-test.v")
		again.Env = append(os.Environ(), "HTTPS_PROXY="+proxy, "https_proxy="+proxy, "NO_PROXY=", "no_proxy=")
		if said, err := again.CombinedOutput(); err != nil || !bytes.Contains(said, []byte("--- PASS")) {
			t.Errorf("%v: %s", err, said)
		}
		return
	}
	p, good := newPublisher(t), newParty(t)
	p.publishes(good.jwks(t, "k"))
	r := &remote{clock: &clock{}}
	resolver := resolving(t, map[string][][]netip.Addr{"keys.example.com": always("127.0.0.1")})
	r.follow(t, p, r.using(t, names(resolver)), called("keys.example.com")(p))
	accept(t, r, good.signs(t, "k"))
}
