package dpop_test

import (
	"context"
	"errors"
	"testing"

	"example.com/countersign/internal/dpop"
)

// proofsFor makes a row of each URL.
type proofsFor struct {
	t *testing.T
	h holder
}

func (p proofsFor) allow(htu string) verdict {
	return allow("htu "+htu, p.h.proof(p.t, good().with("htu", htu)))
}

func (p proofsFor) deny(htu string, because error) verdict {
	return deny("htu "+htu, p.h.proof(p.t, good().with("htu", htu)), because)
}

// RFC 9449 §4.3 item 9, with the normalisation of RFC 3986 §6.2.2 and §6.2.3.
func TestD1_htu_is_the_URL_of_the_request(t *testing.T) {
	p := proofsFor{t, newHolder(t)}
	judge(t, newVerifier(t, nil), atTokenEndpoint,
		p.allow("https://auth.example.com/token"),
		p.allow("HTTPS://Auth.Example.COM/token"),
		p.allow("https://auth.example.com:443/token"),
		p.allow("https://auth.example.com:/token"),
		p.allow("https://auth.example.com/%74ok%65n"),
		p.allow("https://auth.example.com/./a/../token"),
		p.allow("https://auth.example.com/a/%2e%2E/token"),
		p.allow("https://auth.example.com/../token"),
		p.allow("https://auth.example.com/token?a=b"),
		p.allow("https://auth.example.com/token#a"),
		p.allow("https://auth.example.com/token?a#b?c@d"),
		p.allow("https://auth.example.com/token?https://evil.example/"),

		p.deny("http://auth.example.com/token", dpop.ErrURL),
		p.deny("https://auth.example.com:80/token", dpop.ErrURL),
		p.deny("https://auth.example.com:8443/token", dpop.ErrURL),
		p.deny("https://auth.example.com:0443/token", dpop.ErrURL),
		p.deny("https://auth.example.com./token", dpop.ErrURL),
		p.deny("https://example.com/token", dpop.ErrURL),
		p.deny("https://auth.example.com.evil.example/token", dpop.ErrURL),
		p.deny("https://evil.example/https://auth.example.com/token", dpop.ErrURL),
		p.deny("https://evil.example?https://auth.example.com/token", dpop.ErrURL),
		p.deny("https://auth.example.com", dpop.ErrURL),
		p.deny("https://auth.example.com/", dpop.ErrURL),
		p.deny("https://auth.example.com/token/", dpop.ErrURL),
		p.deny("https://auth.example.com/token/.", dpop.ErrURL),
		p.deny("https://auth.example.com//token", dpop.ErrURL),
		p.deny("https://auth.example.com/a/..//token", dpop.ErrURL),
		p.deny("https://auth.example.com/Token", dpop.ErrURL),
		p.deny("https://auth.example.com/token%2F", dpop.ErrURL),
		p.deny("https://auth.example.com/%2Ftoken", dpop.ErrURL),
		p.deny("https://auth.example.com/token%3Fa", dpop.ErrURL),
		p.deny("https://auth.example.com/token%00", dpop.ErrURL),
		p.deny("https://auth.example.com/token;a", dpop.ErrURL),
		p.deny("https://auth.example.com/token2", dpop.ErrURL),
	)
}

// What is no absolute http or https URL is not made into one, and user information is refused (RFC 9110 §4.2.4).
func TestD1_htu_is_an_absolute_URL_without_user_information(t *testing.T) {
	p := proofsFor{t, newHolder(t)}
	var verdicts []verdict
	for _, htu := range []string{
		"/token", "token", "//auth.example.com/token", "auth.example.com/token", "?https://auth.example.com/token",
		"https:/auth.example.com/token", "https:auth.example.com/token", "https:///token", "https://", "https://:443/token",
		"https://auth.example.com@/token", "https://@auth.example.com/token", "https://user@auth.example.com/token",
		"https://user:secret@auth.example.com/token", "https://auth.example.com@evil.example/token",
		"https://auth.example.com:443@evil.example/token", "https://evil.example\\@auth.example.com/token",
		"ftp://auth.example.com/token", "wss://auth.example.com/token", "urn:example:token", "javascript://auth.example.com/token",
		" https://auth.example.com/token", "https://auth.example.com/token ", "https://auth.example.com/to ken",
		"https://auth.example.com/token\n", "https://auth.example.com/\ttoken", "https://auth.example.com\\token",
		"https:\\\\auth.example.com/token", "https://auth.example.com/tok\u00e9n", "https://\u0430uth.example.com/token",
		"https\u017f://auth.example.com/token", "https://auth.example.com/tok%en", "https://auth.example.com/token%",
		"https://auth.example.com/token%4", "https://auth.example.com/token%zz", "https://auth.example.com/%u0074oken",
		"https://%61uth.example.com/token", "https://auth.example.com%2Ftoken", "https://auth.example.com:https/token",
		"https://auth.example.com:44 3/token", "https://auth.example.com:-443/token", "https://auth.example.com:443:443/token",
		"https://[auth.example.com]/token", "https://[::1/token", "https://::1]/token",
		"https://::1/token", "https://[]/token", "https://[127.0.0.1]/token",
		"https://[fe80::1%25eth0]/token", "https://[::1]x/token",
		"https://auth.example.com/<token>", "https://auth.example.com/token|a",
	} {
		verdicts = append(verdicts, p.deny(htu, dpop.ErrURLForm))
	}
	judge(t, newVerifier(t, nil), atTokenEndpoint, verdicts...)
}

