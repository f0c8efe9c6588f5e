package probe

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// keyChecks look at the published keys (RFC 7517, RFC 7638, protocol J1).
func keyChecks() []check {
	of := func(name, expected string, judge func(*run) verdict) check {
		return check{
			name: name, kind: Gives, rule: "J1", sent: "the JWK Set from above", expected: expected,
			judge: func(_ context.Context, r *run) verdict {
				if r.keys == nil {
					return verdict{came: "there are no keys"}
				}
				return judge(r)
			},
		}
	}
	return []check{
		{
			name: "jwks", kind: Gives, rule: "J1", sent: "GET what jwks_uri names", expected: "200 with a JWK Set that has keys",
			judge: func(ctx context.Context, r *run) verdict {
				r.jwks = r.get(ctx, r.endpoint("jwks_uri", "/.well-known/jwks.json"), "")
				r.keys = keysOf(r.jwks)
				return verdict{came: r.jwks.String(), ok: r.jwks.status == http.StatusOK && r.jwks.isJSON("application/jwk-set+json") && r.keys != nil}
			},
		},
		of("jwks_public", "no member of a private or a symmetric key", judgeEach(func(k jwk) string { return k.secret() })),
		of("jwks_key_ids", "each kid is the RFC 7638 thumbprint of its key", judgeEach(func(k jwk) string {
			if k.publicKey() == nil || k.text("kid") != k.thumbprint() {
				return "another kid"
			}
			return ""
		})),
		of("jwks_use", "each key has use: sig and an asymmetric alg", judgeEach(func(k jwk) string {
			switch algorithm := k.text("alg"); {
			case k.text("use") != "sig":
				return "another use, or none"
			case algorithm == "" || strings.HasPrefix(algorithm, "HS") || algorithm == "none":
				return "no asymmetric alg"
			}
			return ""
		})),
		of("jwks_cache", "Cache-Control says public and max-age, or no-cache", func(r *run) verdict {
			// In the second before the set changes it may not be kept, nor while a ring has no key yet (RFC 9111 §5.2.2.4).
			kept := r.jwks.directive("public") && r.jwks.directive("max-age")
			return verdict{came: clip(fmt.Sprintf("%q", r.jwks.header.Get("Cache-Control"))), ok: kept || r.jwks.directive("no-cache")}
		}),
		{
			name: "jwks_etag", kind: Gives, rule: "J1", sent: "GET the same, with If-None-Match", expected: "a strong ETag, and 304 with it",
			judge: func(ctx context.Context, r *run) verdict {
				etag := r.jwks.header.Get("ETag")
				if !strings.HasPrefix(etag, `"`) {
					return verdict{came: "no strong ETag"}
				}
				a := r.get(ctx, r.endpoint("jwks_uri", "/.well-known/jwks.json"), etag)
				return verdict{came: a.String(), ok: a.status == http.StatusNotModified}
			},
		},
	}
}

// judgeEach returns a check of every key: fault names what is wrong with one, and holds nothing of its value.
func judgeEach(fault func(jwk) string) func(*run) verdict {
	return func(r *run) verdict {
		for i, key := range r.keys {
			if what := fault(key); what != "" {
				return verdict{came: fmt.Sprintf("key %d has %s", i+1, what)}
			}
		}
		return verdict{came: counted(len(r.keys), "key"), ok: true}
	}
}

// maxKeys is more than any ring has.
const maxKeys = 100

// keysOf reads a JWK Set; nil: it is none, or has no key.
func keysOf(a answer) []jwk {
	list, _ := a.members()["keys"].([]any)
	if len(list) > maxKeys {
		return nil
	}
	var keys []jwk
	for _, entry := range list {
		members, isObject := entry.(map[string]any)
		if !isObject {
			return nil
		}
		keys = append(keys, members)
	}
	return keys
}

// published returns the key of the set with this kid; nil: there is none, or more than one.
func (r *run) published(kid string) jwk {
	var found jwk
	for _, key := range r.keys {
		if key.text("kid") != kid {
			continue
		}
		if found != nil {
			return nil
		}
		found = key
	}
	return found
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
