package server_test

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust"
)

// A publisher is somebody else's server: it publishes keys, or does worse.
type publisher struct {
	*httptest.Server
	requests atomic.Int64

	mu     sync.Mutex
	answer http.HandlerFunc
}

// publish starts a publisher that answers as the function does.
func publish(t *testing.T, answer http.HandlerFunc) *publisher {
	t.Helper()
	p := &publisher{answer: answer}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.requests.Add(1)
		p.mu.Lock()
		answer := p.answer
		p.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

// turn changes what the publisher answers.
func (p *publisher) turn(answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// set answers with the public keys of these names, good for a minute.
func set(t *testing.T, names ...string) http.HandlerFunc {
	t.Helper()
	var keys jose.KeySet
	for _, name := range names {
		keys = append(keys, signingKey(t, name).Verification())
	}
	body, err := jose.EncodeKeySet(keys)
	if err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = w.Write(body)
	}
}

func answering(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// trusting serves a configuration in which the keys of idp are as written; CA stands for the publisher's certificate.
func trusting(t *testing.T, p *publisher, keys string) *deployment {
	t.Helper()
	return deployWith(t, p, variant(t, acme, "{file: idp.ES256.json}", strings.ReplaceAll(keys, "URL", p.URL)))
}

func deployWith(t *testing.T, p *publisher, document string) *deployment {
	t.Helper()
	d := prepare(t, document)
	p.certify(d)
	d.serve()
	return d
}

// certify puts the publisher's certificate where the configuration expects it.
func (p *publisher) certify(d *deployment) {
	d.t.Helper()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate().Raw})
	d.must(os.WriteFile(filepath.Join(d.folder, "ca.pem"), certificate, 0o600))
}

const fetched = "{jwks_uri: 'URL/jwks.json', ca: ca.pem, private_network: true}"

func TestF2_keys_are_fetched_and_followed(t *testing.T) {
	p := publish(t, set(t, "old.ES256"))
	d := trusting(t, p, fetched)
	by := func(name string) request { return jwtBearer(d.vouches(name, idp)) }
	if p.requests.Load() != 0 {
		t.Error("keys are fetched before they are needed")
	}
	d.judge(t, allow("published", by("old.ES256")), deny("not published", by("new.ES256"), strangeIssuer("key_unknown")))
	p.turn(set(t, "old.ES256", "new.ES256"))
	d.clock.advance(time.Minute)
	d.judge(t, allow("published since", by("new.ES256")), allow("still there", by("old.ES256")))
	p.turn(set(t, "new.ES256"))
	d.clock.advance(time.Minute)
	d.judge(t, allow("the new one stays", by("new.ES256")), deny("taken back", by("old.ES256"), strangeIssuer("key_unknown")))
}

func TestF2_a_source_that_is_down_leaves_the_last_good_keys_for_a_day(t *testing.T) {
	p := publish(t, set(t, "idp.ES256"))
	d := trusting(t, p, fetched)
	good := func() request { return jwtBearer(d.vouches("idp.ES256", idp)) }
	d.judge(t, allow("up", good()))
	for name, answer := range map[string]http.HandlerFunc{
		"no service": answering(503), "not found": answering(404), "a page": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"moved": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			for range 300 {
				_, _ = w.Write(make([]byte, 1024))
			}
		},
	} {
		p.turn(answer)
		d.clock.advance(time.Hour)
		d.judge(t, allow(name, good()))
	}
	d.clock.advance(25 * time.Hour)
	d.judge(t,
		deny("after a day", good(), unavailable("issuer_keys_unavailable")),
		allow("which is nobody else's trouble", clientCredentials(d.proves("billing"))),
	)
	if told := d.log.lastFailure(t, "fetched_keys"); told["serving"] != "nothing" {
		t.Errorf("got %v", told)
	}
	p.turn(set(t, "idp.ES256"))
	d.clock.advance(time.Minute)
	d.judge(t, allow("up again", good()))
}

// Strangers can make up a kid. It is worth one fetch a minute.
func TestF2_a_flood_of_unknown_keys_is_one_fetch_a_minute(t *testing.T) {
	p := publish(t, set(t, "idp.ES256"))
	d := trusting(t, p, fetched)
	d.judge(t, allow("known", jwtBearer(d.vouches("idp.ES256", idp))))
	d.clock.advance(time.Minute / 2)
	before := p.requests.Load()
	for i := range 20 {
		d.send(t, jwtBearer(handmade(t, privateKey(t, "stranger.ES256"), fmt.Sprintf(`{"alg":"ES256","kid":"%d"}`, i), string(marshal(t, d.about("alice", idp))))))
	}
	if fetches := p.requests.Load() - before; fetches > 1 {
		t.Errorf("%d fetches", fetches)
	}
}

