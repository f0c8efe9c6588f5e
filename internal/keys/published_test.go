package keys_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

// listed is a source without what its versions hold.
type listed struct{ keys.Source }

func (l listed) Versions(ctx context.Context) ([]keys.Version, error) {
	versions, err := l.Source.Versions(ctx)
	bare := append([]keys.Version{}, versions...)
	for i := range bare {
		bare[i].Payload = nil
	}
	return bare, err
}

// shelf is a keeper of whatever is put there.
type shelf struct {
	clock func() time.Time
	down  func() bool // nil: never

	mu       sync.Mutex
	versions []keys.Version
	adds     int
}

func (s *shelf) Versions(context.Context) ([]keys.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil && s.down() {
		return nil, errDown
	}
	return append([]keys.Version{}, s.versions...), nil
}

func (s *shelf) Add(_ context.Context, make func() ([]byte, error)) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil && s.down() {
		return "", errDown
	}
	payload, err := make()
	if err != nil {
		return "", err
	}
	s.adds++
	id := strconv.Itoa(len(s.versions) + 1)
	// No two are of one age, so that which is the newest does not hang on their numbers.
	created := s.clock().Add(time.Duration(len(s.versions)))
	s.versions = append(s.versions, keys.Version{ID: id, Created: created, State: keys.Enabled, Payload: payload})
	return id, nil
}

func (s *shelf) Disable(context.Context, string) error {
	return errors.New("nobody disables a public half")
}

func (s *shelf) Destroy(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil && s.down() {
		return errDown
	}
	at, err := strconv.Atoi(id)
	if err != nil {
		return err
	}
	s.versions[at-1].State, s.versions[at-1].Payload = keys.Destroyed, nil
	return nil
}

// enabled returns the payloads that can be read.
func (s *shelf) enabled() (payloads []string) {
	for _, version := range s.versions {
		if version.State == keys.Enabled {
			payloads = append(payloads, string(version.Payload))
		}
	}
	return payloads
}

// apart is a bench whose public keys are also published by somebody who has no access to private ones.
type apart struct {
	*bench
	shelf *shelf
	set   *keys.Set
}

func newApart(t *testing.T) *apart {
	t.Helper()
	a := &apart{bench: newBench(t), shelf: &shelf{clock: time.Now}}
	a.shelf.down = func() bool { return a.failing() }
	a.set = a.publisher()
	return a
}

// publisher returns the set of another who publishes.
func (a *apart) publisher() *keys.Set {
	a.t.Helper()
	config := a.config()
	config.Source = keys.PublicHalves{Private: listed{a.history}, Public: a.shelf, Algorithm: jose.ES256}
	published, err := keys.NewPublished(config)
	if err != nil {
		a.t.Fatal(err)
	}
	set, err := keys.NewSet(time.Now, published)
	if err != nil {
		a.t.Fatal(err)
	}
	return set
}

// at is that of the bench, for both who publish.
func (a *apart) at(moment time.Duration) {
	a.t.Helper()
	a.bench.at(moment)
	_, _ = a.set.Document(context.Background())
	synctest.Wait()
}

func (a *apart) publish() []string {
	a.t.Helper()
	config := a.config()
	config.Public = a.shelf
	added, err := keys.Publish(context.Background(), config)
	if err != nil {
		a.t.Fatal(err)
	}
	return added
}

// same wants both to publish the same, to the byte and for as long, or neither anything.
func (a *apart) same() {
	a.t.Helper()
	synctest.Wait()
	moment := time.Since(a.epoch)
	want, wantErr := a.sets[a.ring].Document(context.Background())
	got, err := a.set.Document(context.Background())
	if (err == nil) != (wantErr == nil) {
		a.t.Fatalf("at %v: %v, and the ring that signs %v", moment, err, wantErr)
	}
	if err != nil {
		return
	}
	if string(got.Body) != string(want.Body) || got.ETag != want.ETag || got.MaxAge != want.MaxAge {
		a.t.Fatalf("at %v: %s for %v, and the ring that signs publishes %s for %v", moment, got.Body, got.MaxAge, want.Body, want.MaxAge)
	}
}

