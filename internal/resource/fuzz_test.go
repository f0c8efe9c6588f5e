package resource_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/resource"
)

// FuzzAuthorization holds that nothing but the one good token gets in, whatever the header looks like, and that what is
// said about the others is a sentence of ours.
func FuzzAuthorization(f *testing.F) {
	w := newWorld(f)
	token := w.key.token(f, good())
	parts := strings.Split(token, ".")
	for _, header := range []string{
		"", " ", "Bearer", "Bearer ", "bearer  " + token, "Bearer " + token, "Basic Yjp4", "Bearer " + token + "=", "Bearer " + token + "." + token, "Bearer a.b.c",
		"Bearer " + parts[0] + "." + parts[1] + ".AAAA", "Bearer\t" + token, "Bearer " + token + "," + token, `Bearer realm="x"`, "DPoP " + token, "Bearer \x00\xff", "Bearer ..",
		"Bearer " + stranger(f, "x"), "Bearer " + w.key.typed(f, "JWT", good()), "Bearer " + w.key.token(f, good().with("exp", 1)), "Bearer " + w.key.forge(f, `{"alg":"none"}`, good()),
	} {
		f.Add(header)
	}
	w.accept(f, token)
	f.Fuzz(func(t *testing.T, header string) {
		_, err := w.verify(t, header)
		scheme, rest, _ := strings.Cut(header, " ")
		is := strings.EqualFold(scheme, "Bearer") && strings.TrimLeft(rest, " ") == token
		if is != (err == nil) {
			t.Fatalf("%q: %v", header, err)
		}
		if err == nil {
			return
		}
		if !errors.Is(err, resource.ErrNoToken) && !errors.Is(err, resource.ErrMalformed) && !errors.Is(err, resource.ErrInvalid) {
			t.Errorf("%q: the error is of no kind: %v", header, err)
		}
		for _, r := range err.Error() {
			if r < ' ' || r > '~' {
				t.Errorf("%q: %q", header, err)
			}
		}
	})
}

// FuzzTarget holds that whatever a request asks for, a proof for something else is refused because of that, and never
// because our own URL cannot be made.
func FuzzTarget(f *testing.F) {
	for _, target := range []string{
		"/", "//", "/a[1]", "/%5B%5b", "/a%2Fb", "/%2e%2e/x", "/../..", "/a?b#c", "/\xff", "/%ff", "/|\\^`{}\"<>", "/%00",
		"*", "http:x", "http://evil.example/x", "//evil.example/x", "/a;b,c",
	} {
		f.Add(target)
	}
	w := newWorld(f, takesDPoP(f))
	key := newSigner(f)
	a := w.attempt(f, w.key.token(f, key.bound()), key)
	claim("htu", invoices+"/nowhere/else")(f, a)
	good := a.request(f, "https://invoices.example.com")
	f.Fuzz(func(t *testing.T, target string) {
		parsed, err := url.ParseRequestURI(target)
		if err != nil {
			t.Skip("no server hands it on")
		}
		r := good.WithContext(t.Context())
		if r.URL = parsed; strings.HasSuffix(parsed.Path, "nowhere/else") {
			t.Skip("it may be the one that the proof is for")
		}
		if _, err := w.Verify(r); !errors.Is(err, dpop.ErrURL) {
			t.Errorf("%q: %v", target, err)
		}
	})
}
