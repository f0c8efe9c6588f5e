package probe_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"example.com/countersign/internal/probe"
)

const (
	tokenPath    = "/token"
	jwksPath     = "/jwks.json"
	metadataPath = "/oauth-authorization-server"
	openidPath   = "/openid-configuration"
)

// Each server is the good one with one thing broken, and the probe finds exactly that.
func TestA_server_with_one_thing_broken(t *testing.T) {
	t.Parallel()
	is := func(code int) func(int) bool { return func(status int) bool { return status == code } }
	isRefusal := func(status int) bool { return status >= 400 }
	member := func(name string, value any) func(map[string]any) {
		return func(members map[string]any) { members[name] = value }
	}
	firstKey := func(name string, value any) func(map[string]any) {
		return func(set map[string]any) { set["keys"].([]any)[0].(map[string]any)[name] = value }
	}
	both := func(one, other func(http.Handler) http.Handler) func(http.Handler) http.Handler {
		return func(good http.Handler) http.Handler { return one(other(good)) }
	}
	for name, test := range map[string]struct {
		change func(http.Handler) http.Handler
		found  []string
	}{
		"metadata that are not JSON": {without("Content-Type", metadataPath, is(200)), []string{"metadata"}},
		"metadata that are moved": {
			instead(metadataPath, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }),
			[]string{"metadata", "metadata_openid", "metadata_issuer", "metadata_endpoints"},
		},
		"no metadata for OpenID":         {instead(openidPath, status(404)), []string{"metadata_openid"}},
		"other metadata for OpenID":      {editing(openidPath, 200, member("x", 1)), []string{"metadata_openid"}},
		"another issuer in the metadata": {both(editing(metadataPath, 200, member("issuer", "https://evil.example.com")), editing(openidPath, 200, member("issuer", "https://evil.example.com"))), []string{"metadata_issuer"}},
		"an issuer with a slash":         {both(slashed(metadataPath), slashed(openidPath)), []string{"metadata_issuer"}},
		"an endpoint at another server": {
			both(editing(metadataPath, 200, member("revocation_endpoint", "https://evil.example.com/revoke")), editing(openidPath, 200, member("revocation_endpoint", "https://evil.example.com/revoke"))),
			[]string{"metadata_endpoints"},
		},
		"no keys": {
			instead(jwksPath, status(503)),
			[]string{"jwks", "jwks_public", "jwks_key_ids", "jwks_use", "jwks_cache", "jwks_etag", "token_verifies"},
		},
		"an endpoint above the issuer": {
			both(climbing(metadataPath), climbing(openidPath)), []string{"metadata_endpoints"},
		},
		"keys in a large answer": {
			padded(jwksPath), []string{"jwks", "jwks_public", "jwks_key_ids", "jwks_use", "jwks_cache", "token_verifies"},
		},
		"very many keys": {
			editing(jwksPath, 200, func(set map[string]any) {
				for range 200 {
					addCopy("another")(set)
				}
			}),
			[]string{"jwks", "jwks_public", "jwks_key_ids", "jwks_use", "jwks_cache", "token_verifies"},
		},
		"keys of the wrong type":       {without("Content-Type", jwksPath, is(200)), []string{"jwks"}},
		"a private member":             {editing(jwksPath, 200, firstKey("d", "AQAB")), []string{"jwks_public"}},
		"a symmetric key":              {editing(jwksPath, 200, addKey(map[string]any{"kty": "oct", "kid": "x", "use": "sig", "alg": "HS256", "k": "AQAB"})), []string{"jwks_public", "jwks_key_ids", "jwks_use"}},
		"a kid that is no thumbprint":  {editing(jwksPath, 200, addCopy("another")), []string{"jwks_key_ids"}},
		"a key for encryption":         {editing(jwksPath, 200, firstKey("use", "enc")), []string{"jwks_use"}},
		"a key without alg":            {editing(jwksPath, 200, addStranger()), []string{"jwks_use"}},
		"keys that may not be kept":    {without("Cache-Control", jwksPath, is(200)), []string{"jwks_cache"}},
		"keys without an ETag":         {without("ETag", jwksPath, is(200)), []string{"jwks_etag"}},
		"keys that are never the same": {never304, []string{"jwks_etag"}},
		"a dead process":               {instead("/health", status(500)), []string{"health"}},
		"no signing key":               {instead("/ready", status(503)), []string{"ready"}},

		"a token that may be kept":            {without("Cache-Control", tokenPath, is(200)), []string{"token_no_store"}},
		"another token_type":                  {editing(tokenPath, 200, member("token_type", "N_A")), []string{"token"}},
		"no scope":                            {editing(tokenPath, 200, func(m map[string]any) { delete(m, "scope") }), []string{"token", "token_claims"}},
		"more scope":                          {editing(tokenPath, 200, member("scope", "read write")), []string{"token", "token_claims"}},
		"a time that is not the token's":      {editing(tokenPath, 200, member("expires_in", 7)), []string{"token_claims"}},
		"no time":                             {editing(tokenPath, 200, member("expires_in", "600")), []string{"token", "token_claims"}},
		"a token that does not verify":        {editing(tokenPath, 200, signedAnew), []string{"token_verifies"}},
		"a token with alg none":               {editing(tokenPath, 200, withHeader(`{"alg":"none","typ":"at+jwt"}`)), []string{"token_verifies"}},
		"a token of another type":             {editing(tokenPath, 200, withHeader(`{"alg":"ES256","typ":"JWT"}`)), []string{"token_verifies", "token_claims"}},
		"a token for another API":             {otherResource, []string{"token_verifies", "token_claims"}},
		"a token that is no JWT":              {editing(tokenPath, 200, member("access_token", "x")), []string{"token_verifies", "token_claims", "token_jti"}},
		"the same token twice":                {firstTokenAgain(), []string{"token_jti"}},
		"a replay that is answered as before": {answersAgain(), []string{"replay"}},

		"refusals that may be kept":  {without("Cache-Control", tokenPath, isRefusal), []string{"refusals_no_store"}},
		"refusals that hold a token": {editing(tokenPath, 401, func(m map[string]any) { m["detail"] = map[string]any{"access_token": "x"} }), []string{"refusals_no_token"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, deploy(t, deployment{change: test.change}).probe(t), test.found...)
		})
	}
}