// Whoever publishes without the private keys shows what the ring that signs shows, at every moment.
func TestJ1_public_halves_alone_are_published_as_the_ring_that_signs_would(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApart(t)
		happens := map[time.Duration]func(){
			0:                func() {},
			time.Minute:      func() { a.add(a.version("1", "a", time.Now())); a.publish() },
			20 * time.Minute: func() { a.add(a.version("2", "b", time.Now())); a.publish() },
			24 * time.Minute: func() { a.add(a.version("3", "c", time.Now())); a.publish() },
			40 * time.Minute: func() { a.history.set("3", keys.Disabled) },
			45 * time.Minute: func() { a.history.set("3", keys.Enabled) },
			50 * time.Minute: func() { a.fail(errDown) },
			60 * time.Minute: func() { a.fail(nil) },
			65 * time.Minute: func() { a.add(a.version("4", "c", time.Now())); a.publish() }, // the same key again
			90 * time.Minute: func() { a.history.set("1", keys.Disabled); a.history.set("2", keys.Destroyed); a.publish() },
			95 * time.Minute: func() { a.history.set("3", keys.Disabled); a.history.set("4", keys.Disabled) },
			99 * time.Minute: func() { a.add(a.version("5", "d", time.Now())); a.publish() },
		}
		shown := map[string]bool{}
		for moment := time.Duration(0); moment < 2*time.Hour; moment += 5 * time.Second {
			a.at(moment)
			if happen, now := happens[moment]; now {
				happen()
			}
			a.same()
			if document, err := a.set.Document(t.Context()); err == nil {
				shown[string(document.Body)] = true
			}
		}
		if len(shown) < 6 { // no key, a, a b, a b c, b c, c, d
			t.Errorf("only %d different sets were shown", len(shown))
		}
	})
}

// A set that lacks a key which will sign would be kept, and good tokens refused: there is none then.
func TestJ2_nothing_new_is_published_while_an_enabled_version_lacks_its_public_half(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApart(t)
		a.add(a.version("1", "a", a.epoch))
		if document, err := a.set.Document(t.Context()); err == nil {
			t.Errorf("a first key without its half: %s is published", document.Body)
		}
		a.publish()
		a.at(3 * time.Second)
		a.same()
		a.add(a.version("2", "b", time.Now()))
		for moment := 5 * time.Second; moment < timing.Refresh+valid; moment += 5 * time.Second {
			a.at(moment)
			document, err := a.set.Document(t.Context())
			if moment < valid && err != nil {
				t.Fatalf("at %v: %v", moment, err)
			}
			if err == nil && moment+document.MaxAge > valid+3*time.Second {
				t.Errorf("at %v: a set without the new key may be kept for %v", moment, document.MaxAge)
			}
			if err == nil && moment > valid+3*time.Second {
				t.Errorf("at %v: the last good set is published still", moment)
			}
		}
		if log := a.log.String(); !strings.Contains(log, "event=load_failed what=signing_keys") || !strings.Contains(log, "version 2 is enabled and lacks its public half") {
			t.Errorf("the log does not say why: %s", log)
		}
		a.publish()
		a.at(timing.Refresh + valid + 5*time.Second)
		a.same()
	})
}

func TestPublish_can_be_repeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApart(t)
		unusable := keys.Version{ID: "2", Created: a.epoch, State: keys.Enabled, Payload: []byte("no key")}
		a.add(a.version("1", "a", a.epoch), unusable, a.version("3", "b", a.epoch.Add(time.Second)))
		a.history.set("3", keys.Disabled)
		if added := strings.Join(a.publish(), " "); added != "1" {
			t.Errorf("of an enabled, an unusable and a disabled version the halves of %q are added", added)
		}
		if added := a.publish(); len(added) > 0 || a.shelf.adds != 1 {
			t.Errorf("again: the halves of %v are added", added)
		}
		a.history.set("3", keys.Enabled)
		if added := strings.Join(a.publish(), " "); added != "3" {
			t.Errorf("when it is enabled the half of %q is added", added)
		}
		for _, payload := range a.shelf.enabled() {
			var document struct {
				Version string
				Keys    []map[string]any
			}
			if err := json.Unmarshal([]byte(payload), &document); err != nil || len(document.Keys) != 1 {
				t.Fatalf("%v: %s", err, payload)
			}
			name := a.name(document.Keys[0]["kid"].(string))
			if want := map[string]string{"1": "a", "3": "b"}[document.Version]; name != want || document.Keys[0]["d"] != nil {
				t.Errorf("version %s has the half %s", document.Version, payload)
			}
		}
	})
}

