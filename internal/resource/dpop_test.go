package resource_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/resource"
)

const (
	badToken = "invalid_token"
	badProof = "invalid_dpop_proof"
)

// token replaces the token, and the ath of the proof with it.
func token(text string) change {
	return func(t testing.TB, a *attempt) {
		a.authorization = []string{"DPoP " + text}
		claim("ath", hash(text))(t, a)
	}
}

// RFC 9449 §7.1, §7.2.
func TestD4_a_token_comes_in_the_scheme_of_its_kind(t *testing.T) {
	c := newClient(t)
	unbound := c.world.key.token(t, good())
	expired := c.world.key.token(t, c.key.bound().with("exp", epoch.Unix()))
	elsewhere := c.world.key.token(t, c.key.bound().with("aud", issuer))
	c.judge(t,
		allow("bound, as DPoP", sentAs("DPoP")),
		allow("bound, as dpop", sentAs("dpop")),
		allow("bound, with more spaces", sentAs("DPOP   ")),
		allow("unbound, as Bearer", token(unbound), sentAs("Bearer"), withoutProof),
		allow("unbound, as bEARER", token(unbound), sentAs("bEARER"), withoutProof),
		allow("unbound, as Bearer, with a proof that nobody asked for", token(unbound), sentAs("Bearer")),

		deny(badToken, "bound, as Bearer", sentAs("Bearer"), withoutProof),
		deny(badToken, "bound, as bEARER", sentAs("bEARER"), withoutProof),
		deny(badToken, "bound, as Bearer with its proof", sentAs("Bearer")),
		deny(badToken, "unbound, as DPoP", token(unbound)),
		deny(badToken, "unbound, as DPoP without a proof", token(unbound), withoutProof),
		deny(badToken, "a proof of the token endpoint for a token", sentAs("Bearer"), claim("ath", nil)),
		deny(badToken, "a good proof for an expired token", token(expired)),
		deny(badToken, "a good proof for a token for another API", token(elsewhere)),
		deny(badToken, "a good proof for a forged token", token(stranger(t, "x"))),
	)
	for _, authorization := range [][]string{
		{"DPoP " + c.token, "DPoP " + c.token}, {"Bearer " + c.token, "DPoP " + c.token},
		{"DPoP " + c.token, "Bearer " + unbound}, {"DPoP " + c.token, ""}, {"DPoP"}, {"dpop "},
	} {
		if got := c.send(t, unnamed(authorization...)); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%.20q: got %d", authorization, got.StatusCode)
		}
	}
	for _, authorization := range [][]string{
		nil, {""}, {"Basic Yjp4"}, {"DPoPs " + c.token}, {"DPoP\t" + c.token}, {c.token},
	} {
		if got := c.send(t, unnamed(authorization...)); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("%.20q: got %d", authorization, got.StatusCode)
		}
	}
}

func TestD4_an_API_that_requires_DPoP_takes_nothing_else(t *testing.T) {
	c := newClient(t, func(c *resource.Config) { c.RequireDPoP = true })
	unbound := c.world.key.token(t, good())
	certified := c.world.key.token(t, good().with("cnf", claims{"x5t#S256": hash("")}))
	c.judge(t,
		deny(badToken, "unbound, as Bearer", token(unbound), sentAs("Bearer"), withoutProof),
		deny(badToken, "unbound, as DPoP", token(unbound)),
		deny(badToken, "bound, as Bearer", sentAs("Bearer")),
		deny(badToken, "bound to a certificate alone", token(certified), sentAs("Bearer")),
		deny(badProof, "without a proof", withoutProof),
	)
}

// An API that cannot check a binding does not let it through as if there were none.
func TestD4_an_API_that_takes_no_proofs_refuses_what_is_bound_to_a_key(t *testing.T) {
	c := newWorld(t).client(t)
	c.deny(t, badToken, sentAs("Bearer"))
	c.deny(t, badToken, sentAs("Bearer"), withoutProof)
	c.refuse(t, c.token, "it is bound to a key, and this API takes no proofs of one")
	got := c.send(t)
	challenge := got.Header.Get("WWW-Authenticate")
	if got.StatusCode != http.StatusUnauthorized || challenge != `Bearer realm="https://invoices.example.com"` {
		t.Errorf("as DPoP: %d %q", got.StatusCode, challenge)
	}
	c.allow(t, token(c.world.key.token(t, good())), sentAs("Bearer"))
}

