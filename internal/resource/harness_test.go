package resource_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/resource"
)

const (
	issuer   = "https://auth.example.com"
	invoices = "https://invoices.example.com"
)

// epoch is when every test begins.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock stands still until a test moves it.
type clock struct{ since atomic.Int64 }

func (c *clock) now() time.Time           { return epoch.Add(time.Duration(c.since.Load())) }
func (c *clock) advance(by time.Duration) { c.since.Add(int64(by)) }

// publisher is an authorization server that does nothing but publish keys.
type publisher struct {
	url     string
	answer  atomic.Pointer[http.HandlerFunc]
	fetches atomic.Int64
}

func newPublisher(t testing.TB) *publisher {
	p := &publisher{}
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.fetches.Add(1)
		(*p.answer.Load())(w, r)
	}))
	t.Cleanup(listener.Close)
	p.url = listener.URL + "/jwks.json"
	return p
}

// answers replaces what is published.
func (p *publisher) answers(with http.HandlerFunc) { p.answer.Store(&with) }

func (p *publisher) says(status int, body string) {
	p.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
}

func (p *publisher) publishes(t testing.TB, keys ...signer) {
	t.Helper()
	p.says(http.StatusOK, jwks(t, keys...))
}

func jwks(t testing.TB, keys ...signer) string {
	t.Helper()
	var set jose.KeySet
	for _, key := range keys {
		set = append(set, key.Verification())
	}
	text, err := jose.EncodeKeySet(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// signer is a key of an authorization server, with its private part, so that tests can forge.
type signer struct {
	jose.SigningKey
	private *ecdsa.PrivateKey
}

func newSigner(t testing.TB) signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := jose.NewSigningKey(private, jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, private}
}

type claims map[string]any

// good are the claims of a token that holds.
func good() claims {
	return claims{
		"iss": issuer, "sub": "billing", "aud": invoices, "client_id": "billing-batch", "jti": "id-1",
		"iat": epoch.Unix(), "exp": epoch.Add(5 * time.Minute).Unix(), "scope": "invoices.read invoices.pay",
	}
}

// with returns the claims with one of them changed, or, for nil, without it.
func (c claims) with(name string, value any) claims {
	c = maps.Clone(c)
	if c[name] = value; value == nil {
		delete(c, name)
	}
	return c
}

func (c claims) text(t testing.TB) []byte {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// token is an access token with these claims.
func (s signer) token(t testing.TB, c claims) string {
	t.Helper()
	return s.typed(t, "at+jwt", c)
}

// typed is a token with this typ; empty: with none.
func (s signer) typed(t testing.TB, typ string, c claims) string {
	t.Helper()
	signed, err := s.Sign(typ, c.text(t))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func encode(text []byte) string { return base64.RawURLEncoding.EncodeToString(text) }

// forge signs under any header.
func (s signer) forge(t testing.TB, header string, c claims) string {
	t.Helper()
	input := encode([]byte(header)) + "." + encode(c.text(t))
	digest := sha256.Sum256([]byte(input))
	r, v, err := ecdsa.Sign(rand.Reader, s.private, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...))
}

// world is one API, and the server whose tokens it takes.
type world struct {
	*resource.Verifier
	publisher *publisher
	clock     *clock
	key       signer
}

func newWorld(t testing.TB, change ...func(*resource.Config)) world {
	t.Helper()
	w := world{publisher: newPublisher(t), clock: &clock{}, key: newSigner(t)}
	w.publisher.publishes(t, w.key)
	config := resource.Config{Issuer: issuer, Audience: invoices, JWKSURI: w.publisher.url, Client: &http.Client{}, Now: w.clock.now}
	for _, c := range change {
		c(&config)
	}
	var err error
	if w.Verifier, err = resource.New(config); err != nil {
		t.Fatal(err)
	}
	return w
}

// received is a request as an API gets it.
func received(ctx context.Context, authorization ...string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	r.Header["Authorization"] = authorization
	return r
}

// verify holds what is true of every answer: a token or an error, and the error of one kind.
func (w world) verify(t testing.TB, authorization ...string) (resource.Token, error) {
	t.Helper()
	token, err := w.Verify(received(t.Context(), authorization...))
	if (token.Subject == "") != (err != nil) || err != nil && token.Claims != nil {
		t.Errorf("%.200q: %+v came with %v", authorization, token, err)
	}
	kinds := 0
	for _, kind := range []error{resource.ErrNoToken, resource.ErrInvalid, resource.ErrMalformed, resource.ErrProof} {
		if errors.Is(err, kind) {
			kinds++
		}
	}
	if kinds > 1 {
		t.Errorf("%.200q: the error is of %d kinds: %v", authorization, kinds, err)
	}
	return token, err
}

// accept expects that the token holds.
func (w world) accept(t testing.TB, token string) {
	t.Helper()
	if _, err := w.verify(t, "Bearer "+token); err != nil {
		t.Errorf("refused: %v", err)
	}
}

// refuse expects that the token does not hold, for exactly this reason.
func (w world) refuse(t testing.TB, token, why string) {
	t.Helper()
	if _, err := w.verify(t, "Bearer "+token); !errors.Is(err, resource.ErrInvalid) || err.Error() != resource.ErrInvalid.Error()+": "+why {
		t.Errorf("got %v, want: %s", err, why)
	}
}

// undecided expects that nobody can tell whether the token holds.
func (w world) undecided(t testing.TB, token string) {
	t.Helper()
	_, err := w.verify(t, "Bearer "+token)
	if err == nil || errors.Is(err, resource.ErrInvalid) || errors.Is(err, resource.ErrNoToken) || errors.Is(err, resource.ErrMalformed) {
		t.Errorf("got %v, want: the keys cannot be had", err)
	}
}

func (w world) wantFetches(t testing.TB, number int64) {
	t.Helper()
	if got := w.publisher.fetches.Load(); got != number {
		t.Errorf("%d fetches, want %d", got, number)
	}
}
