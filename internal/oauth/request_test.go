package oauth_test

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/countersign/internal/oauth"
)

// form is a request of name and value pairs.
func form(pairs ...string) oauth.Form {
	parameters := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		parameters.Add(pair[0], pair[1])
	}
	return oauth.Form{Parameters: parameters}
}

// with adds an Authorization header to a form.
func with(f oauth.Form, headers ...string) oauth.Form {
	f.Authorization = headers
	return f
}

// row is what becomes of a request.
type row struct {
	name   string
	form   oauth.Form
	code   oauth.Code // empty: it is accepted
	reason string
}

func allow(name string, f oauth.Form) row { return row{name, f, "", ""} }

func deny(name string, f oauth.Form, code oauth.Code, reason string) row {
	return row{name, f, code, reason}
}

func judge(t *testing.T, rows ...row) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Helper()
			request, err := oauth.ParseTokenRequest(row.form)
			code, reason := refusal(t, err)
			if code != row.code || reason != row.reason {
				t.Errorf("got %s %s, want %s %s", code, reason, row.code, row.reason)
			}
			if request.IsZero() != (err != nil) {
				t.Errorf("%v, %v", request, err)
			}
			as := cmp.Options{cmp.AllowUnexported(oauth.TokenRequest{}, oauth.Secret{}), cmpopts.EquateComparable(netip.Addr{})}
			if diff := cmp.Diff(oauth.TokenRequest{}, request, as); err != nil && diff != "" {
				t.Errorf("with an error came\n%s", diff)
			}
		})
	}
}

// refusal takes an error apart and holds it to protocol T6.
func refusal(t testing.TB, err error) (oauth.Code, string) {
	t.Helper()
	if err == nil {
		return "", ""
	}
	fault, is := errors.AsType[*oauth.Error](err)
	if !is {
		t.Fatalf("%v is no *oauth.Error", err)
	}
	if fault.Description == "" || fault.Reason == "" {
		t.Errorf("%v has no description or no reason", fault)
	}
	for _, c := range []byte(fault.Description) {
		if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
			t.Errorf("%q has %q (RFC 6749 §5.2)", fault.Description, c)
		}
	}
	return fault.Code, fault.Reason
}

func TestT3_parameters_are_there_once(t *testing.T) {
	const repeated = "parameter_repeated"
	judge(t,
		allow("each once", form("grant_type", "x", "scope", "a", "client_id", "c")),
		allow("resource may repeat", form("grant_type", "x", "resource", "https://a.example", "resource", "https://b.example")),
		allow("unknown ones are ignored", form("grant_type", "x", "nonsense", "y", "Grant_Type", "z", "", "w")),
		allow("empty ones count as absent", form("grant_type", "x", "scope", "", "client_id", "", "client_secret", "", "assertion", "", "resource", "")),
		deny("grant_type twice", form("grant_type", "x", "grant_type", "x"), oauth.InvalidRequest, repeated),
		deny("grant_type twice, once empty", form("grant_type", "x", "grant_type", ""), oauth.InvalidRequest, repeated),
		deny("scope twice", form("grant_type", "x", "scope", "a", "scope", "b"), oauth.InvalidRequest, repeated),
		deny("assertion twice", form("grant_type", "x", "assertion", "a", "assertion", "b"), oauth.InvalidRequest, repeated),
		deny("client_id twice", form("grant_type", "x", "client_id", "a", "client_id", "a"), oauth.InvalidRequest, repeated),
		deny("client_secret twice", form("grant_type", "x", "client_id", "a", "client_secret", "b", "client_secret", "c"), oauth.InvalidRequest, repeated),
		deny("client_assertion twice", form("grant_type", "x", "client_assertion", "b", "client_assertion", "c"), oauth.InvalidRequest, repeated),
		deny("an unknown one twice", form("grant_type", "x", "y", "1", "y", "2"), oauth.InvalidRequest, repeated),
		deny("no grant_type", form("scope", "a"), oauth.InvalidRequest, "grant_type_missing"),
		deny("an empty grant_type", form("grant_type", ""), oauth.InvalidRequest, "grant_type_missing"),
		deny("nothing at all", oauth.Form{}, oauth.InvalidRequest, "grant_type_missing"),
	)
}

