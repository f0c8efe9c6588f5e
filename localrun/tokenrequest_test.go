package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/oauth"
)

// answering is a token endpoint that answers whatever it is asked in one way.
func answering(t *testing.T, answer http.HandlerFunc) tokenRequest {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return tokenRequest{Endpoint: server.URL + "/token", Grant: oauth.ClientCredentials}
}

func TestRequestHasExactlyWhatItsMethodNeeds(t *testing.T) {
	secret, assertion := oauth.NewSecret("s:e+c ret"), oauth.NewSecret("a.b.c")
	const kind = oauth.ClientAssertionTypeJWTBearer
	for _, test := range []struct {
		name          string
		request       tokenRequest
		want          url.Values
		authorization string
	}{
		{
			"client assertion", tokenRequest{Grant: oauth.ClientCredentials, Client: clientCredential{Method: oauth.PrivateKeyJWT, ID: "c", Assertion: assertion}},
			url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {kind}, "client_assertion": {"a.b.c"}}, "",
		},
		{
			"post", tokenRequest{Grant: oauth.ClientCredentials, Scope: "a b", Client: clientCredential{Method: oauth.ClientSecretPost, ID: "c", Secret: secret}},
			url.Values{"grant_type": {"client_credentials"}, "scope": {"a b"}, "client_id": {"c"}, "client_secret": {"s:e+c ret"}}, "",
		},
		{
			"basic", tokenRequest{Grant: oauth.ClientCredentials, Client: clientCredential{Method: oauth.ClientSecretBasic, ID: "c:1", Secret: secret}},
			url.Values{"grant_type": {"client_credentials"}}, "c%3A1:s%3Ae%2Bc+ret",
		},
		{
			"name only", tokenRequest{Grant: oauth.JWTBearer, Assertion: assertion, Client: clientCredential{ID: "c"}, Resources: []string{"u:1", "u:2"}},
			url.Values{"grant_type": {oauth.JWTBearer}, "assertion": {"a.b.c"}, "client_id": {"c"}, "resource": {"u:1", "u:2"}}, "",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got url.Values
			var authorization string
			request := answering(t, func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm()
				got = r.PostForm
				if id, secret, found := r.BasicAuth(); found {
					authorization = id + ":" + secret
				}
				_, _ = io.WriteString(w, `{"access_token":"t","token_type":"Bearer","expires_in":60,"scope":"a","rec_token":{"sub":"x"}}`)
			})
			test.request.Endpoint = request.Endpoint
			response, err := test.request.send(t.Context(), newHTTPClient())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the form (-want +got):\n%s", diff)
			}
			if authorization != test.authorization {
				t.Errorf("the Authorization header says %q, want %q", authorization, test.authorization)
			}
			if response.AccessToken.Reveal() != "t" || response.ExpiresIn != time.Minute || response.Claims["sub"] != "x" {
				t.Errorf("the response is %+v", response)
			}
		})
	}
}

func TestAnswersThatAreNoTokenAreRefused(t *testing.T) {
	write := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, test := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"an OAuth error", write(400, `{"error":"invalid_scope","error_description":"no"}`), "invalid_scope: no"},
		{"an OAuth error alone", write(401, `{"error":"invalid_client"}`), "invalid_client"},
		{"a proxy's page", write(502, `<html>`), "status 502"},
		{"a page with status 200", write(200, `<html>`), "no token response"},
		{"JSON without a token", write(200, `{"token_type":"Bearer"}`), "no token response"},
		{"a token without a type", write(200, `{"access_token":"secret-token"}`), "no token response"},
		{"a token that steers the terminal", write(200, `{"access_token":"\u001b[2J","token_type":"Bearer"}`), "no token response"},
		{"a description that does", write(400, `{"error":"x","error_description":"\u001b[2J"}`), "x: ?[2J"},
		{"a flood", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, maxResponse+1)) }, "larger than 1 MiB"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://attacker.example", http.StatusTemporaryRedirect)
		}, "status 307"},
		{"busy", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "5")
			write(503, `{"error":"temporarily_unavailable"}`)(w, nil)
		}, "temporarily_unavailable (Retry-After: 5)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			response, err := answering(t, test.answer).send(t.Context(), newHTTPClient())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v; want %q in it", err, test.want)
			}
			if strings.Contains(fmt.Sprint(err), "secret-token") || !response.AccessToken.IsZero() {
				t.Errorf("a token got out: %v, %v", response, err)
			}
		})
	}
}

