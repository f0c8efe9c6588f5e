package resource_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/resource"
)

// takesDPoP has the API check proofs, with a memory of its own.
func takesDPoP(t testing.TB) func(*resource.Config) {
	return func(c *resource.Config) {
		memory, err := replay.NewMemory(c.Now, 1000)
		if err != nil {
			t.Fatal(err)
		}
		c.DPoP = &resource.DPoP{URL: invoices, Replay: memory}
	}
}

// jwk is the public key as the header of a proof has it.
func (s signer) jwk(t testing.TB) claims {
	t.Helper()
	var set struct{ Keys []claims }
	if err := json.Unmarshal([]byte(jwks(t, s)), &set); err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{"kid", "use", "alg"} {
		delete(set.Keys[0], member)
	}
	return set.Keys[0]
}

// bound are the claims of a token that is bound to the key of the signer.
func (s signer) bound() claims { return good().with("cnf", claims{"jkt": s.ID()}) }

// attempt is a request to an API in the making; [world.attempt] returns a good one.
type attempt struct {
	method, path  string
	authorization []string
	proof         proof
	proofs        []string // in place of proof, unless it is nil
	header        http.Header
}

// proof is a DPoP proof in the making (RFC 9449 §4.2).
type proof struct {
	key            signer
	header, claims claims
}

// path is where the attempts of these tests go to.
const path = "/fapi/resource?account=7"

// attempt is a good request with this token, by the holder of this key.
func (w world) attempt(t testing.TB, token string, key signer) *attempt {
	t.Helper()
	return &attempt{
		method: http.MethodGet, path: path, authorization: []string{"DPoP " + token}, header: http.Header{},
		proof: proof{
			key:    key,
			header: claims{"typ": "dpop+jwt", "alg": "ES256", "jwk": key.jwk(t)},
			claims: claims{
				"jti": rand.Text(), "htm": "GET", "htu": invoices + "/fapi/resource", "iat": w.clock.now().Unix(),
				"ath": hash(token),
			},
		},
	}
}

// hash is the ath of a token.
func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return encode(sum[:])
}

// change is one way in which an attempt differs from a good one.
type change func(testing.TB, *attempt)

// claim changes a claim of the proof; nil takes it away.
func claim(name string, value any) change {
	return func(_ testing.TB, a *attempt) { a.proof.claims = a.proof.claims.with(name, value) }
}

// parameter changes a header parameter of the proof; nil takes it away.
func parameter(name string, value any) change {
	return func(_ testing.TB, a *attempt) { a.proof.header = a.proof.header.with(name, value) }
}

// proofs replaces the DPoP headers by what is made of the good proof.
func proofs(of func(good string) []string) change {
	return func(t testing.TB, a *attempt) { a.proofs = of(a.proof.text(t)) }
}

// remade is for one header.
func remade(of func(good string) string) change {
	return proofs(func(good string) []string { return []string{of(good)} })
}

// withoutProof sends no DPoP header.
var withoutProof = proofs(func(string) []string { return []string{} })

// sentAs changes the scheme.
func sentAs(scheme string) change {
	return func(_ testing.TB, a *attempt) {
		_, token, _ := strings.Cut(a.authorization[0], " ")
		a.authorization = []string{scheme + " " + token}
	}
}

// sentTo changes where the request goes to, and leaves the proof as it is.
func sentTo(method, path string) change {
	return func(_ testing.TB, a *attempt) { a.method, a.path = method, path }
}

// header adds a header.
func header(name, value string) change {
	return func(_ testing.TB, a *attempt) { a.header.Add(name, value) }
}

// text is the proof.
func (p proof) text(t testing.TB) string {
	t.Helper()
	return p.key.forge(t, string(p.header.text(t)), p.claims)
}

