package resource_test

import (
	"net/http"
	"testing"
	"time"
)

// A set that has lain in a shared cache has used up a part of its time there (RFC 9111 §4.2.3).
func TestKeys_that_come_from_a_cache_are_kept_for_the_rest_of_their_time(t *testing.T) {
	w := newWorld(t)
	published := *w.publisher.answer.Load()
	w.publisher.answers(func(answer http.ResponseWriter, r *http.Request) {
		answer.Header().Set("Cache-Control", "max-age=300")
		answer.Header().Set("Age", "240")
		published(answer, r)
	})
	token := w.key.token(t, good().with("exp", epoch.Add(24*time.Hour).Unix()))
	w.accept(t, token)
	w.clock.advance(time.Minute)
	w.accept(t, token)
	w.wantFetches(t, 2)
}

// Whoever keeps a set for longer than he may rejects good tokens when keys change (RFC 9111 §5.2.2).
func TestKeys_are_kept_for_as_long_as_their_cache_headers_say(t *testing.T) {
	for header, kept := range map[string]time.Duration{
		"public, max-age=300":              5 * time.Minute,
		"max-age=2":                        2 * time.Second,
		"Max-Age=2, public":                2 * time.Second,
		"no-cache":                         time.Second,
		"no-store, max-age=300":            time.Second,
		"max-age=300, max-age=600":         time.Second,
		`x="a, max-age=2", max-age=300`:    5 * time.Minute,
		"max-age=0":                        time.Second,
		"max-age=-1":                       time.Second,
		"max-age=9999999999999999999999":   time.Hour,
		"max-age=tomorrow":                 time.Second,
		"max-age=100000000":                time.Hour,
		"public":                           time.Minute,
		"":                                 time.Minute,
		"s-maxage=300, stale-if-error=300": time.Minute,
	} {
		t.Run(header, func(t *testing.T) {
			w := newWorld(t)
			published := *w.publisher.answer.Load()
			w.publisher.answers(func(answer http.ResponseWriter, r *http.Request) {
				answer.Header().Set("Cache-Control", header)
				published(answer, r)
			})
			token := w.key.token(t, good().with("exp", epoch.Add(24*time.Hour).Unix()))
			w.accept(t, token)
			w.clock.advance(kept*3/4 - 1) // after that it is fetched ahead
			w.accept(t, token)
			w.wantFetches(t, 1)
			w.clock.advance(kept - kept*3/4 + 1)
			w.accept(t, token)
			w.wantFetches(t, 2)
		})
	}
}
