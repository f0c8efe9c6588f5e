package trust_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust"
)

const day = 24 * time.Hour

// beginning returns a change to a party that starts with a snapshot, which serves for a week.
func beginning(with trust.Snapshot) func(*trust.RemoteConfig) {
	return func(c *trust.RemoteConfig) { c.Snapshot, c.SnapshotServes = with, 7*day }
}

// of is a snapshot of the keys of p, fetched so long before now.
func of(p *publisher, set []byte, age time.Duration) trust.Snapshot {
	return trust.Snapshot{Source: p.URL + jwksPath, Set: set, Fetched: epoch.Add(-age)}
}

func TestSnapshot_serves_at_once_and_the_fetch_runs_behind_it(t *testing.T) {
	p, old, next := newPublisher(t), newParty(t), newParty(t)
	asked, release := make(chan struct{}), make(chan struct{})
	p.answer(jwksPath, func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-release
		saying(http.StatusOK, string(next.jwks(t, "n")))(w, r)
	})
	r := following(t, p, beginning(of(p, old.jwks(t, "o"), 3*day)))
	accept(t, r, old.signs(t, "o"))
	<-asked // and still
	accept(t, r, old.signs(t, "o"))
	refuse(t, r, next.signs(t, "o"), jose.ErrSignature)
	close(release)
	accept(t, r, next.signs(t, "n")) // waits
	refuse(t, r, old.signs(t, "o"), jose.ErrNoKey)
	p.want(t, 1)
}

// A cold start need not depend on strangers.
func TestSnapshot_serves_while_the_source_is_down_for_as_long_as_it_is_said_to(t *testing.T) {
	p, good := newPublisher(t), newParty(t)
	p.Listener.Close()
	r := following(t, p, beginning(of(p, good.jwks(t, "k"), 3*day)))
	for range 4 * 24 {
		accept(t, r, good.signs(t, "k"))
		undecided(t, r, good.signs(t, "made up")) // it may be a newer one
		refuse(t, r, newParty(t).signs(t, "k"), jose.ErrSignature)
		refuse(t, r, mac(t, "a", "k"), jose.ErrNoKey)
		r.clock.advance(time.Hour)
	}
	undecided(t, r, good.signs(t, "k"))
}

func TestSnapshot_serves_no_more_once_something_was_fetched(t *testing.T) {
	p, old, next := newPublisher(t), newParty(t), newParty(t)
	p.publishes(next.jwks(t, "n"))
	r := following(t, p, beginning(of(p, old.jwks(t, "o"), 0)))
	accept(t, r, next.signs(t, "n"))
	p.fails()
	for range 24 {
		accept(t, r, next.signs(t, "n"))
		r.clock.advance(time.Hour - 1)
		undecided(t, r, old.signs(t, "o")) // it may have come back
		r.clock.advance(1)
	}
	undecided(t, r, next.signs(t, "n"))
}

func TestSnapshot_an_unknown_kid_waits_for_the_fetch(t *testing.T) {
	p, old, next := newPublisher(t), newParty(t), newParty(t)
	p.publishes(set(old.jwk(t, "o", ""), next.jwk(t, "n", "")))
	r := following(t, p, beginning(of(p, old.jwks(t, "o"), day)))
	accept(t, r, next.signs(t, "n"))
	accept(t, r, old.signs(t, "o"))
	refuse(t, r, old.signs(t, "made up"), jose.ErrNoKey)
	p.want(t, 1)
}