// request is the attempt for the API at this URL.
func (a *attempt) request(t testing.TB, api string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), a.method, api+a.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = a.header
	r.Header["Authorization"] = a.authorization
	if a.proofs == nil {
		a.proofs = []string{a.proof.text(t)}
	}
	r.Header["Dpop"] = a.proofs // as a server has it, too
	return r
}

// client is somebody with a token that is bound to his key, and the API that he calls.
type client struct {
	world
	at    string // URL of the API
	key   signer
	token string
	http  *http.Client
}

// newClient returns a client of an API that takes proofs.
func newClient(t *testing.T, more ...func(*resource.Config)) client {
	t.Helper()
	return newWorld(t, append([]func(*resource.Config){takesDPoP(t)}, more...)...).client(t)
}

// client returns a client of the API.
func (w world) client(t *testing.T) client {
	t.Helper()
	key := newSigner(t)
	return client{w, w.anywhere(t), key, w.key.token(t, key.bound()), http.DefaultClient}
}

// unnamed replaces the Authorization headers.
func unnamed(authorization ...string) change {
	return func(_ testing.TB, a *attempt) { a.authorization = authorization }
}

// anywhere is the API at work, with one resource at every path and for every method.
func (w world) anywhere(t *testing.T) string {
	t.Helper()
	listener := httptest.NewServer(w.handler())
	t.Cleanup(listener.Close)
	return listener.URL
}

func (w world) handler() http.Handler {
	return w.Protect("invoices.read", func(answer http.ResponseWriter, _ *http.Request, token resource.Token) {
		_, _ = io.WriteString(answer, "hello, "+token.Subject)
	})
}

// send sends a good request with these changes.
func (c client) send(t testing.TB, changes ...change) *http.Response {
	t.Helper()
	a := c.attempt(t, c.token, c.key)
	for _, change := range changes {
		change(t, a)
	}
	response, err := c.http.Do(a.request(t, c.at))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	return response
}

// allow expects that the request is let through.
func (c client) allow(t testing.TB, changes ...change) {
	t.Helper()
	if got := c.send(t, changes...); got.StatusCode != http.StatusOK {
		t.Errorf("refused: %d %q", got.StatusCode, got.Header["Www-Authenticate"])
	}
}

// deny expects 401 with this code in the first challenge, and nobody let through.
func (c client) deny(t testing.TB, code string, changes ...change) {
	t.Helper()
	got := c.send(t, changes...)
	challenge := got.Header.Get("WWW-Authenticate") // the first
	if got.StatusCode != http.StatusUnauthorized || !strings.Contains(challenge, `error="`+code+`"`) {
		t.Errorf("got %d %q, want 401 %s", got.StatusCode, challenge, code)
	}
}

// undecided expects 503.
func (c client) undecided(t testing.TB, changes ...change) {
	t.Helper()
	got := c.send(t, changes...)
	h := got.Header
	if got.StatusCode != http.StatusServiceUnavailable || h.Get("Retry-After") == "" || h["Www-Authenticate"] != nil {
		t.Errorf("got %d %v, want 503", got.StatusCode, h)
	}
}

// verdict is a row of a table: what becomes of a request.
type verdict struct {
	name    string
	code    string // empty: it is let through
	changes []change
}

func allow(name string, changes ...change) verdict { return verdict{name, "", changes} }

func deny(code, name string, changes ...change) verdict { return verdict{name, code, changes} }

// judge expects all of verdicts, and between them that nothing but the change is at fault.
func (c client) judge(t *testing.T, verdicts ...verdict) {
	t.Helper()
	for _, v := range verdicts {
		t.Run(v.name, func(t *testing.T) {
			c.allow(t)
			if v.code == "" {
				c.allow(t, v.changes...)
			} else {
				c.deny(t, v.code, v.changes...)
			}
		})
	}
}

// d is the private part of a key, in a JWK.
func (s signer) d(t testing.TB) string {
	t.Helper()
	d, err := s.private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return encode(d)
}

var errDown = errors.New("TEST: down")
