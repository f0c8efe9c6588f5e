package resource_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/resource"
)

// The times that an API lives by.
const (
	freshFor = time.Minute
	staleFor = 24 * time.Hour
	refetch  = 5 * time.Second
	retry    = time.Second
	maxBody  = 256 << 10
)

// stranger is a token in good form with a kid that nobody has published.
func stranger(t testing.TB, kid string) string {
	t.Helper()
	header := `{"alg":"ES256","typ":"at+jwt","kid":"` + kid + `"}`
	return encode([]byte(header)) + "." + encode(good().text(t)) + "." + encode(make([]byte, 64))
}

// How often a load is shared is for package refresh to test, where the clock is a fake; here, that it is shared at all.
func TestKeys_are_fetched_by_one_for_all_who_ask_at_the_same_time(t *testing.T) {
	w := newWorld(t)
	published := *w.publisher.answer.Load()
	var running, most atomic.Int64
	w.publisher.answers(func(answer http.ResponseWriter, r *http.Request) {
		if now := running.Add(1); now > 1 {
			most.Store(now)
		}
		defer running.Add(-1)
		published(answer, r)
	})
	token := w.key.token(t, good())
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() { w.accept(t, token) })
	}
	all.Wait()
	if got := w.publisher.fetches.Load(); got > 20 || most.Load() > 0 {
		t.Errorf("%d fetches for 200 requests, %d at a time", got, most.Load())
	}
}

func TestKeys_of_a_new_kid_are_fetched_again_once(t *testing.T) {
	w := newWorld(t)
	w.accept(t, w.key.token(t, good()))
	next := newSigner(t)
	w.publisher.publishes(t, w.key, next)
	w.clock.advance(refetch)
	for range 10 {
		w.accept(t, next.token(t, good()))
		w.accept(t, w.key.token(t, good()))
	}
	w.wantFetches(t, 2)
}

func TestKeys_of_a_new_kid_wait_until_the_last_fetch_is_old_enough(t *testing.T) {
	w := newWorld(t)
	w.accept(t, w.key.token(t, good()))
	next := newSigner(t)
	w.publisher.publishes(t, next)
	w.clock.advance(refetch - 1)
	w.refuse(t, next.token(t, good()), jose.ErrNoKey.Sentence)
	w.wantFetches(t, 1)
	w.clock.advance(1)
	w.accept(t, next.token(t, good()))
	w.wantFetches(t, 2)
}

// docs/conformance.md, unbounded state from strangers; protocol F2.
func TestKeys_a_flood_of_made_up_kids_is_no_flood_of_fetches(t *testing.T) {
	const step = 20 * time.Millisecond
	for name, broken := range map[string]bool{"while the source answers": false, "while the source is down": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.accept(t, w.key.token(t, good()))
			if broken {
				w.publisher.says(http.StatusInternalServerError, "")
			}
			for i := range int(freshFor*3/4/step) - 1 { // until the keys would be fetched again without them
				w.clock.advance(step)
				w.refuse(t, stranger(t, fmt.Sprint("made-up-", i)), jose.ErrNoKey.Sentence)
			}
			if got, most := w.publisher.fetches.Load(), int64(1+freshFor*3/4/refetch); got > most || got < 2 {
				t.Errorf("%d fetches, want 2 to %d", got, most)
			}
			w.accept(t, w.key.token(t, good()))
		})
	}
}

func TestKeys_that_are_gone_from_the_set_verify_nothing_a_minute_later(t *testing.T) {
	w := newWorld(t)
	token := w.key.token(t, good())
	w.accept(t, token)
	w.publisher.publishes(t, newSigner(t))
	w.clock.advance(freshFor)
	w.refuse(t, token, jose.ErrNoKey.Sentence)
}

// faults are answers that are no JWK Set.
func faults(t *testing.T, w world) map[string]http.HandlerFunc {
	says := func(status int, body string) http.HandlerFunc {
		return func(answer http.ResponseWriter, _ *http.Request) {
			answer.WriteHeader(status)
			_, _ = answer.Write([]byte(body))
		}
	}
	set := jwks(t, w.key)
	return map[string]http.HandlerFunc{
		"500":                  says(500, set),
		"503":                  says(503, ""),
		"404":                  says(404, set),
		"401":                  says(401, set),
		"206":                  says(206, set),
		"201":                  says(201, set),
		"nothing":              says(200, ""),
		"HTML":                 says(200, "<html>it works</html>"),
		"cut off":              says(200, set[:len(set)-2]),
		"two documents":        says(200, set+set),
		"an array":             says(200, strings.TrimSuffix(strings.TrimPrefix(set, `{"keys":`), "}")),
		"no keys":              says(200, `{}`),
		"keys that are no set": says(200, `{"keys":{}}`),
		"keys twice":           says(200, strings.Replace(set, "{", `{"keys":[],`, 1)),
		"a byte too large":     says(200, set+strings.Repeat(" ", maxBody+1-len(set))),
		"much too large":       says(200, set+strings.Repeat(" ", 8<<20)),
		"small until unpacked": func(answer http.ResponseWriter, _ *http.Request) {
			answer.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(answer)
			_, _ = packed.Write([]byte(set + strings.Repeat(" ", maxBody)))
			_ = packed.Close()
		},
		"less than announced": func(answer http.ResponseWriter, _ *http.Request) {
			answer.Header().Set("Content-Length", fmt.Sprint(len(set)+10))
			_, _ = answer.Write([]byte(set))
		},
		"a connection that breaks": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a redirect":               http.RedirectHandler(w.publisher.url, http.StatusFound).ServeHTTP,
	}
}

