package server_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// forMCP is the same service, with metadata that the official clients of the Model Context Protocol read.
const forMCP = acme + "metadata: {mcp_clients: true}\n"

// A query as a client sends it that means to log somebody in.
const login = "?response_type=code&client_id=billing&redirect_uri=https%3A%2F%2Fevil.example.com%2Fcallback" +
	"&state=xyzzy&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"

func TestJ3_without_being_wanted_there_is_no_authorization_endpoint(t *testing.T) {
	for name, document := range map[string]string{
		"not written": acme, "false": acme + "metadata: {mcp_clients: false}\n",
		"another setting": acme + "troubleshooting: {rec_token: true}\n",
	} {
		d := deploy(t, document)
		for _, path := range []string{"/authorize", "/authorize" + login, "/authorize/"} {
			for _, sent := range []request{
				get(path), ask(method(http.MethodHead), target(path), contentType()), ask(method(http.MethodPost), target(path), body("a=b")),
			} {
				if got := d.send(t, sent); got.status != 404 {
					t.Errorf("%s: %s %s is there: %d %s", name, sent.method, path, got.status, got.body)
				}
			}
		}
		for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
			said := d.metadata(t, path)
			for _, field := range []string{"authorization_endpoint", "code_challenge_methods_supported"} {
				if _, there := said[field]; there {
					t.Errorf("%s: %s has %s", name, path, field)
				}
			}
		}
	}
}

func TestJ3_the_authorization_endpoint_refuses_every_request_and_redirects_nobody(t *testing.T) {
	d := deploy(t, forMCP)
	for name, sent := range map[string]request{
		"GET":                        get("/authorize"),
		"a login":                    get("/authorize" + login),
		"a token in the fragment":    get("/authorize?response_type=token&client_id=billing&redirect_uri=https://evil.example.com/"),
		"no response type":           get("/authorize?response_type=&client_id=billing"),
		"nonsense":                   get("/authorize?%zz=%zz&response_type=code&response_type=code"),
		"an unknown client":          get("/authorize?response_type=code&client_id=nobody"),
		"a redirect without https":   get("/authorize?response_type=code&client_id=billing&redirect_uri=javascript:alert(1)"),
		"POST, a login in the form":  ask(method(http.MethodPost), target("/authorize"), body(login[1:])),
		"POST of JSON":               ask(method(http.MethodPost), target("/authorize"), contentType("application/json"), body(`{"response_type":"code"}`)),
		"POST of nothing":            ask(method(http.MethodPost), target("/authorize"), contentType(), body("")),
		"a request for a token":      clientCredentials(d.proves("billing"), target("/authorize")),
		"a wish for HTML":            ask(method(http.MethodGet), target("/authorize"+login), contentType(), header("Accept", "text/html")),
		"a user that is logged in":   ask(method(http.MethodGet), target("/authorize"+login), contentType(), header("Cookie", "session=1")),
		"credentials in a header":    ask(method(http.MethodGet), target("/authorize"), contentType(), header("Authorization", "Basic YTpi")),
		"a script of another origin": ask(method(http.MethodGet), target("/authorize"), contentType(), header("Origin", "https://evil.example.com")),
	} {
		got := d.send(t, sent)
		expectNotKept(t, got)
		var said map[string]string
		if err := json.Unmarshal([]byte(got.body), &said); err != nil || got.status != 400 {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
		want := map[string]string{
			"error": "unsupported_response_type",
			"error_description": "this server has no authorization endpoint worth the name, and nobody logs in here; " +
				"the token endpoint has client_credentials urn:ietf:params:oauth:grant-type:jwt-bearer",
		}
		if difference := cmp.Diff(want, said); difference != "" {
			t.Errorf("%s: want -, got +:\n%s", name, difference)
		}
		for _, field := range []string{"Location", "Set-Cookie", "Refresh", "Access-Control-Allow-Origin", "WWW-Authenticate"} {
			if got.header.Get(field) != "" {
				t.Errorf("%s: %s: %s", name, field, got.header.Get(field))
			}
		}
	}
	head := d.send(t, ask(method(http.MethodHead), target("/authorize"+login), contentType()))
	if head.status != 400 || head.body != "" {
		t.Errorf("HEAD: got %d %q", head.status, head.body)
	}
}

func TestJ3_other_methods_of_the_authorization_endpoint_are_405(t *testing.T) {
	d := deploy(t, forMCP)
	for _, name := range []string{"PUT", "PATCH", "DELETE", "OPTIONS"} {
		got := d.send(t, ask(method(name), target("/authorize")))
		if got.status != 405 || got.header.Get("Allow") != "GET, HEAD, POST" || !strings.Contains(got.body, `"invalid_request"`) {
			t.Errorf("%s: got %d %v %s", name, got.status, got.header, got.body)
		}
		expectNotKept(t, got)
	}
	for _, path := range []string{"/authorize/", "/Authorize", "//authorize", "/authorize/x", "/x/authorize"} {
		if got := d.send(t, get(path)); got.status != 404 {
			t.Errorf("%s is there: %d %s", path, got.status, got.body)
		}
	}
}

func TestJ3_metadata_for_MCP_clients_say_two_things_more_and_no_response_type(t *testing.T) {
	plain, d := deploy(t, acme), deploy(t, forMCP)
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		want := plain.metadata(t, path)
		maps.Copy(want, map[string]any{
			"authorization_endpoint": us + "/authorize", "code_challenge_methods_supported": []any{"S256"}, "response_types_supported": []any{},
		})
		if difference := cmp.Diff(want, d.metadata(t, path)); difference != "" {
			t.Errorf("%s: want -, got +:\n%s", path, difference)
		}
	}
	d.judge(t,
		deny("a code is no grant all the same", ask(param("grant_type", "authorization_code"), param("code", "x"), d.proves("billing")), unsupported),
		allow("what was granted is granted", clientCredentials(d.proves("billing"))),
	)
}

func TestJ3_the_authorization_endpoint_stands_below_the_path_of_an_issuer(t *testing.T) {
	for issuer, base := range map[string]string{
		"https://auth.example.com/":             "https://auth.example.com",
		"https://auth.example.com/tenants/acme": "https://auth.example.com/tenants/acme",
	} {
		d := deploy(t, variant(t, forMCP, "issuer: https://auth.example.com\n", "issuer: "+issuer+"\n"))
		path := strings.TrimPrefix(base, "https://auth.example.com")
		if said := d.metadata(t, "/.well-known/oauth-authorization-server"+path)["authorization_endpoint"]; said != base+"/authorize" {
			t.Errorf("%s: it is at %v", issuer, said)
		}
		for _, form := range []string{path + "/authorize", "/authorize"} {
			if got := d.send(t, get(form)); got.status != 400 {
				t.Errorf("%s: %s: got %d", issuer, form, got.status)
			}
		}
	}
}

func TestJ3_where_nobody_gets_anything_the_authorization_endpoint_says_so(t *testing.T) {
	d := deploy(t, `
issuer: https://auth.example.com
signing_keys: {directory: keys}
metadata: {mcp_clients: true}
resources: [{id: https://a.example.com, scopes: [read]}]
`)
	if got := d.send(t, get("/authorize")); got.status != 400 || !strings.Contains(got.body, "it has no grant for anybody") {
		t.Errorf("got %d %s", got.status, got.body)
	}
}
