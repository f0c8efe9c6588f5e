// Package failures is the tests that docs/operations/failures.md is written by: each row of it plays one fault against
// the real service, looks at what its users see, and holds that against what protocol.md asks for. What was seen is
// compared with the page, and -update writes it there: go test ./internal/failures -update.
package failures

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/countersign/internal/resource"
	"example.com/countersign/internal/server"
)

// row is one fault. What is seen of it is recorded; what protocol.md says that must be seen is here.
type row struct {
	name string

	config   string // zero: usual
	follows  bool   // it is in Secret Manager
	capacity int    // of the memory of used assertions; 0: as it is

	fault []step
	asks  asking // zero: client
	gets  verdict
	waits time.Duration // until it gets it, where something hangs; 0: not for long

	notReady bool   // /ready says 503
	jwksGone bool   // the JWK Set is 503
	refused  bool   // APIs refuse tokens, the new one if there is one
	told     string // what the log says could not be loaded; empty: all could

	others asking // who is not concerned, and gets what is asked for; nil: nobody is asked

	mend       []step
	afterwards asking // what is good again when it is over; zero: what the row asks
}

// step is something that happens in a world.
type step func(*world)

// verdict is what protocol.md asks for.
type verdict int

const (
	good        verdict = iota // as if nothing were
	unavailable                // T7: 503 and temporarily_unavailable, with Retry-After
	badClient                  // T7: 401 invalid_client
	badGrant                   // G7: 400 invalid_grant
	turnedAway                 // 429 with Retry-After
)

// overWithin is how long a row waits for the end of what has been mended.
const overWithin = 15 * time.Minute

// patience is how long a test waits for what should take milliseconds.
const patience = 30 * time.Second

// play plays every row, and compares the page.
func play(t *testing.T, rows []row) {
	t.Helper()
	t.Parallel()
	seen := newTable(t, "fault", "a client gets", "APIs", "`/ready`", "the log", "when it is mended")
	var all sync.WaitGroup // and not t.Parallel, which is for as many as there are processors: most of them wait
	for _, r := range rows {
		seen.expect(r.name)
		all.Go(func() {
			t.Run(r.name, func(t *testing.T) { seen.record(r.name, r.play(t)...) })
		})
	}
	all.Wait()
}

// play returns what was seen.
func (r row) play(t *testing.T) []string {
	w := newWorld(t, cmp.Or(r.config, usual), r.follows, r.capacity)
	defer w.log.expectNoSecret(t)
	asks := r.asks
	if asks == nil {
		asks = client
	}
	w.healthy()
	logged := len(w.log.String())
	for _, step := range r.fault {
		step(w)
	}
	request := asks(w)
	got := w.send(request)
	r.judge(t, got)
	w.awaitFailure(r.told, logged)
	if r.others != nil && !w.send(r.others(w)).good() {
		t.Errorf("the others are concerned too:\n%s", w.log.last())
	}
	seen := []string{r.sayAnswer(got), r.askAPIs(w, got), r.askReady(w), w.sayLog(r, logged)}
	return append(seen, r.end(w, asks, request, got))
}

// healthy wants a token, and gives it to the API, before anything is wrong.
func (w *world) healthy() {
	w.t.Helper()
	got := w.send(client(w))
	if !got.good() || w.get("/ready").status != http.StatusOK {
		w.t.Fatalf("before anything is wrong: %d %s\n%s", got.status, got.text, w.log.last())
	}
	w.held, w.since = got.body.Token, w.now()
	if _, err := w.running.Verify(present(w.held)); err != nil {
		w.t.Fatal(err)
	}
}

// judge holds an answer against protocol.md.
func (r row) judge(t *testing.T, got answer) {
	t.Helper()
	want := map[verdict]struct {
		status int
		code   string
	}{
		good:        {http.StatusOK, ""},
		unavailable: {http.StatusServiceUnavailable, "temporarily_unavailable"},
		badClient:   {http.StatusUnauthorized, "invalid_client"},
		badGrant:    {http.StatusBadRequest, "invalid_grant"},
		turnedAway:  {http.StatusTooManyRequests, "temporarily_unavailable"},
	}[r.gets]
	if got.status != want.status || got.body.Error != want.code || got.good() == (got.body.Error != "") {
		t.Errorf("got %d %s; want %d %s", got.status, got.text, want.status, want.code)
	}
	if !got.good() && got.body.Token != "" {
		t.Errorf("a refusal with a token: %s", got.text)
	}
	if again := got.header.Get("Retry-After"); (again != "") != (r.gets == unavailable || r.gets == turnedAway) {
		t.Errorf("Retry-After is %q", again)
	}
	// Far enough apart that a busy machine does not decide it.
	if longest := r.waits + 4*time.Second; got.took > longest || got.took < r.waits/2 {
		t.Errorf("it took %v; want %v", got.took, r.waits)
	}
}

func (r row) sayAnswer(got answer) string {
	if r.waits == 0 {
		return got.say()
	}
	return got.say() + " " + sprint(r.waits)
}

