package failures

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/server"
)

// request is one that can be sent again.
type request struct {
	path string
	form url.Values
}

// asking makes a request with an assertion that nobody has used.
type asking func(*world) request

// The client asks for a token in its own name.
func client(w *world) request {
	return request{"/token", w.proves("batch", url.Values{"grant_type": {"client_credentials"}})}
}

// A client that only a later version of the configuration has.
func laterClient(w *world) request {
	return request{"/token", w.proves("later", url.Values{"grant_type": {"client_credentials"}})}
}

// A client whose secret is in Secret Manager.
func warehouse(w *world) request {
	key, err := jose.NewSharedSecretSigningKey([]byte(sharedSecret), jose.HS256, "1")
	w.must(err)
	asked := client(w)
	asked.form.Set("client_assertion", w.assert(key, "warehouse", "warehouse"))
	return asked
}

// Somebody comes with an assertion of the issuer.
func vouchedFor(w *world) request { return vouchedBy(w, w.issuer) }

func vouchedBy(w *world, key jose.SigningKey) request {
	assertion := w.assert(key, "https://idp.example.com", "alice")
	return request{"/token", url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}}
}

// A stranger sends what the issuer has never signed.
func stranger(w *world) request {
	key, err := jose.GenerateSigningKey(jose.ES256)
	w.must(err)
	return vouchedBy(w, key)
}

// The API asks what a token is worth.
func introspection(w *world) request {
	return request{server.IntrospectionPath, w.proves("api", url.Values{"token": {w.held}})}
}

// The API takes one back.
func revocationOf(w *world) request {
	return request{server.RevocationPath, w.proves("api", url.Values{"token": {w.held}})}
}

// The client asks for what it may not have.
func tooMuch(w *world) request {
	asked := client(w)
	asked.form.Set("scope", "everything")
	return asked
}

func (w *world) proves(client string, form url.Values) url.Values {
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", w.assert(w.party, client, client))
	return form
}

// assert makes an assertion that is good for five minutes by the clock of who makes it.
func (w *world) assert(key jose.SigningKey, issuer, subject string) string {
	now := w.now().Add(w.clientIs)
	signed, err := key.Sign("JWT", fmt.Appendf(nil, `{"iss":%q,"sub":%q,"aud":%q,"jti":%q,"iat":%d,"exp":%d}`,
		issuer, subject, ownIssuer, rand.Text(), now.Unix(), now.Add(5*time.Minute).Unix()))
	w.must(err)
	return signed
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   struct {
		Token  string `json:"access_token"`
		Active *bool
		Error  string
	}
	text string
	took time.Duration
}

func (w *world) send(r request) (got answer) {
	w.t.Helper()
	begin := time.Now()
	response, err := http.PostForm(w.url+r.path, r.form)
	w.must(err)
	return w.read(response, begin)
}

func (w *world) get(path string) (got answer) {
	w.t.Helper()
	begin := time.Now()
	response, err := http.Get(w.url + path)
	w.must(err)
	return w.read(response, begin)
}

func (w *world) read(response *http.Response, begin time.Time) (got answer) {
	w.t.Helper()
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	w.must(err)
	got.status, got.header, got.text, got.took = response.StatusCode, response.Header, string(text), time.Since(begin)
	_ = json.Unmarshal(text, &got.body) // What it must have is looked at later, and the answer to a revocation has nothing.
	return got
}

// good reports whether the request was granted.
func (a answer) good() bool { return a.status == http.StatusOK }

// say is what the page says of it.
func (a answer) say() string {
	switch {
	case a.body.Token != "":
		return "a token"
	case a.good() && a.body.Active != nil:
		return fmt.Sprintf("`active: %t`", *a.body.Active)
	case a.good():
		return "200"
	case a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests:
		return strconv.Itoa(a.status)
	default:
		return fmt.Sprintf("%d `%s`", a.status, a.body.Error)
	}
}

// present is a request to an API.
func present(token string) *http.Request {
	r, _ := http.NewRequest(http.MethodGet, api, strings.NewReader(""))
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}
