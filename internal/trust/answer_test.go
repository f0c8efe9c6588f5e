package trust_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
)

// noSet are answers that are no JWK Set, or not to be read as one, though some hold the keys of p.
func noSet(t testing.TB, p party) map[string]http.HandlerFunc {
	keys := string(p.jwks(t, "k"))
	answers := map[string]http.HandlerFunc{
		"nothing":                 saying(200, ""),
		"HTML":                    saying(200, "<html>it works</html>", "Content-Type: text/html"),
		"HTML with keys on it":    saying(200, "<pre>\n"+string(p.pem(t))+"</pre>", "Content-Type: text/html"),
		"PEM":                     saying(200, string(p.pem(t))),
		"a set cut off":           saying(200, keys[:len(keys)-2]),
		"two sets":                saying(200, keys+keys),
		"a list":                  saying(200, "["+keys+"]"),
		"a string":                saying(200, `"keys"`),
		"null":                    saying(200, "null"),
		"no keys":                 saying(200, "{}"),
		"keys that are null":      saying(200, `{"keys":null}`),
		"keys that are an object": saying(200, `{"keys":{}}`),
		"keys that are text":      saying(200, `{"keys":"keys"}`),
		"keys twice":              saying(200, strings.Replace(keys, "{", `{"keys":[],`, 1)),
		"a key twice":             saying(200, strings.Replace(keys, `"kid"`, `"kid":"other","kid"`, 1)),
		"keys in capitals":        saying(200, strings.Replace(keys, "keys", "KEYS", 1)),
		"UTF-16":                  saying(200, strings.Join(strings.Split(keys, ""), "\x00")+"\x00"),
		"a byte order mark":       saying(200, "\ufeff"+keys),
		"very deep":               saying(200, `{"keys":[],"a":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+"}"),
		"101 keys":                saying(200, string(set(slices.Repeat([]string{p.jwk(t, "k", "")}, 101)...))),
		"10,000 keys":             saying(200, string(set(slices.Repeat([]string{`{"kty":"EC"}`}, 10_000)...))),
		"a byte too large":        saying(200, keys+strings.Repeat(" ", maxBody+1-len(keys))),
		"300 KiB":                 saying(200, keys+strings.Repeat(" ", 300<<10)),
		"much too large":          saying(200, keys+strings.Repeat(" ", 8<<20)),
		"compressed":              compressed(keys, "gzip"),
		"small until unpacked":    compressed(keys+strings.Repeat(" ", 4<<20), "gzip"),
		"an unknown compression":  saying(200, keys, "Content-Encoding: none"),
		"compressed, it says not": compressed(keys, ""),
		"less than announced":     saying(200, keys, fmt.Sprint("Content-Length: ", len(keys)+10)),
		"a header without end":    saying(200, keys, "X-Long: "+strings.Repeat("a", 64<<10)),
		"many headers":            saying(200, keys, slices.Repeat([]string{"X-Many: " + strings.Repeat("a", 100)}, 1000)...),
		"a broken connection":     func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"not HTTP": func(w http.ResponseWriter, _ *http.Request) {
			connection, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = connection.Write([]byte(keys + "\n"))
				_ = connection.Close()
			}
		},
	}
	for _, status := range []int{201, 202, 203, 206, 226, 304, 400, 401, 403, 404, 410, 418, 429, 500, 502, 503, 504, 599, 999} {
		answers[fmt.Sprint("status ", status)] = saying(status, keys)
	}
	answers["status 204"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
	return answers
}

func compressed(body, as string) http.HandlerFunc {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte(body))
	_ = w.Close()
	if as == "" {
		return saying(http.StatusOK, packed.String())
	}
	return saying(http.StatusOK, packed.String(), "Content-Encoding: "+as)
}

// Protocol F1.
func TestFetch_an_answer_that_is_no_set_leaves_the_last_good_one_in_place(t *testing.T) {
	good, stranger := newParty(t), newParty(t)
	signed, forged := good.signs(t, "k"), stranger.signs(t, "k")
	for name, answer := range noSet(t, stranger) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPublisher(t)

			// Without any key nobody gets in, and nobody is told that it is his fault.
			p.answer(jwksPath, answer)
			r := following(t, p)
			undecided(t, r, signed)
			undecided(t, r, forged)
			p.want(t, 1) // the failure is remembered

			p.publishes(good.jwks(t, "k"))
			r.clock.advance(rest)
			accept(t, r, signed)

			p.answer(jwksPath, answer)
			r.clock.advance(silent)
			accept(t, r, signed)
			refuse(t, r, forged, jose.ErrSignature)
			p.want(t, 3)
			if heard := r.errors(); len(heard) != 2 {
				t.Errorf("heard %v", heard)
			}
		})
	}
}

func TestFetch_takes_whatever_is_a_set_however_it_is_called(t *testing.T) {
	good := newParty(t)
	keys := string(good.jwks(t, "k"))
	for name, answer := range map[string]http.HandlerFunc{
		"of its own type":     saying(200, keys, "Content-Type: application/jwk-set+json"),
		"JSON":                saying(200, keys, "Content-Type: application/json; charset=utf-8"),
		"text":                saying(200, keys, "Content-Type: text/plain"),
		"HTML, it says":       saying(200, keys, "Content-Type: text/html"),
		"behind white space":  saying(200, "\r\n\t "+keys+"\n"),
		"of 256 KiB":          saying(200, keys+strings.Repeat(" ", maxBody-len(keys))),
		"of 100 keys":         saying(200, string(set(append(slices.Repeat([]string{`{"kty":"EC"}`}, 99), good.jwk(t, "k", ""))...))),
		"with other members":  saying(200, strings.Replace(keys, "{", `{"next":[1],`, 1)),
		"said in little bits": byByte(keys),
		"after an early hint": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			saying(200, keys)(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPublisher(t)
			p.answer(jwksPath, answer)
			accept(t, following(t, p), good.signs(t, "k"))
		})
	}
}

func byByte(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := range body {
			_, _ = w.Write([]byte{body[i]})
			_ = http.NewResponseController(w).Flush()
		}
	}
}
