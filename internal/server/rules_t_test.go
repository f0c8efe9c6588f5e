package server_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"example.com/countersign/internal/oauth"
)

func TestT1_only_POST_is_taken(t *testing.T) {
	d := deploy(t, acme)
	wrong := refusal{405, "invalid_request", "method", "this endpoint takes POST requests only"}
	for _, name := range []string{"GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "POSTS", "post"} {
		d.judge(t, deny(name, clientCredentials(d.proves("billing"), method(name)), wrong))
	}
	for _, name := range []string{"GET", "HEAD", "PUT", "OPTIONS"} {
		if got := d.send(t, clientCredentials(method(name))); got.status != 405 || got.header.Get("Allow") != "POST" {
			t.Errorf("%s: got %d, Allow: %q", name, got.status, got.header.Get("Allow"))
		}
	}
}

func TestT1_only_a_form_is_taken(t *testing.T) {
	d := deploy(t, acme)
	wrong := invalidRequest("content_type", "the body must be application/x-www-form-urlencoded")
	packed := invalidRequest("content_encoding", "the body must not be compressed")
	request := func(parts ...part) request { return clientCredentials(append(parts, d.proves("billing"))...) }
	d.judge(t,
		allow("with a charset", request(contentType("application/x-www-form-urlencoded; charset=UTF-8"))),
		allow("with a charset in quotes", request(contentType(`application/x-www-form-urlencoded;charset="utf-8"`))),
		allow("in capitals", request(contentType("Application/X-WWW-Form-URLEncoded"))),
		deny("without a type", request(contentType()), wrong),
		deny("with an empty type", request(contentType("")), wrong),
		deny("as JSON", request(contentType("application/json")), wrong),
		deny("as JSON that is JSON", ask(contentType("application/json"), body(`{"grant_type":"client_credentials"}`)), wrong),
		deny("as text", request(contentType("text/plain")), wrong),
		deny("as multipart", request(contentType("multipart/form-data; boundary=x")), wrong),
		deny("as a type that begins alike", request(contentType("application/x-www-form-urlencoded2")), wrong),
		deny("as a list of types", request(contentType("application/x-www-form-urlencoded, application/json")), wrong),
		deny("as two types", request(contentType("application/x-www-form-urlencoded", "application/json")), wrong),
		deny("as the same type twice", request(contentType("application/x-www-form-urlencoded", "application/x-www-form-urlencoded")), wrong),
		deny("with a parameter without value", request(contentType("application/x-www-form-urlencoded; charset")), wrong),
		deny("with a charset twice", request(contentType("application/x-www-form-urlencoded; charset=utf-8; charset=utf-7")), wrong),
		deny("with gzip", request(header("Content-Encoding", "gzip")), packed),
		deny("with something and gzip", request(header("Content-Encoding", "", "gzip")), packed),
	)
}

func TestT2_the_query_string_is_never_read(t *testing.T) {
	d := deploy(t, acme)
	everything := strings.Join(clientCredentials(d.proves("billing"), scope("invoices.read")).form, "&")
	d.judge(t,
		deny("all of it in the query", ask(target("/token?"+everything)),
			invalidRequest("grant_type_missing", "grant_type is missing")),
		deny("a body without the credential", clientCredentials(target("/token?"+everything)),
			invalidClient("client_missing", "client_credentials needs client authentication, and the request has none")),
		allow("a query that says otherwise", clientCredentials(d.proves("billing"), target("/token?grant_type=password&scope=root&client_id=mobile"))),
		allow("a query that repeats a parameter", clientCredentials(d.proves("billing"), target("/token?grant_type=a&grant_type=b"))),
		allow("a query that does not parse", clientCredentials(d.proves("billing"), target("/token?a;b=%ZZ"))),
	)
	got := d.grant(t, clientCredentials(d.proves("billing"), target("/token?scope=invoices.write")))
	if got.Scope != "invoices.read" {
		t.Errorf("the query's scope was granted: %q", got.Scope)
	}
}

