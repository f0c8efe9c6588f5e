package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// FuzzKeyFile holds that a key which can be read can sign, and that no complaint about one repeats it.
func FuzzKeyFile(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "jose", "keys", "*"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		document, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(document, "")
		f.Add(document, "RS256")
	}
	f.Add([]byte(`{"type":"service_account","private_key":"-----BEGIN PRIVATE KEY-----"}`), "")
	f.Add([]byte(`{"kty":"oct","k":"AAAA"}`), "HS256")
	f.Add([]byte(strings.Repeat("secret", 12)), "HS512")
	f.Fuzz(func(t *testing.T, document []byte, algorithm string) {
		key, err := keyFile{Algorithm: jose.Algorithm(algorithm)}.parse(document)
		switch {
		case err == nil:
			if _, err := key.Sign("JWT", []byte(`{}`)); err != nil {
				t.Errorf("the key does not sign: %v", err)
			}
		case !key.IsZero() || key.Google != nil:
			t.Errorf("a key came with the error %v", err)
		case len(document) > 20 && strings.Contains(err.Error(), string(document)):
			t.Errorf("the error repeats the key: %v", err)
		}
	})
}

// FuzzTokenResponse holds that what is taken for a token can be printed, and that a complaint does not repeat it.
func FuzzTokenResponse(f *testing.F) {
	f.Add([]byte(`{"access_token":"a.b.c","token_type":"Bearer","expires_in":600,"scope":"read","rec_token":{"sub":"x"}}`))
	f.Add([]byte(`{"access_token":"\u001b[2J","token_type":"Bearer"}`))
	f.Add([]byte(`{"access_token":1e9,"expires_in":"600"}`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		response, err := parseTokenResponse(body)
		token := response.AccessToken.Reveal()
		if err == nil && (token == "" || printable(token) != token) || err != nil && token != "" {
			t.Errorf("%q, %v", token, err)
		}
	})
}

// FuzzExplain holds that whatever comes is explained, that nothing is granted which nobody has signed, and that nothing
// of it steers the terminal.
func FuzzExplain(f *testing.F) {
	key, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		f.Fatal(err)
	}
	set, err := jose.EncodeKeySet(jose.KeySet{key.Verification()})
	if err != nil {
		f.Fatal(err)
	}
	document := []byte(`issuer: https://auth.example.com
signing_keys: {secret: projects/acme/secrets/keys}
resources: [{id: https://api.example.com, scopes: [read]}]
issuers: [{issuer: ci, keys: {jwks: '` + string(set) + `'}, allow: [{resource: https://api.example.com, scopes: [read]}]}]
`)
	for _, claims := range []string{
		`{"iss":"ci","sub":"x","aud":["https://auth.example.com","b"],"exp":1772366700}`, `{"iss":"ci","exp":1.5e300,"ref":null}`,
		`{"iss":"\u001b[2J","a":{"b":{"c":1}},"":""}`, `{"exp":-1,"iat":"x","nbf":[]}`, `[]`, `{`,
	} {
		f.Add(unsigned(`{"alg":"ES256","typ":"JWT"}`, claims), "read", "https://api.example.com", "")
	}
	f.Add("a.b.c.d.e", `"`, "#", "\x1b[2J")
	f.Add("", "", "", "")
	f.Fuzz(func(t *testing.T, assertion, scope, resource, client string) {
		explanations, err := question{
			path: "config.yaml", document: document, assertion: oauth.NewSecret(assertion),
			scope: scope, resources: []string{resource}, client: client, at: noon(),
		}.explain(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range explanations {
			if e.Granted || e.Code == "" || e.Reason == "" || e.Status >= 500 {
				t.Errorf("it is explained as %+v", e)
			}
		}
		var printed strings.Builder
		if err := printExplanations(&printed, explanations); err != nil {
			t.Fatal(err)
		}
		if line := strings.ReplaceAll(printed.String(), "\n", ""); printable(line) != line {
			t.Errorf("it prints %q", printed.String())
		}
	})
}
