package trust_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust"
)

// jwkset CVE-2025-22149.
func TestRemote_a_key_that_is_dropped_stops_verifying_after_the_refresh_bound(t *testing.T) {
	gone, stays := newParty(t), newParty(t)
	both := set(gone.jwk(t, "1", ""), stays.jwk(t, "2", ""))
	for name, test := range map[string]struct {
		lives time.Duration
		left  []byte
	}{
		"beside others":        {time.Hour, set(stays.jwk(t, "2", ""))},
		"with its kid reused":  {time.Hour, set(stays.jwk(t, "1", ""))},
		"with all others":      {time.Hour, set()},
		"for one that we lack": {time.Hour, set(`{"kty":"AKP","alg":"ML-DSA-44","kid":"1","pub":"AAAA"}`)},
		"after a minute":       {time.Minute, set(stays.jwk(t, "2", ""))},
		"after a day":          {24 * time.Hour, set(stays.jwk(t, "2", ""))},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPublisher(t)
			p.publishes(both, maxAge(test.lives))
			r := following(t, p)
			accept(t, r, gone.signs(t, "1"))
			accept(t, r, stays.signs(t, "2"))
			p.publishes(test.left, maxAge(test.lives))
			r.clock.advance(test.lives)
			if err := verify(t, r, gone.signs(t, "1")); !errors.Is(err, jose.ErrNoKey) && !errors.Is(err, jose.ErrSignature) {
				t.Errorf("got %v", err)
			}
			p.want(t, 2)
		})
	}
}

// A set without a usable key is an answer: who takes all keys back means it. That it was an accident is over in a minute.
func TestRemote_a_set_without_a_usable_key_replaces_the_last_one_for_a_minute(t *testing.T) {
	good := newParty(t)
	for name, empty := range map[string][]byte{
		"no key":        set(),
		"unknown keys":  set(`{"kty":"AKP"}`, `7`),
		"a private key": set(good.jwk(t, "k", `,"d":"AAAA"`)),
	} {
		t.Run(name, func(t *testing.T) {
			p := newPublisher(t)
			p.publishes(good.jwks(t, "k"))
			r := following(t, p)
			accept(t, r, good.signs(t, "k"))
			p.publishes(empty, maxAge(24*time.Hour))
			r.clock.advance(silent)
			refuse(t, r, good.signs(t, "k"), jose.ErrNoKey)
			if len(r.errors()) != 0 || len(r.warnings()) != 1 {
				t.Errorf("heard %v, %v", r.errors(), r.warnings())
			}
			p.publishes(good.jwks(t, "k"))
			r.clock.advance(shortest)
			accept(t, r, good.signs(t, "k"))

			// From the start it is the same.
			p.publishes(empty, maxAge(24*time.Hour))
			refuse(t, following(t, p), good.signs(t, "k"), jose.ErrNoKey)
		})
	}
}

// apko CVE-2026-42576; protocol F3.
func TestRemote_the_good_keys_of_a_set_work_beside_every_kind_of_bad_one(t *testing.T) {
	good, leaked, encrypts := newParty(t), newParty(t), newParty(t)
	p := newPublisher(t)
	publish := func(more ...string) {
		p.publishes(set(append([]string{
			`{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"}`, `{"kty":"EC"}`, `{}`, `null`, `7`, `"key"`, `[[]]`, good.jwk(t, "k", ""),
			`{"kty":"oct","kid":"m","alg":"HS256","k":"` + base64.RawURLEncoding.EncodeToString(secretOf("m")) + `"}`,
			leaked.jwk(t, "leaked", `,"d":"AAAA"`), strings.Replace(encrypts.jwk(t, "e", ""), `"sig"`, `"enc"`, 1),
		}, more...)...))
	}
	publish()
	r := following(t, p)
	accept(t, r, good.signs(t, "k"))
	refuse(t, r, leaked.signs(t, "leaked"), jose.ErrNoKey)
	refuse(t, r, encrypts.signs(t, "e"), jose.ErrNoKey)
	refuse(t, r, mac(t, "m", "m"), jose.ErrNoKey)
	want := []string{"keys [8 9] are private or symmetric, and published; they are ignored"}
	if diff := cmp.Diff(want, r.warnings()); diff != "" {
		t.Error(diff)
	}

	// It is said once, and again when it changes.
	r.clock.advance(silent)
	accept(t, r, good.signs(t, "k"))
	publish(leaked.jwk(t, "leaked again", `,"d":"AAAA","key_ops":["sign"]`))
	r.clock.advance(silent)
	accept(t, r, good.signs(t, "k"))
	want = append(want, "keys [8 9 11] are private or symmetric, and published; they are ignored")
	if diff := cmp.Diff(want, r.warnings()); diff != "" {
		t.Error(diff)
	}
	p.publishes(good.jwks(t, "k"))
	r.clock.advance(silent)
	accept(t, r, good.signs(t, "k"))
	publish(leaked.jwk(t, "leaked again", `,"d":"AAAA","key_ops":["sign"]`))
	r.clock.advance(silent)
	accept(t, r, good.signs(t, "k"))
	if diff := cmp.Diff(append(want, want[1]), r.warnings()); diff != "" {
		t.Error(diff)
	}
	p.want(t, 5)
}

