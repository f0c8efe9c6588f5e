package trust_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
)

// Protocol F2.
func TestRemote_a_new_kid_is_found_a_minute_after_the_last_fetch(t *testing.T) {
	old, next := newParty(t), newParty(t)
	p := newPublisher(t)
	p.publishes(old.jwks(t, "1"), maxAge(time.Hour))
	r := following(t, p)
	accept(t, r, old.signs(t, "1"))
	p.publishes(set(old.jwk(t, "1", ""), next.jwk(t, "2", "")), maxAge(time.Hour))
	r.clock.advance(refetch - 1)
	refuse(t, r, next.signs(t, "2"), jose.ErrNoKey)
	p.want(t, 1)
	r.clock.advance(1)
	for range 3 {
		accept(t, r, next.signs(t, "2"))
		accept(t, r, old.signs(t, "1"))
		refuse(t, r, next.signs(t, "3"), jose.ErrNoKey)
	}
	p.want(t, 2)
}

// Threats, unbounded state from strangers.
func TestRemote_a_flood_of_made_up_kids_is_one_fetch_a_minute(t *testing.T) {
	const minutes, step = 30, 6 * time.Second
	for name, down := range map[string]bool{"while the source answers": false, "while the source is down": true} {
		t.Run(name, func(t *testing.T) {
			good := newParty(t)
			p := newPublisher(t)
			p.publishes(good.jwks(t, "k"), maxAge(time.Hour))
			r := following(t, p)
			accept(t, r, good.signs(t, "k"))
			if down {
				p.fails()
			}
			for i := range minutes * int(time.Minute/step) {
				r.clock.advance(step)
				if err := verify(t, r, good.signs(t, fmt.Sprint("made-up-", i))); err == nil {
					t.Fatal("accepted")
				}
				accept(t, r, good.signs(t, "k")) // while others are served
			}
			p.want(t, 1+minutes)
		})
	}
}

// Protocol T7: whoever signed with a key that is too new for us is not told that it is his fault.
func TestRemote_an_unknown_kid_is_undecided_where_nobody_could_look(t *testing.T) {
	good, next := newParty(t), newParty(t)
	p := newPublisher(t)
	p.publishes(good.jwks(t, "k"), maxAge(time.Hour))
	r := following(t, p)
	refuse(t, r, next.signs(t, "n"), jose.ErrNoKey) // it has just been looked for
	p.fails()
	r.clock.advance(refetch - 1)
	refuse(t, r, next.signs(t, "n"), jose.ErrNoKey)
	r.clock.advance(1)
	for range 3 {
		undecided(t, r, next.signs(t, "n"))
		undecided(t, r, good.signs(t, "made-up"))
		accept(t, r, good.signs(t, "k"))
		refuse(t, r, next.signs(t, "k"), jose.ErrSignature)
	}
	p.want(t, 2)
	p.publishes(set(good.jwk(t, "k", ""), next.jwk(t, "n", "")))
	r.clock.advance(refetch)
	accept(t, r, next.signs(t, "n"))
	refuse(t, r, good.signs(t, "made-up"), jose.ErrNoKey)
}

// Algorithm confusion: no published key verifies a shared-secret token, and such a token is worth no fetch.
func TestRemote_nothing_is_fetched_for_a_shared_secret_token(t *testing.T) {
	p := newPublisher(t)
	r := following(t, p)
	refuse(t, r, mac(t, "a", "k"), jose.ErrNoKey)
	refuse(t, r, mac(t, "a", ""), jose.ErrNoKey)
	p.want(t, 0)
}

// Centrifugo CVE-2026-32301: there are no templates.
func TestRemote_nothing_of_a_token_is_in_what_is_asked_for(t *testing.T) {
	p, good := newPublisher(t), newParty(t)
	p.publishes(good.jwks(t, "k"), maxAge(time.Minute))
	r := following(t, p)
	for _, kid := range []string{"../../admin", "https://evil.example/", "?a=b", "#", "%2e%2e", "{kid}", "k\u0000"} {
		escaped := strings.ReplaceAll(kid, "\u0000", `\u0000`)
		refuse(t, r, good.signs(t, escaped), jose.ErrNoKey)
		r.clock.advance(shortest)
	}
	for _, request := range p.asked {
		if request.RequestURI != jwksPath || request.Host != strings.TrimPrefix(p.URL, "https://") {
			t.Errorf("asked for %s at %s", request.RequestURI, request.Host)
		}
	}
}