func TestT3_a_repeated_parameter_is_refused(t *testing.T) {
	d := deploy(t, acme)
	twice := invalidRequest("parameter_repeated", "a parameter is there more than once")
	credential := sign(t, "billing.ES256", d.of("billing"))
	d.judge(t,
		deny("grant_type", clientCredentials(proof(credential), param("grant_type", "client_credentials")), twice),
		deny("grant_type, another one", clientCredentials(proof(credential), param("grant_type", oauth.JWTBearer)), twice),
		deny("scope", clientCredentials(proof(credential), scope("invoices.read"), scope("invoices.read")), twice),
		deny("scope, once empty", clientCredentials(proof(credential), scope(""), scope("invoices.read")), twice),
		deny("client_id", clientCredentials(post("mobile", mobileSecret), clientID("mobile")), twice),
		deny("client_secret", clientCredentials(post("mobile", mobileSecret), param("client_secret", "guess-number-two")), twice),
		deny("client_assertion", clientCredentials(proof(credential), param("client_assertion", credential)), twice),
		deny("client_assertion_type", clientCredentials(proof(credential), param("client_assertion_type", oauth.ClientAssertionTypeJWTBearer)), twice),
		deny("assertion", jwtBearer(sign(t, "idp.ES256", d.about("alice", idp)), param("assertion", sign(t, "idp.ES256", d.about("bob", idp)))), twice),
		deny("audience", clientCredentials(proof(credential), param("audience", "a"), param("audience", "b")), twice),
		deny("one that is not known", clientCredentials(proof(credential), param("foo", "1"), param("foo", "2")), twice),
		deny("one whose name is encoded differently", clientCredentials(proof(credential), func(r *request) { r.form = append(r.form, "%67rant_type=password") }), twice),
		allow("resource, the same", clientCredentials(proof(credential), resource("https://invoices.example.com"), resource("https://invoices.example.com"))),
	)
}

func TestT3_an_empty_value_counts_as_absent_and_an_unknown_parameter_is_ignored(t *testing.T) {
	d := deploy(t, acme)
	d.judge(t,
		allow("empty scope, resource and credentials", clientCredentials(d.proves("billing"), scope(""), resource(""), clientID(""), param("client_secret", ""), param("assertion", ""))),
		allow("empty client assertion", clientCredentials(post("mobile", mobileSecret), param("client_assertion", ""), param("client_assertion_type", ""))),
		allow("unknown parameters", clientCredentials(d.proves("billing"), param("foo", "bar"), param("", "nameless"), param("grant_type ", "password"))),
		allow("names are case-sensitive", clientCredentials(d.proves("billing"), param("Scope", "root"), param("SCOPE", "root"))),
		allow("names and values without =", clientCredentials(d.proves("billing"), func(r *request) { r.form = append(r.form, "foo", "", "&&") })),
		deny("empty grant_type", ask(param("grant_type", ""), d.proves("billing")),
			invalidRequest("grant_type_missing", "grant_type is missing")),
		deny("no grant_type", ask(d.proves("billing")),
			invalidRequest("grant_type_missing", "grant_type is missing")),
		deny("empty assertion", jwtBearer(""),
			invalidRequest("assertion_missing", "assertion is missing")),
		deny("nothing at all", ask(body("")),
			invalidRequest("grant_type_missing", "grant_type is missing")),
		deny("a grant_type that nobody has", ask(param("grant_type", "password"), d.proves("billing")), unsupported),
		deny("a grant_type in capitals", ask(param("grant_type", "CLIENT_CREDENTIALS"), d.proves("billing")), unsupported),
		deny("a grant_type with a NUL", ask(param("grant_type", "client_credentials\x00"), d.proves("billing")), unsupported),
		deny("a grant_type with a space", ask(param("grant_type", "client_credentials "), d.proves("billing")), unsupported),
	)
}

var unsupported = refusal{400, "unsupported_grant_type", "unsupported_grant_type", "grant_type is not one that this server supports; its metadata lists those"}

func TestT3_a_form_that_is_not_encoded_correctly_is_refused(t *testing.T) {
	d := deploy(t, acme)
	malformed := invalidRequest("form_malformed", "the body is not a correctly encoded form")
	raw := func(text string) part { return func(r *request) { r.form = append(r.form, text) } }
	for name, text := range map[string]string{
		"half a percent encoding":       "foo=%A",
		"a percent encoding that is no": "foo=%ZZ",
		"a percent in a name":           "f%oo=bar",
		"a semicolon between":           "foo=1;bar=2",
		"a semicolon in a value":        "scope=invoices.read;",
	} {
		d.judge(t, deny(name, clientCredentials(d.proves("billing"), raw(text)), malformed))
	}
	d.judge(t,
		allow("NUL, line breaks and bytes that are no UTF-8 in an unknown parameter", clientCredentials(d.proves("billing"), raw("foo=%00%0D%0A%FF"), raw("\x00\r\n\xff"))),
		deny("NUL in client_id", clientCredentials(post("mobile\x00", mobileSecret)), strangeClient("client_unknown")),
		deny("NUL behind the secret", clientCredentials(post("mobile", mobileSecret+"\x00")), strangeClient("secret_wrong")),
		deny("bytes that are no UTF-8 in client_id", clientCredentials(post("\xff\xfe", mobileSecret)), strangeClient("client_unknown")),
	)
}