func TestRemote_a_failure_is_remembered_for_some_seconds(t *testing.T) {
	p, good := newPublisher(t), newParty(t)
	r := following(t, p)
	for range 10 {
		undecided(t, r, good.signs(t, "k"))
	}
	p.want(t, 1)
	p.publishes(good.jwks(t, "k"))
	r.clock.advance(rest - 1)
	undecided(t, r, good.signs(t, "k"))
	p.want(t, 1)
	r.clock.advance(1)
	accept(t, r, good.signs(t, "k"))
	p.want(t, 2)
}

// Protocol F2.
func TestRemote_serves_the_last_good_keys_through_an_outage_of_a_day(t *testing.T) {
	outages := map[string]func(*publisher){
		"500":           (*publisher).fails,
		"nobody's port": func(p *publisher) { p.Listener.Close() },
	}
	for name, outage := range outages {
		for place, headers := range map[string][]string{"": nil, "of one who asks for an hour": {maxAge(time.Hour)}} {
			t.Run(name+place, func(t *testing.T) {
				p, good := newPublisher(t), newParty(t)
				p.publishes(good.jwks(t, "k"), headers...)
				r := following(t, p)
				accept(t, r, good.signs(t, "k"))
				outage(p)
				for range 23 {
					r.clock.advance(time.Hour)
					accept(t, r, good.signs(t, "k"))
					refuse(t, r, newParty(t).signs(t, "k"), jose.ErrSignature)
				}
				r.clock.advance(time.Hour - 1)
				accept(t, r, good.signs(t, "k"))
				r.clock.advance(1)
				undecided(t, r, good.signs(t, "k"))
				r.clock.advance(time.Hour)
				undecided(t, r, good.signs(t, "k"))
				if name == "500" {
					p.publishes(good.jwks(t, "k"))
					r.clock.advance(rest)
					accept(t, r, good.signs(t, "k"))
				}
			})
		}
	}
}

func TestRemote_is_refreshed_ahead_of_expiry_and_nobody_waits(t *testing.T) {
	p, old, next := newPublisher(t), newParty(t), newParty(t)
	p.publishes(old.jwks(t, "k"), maxAge(time.Hour))
	r := following(t, p)
	accept(t, r, old.signs(t, "k"))
	asked, release := make(chan struct{}), make(chan struct{})
	p.answer(jwksPath, func(w http.ResponseWriter, request *http.Request) {
		close(asked)
		<-release
		saying(http.StatusOK, string(next.jwks(t, "k")), maxAge(time.Hour))(w, request)
	})
	r.clock.advance(45 * time.Minute)
	accept(t, r, old.signs(t, "k"))
	<-asked // and still
	accept(t, r, old.signs(t, "k"))
	close(release)
	r.settle(epoch.Add(45 * time.Minute))
	accept(t, r, next.signs(t, "k"))
	p.want(t, 2)
}

// settle waits until what was fetched at a time is there.
func (r *remote) settle(at time.Time) {
	for {
		if latest, there := r.Snapshot(); there && latest.Fetched.Equal(at) {
			return
		}
		runtime.Gosched()
	}
}

func TestRemote_is_fetched_once_for_all_who_ask(t *testing.T) {
	p, good := newPublisher(t), newParty(t)
	signed, stranger := good.signs(t, "k"), good.signs(t, "made up")
	asking, all := sync.WaitGroup{}, sync.WaitGroup{}
	release := make(chan struct{})
	p.answer(jwksPath, func(w http.ResponseWriter, request *http.Request) {
		<-release
		saying(http.StatusOK, string(good.jwks(t, "k")))(w, request)
	})
	r := following(t, p)
	for range 100 {
		asking.Add(1)
		all.Go(func() {
			asking.Done()
			accept(t, r, signed)
			refuse(t, r, stranger, jose.ErrNoKey)
		})
	}
	asking.Wait()
	close(release)
	all.Wait()
	p.want(t, 1)
}

