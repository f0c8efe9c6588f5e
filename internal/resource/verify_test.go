package resource_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/resource"
)

func TestVerify_hands_on_what_the_token_says(t *testing.T) {
	w := newWorld(t)
	got, err := w.verify(t, "Bearer "+w.key.token(t, good().with("team", "blue")))
	if err != nil {
		t.Fatal(err)
	}
	want := resource.Token{
		Issuer: issuer, Subject: "billing", ClientID: "billing-batch", Scope: []string{"invoices.read", "invoices.pay"}, ID: "id-1",
		Expires: epoch.Add(5 * time.Minute),
		Claims: map[string]any{
			"iss": issuer, "sub": "billing", "aud": invoices, "client_id": "billing-batch", "jti": "id-1", "team": "blue",
			"iat": epoch.Unix(), "exp": epoch.Add(5 * time.Minute).Unix(), "scope": "invoices.read invoices.pay",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	for scope, want := range map[string]bool{"invoices.read": true, "invoices.pay": true, "invoices": false, "invoices.read invoices.pay": false, "": false, "Invoices.read": false} {
		if got.Has(scope) != want {
			t.Errorf("Has(%q) = %v", scope, !want)
		}
	}
}

// RFC 9068 §4.
func TestVerify_checks_every_claim(t *testing.T) {
	w := newWorld(t)
	const (
		wrongIssuer   = "iss is another server"
		wrongAudience = "aud is another API"
		expired       = "it has expired"
		early         = "nbf is in the future"
		nobody        = "sub or client_id is missing"
	)
	at := func(d time.Duration) int64 { return epoch.Add(d).Unix() }
	for _, test := range []struct {
		name   string
		claims claims
		why    string // empty: it holds
	}{
		{"aud in an array", good().with("aud", []string{invoices}), ""},
		{"aud among others", good().with("aud", []string{"https://deploy.example.com", invoices}), ""},
		{"the last second", good().with("exp", at(time.Second)), ""},
		{"nbf now", good().with("nbf", at(0)), ""},
		{"no scope", good().with("scope", nil), ""},
		{"a scope that is no string is no scope", good().with("scope", []string{"invoices.read"}), ""},
		{"no jti", good().with("jti", nil), ""},
		{"claims that nobody knows", good().with("x", map[string]any{"aud": "y"}), ""},

		{"iss of another", good().with("iss", "https://evil.example"), wrongIssuer},
		{"iss with a slash behind", good().with("iss", issuer+"/"), wrongIssuer},
		{"iss in capitals", good().with("iss", "https://AUTH.example.com"), wrongIssuer},
		{"iss as a part", good().with("iss", issuer+".evil.example"), wrongIssuer},
		{"no iss", good().with("iss", nil), wrongIssuer},
		{"aud of another API", good().with("aud", "https://deploy.example.com"), wrongAudience},
		{"aud of several others", good().with("aud", []string{"https://deploy.example.com", issuer}), wrongAudience},
		{"aud with a slash behind", good().with("aud", invoices+"/"), wrongAudience},
		{"aud as a list in a string", good().with("aud", invoices+" https://deploy.example.com"), wrongAudience},
		{"aud is the issuer", good().with("aud", issuer), wrongAudience},
		{"aud is the client", good().with("aud", "billing-batch"), wrongAudience},
		{"no aud", good().with("aud", nil), wrongAudience},
		{"expired", good().with("exp", at(-time.Hour)), expired},
		{"expires now", good().with("exp", at(0)), expired},
		{"expired a fraction ago", good().with("exp", float64(at(-time.Second))+0.9), expired},
		{"no exp", good().with("exp", nil), expired},
		{"nbf in a second", good().with("nbf", at(time.Second)), early},
		{"no sub", good().with("sub", nil), nobody},
		{"no client_id", good().with("client_id", nil), nobody},
		{"an empty client_id", good().with("client_id", ""), nobody},
		{"client_id as an array", good().with("client_id", []string{"billing-batch"}), nobody},
		{"client_id as a number", good().with("client_id", 7), nobody},
	} {
		t.Run(test.name, func(t *testing.T) {
			if token := w.key.token(t, test.claims); test.why == "" {
				w.accept(t, token)
			} else {
				w.refuse(t, token, test.why)
			}
		})
	}
	for _, malformed := range []claims{
		good().with("iss", []string{issuer}), good().with("aud", map[string]any{invoices: true}), good().with("aud", []any{invoices, 1}), good().with("aud", []any{}),
		good().with("aud", ""), good().with("sub", ""), good().with("sub", 7), good().with("exp", "9999999999"), good().with("exp", -1), good().with("nbf", "0"),
	} {
		w.refuse(t, w.key.token(t, malformed), jose.ErrClaimType.Sentence)
	}
}

func TestVerify_forgives_as_much_skew_as_it_is_told_and_no_more(t *testing.T) {
	w := newWorld(t, func(c *resource.Config) { c.Skew = 10 * time.Second })
	w.accept(t, w.key.token(t, good().with("exp", epoch.Unix()-9)))
	w.accept(t, w.key.token(t, good().with("nbf", epoch.Unix()+10)))
	w.refuse(t, w.key.token(t, good().with("exp", epoch.Unix()-10)), "it has expired")
	w.refuse(t, w.key.token(t, good().with("nbf", epoch.Unix()+11)), "nbf is in the future")
}

// RFC 9068 §4: no other JWT of the same issuer passes for an access token.
func TestVerify_takes_access_tokens_only(t *testing.T) {
	w := newWorld(t)
	for _, typ := range []string{"at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"} {
		w.accept(t, w.key.typed(t, typ, good()))
	}
	for _, typ := range []string{
		"", "JWT", "jwt", "at", "at+jwt ", " at+jwt", "at+jwtx", "xat+jwt", "at jwt", "text/at+jwt", "application/application/at+jwt", "application/jwt",
		"client-authentication+jwt", "oauth-id-jag+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt",
	} {
		w.refuse(t, w.key.typed(t, typ, good()), "typ is not at+jwt")
	}
}

func TestVerify_wants_our_signature_over_these_bytes(t *testing.T) {
	w := newWorld(t)
	token := w.key.token(t, good())
	header, rest, _ := strings.Cut(token, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	other := strings.Split(w.key.token(t, good().with("sub", "other")), ".")
	headerOf := func(alg string) string { return `{"alg":"` + alg + `","kid":"` + w.key.ID() + `","typ":"at+jwt"}` }
	const wrong = "the signature does not verify"
	w.accept(t, w.key.forge(t, headerOf("ES256"), good())) // what follows is refused for what it changes
	w.refuse(t, newSigner(t).forge(t, headerOf("ES256"), good()), wrong)
	w.refuse(t, header+"."+other[1]+"."+signature, wrong)
	w.refuse(t, header+"."+payload+"."+other[2], wrong)
	w.refuse(t, header+"."+payload+"."+encode(make([]byte, 64)), wrong)
	w.refuse(t, header+"."+payload+"."+encode([]byte{0}), wrong)
	w.refuse(t, header+"."+payload+".", jose.ErrCompact.Sentence)
	w.refuse(t, header+"."+payload, jose.ErrCompact.Sentence)
	w.refuse(t, token+".", jose.ErrCompact.Sentence)
	w.refuse(t, token+"=", jose.ErrCompact.Sentence)
	w.refuse(t, token+".x.y", jose.ErrEncrypted.Sentence)
	w.refuse(t, w.key.forge(t, headerOf("none"), good()), jose.ErrAlgorithm.Sentence)
	w.refuse(t, w.key.forge(t, `{"alg":"ES256","typ":"at+jwt","crit":["x"],"x":1}`, good()), jose.ErrCritical.Sentence)
	w.refuse(t, strings.Repeat("x", 20<<10), jose.ErrTooLong.Sentence)
	for _, algorithm := range []string{"ES384", "ES512", "RS256", "PS256", "EdDSA", "HS256", "HS512"} {
		w.refuse(t, w.key.forge(t, headerOf(algorithm), good()), jose.ErrNoKey.Sentence)
	}
}

func TestVerify_without_kid_takes_the_only_key_there_is(t *testing.T) {
	const nameless = `{"alg":"ES256","typ":"at+jwt"}`
	w := newWorld(t)
	w.accept(t, w.key.forge(t, nameless, good()))
	w.refuse(t, newSigner(t).forge(t, nameless, good()), "the signature does not verify")

	several := newWorld(t)
	several.publisher.publishes(t, several.key, newSigner(t))
	several.refuse(t, several.key.forge(t, nameless, good()), jose.ErrKeyNotDefinite.Sentence)
	several.accept(t, several.key.token(t, good()))
}

// docs/conformance.md, algorithm confusion: whoever knows the public key makes a MAC with it.
func TestVerify_refuses_a_MAC_made_with_the_public_key(t *testing.T) {
	w := newWorld(t)
	spki, err := w.key.Verification().EncodeSPKI()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(spki)
	point, err := w.key.private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string][]byte{
		"PEM": spki, "PEM without its last line break": spki[:len(spki)-1], "DER": block.Bytes, "JWK Set": []byte(jwks(t, w.key)),
		"point": point, "coordinates": point[1:], "kid": []byte(w.key.ID()), "nothing": nil,
	} {
		for _, header := range []string{`{"alg":"HS256","typ":"at+jwt"}`, `{"alg":"HS256","typ":"at+jwt","kid":"` + w.key.ID() + `"}`} {
			input := encode([]byte(header)) + "." + encode(good().text(t))
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(input))
			t.Run(name, func(t *testing.T) { w.refuse(t, input+"."+encode(mac.Sum(nil)), jose.ErrNoKey.Sentence) })
		}
	}
}

// CVE-2018-0114: a header never supplies a key.
func TestVerify_takes_no_key_from_the_header(t *testing.T) {
	w, mallory := newWorld(t), newSigner(t)
	elsewhere := newPublisher(t)
	elsewhere.publishes(t, mallory)
	jwk := strings.TrimSuffix(strings.TrimPrefix(jwks(t, mallory), `{"keys":[`), `]}`)
	for _, member := range []string{`"jwk":` + jwk, `"jku":"` + elsewhere.url + `"`, `"x5u":"` + elsewhere.url + `"`, `"x5c":["MIIB"]`} {
		w.refuse(t, mallory.forge(t, `{"alg":"ES256","typ":"at+jwt",`+member+`,"kid":"`+mallory.ID()+`"}`, good()), jose.ErrNoKey.Sentence)
		w.refuse(t, mallory.forge(t, `{"alg":"ES256","typ":"at+jwt",`+member+`,"kid":"`+w.key.ID()+`"}`, good()), jose.ErrSignature.Sentence)
	}
	if elsewhere.fetches.Load() != 0 {
		t.Error("a stranger's URL was fetched")
	}
}

// What can be refused without a key costs no fetch (protocol A7).
func TestVerify_fetches_nothing_for_what_is_no_access_token(t *testing.T) {
	w := newWorld(t)
	for _, authorization := range [][]string{nil, {""}, {"Basic Yjp4"}, {"Bearer"}, {"Bearer x"}, {"Bearer a.b.c"}, {"Bearer x", "Bearer y"}, {"Bearer " + w.key.typed(t, "JWT", good())}} {
		if _, err := w.verify(t, authorization...); err == nil {
			t.Errorf("%q is accepted", authorization)
		}
	}
	w.wantFetches(t, 0)
}

func TestVerify_finds_the_token_behind_Bearer(t *testing.T) {
	w := newWorld(t)
	token := w.key.token(t, good())
	// RFC 9110 §11.1: no case; RFC 6750 §2.1: one space or more.
	for _, form := range []string{"Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer  ", "Bearer     "} {
		if _, err := w.verify(t, form+token); err != nil {
			t.Errorf("%q: %v", form, err)
		}
	}
	for name, test := range map[string]struct {
		authorization []string
		want          error
	}{
		"no header":                {nil, resource.ErrNoToken},
		"an empty header":          {[]string{""}, resource.ErrNoToken},
		"a token without a scheme": {[]string{token}, resource.ErrNoToken},
		"basic":                    {[]string{"Basic " + token}, resource.ErrNoToken},
		"DPoP":                     {[]string{"DPoP " + token}, resource.ErrNoToken},
		"a longer name":            {[]string{"Bearers " + token}, resource.ErrNoToken},
		"a space in front":         {[]string{" Bearer " + token}, resource.ErrNoToken},
		"a tab between":            {[]string{"Bearer\t" + token}, resource.ErrNoToken},
		"nothing behind it":        {[]string{"Bearer"}, resource.ErrMalformed},
		"a space behind it":        {[]string{"Bearer "}, resource.ErrMalformed},
		"spaces behind it":         {[]string{"Bearer   "}, resource.ErrMalformed},
		"two headers":              {[]string{"Bearer " + token, "Bearer " + token}, resource.ErrMalformed},
		"two headers, two schemes": {[]string{"Basic Yjp4", "Bearer " + token}, resource.ErrMalformed},
		"two headers, one empty":   {[]string{"", "Bearer " + token}, resource.ErrMalformed},
		"two in one header":        {[]string{"Bearer " + token + ", Bearer " + token}, resource.ErrInvalid},
		"two tokens":               {[]string{"Bearer " + token + " " + token}, resource.ErrInvalid},
		"a space behind the token": {[]string{"Bearer " + token + " "}, resource.ErrInvalid},
		"a tab before the token":   {[]string{"Bearer \t" + token}, resource.ErrInvalid},
		"in quotation marks":       {[]string{`Bearer "` + token + `"`}, resource.ErrInvalid},
		"as a parameter":           {[]string{"Bearer token=" + token}, resource.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := w.verify(t, test.authorization...); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestNew_wants_everything_that_a_check_needs(t *testing.T) {
	for name, remove := range map[string]func(*resource.Config){
		"no issuer":   func(c *resource.Config) { c.Issuer = "" },
		"no audience": func(c *resource.Config) { c.Audience = "" },
		"no jwks_uri": func(c *resource.Config) { c.JWKSURI = "" },
		"no client":   func(c *resource.Config) { c.Client = nil },
		"no clock":    func(c *resource.Config) { c.Now = nil },
		"nothing":     func(c *resource.Config) { *c = resource.Config{} },
	} {
		config := resource.Config{Issuer: issuer, Audience: invoices, JWKSURI: "https://auth.example.com/jwks.json", Client: &http.Client{}, Now: (&clock{}).now}
		remove(&config)
		if verifier, err := resource.New(config); err == nil || verifier != nil {
			t.Errorf("%s: New = %v, %v", name, verifier, err)
		}
	}
}
