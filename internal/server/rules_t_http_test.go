package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// wire sends bytes as they are, says that no more will come, and returns the answer.
func (d *deployment) wire(t *testing.T, text string) answer {
	t.Helper()
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, text); err != nil {
		t.Fatal(err)
	}
	if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	received, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(received)}
}

const postForm = "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"

func TestT3_a_body_that_is_not_complete_is_refused(t *testing.T) {
	d := deploy(t, acme)
	form := clientCredentials(d.proves("billing")).text()
	incomplete := invalidRequest("body_unreadable", "the body ended before it was complete")
	for name, text := range map[string]string{
		"shorter than its length": fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", postForm, len(form)+1, form),
		"without its last chunk":  fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", postForm, len(form), form),
		"a chunk that is none":    fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\nzz\r\n%s\r\n0\r\n\r\n", postForm, form),
	} {
		t.Run(name, func(t *testing.T) {
			d.expectRefusal(t, ask(), d.wire(t, text), incomplete)
		})
	}
	t.Run("longer than its length", func(t *testing.T) {
		cut := fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", postForm, len("grant_type=client_credentials"), form)
		d.expectRefusal(t, ask(), d.wire(t, cut), invalidClient("client_missing", "client_credentials needs client authentication, and the request has none"))
	})
}

// What net/http refuses on its own never reaches us, and never gets a token.
func TestT1_a_request_that_is_read_differently_by_others_is_refused(t *testing.T) {
	d := deploy(t, acme)
	form := clientCredentials(d.proves("billing")).text()
	for name, text := range map[string]string{
		"two lengths":            fmt.Sprintf("%sContent-Length: %d\r\nContent-Length: 5\r\n\r\n%s", postForm, len(form), form),
		"a negative length":      fmt.Sprintf("%sContent-Length: -1\r\n\r\n%s", postForm, form),
		"an unknown encoding":    fmt.Sprintf("%sTransfer-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", postForm, len(form), form),
		"two hosts":              fmt.Sprintf("%sHost: y\r\nContent-Length: %d\r\n\r\n%s", postForm, len(form), form),
		"a header with a NUL":    fmt.Sprintf("%sAuthorization: a\x00b\r\nContent-Length: %d\r\n\r\n%s", postForm, len(form), form),
		"a header's name spaced": fmt.Sprintf("%sContent-Length : %d\r\n\r\n%s", postForm, len(form), form),
	} {
		if got := d.wire(t, text); got.status < 400 || got.status == 500 || strings.Contains(got.body, "access_token") {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
}

func TestT7_several_Authorization_headers_are_refused(t *testing.T) {
	d := deploy(t, acme)
	several := invalidRequest("several_credentials", "the request authenticates its client in more than one way")
	right := basic("portal", portalSecret)
	d.judge(t,
		allow("one", clientCredentials(right)),
		deny("the same twice", clientCredentials(right, right), several),
		deny("a wrong one first", clientCredentials(basic("portal", "a-wrong-secret"), right), several),
		deny("a wrong one last", clientCredentials(right, basic("portal", "a-wrong-secret")), several),
		deny("an empty one", clientCredentials(right, header("Authorization", "")), several),
		deny("another scheme", clientCredentials(right, header("Authorization", "Bearer abc")), several),
	)
}

func TestT1_no_other_path_is_the_token_endpoint(t *testing.T) {
	d := deploy(t, acme)
	for _, path := range []string{
		"/", "//token", "/token/", "/TOKEN", "/Token", "/token/.", "/./token", "/x/../token", "/token%00", "/token%20",
		"/token;x", "/token%2F", "/%2Ftoken", "/token.json", "/oauth/token", "/auth.example.com/token", "/AuthorizationServer/token",
	} {
		got := d.send(t, clientCredentials(d.proves("billing"), target(path)))
		if got.status != http.StatusNotFound || strings.Contains(got.body, "access_token") {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
		expectNotKept(t, got)
	}
	// The same path in another spelling is the same path (RFC 3986 §6.2.2.2).
	d.judge(t, allow("percent-encoded", clientCredentials(d.proves("billing"), target("/%74oken"))))
}

// The handlers that stand alone are reached at whatever path the platform gives them.
func TestT1_a_handler_that_stands_alone_answers_at_any_path(t *testing.T) {
	d := deploy(t, acme)
	for name, alone := range map[string]http.Handler{"Token": d.service.Server.Token(), "JWKS": d.service.Server.JWKS()} {
		listener := httptest.NewServer(alone)
		defer listener.Close()
		d.url = listener.URL
		for _, path := range []string{"/", "/token", "/Token", "/anything/at/all"} {
			read, asked := d.send(t, get(path)), d.send(t, clientCredentials(d.proves("billing"), target(path)))
			switch name {
			case "Token":
				if read.status != 405 || asked.status != 200 {
					t.Errorf("%s at %s: got %d for GET, %d for POST", name, path, read.status, asked.status)
				}
			case "JWKS":
				if read.status != 200 || asked.status != 405 || read.header.Get("ETag") == "" {
					t.Errorf("%s at %s: got %d for GET, %d for POST", name, path, read.status, asked.status)
				}
			}
		}
	}
}
