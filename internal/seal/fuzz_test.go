package seal_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"example.com/countersign/internal/seal"
)

// Nobody who has no key can make what opens: only what was sealed here does, and in one form.
func FuzzOpen(f *testing.F) {
	by, _ := tokens(f, issuer, "a", "b")
	text := handmade(f) // not by the package, which would draw another nonce in every process
	elsewhere, _ := tokens(f, "https://other.example.com", "a")
	content, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, seal.Prefix))
	for _, seed := range []string{
		"", seal.Prefix, text, text + "=", text + "\n", text[:len(text)-1], sealed(f, elsewhere),
		seal.Prefix + base64.RawURLEncoding.EncodeToString(content[:8]), seal.Prefix + base64.RawURLEncoding.EncodeToString(content[:36]),
		seal.Prefix + base64.StdEncoding.EncodeToString(content), "eyJhbGciOiJFUzI1NiJ9.e30.AAAA",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, changed string) {
		got, opened, err := by.Open(t.Context(), changed)
		if err != nil || opened != (changed == text) || opened != (string(got) == claims) {
			t.Errorf("%q: %s, %t, %v", changed, got, opened, err)
		}
	})
}
