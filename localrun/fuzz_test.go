package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
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