// never304 ignores If-None-Match.
func never304(good http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("If-None-Match")
		good.ServeHTTP(w, r)
	})
}

// slashed adds a slash to the issuer of the metadata.
func slashed(path string) func(http.Handler) http.Handler {
	return editing(path, 200, func(m map[string]any) { m["issuer"] = fmt.Sprint(m["issuer"]) + "/" })
}

// climbing names an endpoint whose path leads out of the issuer's.
func climbing(path string) func(http.Handler) http.Handler {
	return editing(path, 200, func(m map[string]any) { m["revocation_endpoint"] = fmt.Sprint(m["issuer"]) + "/../revoke" })
}

// padded fills an answer up beyond what a probe reads.
func padded(path string) func(http.Handler) http.Handler {
	return func(good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer := answerOf(good, r)
			body := answer.Body.Bytes()
			if strings.HasSuffix(r.URL.Path, path) && len(body) > 0 {
				body = append(body, strings.Repeat(" ", 300<<10)...)
			}
			send(w, answer, body)
		})
	}
}

func addKey(key map[string]any) func(map[string]any) {
	return func(set map[string]any) { set["keys"] = append(set["keys"].([]any), key) }
}

// addCopy adds the first key under another kid.
func addCopy(kid string) func(map[string]any) {
	return func(set map[string]any) {
		copied := map[string]any{}
		for name, value := range set["keys"].([]any)[0].(map[string]any) {
			copied[name] = value
		}
		copied["kid"] = kid
		addKey(copied)(set)
	}
}

// addStranger adds a key that says not what it is for. It is that of RFC 7517 §A.1, with its thumbprint of RFC 7638.
func addStranger() func(map[string]any) {
	return addKey(map[string]any{
		"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", // RFC 8037 §A.2
		"kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "use": "sig", // RFC 8037 §A.3
	})
}

// signedAnew changes the signature of a token.
func signedAnew(members map[string]any) {
	token := members["access_token"].(string)
	end := strings.LastIndex(token, ".") + 1
	flipped := "A"
	if token[end] == 'A' {
		flipped = "B"
	}
	members["access_token"] = token[:end] + flipped + token[end+1:]
}

// withHeader gives a token another header.
func withHeader(header string) func(map[string]any) {
	return func(members map[string]any) {
		_, rest, _ := strings.Cut(members["access_token"].(string), ".")
		members["access_token"] = encode(header) + "." + rest
	}
}

// otherResource gives a token for the API that was not asked for.
func otherResource(good http.Handler) http.Handler {
	return editing(tokenPath, 200, func(m map[string]any) {
		parts := strings.Split(m["access_token"].(string), ".")
		parts[1] = encode(strings.Replace(decode(parts[1]), "https://api.example.com", "https://other.example.com", 1))
		m["access_token"] = strings.Join(parts, ".")
	})(good)
}

// firstTokenAgain answers every good request with the first token.
func firstTokenAgain() func(http.Handler) http.Handler {
	var mu sync.Mutex
	var first any
	return editing(tokenPath, 200, func(m map[string]any) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = m["access_token"]
		}
		m["access_token"] = first
	})
}

// answersAgain remembers its answers by the body of the request.
func answersAgain() func(http.Handler) http.Handler {
	var mu sync.Mutex
	answers := map[string][]byte{}
	return func(good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assertion := assertionOf(r)
			mu.Lock()
			defer mu.Unlock()
			if before := answers[assertion]; before != nil && assertion != "" {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(before)
				return
			}
			answer := answerOf(good, r)
			if answer.Code == http.StatusOK {
				answers[assertion] = answer.Body.Bytes()
			}
			send(w, answer, answer.Body.Bytes())
		})
	}
}

