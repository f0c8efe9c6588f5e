// Package replaytest holds every implementation of [replay.Store] to its promises (protocol R1, R2).
package replaytest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/replay"
)

// TestStore runs the suite. make returns an empty Store that goes by the clock now, which only moves between two calls.
func TestStore(t *testing.T, make func(t *testing.T, now func() time.Time) replay.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *subject)
	}{
		{"the_first_use_passes_and_no_other", firstUse},
		{"a_replay_says_which_assertion_it_was", replayedPurpose},
		{"a_use_is_remembered_until_it_would_be_refused_anyway", boundary},
		{"a_use_that_may_have_been_forgotten_is_refused", afterwards},
		{"a_later_use_of_the_same_id_passes_when_the_first_has_expired", reuse},
		{"uses_that_differ_in_any_part_are_different", distinct},
		{"two_uses_are_remembered_both_or_not_at_all", allOrNothing},
		{"the_same_use_twice_in_one_call_is_a_replay", twiceInOneCall},
		{"no_use_passes", noUse},
		{"a_clock_that_is_set_back_forgets_nothing", setBack},
		{"a_clock_that_jumps_ahead_does_not_weaken_what_comes_then", jumpAhead},
		{"of_a_hundred_simultaneous_uses_exactly_one_wins", simultaneous},
		{"of_simultaneous_pairs_that_overlap_exactly_one_wins", simultaneousPairs},
		{"simultaneous_uses_of_different_ids_all_win", simultaneousDifferent},
	} {
		t.Run(test.name, func(t *testing.T) {
			clock := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
			test.run(t, &subject{make(t, clock.read), clock})
		})
	}
}

// clock is a clock that the suite moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// subject is what is tested.
type subject struct {
	store replay.Store
	clock *clock
}

func (s *subject) wait(period time.Duration) { s.clock.set(s.clock.read().Add(period)) }

// use returns a use that expires in ten minutes.
func (s *subject) use(id string) replay.Use {
	return replay.Use{
		Purpose: replay.ForGrant, Party: "https://issuer.example", ID: id,
		Until: s.clock.read().Add(10 * time.Minute),
	}
}

func (s *subject) passes(t *testing.T, uses ...replay.Use) {
	t.Helper()
	if err := s.store.Use(t.Context(), uses); err != nil {
		t.Errorf("Use(%v) = %v; want it to pass", uses, err)
	}
}

func (s *subject) replays(t *testing.T, uses ...replay.Use) {
	t.Helper()
	err := s.store.Use(t.Context(), uses)
	_, says := errors.AsType[replay.Replayed](err)
	if !says || !errors.Is(err, replay.ErrReplayed) {
		t.Errorf("Use(%v) = %v; want a Replayed", uses, err)
	}
}

func firstUse(t *testing.T, s *subject) {
	s.passes(t, s.use("a"))
	for range 3 {
		s.replays(t, s.use("a"))
	}
	s.passes(t, s.use("b"))
	s.replays(t, s.use("a"))
}

func replayedPurpose(t *testing.T, s *subject) {
	forClient, forGrant := s.use("a"), s.use("a")
	forClient.Purpose = replay.ForClient
	s.passes(t, forClient)
	s.passes(t, forGrant)
	for _, want := range []replay.Use{forClient, forGrant} {
		other := s.use("new " + string(want.Purpose))
		for _, uses := range [][]replay.Use{{want}, {other, want}, {want, other}} {
			err := s.store.Use(t.Context(), uses)
			if replayed, says := errors.AsType[replay.Replayed](err); !says || replayed.Purpose != want.Purpose {
				t.Errorf("Use(%v) = %#v; want a replay for %q", uses, err, want.Purpose)
			}
		}
	}
}

// ory/hydra#3740: the memory was cleaned up while the assertion was still good.
func boundary(t *testing.T, s *subject) {
	const skew = 10 * time.Second
	for _, fraction := range []time.Duration{0, 1, 500 * time.Millisecond, time.Second - 1} {
		use := s.use(fmt.Sprint("a", fraction))
		expiry := use.Until.Add(fraction)
		use.Until = expiry.Add(skew)
		s.passes(t, use)
		for _, moment := range []time.Time{
			expiry.Add(-time.Minute), expiry.Add(-time.Second), expiry, expiry.Add(skew - time.Second), use.Until.Add(-1),
		} {
			s.clock.set(moment)
			s.replays(t, use)
		}
	}
}

// Between the check of exp and this one a request may wait for a key. What has expired meanwhile must not pass because
// it is no longer remembered.
func afterwards(t *testing.T, s *subject) {
	use := s.use("a")
	s.passes(t, use)
	for _, step := range []time.Duration{10 * time.Minute, time.Second, time.Minute, time.Hour, 1000 * time.Hour} {
		s.wait(step)
		s.passes(t, s.use(fmt.Sprint("another after ", step)))
		s.replays(t, use)
	}
	never := s.use("never used")
	never.Until = s.clock.read()
	s.replays(t, never)
}

func reuse(t *testing.T, s *subject) {
	s.passes(t, s.use("a"))
	s.wait(10*time.Minute + 2*time.Second)
	s.passes(t, s.use("a"))
	s.replays(t, s.use("a"))
	s.wait(10*time.Minute - 1)
	s.replays(t, s.use("a"))
}