// The request's own URL is written down by somebody too: it is normalised as htu is.
func TestD1_htu_is_one_of_the_URLs_of_the_request(t *testing.T) {
	p := proofsFor{t, newHolder(t)}
	request := atTokenEndpoint
	request.URLs = []string{
		"HTTPS://MTLS.Example.com:443/a/../%74oken?query", "http://[::1]:80", "https://api.example.com/a%2fb//c",
	}
	judge(t, newVerifier(t, nil), request,
		p.allow("https://mtls.example.com/token"),
		p.allow("http://[::1]/"),
		p.allow("http://[::1]"),
		p.allow("http://[::1]:80?a"),
		p.allow("https://mtls.example.com/token?query/.."),
		p.allow("https://api.example.com/a%2Fb//c"),
		p.deny("https://auth.example.com/token", dpop.ErrURL),
		p.deny("http://[::1]:443/", dpop.ErrURL),
		p.deny("http://[0:0:0:0:0:0:0:1]/", dpop.ErrURL),
		p.deny("https://api.example.com/a/b//c", dpop.ErrURL),
		p.deny("https://api.example.com/a%2fb/c", dpop.ErrURL),
	)
}

// A request whose own URL is none could never have a proof: that is no fault of the proof, and no reason to let it
// pass.
func TestD1_a_URL_of_the_request_that_is_none_is_no_fault_of_the_proof(t *testing.T) {
	h := newHolder(t)
	for _, url := range []string{"", "/token", "auth.example.com/token", "https://user@auth.example.com/token"} {
		request := dpop.Request{Method: "POST", URLs: []string{url}}
		proof, err := newVerifier(t, nil).Verify(context.Background(), h.proof(t, good()), request)
		if fault := new(dpop.Fault); err == nil || errors.As(err, &fault) || !proof.IsZero() {
			t.Errorf("%q: %+v, %v", url, proof, err)
		}
	}
}

// RFC 3986 §6.2.2 gives the first, §5.4 and §6.2.3 the others.
func TestRFC3986_examples_of_normalisation(t *testing.T) {
	for url, want := range map[string]string{
		"http://a/b/c/%7Bfoo%7D":                "http://a/b/c/%7Bfoo%7D",
		"hTTp://A/./b/../b/%63/%7bfoo%7d":       "http://a/b/c/%7Bfoo%7D",
		"HTTP://www.EXAMPLE.com/":               "http://www.example.com/",
		"http://example.com":                    "http://example.com/",
		"http://example.com:/":                  "http://example.com/",
		"http://example.com:80/":                "http://example.com/",
		"http://a/b/c/./../../g":                "http://a/g",
		"http://a/b/c/../../../../g":            "http://a/g",
		"http://a/b/c/.":                        "http://a/b/c/",
		"http://a/b/c/..":                       "http://a/b/",
		"http://a/b/c/../..":                    "http://a/",
		"http://a/..":                           "http://a/",
		"http://a/b/c/g.":                       "http://a/b/c/g.",
		"http://a/b/c/.g":                       "http://a/b/c/.g",
		"http://a/b/c/g..":                      "http://a/b/c/g..",
		"http://a/b/c/..g":                      "http://a/b/c/..g",
		"http://a/b/c/g;x=1/../y":               "http://a/b/c/y",
		"http://a//../b":                        "http://a/b",
		"http://a/b//../c":                      "http://a/b/c",
		"http://a/%7Euser%2d%5f%2E%41%c3%a9%25": "http://a/~user-_.A%C3%A9%25",
	} {
		got, ok := dpop.Normalise(url)
		if got != want || !ok {
			t.Errorf("%s\n got %s, %v\nwant %s", url, got, ok, want)
		}
	}
}
