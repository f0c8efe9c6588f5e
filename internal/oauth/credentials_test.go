package oauth_test

import (
	"encoding/base64"
	"errors"
	"testing"

	"example.com/countersign/internal/oauth"
)

const jwtBearer = oauth.ClientAssertionTypeJWTBearer

// basic is an Authorization header of credentials as they stand.
func basic(joined string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(joined))
}

// docs/conformance.md: Keycloak CVE-2026-16093, two credentials in one request, and the policy read the unverified one.
func TestC2_two_credentials_in_one_request_are_refused(t *testing.T) {
	const several = "several_credentials"
	header := basic("c:s")
	withSecret := form("grant_type", "x", "client_id", "c", "client_secret", "s")
	withAssertion := form("grant_type", "x", "client_id", "c", "client_assertion", "a", "client_assertion_type", jwtBearer)
	withBoth := form("grant_type", "x", "client_id", "c", "client_secret", "s", "client_assertion", "a", "client_assertion_type", jwtBearer)
	judge(t,
		deny("basic and secret", with(withSecret, header), oauth.InvalidRequest, several),
		deny("basic and assertion", with(withAssertion, header), oauth.InvalidRequest, several),
		deny("secret and assertion", withBoth, oauth.InvalidRequest, several),
		deny("all three", with(withBoth, header), oauth.InvalidRequest, several),
		deny("two Authorization headers", with(form("grant_type", "x"), header, header), oauth.InvalidRequest, several),
		deny("two Authorization headers, one of another scheme", with(form("grant_type", "x"), "Bearer t", header), oauth.InvalidRequest, several),
		deny("an empty Authorization header and another", with(form("grant_type", "x"), "", header), oauth.InvalidRequest, several),
		deny("a bearer token and a secret", with(withSecret, "Bearer t"), oauth.InvalidRequest, several),
	)
}

func TestC1_each_method_by_itself(t *testing.T) {
	for name, test := range map[string]struct {
		form               oauth.Form
		method, id, secret string
	}{
		"none at all":           {form("grant_type", "x"), oauth.NoAuthentication, "", ""},
		"a name alone":          {form("grant_type", "x", "client_id", "c"), oauth.NoAuthentication, "c", ""},
		"secret in the body":    {form("grant_type", "x", "client_id", "c", "client_secret", "s"), oauth.ClientSecretPost, "c", "s"},
		"basic":                 {with(form("grant_type", "x"), basic("c:s")), oauth.ClientSecretBasic, "c", "s"},
		"basic, and the name":   {with(form("grant_type", "x", "client_id", "c"), basic("c:s")), oauth.ClientSecretBasic, "c", "s"},
		"assertion":             {form("grant_type", "x", "client_assertion", "a", "client_assertion_type", jwtBearer), oauth.PrivateKeyJWT, "", ""},
		"assertion and name":    {form("grant_type", "x", "client_id", "c", "client_assertion", "a", "client_assertion_type", jwtBearer), oauth.PrivateKeyJWT, "c", ""},
		"an empty body secret":  {with(form("grant_type", "x", "client_secret", ""), basic("c:s")), oauth.ClientSecretBasic, "c", "s"},
		"basic without secret":  {with(form("grant_type", "x"), basic("c:")), oauth.ClientSecretBasic, "c", ""},
		"small letters":         {with(form("grant_type", "x"), "basic "+basic("c:s")[6:]), oauth.ClientSecretBasic, "c", "s"},
		"mixed letters":         {with(form("grant_type", "x"), "bAsIc "+basic("c:s")[6:]), oauth.ClientSecretBasic, "c", "s"},
		"a colon in the secret": {with(form("grant_type", "x"), basic("c:s:t:")), oauth.ClientSecretBasic, "c", "s:t:"},
		// RFC 6749 §2.3.1, appendix B: both parts are form-encoded.
		"an encoded colon":   {with(form("grant_type", "x"), basic("c%3Ad:s")), oauth.ClientSecretBasic, "c:d", "s"},
		"an encoded URL":     {with(form("grant_type", "x"), basic("https%3A%2F%2Fc.example%2F:s")), oauth.ClientSecretBasic, "https://c.example/", "s"},
		"spaces":             {with(form("grant_type", "x"), basic("c+d%20e:s+t%20u")), oauth.ClientSecretBasic, "c d e", "s t u"},
		"an encoded plus":    {with(form("grant_type", "x"), basic("c%2Bd:s%2Bt")), oauth.ClientSecretBasic, "c+d", "s+t"},
		"an encoded percent": {with(form("grant_type", "x"), basic("c%25d:s%2525")), oauth.ClientSecretBasic, "c%d", "s%25"},
		"beyond ASCII":       {with(form("grant_type", "x"), basic("%C3%A9:%E2%82%AC")), oauth.ClientSecretBasic, "é", "€"},
		"beyond ASCII, raw":  {with(form("grant_type", "x"), basic("é:€")), oauth.ClientSecretBasic, "é", "€"},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := oauth.ParseTokenRequest(test.form)
			if err != nil {
				t.Fatal(err)
			}
			if request.Method != test.method || request.ClientID != test.id || request.ClientSecret.Reveal() != test.secret {
				t.Errorf("%s %q %q", request.Method, request.ClientID, request.ClientSecret.Reveal())
			}
		})
	}
}