func TestF1_a_redirect_or_a_private_address_is_never_followed(t *testing.T) {
	target := publish(t, set(t, "evil.ES256"))
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		keys   string
	}{
		"redirected": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target.URL, http.StatusTemporaryRedirect)
		}, fetched},
		"an address on this machine": {set(t, "evil.ES256"), "{jwks_uri: 'URL/jwks.json', ca: ca.pem}"},
	} {
		t.Run(name, func(t *testing.T) {
			p := publish(t, test.answer)
			d := trusting(t, p, test.keys)
			d.judge(t, deny("no key is had", jwtBearer(d.vouches("evil.ES256", idp)), unavailable("issuer_keys_unavailable")))
			if target.requests.Load() != 0 || test.keys != fetched && p.requests.Load() != 0 {
				t.Error("a request arrived")
			}
		})
	}
}

func TestF3_discovery_finds_the_keys_of_exactly_this_issuer(t *testing.T) {
	metadata := func(issuer, jwks string) string {
		text, _ := json.Marshal(map[string]string{"issuer": issuer, "jwks_uri": jwks})
		return string(text)
	}
	for name, test := range map[string]struct {
		document func(url string) string
		want     func(string, request) verdict
	}{
		"the issuer's own":          {func(url string) string { return metadata(url, url+"/keys") }, allow},
		"another issuer's":          {func(url string) string { return metadata("https://idp.example.com", url+"/keys") }, refusedFor("issuer_keys_unavailable")},
		"with a slash":              {func(url string) string { return metadata(url+"/", url+"/keys") }, refusedFor("issuer_keys_unavailable")},
		"keys by http":              {func(url string) string { return metadata(url, strings.Replace(url, "https", "http", 1)+"/keys") }, refusedFor("issuer_keys_unavailable")},
		"keys of a metadata server": {func(url string) string { return metadata(url, "https://169.254.169.254/keys") }, refusedFor("issuer_keys_unavailable")},
	} {
		t.Run(name, func(t *testing.T) {
			p := publish(t, nil)
			keys := set(t, "idp.ES256")
			p.turn(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/keys" {
					keys(w, r)
					return
				}
				if r.URL.Path != "/.well-known/openid-configuration" {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				fmt.Fprint(w, test.document(p.URL))
			})
			document := variant(t, acme, "- issuer: https://idp.example.com\n    keys: {file: idp.ES256.json}",
				"- issuer: "+p.URL+"\n    keys: {discovery: true, ca: ca.pem, private_network: true}")
			d := deployWith(t, p, document)
			d.judge(t, test.want(name, jwtBearer(d.vouches("idp.ES256", p.URL))))
		})
	}
}

func refusedFor(reason string) func(string, request) verdict {
	return func(name string, r request) verdict { return deny(name, r, unavailable(reason)) }
}

// A cold start need not depend on strangers.
func TestF2_an_instance_begins_with_the_snapshot_and_fetches_behind_it(t *testing.T) {
	p := publish(t, set(t, "idp.ES256"))
	d := trusting(t, p, fetched)
	d.judge(t, allow("fetched", jwtBearer(d.vouches("idp.ES256", idp))))
	snapshots, err := d.service.Snapshot(t.Context())
	d.must(err)
	stored, err := trust.EncodeSnapshots(snapshots)
	d.must(err)
	p.turn(answering(503))
	for name, age := range map[string]time.Duration{"of yesterday": 24 * time.Hour, "of last week": 8 * 24 * time.Hour} {
		later := prepare(t, variant(t, acme, "{file: idp.ES256.json}", strings.ReplaceAll(fetched, "URL", p.URL)))
		later.clock.advance(age)
		p.certify(later)
		later.snapshots, err = trust.DecodeSnapshots(stored)
		later.must(err)
		later.serve()
		want := allow(name, jwtBearer(later.vouches("idp.ES256", idp)))
		if age > 7*24*time.Hour {
			want = deny(name, jwtBearer(later.vouches("idp.ES256", idp)), unavailable("issuer_keys_unavailable"))
		}
		later.judge(t, want)
	}
}
