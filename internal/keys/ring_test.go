package keys_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

func TestNewRing_refuses_what_is_no_configuration(t *testing.T) {
	good := keys.Config{Source: &history{}, Algorithm: jose.ES256, Timing: timing, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	if ring, err := keys.NewRing(good); err != nil || ring == nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*keys.Config){
		"no source":            func(c *keys.Config) { c.Source = nil },
		"no algorithm":         func(c *keys.Config) { c.Algorithm = "" },
		"an unknown algorithm": func(c *keys.Config) { c.Algorithm = "none" },
		"a shared secret":      func(c *keys.Config) { c.Algorithm = jose.HS256 },
		"no clock":             func(c *keys.Config) { c.Now = nil },
		"no log":               func(c *keys.Config) { c.Log = nil },
		"no max-age":           func(c *keys.Config) { c.Timing.MaxAge = 0 },
		"no refresh":           func(c *keys.Config) { c.Timing.Refresh = 0 },
		"no lifetime":          func(c *keys.Config) { c.Timing.TokenLifetime = 0 },
		"a skew below zero":    func(c *keys.Config) { c.Timing.Skew = -1 },
		"nothing":              func(c *keys.Config) { *c = keys.Config{} },
	} {
		config := good
		spoil(&config)
		if ring, err := keys.NewRing(config); err == nil || ring != nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// An operator who disables them all means it: no key, and not the last good one. The set is then empty and not absent,
// since whoever is told nothing goes on with what he has.
func TestRing_without_an_enabled_version_has_no_key(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch.Add(-time.Hour)), b.version("2", "b", b.epoch.Add(-time.Minute)))
		b.expect("a", "a b")
		b.set("1", keys.Disabled)
		b.set("2", keys.Destroyed)
		b.at(timing.Refresh)
		key, err := b.ring.SigningKey(t.Context())
		if !errors.Is(err, keys.ErrNoKey) || !key.IsZero() {
			t.Errorf("%v, %v", key, err)
		}
		if document := b.document(b.ring); string(document.Body) != `{"keys":[]}` || document.MaxAge != 0 {
			t.Errorf("%s for %v", document.Body, document.MaxAge)
		}
		b.set("2", keys.Enabled)
		b.at(propagation)
		b.expect("b", "b")
	})
}

func TestRing_skips_a_version_that_cannot_be_used_and_logs_nothing_of_its_key(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(private)
		if err != nil {
			t.Fatal(err)
		}
		good := b.version("good", "a", b.epoch.Add(-time.Hour))
		ownJWK, err := b.key("b").EncodePrivateJWK()
		if err != nil {
			t.Fatal(err)
		}
		broken := map[string][]byte{
			"empty":            nil,
			"no key at all":    []byte("hunter2 is the password of the database"),
			"another kind":     pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
			"cut off":          good.Payload[:len(good.Payload)-40],
			"damaged":          bytes.Replace(good.Payload, []byte("M"), []byte("N"), 1),
			"two keys":         append(slices.Clone(good.Payload), good.Payload...),
			"another alg":      bytes.Replace(ownJWK, []byte(`"ES256"`), []byte(`"ES384"`), 1),
			"halves of two":    withPrivate(t, ownJWK, b.key("c")),
			"for encryption":   bytes.Replace(ownJWK, []byte(`{`), []byte(`{"use":"enc",`), 1),
			"a shared secret":  []byte(`{"kty":"oct","alg":"HS256","k":"aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnRlcjI"}`),
			"an unknown kty":   []byte(`{"kty":"AKP","alg":"ML-DSA-44","priv":"aHVudGVyMg"}`),
			"JSON of nothing":  []byte(`{}`),
			"JSON cut off":     ownJWK[:len(ownJWK)/2],
			"the public half":  mustSPKI(t, b.key("c")),
			"certificate text": []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
		}
		for _, id := range slices.Sorted(maps.Keys(broken)) {
			b.add(keys.Version{ID: id, Created: b.epoch.Add(-30 * time.Minute), State: keys.Enabled, Payload: broken[id]})
		}
		b.add(good, b.version("newer", "d", b.epoch))
		b.expect("a", "a d")
		log := b.log.String()
		for id, payload := range broken {
			if !strings.Contains(log, fmt.Sprintf("%q", id)) && !strings.Contains(log, "version="+id) {
				t.Errorf("the log does not name version %q", id)
			}
			for line := range bytes.Lines(payload) {
				for part := range slices.Chunk(bytes.TrimSpace(line), 16) {
					if len(part) == 16 && !bytes.Contains(part, []byte("-----")) && strings.Contains(log, string(part)) {
						t.Errorf("the log has %q of version %q", part, id)
					}
				}
			}
		}
	})
}

