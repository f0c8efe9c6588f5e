package trust_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust"
)

func TestFixed_finds_the_one_key_that_must_have_signed(t *testing.T) {
	one, two, stranger := newParty(t), newParty(t), newParty(t)
	both := trust.NewFixed(jose.KeySet{one.key(t, "1"), two.key(t, "2")})
	accept(t, both, one.signs(t, "1"))
	accept(t, both, two.signs(t, "2"))
	refuse(t, both, one.signs(t, "2"), jose.ErrSignature)
	refuse(t, both, stranger.signs(t, "1"), jose.ErrSignature)
	refuse(t, both, one.signs(t, "3"), jose.ErrNoKey)
	refuse(t, both, one.signs(t, ""), jose.ErrKeyNotDefinite)
	refuse(t, both, mac(t, "a", "1"), jose.ErrNoKey)
	accept(t, trust.NewFixed(jose.KeySet{one.key(t, "1")}), one.signs(t, ""))
	for _, none := range []trust.Fixed{{}, trust.NewFixed(nil), trust.NewFixed(jose.KeySet{})} {
		refuse(t, none, one.signs(t, "1"), jose.ErrNoKey)
		refuse(t, none, one.signs(t, ""), jose.ErrNoKey)
	}
}

func TestFixed_says_what_its_keys_sign_with(t *testing.T) {
	shared, err := jose.NewSharedSecretKey(secretOf("a"), jose.HS256, "")
	must(t, err)
	got := trust.NewFixed(jose.KeySet{newParty(t).key(t, "1"), shared}).Algorithms()
	if diff := cmp.Diff([]jose.Algorithm{jose.ES256, jose.HS256}, got); diff != "" {
		t.Error(diff)
	}
	if got := (trust.Fixed{}).Algorithms(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// Centrifugo CVE-2026-49998, protocol G2: a kid is a name within one party, and says nothing outside of it.
func TestKeys_of_one_party_never_verify_for_another_of_the_same_kid(t *testing.T) {
	alice, mallory := newParty(t), newParty(t)
	byAlice, byMallory := []string{alice.signs(t, "1"), alice.signs(t, "")}, []string{mallory.signs(t, "1"), mallory.signs(t, "")}
	for name, test := range map[string]struct {
		keysOf             func(t testing.TB) (alices, mallorys keys)
		byAlice, byMallory []string
	}{
		"written down": {
			func(testing.TB) (keys, keys) {
				return trust.NewFixed(jose.KeySet{alice.key(t, "1")}), trust.NewFixed(jose.KeySet{mallory.key(t, "1")})
			},
			byAlice, byMallory,
		},
		"in secrets": {
			func(t testing.TB) (keys, keys) {
				return publicKeys(t, holding(alice.jwks(t, "1"))), publicKeys(t, holding(mallory.jwks(t, "1")))
			},
			byAlice, byMallory,
		},
		"shared secrets, which all have a version 1": {
			func(t testing.TB) (keys, keys) {
				return sharedSecret(t, holding(secretOf("a"))), sharedSecret(t, holding(secretOf("m")))
			},
			[]string{mac(t, "a", "1"), mac(t, "a", "")}, []string{mac(t, "m", "1"), mac(t, "m", "")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				alices, mallorys := test.keysOf(t)
				for range 2 { // the second time from memory
					for i := range test.byAlice {
						accept(t, alices, test.byAlice[i])
						accept(t, mallorys, test.byMallory[i])
						refuse(t, alices, test.byMallory[i], jose.ErrSignature)
						refuse(t, mallorys, test.byAlice[i], jose.ErrSignature)
					}
				}
			})
		})
	}
}

// Protocol T7: whatever is wrong with the place that keeps the keys, it is no fault of the token.
func TestLoaded_an_error_of_the_source_is_never_a_fault_of_the_token(t *testing.T) {
	p := newParty(t)
	for name, spoil := range map[string]func(*vault){
		"it is down":                     func(v *vault) { v.down = errDown },
		"it says what a fault says":      func(v *vault) { v.down = jose.ErrNoKey },
		"it wraps what a fault says":     func(v *vault) { v.down = fmt.Errorf("version 7: %w", jose.ErrSignature) },
		"it joins what a fault says":     func(v *vault) { v.down = errors.Join(errDown, jose.ErrKeyNotDefinite) },
		"it returns versions beside it":  func(v *vault) { v.holds(p.jwks(t, "k")); v.down = errDown },
		"it hangs":                       func(v *vault) { v.hangs = true },
		"it panics":                      func(v *vault) { v.panics = "hunter2" },
		"it panics with what is a fault": func(v *vault) { v.panics = jose.ErrSignature },
	} {
		for kind, follows := range map[string]func(testing.TB, *vault) trust.Loaded{"public keys": publicKeys, "a shared secret": sharedSecret} {
			t.Run(name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					v := &vault{}
					spoil(v)
					from := follows(t, v)
					undecided(t, from, p.signs(t, "k"))
					undecided(t, from, mac(t, "a", ""))
					if v.loads != 1 {
						t.Errorf("%d loads: a failure is not remembered", v.loads)
					}
				})
			})
		}
	}
}

func TestLoaded_a_request_that_has_ended_is_never_a_fault_of_the_token(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &vault{hangs: true}
		from := publicKeys(t, v)
		token, err := jose.Parse(newParty(t).signs(t, "k"))
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		key, err := from.Find(ctx, token)
		if _, fault := errors.AsType[*jose.Fault](err); fault || err == nil || !key.IsZero() {
			t.Errorf("%v, %v", key, err)
		}
		time.Sleep(time.Minute)
	})
}

// Protocol F2.
func TestLoaded_serves_the_last_good_keys_through_an_outage_of_a_day(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t)
		v := holding(p.jwks(t, "k"))
		from := publicKeys(t, v)
		signed := p.signs(t, "k")
		accept(t, from, signed)
		v.down = errDown
		for range 23 {
			time.Sleep(time.Hour)
			accept(t, from, signed)
			refuse(t, from, newParty(t).signs(t, "k"), jose.ErrSignature)
		}
		time.Sleep(time.Hour - 1)
		accept(t, from, signed)
		time.Sleep(retry)
		undecided(t, from, signed)
		v.down = nil
		time.Sleep(retry)
		accept(t, from, signed)
		// Two loads were good, and of the last failure nobody hears: it came within a minute of the one before.
		if len(v.heard) != v.loads-3 {
			t.Errorf("heard of %d failures of %d", len(v.heard), v.loads-2)
		}
	})
}

func TestLoaded_is_loaded_once_for_all_who_ask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t)
		v := holding(p.jwks(t, "k"))
		v.takes = time.Second // so that all are waiting
		from := publicKeys(t, v)
		signed := p.signs(t, "k")
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { accept(t, from, signed) })
		}
		all.Wait()
		time.Sleep(fresh / 2)
		refuse(t, from, p.signs(t, "made up"), jose.ErrNoKey) // which is no reason to load
		if v.loads != 1 {
			t.Errorf("%d loads", v.loads)
		}
	})
}

func TestNewLoaded_wants_a_load_and_a_clock(t *testing.T) {
	load := func(context.Context) (jose.KeySet, error) { return nil, nil }
	for name, config := range map[string]trust.LoadedConfig{"no load": {Now: time.Now}, "no clock": {Load: load}, "nothing": {}} {
		if loaded, err := trust.NewLoaded(config); err == nil || loaded != (trust.Loaded{}) {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := trust.NewLoaded(trust.LoadedConfig{Load: load, Now: time.Now}); err != nil {
		t.Errorf("nobody needs to hear of failures: %v", err)
	}
}
