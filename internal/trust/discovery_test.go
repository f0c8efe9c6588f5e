package trust_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust"
)

const (
	openIDPath = "/.well-known/openid-configuration"
	oauthPath  = "/.well-known/oauth-authorization-server"
)

// newProvider is a publisher with metadata and the keys of a party.
func newProvider(t testing.TB, keys party, headers ...string) *publisher {
	p := newPublisher(t)
	p.says(openIDPath, metadata(p.URL, p.URL+jwksPath), headers...)
	p.publishes(keys.jwks(t, "k"))
	return p
}

// Protocol F3.
func TestDiscovery_looks_for_OpenID_Connects_place_and_then_for_that_of_RFC_8414(t *testing.T) {
	for path, want := range map[string][]string{
		"":                {openIDPath, oauthPath},
		"/":               {openIDPath, oauthPath},
		"/tenant":         {"/tenant" + openIDPath, oauthPath + "/tenant"},
		"/tenant/":        {"/tenant" + openIDPath, oauthPath + "/tenant"},
		"/a/b%2Fc":        {"/a/b%2Fc" + openIDPath, oauthPath + "/a/b%2Fc"},
		"/realms/../x//y": {"/realms/../x//y" + openIDPath, oauthPath + "/realms/../x//y"},
	} {
		p := newPublisher(t)
		undecided(t, following(t, p, by(p.URL+path)), newParty(t).signs(t, "k"))
		var asked []string
		for _, request := range p.asked {
			asked = append(asked, request.RequestURI)
		}
		if diff := cmp.Diff(want, asked); diff != "" {
			t.Errorf("%q: %s", path, diff)
		}
	}
}

func TestDiscovery_finds_the_keys_in_either_place(t *testing.T) {
	good := newParty(t)
	for _, place := range []string{openIDPath, "/tenant" + openIDPath, oauthPath + "/tenant", oauthPath} {
		p := newPublisher(t)
		issuer := p.URL
		if strings.Contains(place, "tenant") {
			issuer += "/tenant"
		}
		p.says(place, metadata(issuer, p.URL+jwksPath))
		p.publishes(good.jwks(t, "k"))
		r := following(t, p, by(issuer))
		accept(t, r, good.signs(t, "k"))
		refuse(t, r, newParty(t).signs(t, "k"), jose.ErrSignature)
	}
}

func TestDiscovery_asks_at_the_second_place_only_where_the_first_has_nothing(t *testing.T) {
	good := newParty(t)
	for name, test := range map[string]struct {
		first http.HandlerFunc
		goes  bool
	}{
		"404":                   {saying(404, ""), true},
		"404, with metadata":    {saying(404, metadata("https://evil.example", "https://evil.example")), true},
		"410":                   {saying(410, ""), true},
		"400":                   {saying(400, ""), true},
		"401, by a gateway":     {saying(401, ""), true},
		"403, by a gateway":     {saying(403, ""), true},
		"405":                   {saying(405, ""), true},
		"408":                   {saying(408, ""), false},
		"429":                   {saying(429, ""), false},
		"500":                   {saying(500, ""), false},
		"503":                   {saying(503, ""), false},
		"204":                   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, false},
		"302":                   {saying(302, "", "Location: "+oauthPath), false},
		"308":                   {saying(308, "", "Location: "+oauthPath), false},
		"HTML":                  {saying(200, "<html>not found</html>"), false},
		"another issuer's":      {saying(200, metadata("https://other.example", "https://other.example/jwks")), false},
		"too large":             {saying(200, strings.Repeat(" ", maxBody+1)), false},
		"a broken connection":   {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false},
		"metadata without keys": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, good)
			p.says(oauthPath, metadata(p.URL, p.URL+jwksPath))
			if test.first == nil {
				test.first = saying(200, fmt.Sprintf(`{"issuer":%q}`, p.URL))
			}
			p.answer(openIDPath, test.first)
			r := following(t, p, by(p.URL))
			if test.goes {
				accept(t, r, good.signs(t, "k"))
				p.want(t, 1, oauthPath)
				return
			}
			undecided(t, r, good.signs(t, "k"))
			p.want(t, 1)
		})
	}
}