// withPrivate returns a private JWK with the d of another key.
func withPrivate(t *testing.T, document []byte, other jose.SigningKey) []byte {
	t.Helper()
	otherDocument, err := other.EncodePrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	var one, two map[string]any
	if err := errors.Join(json.Unmarshal(document, &one), json.Unmarshal(otherDocument, &two)); err != nil {
		t.Fatal(err)
	}
	one["d"] = two["d"]
	mixed, err := json.Marshal(one)
	if err != nil {
		t.Fatal(err)
	}
	return mixed
}

func mustSPKI(t *testing.T, key jose.SigningKey) []byte {
	t.Helper()
	public, err := key.Verification().EncodeSPKI()
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func TestRing_whose_only_version_is_broken_has_no_key(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(keys.Version{ID: "1", Created: b.epoch, State: keys.Enabled, Payload: []byte("x")})
		if _, err := b.ring.SigningKey(t.Context()); !errors.Is(err, keys.ErrNoKey) {
			t.Error(err)
		}
	})
}

func TestJ1_the_JWK_Set_has_public_keys_and_nothing_else(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch), b.version("2", "b", b.epoch.Add(time.Second)))
		document := b.document(b.ring)
		if document.MaxAge != timing.MaxAge {
			t.Errorf("max-age %v", document.MaxAge)
		}
		for _, member := range members(t, document) {
			names := slices.Sorted(maps.Keys(member))
			if diff := cmp.Diff([]string{"alg", "crv", "kid", "kty", "use", "x", "y"}, names); diff != "" {
				t.Error(diff)
			}
			if member["use"] != "sig" || member["alg"] != "ES256" || member["kty"] != "EC" {
				t.Errorf("%v", member)
			}
			// RFC 7638 §3.
			sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":"P-256","kty":"EC","x":%q,"y":%q}`, member["x"], member["y"]))
			if want := base64.RawURLEncoding.EncodeToString(sum[:]); member["kid"] != want {
				t.Errorf("kid %v, want %s", member["kid"], want)
			}
		}
	})
}

func TestJ1_the_ETag_changes_exactly_when_the_set_does(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch.Add(-time.Hour)))
		etag := func(ring *keys.Ring) string { return b.document(ring).ETag }
		one := etag(b.ring)
		b.at(20 * time.Minute)
		if etag(b.ring) != one {
			t.Error("it changed though nothing did")
		}
		b.add(b.version("2", "b", b.epoch.Add(20*time.Minute)), b.version("3", "b", b.epoch.Add(20*time.Minute)))
		b.at(20*time.Minute + timing.Refresh)
		two := etag(b.ring)
		if two == one {
			t.Error("it did not change with a new key")
		}
		b.at(20*time.Minute + propagation)
		if etag(b.ring) != two {
			t.Error("it changed because another key signs")
		}
		b.at(20*time.Minute + propagation + retirement)
		three := etag(b.ring)
		if three == two || three == one {
			t.Error("it did not change when a key retired")
		}
		b.set("2", keys.Disabled)
		b.set("1", keys.Disabled)
		b.at(20*time.Minute + propagation + retirement + timing.Refresh)
		if etag(b.ring) != three {
			t.Error("it changed with a version whose key is there a second time")
		}
		for _, tag := range []string{one, two, three} {
			if !strings.HasPrefix(tag, `"`) || !strings.HasSuffix(tag, `"`) || len(tag) < 20 {
				t.Errorf("%s is no strong entity tag (RFC 9110 §8.8.3)", tag)
			}
		}
		if etag(b.another(t)) != three {
			t.Error("another instance says something else")
		}
	})
}

func TestRing_can_be_asked_by_many_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch.Add(-time.Hour)), b.version("2", "b", b.epoch))
		b.ring.Start()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				for range 20 {
					if _, err := b.ring.SigningKey(t.Context()); err != nil {
						t.Error(err)
					}
					if document, err := b.sets[b.ring].Document(t.Context()); err != nil || len(document.Body) == 0 {
						t.Error(err)
					}
					time.Sleep(37 * time.Second)
				}
			})
		}
		all.Wait()
		if b.loads > 20*37/45+2 {
			t.Errorf("%d loads in %v", b.loads, time.Since(b.epoch))
		}
	})
}