// distinct aims at the ways in which three texts become one name: joined, folded, normalised, cut off, escaped.
func distinct(t *testing.T, s *subject) {
	long := strings.Repeat("x", 12<<10)
	var uses []replay.Use
	for _, purpose := range []replay.Purpose{replay.ForClient, replay.ForGrant, "", "grantclient"} {
		for _, parts := range [][2]string{
			{"a", "b"}, {"ab", ""}, {"", "ab"}, {"b", "a"}, {"a", "b "}, {"a ", "b"}, {"a", " b"},
			{"a", "B"}, {"A", "b"}, {"a/b", "c"}, {"a", "b/c"}, {"a", "b\x00"}, {"a\x00", "b"}, {"a", "\x00b"}, {"a", "b\n"},
			{"a:b", "c"}, {"a", "b:c"}, {"a|", "|b"}, {"a", "..|b"}, {"..", "."}, {".", ".."}, {"__a__", "__b__"},
			{"a", "%62"}, {"a", "b%00"}, {"a", "\u00e9"}, {"a", "e\u0301"}, {"a", "ſ"}, {"a", "s"}, {"a", "\u212a"}, {"a", "k"},
			{"1", "xxxxxxxxx4yyyy"}, {"14xxxxxxxxx", "yyyy"}, // the same with each length in front and nothing between
			{"a", long}, {"a", long + "y"}, {"a", "y" + long}, {"a" + long, ""},
			{"client", "grant"}, {"grant", "client"},
		} {
			uses = append(uses, replay.Use{Purpose: purpose, Party: parts[0], ID: parts[1], Until: s.use("").Until})
		}
	}
	for _, use := range uses {
		if err := s.store.Use(t.Context(), []replay.Use{use}); err != nil {
			t.Errorf("%q, %.20q, %.20q: %v", use.Purpose, use.Party, use.ID, err)
		}
	}
	for _, use := range uses {
		if err := s.store.Use(t.Context(), []replay.Use{use}); !errors.Is(err, replay.ErrReplayed) {
			t.Errorf("%q, %.20q, %.20q again: %v", use.Purpose, use.Party, use.ID, err)
		}
	}
}

func allOrNothing(t *testing.T, s *subject) {
	s.passes(t, s.use("used"))
	s.replays(t, s.use("a"), s.use("used"))
	s.replays(t, s.use("used"), s.use("a"))
	s.passes(t, s.use("a"), s.use("b"))
	s.replays(t, s.use("a"))
	s.replays(t, s.use("b"))
	expired := s.use("expired")
	expired.Until = s.clock.read()
	s.replays(t, s.use("c"), expired)
	s.passes(t, s.use("c"))
}

func twiceInOneCall(t *testing.T, s *subject) {
	s.replays(t, s.use("a"), s.use("a"))
	s.passes(t, s.use("a"))
}

func noUse(t *testing.T, s *subject) {
	s.passes(t)
	s.passes(t)
}

func setBack(t *testing.T, s *subject) {
	s.passes(t, s.use("a"))
	for range 5 {
		s.wait(-7 * time.Minute)
		s.replays(t, s.use("a"))
		s.passes(t, s.use(s.clock.read().String()))
	}
	s.replays(t, s.use("a"))
}

func jumpAhead(t *testing.T, s *subject) {
	for range 3 {
		s.passes(t, s.use("a"))
		s.wait(30 * time.Hour)
		s.passes(t, s.use("b"))
		s.wait(10*time.Minute - 1)
		s.replays(t, s.use("b"))
		s.wait(30 * time.Hour)
	}
}

// together calls f from many goroutines at the same time and returns how many calls returned nil.
func (s *subject) together(t *testing.T, calls int, uses func(call int) []replay.Use) int {
	t.Helper()
	var passed atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for call := range calls {
		list := uses(call)
		all.Go(func() {
			<-start
			switch err := s.store.Use(t.Context(), list); {
			case err == nil:
				passed.Add(1)
			case !errors.Is(err, replay.ErrReplayed):
				t.Errorf("call %d: %v", call, err)
			}
		})
	}
	close(start)
	all.Wait()
	return int(passed.Load())
}

func simultaneous(t *testing.T, s *subject) {
	for round := range 10 {
		use := s.use(fmt.Sprint(round))
		if passed := s.together(t, 100, func(int) []replay.Use { return []replay.Use{use} }); passed != 1 {
			t.Errorf("%d of 100 passed", passed)
		}
	}
}

func simultaneousPairs(t *testing.T, s *subject) {
	for round := range 10 {
		shared := s.use(fmt.Sprint("shared ", round))
		own := func(call int) replay.Use { return s.use(fmt.Sprint("own ", round, " ", call)) }
		passed := s.together(t, 50, func(call int) []replay.Use {
			if call%2 == 0 {
				return []replay.Use{shared, own(call)}
			}
			return []replay.Use{own(call), shared}
		})
		if passed != 1 {
			t.Errorf("%d of 50 passed", passed)
		}
		kept := s.together(t, 50, func(call int) []replay.Use { return []replay.Use{own(call)} })
		if kept != 49 {
			t.Errorf("%d of the 49 that lost can be used", kept)
		}
	}
}

func simultaneousDifferent(t *testing.T, s *subject) {
	uses := func(call int) []replay.Use {
		return []replay.Use{s.use(fmt.Sprint(call)), s.use(fmt.Sprint(-call - 1))}
	}
	if passed := s.together(t, 100, uses); passed != 100 {
		t.Errorf("%d of 100 passed", passed)
	}
}
