package keys_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

// timing is that of the rings in these tests.
var timing = keys.Timing{MaxAge: 5 * time.Minute, Refresh: time.Minute, TokenLifetime: 10 * time.Minute, Skew: 10 * time.Second}

// What follows from it.
const (
	propagation = 5*time.Minute + time.Minute + 10*time.Second // how long a key is public before it signs
	retirement  = 10*time.Minute + 20*time.Second              // and after it was replaced
	valid       = 5*time.Minute + time.Minute                  // how long a ring serves that cannot be loaded again
)

// history is a source: the versions of one secret.
type history struct {
	mu       sync.Mutex
	versions []keys.Version
	down     error
	loads    int
}

// Versions hands out the very slice that it keeps: who takes it must not change it.
func (h *history) Versions(context.Context) ([]keys.Version, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.loads++
	return h.versions, h.down
}

// change changes the history at once. What was handed out stays as it is.
func (h *history) change(f func(versions []keys.Version) []keys.Version) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.versions = f(slices.Clone(h.versions))
}

func (h *history) add(versions ...keys.Version) {
	h.change(func(all []keys.Version) []keys.Version { return append(all, versions...) })
}

func (h *history) set(id string, state keys.State) {
	h.change(func(all []keys.Version) []keys.Version {
		for i := range all {
			if all[i].ID == id {
				all[i].State = state
			}
		}
		return all
	})
}

func (h *history) failing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.down != nil
}

func (h *history) fail(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = err
}

// keyring names keys by letters.
type keyring struct {
	t    testing.TB
	keys map[string]jose.SigningKey
}

func newKeyring(t testing.TB) *keyring { return &keyring{t, map[string]jose.SigningKey{}} }

func (k *keyring) key(name string) jose.SigningKey {
	k.t.Helper()
	if key, made := k.keys[name]; made {
		return key
	}
	key, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		k.t.Fatal(err)
	}
	k.keys[name] = key
	return key
}

// version is an enabled version with the named key.
func (k *keyring) version(id, name string, created time.Time) keys.Version {
	k.t.Helper()
	payload, err := k.key(name).EncodePKCS8()
	if err != nil {
		k.t.Fatal(err)
	}
	return keys.Version{ID: id, Created: created, State: keys.Enabled, Payload: payload}
}

// name returns the letter of a kid.
func (k *keyring) name(kid string) string {
	for name, key := range k.keys {
		if key.ID() == kid {
			return name
		}
	}
	return "?" + kid
}

// bench is a ring over a history. It lives in a synctest bubble, whose clock it goes by.
type bench struct {
	*keyring
	*history
	ring  *keys.Ring
	sets  map[*keys.Ring]*keys.Set
	log   *bytes.Buffer
	epoch time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{keyring: newKeyring(t), history: &history{}, sets: map[*keys.Ring]*keys.Set{}, log: &bytes.Buffer{}, epoch: time.Now()}
	b.ring = b.another(t)
	return b
}

// another returns another ring over the same history: another instance.
func (b *bench) another(t *testing.T) *keys.Ring {
	t.Helper()
	ring, err := keys.NewRing(b.config())
	if err != nil {
		t.Fatal(err)
	}
	if b.sets[ring], err = keys.NewSet(time.Now, ring); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { time.Sleep(time.Minute); synctest.Wait() })
	return ring
}

func (b *bench) config() keys.Config {
	return keys.Config{
		Source: b.history, Algorithm: jose.ES256, Timing: timing, Now: time.Now, Log: slog.New(slog.NewTextHandler(b.log, nil)),
	}
}

// at moves the clock to a moment after the beginning, and lets the ring load what it wants to.
func (b *bench) at(moment time.Duration) {
	b.t.Helper()
	if wait := time.Until(b.epoch.Add(moment)); wait > 0 {
		time.Sleep(wait)
	}
	_, _ = b.ring.SigningKey(context.Background())
	synctest.Wait()
}

// expect compares which key signs and which are public, in their order.
func (b *bench) expect(signs, public string) {
	b.t.Helper()
	b.expectOf(b.ring, signs, public)
}

func (b *bench) expectOf(ring *keys.Ring, signs, public string) {
	b.t.Helper()
	moment := time.Since(b.epoch)
	key, err := ring.SigningKey(context.Background())
	if err != nil {
		b.t.Fatalf("at %v: %v", moment, err)
	}
	if got := b.name(key.ID()); got != signs {
		b.t.Errorf("at %v: %s signs, want %s", moment, got, signs)
	}
	if got := b.public(ring); got != public {
		b.t.Errorf("at %v: %q is public, want %q", moment, got, public)
	}
}

// public returns the names of the keys in the JWK Set.
func (b *bench) public(ring *keys.Ring) string {
	b.t.Helper()
	document := b.document(ring)
	var names []string
	for _, member := range members(b.t, document) {
		names = append(names, b.name(member["kid"].(string)))
	}
	return strings.Join(names, " ")
}

// members returns the keys of a JWK Set.
func members(t testing.TB, document *keys.Document) []map[string]any {
	t.Helper()
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal(document.Body, &set); err != nil {
		t.Fatal(err)
	}
	return set.Keys
}

// document returns the JWK Set of a ring.
func (b *bench) document(ring *keys.Ring) *keys.Document {
	b.t.Helper()
	document, err := b.sets[ring].Document(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	return document
}