func TestRefusalKeepsStatusAndCode(t *testing.T) {
	request := answering(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"unknown"}`)
	})
	_, err := request.send(t.Context(), newHTTPClient())
	refused, isRefusal := errors.AsType[*refusal](err)
	if !isRefusal || refused.Status != 401 || refused.Code != "invalid_client" || refused.Description != "unknown" {
		t.Errorf("the error is %#v", err)
	}
}

func TestServerThatHangsIsGivenUp(t *testing.T) {
	done := make(chan struct{})
	request := answering(t, func(http.ResponseWriter, *http.Request) { <-done })
	t.Cleanup(func() { close(done) }) // before the server waits for its last answer
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := request.send(ctx, newHTTPClient()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
}

func TestCredentialsGoToThisMachineOrOverTLS(t *testing.T) {
	allow := []string{"https://auth.example.com/token", "http://localhost:8080", "http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:8080"}
	deny := []string{
		"http://auth.example.com", "http://localhost.example.com", "http://127.0.0.1.example.com", "http://10.0.0.1", "http://[::]:80",
		"ftp://localhost", "https:///token", "https://", "localhost:8080", "", "https://me@auth.example.com", "https://a b",
	}
	for _, text := range allow {
		if err := checkURL(text); err != nil {
			t.Error(err)
		}
	}
	for _, text := range deny {
		if checkURL(text) == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	_, err := tokenRequest{Endpoint: "http://auth.example.com/token"}.send(t.Context(), newHTTPClient())
	if err == nil || !strings.Contains(err.Error(), "not https") {
		t.Errorf("the error is %v", err)
	}
}

func TestMetadataIsWhereTheRFCPutsIt(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://a.example":            "https://a.example/.well-known/oauth-authorization-server",
		"https://a.example/":           "https://a.example/.well-known/oauth-authorization-server",
		"https://a.example:8443/t/one": "https://a.example:8443/.well-known/oauth-authorization-server/t/one",
	} {
		if got, err := metadataURL(issuer); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", issuer, got, err, want)
		}
	}
}

func TestDiscoveryBelievesOnlyTheIssuerItAskedFor(t *testing.T) {
	answers := map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, answers[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	const place = "/.well-known/oauth-authorization-server"
	answers[place] = fmt.Sprintf(`{"issuer":%q,"token_endpoint":"%s/oauth2/token"}`, server.URL, server.URL)
	answers[place+"/other"] = `{"issuer":"https://victim.example","token_endpoint":"https://attacker.example/token"}`
	answers[place+"/empty"] = fmt.Sprintf(`{"issuer":"%s/empty"}`, server.URL)
	answers[place+"/page"] = `<html>`
	found, err := locate(t.Context(), newHTTPClient(), server.URL)
	if err != nil || found.Issuer != server.URL || found.TokenEndpoint != server.URL+"/oauth2/token" {
		t.Errorf("found %+v, %v", found, err)
	}
	for path, want := range map[string]string{
		"/":      `calls itself "` + server.URL + `"; use that name`,
		"/other": `calls itself "https://victim.example"`,
		"/empty": "not the metadata",
		"/page":  "not the metadata",
	} {
		if _, err := locate(t.Context(), newHTTPClient(), server.URL+path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v; want %q in it", path, err, want)
		}
	}
	missing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(missing.Close)
	if _, err := locate(t.Context(), newHTTPClient(), missing.URL); err == nil || !strings.Contains(err.Error(), "status 404") {
		t.Errorf("the error is %v", err)
	}
}

func TestServerThatIsNotThereIsNamed(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	server.Close()
	_, err := locate(t.Context(), newHTTPClient(), address)
	if err == nil || !strings.Contains(err.Error(), address) || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("the error is %v", err)
	}
}
