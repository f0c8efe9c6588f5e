package seal_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"example.com/countersign/internal/seal"
)

func TestW3_a_key_is_32_random_bytes(t *testing.T) {
	good := material("a")
	for name, bad := range map[string][]byte{
		"nothing":              nil,
		"31 bytes":             good[:31],
		"33 bytes":             append(material("a"), 0),
		"16 bytes":             good[:16],
		"a line break besides": append(material("a"), '\n'),
		"hexadecimal":          []byte(hex.EncodeToString(good)),
		"half a hexadecimal":   []byte(hex.EncodeToString(good)[:32]),
		"base64":               []byte(base64.StdEncoding.EncodeToString(good)),
		"a password":           []byte("correct horse battery staple 123"),
		"a JWK":                []byte(`{"kty":"oct","k":"AAAA"}`),
	} {
		if key, err := seal.ParseKey(bad); !errors.Is(err, seal.ErrKey) || !key.IsZero() {
			t.Errorf("%s: %v, %v", name, key, err)
		}
	}
	key, err := seal.ParseKey(good)
	if err != nil || key.IsZero() {
		t.Fatal(err)
	}
	again, err := seal.ParseKey(material("a"))
	if err != nil || key.ID() != again.ID() || len(key.ID()) != 16 {
		t.Errorf("%s, %s, %v", key.ID(), again.ID(), err)
	}
	if other, err := seal.ParseKey(material("b")); err != nil || key.ID() == other.ID() {
		t.Errorf("two keys have the ID %s: %v", key.ID(), err)
	}
}

func TestKey_is_never_printed(t *testing.T) {
	secret := material("a")
	key := key(t, "a")
	holder := struct{ inner any }{struct{ key seal.Key }{key}}
	var printed strings.Builder
	for _, value := range []any{key, &key, holder, &holder, []seal.Key{key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&printed, verb+"\n", value)
		}
		slog.New(slog.NewTextHandler(&printed, nil)).Info("key", "key", value)
		text, _ := json.Marshal(value)
		printed.Write(text)
	}
	list := strings.Trim(fmt.Sprint(secret[3:12]), "[]")
	for _, form := range []string{
		string(secret[3:12]), hex.EncodeToString(secret[3:12]), list, strings.ReplaceAll(list, " ", ", "),
		base64.StdEncoding.EncodeToString(secret[3:12]), base64.RawURLEncoding.EncodeToString(secret[3:12]),
	} {
		if strings.Contains(printed.String(), form) {
			t.Errorf("%q is in %s", form, printed.String())
		}
	}
}
