package difference_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// noon is when every request is made.
var noon = time.Unix(1_800_000_000, 0)

// drawnRequest is a token request: who asks, with what in hand, for what.
type drawnRequest struct {
	grant     string
	client    string     // empty: it names none
	proof     *statement // what a client authenticates with; nil: not with an assertion
	secret    string     // likewise
	assertion *statement // the grant
	resource  []string
	scope     string
}

// statement is an assertion that is not signed yet, since each is good for one request.
type statement struct {
	key    jose.SigningKey
	typ    string
	id     bool // it has a jti
	claims map[string]any
}

// rare draws one of others now and then, and usual mostly.
func rare[T any](random *rand.Rand, usual T, others ...T) T {
	if random.IntN(8) > 0 {
		return usual
	}
	return one(random, others...)
}

// drawStatement draws an assertion of a party, mostly one that a configuration could accept.
func (d drawing) drawStatement(random *rand.Rand, issuer, subject string) *statement {
	claims := map[string]any{
		"iss": issuer,
		"aud": rare[any](random, theIssuer, theIssuer+"/token", "x", []string{"y", "z"}),
		"exp": noon.Unix() + rare[int64](random, 60, -20, 240, 900),
		"iat": noon.Unix() + rare[int64](random, 0, -30, 20),
	}
	if subject != "" {
		claims["sub"] = subject
	}
	if team := one(random, "", "x", "x", "y"); team != "" {
		claims["team"] = team
	}
	if name := one(random, "", "1", "2", "c1"); name != "" {
		claims["name"] = name
	}
	return &statement{d.keyOf(random, issuer), rare(random, "JWT", "", "x+jwt"), rare(random, true, false), claims}
}

// keyOf draws a key, mostly one of the party's own.
func (d drawing) keyOf(random *rand.Rand, name string) jose.SigningKey {
	key := one(random, d.world.keys...)
	if party := cmp.Or(d.clients[name], d.issuers[name]); party != nil {
		public := one(random, party.fields["keys"].(fields)["jwks"].(fields)["keys"].([]json.RawMessage)...)
		is := func(text json.RawMessage) bool { return bytes.Equal(text, public) }
		return rare(random, d.world.keys[slices.IndexFunc(d.world.jwks, is)], key)
	}
	return key
}

// drawRequest draws a request that has a chance with this configuration, mostly one on the word of this party.
func (d drawing) drawRequest(random *rand.Rand, party string) drawnRequest {
	r := drawnRequest{grant: one(random, config.ClientCredentials, config.JWTBearer)}
	if slices.Contains(issuerNames, party) {
		r.grant = rare(random, config.JWTBearer, config.ClientCredentials)
	}
	if r.grant == config.ClientCredentials || random.IntN(2) == 0 {
		r.client = one(random, append(slices.Sorted(maps.Keys(d.clients)), clientNames...)...)
		if slices.Contains(clientNames, party) {
			r.client = rare(random, party, r.client)
		}
		d.drawProof(random, &r)
	}
	if r.grant == config.JWTBearer {
		issuer := one(random, append(slices.Sorted(maps.Keys(d.issuers)), issuerNames...)...)
		if slices.Contains(issuerNames, party) {
			issuer = rare(random, party, issuer)
		}
		subject := one(random, "somebody", "somebody", "", "c1", issuer)
		if named := cmp.Or(r.client, one(random, clientNames...)); random.IntN(3) == 0 {
			issuer, subject = named, one(random, named, named, "")
		}
		r.assertion = d.drawStatement(random, issuer, subject)
		if random.IntN(3) == 0 {
			r.assertion.claims["scope"] = strings.Join(part(random, 0, someScopes...), " ")
		}
	}
	if random.IntN(2) == 0 {
		r.scope = strings.Join(part(random, 0, someScopes...), " ")
	}
	if random.IntN(2) == 0 {
		r.resource = part(random, 0, resources...)
	}
	return r
}

