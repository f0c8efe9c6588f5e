package server_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/server"
)

func TestJ1_the_JWK_Set_has_public_keys_only(t *testing.T) {
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		d := deploy(t, variant(t, acme, "{directory: keys}", "{directory: keys, algorithm: "+string(algorithm)+"}"))
		got := d.send(t, get(server.JWKSPath))
		var set struct{ Keys []map[string]string }
		if err := json.Unmarshal([]byte(got.body), &set); err != nil || len(set.Keys) != 1 {
			t.Fatalf("got %s: %v", got.body, err)
		}
		key := set.Keys[0]
		own := signingKey(t, "own."+string(algorithm))
		if key["kid"] != own.ID() || key["use"] != "sig" || key["alg"] != string(algorithm) {
			t.Errorf("got %v", key)
		}
		members := map[string][]string{
			"EC": {"alg", "crv", "kid", "kty", "use", "x", "y"}, "OKP": {"alg", "crv", "kid", "kty", "use", "x"}, "RSA": {"alg", "e", "kid", "kty", "n", "use"},
		}[key["kty"]]
		if names := slices.Sorted(maps.Keys(key)); !slices.Equal(names, members) {
			t.Errorf("%s: got %q", algorithm, names)
		}
		// RFC 7638: the same key without its name is named the same.
		nameless, _, err := jose.ParseKeySet([]byte(strings.Replace(got.body, `"kid":"`+key["kid"]+`",`, "", 1)), "")
		if err != nil || len(nameless) != 1 || nameless[0].ID() != key["kid"] {
			t.Errorf("%s: the kid %s is not the thumbprint: %v, %v", algorithm, key["kid"], nameless, err)
		}
	}
}

// publicDocuments are what everybody may read and keep.
var publicDocuments = map[string]string{
	"/.well-known/jwks.json":                  "application/jwk-set+json",
	"/.well-known/oauth-authorization-server": "application/json",
	"/.well-known/openid-configuration":       "application/json",
}

func TestJ1_J3_public_documents_may_be_kept(t *testing.T) {
	d := deploy(t, acme)
	for path, kind := range publicDocuments {
		got := d.send(t, get(path))
		if got.status != 200 || got.header.Get("Content-Type") != kind || got.header.Get("Cache-Control") != "public, max-age=300" || !json.Valid([]byte(got.body)) {
			t.Errorf("%s: got %d %v", path, got.status, got.header)
		}
		tag := got.header.Get("ETag")
		if !strings.HasPrefix(tag, `"`) || !strings.HasSuffix(tag, `"`) || len(tag) < 18 {
			t.Errorf("%s: the ETag is not a strong one: %s", path, tag)
		}
		if again := d.send(t, get(path)); again.header.Get("ETag") != tag || again.body != got.body {
			t.Errorf("%s: it is not the same the second time", path)
		}
		head := d.send(t, ask(method(http.MethodHead), target(path), contentType()))
		got.header.Del("Date")
		head.header.Del("Date")
		if difference := cmp.Diff(got.header, head.header); head.status != 200 || head.body != "" || difference != "" {
			t.Errorf("%s: HEAD is not like GET: %d %q\n%s", path, head.status, head.body, difference)
		}
	}
}

func TestJ1_J3_a_copy_that_is_still_good_is_304(t *testing.T) {
	d := deploy(t, acme)
	for path := range publicDocuments {
		tag := d.send(t, get(path)).header.Get("ETag")
		for field, want := range map[string]int{
			tag: 304, "W/" + tag: 304, "*": 304, `"other", ` + tag: 304, tag + `,"other"`: 304, `W/"other" , W/` + tag + " ": 304, `"a","b",*`: 304, ",, " + tag: 304,
			`"other"`: 200, `W/"other"`: 200, strings.Trim(tag, `"`): 200, tag[:10] + `"`: 200, "w/" + tag: 200, "": 200, ",": 200, `"*"`: 200, "W/*": 200,
		} {
			for _, name := range []string{"GET", "HEAD"} {
				got := d.send(t, ask(method(name), target(path), contentType(), header("If-None-Match", field)))
				if got.status != want || want == 304 && (got.body != "" || got.header.Get("ETag") != tag || got.header.Get("Cache-Control") == "") {
					t.Errorf("%s %s, If-None-Match: %s: got %d %v", name, path, field, got.status, got.header)
				}
			}
		}
		if got := d.send(t, ask(method("GET"), target(path), contentType(), header("If-None-Match", `"other"`, tag))); got.status != 304 {
			t.Errorf("%s: two fields: got %d", path, got.status)
		}
		if got := d.send(t, ask(method("GET"), target(path), contentType(), header("If-Modified-Since", "Sun, 01 Mar 2026 12:00:00 GMT"))); got.status != 200 {
			t.Errorf("%s: a date: got %d", path, got.status)
		}
	}
}

