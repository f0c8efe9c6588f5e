package keys_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/seal"
)

// sealers is a ring of keys that seal, over a history. It lives in a synctest bubble, whose clock it goes by.
type sealers struct {
	*history
	t     *testing.T
	ring  *keys.Sealing
	log   *bytes.Buffer
	epoch time.Time
}

func newSealers(t *testing.T) *sealers {
	t.Helper()
	s := &sealers{history: &history{}, t: t, log: &bytes.Buffer{}, epoch: time.Now()}
	s.ring = s.another()
	return s
}

func (s *sealers) config() keys.Config {
	return keys.Config{Source: s.history, Sealing: true, Timing: timing, Now: time.Now, Log: slog.New(slog.NewTextHandler(s.log, nil))}
}

// another returns another instance.
func (s *sealers) another() *keys.Sealing {
	s.t.Helper()
	ring, err := keys.NewSealing(s.config())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { time.Sleep(time.Minute); synctest.Wait() })
	return ring
}

// sealingVersion is an enabled version whose key follows from its ID.
func sealingVersion(id string, created time.Time) keys.Version {
	return keys.Version{ID: id, Created: created, State: keys.Enabled, Payload: sealingKey(id)}
}

func sealingKey(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return sum[:]
}

// expect compares which version seals and which open, by their IDs, at a moment after the beginning.
func (s *sealers) expect(moment time.Duration, seals, open string) {
	s.t.Helper()
	if wait := time.Until(s.epoch.Add(moment)); wait > 0 {
		time.Sleep(wait)
	}
	_, _, _ = s.ring.SealingKey(s.t.Context())
	synctest.Wait()
	key, _, err := s.ring.SealingKey(s.t.Context())
	if err != nil {
		s.t.Fatalf("at %v: %v", moment, err)
	}
	all, err := s.ring.OpeningKeys(s.t.Context())
	if err != nil {
		s.t.Fatalf("at %v: %v", moment, err)
	}
	var opening []string
	for _, other := range all {
		opening = append(opening, s.name(other))
	}
	if got := strings.Join(opening, " "); s.name(key) != seals || got != open {
		s.t.Errorf("at %v: %s seals and %s open; want %s and %s", moment, s.name(key), got, seals, open)
	}
}

// name returns the ID of the version that has a key.
func (s *sealers) name(key seal.Key) string {
	for _, id := range []string{"1", "2", "3"} {
		if known, err := seal.ParseKey(sealingKey(id)); err == nil && known.ID() == key.ID() {
			return id
		}
	}
	return "?" + key.ID()
}

func TestW3_a_new_key_seals_when_every_instance_must_know_it_and_opens_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSealers(t)
		s.add(sealingVersion("1", s.epoch))
		s.expect(0, "1", "1") // a first key seals at once
		s.add(sealingVersion("2", s.epoch))
		s.expect(timing.Refresh, "1", "1 2")
		s.expect(propagation-1, "1", "1 2")
		s.expect(propagation, "2", "1 2")
		s.expect(1000*time.Hour, "2", "1 2")
	})
}

// An instance whose source does not answer serves on, and must open what others seal in that time.
func TestW3_an_instance_that_serves_knows_every_key_that_seals_anywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSealers(t)
		s.add(sealingVersion("1", s.epoch.Add(-day)))
		s.expect(0, "1", "1")
		cut := s.another()
		if _, _, err := cut.SealingKey(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.add(sealingVersion("2", s.epoch.Add(time.Nanosecond)))
		s.fail(errors.New("down"))
		for moment := time.Duration(0); ; moment += 10 * time.Second {
			time.Sleep(time.Until(s.epoch.Add(moment)))
			_, err := cut.OpeningKeys(t.Context())
			if err != nil {
				if moment < valid || moment >= propagation {
					t.Errorf("it stops after %v, and the key that it does not know seals after %v", moment, propagation)
				}
				break
			}
		}
		if _, _, err := cut.SealingKey(t.Context()); err == nil {
			t.Error("it seals with a key that may have been disabled for as long")
		}
		s.fail(nil)
		s.expect(propagation+time.Minute, "2", "1 2")
	})
}

