package oauth_test

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"

	"example.com/countersign/internal/oauth"
)

// FuzzParseTokenRequest holds what is promised of every request that is accepted, and of every refusal.
func FuzzParseTokenRequest(f *testing.F) {
	for _, body := range []string{
		"grant_type=client_credentials&scope=a+b&resource=https://a.example&resource=urn:x:y",
		"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c&client_id=c&scope=email",
		"grant_type=x&client_assertion=a&client_assertion_type=" + url.QueryEscape(jwtBearer),
		"grant_type=" + url.QueryEscape(oauth.TokenExchange) + "&subject_token=a&subject_token_type=b&audience=c&audience=d&actor_token=e&actor_token_type=f",
		"grant_type=x&client_id=c&client_secret=s", "grant_type=&grant_type=", "", "scope=%22", "grant_type=x&resource=%23",
	} {
		f.Add(body, "")
		f.Add(body, basic("c:s"))
	}
	f.Fuzz(func(t *testing.T, body, header string) {
		parameters, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		asked := oauth.Form{Parameters: parameters}
		if header != "" {
			asked.Authorization = []string{header}
		}
		request, err := oauth.ParseTokenRequest(asked)
		if request.IsZero() != (err != nil) {
			t.Fatalf("%v, %v", request, err)
		}
		if err != nil {
			refusal(t, err)
			return
		}
		if request.GrantType == "" || slices.ContainsFunc(request.Scope, func(s string) bool { return !oauth.IsScopeToken(s) }) {
			t.Errorf("grant_type %q, scope %q", request.GrantType, request.Scope)
		}
		for i, resource := range request.Resource {
			uri, err := url.Parse(resource)
			if err != nil || !uri.IsAbs() || strings.Contains(resource, "#") || slices.Contains(request.Resource[:i], resource) {
				t.Errorf("resources %q", request.Resource)
			}
		}
		swap := request.Exchange
		if (request.GrantType == oauth.TokenExchange) == swap.Subject.IsZero() || swap.Subject.IsZero() != (swap.Subject.Type == "") ||
			swap.Actor.IsZero() != (swap.Actor.Type == "") {
			t.Errorf("an exchange of %s %s by %s", request.GrantType, swap.Subject.Type, swap.Actor.Type)
		}
		credentials := 0
		for _, there := range []bool{header != "", parameters.Get("client_secret") != "", parameters.Get("client_assertion") != ""} {
			if there {
				credentials++
			}
		}
		if credentials > 1 || credentials == 0 != (request.Method == oauth.NoAuthentication) {
			t.Errorf("%d credentials, taken for %s", credentials, request.Method)
		}
		if sent := parameters.Get("client_id"); sent != "" && sent != request.ClientID {
			t.Errorf("client_id %q became %q", sent, request.ClientID)
		}
		if request.Method != oauth.PrivateKeyJWT && !request.ClientAssertion.IsZero() || request.Method == oauth.NoAuthentication && !request.ClientSecret.IsZero() {
			t.Errorf("a credential beside the method %s", request.Method)
		}
	})
}

// FuzzBasic holds that credentials that are encoded as RFC 6749 §2.3.1 asks come out as they went in.
func FuzzBasic(f *testing.F) {
	f.Add("client", "secret")
	f.Add("https://client.example/?a=b", "p+q %3A:\x00\xff")
	f.Fuzz(func(t *testing.T, id, secret string) {
		joined := url.QueryEscape(id) + ":" + url.QueryEscape(secret)
		header := "Basic " + base64.StdEncoding.EncodeToString([]byte(joined))
		request, err := oauth.ParseTokenRequest(with(form("grant_type", "x"), header))
		if id == "" {
			if err == nil {
				t.Error("a client without a name")
			}
			return
		}
		if err != nil || request.ClientID != id || request.ClientSecret.Reveal() != secret {
			t.Errorf("%q %q became %q %q, %v", id, secret, request.ClientID, request.ClientSecret.Reveal(), err)
		}
	})
}