func TestSnapshot_that_cannot_be_used_is_as_good_as_none(t *testing.T) {
	p, good, stranger := newPublisher(t), newParty(t), newParty(t)
	p.publishes(good.jwks(t, "k"))
	forged := stranger.jwks(t, "k")
	for name, test := range map[string]struct {
		snapshot trust.Snapshot
		warns    bool
	}{
		"none":                  {trust.Snapshot{}, false},
		"one that is too old":   {of(p, forged, 7*day), false},
		"of nobody":             {trust.Snapshot{Set: forged, Fetched: epoch}, true},
		"of another source":     {trust.Snapshot{Source: "https://other.example/jwks.json", Set: forged, Fetched: epoch}, true},
		"of another path":       {trust.Snapshot{Source: p.URL + jwksPath + "/", Set: forged, Fetched: epoch}, true},
		"of the issuer":         {trust.Snapshot{Source: p.URL, Set: forged, Fetched: epoch}, true},
		"of no time":            {trust.Snapshot{Source: p.URL + jwksPath, Set: forged}, false},
		"cut off":               {of(p, forged[:len(forged)-2], 0), true},
		"nothing":               {of(p, []byte{}, 0), true},
		"PEM":                   {of(p, stranger.pem(t), 0), true},
		"with more than may be": {of(p, set(strings.Split(strings.Repeat("7,", 100)+"7", ",")...), 0), true},
		"with a shared secret":  {of(p, set(`{"kty":"oct","kid":"k","alg":"HS256","k":"AAAA"}`), 0), false},
		"with the private part": {of(p, set(stranger.jwk(t, "k", `,"d":"AAAA"`)), 0), false},
	} {
		t.Run(name, func(t *testing.T) {
			r := following(t, p, beginning(test.snapshot))
			refuse(t, r, stranger.signs(t, "k"), jose.ErrSignature) // the one that was fetched is another
			accept(t, r, good.signs(t, "k"))
			if got := len(r.warnings()) > 0; got != test.warns {
				t.Errorf("warned %v", r.warnings())
			}
		})
	}
	r := following(t, p, beginning(of(p, forged, 0)), func(c *trust.RemoteConfig) { c.SnapshotServes = 0 })
	refuse(t, r, stranger.signs(t, "k"), jose.ErrSignature) // without a time for which it serves it does not
}

// A clock that is ahead must not make a snapshot serve for longer.
func TestSnapshot_of_the_future_counts_as_of_now(t *testing.T) {
	p, good := newPublisher(t), newParty(t)
	p.fails()
	r := following(t, p, beginning(of(p, good.jwks(t, "k"), -1000*day)))
	accept(t, r, good.signs(t, "k"))
	r.clock.advance(7*day - 1)
	accept(t, r, good.signs(t, "k"))
	r.clock.advance(1)
	undecided(t, r, good.signs(t, "k"))
}

func TestSnapshot_is_what_was_fetched_last_and_good_for_another_start(t *testing.T) {
	good, other, leaked := newParty(t), newParty(t), newParty(t)
	for name, change := range map[string]func(*publisher) func(*trust.RemoteConfig){
		"a set":     func(p *publisher) func(*trust.RemoteConfig) { return at(p.URL + jwksPath) },
		"an issuer": func(p *publisher) func(*trust.RemoteConfig) { return by(p.URL) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, good)
			p.publishes(set(good.jwk(t, "k", ""), leaked.jwk(t, "l", `,"d":"AAAA"`), other.jwk(t, "o", ""), `{"kty":"AKP"}`))
			r := following(t, p, change(p))
			if got, there := r.Snapshot(); there || got.Set != nil {
				t.Errorf("before anything was fetched: %v", got)
			}
			p.want(t, 0)
			accept(t, r, good.signs(t, "k"))
			first, there := r.Snapshot()
			if !there || !first.Fetched.Equal(epoch) || strings.Contains(string(first.Set), `"d"`) {
				t.Fatalf("%s, %v", first.Set, first)
			}
			r.clock.advance(30 * day) // which keeps its age
			if again, _ := r.Snapshot(); !cmp.Equal(again, first) {
				t.Errorf("it is %v, and was %v", again, first)
			}

			p.Listener.Close()
			next := following(t, p, change(p), beginning(first))
			accept(t, next, good.signs(t, "k"))
			accept(t, next, other.signs(t, "o"))
			undecided(t, next, leaked.signs(t, "l"))
			if got, there := next.Snapshot(); there {
				t.Errorf("what was stored is handed out to be stored: %v", got)
			}
		})
	}
}