// Google's issuer has its keys at another host than itself.
func TestDiscovery_goes_to_another_host_that_anybody_may_reach(t *testing.T) {
	good := newParty(t)
	issuer, keys := newIdlePublisher(t), newIdlePublisher(t)
	issuer.Start()
	keys.Start()
	issuer.says(openIDPath, metadata(issuer.URL, "http://localhost"+keys.port()+jwksPath))
	keys.publishes(good.jwks(t, "k"))
	clock := &clock{}
	shown := func(context.Context) (string, error) { return "secret", nil }
	r, err := trust.NewRemote(trust.RemoteConfig{Fetcher: fetcher(t, clock, locally), Issuer: issuer.URL, Bearer: shown})
	must(t, err)
	accept(t, r, good.signs(t, "k"))
	if got := issuer.asked[0].Header.Get("Authorization"); got != "Bearer secret" {
		t.Errorf("the issuer was shown %q", got)
	}
	if got, there := keys.asked[0].Header["Authorization"]; there {
		t.Errorf("somebody else was shown %q", got)
	}
}

func TestDiscovery_metadata_are_kept_by_their_own_headers(t *testing.T) {
	good := newParty(t)
	p := newProvider(t, good, maxAge(time.Hour))
	p.publishes(good.jwks(t, "k"), maxAge(time.Minute))
	r := following(t, p, by(p.URL))
	for range 45 { // the last quarter of the hour is for those who ask ahead
		accept(t, r, good.signs(t, "k"))
		r.clock.advance(time.Minute)
	}
	p.want(t, 1, openIDPath)
	p.want(t, 45, jwksPath)
}

func TestDiscovery_finds_keys_that_have_moved(t *testing.T) {
	good, next := newParty(t), newParty(t)
	for name, gone := range map[string]http.HandlerFunc{
		"and are gone from where they were": http.NotFound,
		"and left a redirect":               saying(301, "", "Location: /moved.json"),
		"and left something else":           saying(200, "<html>"),
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, good, maxAge(24*time.Hour))
			r := following(t, p, by(p.URL))
			accept(t, r, good.signs(t, "k"))
			p.says(openIDPath, metadata(p.URL, p.URL+"/moved.json"), maxAge(24*time.Hour))
			p.says("/moved.json", string(next.jwks(t, "n")))
			p.answer(jwksPath, gone)
			r.clock.advance(silent)
			accept(t, r, next.signs(t, "n"))
			refuse(t, r, good.signs(t, "k"), jose.ErrNoKey)
			p.want(t, 2, openIDPath)
			p.want(t, 2, jwksPath)
			p.want(t, 1, "/moved.json")
		})
	}
}

func TestDiscovery_of_an_issuer_whose_keys_are_down_is_once_a_minute(t *testing.T) {
	good := newParty(t)
	p := newProvider(t, good, maxAge(24*time.Hour))
	r := following(t, p, by(p.URL))
	accept(t, r, good.signs(t, "k"))
	p.answer(jwksPath, saying(503, ""))
	r.clock.advance(silent)
	for range 10 * time.Minute / rest {
		accept(t, r, good.signs(t, "k"))
		r.clock.advance(rest)
	}
	p.want(t, 1+10, openIDPath)
	if got := p.requests(jwksPath); got < 100 || got > 121 {
		t.Errorf("%d fetches of the keys", got)
	}
}

func TestDiscovery_serves_while_the_metadata_are_down(t *testing.T) {
	good, next := newParty(t), newParty(t)
	p := newProvider(t, good)
	r := following(t, p, by(p.URL))
	accept(t, r, good.signs(t, "k"))
	p.answer(openIDPath, saying(503, ""))
	p.publishes(next.jwks(t, "k"))
	r.clock.advance(silent)
	accept(t, r, next.signs(t, "k")) // the keys are where they were
	r.clock.advance(stale - silent - 1)
	accept(t, r, next.signs(t, "k"))
	r.clock.advance(rest)
	undecided(t, following(t, p, by(p.URL)), next.signs(t, "k"))
	accept(t, r, next.signs(t, "k")) // now from memory
	r.clock.advance(stale)
	undecided(t, r, next.signs(t, "k"))
}

func TestDiscovery_a_failure_is_told_once(t *testing.T) {
	p := newPublisher(t)
	r := following(t, p, by(p.URL))
	undecided(t, r, newParty(t).signs(t, "k"))
	heard := r.errors()
	if len(heard) != 1 {
		t.Fatalf("heard %v", heard)
	}
	for _, place := range []string{openIDPath, oauthPath} {
		if !strings.Contains(heard[0].Error(), place) {
			t.Errorf("%s is not named: %v", place, heard[0])
		}
	}
}