func TestC_credentials_that_are_none(t *testing.T) {
	x := form("grant_type", "x")
	const malformed, scheme = "basic_malformed", "authorization_scheme_unknown"
	judge(t,
		deny("another scheme", with(x, "Bearer abc"), oauth.InvalidClient, scheme),
		deny("a DPoP token", with(x, "DPoP abc"), oauth.InvalidClient, scheme),
		deny("digest", with(x, `Digest username="c"`), oauth.InvalidClient, scheme),
		deny("an empty header", with(x, ""), oauth.InvalidClient, scheme),
		deny("a space alone", with(x, " "), oauth.InvalidClient, scheme),
		deny("a space in front", with(x, " "+basic("c:s")), oauth.InvalidClient, scheme),
		deny("a longer name", with(x, "Basics "+basic("c:s")[6:]), oauth.InvalidClient, scheme),
		deny("no credentials", with(x, "Basic"), oauth.InvalidClient, malformed),
		deny("no credentials behind a space", with(x, "Basic "), oauth.InvalidClient, malformed),
		deny("no colon", with(x, basic("c")), oauth.InvalidClient, malformed),
		deny("no name", with(x, basic(":s")), oauth.InvalidClient, malformed),
		deny("an encoded colon alone", with(x, basic("c%3As")), oauth.InvalidClient, malformed),
		deny("not base64", with(x, "Basic c:s"), oauth.InvalidClient, malformed),
		deny("base64url", with(x, "Basic "+base64.URLEncoding.EncodeToString([]byte("c:\xfb\xff"))), oauth.InvalidClient, malformed),
		deny("no padding", with(x, "Basic "+base64.RawStdEncoding.EncodeToString([]byte("c:ss"))), oauth.InvalidClient, malformed),
		deny("spare bits", with(x, "Basic YzpzdB=="), oauth.InvalidClient, malformed),
		deny("something behind it", with(x, basic("c:s")+" x"), oauth.InvalidClient, malformed),
		deny("two in one header", with(x, basic("c:s")+", "+basic("c:s")), oauth.InvalidClient, malformed),
		deny("a percent sign alone in the name", with(x, basic("c%:s")), oauth.InvalidClient, malformed),
		deny("a percent sign alone in the secret", with(x, basic("c:s%zz")), oauth.InvalidClient, malformed),
		deny("another client_id", with(form("grant_type", "x", "client_id", "d"), basic("c:s")), oauth.InvalidRequest, "client_id_mismatch"),
		deny("the client_id still encoded", with(form("grant_type", "x", "client_id", "c%3Ad"), basic("c%3Ad:s")), oauth.InvalidRequest, "client_id_mismatch"),

		deny("a secret of nobody", form("grant_type", "x", "client_secret", "s"), oauth.InvalidRequest, "client_id_missing"),
		deny("an assertion without type", form("grant_type", "x", "client_assertion", "a"), oauth.InvalidRequest, "client_assertion_type_missing"),
		deny("an assertion with an empty type", form("grant_type", "x", "client_assertion", "a", "client_assertion_type", ""), oauth.InvalidRequest, "client_assertion_type_missing"),
		deny("an assertion of another type", form("grant_type", "x", "client_assertion", "a", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"),
			oauth.InvalidClient, "client_assertion_type_unknown"),
		deny("the type in capitals", form("grant_type", "x", "client_assertion", "a", "client_assertion_type", "URN:IETF:params:oauth:client-assertion-type:jwt-bearer"),
			oauth.InvalidClient, "client_assertion_type_unknown"),
		deny("the grant type as the assertion type", form("grant_type", "x", "client_assertion", "a", "client_assertion_type", oauth.JWTBearer), oauth.InvalidClient, "client_assertion_type_unknown"),
		deny("a type without assertion", form("grant_type", "x", "client_assertion_type", jwtBearer), oauth.InvalidRequest, "client_assertion_missing"),
		deny("a type without assertion, beside a secret", form("grant_type", "x", "client_id", "c", "client_secret", "s", "client_assertion_type", jwtBearer),
			oauth.InvalidRequest, "client_assertion_missing"),
		deny("a type without assertion, beside basic", with(form("grant_type", "x", "client_assertion_type", jwtBearer), basic("c:s")), oauth.InvalidRequest, "client_assertion_missing"),
	)
}

func TestError_keeps_its_cause_for_the_log(t *testing.T) {
	cause := errors.New("the disk is full")
	err := oauth.Unavailable("store_down", cause)
	if !errors.Is(err, cause) || err.Code != oauth.TemporarilyUnavailable || err.Reason != "store_down" {
		t.Errorf("%v", err)
	}
	if got, want := err.Error(), "temporarily_unavailable: a service that this server depends on does not answer; try again: the disk is full"; got != want {
		t.Errorf("%q", got)
	}
	if got := (&oauth.Error{Code: oauth.InvalidScope, Description: "x"}).Error(); got != "invalid_scope: x" {
		t.Errorf("%q", got)
	}
}