// Every refusal can be seen to be missing: where exactly one attack is granted, or answered 500, that one is found.
func TestEach_attack_that_works_is_found(t *testing.T) {
	t.Parallel()
	attacks := attacksOf(t)
	if len(attacks) < 40 {
		t.Fatalf("only %d attacks", len(attacks))
	}
	for number, name := range attacks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := []string{name}
			if name == "wrong_key" || name == "unknown_client" {
				found = append(found, "unknown_client_like_wrong_key")
			}
			expect(t, deploy(t, deployment{change: failing(number, granting)}).probe(t), found...)
			if name == "two_methods" || name == "jwe" {
				expect(t, deploy(t, deployment{change: failing(number, func(w http.ResponseWriter, _ []byte) {
					w.Header().Set("Cache-Control", "no-store")
					w.WriteHeader(http.StatusInternalServerError)
				})}).probe(t), name)
			}
		})
	}
}

// attacksOf returns the names of the checks that ask the token endpoint for what they must not get, in their order.
func attacksOf(t *testing.T) (names []string) {
	t.Helper()
	for _, f := range deploy(t, deployment{}).probe(t).Findings {
		if f.Kind == probe.Refuses && !strings.HasPrefix(f.Sent, "the answers") && !strings.HasPrefix(f.Sent, "all ") {
			names = append(names, f.Name)
		}
	}
	return names
}

// granting answers with the token that was granted before.
func granting(w http.ResponseWriter, before []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(before)
}

// failing answers one attack in another way, counted from the third request to the token endpoint: the first two are the
// honest ones.
func failing(number int, answer func(w http.ResponseWriter, before []byte)) func(http.Handler) http.Handler {
	var mu sync.Mutex
	var before []byte
	asked := -2
	return func(good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != tokenPath {
				good.ServeHTTP(w, r)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if asked++; asked == number+1 {
				answer(w, before)
				return
			}
			given := answerOf(good, r)
			if given.Code == http.StatusOK {
				before = given.Body.Bytes()
			}
			send(w, given, given.Body.Bytes())
		})
	}
}

func TestA_server_that_grants_everything_fails_every_refusal(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var granted []byte
	report := deploy(t, deployment{change: func(good http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if r.URL.Path == tokenPath && granted != nil {
				granting(w, granted)
				return
			}
			answer := answerOf(good, r)
			if r.URL.Path == tokenPath {
				granted = answer.Body.Bytes()
			}
			send(w, answer, answer.Body.Bytes())
		})
	}}).probe(t)
	for _, f := range report.Findings {
		if f.Kind == probe.Refuses && f.Outcome != probe.NotAsItMustBe {
			t.Errorf("%s is %s: %s", f.Name, f.Outcome, f.Came)
		}
	}
}

func TestA_server_that_refuses_everything_fails_everything_that_it_must_give(t *testing.T) {
	t.Parallel()
	report := deploy(t, deployment{change: func(http.Handler) http.Handler { return status(http.StatusForbidden) }}).probe(t)
	rest := []string{"token_no_store", "token_verifies", "token_claims", "token_jti"} // of a token, and there was none
	for _, f := range report.Findings {
		want := probe.NotAsItMustBe
		if slices.Contains(rest, f.Name) {
			want = probe.NotRun
		}
		if f.Kind == probe.Gives && f.Outcome != want {
			t.Errorf("%s is %s: %s", f.Name, f.Outcome, f.Came)
		}
	}
	for _, name := range attacksOf(t) {
		if f := find(t, report, name); f.Outcome == probe.AsItMustBe {
			t.Errorf("%s is taken for refused: %s", name, f.Came)
		}
	}
}

func TestRefusals_that_say_too_much(t *testing.T) {
	t.Parallel()
	saying := func(text func(form url.Values) string) func(http.Handler) http.Handler {
		return func(good http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				form := formOf(r)
				answer := answerOf(good, r)
				body := answer.Body.Bytes()
				if said := text(form); answer.Code >= 400 && said != "" {
					var members map[string]any
					if json.Unmarshal(body, &members) == nil {
						members["error_description"] = said
						body, _ = json.Marshal(members)
					}
				}
				send(w, answer, body)
			})
		}
	}
	for name, test := range map[string]struct {
		text  func(url.Values) string
		found string
	}{
		"the scope": {func(v url.Values) string {
			if v.Get("scope") != "read" && v.Get("scope") != "" {
				return "there is no scope " + v.Get("scope")
			}
			return ""
		}, "refusals_repeat_nothing"},
		"the assertion": {func(v url.Values) string {
			if parts := strings.Split(v.Get("assertion"), "."); len(parts) == 3 && strings.Contains(decode(parts[1]), ".invalid") {
				return "not trusted: " + v.Get("assertion")
			}
			return ""
		}, "refusals_repeat_nothing"},
		"who is registered": {func(v url.Values) string {
			if parts := strings.Split(v.Get("client_assertion"), "."); len(parts) == 3 && !strings.Contains(decode(parts[1]), `"iss":"prober"`) {
				return "this client is not registered"
			}
			return ""
		}, "unknown_client_like_wrong_key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, deploy(t, deployment{change: saying(test.text)}).probe(t), test.found)
		})
	}
}