func TestT4_the_body_has_64_KiB_at_most(t *testing.T) {
	d := deploy(t, acme)
	fill := func(size int) part {
		return func(r *request) {
			r.form = append(r.form, "padding=")
			r.form[len(r.form)-1] += strings.Repeat("x", size-len(r.text()))
		}
	}
	large := refusal{413, "invalid_request", "body_too_large", "the body is larger than 64 KiB"}
	d.judge(t,
		allow("64 KiB", clientCredentials(d.proves("billing"), fill(64<<10))),
		allow("64 KiB, chunked", clientCredentials(d.proves("billing"), fill(64<<10), chunked)),
		deny("one byte more", clientCredentials(d.proves("billing"), fill(64<<10+1)), large),
		deny("one byte more, chunked", clientCredentials(d.proves("billing"), fill(64<<10+1), chunked), large),
		deny("a MiB", clientCredentials(d.proves("billing"), fill(1<<20)), large),
		deny("a MiB, chunked", clientCredentials(d.proves("billing"), fill(1<<20), chunked), large),
	)
}

func TestT4_a_request_has_64_parameters_at_most(t *testing.T) {
	d := deploy(t, acme)
	upTo := func(count int) part {
		return func(r *request) {
			for i := len(r.form); i < count; i++ {
				r.form = append(r.form, "resource=")
			}
		}
	}
	many := invalidRequest("too_many_parameters", "the body has more than 64 parameters")
	d.judge(t,
		allow("64", clientCredentials(d.proves("billing"), upTo(64))),
		deny("65", clientCredentials(d.proves("billing"), upTo(65)), many),
		deny("thousands", clientCredentials(d.proves("billing"), upTo(5000)), many),
		deny("65, of which one repeats", clientCredentials(d.proves("billing"), param("grant_type", "password"), upTo(65)), many),
	)
}

// An assertion of exactly 16 KiB is still an assertion: the limit is no lower than it says.
func TestT4_an_assertion_has_16_KiB_at_most(t *testing.T) {
	d := deploy(t, acme)
	longest := func(key string, c claims) string {
		filler := (16<<10 - len(sign(t, key, c.but("pad", "")))) * 3 / 4
		for ; ; filler++ {
			if token := sign(t, key, c.but("pad", strings.Repeat("x", filler))); len(token) >= 16<<10 {
				return token
			}
		}
	}
	clientLong := invalidRequest("client_assertion_too_long", "client_assertion is longer than 16 KiB")
	grantLong := invalidRequest("assertion_too_long", "assertion is longer than 16 KiB")
	if length := len(longest("idp.ES256", d.about("alice", idp))); length != 16<<10 {
		t.Fatalf("the longest assertion has %d bytes", length)
	}
	d.judge(t,
		allow("a client assertion of 16 KiB", clientCredentials(proof(longest("billing.ES256", d.of("billing"))))),
		deny("a client assertion of more", clientCredentials(proof(longest("billing.ES256", d.of("billing"))+"A")), clientLong),
		deny("a client assertion that is nothing but dots", clientCredentials(proof(strings.Repeat(".", 16<<10+1))), clientLong),
		allow("an assertion of 16 KiB", jwtBearer(longest("idp.ES256", d.about("alice", idp)))),
		deny("an assertion of more", jwtBearer(longest("idp.ES256", d.about("alice", idp))+"A"), grantLong),
		deny("an assertion that is nothing but braces", jwtBearer(strings.Repeat("{", 20<<10)), grantLong),
		deny("an assertion that would not even be looked at", clientCredentials(d.proves("billing"), param("assertion", strings.Repeat("A", 16<<10+1))), grantLong),
	)
}

func TestT5_success_has_these_fields_and_no_others(t *testing.T) {
	d := deploy(t, acme)
	for name, request := range map[string]request{
		"with the scope of the request": clientCredentials(d.proves("billing"), scope("invoices.read")),
		"with another scope":            clientCredentials(d.proves("billing")),
		"for an assertion":              jwtBearer(sign(t, "idp.ES256", d.about("alice", idp))),
	} {
		t.Run(name, func(t *testing.T) {
			got := d.grant(t, request)
			var fields map[string]any
			if err := json.Unmarshal([]byte(got.body), &fields); err != nil {
				t.Fatal(err)
			}
			want := []string{"access_token", "expires_in", "scope", "token_type"}
			if names := slices.Sorted(maps.Keys(fields)); !slices.Equal(names, want) {
				t.Errorf("got %q", names)
			}
			if got.ExpiresIn != 600 || got.Scope != got.claims["scope"] {
				t.Errorf("expires_in %d, scope %q", got.ExpiresIn, got.Scope)
			}
			if got.header.Get("Pragma") != "no-cache" || got.header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers %v", got.header)
			}
		})
	}
}