// notFollowing makes the client one that follows no redirects.
func notFollowing(c *resource.Config) {
	c.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func TestKeys_no_answer_but_a_JWK_Set_is_believed(t *testing.T) {
	for name, fault := range faults(t, newWorld(t)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, notFollowing)
			token := w.key.token(t, good())
			published := w.publisher.answer.Load()

			// Without any key nobody gets in, and nobody is told that his token is bad.
			w.publisher.answers(fault)
			w.undecided(t, token)
			w.undecided(t, stranger(t, "made-up"))
			w.wantFetches(t, 1) // a failure is remembered

			// It recovers by itself.
			w.publisher.answer.Store(published)
			w.clock.advance(retry)
			w.accept(t, token)

			// The last good keys serve on, and only for their own tokens.
			w.publisher.answers(fault)
			w.clock.advance(freshFor)
			w.accept(t, token)
			w.refuse(t, stranger(t, "made-up"), jose.ErrNoKey.Sentence)
		})
	}
}

func TestKeys_of_256_KiB_are_not_too_large(t *testing.T) {
	w := newWorld(t)
	set := jwks(t, w.key)
	w.publisher.says(http.StatusOK, set+strings.Repeat(" ", maxBody-len(set)))
	w.accept(t, w.key.token(t, good()))
}

// docs/conformance.md, huge inputs: what is too large is not read to its end, which may never come.
func TestKeys_an_answer_without_end_is_left(t *testing.T) {
	w := newWorld(t)
	sent := make(chan int, 1)
	w.publisher.answers(func(answer http.ResponseWriter, _ *http.Request) {
		total, spaces := 0, []byte(strings.Repeat(" ", 64<<10))
		for {
			n, err := answer.Write(spaces)
			if total += n; err != nil || total > 1<<30 {
				sent <- total
				return
			}
		}
	})
	w.undecided(t, w.key.token(t, good()))
	if total := <-sent; total > 64<<20 {
		t.Errorf("%d MiB were read", total>>20)
	}
}

func TestKeys_serve_for_a_day_while_the_source_is_down_and_no_longer(t *testing.T) {
	w := newWorld(t)
	lasting := w.key.token(t, good().with("exp", epoch.Add(48*time.Hour).Unix()))
	w.accept(t, lasting)
	w.publisher.says(http.StatusServiceUnavailable, "")
	w.clock.advance(staleFor - 1)
	w.accept(t, lasting)
	w.clock.advance(1)
	w.undecided(t, lasting)
	w.publisher.publishes(t, w.key)
	w.clock.advance(retry)
	w.accept(t, lasting)
}

// Whether a redirect is followed is the client's to say: one that follows takes the keys of wherever it ends.
func TestKeys_behind_a_redirect_are_for_the_client_to_follow(t *testing.T) {
	w, elsewhere := newWorld(t), newPublisher(t)
	moved := newSigner(t)
	elsewhere.publishes(t, moved)
	w.publisher.answers(http.RedirectHandler(elsewhere.url, http.StatusMovedPermanently).ServeHTTP)
	w.accept(t, moved.token(t, good()))
	w.refuse(t, w.key.token(t, good()), jose.ErrNoKey.Sentence)

	strict := newWorld(t, notFollowing)
	strict.publisher.answers(http.RedirectHandler(elsewhere.url, http.StatusMovedPermanently).ServeHTTP)
	before := elsewhere.fetches.Load()
	strict.undecided(t, moved.token(t, good()))
	if elsewhere.fetches.Load() != before {
		t.Error("the redirect was followed")
	}
}

// hangs returns an answer that does not come until the test ends.
func hangs(t *testing.T) http.HandlerFunc {
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	return func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-ended:
		case <-r.Context().Done():
		}
	}
}

func TestKeys_a_slow_source_holds_nobody_longer_than_his_context(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.publisher.answers(hangs(t))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	token, err := w.Verify(received(ctx, "Bearer "+w.key.token(t, good())))
	if !strings.Contains(fmt.Sprint(err), context.DeadlineExceeded.Error()) || errors.Is(err, resource.ErrInvalid) || token.Subject != "" {
		t.Errorf("got %v, %v", token, err)
	}
}

// This one takes a second of real time: the patience of a request that has keys to go on with.
func TestKeys_a_slow_source_does_not_keep_the_last_good_ones_from_serving(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.key.token(t, good())
	w.accept(t, token)
	w.publisher.answers(hangs(t))
	w.clock.advance(freshFor)
	w.accept(t, token)
}

// apko CVE-2026-42576: what cannot be used does no harm, and what is secret is not used.
func TestKeys_one_unusable_key_does_not_spoil_the_set(t *testing.T) {
	w := newWorld(t)
	published := encode([]byte(strings.Repeat("k", 32)))
	others := []string{
		`{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA","kid":"a"}`, `{"kty":"OKP","crv":"X25519","x":"AAAA","kid":"b"}`, `{"kty":"EC"}`, `{}`, `null`, `7`, `"x"`, `[]`,
		`{"kty":"RSA","n":"AQAB","e":"AQAB","alg":"RS256","kid":"c"}`, `{"kty":"oct","alg":"HS256","kid":"shared","k":"` + published + `"}`,
	}
	w.publisher.says(http.StatusOK, strings.Replace(jwks(t, w.key), "[", "["+strings.Join(others, ",")+",", 1))
	w.accept(t, w.key.token(t, good()))
	shared, err := jose.NewSharedSecretSigningKey([]byte(strings.Repeat("k", 32)), jose.HS256, "shared")
	if err != nil {
		t.Fatal(err)
	}
	token, err := shared.Sign("at+jwt", good().text(t))
	if err != nil {
		t.Fatal(err)
	}
	w.refuse(t, token, jose.ErrNoKey.Sentence)
}
