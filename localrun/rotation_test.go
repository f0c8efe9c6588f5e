package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// quick shortens the clock of the demonstration's keys, so that a rotation takes seconds. Nothing else is different.
func quick(t *testing.T, p place) {
	t.Helper()
	configuration := p.read(t, configFile)
	for from, to := range map[string]string{
		"signing_keys: {secret: projects/local/secrets/countersign-signing-keys}": "clock_skew: 0s\n" +
			"signing_keys: {secret: projects/local/secrets/countersign-signing-keys, jwks_max_age: 1s, refresh_interval: 1s}",
		"access_tokens: {lifetime: 10m}": "access_tokens: {lifetime: 2s}",
	} {
		if strings.Count(configuration, from) != 1 {
			t.Fatalf("the configuration does not say %q once:\n%s", from, configuration)
		}
		configuration = strings.Replace(configuration, from, to, 1)
	}
	p.write(t, configFile, configuration)
}

// A rotation is nothing that a client or an API could notice: tokens are asked for, and verified, as fast as they can be
// while keys rotate.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.once(t)
	quick(t, p)
	s := p.serve(t)
	l := &load{t: t, place: p, issued: make(chan issuedToken, 1000), kids: map[string]bool{}}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { l.ask(ctx) })
		all.Go(func() { l.verify(ctx) })
	}
	const rotations = 4
	for n := range rotations {
		p.succeeds(t, "keys", "rotate", "-secret", "projects/local/secrets/countersign-signing-keys")
		l.await(ctx, n+2)
	}
	stop()
	all.Wait()
	t.Logf("%d tokens, %d verifications, %d rotations, %d fetches of the JWK Set; errors: %d",
		l.tokens.Load(), l.verified.Load(), rotations, l.fetches.Load(), l.errors.Load())
	if l.errors.Load() > 0 || l.tokens.Load() < 100 || l.verified.Load() < 100 {
		t.Errorf("the first error: %v", l.first)
	}
	status := p.succeeds(t, "keys", "status")
	if !strings.Contains(status, "signs\n") || strings.Count(status, "\n  1 ") != 1 {
		t.Errorf("the status is\n%s", status)
	}
	s.interrupt(t)
	if status := p.succeeds(t, "keys", "status"); !strings.Contains(status, "signs\n") {
		t.Errorf("when nothing is serving the status is\n%s", status)
	}
}

// succeeds runs one of the operator's commands in the place.
func (p place) succeeds(t *testing.T, arguments ...string) string {
	t.Helper()
	command := p.command(t.Context(), t)
	command.Args = append(command.Args[:1], arguments...)
	ended := finish(t, command)
	if ended.status != 0 || ended.stderr != "" {
		t.Fatalf("%v ended with status %d and said %q", arguments, ended.status, ended.stderr)
	}
	return ended.stdout
}

// load is clients and verifiers at work.
type load struct {
	t      *testing.T
	place  place
	issued chan issuedToken

	tokens, verified, fetches, errors atomic.Int64

	mu    sync.Mutex
	kids  map[string]bool // that have signed
	first error
}

type issuedToken struct {
	text    string
	expires time.Time
}

func (l *load) fail(err error) {
	l.errors.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		l.first = err
	}
}

// ask asks for one token after the other.
func (l *load) ask(ctx context.Context) {
	issuer := "http://127.0.0.1:" + l.place.ports[0]
	key, err := jose.ParseSigningKey([]byte(l.place.read(l.t, reportName+".pem")), jose.ES256)
	if err != nil {
		l.fail(err)
		return
	}
	for ctx.Err() == nil {
		now := time.Now()
		claims := fmt.Sprintf(`{"iss":%[1]q,"sub":%[1]q,"aud":%[2]q,"exp":%[3]d,"jti":%[4]q}`, reportName, issuer, now.Unix()+30, rand.Text())
		assertion, err := key.Sign("JWT", []byte(claims))
		if err != nil {
			l.fail(err)
			return
		}
		response, err := http.PostForm(issuer+"/token", url.Values{
			"grant_type": {oauth.ClientCredentials}, "client_assertion_type": {oauth.ClientAssertionTypeJWTBearer}, "client_assertion": {assertion},
		})
		if err != nil {
			l.fail(err)
			continue
		}
		var answer struct {
			Token   string `json:"access_token"`
			Expires int64  `json:"expires_in"`
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || json.Unmarshal(body, &answer) != nil || answer.Token == "" {
			l.fail(fmt.Errorf("no token: %d %s, %w", response.StatusCode, body, err))
			continue
		}
		l.tokens.Add(1)
		l.note(answer.Token)
		select {
		case l.issued <- issuedToken{answer.Token, now.Add(time.Duration(answer.Expires) * time.Second)}:
		default: // the verifiers have enough
		}
	}
}

// note takes note of the key that has signed.
func (l *load) note(text string) {
	token, err := jose.Parse(text)
	if err != nil {
		l.fail(err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kids[token.KeyID] = true
}

// await waits until so many keys have signed.
func (l *load) await(ctx context.Context, keys int) {
	l.t.Helper()
	for ctx.Err() == nil {
		l.mu.Lock()
		seen := len(l.kids)
		l.mu.Unlock()
		if seen >= keys {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	l.t.Fatalf("no more than %d keys have signed", keys-1)
}

// use uses a token at the demo API, which has a JWK Set of its own.
func (l *load) use(text string) error {
	request, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:"+l.place.ports[1]+"/", http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+text)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		return fmt.Errorf("the API answers %d: %s %s", response.StatusCode, response.Header.Get("WWW-Authenticate"), body)
	}
	return nil
}

// verify verifies tokens, some of them again shortly before they expire, with a JWK Set that it keeps for as long as the
// cache headers allow.
func (l *load) verify(ctx context.Context) {
	var set jose.KeySet
	var until time.Time
	var old []issuedToken
	for {
		var shown issuedToken
		select {
		case <-ctx.Done():
			return
		case shown = <-l.issued:
		}
		if old = append(old, shown); len(old) > 50 {
			shown, old = old[0], old[1:]
		}
		if time.Now().After(shown.expires) {
			continue
		}
		if !time.Now().Before(until) {
			var err error
			if set, until, err = l.fetch(); err != nil {
				l.fail(err)
				continue
			}
		}
		token, err := jose.Parse(shown.text)
		if err != nil {
			l.fail(err)
			continue
		}
		key, err := set.Find(token)
		if err == nil {
			_, err = token.Verify(key)
		}
		if err == nil && time.Until(shown.expires) > time.Second {
			err = l.use(shown.text)
		}
		if err != nil {
			l.fail(fmt.Errorf("a token is rejected: %w", err))
			continue
		}
		l.verified.Add(1)
	}
}

// fetch fetches the JWK Set, and returns until when it may be kept.
func (l *load) fetch() (jose.KeySet, time.Time, error) {
	asked := time.Now()
	l.fetches.Add(1)
	response, err := http.Get("http://127.0.0.1:" + l.place.ports[0] + "/.well-known/jwks.json")
	if err != nil {
		return nil, time.Time{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, time.Time{}, err
	}
	set, _, err := jose.ParseKeySet(body, "")
	seconds, _ := strconv.Atoi(strings.TrimPrefix(response.Header.Get("Cache-Control"), "public, max-age="))
	return set, asked.Add(time.Duration(seconds) * time.Second), err
}
