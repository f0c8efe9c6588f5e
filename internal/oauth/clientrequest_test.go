package oauth_test

import (
	"strings"
	"testing"

	"example.com/countersign/internal/oauth"
)

func TestParseClientRequest_holds_a_client_to_what_it_is_held_to_everywhere(t *testing.T) {
	for _, row := range []row{
		deny("nothing", form(), oauth.InvalidRequest, "token_missing"),
		deny("an empty token", form("token", "", "client_id", "c"), oauth.InvalidRequest, "token_missing"),
		deny("two tokens", form("token", "a", "token", "a"), oauth.InvalidRequest, "parameter_repeated"),
		deny("two hints", form("token", "a", "token_type_hint", "x", "token_type_hint", "x"), oauth.InvalidRequest, "parameter_repeated"),
		deny("two methods", with(form("token", "a", "client_id", "c", "client_secret", "s"), basic("c:s")), oauth.InvalidRequest, "several_credentials"),
		deny("another client_id", with(form("token", "a", "client_id", "d"), basic("c:s")), oauth.InvalidRequest, "client_id_mismatch"),
		deny("a Bearer token", with(form("token", "a"), "Bearer x"), oauth.InvalidClient, "authorization_scheme_unknown"),
		deny("an assertion without its type", form("token", "a", "client_assertion", "x"), oauth.InvalidRequest, "client_assertion_type_missing"),
		allow("nobody yet", form("token", "a")),
		allow("a name", form("token", "a", "client_id", "c", "token_type_hint", "nonsense")),
		allow("a secret", with(form("token", "a"), basic("c:s"))),
		allow("an assertion", form("token", "a", "client_assertion", "x", "client_assertion_type", jwtBearer)),
		allow("what is for the token endpoint", form("token", "a", "scope", `"`, "resource", "#", "assertion", "x", "grant_type", "y")),
		allow("a long token", form("token", strings.Repeat("x", 60000))),
	} {
		t.Run(row.name, func(t *testing.T) {
			request, err := oauth.ParseClientRequest(row.form)
			code, reason := refusal(t, err)
			if code != row.code || reason != row.reason || request.IsZero() != (err != nil) {
				t.Errorf("got %s %s, %v; want %s %s", code, reason, request, row.code, row.reason)
			}
			if err == nil && (request.Token.Reveal() != row.form.Parameters.Get("token") || request.GrantType != "" || request.Scope != nil) {
				t.Errorf("got %v", request)
			}
		})
	}
}

func TestParseTokenRequest_reads_no_token(t *testing.T) {
	request, err := oauth.ParseTokenRequest(form("grant_type", "x", "token", "a"))
	if err != nil || !request.Token.IsZero() {
		t.Errorf("%v, %v", request, err)
	}
}
