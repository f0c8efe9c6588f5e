package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/service"
)

// FuzzTokenEndpoint sends whatever there is to the handler. Nobody who holds no key and no secret gets a token, a 5xx,
// or anything but JSON with a registered code.
func FuzzTokenEndpoint(f *testing.F) {
	d := prepare(f, acme)
	built, faults := service.New(d.configuration, service.Surroundings{Secrets: keepsNoSecrets, Now: d.clock.now, Log: silent(), Folder: d.folder})
	d.must(faults.Err())
	handler := built.Server.Token()

	const form = "application/x-www-form-urlencoded"
	for _, r := range []request{
		clientCredentials(proof(forge(f, "stranger.ES256", d.of("billing"))), scope("invoices.read"), resource("https://invoices.example.com")),
		clientCredentials(proof(sign(f, "stranger.RS256", d.of("billing")))),
		clientCredentials(post("mobile", "a-wrong-secret")),
		clientCredentials(basic("portal", "a-wrong-secret"), clientID("portal")),
		clientCredentials(clientID("mail-app")),
		jwtBearer(forge(f, "stranger.ES256", d.about("alice", idp)), clientID("mail-app"), scope("email")),
		jwtBearer(handmade(f, privateKey(f, "stranger.ES256"), `{"alg":"none","typ":"at+jwt","crit":["b64"],"b64":false}`, `{"iss":["x"],"exp":1e400}`)),
		jwtBearer(strings.Repeat(".", 4)),
		ask(param("grant_type", "password"), param("grant_type", "password")),
	} {
		f.Add(r.text(), form, r.header.Get("Authorization"))
	}
	for _, seed := range []string{"", "&", "=", "a=%", "a;b", "grant_type", "grant_type=%00", "\xff\x00"} {
		f.Add(seed, form, "")
		f.Add(seed, "application/json", "Basic "+seed)
		f.Add(seed, seed, "Bearer "+seed)
	}

	registered := []oauth.Code{
		oauth.InvalidRequest, oauth.InvalidClient, oauth.InvalidGrant, oauth.UnauthorizedClient, oauth.UnsupportedGrantType, oauth.InvalidScope, oauth.InvalidTarget,
	}
	f.Fuzz(func(t *testing.T, body, contentType, authorization string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Header["Content-Type"] = []string{contentType}
		if authorization != "" {
			r.Header["Authorization"] = []string{authorization}
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		response := recorder.Result()
		got := answer{response.StatusCode, response.Header, recorder.Body.String()}
		var told struct {
			Code        oauth.Code `json:"error"`
			Description string     `json:"error_description"`
		}
		decoder := json.NewDecoder(strings.NewReader(got.body))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&told); err != nil {
			t.Fatalf("got %d %s: %v", got.status, got.body, err)
		}
		if got.status < 400 || got.status >= 500 || !slices.Contains(registered, told.Code) || told.Description == "" {
			t.Errorf("got %d %s", got.status, got.body)
		}
		if strings.ContainsFunc(told.Description, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
			t.Errorf("the description is not plain: %q", told.Description)
		}
		expectNotKept(t, got)
	})
}

// FuzzSignedAssertion has a trusted issuer say whatever there is, under whatever header: rules, mappings and copies meet
// every kind of claim. Whatever comes of it is a token that is ours or a fault of the issuer's, and never one of ours.
func FuzzSignedAssertion(f *testing.F) {
	d := prepare(f, actions)
	built, faults := service.New(d.configuration, service.Surroundings{Secrets: keepsNoSecrets, Now: d.clock.now, Log: silent(), Folder: d.folder})
	d.must(faults.Err())
	handler := built.Server.Token()
	key := privateKey(f, "actions.ES256")
	public := jose.KeySet{signingKey(f, "own.ES256").Verification()}

	for _, c := range []claims{
		d.run(), d.run().but("jti", nil), d.run().but("groups", []any{1.5, nil, map[string]any{"a": ""}}), d.run().but("part", 1e300).but("whole", 1e-300),
		d.run().but("labels", []string{"tru", "sted"}), d.run().but("environment", "staging-eu").but("actor", "alice"), d.run().but("admin", true), d.run().but("sub", "billing"),
	} {
		f.Add(`{"alg":"ES256"}`, string(marshal(f, c)))
	}
	f.Add(`{"alg":"ES256","typ":"at+jwt","kid":"x"}`, `{}`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		form := jwtBearer(handmade(t, key, header, payload), resource("https://deploy.example.com")).text()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		status, text := recorder.Result().StatusCode, recorder.Body.Bytes()
		if status == http.StatusBadRequest || status == http.StatusUnauthorized {
			return
		}
		var got granted
		if err := json.Unmarshal(text, &got); err != nil || status != http.StatusOK {
			t.Fatalf("got %d %s", status, text)
		}
		token, err := jose.Parse(got.Token)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := token.Verify(public[0]); err != nil {
			t.Fatal(err)
		}
		said := token.Unverified()
		if said.Issuer != us || said.Subject == "" || said.Subject == "billing" || said.ExpiresAt.Sub(said.IssuedAt) > 10*time.Minute || len(said.Audience.Values) != 1 {
			t.Errorf("got %v", said.All())
		}
	})
}
