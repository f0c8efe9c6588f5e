package resource_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/resource"
)

// api is the world's API at work. Its one resource needs the scope invoices.read.
func (w world) api(t *testing.T) string {
	listener := httptest.NewServer(w.Protect("invoices.read", func(answer http.ResponseWriter, _ *http.Request, token resource.Token) {
		_, _ = io.WriteString(answer, "hello, "+token.Subject)
	}))
	t.Cleanup(listener.Close)
	return listener.URL
}

// answer is what a test compares of a response.
type answer struct {
	Status       int
	Challenge    []string // WWW-Authenticate
	RetryAfter   string
	ContentType  string
	CacheControl string
	Body         string
}

// call sends a request. The line break behind a body is for terminals, and left out.
func call(t *testing.T, r *http.Request) answer {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	h := response.Header
	return answer{response.StatusCode, h.Values("WWW-Authenticate"), h.Get("Retry-After"), h.Get("Content-Type"), h.Get("Cache-Control"), strings.TrimSuffix(string(body), "\n")}
}

func request(t *testing.T, url string, authorization ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Authorization"] = authorization
	return r
}

func refusal(status int, challenge, message string) answer {
	return refusalWith(status, []string{challenge}, message)
}

func refusalWith(status int, challenges []string, message string) answer {
	text, _ := json.Marshal(map[string]string{"message": message})
	return answer{status, challenges, "", "application/json", "no-store", string(text)}
}

// contains reports whether an answer has this text, in whatever case.
func contains(a answer, text string) bool {
	return strings.Contains(strings.ToUpper(a.Body+strings.Join(a.Challenge, "")), text)
}

func TestProtect_lets_a_good_token_through(t *testing.T) {
	w := newWorld(t)
	got := call(t, request(t, w.api(t), "Bearer "+w.key.token(t, good())))
	if got.Status != 200 || got.Body != "hello, billing" || got.Challenge != nil {
		t.Errorf("got %+v", got)
	}
}

