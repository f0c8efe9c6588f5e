package dpop_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/dpop"
)

// Whatever is accepted was made for this request, by what encoding/json says that it says; whatever is refused is
// refused with a fault.
func FuzzVerify(f *testing.F) {
	now := time.Unix(1562262618, 0)
	h := newHolder(f)
	f.Add(example(f, "rfc9449-4.1.jwt"), "https://server.example.com/token")
	f.Add(example(f, "rfc9449-7.1.jwt"), "https://resource.example.org/protectedresource")
	for _, changed := range []claims{
		good(), good().with("iat", now.Unix()),
		good().with("iat", now.Unix()).with("exp", 1), good().with("htu", "https://[::1]:1/%2e"),
	} {
		f.Add(h.proof(f, changed), endpoint)
		f.Add(h.sign(f, h.header(`,"crit":[]`), changed), "http://a")
	}
	verifier := verifierAt(f, func() time.Time { return now }, nil)
	f.Fuzz(func(t *testing.T, text, address string) {
		proof, err := verifier.Verify(context.Background(), text, dpop.Request{Method: "POST", URLs: []string{address}})
		if _, isURL := dpop.Normalise(address); !isURL {
			address = "" // then an error of another kind may come too
		}
		if err != nil {
			if fault := new(dpop.Fault); !proof.IsZero() || address != "" && !errors.As(err, &fault) {
				t.Fatalf("%+v beside %v", proof, err)
			}
			return
		}
		c := claimsOf(t, text)
		said, _ := c["htu"].(string)
		claimed, _ := dpop.Normalise(said)
		ours, _ := dpop.Normalise(address)
		if c["htm"] != "POST" || claimed != ours || c["jti"] != proof.Use().ID || proof.Use().Party != proof.Thumbprint() {
			t.Fatalf("%v for %q: %+v", c, address, proof)
		}
		if left := proof.Use().Until.Sub(now); left <= 0 || left > 2*time.Minute+time.Second || len(proof.Thumbprint()) != 43 {
			t.Fatalf("%+v, %v left", proof, left)
		}
	})
}

// There is one normal form: normalised again it stays, it is the same in whatever letters scheme and host were
// written, and net/url reads in it what it reads in the original.
func FuzzNormalise(f *testing.F) {
	for _, seed := range []string{
		endpoint, "HTTPS://A:443", "http://[::1]:80/a/./b/../%7e%2f?q#f", "https://a/%2e%2E/..//b/.", "https://u@a/", "//a", "https://a:/",
		"http://a/b/c/..;x/%c3%a9", "https://auth.example.com:8443/token?a/../b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		normal, ok := dpop.Normalise(text)
		if !ok {
			if normal != "" {
				t.Fatalf("%q beside a refusal", normal)
			}
			return
		}
		if again, ok := dpop.Normalise(normal); again != normal || !ok {
			t.Fatalf("%q, again %q", normal, again)
		}
		for _, other := range []string{text + "?query", text + "#fragment", shout(text)} {
			if same, ok := dpop.Normalise(other); same != normal || !ok {
				t.Fatalf("%q is %q, and %q is %q", text, normal, other, same)
			}
		}
		read, err := url.Parse(normal)
		if err != nil || read.User != nil || read.Host == "" || read.RawQuery != "" || read.Fragment != "" || read.Path == "" {
			t.Fatalf("%q: %#v, %v", normal, read, err)
		}
		path := strings.TrimPrefix(normal, read.Scheme+"://"+read.Host) + "/"
		if strings.ContainsAny(normal, "?# \\") || strings.Contains(path, "/../") || strings.Contains(path, "/./") {
			t.Fatalf("%q is no normal form", normal)
		}
		if end := strings.IndexAny(text, "?#"); end >= 0 {
			text = text[:end]
		}
		original, err := url.Parse(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if !strings.EqualFold(original.Hostname(), read.Hostname()) || original.Scheme != read.Scheme {
			t.Fatalf("%q of %q, %q of %q", original.Hostname(), text, read.Hostname(), normal)
		}
		if !strings.Contains(original.Path, "/.") && original.Path != read.Path && original.Path != "" {
			t.Fatalf("%q of %q, %q of %q", original.Path, text, read.Path, normal)
		}
	})
}

// shout writes scheme, host and the digits of percent-encoding in capital letters.
func shout(text string) string {
	end := len(text)
	if cut := strings.IndexAny(text, "?#"); cut >= 0 {
		end = cut
	}
	start := strings.Index(text, "://") + 3
	if slash := strings.IndexByte(text[start:end], '/'); slash >= 0 {
		start += slash
	} else {
		start = end
	}
	loud := strings.ToUpper(text[:start])
	for i := start; i < end; i++ {
		if text[i] == '%' {
			loud += strings.ToUpper(text[i : i+3])
			i += 2
			continue
		}
		loud += text[i : i+1]
	}
	return loud
}

// No other text than those that were given out is a nonce.
func FuzzNonces(f *testing.F) {
	now := epoch
	ring := &keyring{keys: [][]byte{key(1)}}
	nonces := newNonces(f, ring.get, &now)
	given := map[string]bool{}
	for minute := -10; minute <= 10; minute++ {
		now = epoch.Add(time.Duration(minute) * time.Minute)
		given[fresh(f, nonces)] = true
		f.Add(fresh(f, nonces))
	}
	f.Add(strings.Repeat("A", 32))
	f.Add("________________________________")
	now = epoch
	f.Fuzz(func(t *testing.T, text string) {
		if known, err := nonces.Knows(context.Background(), text); err != nil || known && !given[text] {
			t.Fatalf("%v, %v", known, err)
		}
	})
}