func TestW3_a_disabled_key_neither_seals_nor_opens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSealers(t)
		s.add(sealingVersion("1", s.epoch.Add(-2*day)), sealingVersion("2", s.epoch.Add(-day)))
		s.expect(0, "2", "1 2")
		s.set("2", keys.Disabled)
		s.expect(timing.Refresh, "1", "1")
		s.set("1", keys.Destroyed)
		time.Sleep(timing.Refresh)
		if key, _, err := s.ring.SealingKey(t.Context()); !errors.Is(err, keys.ErrNoKey) || !key.IsZero() {
			t.Errorf("%v, %v", key, err)
		}
		if all, err := s.ring.OpeningKeys(t.Context()); err != nil || len(all) > 0 {
			t.Errorf("whoever disables all means it: %v, %v", all, err)
		}
		s.add(sealingVersion("3", time.Now()))
		time.Sleep(timing.Refresh)
		var soon *keys.NotYetError
		if key, _, err := s.ring.SealingKey(t.Context()); !errors.As(err, &soon) || !key.IsZero() {
			t.Errorf("%v, %v", key, err)
		}
	})
}

func TestW3_a_version_that_is_no_sealing_key_is_skipped_and_named(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSealers(t)
		text := sealingVersion("2", s.epoch.Add(-time.Hour))
		text.Payload = []byte("0123456789abcdef0123456789abcdef")
		private := newKeyring(t).version("4", "a", s.epoch.Add(-time.Hour))
		s.add(sealingVersion("1", s.epoch.Add(-day)), text, private, sealingVersion("3", s.epoch.Add(-time.Minute)))
		s.expect(0, "1", "1 3")
		if log := s.log.String(); strings.Count(log, "holds no usable sealing key") != 2 || strings.Contains(log, "0123456789") {
			t.Errorf("the log says %s", log)
		}
	})
}

// kept is a history that can be changed.
type kept struct{ *history }

func (k kept) Add(_ context.Context, newKey func() ([]byte, error)) (string, error) {
	payload, err := newKey()
	id := "v" + strconv.Itoa(len(k.versions)+1)
	k.add(keys.Version{ID: id, Created: time.Now(), State: keys.Enabled, Payload: payload})
	return id, err
}

func (k kept) Disable(_ context.Context, id string) error { k.set(id, keys.Disabled); return nil }
func (k kept) Destroy(_ context.Context, id string) error { k.set(id, keys.Destroyed); return nil }

func TestW3_a_rotation_adds_a_sealing_key_and_disables_what_nothing_is_left_of(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSealers(t)
		config := s.config()
		config.Source = kept{s.history}
		for round, want := range []string{"", "", "v1"} {
			done, err := keys.Rotate(t.Context(), config, time.Now())
			if err != nil || done.Added == "" || strings.Join(done.Disabled, " ") != want {
				t.Errorf("rotation %d: %+v, %v", round, done, err)
			}
			time.Sleep(day)
		}
		for _, version := range s.versions {
			if len(version.Payload) != 32 {
				t.Errorf("version %s has %d bytes", version.ID, len(version.Payload))
			}
		}
		standings, err := keys.Status(t.Context(), config)
		if err != nil || len(standings) != 3 {
			t.Fatal(standings, err)
		}
		for i, want := range []keys.Phase{keys.Withdrawn, keys.Standby, keys.Signing} {
			if got := standings[i]; got.Phase != want || (got.KeyID == "") != (want == keys.Withdrawn) {
				t.Errorf("%+v, want %s", got, want)
			}
		}
	})
}

func TestNewSealing_refuses_what_is_no_ring_that_seals(t *testing.T) {
	good := keys.Config{Source: &history{}, Sealing: true, Timing: timing, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if _, err := keys.NewSealing(good); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*keys.Config){
		"it signs":      func(c *keys.Config) { c.Sealing, c.Algorithm = false, jose.ES256 },
		"it does both":  func(c *keys.Config) { c.Algorithm = jose.ES256 },
		"it is an HMAC": func(c *keys.Config) { c.Algorithm = jose.HS256 },
		"no source":     func(c *keys.Config) { c.Source = nil },
		"no clock":      func(c *keys.Config) { c.Now = nil },
		"no log":        func(c *keys.Config) { c.Log = nil },
		"no timing":     func(c *keys.Config) { c.Timing = keys.Timing{} },
	} {
		config := good
		spoil(&config)
		if ring, err := keys.NewSealing(config); err == nil || ring != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if ring, err := keys.NewRing(good); err == nil || ring != nil {
		t.Error("a ring that signs is made of keys that seal")
	}
}