// RFC 6750 §3, §3.1.
func TestProtect_challenges_everybody_else(t *testing.T) {
	w := newWorld(t)
	api := w.api(t)
	const (
		bearer       = `Bearer realm="https://invoices.example.com"`
		malformed    = bearer + `, error="invalid_request"`
		invalid      = bearer + `, error="invalid_token"`
		insufficient = bearer + `, error="insufficient_scope", scope="invoices.read"`

		needed = "this API needs an access token: Authorization: Bearer …"
		bad    = "the access token is not valid: "
		lacks  = "the access token lacks the scope invoices.read"
	)
	token := w.key.token(t, good())
	for name, test := range map[string]struct {
		authorization []string
		want          answer
	}{
		"nothing at all":       {nil, refusal(401, bearer, needed)},
		"an empty header":      {[]string{""}, refusal(401, bearer, needed)},
		"another scheme":       {[]string{"Basic Yjp4"}, refusal(401, bearer, needed)},
		"two tokens":           {[]string{"Bearer " + token, "Bearer " + token}, refusal(400, malformed, "the Authorization header is malformed: there is more than one")},
		"two schemes":          {[]string{"Basic Yjp4", "Bearer " + token}, refusal(400, malformed, "the Authorization header is malformed: there is more than one")},
		"a scheme alone":       {[]string{"Bearer"}, refusal(400, malformed, "the Authorization header is malformed: there is nothing behind Bearer")},
		"no JWT":               {[]string{"Bearer opaque"}, refusal(401, invalid, bad+"the JWT is not three parts of canonical base64url with dots between them")},
		"a wrong signature":    {[]string{"Bearer " + token[:len(token)-86] + strings.Repeat("A", 86)}, refusal(401, invalid, bad+"the signature does not verify")},
		"an expired token":     {[]string{"Bearer " + w.key.token(t, good().with("exp", epoch.Unix()))}, refusal(401, invalid, bad+"it has expired")},
		"a token for another":  {[]string{"Bearer " + w.key.token(t, good().with("aud", "x"))}, refusal(401, invalid, bad+"aud is another API")},
		"a token without sub":  {[]string{"Bearer " + w.key.token(t, good().with("sub", nil))}, refusal(401, invalid, bad+"sub or client_id is missing")},
		"an unknown key":       {[]string{"Bearer " + stranger(t, "x")}, refusal(401, invalid, bad+"no registered key has the kid and the alg of the JWT")},
		"another scope":        {[]string{"Bearer " + w.key.token(t, good().with("scope", "invoices.pay"))}, refusal(403, insufficient, lacks)},
		"a longer scope":       {[]string{"Bearer " + w.key.token(t, good().with("scope", "invoices.readall"))}, refusal(403, insufficient, lacks)},
		"no scope":             {[]string{"Bearer " + w.key.token(t, good().with("scope", nil))}, refusal(403, insufficient, lacks)},
		"expired and no scope": {[]string{"Bearer " + w.key.token(t, good().with("scope", nil).with("exp", 1))}, refusal(401, invalid, bad+"it has expired")},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, call(t, request(t, api, test.authorization...))); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

// Nobody gets in unverified, and a token that may be good is not called bad.
func TestProtect_without_keys_asks_to_come_back(t *testing.T) {
	w := newWorld(t)
	w.publisher.says(http.StatusInternalServerError, "")
	api := w.api(t)
	want := answer{503, nil, "5", "application/json", "no-store", `{"message":"the keys that verify access tokens cannot be fetched"}`}
	for _, token := range []string{w.key.token(t, good()), stranger(t, "made-up"), w.key.token(t, good().with("exp", 1))} {
		if diff := cmp.Diff(want, call(t, request(t, api, "Bearer "+token))); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
	}
	if got := call(t, request(t, api)); got.Status != 401 {
		t.Errorf("without a token: %+v", got)
	}
	w.publisher.publishes(t, w.key)
	w.clock.advance(time.Second)
	if got := call(t, request(t, api, "Bearer "+w.key.token(t, good()))); got.Status != 200 {
		t.Errorf("when the keys are back: %+v", got)
	}
}

// RFC 6750 §2.2 and §2.3 are not taken: such tokens end in logs and in Referer.
func TestProtect_looks_for_the_token_in_the_header_only(t *testing.T) {
	w := newWorld(t)
	api, token := w.api(t), w.key.token(t, good())
	form := url.Values{"access_token": {token}}.Encode()
	inBody, err := http.NewRequestWithContext(t.Context(), http.MethodPost, api, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	inBody.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	inCookie := request(t, api)
	inCookie.AddCookie(&http.Cookie{Name: "access_token", Value: token})
	for name, r := range map[string]*http.Request{"query": request(t, api+"/?"+form), "body": inBody, "cookie": inCookie} {
		if got := call(t, r); got.Status != 401 || !cmp.Equal(got.Challenge, []string{`Bearer realm="https://invoices.example.com"`}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestProtect_says_nothing_of_the_request(t *testing.T) {
	const marker = "MARKER"
	w := newWorld(t)
	api := w.api(t)
	marked := func(c claims) string { return "Bearer " + w.key.token(t, c.with(marker, marker)) }
	for _, authorization := range [][]string{
		{marker}, {marker + " x"}, {"Bearer " + marker}, {"Bearer " + marker + "." + marker + "." + marker}, {"Bearer x", marker},
		{"Bearer " + stranger(t, marker)},
		{"Bearer " + w.key.typed(t, marker, good())},
		{"Bearer " + w.key.forge(t, `{"alg":"`+marker+`","typ":"at+jwt"}`, good())},
		{"Bearer " + w.key.forge(t, `{"alg":"ES256","typ":"at+jwt","`+marker+`":1,"`+marker+`":2}`, good())},
		{marked(good().with("iss", marker))}, {marked(good().with("aud", marker))}, {marked(good().with("exp", marker))}, {marked(good().with("sub", nil))},
		{marked(good().with("scope", marker))}, {marked(good().with("client_id", []string{marker}))},
	} {
		r := request(t, api+"/"+marker+"?"+marker, authorization...)
		r.Host = marker + ".example"
		got := call(t, r)
		if got.Status == 200 || contains(got, marker) {
			t.Errorf("%q: %+v", authorization, got)
		}
	}
}
