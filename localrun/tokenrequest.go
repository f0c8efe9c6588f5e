package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// Bounds on one exchange with a token endpoint: a server that hangs or floods must not take this program with it.
const (
	exchangeTimeout = 10 * time.Second
	maxResponse     = 1 << 20 // bytes
)

// newHTTPClient returns a client for token requests. It follows no redirect, since that would carry the client's
// credential to wherever the answer points.
func newHTTPClient() *http.Client { return (clientTLS{}).newHTTPClient() }

// noRedirect lets no answer lead anywhere else: neither credentials nor the trust in keys may follow it there.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// tokenRequest is a token request as a client sends it (RFC 6749 §4.4.2, RFC 7523 §2.1).
type tokenRequest struct {
	Endpoint  string           // URL of the token endpoint
	Grant     string           // grant_type
	Assertion oauth.Secret     // the authorization grant of oauth.JWTBearer; zero: none
	Client    clientCredential // zero: the request names no client
	Scope     string           // empty: what the server grants by default
	Resources []string         // RFC 8707 §2; none: the server's choice
	Prover    jose.SigningKey  // the token is to be bound to this key (RFC 9449 §5); zero: to none
	ProvedFor string           // the URL that the proof names; empty: Endpoint
}

// clientCredential is how a request says whose it is (RFC 6749 §2.3, RFC 7523 §2.2).
type clientCredential struct {
	Method    string       // one of package oauth's; empty: oauth.NoAuthentication
	ID        string       // client_id; an assertion says it by itself
	Secret    oauth.Secret // of client_secret_basic and client_secret_post
	Assertion oauth.Secret // of private_key_jwt and client_secret_jwt
}

// form returns the parameters of the request. It holds secrets.
func (r tokenRequest) form() url.Values {
	form := url.Values{"grant_type": {r.Grant}}
	set := func(name, value string) {
		if value != "" {
			form.Set(name, value)
		}
	}
	set("assertion", r.Assertion.Reveal())
	set("scope", r.Scope)
	for _, resource := range r.Resources {
		form.Add("resource", resource)
	}
	r.Client.fill(form)
	return form
}

// fill puts what stands in the form into it.
func (c clientCredential) fill(form url.Values) {
	switch c.Method {
	case oauth.PrivateKeyJWT, oauth.ClientSecretJWT:
		form.Set("client_assertion_type", oauth.ClientAssertionTypeJWTBearer)
		form.Set("client_assertion", c.Assertion.Reveal())
	case oauth.ClientSecretPost:
		form.Set("client_id", c.ID)
		form.Set("client_secret", c.Secret.Reveal())
	case oauth.ClientSecretBasic: // in the header
	default: // a certificate needs its name beside it (RFC 8705 §2)
		if c.ID != "" {
			form.Set("client_id", c.ID)
		}
	}
}

// newRequest is a request of the client with this form.
func (c clientCredential) newRequest(ctx context.Context, endpoint string, form url.Values) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	if c.Method == oauth.ClientSecretBasic {
		// Both are form-encoded before they are joined (RFC 6749 §2.3.1).
		request.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret.Reveal()))
	}
	return request, nil
}

// send asks for a token. The error is a *refusal where the server answered and issued none. A server that wants its
// nonce in the proof says so with the nonce, and is asked once more (RFC 9449 §8).
func (r tokenRequest) send(ctx context.Context, client *http.Client) (tokenResponse, error) {
	if err := checkURL(r.Endpoint); err != nil {
		return tokenResponse{}, err
	}
	response, err := r.attempt(ctx, client, "")
	refused, isRefusal := errors.AsType[*refusal](err)
	if isRefusal && refused.Code == string(oauth.UseDPoPNonce) && refused.Nonce != "" && !r.Prover.IsZero() {
		return r.attempt(ctx, client, refused.Nonce)
	}
	return response, err
}

// attempt sends the request once, with a proof of its own.
func (r tokenRequest) attempt(ctx context.Context, client *http.Client, nonce string) (tokenResponse, error) {
	request, err := r.Client.newRequest(ctx, r.Endpoint, r.form())
	if err != nil {
		return tokenResponse{}, err
	}
	if !r.Prover.IsZero() {
		claims := dpop.Claims{Method: request.Method, URL: cmp.Or(r.ProvedFor, r.Endpoint), IssuedAt: time.Now(), Nonce: nonce}
		if err := prove(request, r.Prover, claims); err != nil {
			return tokenResponse{}, err
		}
	}
	answer, body, err := exchange(client, request)
	if err != nil {
		return tokenResponse{}, err
	}
	if answer.StatusCode != http.StatusOK {
		return tokenResponse{}, newRefusal(answer, body)
	}
	return parseTokenResponse(body)
}

// answerHead is what of an answer stands before its body.
type answerHead struct {
	StatusCode int
	Header     http.Header
}