// drawProof draws how the client of a request authenticates, mostly as it is registered.
func (d drawing) drawProof(random *rand.Rand, r *drawnRequest) {
	method := one(random, config.PrivateKeyJWT, config.ClientSecretPost, config.NoAuthentication)
	secret := one(random, d.world.secrets...)
	if registered := d.clients[r.client]; registered != nil {
		method = rare(random, registered.fields["authentication"].(string), method)
		hash := one(random, registered.fields["secrets"].([]string)...)
		secret = rare(random, d.world.secrets[slices.Index(d.world.hashes, hash)], secret)
	}
	switch method {
	case config.PrivateKeyJWT:
		r.proof = d.drawStatement(random, r.client, r.client)
		if registered := d.clients[r.client]; registered != nil && registered.audience() != "" && random.IntN(8) > 0 {
			r.proof.claims["aud"] = registered.audience()
		}
	case config.ClientSecretBasic, config.ClientSecretPost:
		r.secret = secret
	}
}

// sign makes an assertion that has not been used.
func (s *statement) sign(t *testing.T, serial int) string {
	t.Helper()
	if s.id {
		s.claims["jti"] = fmt.Sprintf("assertion-%d", serial)
	}
	claims, err := json.Marshal(s.claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.key.Sign(s.typ, claims)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// granted is what came of a request.
type granted struct {
	claims map[string]any // of the access token; nil: none was granted
	scope  []string
	echo   bool // the response repeats the claims of the assertion
}

// send sends the request to a service, a secret by the method that is registered there.
func (r drawnRequest) send(t *testing.T, s *served) granted {
	t.Helper()
	form := url.Values{"grant_type": {r.grant}, "resource": r.resource}
	set := func(name, value string) {
		if value != "" {
			form.Set(name, value)
		}
	}
	set("scope", r.scope)
	set("client_id", r.client)
	s.sent++
	if r.assertion != nil {
		set("assertion", r.assertion.sign(t, 2*s.sent))
	}
	if r.proof != nil {
		set("client_assertion_type", oauth.ClientAssertionTypeJWTBearer)
		set("client_assertion", r.proof.sign(t, 2*s.sent+1))
	}
	inHeader := r.secret != "" && s.method(r.client) == config.ClientSecretBasic
	if r.secret != "" && !inHeader {
		set("client_secret", r.secret)
	}
	request := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if inHeader {
		request.SetBasicAuth(url.QueryEscape(r.client), url.QueryEscape(r.secret))
	}
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, request)
	return read(t, recorder.Code, recorder.Body.Bytes())
}

func read(t *testing.T, status int, body []byte) granted {
	t.Helper()
	var response struct {
		AccessToken string          `json:"access_token"`
		Scope       string          `json:"scope"`
		RecToken    json.RawMessage `json:"rec_token"`
	}
	if err := json.Unmarshal(body, &response); err != nil || status >= 500 {
		t.Fatalf("status %d, %v: %s", status, err, body)
	}
	if status != http.StatusOK {
		return granted{}
	}
	token, err := jose.Parse(response.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	return granted{token.Unverified().All(), strings.Fields(response.Scope), response.RecToken != nil}
}

// gains returns the resources for which the token gives more than the service before gives to any request of the same
// caller. ask sends a request to that one.
func (r drawnRequest) gains(is granted, ask func(drawnRequest) granted) []string {
	// What an assertion states as its scope counts where its party is registered so; elsewhere it can be asked for.
	scopes := []string{r.scope}
	if r.assertion != nil {
		if stated, is := r.assertion.claims["scope"].(string); is {
			scopes = append(scopes, stated)
		}
	}
	return slices.DeleteFunc(is.audience(), func(resource string) bool {
		return slices.ContainsFunc(scopes, func(scope string) bool {
			byName := r
			byName.resource, byName.scope = []string{resource}, scope
			return is.within(ask(byName))
		})
	})
}

func (g granted) audience() []string {
	switch audience := g.claims["aud"].(type) {
	case string:
		return []string{audience}
	case []any:
		names := make([]string, len(audience))
		for i, name := range audience {
			names[i] = name.(string)
		}
		return names
	default:
		return nil
	}
}

// within reports whether was is at least as much as g, apart from the audience.
func (g granted) within(was granted) bool {
	if was.claims == nil || g.echo && !was.echo || g.claims["exp"].(int64) > was.claims["exp"].(int64) {
		return false
	}
	for _, name := range []string{"sub", "client_id", "team"} {
		if g.claims[name] != was.claims[name] {
			return false
		}
	}
	return !slices.ContainsFunc(g.scope, func(scope string) bool { return !slices.Contains(was.scope, scope) })
}