// Two at once may put a half there twice. The next one tidies up, and what is published is the same all the while.
func TestPublish_by_two_at_once_harms_nothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApart(t)
		a.add(a.version("1", "a", a.epoch))
		a.publish()
		a.shelf.versions = append(a.shelf.versions, keys.Version{
			ID: "2", Created: time.Now().Add(1), State: keys.Enabled, Payload: a.shelf.versions[0].Payload,
		})
		a.same()
		if added := a.publish(); len(added) > 0 || len(a.shelf.enabled()) != 1 {
			t.Errorf("afterwards %d are there, and those of %v were added", len(a.shelf.enabled()), added)
		}
		a.at(timing.Refresh + time.Second)
		a.same()
		a.history.set("1", keys.Destroyed)
		a.publish()
		if left := a.shelf.enabled(); len(left) > 0 {
			t.Errorf("the half of a destroyed version is left: %s", left)
		}
	})
}

// Only the public half of this very version counts: numbers begin anew where a secret is made again.
func TestPublish_replaces_what_is_not_the_public_half_of_a_version(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApart(t)
		a.add(a.version("1", "a", a.epoch))
		a.publish()
		good := a.shelf.enabled()[0]
		swap := func(from, to string) string {
			if !strings.Contains(good, from) {
				t.Fatalf("%s has no %s", good, from)
			}
			return strings.Replace(good, from, to, 1)
		}
		other := strings.TrimSuffix(strings.TrimPrefix(string(encodeSet(t, a.key("z"))), `{"keys":`), "}")
		private, err := a.key("a").EncodePrivateJWK()
		if err != nil {
			t.Fatal(err)
		}
		own := good[strings.Index(good, `"keys":`)+len(`"keys":`) : len(good)-1]
		for name, payload := range map[string]string{
			"another key":               swap(own, other),
			"two keys":                  swap(own, own[:len(own)-1]+","+other[1:]),
			"no key":                    swap(own, "[]"),
			"a private key":             swap(own, "["+string(private)+"]"),
			"another kid":               swap(`"kid":"`+a.key("a").ID(), `"kid":"x`),
			"another version":           swap(`"version":"1"`, `"version":"2"`),
			"no version":                swap(`"version":"1"`, `"v":"1"`),
			"another create time":       swap(a.epoch.UTC().Format(time.RFC3339), a.epoch.Add(time.Hour).UTC().Format(time.RFC3339)),
			"another algorithm":         strings.ReplaceAll(good, "ES256", "ES384"),
			"what is none":              "half",
			"nothing of what it should": "{}",
		} {
			a.log.Reset()
			a.shelf.versions = []keys.Version{{ID: "1", Created: time.Now(), State: keys.Enabled, Payload: []byte(payload)}}
			if document, err := a.publisher().Document(t.Context()); err == nil && name != "another key" {
				t.Errorf("%s is published: %s", name, document.Body) // which of two keys it is only the private one tells
			}
			if added := strings.Join(a.publish(), " "); added != "1" {
				t.Errorf("%s: the halves of %q are added", name, added)
			}
			a.set = a.publisher()
			a.same()
			if told := strings.Contains(a.log.String(), "was another key's"); told != (name == "another key") {
				t.Errorf("%s: the log says %s", name, a.log)
			}
		}
	})
}

func TestRotate_puts_the_public_half_of_a_new_key_where_it_is_published_from(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := &keeper{clock: time.Now}
		halves := &shelf{clock: time.Now}
		config := keys.Config{
			Source: made, Public: halves, Algorithm: jose.ES256, Timing: timing, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		}
		done, err := keys.Rotate(t.Context(), config, time.Now())
		if err != nil || done.Added != "1" || strings.Join(done.Published, " ") != "1" {
			t.Errorf("a rotation: %+v, %v", done, err)
		}
		halves.versions = nil
		done, err = keys.Rotate(t.Context(), config, time.Now().Add(-time.Minute))
		if err != nil || done.Added != "" || strings.Join(done.Published, " ") != "1" {
			t.Errorf("where none is due, and a half is missing: %+v, %v", done, err)
		}
		halves.versions = nil
		halves.down = func() bool { return true }
		time.Sleep(time.Minute)
		if done, err = keys.Rotate(t.Context(), config, time.Now()); !errors.Is(err, errDown) || done.Added != "" || len(made.versions) != 1 {
			t.Errorf("where halves cannot be kept: %+v, %v, and there are %d keys", done, err, len(made.versions))
		}
	})
}

func encodeSet(t *testing.T, key jose.SigningKey) []byte {
	t.Helper()
	set, err := jose.EncodeKeySet(jose.KeySet{key.Verification()})
	if err != nil {
		t.Fatal(err)
	}
	return set
}
