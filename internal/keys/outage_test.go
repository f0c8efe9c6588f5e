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

// A load that fails is one line in the log, however many requests it lets down, and a failure is remembered for a while.
func TestRing_logs_each_failed_load_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch.Add(-time.Hour)))
		b.expect("a", "a")
		lines := func() int { return strings.Count(b.log.String(), "could not be loaded") }
		b.fail(errors.New("Secret Manager is down"))
		b.at(timing.Refresh)
		before := lines()
		if before == 0 {
			t.Fatal("the log says nothing of the outage")
		}
		for range 100 {
			b.expect("a", "a")
		}
		if got := lines(); got != before {
			t.Errorf("%d lines more for requests that loaded nothing", got-before)
		}
		failed := b.loads
		for minute := range 10 {
			b.at(timing.Refresh + time.Duration(minute+1)*time.Minute)
		}
		if got, want := lines()-before, b.loads-failed; got != want || want == 0 {
			t.Errorf("%d lines for %d failed loads", got, want)
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

// What is shared secretly serves on through an outage, as the ring does, and no longer than a day.
func TestShared_serves_the_last_good_secret_through_an_outage_of_a_day(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errDown := errors.New("Secret Manager is down")
		var log bytes.Buffer
		from := &history{versions: []keys.Version{secretVersion("1", strings.Repeat("a", 32), time.Now())}}
		secret := shared(t, from, &log)
		signs := func() {
			t.Helper()
			if key, err := secret.SigningKey(t.Context()); err != nil || key.ID() != "1" {
				t.Errorf("%v, %v", key, err)
			}
		}
		signs()
		from.fail(errDown)
		time.Sleep(24*time.Hour - 1)
		signs()
		time.Sleep(time.Nanosecond)
		if key, err := secret.SigningKey(t.Context()); !errors.Is(err, errDown) || !key.IsZero() {
			t.Errorf("after a day: %v, %v", key, err)
		}
		if text := log.String(); strings.Count(text, "\n") != from.loads-1 || strings.Contains(text, "aaaa") {
			t.Errorf("%d loads failed: %s", from.loads-1, text)
		}
	})
}
