// Package revocationtest holds every implementation of [revocation.Store] to its promises (protocol O2).
package revocationtest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/countersign/internal/revocation"
)

// TestStore runs the suite. make returns an empty Store that goes by the clock now, which only moves between two calls.
func TestStore(t *testing.T, make func(t *testing.T, now func() time.Time) revocation.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *subject)
	}{
		{"nothing_is_revoked_that_nobody_revoked", nothing},
		{"a_revoked_token_stays_so_until_it_has_expired", untilItExpires},
		{"to_revoke_again_changes_nothing", again},
		{"an_expired_token_can_be_revoked", expired},
		{"what_one_client_revokes_is_never_a_token_of_another", distinct},
		{"a_clock_that_is_set_back_brings_nothing_back", setBack},
		{"simultaneous_revocations_all_count", simultaneous},
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

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

// subject is what is tested.
type subject struct {
	store revocation.Store
	clock *clock
}

// token returns a token that expires in ten minutes.
func (s *subject) token(id string) revocation.Token {
	return revocation.Token{Client: "batch", ID: id, Expires: s.clock.read().Add(10 * time.Minute)}
}

func (s *subject) revoke(t *testing.T, token revocation.Token) {
	t.Helper()
	if err := s.store.Revoke(t.Context(), token); err != nil {
		t.Errorf("Revoke(%.80v) = %v", token, err)
	}
}

func (s *subject) expect(t *testing.T, want bool, tokens ...revocation.Token) {
	t.Helper()
	for _, token := range tokens {
		if is, err := s.store.Revoked(t.Context(), token); err != nil || is != want {
			t.Errorf("Revoked(%.80v) = %t, %v; want %t", token, is, err, want)
		}
	}
}

func nothing(t *testing.T, s *subject) {
	s.expect(t, false, s.token("a"), s.token(""), revocation.Token{})
	s.revoke(t, s.token("b"))
	s.expect(t, false, s.token("a"), s.token(""))
}

func untilItExpires(t *testing.T, s *subject) {
	token := s.token("a")
	s.expect(t, false, token)
	s.revoke(t, token)
	for _, left := range []time.Duration{10 * time.Minute, time.Minute, time.Second, 1} {
		s.clock.advance(token.Expires.Sub(s.clock.read()) - left)
		s.expect(t, true, token)
		s.revoke(t, s.token(fmt.Sprint("another with ", left)))
		s.expect(t, true, token)
	}
}

func again(t *testing.T, s *subject) {
	token := s.token("a")
	for range 3 {
		s.revoke(t, token)
		s.expect(t, true, token)
		s.clock.advance(time.Minute)
	}
	s.expect(t, false, s.token("b"))
}

func expired(t *testing.T, s *subject) {
	token := s.token("a")
	s.clock.advance(10 * time.Minute)
	s.revoke(t, token)
	s.clock.advance(1000 * time.Hour)
	s.revoke(t, token)
}

// distinct aims at the ways in which two texts become one name: joined, folded, normalised, cut off, escaped.
func distinct(t *testing.T, s *subject) {
	long := strings.Repeat("x", 12<<10)
	var tokens []revocation.Token
	for _, parts := range [][2]string{
		{"a", "b"}, {"ab", ""}, {"", "ab"}, {"b", "a"}, {"a", "b "}, {"a ", "b"}, {"a", " b"}, {"a", "B"}, {"A", "b"},
		{"a/b", "c"}, {"a", "b/c"}, {"a", "b\x00"}, {"a\x00", "b"}, {"a", "\x00b"}, {"a", "b\n"}, {"a:b", "c"}, {"a", "b:c"},
		{"..", "."}, {".", ".."}, {"__a__", "__b__"}, {"a", "%62"}, {"a", "\u00e9"}, {"a", "e\u0301"}, {"a", "ſ"}, {"a", "s"},
		{"1", "xxxxxxxxx4yyyy"}, {"14xxxxxxxxx", "yyyy"}, {"a", long}, {"a", long + "y"}, {"a", "y" + long}, {"a" + long, ""},
	} {
		tokens = append(tokens, revocation.Token{Client: parts[0], ID: parts[1], Expires: s.token("").Expires})
	}
	for _, token := range tokens {
		s.expect(t, false, token)
		s.revoke(t, token)
		s.expect(t, true, token)
	}
}

func setBack(t *testing.T, s *subject) {
	token := s.token("a")
	s.revoke(t, token)
	for range 5 {
		s.clock.advance(-7 * time.Minute)
		s.revoke(t, s.token(s.clock.read().String()))
		s.expect(t, true, token)
	}
}

func simultaneous(t *testing.T, s *subject) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for call := range 60 {
		all.Go(func() {
			<-start
			s.revoke(t, s.token(fmt.Sprint(call%20)))
		})
	}
	close(start)
	all.Wait()
	for id := range 20 {
		s.expect(t, true, s.token(fmt.Sprint(id)))
	}
	s.expect(t, false, s.token("20"))
}
