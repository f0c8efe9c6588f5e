package trust_test

import (
	"net/netip"
	"strings"
	"testing"

	"example.com/countersign/internal/trust"
)

func TestFetch_plain_http_and_loopback_are_for_local_runs(t *testing.T) {
	p, good := newIdlePublisher(t), newParty(t)
	p.Start()
	p.publishes(good.jwks(t, "k"))
	secure := newPublisher(t)
	secure.publishes(good.jwks(t, "k"))
	resolver := resolving(t, map[string][][]netip.Addr{"keys.example.com": always("127.0.0.1"), "localhost": always("127.0.0.1")})
	for name, test := range map[string]struct {
		uri                 string
		accepted, reachable bool // in a local run
		elsewhere           bool // it can be configured in other runs
	}{
		"http, an address":          {"http://127.0.0.1" + p.port(), true, true, false},
		"http, localhost":           {"http://localhost" + p.port(), true, true, false},
		"https, an address":         {"https://127.0.0.1" + secure.port(), true, true, true},
		"https, a name":             {"https://keys.example.com" + secure.port(), true, false, true},
		"http, a name":              {"http://keys.example.com" + p.port(), false, false, false},
		"http, a private address":   {"http://10.0.0.1" + p.port(), false, false, false},
		"http, all addresses":       {"http://0.0.0.0" + p.port(), false, false, false},
		"http, a short address":     {"http://127.1" + p.port(), false, false, false},
		"http, a name like it":      {"http://localhost.example.com" + p.port(), false, false, false},
		"http, a name that is long": {"http://127.0.0.1.example.com" + p.port(), false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := &remote{clock: &clock{}}
			config := trust.RemoteConfig{
				Fetcher: fetcher(t, r.clock, locally, names(resolver)), JWKSURI: test.uri + jwksPath, Roots: secure.roots(),
			}
			followed, err := trust.NewRemote(config)
			if (err == nil) != test.accepted {
				t.Fatalf("%v", err)
			}
			if test.reachable {
				accept(t, followed, good.signs(t, "k"))
			} else if err == nil {
				undecided(t, followed, good.signs(t, "k"))
			}

			config.Fetcher = fetcher(t, r.clock, names(resolver))
			followed, err = trust.NewRemote(config)
			if (err == nil) != test.elsewhere {
				t.Fatalf("in another run: %v", err)
			}
			if err == nil {
				undecided(t, followed, good.signs(t, "k"))
			}
		})
	}
}

func TestNewRemote_takes_only_what_can_be_fetched(t *testing.T) {
	f := fetcher(t, &clock{})
	for _, good := range []string{
		"https://keys.example.com", "https://keys.example.com/", "https://keys.example.com:8443/a/b%2Fc.json?x=y",
		"https://192.0.2.1/", "https://[2001:db8::1]:443/jwks", "HTTPS://KEYS.EXAMPLE.COM/JWKS",
	} {
		if _, err := trust.NewRemote(trust.RemoteConfig{Fetcher: f, JWKSURI: good}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "keys.example.com", "/jwks.json", "//keys.example.com/", "https:", "https://", "https:///jwks", "https:keys.example.com",
		"https://:443/", "http://keys.example.com/", "http://127.0.0.1/", "http://localhost/", "ftp://keys.example.com/",
		"file:///etc/passwd", "data:application/json,{}", "javascript:1", "https+unix://x/", "https://keys.example.com:port/",
		"https://user@keys.example.com/", "https://user:hunter2@keys.example.com/", "https://@keys.example.com/",
		"https://keys.example.com#", "https://keys.example.com/#a", "https://keys.example.com/ ", " https://keys.example.com/",
		"https://keys.example.com/\n", "https://keys.example.com\\@evil.example/", "https://keys.example.com/{kid}",
		"https://keys.example.com/${iss}", "https://kéys.example.com/", "https://keys.example.com/\x00", "https://[::1/",
		"https://keys%2eexample.com/", "https://keys.example.com/" + strings.Repeat("a", 2<<10),
	} {
		r, err := trust.NewRemote(trust.RemoteConfig{Fetcher: f, JWKSURI: bad})
		if err == nil || r != nil {
			t.Errorf("%q is accepted", bad)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
}

func TestNewRemote_wants_a_fetcher_and_one_place(t *testing.T) {
	f := fetcher(t, &clock{})
	const uri = "https://keys.example.com/"
	for name, config := range map[string]trust.RemoteConfig{
		"nothing":                  {},
		"no fetcher":               {JWKSURI: uri},
		"no place":                 {Fetcher: f},
		"two places":               {Fetcher: f, JWKSURI: uri, Issuer: uri},
		"an issuer with a query":   {Fetcher: f, Issuer: uri + "?a=b"},
		"an issuer with half one":  {Fetcher: f, Issuer: uri + "?"},
		"an issuer of http":        {Fetcher: f, Issuer: "http://keys.example.com"},
		"an issuer that is a name": {Fetcher: f, Issuer: "keys.example.com"},
		"snapshots of the future":  {Fetcher: f, JWKSURI: uri, SnapshotServes: -1},
	} {
		if r, err := trust.NewRemote(config); err == nil || r != nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if f, err := trust.NewFetcher(trust.FetcherConfig{}); err == nil || f != nil {
		t.Error("a fetcher without a clock is accepted")
	}
}

// Whoever parses what strangers wrote down must be right about where it leads.
func FuzzParseURL(f *testing.F) {
	for _, seed := range []string{"https://a.example/b?c=d", "http://127.0.0.1:1/", "https://u@h", "https://[::1%25lo]/", "https://h\\@e/"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, written string, local bool) {
		u, err := trust.ParseURL(written, local)
		if err != nil {
			if u != nil || len(err.Error()) > 100 {
				t.Fatalf("%v beside %v", u, err)
			}
			return
		}
		again, err := trust.ParseURL(u.String(), local)
		if err != nil || again.Host != u.Host || again.Scheme != u.Scheme {
			t.Fatalf("%q is %v, and then %v, %v", written, u, again, err)
		}
		host := u.Hostname()
		if host == "" || u.User != nil || strings.Contains(written, "#") {
			t.Fatalf("%q is accepted", written)
		}
		thisMachine := host == "localhost" || strings.HasPrefix(host, "127.") || strings.Contains(host, ":")
		if u.Scheme != "https" && (u.Scheme != "http" || !local || !thisMachine) {
			t.Fatalf("%q is accepted, in a local run: %v", written, local)
		}
	})
}