// One party's trouble, kid or keys are none of another's.
func TestRemote_parties_share_nothing(t *testing.T) {
	alice, mallory := newParty(t), newParty(t)
	ofAlice, ofMallory := newPublisher(t), newPublisher(t)
	ofAlice.publishes(alice.jwks(t, "1"))
	ofMallory.publishes(mallory.jwks(t, "1"))
	alices := following(t, ofAlice)
	mallorys := (&remote{clock: alices.clock}).follow(t, ofMallory)
	for range 2 { // the second time from memory
		accept(t, alices, alice.signs(t, "1"))
		accept(t, mallorys, mallory.signs(t, "1"))
		accept(t, mallorys, mallory.signs(t, ""))
		refuse(t, alices, mallory.signs(t, "1"), jose.ErrSignature)
		refuse(t, alices, mallory.signs(t, ""), jose.ErrSignature)
		refuse(t, mallorys, alice.signs(t, "1"), jose.ErrSignature)
	}

	// A flood at the one is no fetch for the other, nor is its outage.
	ofMallory.fails()
	alices.clock.advance(refetch)
	for i := range 10 {
		undecided(t, mallorys, mallory.signs(t, fmt.Sprint("made-up-", i)))
	}
	ofAlice.want(t, 1)
	alices.clock.advance(stale)
	undecided(t, mallorys, mallory.signs(t, "1"))
	accept(t, alices, alice.signs(t, "1"))

	// Nor are two parties with one place the same: each has asked.
	again := (&remote{clock: alices.clock}).follow(t, ofAlice)
	accept(t, again, alice.signs(t, "1"))
	ofAlice.want(t, 3)
}

func TestRemote_a_source_that_flaps_never_leads_to_keys_that_nobody_published(t *testing.T) {
	p, one, two := newPublisher(t), newParty(t), newParty(t)
	stranger := newParty(t)
	now := one
	p.publishes(one.jwks(t, "k"))
	r := following(t, p)
	accept(t, r, one.signs(t, "k"))
	step := 0
	for _, answer := range noSet(t, stranger) {
		p.answer(jwksPath, answer)
		r.clock.advance(silent)
		accept(t, r, now.signs(t, "k"))
		refuse(t, r, stranger.signs(t, "k"), jose.ErrSignature)
		if step++; step%3 == 0 {
			one, two = two, one
			now = one
			p.publishes(now.jwks(t, "k"))
			r.clock.advance(silent)
			accept(t, r, now.signs(t, "k"))
			refuse(t, r, two.signs(t, "k"), jose.ErrSignature)
		}
	}
}

// The algorithm of an RSA key is the registration's to say.
func TestRemote_gives_RSA_keys_that_name_no_algorithm_the_registered_one(t *testing.T) {
	key, err := jose.GenerateSigningKey(jose.PS256)
	must(t, err)
	text, err := jose.EncodeKeySet(jose.KeySet{key.Verification()})
	must(t, err)
	signed, err := key.Sign("", []byte(`{}`))
	must(t, err)
	p := newPublisher(t)
	p.publishes([]byte(strings.Replace(string(text), `"alg":"PS256",`, "", 1)))
	for algorithm, want := range map[jose.Algorithm]error{jose.PS256: nil, jose.RS256: jose.ErrNoKey, "": jose.ErrNoKey} {
		r := following(t, p, func(c *trust.RemoteConfig) { c.RSA = algorithm })
		if err := verify(t, r, signed); !errors.Is(err, want) {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

func TestRemote_a_request_that_has_ended_is_never_a_fault_of_the_token(t *testing.T) {
	p := newPublisher(t)
	ctx, cancel := context.WithCancel(t.Context())
	p.answer(jwksPath, func(http.ResponseWriter, *http.Request) { cancel(); <-p.over })
	key, err := find(ctx, t, following(t, p), newParty(t).signs(t, "k"))
	if fault, is := errors.AsType[*jose.Fault](err); is || err == nil || !key.IsZero() {
		t.Errorf("%v, %v, %v", key, err, fault)
	}
}

// Whatever comes at the same time, nobody gets a key that is not his.
func TestRemote_under_load_with_keys_that_change(t *testing.T) {
	p, good, stranger := newProvider(t, newParty(t)), newParty(t), newParty(t)
	p.publishes(good.jwks(t, "k"), maxAge(time.Minute))
	r := following(t, p, by(p.URL))
	accept(t, r, good.signs(t, "k"))
	signed, forged, unknown := good.signs(t, "k"), stranger.signs(t, "k"), good.signs(t, "n")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				accept(t, r, signed)
				refuse(t, r, forged, jose.ErrSignature)
				if err := verify(t, r, unknown); err == nil {
					t.Error("an unknown key is accepted")
				}
				r.Snapshot()
				r.clock.advance(time.Second)
			}
		})
	}
	for i := range 20 {
		if i%2 == 0 {
			p.fails()
		} else {
			p.says(openIDPath, metadata(p.URL, p.URL+jwksPath))
			p.publishes(good.jwks(t, "k"), maxAge(time.Minute))
		}
		r.clock.advance(10 * time.Second)
	}
	all.Wait()
}