func TestJ1_J3_other_methods_are_405(t *testing.T) {
	d := deploy(t, acme)
	paths := append(slices.Sorted(maps.Keys(publicDocuments)), "/health", "/ready")
	for _, path := range paths {
		for _, name := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			got := d.send(t, ask(method(name), target(path)))
			if got.status != 405 || got.header.Get("Allow") != "GET, HEAD" || !strings.Contains(got.body, `"invalid_request"`) {
				t.Errorf("%s %s: got %d %v %s", name, path, got.status, got.header, got.body)
			}
			expectNotKept(t, got)
		}
	}
}

// metadata fetches the metadata.
func (d *deployment) metadata(t *testing.T, path string) map[string]any {
	t.Helper()
	got := d.send(t, get(path))
	var document map[string]any
	if err := json.Unmarshal([]byte(got.body), &document); err != nil || got.status != 200 {
		t.Fatalf("%s: got %d %s", path, got.status, got.body)
	}
	return document
}

func TestJ3_the_metadata_says_what_this_configuration_supports(t *testing.T) {
	d := deploy(t, vaulted)
	want := map[string]any{
		"issuer":                                us,
		"token_endpoint":                        us + "/token",
		"jwks_uri":                              us + "/.well-known/jwks.json",
		"scopes_supported":                      []any{"invoices.read", "invoices.write", "ledger.read"},
		"response_types_supported":              []any{},
		"grant_types_supported":                 []any{"client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
		"token_endpoint_auth_methods_supported": []any{"client_secret_basic", "client_secret_jwt", "client_secret_post", "none", "private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []any{"ES256", "HS256"},
		"dpop_signing_alg_values_supported": []any{
			"ES256", "ES384", "ES512", "Ed25519", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512",
		},
	}
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		if difference := cmp.Diff(want, d.metadata(t, path)); difference != "" {
			t.Errorf("%s: want -, got +:\n%s", path, difference)
		}
	}
}

func TestJ3_the_metadata_says_nothing_more(t *testing.T) {
	const nobody = `
issuer: https://auth.example.com
signing_keys: {directory: keys}
resources: [{id: https://a.example.com, scopes: [read]}]
`
	oneClient := `
clients:
  - id: mobile
    authentication: client_secret_post
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$AKpAqMYY9/0$X3XF2vTarmr06uPB/XY+QA"]
    grants: [client_credentials]
    allow: [{resource: https://a.example.com, scopes: [read]}]
`
	for name, test := range map[string]struct {
		document        string
		grants, methods []any
	}{
		"nobody":                   {nobody, []any{}, []any{}},
		"one client":               {nobody + oneClient, []any{"client_credentials"}, []any{"client_secret_post"}},
		"one client, and disabled": {nobody + strings.Replace(oneClient, "id: mobile", "id: mobile\n    disabled: true", 1), []any{}, []any{}},
	} {
		document := deploy(t, test.document).metadata(t, "/.well-known/oauth-authorization-server")
		// Left out, they would stand for authorization_code and client_secret_basic (RFC 8414 §2).
		if difference := cmp.Diff(test.grants, document["grant_types_supported"]) + cmp.Diff(test.methods, document["token_endpoint_auth_methods_supported"]); difference != "" {
			t.Errorf("%s: want -, got +:\n%s", name, difference)
		}
		if _, there := document["token_endpoint_auth_signing_alg_values_supported"]; there {
			t.Errorf("%s: nobody signs anything", name)
		}
	}
}

// RFC 8414 §3.1 puts the issuer's path behind the well-known one; OpenID Connect Discovery §4 before it, and RFC 8414 §5
// knows both for openid-configuration. Any final slash is taken off first.
func TestJ3_an_issuer_with_a_path_is_found_in_every_way(t *testing.T) {
	for issuer, base := range map[string]string{
		"https://auth.example.com":              "https://auth.example.com",
		"https://auth.example.com/":             "https://auth.example.com",
		"https://auth.example.com/tenants/acme": "https://auth.example.com/tenants/acme",
		"https://auth.example.com/tenants/":     "https://auth.example.com/tenants",
		"https://auth.example.com/a%20b":        "https://auth.example.com/a%20b",
	} {
		d := deploy(t, variant(t, acme, "issuer: https://auth.example.com\n", "issuer: "+issuer+"\n"))
		path := strings.TrimPrefix(base, "https://auth.example.com")
		for _, form := range []string{
			"/.well-known/oauth-authorization-server" + path,
			"/.well-known/openid-configuration" + path,
			path + "/.well-known/openid-configuration",
			path + "/.well-known/oauth-authorization-server",
			"/.well-known/oauth-authorization-server", // where something in front has taken the path off
			"/.well-known/openid-configuration",
		} {
			document := d.metadata(t, form)
			if document["issuer"] != issuer || document["token_endpoint"] != base+"/token" || document["jwks_uri"] != base+"/.well-known/jwks.json" {
				t.Errorf("%s: %s says %v", issuer, form, document)
			}
		}
		toUs := func(key, id string, aud string) string { return sign(t, key, d.of(id).but("aud", aud)) }
		for _, endpoint := range []string{"/token", path + "/token"} {
			got := d.grant(t, clientCredentials(proof(toUs("billing.ES256", "billing", issuer)), target(endpoint)))
			if got.claims["iss"] != issuer {
				t.Errorf("%s: the token's iss is %v", issuer, got.claims["iss"])
			}
			d.judge(t,
				allow("an assertion for the issuer", jwtBearer(toUs("idp.ES256", idp, issuer), target(endpoint))),
				allow("an assertion for the token endpoint", jwtBearer(toUs("idp.ES256", idp, base+"/token"), target(endpoint))),
			)
		}
		for _, form := range []string{
			"//.well-known/oauth-authorization-server", "//token", path + "//token", path + "/token/", "/x" + path + "/token",
			"/.well-known/oauth-authorization-server/other", "/other/.well-known/openid-configuration", "/.well-known", "/.well-known/",
			"/.well-known/jwks.json/", "/.well-known/JWKS.json", "/.WELL-KNOWN/jwks.json",
		} {
			if got := d.send(t, get(form)); got.status != 404 {
				t.Errorf("%s: %s is there: %d %s", issuer, form, got.status, got.body)
			}
		}
		if got := d.send(t, get(path+"/.well-known/jwks.json")); got.status != 200 {
			t.Errorf("%s: the JWK Set is not at its jwks_uri: %d", issuer, got.status)
		}
	}
}

// The issuer is the configured one, whatever a request says.
func TestJ3_no_header_of_a_request_influences_anything(t *testing.T) {
	d := deploy(t, acme)
	elsewhere := both(
		header("Host", "evil.example.com"), header("X-Forwarded-Host", "evil.example.com"), header("X-Forwarded-Proto", "http"),
		header("X-Forwarded-For", "127.0.0.1"), header("X-Forwarded-Port", "666"), header("X-Forwarded-Prefix", "/evil"),
		header("X-Forwarded-Server", "evil.example.com"), header("X-Real-Ip", "127.0.0.1"), header("Forwarded", "host=evil.example.com;proto=http"),
		header("X-Original-Url", "/evil"), header("X-Rewrite-Url", "/evil"), header("X-Http-Method-Override", "DELETE"),
		header("Origin", "https://evil.example.com"), header("Referer", "https://evil.example.com/"), header("Accept", "text/html"),
	)
	for _, path := range append(slices.Sorted(maps.Keys(publicDocuments)), "/health", "/ready", "/nothing") {
		plain, disguised := d.send(t, get(path)), d.send(t, ask(method("GET"), target(path), contentType(), elsewhere))
		plain.header.Del("Date")
		disguised.header.Del("Date")
		if difference := cmp.Diff(plain, disguised, cmp.AllowUnexported(answer{})); difference != "" {
			t.Errorf("%s:\n%s", path, difference)
		}
	}
	got := d.grant(t, clientCredentials(d.proves("billing"), elsewhere))
	if got.claims["iss"] != us || strings.Contains(got.body+string(marshal(t, got.header)), "evil") {
		t.Errorf("got %v %v", got.claims, got.header)
	}
	d.judge(t,
		deny("an assertion for that host", clientCredentials(proof(sign(t, "billing.ES256", d.of("billing").but("aud", "http://evil.example.com"))), elsewhere),
			invalidClient("client_assertion_aud", "client_assertion: aud is not this server")),
		deny("a grant for that host", jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("aud", "http://evil.example.com/token")), elsewhere),
			invalidGrant("assertion_aud", "assertion: aud is not this server")),
	)
}

func TestHealth_and_ready_say_what_they_should(t *testing.T) {
	d := deploy(t, acme)
	for path, want := range map[string]string{"/health": `{"status":"ok","version":"v1.2.3"}`, "/ready": `{"status":"ready"}`} {
		got := d.send(t, get(path))
		if got.status != 200 || strings.TrimSpace(got.body) != want {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
		expectNotKept(t, got)
	}
}