// awaitFailure waits until the log says that something could not be loaded, which can be after the answer.
func (w *world) awaitFailure(what string, from int) {
	w.t.Helper()
	if what == "" {
		return
	}
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(patience); ; {
		for _, e := range w.log.entries(w.t, from) {
			if e.Event == "load_failed" && e.What == what {
				return
			}
		}
		select {
		case <-again.C:
		case <-deadline:
			w.t.Fatalf("the log does not say that %s could not be loaded:\n%s", what, w.log.String()[from:])
		}
	}
}

// askAPIs has APIs verify a token: the new one, or else one from before the fault.
func (r row) askAPIs(w *world, got answer) string {
	w.t.Helper()
	token := cmp.Or(got.body.Token, w.held)
	if token == w.held && w.now().Sub(w.since) >= tokensLive {
		return "–" // It has expired.
	}
	_, err := w.running.Verify(present(token))
	refused := errors.Is(err, resource.ErrInvalid)
	if refused != r.refused || err != nil && !refused {
		w.t.Errorf("an API that has been running says: %v", err)
	}
	jwks := w.get(server.JWKSPath)
	gone := jwks.status == http.StatusServiceUnavailable
	if gone != r.jwksGone || jwks.status != http.StatusOK && !gone {
		w.t.Errorf("the JWK Set is %d %s", jwks.status, jwks.text)
	}
	if refused {
		return "refuse"
	}
	_, err = w.newAPI().Verify(present(token))
	if known := err == nil; known == r.jwksGone || errors.Is(err, resource.ErrInvalid) {
		w.t.Errorf("an API that begins says: %v", err)
	}
	if gone {
		return "verify; one that starts cannot"
	}
	return "verify"
}

// askReady asks what depends on no client.
func (r row) askReady(w *world) string {
	w.t.Helper()
	if got := w.get("/health"); got.status != http.StatusOK {
		w.t.Errorf("/health is %d %s", got.status, got.text)
	}
	got := w.get("/ready")
	want := http.StatusOK
	if r.notReady {
		want = http.StatusServiceUnavailable
	}
	if got.status != want || r.notReady != (got.header.Get("Retry-After") != "") {
		w.t.Errorf("/ready is %d %s; want %d", got.status, got.text, want)
	}
	return strconv.Itoa(got.status)
}

// sayLog is what the log says that it would not otherwise: each thing once. Lines about /ready and the JWK Set are left out.
func (w *world) sayLog(r row, from int) string {
	w.t.Helper()
	var said []string
	for _, e := range w.log.entries(w.t, from) {
		if e.Event == "load_failed" && r.told == "" {
			w.t.Errorf("the log says that %s could not be loaded: %s", e.What, e.Error)
		}
		switch {
		case e.Event == "panic":
			w.t.Errorf("a panic: %v", e)
		case e.Event == "load_failed":
			said = append(said, "`load_failed` "+e.What+", "+e.Serving)
		case e.Event == "readiness" || e.Event == "jwks":
		case e.Warning != "" && e.Event == "configuration": // of its own, at every start
		case e.Decision == "denied":
			said = append(said, "`"+e.Event+"` "+e.Reason)
		case e.Severity != "INFO":
			said = append(said, strings.TrimSpace("`"+e.Event+"` "+cmp.Or(e.Decision, map[string]string{"WARNING": "warning"}[e.Severity])))
		}
	}
	slices.Sort(said)
	return cmp.Or(strings.Join(slices.Compact(said), "<br>"), "–")
}

// end mends what can be mended, and sees how long it takes until a new request is good, and whether the one that was
// refused is good then as well.
func (r row) end(w *world, asks asking, refused request, got answer) string {
	w.t.Helper()
	for _, step := range r.mend {
		step(w)
	}
	wanted := asks
	if r.afterwards != nil {
		wanted = r.afterwards
	}
	switch {
	case len(r.mend) == 0:
		return "–"
	case got.good() && r.afterwards == nil:
		if got := w.send(asks(w)); !got.good() {
			w.t.Errorf("when it is mended: %d %s", got.status, got.text)
		}
		return "it goes on"
	}
	mended := w.now()
	for !w.send(wanted(w)).good() {
		w.advance(time.Second)
		if w.now().Sub(mended) > overWithin {
			w.t.Fatalf("it is not over when it is mended: %s\n%s", w.send(wanted(w)).text, w.log.last())
		}
	}
	over := about(w.now().Sub(mended))
	if r.gets == unavailable {
		if again := w.send(refused); again.good() {
			over += ", same assertion"
		} else if again.body.Error == "invalid_client" || again.body.Error == "invalid_grant" {
			over += ", new assertion"
		} else {
			w.t.Errorf("the same request again: %d %s", again.status, again.text)
		}
	}
	if ready := w.get("/ready"); ready.status != http.StatusOK {
		w.t.Errorf("/ready is %d when it is over", ready.status)
	}
	return over
}
