package probe

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// lifetime is that of our assertions. What a refusal does not use up is worth nothing a minute later.
const lifetime = time.Minute

// claims are those of an honest client assertion (protocol C3, C4), with changes; nil takes one out.
func (r *run) claims(changes map[string]any) map[string]any {
	now := r.config.Now()
	return with(map[string]any{
		"iss": r.config.Client, "sub": r.config.Client, "aud": r.config.Issuer,
		"iat": now.Unix(), "exp": now.Add(lifetime).Unix(), "jti": r.marker + rand.Text(),
	}, changes)
}

// honest makes an assertion as a client does, with changed claims.
func (r *run) honest(changes map[string]any) string {
	signed, err := r.config.Key.Sign("JWT", marshal(r.claims(changes)))
	if err != nil {
		return "" // is refused, and the check that must be granted says so
	}
	return signed
}

// form is a request of the client, with an assertion for its authentication.
func (r *run) form(assertion string) url.Values {
	form := url.Values{
		"grant_type":            {"client_credentials"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	}
	if r.config.Scope != "" {
		form.Set("scope", r.config.Scope)
	}
	if r.config.Resource != "" {
		form.Set("resource", r.config.Resource)
	}
	return form
}

// post is a request to the token endpoint.
type post struct {
	method      string // empty: POST
	query       string
	contentType string // empty: that of a form
	user        string // of HTTP Basic; empty: there is no Authorization header
	form        url.Values
	body        string // in place of form
	unmeasured  bool   // without Content-Length
}

// post sends it.
func (r *run) post(ctx context.Context, p post) answer {
	place := r.endpoint("token_endpoint", "/token")
	if p.query != "" {
		place += "?" + p.query
	}
	if p.method == "" {
		p.method = http.MethodPost
	}
	if p.contentType == "" {
		p.contentType = "application/x-www-form-urlencoded"
	}
	if p.body == "" {
		p.body = p.form.Encode()
	}
	for _, name := range []string{"assertion", "client_assertion"} {
		r.told = append(r.told, p.form[name]...)
	}
	var body io.Reader = strings.NewReader(p.body)
	if p.unmeasured {
		body = struct{ io.Reader }{body} // net/http asks readers that it knows for their length
	}
	request, err := http.NewRequestWithContext(ctx, p.method, place, body)
	if err != nil {
		return answer{failure: "there is no URL to ask"}
	}
	request.Header.Set("Content-Type", p.contentType)
	if p.user != "" {
		request.SetBasicAuth(p.user, r.marker)
	}
	return r.ask(request)
}
