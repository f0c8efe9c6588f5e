package trust_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust"
)

// metadata are those of an issuer, in JSON.
func metadata(issuer, jwksURI string) string {
	text, err := json.Marshal(map[string]any{
		"issuer": issuer, "jwks_uri": jwksURI, "token_endpoint": issuer + "/token", "grant_types_supported": []string{},
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// otherMetadata are metadata that are not those of the issuer, or none at all.
func otherMetadata(issuer, jwksURI string) map[string]string {
	good := metadata(issuer, jwksURI)
	member := func(text string) string { return strings.Replace(good, `"issuer":"`+issuer+`"`, text, 1) }
	return map[string]string{
		"nothing":                 "",
		"HTML":                    "<html>",
		"cut off":                 good[:len(good)-1],
		"two":                     good + good,
		"a list":                  "[" + good + "]",
		"null":                    "null",
		"no issuer":               member(`"Issuer":"` + issuer + `"`),
		"another issuer":          metadata("https://other.example", jwksURI),
		"a final slash":           metadata(issuer+"/", jwksURI),
		"a path":                  metadata(issuer+"/tenant", jwksURI),
		"a prefix":                metadata(issuer[:len(issuer)-1], jwksURI),
		"in capitals":             metadata(strings.ToUpper(issuer), jwksURI),
		"white space":             metadata(issuer+" ", jwksURI),
		"only a part of it":       metadata("https://evil.example/?"+issuer, jwksURI),
		"a user name":             metadata(issuer+"@evil.example", jwksURI),
		"an issuer that is null":  member(`"issuer":null`),
		"issuers in a list":       member(`"issuer":["` + issuer + `"]`),
		"an issuer in an object":  member(`"issuer":{"issuer":"` + issuer + `"}`),
		"an issuer twice":         member(`"issuer":"` + issuer + `","issuer":"` + issuer + `"`),
		"another issuer, then it": member(`"issuer":"https://other.example","issuer":"` + issuer + `"`),
		"an escaped name twice":   member(`"issuer":"` + issuer + `","\u0069ssuer":"` + issuer + `"`),
		"bytes that are no text":  member("\"issuer\":\"" + issuer + "\",\"a\":\"\xff\""),
		"very deep":               member(`"issuer":"` + issuer + `","a":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)),
	}
}

// Protocol F3: character by character.
func TestDiscovery_believes_only_the_metadata_of_the_configured_issuer(t *testing.T) {
	good, stranger := newParty(t), newParty(t)
	example := newPublisher(t)
	for name := range otherMetadata(example.URL, "") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, good)
			p.says("/other.json", string(stranger.jwks(t, "k")))
			bad := otherMetadata(p.URL, p.URL+"/other.json")[name]

			p.says(openIDPath, bad)
			r := following(t, p, by(p.URL))
			undecided(t, r, good.signs(t, "k"))
			undecided(t, r, stranger.signs(t, "k"))
			p.want(t, 1)

			p.says(openIDPath, metadata(p.URL, p.URL+jwksPath))
			r.clock.advance(rest)
			accept(t, r, good.signs(t, "k"))

			// The last good ones serve on.
			p.says(openIDPath, bad)
			r.clock.advance(silent)
			accept(t, r, good.signs(t, "k"))
			refuse(t, r, stranger.signs(t, "k"), jose.ErrSignature)
			p.want(t, 0, "/other.json")
			p.want(t, 3, openIDPath)
			p.want(t, 2, jwksPath)
		})
	}
}

// Protocol F1 for what the metadata name: nothing is asked there.
func TestDiscovery_goes_to_no_jwks_uri_that_could_not_be_configured(t *testing.T) {
	stranger := newParty(t)
	resolver := resolving(t, map[string][][]netip.Addr{"issuer.example.com": always("127.0.0.1"), "localhost": always("127.0.0.1")})
	elsewhere := newPublisher(t)
	elsewhere.publishes(stranger.jwks(t, "k"))
	plain := newIdlePublisher(t)
	plain.Start()
	plain.publishes(stranger.jwks(t, "k"))
	address := elsewhere.Listener.Addr().String()
	for name, jwksURI := range map[string]any{
		"none":               nil,
		"an empty one":       "",
		"a number":           7,
		"a list":             []string{elsewhere.URL + jwksPath},
		"http":               "http://keys.example.com/",
		"http on loopback":   plain.URL + jwksPath,
		"http on localhost":  "http://localhost" + plain.port() + jwksPath,
		"a relative one":     jwksPath,
		"one without scheme": "//" + address + jwksPath,
		"a user name":        "https://user:hunter2@" + address + jwksPath,
		"a fragment":         elsewhere.URL + jwksPath + "#a",
		"a template":         elsewhere.URL + "/{kid}",
		"another scheme":     "ftp://" + address + jwksPath,
		"a file":             "file:///etc/passwd",
		"a very long one":    elsewhere.URL + "/" + strings.Repeat("a", 2<<10),
		"a metadata server":  "https://169.254.169.254/computeMetadata/v1/",
		"a name of one":      "https://[::ffff:169.254.169.254]/",
		"a private address":  "https://10.0.0.1/",
		// What was opened for the issuer is open for nobody else in the same network.
		"the neighbour":         elsewhere.URL + jwksPath,
		"the neighbour's name":  "https://localhost" + elsewhere.port() + jwksPath,
		"the issuer by a name":  "https://localhost/",
		"the issuer's own port": "https://127.0.0.1/",
	} {
		t.Run(name, func(t *testing.T) {
			p := newPublisher(t)
			issuer := "https://issuer.example.com" + p.port()
			document, err := json.Marshal(map[string]any{"issuer": issuer, "jwks_uri": jwksURI})
			must(t, err)
			p.says(openIDPath, string(document))
			// In a local run too, an issuer that is elsewhere does not lead to this machine.
			for _, run := range [][]func(*trust.FetcherConfig){{names(resolver)}, {names(resolver), locally}} {
				r := &remote{clock: &clock{}}
				r.follow(t, p, by(issuer), r.using(t, run...))
				undecided(t, r, stranger.signs(t, "k"))
				for _, err := range r.errors() {
					if strings.Contains(err.Error(), "hunter2") {
						t.Error(err)
					}
				}
			}
			p.want(t, 2)
		})
	}
	elsewhere.want(t, 0)
	plain.want(t, 0)
}

func TestDiscovery_keeps_the_last_good_jwks_uri(t *testing.T) {
	for name, bad := range map[string]string{
		"http": "http://keys.example.com/", "a user name": "https://a@keys.example.com/", "none": "",
	} {
		t.Run(name, func(t *testing.T) {
			good, next := newParty(t), newParty(t)
			p := newProvider(t, good)
			r := following(t, p, by(p.URL))
			accept(t, r, good.signs(t, "k"))
			p.says(openIDPath, metadata(p.URL, bad))
			p.publishes(next.jwks(t, "k"))
			r.clock.advance(silent)
			accept(t, r, next.signs(t, "k"))
		})
	}
}

// What is read of the metadata is what every other reader reads.
func FuzzParseMetadata(f *testing.F) {
	const issuer = "https://issuer.example"
	f.Add(metadata(issuer, issuer+jwksPath))
	for _, bad := range otherMetadata(issuer, issuer+jwksPath) {
		if len(bad) < 1000 {
			f.Add(bad)
		}
	}
	f.Add(`{"issuer":"https://issuer.example"}`)
	f.Add(`{"jwks_uri":"a","issuer":"https:\/\/issuer.example","x":{"issuer":1,"y":[]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		jwksURI, err := trust.ParseMetadata([]byte(text), issuer)
		if err != nil {
			if fault := new(jose.Fault); jwksURI != "" || errors.As(err, &fault) || len(err.Error()) > 1000 {
				t.Fatalf("%q beside %v", jwksURI, err)
			}
			return
		}
		var members map[string]any
		err = json.Unmarshal([]byte(text), &members)
		if err != nil || members["issuer"] != issuer || members["jwks_uri"] != jwksURI || jwksURI == "" {
			t.Fatalf("%q of %v, %v", jwksURI, members, err)
		}
		if count := countName(t, text, "issuer"); count != 1 {
			t.Fatalf("issuer comes %d times", count)
		}
	})
}

// countName returns how often an object has a member of a name.
func countName(t *testing.T, object, name string) (count int) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(object))
	_, err := decoder.Token() // the brace
	must(t, err)
	for decoder.More() {
		member, err := decoder.Token()
		must(t, err)
		if member == name {
			count++
		}
		var value json.RawMessage
		must(t, decoder.Decode(&value))
	}
	return count
}
