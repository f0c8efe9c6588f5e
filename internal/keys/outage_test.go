package keys_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/keys"
)

var errDown = errors.New("the source is down")

// What a ring does not know yet cannot have begun to sign elsewhere before the ring stops.
func TestRing_serves_the_last_good_keys_through_an_outage_for_as_long_as_they_are_valid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.fail(errDown)
		if key, err := b.ring.SigningKey(t.Context()); !errors.Is(err, errDown) || !key.IsZero() {
			t.Errorf("before there is any: %v, %v", key, err)
		}
		b.fail(nil)
		b.add(b.version("1", "a", b.epoch))
		b.at(time.Minute)
		b.expect("a", "a")
		b.fail(errDown)
		b.at(time.Minute + valid - 1)
		b.expect("a", "a")
		b.at(time.Minute + valid)
		if key, err := b.ring.SigningKey(t.Context()); !errors.Is(err, errDown) || !key.IsZero() {
			t.Errorf("afterwards: %v, %v", key, err)
		}
		if document, err := b.sets[b.ring].Document(t.Context()); !errors.Is(err, errDown) || document != nil {
			t.Errorf("afterwards: %v, %v", document, err)
		}
		b.fail(nil)
		b.at(25 * time.Hour)
		b.expect("a", "a")
	})
}

// A verifier must not keep a set for longer than the instance that serves it may.
func TestJ1_a_set_may_be_kept_for_less_and_less_while_it_cannot_be_renewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch.Add(-time.Hour)))
		b.expect("a", "a")
		b.fail(errDown)
		for second := time.Duration(0); second < valid-time.Second; second += 7 * time.Second {
			b.at(second)
			document := b.document(b.ring)
			want := min(timing.MaxAge, (valid - second - time.Second).Truncate(time.Second))
			if document.MaxAge != want && (second != timing.Refresh || document.MaxAge != timing.MaxAge) {
				t.Errorf("at %v: %v, want %v", second, document.MaxAge, want)
			}
			if second+document.MaxAge > valid {
				t.Errorf("at %v: kept until %v", second, second+document.MaxAge)
			}
		}
	})
}

func TestJ1_a_set_is_not_kept_past_its_next_change(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch.Add(-2*time.Hour)), b.version("2", "b", b.epoch.Add(-time.Hour)), b.version("3", "c", b.epoch))
		b.expect("b", "a b c")
		const last = propagation + retirement // when a is needed no more, neither for its tokens nor for those of b
		for second := time.Duration(0); second < last; second += 3 * time.Second {
			b.at(second)
			if document := b.document(b.ring); second+document.MaxAge > last {
				t.Errorf("at %v: kept until %v", second, second+document.MaxAge)
			}
		}
		b.at(last)
		if document := b.document(b.ring); document.MaxAge != timing.MaxAge {
			t.Errorf("afterwards: %v", document.MaxAge)
		}
		b.expect("c", "b c")
	})
}

// An outage is a line a minute in the log, however many requests it lets down.
func TestRing_logs_an_outage_once_a_minute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch.Add(-time.Hour)))
		b.expect("a", "a")
		lines := func() int { return strings.Count(b.log.String(), "could not be loaded") }
		b.fail(errDown)
		const outage = 10 * time.Minute
		for second := timing.Refresh; second < timing.Refresh+outage; second += time.Second {
			b.at(second)
		}
		if got := lines(); got < 9 || got > 10 {
			t.Errorf("%d lines in %v", got, outage)
		}
		if !strings.Contains(b.log.String(), errDown.Error()) {
			t.Errorf("the log does not say why: %s", b.log)
		}
		b.fail(nil)
		b.at(20 * time.Minute)
		after := lines()
		b.at(30 * time.Minute)
		if lines() != after {
			t.Error("the log goes on about an outage that is over")
		}
	})
}

// What is shared secretly serves on through an outage, and no longer than a day.
func TestShared_serves_the_last_good_secret_through_an_outage_of_a_day(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		from := &history{versions: []keys.Version{secretVersion("1", strings.Repeat("a", 32), time.Now())}}
		secret := shared(t, from, &log)
		signs := func() {
			t.Helper()
			if key, _, err := secret.Signing(t.Context()); err != nil || key.ID() != "1" {
				t.Errorf("%v, %v", key, err)
			}
		}
		signs()
		from.fail(errDown)
		time.Sleep(24*time.Hour - 1)
		signs()
		time.Sleep(time.Nanosecond)
		if key, _, err := secret.Signing(t.Context()); !errors.Is(err, errDown) || !key.IsZero() {
			t.Errorf("after a day: %v, %v", key, err)
		}
		if text := log.String(); !strings.Contains(text, errDown.Error()) || strings.Contains(text, "aaaa") {
			t.Errorf("the log says %s", text)
		}
	})
}