// Whatever of a request is in an answer, a proxy's error page or a log would carry it on.
func TestT6_no_error_repeats_what_the_request_held(t *testing.T) {
	d := deploy(t, acme)
	const marker = "<marker-4711>"
	marked := d.of("billing").but("iss", marker).but("sub", marker).but("aud", marker).but("jti", marker)
	for name, request := range map[string]request{
		"grant_type":            ask(param("grant_type", marker), d.proves("billing")),
		"scope":                 clientCredentials(d.proves("billing"), scope(marker)),
		"scope that is none":    clientCredentials(d.proves("billing"), scope(marker+`"`)),
		"resource":              clientCredentials(d.proves("billing"), resource("https://"+marker)),
		"resource that is one":  clientCredentials(d.proves("billing"), resource("urn:"+marker)),
		"client_id":             clientCredentials(post(marker, mobileSecret)),
		"client_id elsewhere":   clientCredentials(d.proves("billing"), clientID(marker)),
		"client_secret":         clientCredentials(post("mobile", marker+" and more that is secret")),
		"client_assertion_type": clientCredentials(param("client_assertion", "x"), param("client_assertion_type", marker)),
		"client_assertion":      clientCredentials(proof(marker + " and more that is secret")),
		"claims of a client":    clientCredentials(proof(sign(t, "billing.ES256", marked))),
		"claims of an issuer":   jwtBearer(sign(t, "idp.ES256", marked)),
		"aud of an issuer":      jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("aud", marker))),
		"alg":                   jwtBearer(handmade(t, privateKey(t, "idp.ES256"), `{"alg":"`+marker+`"}`, `{"iss":"x"}`)),
		"crit":                  jwtBearer(handmade(t, privateKey(t, "idp.ES256"), `{"alg":"ES256","crit":["`+marker+`"]}`, `{"iss":"x"}`)),
		"a header":              clientCredentials(header("Authorization", marker)),
		"content type":          clientCredentials(contentType(marker)),
		"a parameter's name":    clientCredentials(param(marker, "1"), param(marker, "2")),
		"the path":              ask(target("/marker-4711")),
	} {
		got := d.send(t, request)
		if got.status < 400 || strings.Contains(got.body, "marker") {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
}

// A registered code is one of RFC 6749 §5.2, or of RFC 8707 §2; server_error and temporarily_unavailable are those of
// RFC 6749 §4.1.2.1. TestT6 covers what the tables of the other rules do not: that there are no others.
func TestT6_every_code_is_registered(t *testing.T) {
	registered := []string{
		"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
		"invalid_scope", "invalid_target", "server_error", "temporarily_unavailable",
	}
	d := deploy(t, acme)
	for _, path := range []string{"/token", "/", "/authorize", "/token/"} {
		for _, name := range []string{"GET", "POST", "DELETE"} {
			var told struct{ Error string }
			got := d.send(t, ask(target(path), method(name)))
			if err := json.Unmarshal([]byte(got.body), &told); err != nil || !slices.Contains(registered, told.Error) {
				t.Errorf("%s %s: got %s: %v", name, path, got.body, err)
			}
			expectNotKept(t, got)
		}
	}
}

func TestT7_a_fault_of_the_client_is_401_and_names_the_scheme_that_was_used(t *testing.T) {
	d := deploy(t, acme)
	unknownScheme := invalidClient("authorization_scheme_unknown", "the Authorization header's scheme is not Basic, the only one by which a client authenticates here")
	d.judge(t,
		deny("Basic with a wrong secret", clientCredentials(basic("portal", "a-wrong-secret")), strangeClient("secret_wrong")),
		deny("Basic with an unknown client", clientCredentials(basic("nobody", "a-wrong-secret")), strangeClient("client_unknown")),
		deny("Bearer", clientCredentials(header("Authorization", "Bearer abc")), unknownScheme),
		deny("an empty header", clientCredentials(header("Authorization", "")), unknownScheme),
		deny("a wrong secret in the form", clientCredentials(post("mobile", "a-wrong-secret")), strangeClient("secret_wrong")),
		deny("another fault, with a header", clientCredentials(basic("portal", portalSecret), scope("root")),
			invalidScope("scope_not_allowed", "no rule allows all of this scope for the resource")),
	)
	got := d.send(t, clientCredentials(basic("portal", "a-wrong-secret")))
	if challenge := got.header.Get("WWW-Authenticate"); challenge != `Basic realm="countersign", charset="UTF-8"` {
		t.Errorf("WWW-Authenticate: %s", challenge)
	}
}
