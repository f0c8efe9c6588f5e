package resource_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/mutualtls"
	"example.com/countersign/internal/resource"
)

// named lets the API describe itself, under this identifier.
func named(audience string, metadata resource.Metadata) func(*resource.Config) {
	return func(c *resource.Config) { c.Audience, c.Metadata = audience, &metadata }
}

// described serves the API's description, and beside it an API that takes whatever comes.
func (w world) described(t *testing.T) string {
	t.Helper()
	rest := http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(answer, "the rest: "+r.URL.Path)
	})
	listener := httptest.NewServer(w.Describe(rest))
	t.Cleanup(listener.Close)
	return listener.URL
}

// RFC 9728 §2, §3.2: what is configured is in the document, and nothing else.
func TestMetadata_says_what_is_configured(t *testing.T) {
	takes := takesDPoP(t)
	few := func(c *resource.Config) { c.DPoP.Algorithms = jose.FAPI2Algorithms() }
	change := func(of func(*resource.Config)) func(*resource.Config) { return of }
	const (
		same   = `{"resource":"https://invoices.example.com","authorization_servers":["https://auth.example.com"]`
		header = `,"bearer_methods_supported":["header"]`
		bound  = `,"tls_client_certificate_bound_access_tokens":true`
		algs   = `,"dpop_signing_alg_values_supported":["ES256","EdDSA","Ed25519","PS256"]`
	)
	for name, test := range map[string]struct {
		metadata resource.Metadata
		changes  []func(*resource.Config)
		want     string
	}{
		"nothing besides": {want: same + header + `}`},
		"scopes": {
			metadata: resource.Metadata{Scopes: []string{"invoices.read", "invoices.pay"}},
			want:     same + `,"scopes_supported":["invoices.read","invoices.pay"]` + header + `}`,
		},
		"DPoP": {changes: []func(*resource.Config){takes, few}, want: same + header + algs + `}`},
		"DPoP, all algorithms": {
			changes: []func(*resource.Config){takes},
			want: same + header + `,"dpop_signing_alg_values_supported":` +
				`["ES256","ES384","ES512","EdDSA","Ed25519","PS256","PS384","PS512","RS256","RS384","RS512"]}`,
		},
		// No token is taken as Bearer, and a list of nothing is left out.
		"DPoP required": {
			changes: []func(*resource.Config){takes, few, change(func(c *resource.Config) { c.RequireDPoP = true })},
			want:    same + algs + `,"dpop_bound_access_tokens_required":true}`,
		},
		"bound to either": {
			changes: []func(*resource.Config){takes, few, change(func(c *resource.Config) { c.RequireBound = true })},
			want:    same + header + algs + `}`,
		},
		"certificates": {metadata: resource.Metadata{Certificates: true}, want: same + header + bound + `}`},
		"certificates required": {
			changes: []func(*resource.Config){change(func(c *resource.Config) { c.RequireCertificate = true })},
			want:    same + header + bound + `}`,
		},
		"certificates from a proxy": {
			changes: []func(*resource.Config){change(func(c *resource.Config) { c.Proxy = &mutualtls.Proxy{} })},
			want:    same + header + bound + `}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, slices.Concat(test.changes, []func(*resource.Config){named(invoices, test.metadata)})...)
			got := call(t, request(t, w.described(t)+resource.WellKnown))
			want := answer{Status: 200, ContentType: "application/json", CacheControl: "public, max-age=300", Body: test.want}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

// RFC 9728 §3.1: the well-known path goes in front of the path of the identifier, and at no other place is anything
// described.
func TestMetadata_are_at_one_place(t *testing.T) {
	for identifier, test := range map[string]struct{ url, path string }{
		"https://invoices.example.com":       {"https://invoices.example.com/.well-known/oauth-protected-resource", ""},
		"https://invoices.example.com/":      {"https://invoices.example.com/.well-known/oauth-protected-resource", ""},
		"https://example.com/mcp":            {"https://example.com/.well-known/oauth-protected-resource/mcp", "/mcp"},
		"https://example.com:8443/a/b/":      {"https://example.com:8443/.well-known/oauth-protected-resource/a/b/", "/a/b/"},
		"https://example.com/a%2Fb":          {"https://example.com/.well-known/oauth-protected-resource/a%2Fb", "/a%2Fb"},
		"http://127.0.0.1:8081":              {"http://127.0.0.1:8081/.well-known/oauth-protected-resource", ""},
		"https://example.com/.well-known/me": {"https://example.com/.well-known/oauth-protected-resource/.well-known/me", "/.well-known/me"},
	} {
		t.Run(identifier, func(t *testing.T) {
			w := newWorld(t, named(identifier, resource.Metadata{}))
			if got := w.MetadataURL(); got != test.url {
				t.Errorf("at %s, want %s", got, test.url)
			}
			at := w.described(t)
			var got struct{ Resource string }
			body := call(t, request(t, at+resource.WellKnown+test.path)).Body
			if err := json.Unmarshal([]byte(body), &got); err != nil || got.Resource != identifier {
				t.Errorf("%v: %s", err, body)
			}
			for _, path := range []string{"/", "/mcp", test.path + resource.WellKnown + "/x", resource.WellKnown + test.path + "/x", "/.well-known/oauth-authorization-server"} {
				if got := call(t, request(t, at+path)); !strings.HasPrefix(got.Body, "the rest: ") {
					t.Errorf("%s: %+v", path, got)
				}
			}
		})
	}
}

func TestMetadata_are_read_and_nothing_else(t *testing.T) {
	at := newWorld(t, named(invoices, resource.Metadata{})).described(t) + resource.WellKnown
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "PUT": 405, "DELETE": 405, "OPTIONS": 405} {
		r := request(t, at)
		r.Method = method
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want || want == 405 && response.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, response.StatusCode, response.Header)
		}
	}
}

func TestMetadata_are_not_there_unless_wanted(t *testing.T) {
	w := newWorld(t)
	if got := w.MetadataURL(); got != "" {
		t.Errorf("they are at %s", got)
	}
	if got := call(t, request(t, w.described(t)+resource.WellKnown)); !strings.HasPrefix(got.Body, "the rest: ") {
		t.Errorf("%+v", got)
	}
}

// RFC 9728 §1.2: the identifier of a resource is a URL without a fragment. One with a query is none that we serve.
func TestNew_wants_an_identifier_that_metadata_can_be_found_by(t *testing.T) {
	for _, identifier := range []string{
		"invoices", "urn:example:invoices", "invoices.example.com", "ftp://invoices.example.com", "https:///invoices",
		"https://invoices.example.com#x", "https://invoices.example.com?x=1", "https://me@invoices.example.com",
		"https://bücher.example", " https://invoices.example.com", `https://invoices.example.com/"`, "https://invoices.example.com/a b",
		"HTTPS://invoices.example.com",
	} {
		config := resource.Config{
			Issuer: issuer, Audience: identifier, JWKSURI: issuer + "/jwks.json", Client: &http.Client{}, Now: (&clock{}).now,
		}
		if _, err := resource.New(config); err != nil {
			t.Errorf("%q without metadata: %v", identifier, err)
		}
		config.Metadata = &resource.Metadata{}
		if verifier, err := resource.New(config); err == nil || verifier != nil {
			t.Errorf("%q: New = %v, %v", identifier, verifier, err)
		}
	}
}

// RFC 9728 §5.1, RFC 6750 §3: every challenge leads to the description, and says which scope to ask for.
func TestMetadata_are_in_every_challenge(t *testing.T) {
	metadata := named("https://example.com/mcp", resource.Metadata{})
	few := func(c *resource.Config) { c.DPoP.Algorithms = jose.FAPI2Algorithms() }
	bearerOnly := newWorld(t, metadata).client(t)
	either := newClient(t, few, metadata)
	strict := newClient(t, few, metadata, func(c *resource.Config) { c.RequireDPoP = true })
	const (
		scope  = `scope="invoices.read", `
		where  = `resource_metadata="https://example.com/.well-known/oauth-protected-resource/mcp"`
		bearer = `Bearer realm="https://example.com/mcp", `
		algs   = `algs="ES256 EdDSA Ed25519 PS256", `
	)
	narrow := func(c client) change {
		return token(c.world.key.token(t, good().with("aud", "https://example.com/mcp").with("scope", "invoices.pay")))
	}
	for _, test := range []struct {
		name       string
		client     client
		change     change
		status     int
		challenges []string
	}{
		{"Bearer, nothing", bearerOnly, unnamed(), 401, []string{bearer + scope + where}},
		{"Bearer, a bad token", bearerOnly, unnamed("Bearer x"), 401, []string{bearer + `error="invalid_token", ` + scope + where}},
		{"Bearer, no token", bearerOnly, unnamed("Bearer"), 400, []string{bearer + `error="invalid_request", ` + scope + where}},
		{"either, nothing", either, unnamed(), 401, []string{"DPoP " + scope + algs + where, bearer + scope + where}},
		{
			"either, a bad token as Bearer", either, unnamed("Bearer x"),
			401, []string{bearer + `error="invalid_token", ` + scope + where, "DPoP " + scope + algs + where},
		},
		{
			"either, another scope", either, func(t testing.TB, a *attempt) {
				narrow(either)(t, a)
				sentAs("Bearer")(t, a)
			},
			403, []string{bearer + `error="insufficient_scope", ` + scope + where, "DPoP " + scope + algs + where},
		},
		{"strict, nothing", strict, unnamed(), 401, []string{"DPoP " + scope + algs + where}},
		{"strict, a bad token", strict, unnamed("DPoP x"), 401, []string{`DPoP error="invalid_token", ` + scope + algs + where}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := test.client.attempt(t, test.client.token, test.client.key)
			test.change(t, a)
			got := call(t, a.request(t, test.client.at))
			if diff := cmp.Diff(test.challenges, got.Challenge); diff != "" || got.Status != test.status {
				t.Errorf("%d, want %d; want -, got +:\n%s", got.Status, test.status, diff)
			}
		})
	}
}
