package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// connection is one to a function, over which requests go as the bytes that they are: a load generator must cost less
// than what it measures.
type connection struct {
	net.Conn
	answers *bufio.Reader
}

func (p *process) dial(tb testing.TB) *connection {
	tb.Helper()
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		tb.Fatal(err)
	}
	return &connection{c, bufio.NewReader(c)}
}

// do sends one request and returns the status of the answer. The connection is of no use after an error, or where last
// says so.
func (c *connection) do(request []byte) (status int, last bool, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, true, err
	}
	answer, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return 0, true, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, answer.Close, err
}

// post is a request to the token endpoint that came from an address, as Cloud Run hands it on.
func post(from, form string) []byte {
	return fmt.Appendf(nil, "POST /token HTTP/1.1\r\nHost: auth.example.com\r\nX-Forwarded-For: %s\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", from, len(form), form)
}

// clients sends good requests by so many workers at once, each over a connection of its own, and returns how long each
// answer took. pause is what a worker waits between two of its requests.
func (p *process) clients(tb testing.TB, workers int, pause time.Duration, requests [][]byte) []time.Duration {
	tb.Helper()
	took := make([]time.Duration, len(requests))
	var next atomic.Int64
	var all sync.WaitGroup
	for range workers {
		c := p.dial(tb)
		all.Go(func() {
			defer func() { _ = c.Close() }()
			for {
				i := int(next.Add(1)) - 1
				if i >= len(requests) {
					return
				}
				began := time.Now()
				status, _, err := c.do(requests[i])
				took[i] = time.Since(began)
				if err != nil || status != http.StatusOK {
					tb.Errorf("a good request: status %d, %v", status, err)
					return
				}
				time.Sleep(pause)
			}
		})
	}
	all.Wait()
	if tb.Failed() {
		tb.FailNow()
	}
	slices.Sort(took)
	return took
}

// percentile returns that of a sorted list, in milliseconds.
func percentile(sorted []time.Duration, of int) float64 {
	return milliseconds(sorted[min(len(sorted)*of/100, len(sorted)-1)])
}

// flood sends bad requests by so many workers at once until stop is called, which returns how many were answered.
func (p *process) flood(tb testing.TB, workers int, requests [][]byte) (stop func() int64) {
	tb.Helper()
	var ended atomic.Bool
	var answered atomic.Int64
	var all sync.WaitGroup
	for worker := range workers {
		c := p.dial(tb)
		all.Go(func() {
			for i := worker; !ended.Load(); i++ {
				_, last, err := c.do(requests[i%len(requests)])
				if err == nil {
					answered.Add(1)
				}
				if last {
					_ = c.Close()
					c = p.dial(tb)
				}
			}
			_ = c.Close()
		})
	}
	return func() int64 {
		ended.Store(true)
		all.Wait()
		return answered.Load()
	}
}

// badRequests are a garbled form, a form that is too large, and assertions of nobody, of a registered client by another
// key, and of a time that is over. None names the measured client.
func badRequests(tb testing.TB, now int64) (requests [][]byte) {
	tb.Helper()
	stranger := newParty(tb)
	forms := []string{
		"grant_type=%zz&%%%=&=;;&scope=" + strings.Repeat("a", 200),
		"grant_type=client_credentials&client_assertion=" + strings.Repeat("A", 2<<20),
	}
	for range 20 {
		forms = append(forms,
			formWith(stranger.assertion(tb, now, "nobody", "nobody")),
			formWith(stranger.assertion(tb, now, "client-1", "client-1")),
			formWith(stranger.assertion(tb, now-3600, "client-1", "client-1")),
			forms[0])
	}
	forms = append(forms, forms[1])
	for i, form := range forms {
		requests = append(requests, post(fmt.Sprintf("203.0.113.%d", i%4), form))
	}
	return requests
}