// The configuration says where the API is. What the request says is the caller's choice.
func TestD4_htu_is_of_the_configured_URL_whatever_the_request_says(t *testing.T) {
	c := newClient(t)
	forwarded := []change{
		header("X-Forwarded-Host", "evil.example"), header("X-Forwarded-Proto", "http"),
		header("X-Forwarded-Prefix", "/x"), header("X-Forwarded-Port", "1"),
		header("Forwarded", "host=evil.example;proto=http"),
		header("X-Original-URL", "/x"), header("X-HTTP-Method-Override", "PUT"),
	}
	c.allow(t, forwarded...)
	c.judge(t,
		deny(badProof, "that of the connection", claim("htu", c.at+"/fapi/resource")),
		deny(badProof, "that of X-Forwarded-Host", append(forwarded, claim("htu", "https://evil.example"+path))...),
		deny(badProof, "that of X-Original-URL", append(forwarded, claim("htu", invoices+"/x"))...),
		deny(badProof, "the method of X-HTTP-Method-Override", append(forwarded, claim("htm", "PUT"))...),
		deny(badProof, "http in place of https", claim("htu", "http://invoices.example.com/fapi/resource")),
		deny(badProof, "a slash behind", claim("htu", invoices+"/fapi/resource/")),
		deny(badProof, "the path in another case", claim("htu", invoices+"/FAPI/resource")),
		deny(badProof, "another resource", claim("htu", invoices+"/fapi/other")),
		deny(badProof, "the API alone", claim("htu", invoices)),
		deny(badProof, "the path alone", claim("htu", "/fapi/resource")),
		deny(badProof, "user information", claim("htu", "https://x@invoices.example.com/fapi/resource")),
		deny(badProof, "a method in small letters", claim("htm", "get")),
		deny(badProof, "a proof for GET with a POST", sentTo("POST", path)),

		allow("POST", sentTo("POST", path), claim("htm", "POST")),
		allow("HEAD", sentTo("HEAD", path), claim("htm", "HEAD")),
		allow("DELETE of the root", sentTo("DELETE", "/"), claim("htm", "DELETE"), claim("htu", invoices)),
		allow("the root without a slash", sentTo("GET", ""), claim("htu", invoices+"/")),
		allow("an encoded slash", sentTo("GET", "/a%2Fb"), claim("htu", invoices+"/a%2fb")),
		deny(badProof, "an encoded slash for a plain one", sentTo("GET", "/a%2Fb"), claim("htu", invoices+"/a/b")),
		allow("letters that need not be encoded", sentTo("GET", "/%61b"), claim("htu", invoices+"/ab")),
		allow("brackets, which clients leave as they are", sentTo("GET", "/a[1]"), claim("htu", invoices+"/a%5B1%5D")),
		allow("letters beyond ASCII", sentTo("GET", "/r%C3%A9sum%C3%A9"), claim("htu", invoices+"/r%c3%a9sum%c3%a9")),
	)
	host := c.attempt(t, c.token, c.key).request(t, c.at)
	host.Host = "evil.example"
	if response, err := http.DefaultClient.Do(host); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("with another Host: %v, %v", response, err)
	}
}

func TestD4_an_API_can_be_below_a_path_that_is_taken_away(t *testing.T) {
	for _, base := range []string{
		"https://example.com/invoices", "https://example.com/invoices/", "HTTPS://EXAMPLE.COM:443/invoices",
	} {
		c := newClient(t, func(c *resource.Config) { c.DPoP.URL = base })
		const whole = "https://example.com/invoices/fapi/resource"
		c.allow(t, claim("htu", whole))
		c.deny(t, badProof)
		c.deny(t, badProof, claim("htu", "https://example.com/fapi/resource"))
	}
}

// remembering is a memory of proofs that counts, and that can be down.
type remembering struct {
	replay.Store
	uses atomic.Int64
	down atomic.Bool
}

func (r *remembering) Use(ctx context.Context, uses []replay.Use) error {
	if r.down.Load() {
		return errDown
	}
	r.uses.Add(int64(len(uses)))
	return r.Store.Use(ctx, uses)
}

func TestD4_only_a_request_that_is_let_through_uses_its_proof(t *testing.T) {
	store := &remembering{}
	nonces := newNonces(t)
	c := newClient(t, func(c *resource.Config) {
		store.Store = c.DPoP.Replay
		c.DPoP.Replay, c.DPoP.Nonces = store, nonces.Nonces
	})
	nonce := claim("nonce", nonces.fresh(t))
	narrow := c.world.key.token(t, c.key.bound().with("scope", "invoices.pay"))
	both := c.world.key.token(t, good().with("cnf", claims{"jkt": c.key.ID(), "x5t#S256": hash("")}))
	if got := c.send(t, token(narrow), nonce); got.StatusCode != http.StatusForbidden {
		t.Errorf("another scope: %d", got.StatusCode)
	}
	c.deny(t, badToken, token(both), nonce)
	c.deny(t, badToken, token(stranger(t, "x")), nonce)
	c.deny(t, badToken, token(c.world.key.token(t, c.key.bound().with("exp", 1))), nonce)
	c.deny(t, badToken, sentAs("Bearer"), nonce)
	c.deny(t, badProof, claim("htm", "PUT"), nonce)
	c.deny(t, "use_dpop_nonce")
	if got := store.uses.Load(); got != 0 {
		t.Errorf("%d proofs of refused requests were remembered", got)
	}
	c.allow(t, nonce)
	if got := store.uses.Load(); got != 1 {
		t.Errorf("%d proofs were remembered, of one request", got)
	}
}

