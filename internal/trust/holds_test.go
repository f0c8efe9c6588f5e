package trust_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/jose"
)

// holder is keys that know whether the key of a TLS client is one of them.
type holder interface {
	Holds(context.Context, string) (bool, error)
}

func holds(t testing.TB, from holder, p party, want bool) {
	t.Helper()
	if got, err := from.Holds(t.Context(), p.key(t, "").ID()); got != want || err != nil {
		t.Errorf("%t, %v; want %t", got, err, want)
	}
}

// holdsUndecided expects that nobody can say, which is no fault of the client (protocol T7).
func holdsUndecided(t testing.TB, from holder, p party) {
	t.Helper()
	got, err := from.Holds(t.Context(), p.key(t, "").ID())
	if fault, is := errors.AsType[*jose.Fault](err); got || err == nil || is {
		t.Errorf("%t, %v; fault %v", got, err, fault)
	}
}

// Threats, jwkset CVE-2025-22149: a key that is dropped stops being good after the refresh.
func TestM2_a_key_that_is_dropped_from_a_secret_is_held_no_longer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, next := newParty(t), newParty(t)
		v := holding(old.jwks(t, "1"))
		from := publicKeys(t, v)
		holds(t, from, old, true)
		holds(t, from, next, false)
		v.holds(old.jwks(t, "1"), next.jwks(t, "2"))
		time.Sleep(fresh)
		holds(t, from, old, false)
		holds(t, from, next, true)
	})
}

func TestM2_where_a_secret_cannot_be_had_nobody_says_what_it_holds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := newParty(t)
		v := holding(good.jwks(t, "1"))
		v.down = errDown
		from := publicKeys(t, v)
		holdsUndecided(t, from, good)
		v.down = nil
		time.Sleep(retry)
		holds(t, from, good, true)
		v.down = errDown
		time.Sleep(fresh)
		holds(t, from, good, true)
		time.Sleep(stale)
		holdsUndecided(t, from, good)
	})
}

// Protocol F2: a stranger can present any certificate.
func TestM2_an_unknown_key_causes_one_fetch_a_minute(t *testing.T) {
	old, next := newParty(t), newParty(t)
	p := newPublisher(t)
	p.publishes(old.jwks(t, "1"), maxAge(time.Hour))
	r := following(t, p)
	holds(t, r, old, true)
	p.publishes(set(old.jwk(t, "1", ""), next.jwk(t, "2", "")), maxAge(time.Hour))
	r.clock.advance(refetch - 1)
	holds(t, r, next, false)
	p.want(t, 1)
	r.clock.advance(1)
	for range 3 {
		holds(t, r, next, true)
		holds(t, r, old, true)
		holds(t, r, newParty(t), false)
	}
	p.want(t, 2)
}

func TestM2_an_unknown_key_is_undecided_where_nobody_could_look(t *testing.T) {
	good, next := newParty(t), newParty(t)
	p := newPublisher(t)
	p.publishes(good.jwks(t, "k"), maxAge(time.Hour))
	r := following(t, p)
	holds(t, r, next, false) // it has just been looked for
	p.fails()
	r.clock.advance(refetch)
	for range 3 {
		holdsUndecided(t, r, next)
		holds(t, r, good, true)
	}
	p.want(t, 2)
	p.publishes(set(good.jwk(t, "k", ""), next.jwk(t, "n", "")))
	r.clock.advance(refetch)
	holds(t, r, next, true)
	holds(t, r, newParty(t), false)
}

func TestM2_where_nothing_was_ever_fetched_nobody_says_what_is_held(t *testing.T) {
	p := newPublisher(t) // which answers 404
	r := following(t, p)
	holdsUndecided(t, r, newParty(t))
}