// exchange sends a request and reads the answer to its end, or to its bound.
func exchange(client *http.Client, request *http.Request) (head answerHead, body []byte, err error) {
	answer, err := client.Do(request)
	if err != nil {
		if failed, isFailed := errors.AsType[*url.Error](err); isFailed {
			err = failed.Err
		}
		return answerHead{}, nil, fmt.Errorf("%s cannot be reached: %w", request.URL.Redacted(), err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(answer.Body, maxResponse+1))
	if err != nil {
		return answerHead{}, nil, fmt.Errorf("reading the answer of %s: %w", request.URL.Redacted(), err)
	}
	if len(body) > maxResponse {
		return answerHead{}, nil, fmt.Errorf("the answer of %s is larger than 1 MiB", request.URL.Redacted())
	}
	return answerHead{answer.StatusCode, answer.Header}, body, nil
}

// checkURL refuses to send a credential in the clear to any other machine (RFC 6749 §3.2: TLS is required).
func checkURL(text string) error {
	target, err := url.Parse(text)
	switch {
	case err != nil || target.Host == "" || target.User != nil:
		return fmt.Errorf("%q is not a URL like https://auth.example.com", text)
	case target.Scheme == "https", target.Scheme == "http" && isLoopback(target.Hostname()):
		return nil
	default:
		return fmt.Errorf("%q is not https, and only this machine itself can be asked without", text)
	}
}

func isLoopback(host string) bool {
	address := net.ParseIP(host)
	return host == "localhost" || address != nil && address.IsLoopback()
}

// tokenResponse is a successful answer (RFC 6749 §5.1).
type tokenResponse struct {
	AccessToken oauth.Secret
	TokenType   string
	ExpiresIn   time.Duration
	Scope       string
	Claims      map[string]any // rec_token, the claims of the assertion as the server verified them; nil: not there
	Body        []byte         // the whole answer as it came; it holds the token
}

func parseTokenResponse(body []byte) (tokenResponse, error) {
	var members struct {
		AccessToken string         `json:"access_token"`
		TokenType   string         `json:"token_type"`
		ExpiresIn   int64          `json:"expires_in"`
		Scope       string         `json:"scope"`
		RecToken    map[string]any `json:"rec_token"`
	}
	// The error of encoding/json is left out: it can quote the answer, and with it a token.
	if json.Unmarshal(body, &members) != nil || members.TokenType == "" || !isVisible(members.AccessToken) {
		return tokenResponse{}, errors.New("the server answered with status 200 and something that is no token response")
	}
	return tokenResponse{
		AccessToken: oauth.NewSecret(members.AccessToken),
		TokenType:   members.TokenType,
		ExpiresIn:   time.Duration(members.ExpiresIn) * time.Second,
		Scope:       members.Scope,
		Claims:      members.RecToken,
		Body:        body,
	}, nil
}

// isVisible reports whether text is what RFC 6749 §A.12 lets a token be. Anything else could steer a terminal.
func isVisible(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool { return c < 0x20 || c > 0x7e })
}

// harmless returns an answer as it came, and, where it is JSON, as the same JSON, without what could steer a terminal: that
// stands in its texts alone (RFC 8259 §7), where it has another form.
func harmless(body []byte) string {
	var text strings.Builder
	for _, c := range strings.TrimSpace(string(body)) {
		switch {
		case c == '\n' || unicode.IsPrint(c):
			text.WriteRune(c)
		case c == '\r' || c == '\t':
			text.WriteByte(' ')
		default:
			for _, unit := range utf16.Encode([]rune{c}) {
				fmt.Fprintf(&text, `\u%04x`, unit)
			}
		}
	}
	return text.String()
}

// refusal is the answer of a token endpoint that issued no token (RFC 6749 §5.2), as it came.
type refusal struct {
	Status      int    // of HTTP
	Code        string // error; empty: the answer is not one of OAuth
	Description string // error_description; may be empty
	RetryAfter  string // the header; empty: not there
	Nonce       string // DPoP-Nonce (RFC 9449 §8); empty: not there, or not one
	Body        []byte // the whole answer
}

func newRefusal(answer answerHead, body []byte) *refusal {
	var members struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	r := &refusal{Status: answer.StatusCode, Body: body, RetryAfter: answer.Header.Get("Retry-After"), Nonce: nonceOf(answer.Header)}
	if json.Unmarshal(body, &members) == nil {
		r.Code, r.Description = members.Code, members.Description
	}
	return r
}

// Error returns the code and the description on one line, without what could steer a terminal.
func (r *refusal) Error() string {
	text := fmt.Sprintf("the server answered with status %d", r.Status)
	if r.Code != "" {
		text = r.Code
	}
	if r.Description != "" {
		text += ": " + r.Description
	}
	if r.RetryAfter != "" {
		text += " (Retry-After: " + r.RetryAfter + ")"
	}
	return printable(text)
}