func TestD4_of_simultaneous_requests_with_one_proof_one_is_let_through(t *testing.T) {
	c := newClient(t)
	text := c.attempt(t, c.token, c.key).proof.text(t)
	var passed atomic.Int64
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if c.send(t, proofs(func(string) []string { return []string{text} })).StatusCode == http.StatusOK {
				passed.Add(1)
			}
		})
	}
	group.Wait()
	if passed.Load() != 1 {
		t.Errorf("%d were let through", passed.Load())
	}
}

func TestD4_Verify_alone_takes_a_proof_once_too(t *testing.T) {
	c := newClient(t)
	r := c.attempt(t, c.token, c.key).request(t, c.at)
	if got, err := c.Verify(r); err != nil || got.Subject != "billing" {
		t.Fatalf("got %+v, %v", got, err)
	}
	got, err := c.Verify(r)
	if !errors.Is(err, resource.ErrProof) || !errors.Is(err, dpop.ErrReplayed) || got.Subject != "" {
		t.Errorf("the second time: %+v, %v", got, err)
	}
}

// Nobody gets in while it cannot be decided, and nobody's token is called bad.
func TestD4_what_cannot_be_decided_is_503(t *testing.T) {
	store := &remembering{}
	c := newClient(t, func(c *resource.Config) {
		store.Store = c.DPoP.Replay
		c.DPoP.Replay = store
	})
	store.down.Store(true)
	c.undecided(t)
	c.deny(t, badProof, claim("htm", "PUT"))
	store.down.Store(false)
	c.allow(t)

	keyless := newClient(t)
	keyless.publisher.says(http.StatusInternalServerError, "")
	keyless.undecided(t)
	keyless.undecided(t, claim("htm", "PUT"))

	full := newClient(t, func(c *resource.Config) {
		memory, err := replay.NewMemory(c.Now, 1)
		if err != nil {
			t.Fatal(err)
		}
		c.DPoP.Replay = memory
	})
	full.allow(t)
	full.undecided(t)
	full.allow(t, token(full.world.key.token(t, good())), sentAs("Bearer"))
}

func TestNew_wants_all_that_proofs_need(t *testing.T) {
	for name, spoil := range map[string]func(*resource.Config){
		"no memory":              func(c *resource.Config) { c.DPoP.Replay = nil },
		"no URL":                 func(c *resource.Config) { c.DPoP.URL = "" },
		"a host alone":           func(c *resource.Config) { c.DPoP.URL = "invoices.example.com" },
		"a path alone":           func(c *resource.Config) { c.DPoP.URL = "/invoices" },
		"another scheme":         func(c *resource.Config) { c.DPoP.URL = "ftp://invoices.example.com" },
		"no host":                func(c *resource.Config) { c.DPoP.URL = "https:///x" },
		"a host beyond ASCII":    func(c *resource.Config) { c.DPoP.URL = "https://bücher.example" },
		"a query":                func(c *resource.Config) { c.DPoP.URL += "?x=1" },
		"an empty query":         func(c *resource.Config) { c.DPoP.URL += "?" },
		"a fragment":             func(c *resource.Config) { c.DPoP.URL += "#x" },
		"a user":                 func(c *resource.Config) { c.DPoP.URL = "https://x@invoices.example.com" },
		"white space":            func(c *resource.Config) { c.DPoP.URL = " " + c.DPoP.URL },
		"a MAC":                  func(c *resource.Config) { c.DPoP.Algorithms = []jose.Algorithm{jose.HS256} },
		"none":                   func(c *resource.Config) { c.DPoP.Algorithms = []jose.Algorithm{jose.ES256, "none"} },
		"required and not taken": func(c *resource.Config) { c.DPoP, c.RequireDPoP = nil, true },
	} {
		config := resource.Config{
			Issuer: issuer, Audience: invoices, JWKSURI: issuer + "/jwks.json", Client: &http.Client{}, Now: (&clock{}).now,
		}
		takesDPoP(t)(&config)
		spoil(&config)
		if verifier, err := resource.New(config); err == nil || verifier != nil {
			t.Errorf("%s: New = %v, %v", name, verifier, err)
		}
	}
}

// nonces are those of an API, whose keys can be down.
type nonces struct {
	*dpop.Nonces
	down atomic.Bool
}

func newNonces(t testing.TB) *nonces {
	t.Helper()
	n := &nonces{}
	random := dpop.RandomNonceKeys()
	var err error
	n.Nonces, err = dpop.NewNonces(func(ctx context.Context) ([][]byte, error) {
		if n.down.Load() {
			return nil, errDown
		}
		return random(ctx)
	}, func() time.Time { return epoch })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *nonces) fresh(t testing.TB) string {
	t.Helper()
	fresh, err := n.Fresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}