func TestT4_an_assertion_has_sixteen_kibibytes(t *testing.T) {
	const most = 16 << 10
	long := strings.Repeat("a", most)
	judge(t,
		allow("an assertion of 16 KiB", form("grant_type", "x", "assertion", long)),
		allow("a client assertion of 16 KiB", form("grant_type", "x", "client_assertion", long, "client_assertion_type", oauth.ClientAssertionTypeJWTBearer)),
		deny("one byte more", form("grant_type", "x", "assertion", long+"a"), oauth.InvalidRequest, "assertion_too_long"),
		deny("one byte more of a client", form("grant_type", "x", "client_assertion", long+"a", "client_assertion_type", oauth.ClientAssertionTypeJWTBearer),
			oauth.InvalidRequest, "client_assertion_too_long"),
	)
}

func TestS2_a_resource_is_an_absolute_URI_without_a_fragment(t *testing.T) {
	resource := func(values ...string) oauth.Form {
		f := form("grant_type", "x")
		f.Parameters["resource"] = values
		return f
	}
	var rows []row
	for _, good := range []string{
		"https://api.example.com", "https://api.example.com/", "https://api.example.com/a/b?c=d", "http://127.0.0.1:8081", "urn:example:api",
		"api://1234", "https://[::1]:8080/x", "https://api.example.com/%23", "app:/path",
	} {
		rows = append(rows, allow(good, resource(good)))
	}
	for _, bad := range []string{
		"api", "/api", "//api.example.com", "api.example.com", "https:", "https://", "https:///path", "https://#", "https://api.example.com#",
		"https://api.example.com/#x", "https://api.example.com#?x", "urn:", "urn:example#", ":", "#", " https://api.example.com", "https://api example.com",
		"https://api.example.com\n", "https://api.example.com\x00", "%68ttps://api.example.com", "https://[::1", "https://:8080", "https://@", "1:x", "*",
	} {
		rows = append(rows, deny(bad, resource(bad), oauth.InvalidTarget, "resource_malformed"))
	}
	rows = append(rows, deny("one bad among good ones", resource("https://a.example", "b", "https://c.example"), oauth.InvalidTarget, "resource_malformed"))
	judge(t, rows...)

	request, err := oauth.ParseTokenRequest(resource("https://b.example", "", "https://a.example", "https://b.example"))
	if diff := cmp.Diff([]string{"https://b.example", "https://a.example"}, request.Resource); err != nil || diff != "" {
		t.Errorf("each once, in their order: %v\n%s", err, diff)
	}
}

func TestParseTokenRequest_reads_every_parameter(t *testing.T) {
	request, err := oauth.ParseTokenRequest(form(
		"grant_type", oauth.JWTBearer, "scope", "a b a", "assertion", "x.y.z", "resource", "https://api.example.com",
		"client_id", "c", "client_assertion", "p.q.r", "client_assertion_type", oauth.ClientAssertionTypeJWTBearer,
	))
	if err != nil {
		t.Fatal(err)
	}
	type plain struct {
		GrantType, Scope, Assertion, ClientID, Method, Secret, ClientAssertion string
		Resource                                                               []string
	}
	got := plain{
		request.GrantType, request.Scope.String(), request.Assertion.Reveal(), request.ClientID, request.Method,
		request.ClientSecret.Reveal(), request.ClientAssertion.Reveal(), request.Resource,
	}
	want := plain{oauth.JWTBearer, "a b", "x.y.z", "c", oauth.PrivateKeyJWT, "", "p.q.r", []string{"https://api.example.com"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
