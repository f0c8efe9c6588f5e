package seal_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/seal"
)

const (
	issuer = "https://auth.example.com"
	claims = `{"iss":"https://auth.example.com","sub":"alice","scope":"read write"}`
)

// ring is keys of which the first one seals.
type ring struct {
	keys  []seal.Key
	down  error
	asked int
}

func (r *ring) SealingKey(context.Context) (seal.Key, time.Time, error) {
	if r.down != nil {
		return seal.Key{}, time.Time{}, r.down
	}
	return r.keys[0], made, nil
}

// made is when every key of a ring was created.
var made = time.Unix(1772366400, 0)

func (r *ring) OpeningKeys(context.Context) ([]seal.Key, error) {
	r.asked++
	return r.keys, r.down
}

// material is a key of which every byte follows from a letter.
func material(letter string) []byte {
	sum := sha256.Sum256([]byte(letter))
	return sum[:]
}

func key(t testing.TB, letter string) seal.Key {
	t.Helper()
	made, err := seal.ParseKey(material(letter))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func tokens(t testing.TB, issuer string, letters ...string) (*seal.Tokens, *ring) {
	t.Helper()
	keys := &ring{}
	for _, letter := range letters {
		keys.keys = append(keys.keys, key(t, letter))
	}
	made, err := seal.New(issuer, keys)
	if err != nil {
		t.Fatal(err)
	}
	return made, keys
}

func sealed(t testing.TB, by *seal.Tokens) string {
	t.Helper()
	sealer, created, err := by.Sealer(t.Context())
	if err != nil || !created.Equal(made) || sealer.ID() == "" {
		t.Fatal(sealer.ID(), created, err)
	}
	text, err := sealer.Sign(seal.Type, []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// refuse expects that a text is not opened, which is an answer.
func refuse(t testing.TB, by *seal.Tokens, name, text string) {
	t.Helper()
	if got, opened, err := by.Open(t.Context(), text); opened || got != nil || err != nil {
		t.Errorf("%s: %s, %t, %v", name, got, opened, err)
	}
}

func TestW3_a_token_opens_with_every_key_that_may_have_sealed_it(t *testing.T) {
	old, _ := tokens(t, issuer, "old")
	now, _ := tokens(t, issuer, "new", "old")
	for _, text := range []string{sealed(t, old), sealed(t, now)} {
		if got, opened, err := now.Open(t.Context(), text); string(got) != claims || !opened || err != nil {
			t.Errorf("%s, %t, %v", got, opened, err)
		}
	}
	refuse(t, old, "a key that is unknown", sealed(t, now))
}

func TestW3_nothing_is_readable_and_no_two_tokens_are_alike(t *testing.T) {
	by, _ := tokens(t, issuer, "a")
	seen := map[string]bool{}
	for range 100 {
		text := sealed(t, by)
		content, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, seal.Prefix))
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(claims) - 4 {
			if part := claims[i : i+5]; strings.Contains(text, part) || bytes.Contains(content, []byte(part)) {
				t.Fatalf("%s is in %s", part, text)
			}
		}
		nonce := string(content[8:20])
		if seen[nonce] {
			t.Error("a nonce is used again")
		}
		seen[nonce] = true
	}
}

// handmade is a token as the package comment describes it, made without the package, of the key a and a nonce of zeros.
func handmade(t testing.TB) string {
	t.Helper()
	name := hmac.New(sha256.New, material("a"))
	name.Write([]byte("countersign: the ID of a key that seals access tokens"))
	nonce := make([]byte, 12)
	content := slices.Concat(name.Sum(nil)[:8], nonce)
	content = gcm(t, "a").Seal(content, nonce, []byte(claims), []byte("csat_"+issuer))
	return "csat_" + base64.RawURLEncoding.EncodeToString(content)
}

func gcm(t testing.TB, letter string) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(material(letter))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

func TestW3_the_form_is_the_stated_one(t *testing.T) {
	by, _ := tokens(t, issuer, "a")
	if got, opened, err := by.Open(t.Context(), handmade(t)); string(got) != claims || !opened || err != nil {
		t.Errorf("%s, %t, %v", got, opened, err)
	}
	content, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(sealed(t, by), "csat_"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := gcm(t, "a").Open(nil, content[8:20], content[20:], []byte("csat_"+issuer))
	if err != nil || string(got) != claims {
		t.Errorf("%s, %v", got, err)
	}
	if made := seal.NewKeyMaterial(); len(made) != 32 || bytes.Equal(made, seal.NewKeyMaterial()) {
		t.Errorf("%d bytes", len(made))
	}
}

func TestW3_whatever_is_changed_left_out_or_added_does_not_open(t *testing.T) {
	by, _ := tokens(t, issuer, "a", "b")
	text := sealed(t, by)
	for i := range len(text) {
		refuse(t, by, "the beginning", text[:i])
		refuse(t, by, "the end", text[i+1:])
		refuse(t, by, "one left out", text[:i]+text[i+1:])
		changed := []byte(text)
		for b := range 256 {
			if changed[i] = byte(b); changed[i] != text[i] {
				refuse(t, by, "one changed", string(changed))
			}
			refuse(t, by, "one added", text[:i]+string([]byte{byte(b)})+text[i:])
		}
	}
	for b := range 256 {
		refuse(t, by, "one added at the end", text+string([]byte{byte(b)}))
	}
	for _, end := range []string{"=", "==", "\n", "\r\n", "AAAA", ".", text} {
		refuse(t, by, "an end", text+end)
	}
}

// The same of the bytes themselves: no bit of what is encoded is without meaning.
func TestW3_no_bit_of_a_token_is_without_meaning(t *testing.T) {
	by, _ := tokens(t, issuer, "a")
	content, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(sealed(t, by), seal.Prefix))
	if err != nil {
		t.Fatal(err)
	}
	encoded := func(content []byte) string { return seal.Prefix + base64.RawURLEncoding.EncodeToString(content) }
	for i := range content {
		refuse(t, by, "shorter", encoded(content[:i]))
		for bit := range 8 {
			changed := slices.Clone(content)
			changed[i] ^= 1 << bit
			refuse(t, by, "another bit", encoded(changed))
		}
	}
	refuse(t, by, "longer", encoded(append(content, 0)))
}

func TestW3_what_is_no_token_of_this_issuer_does_not_open(t *testing.T) {
	by, keys := tokens(t, issuer, "a")
	for name, text := range map[string]string{
		"nothing": "", "a JWT": "eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "without prefix": sealed(t, by)[len(seal.Prefix):],
		"PREFIX": strings.ToUpper(seal.Prefix) + sealed(t, by)[len(seal.Prefix):], "white space before": " " + sealed(t, by),
	} {
		refuse(t, by, name, text)
	}
	refuse(t, by, "the longest", seal.Prefix+strings.Repeat("A", 16<<10))
	if keys.asked != 0 {
		t.Errorf("the keys were asked for %d times, for what is no token", keys.asked)
	}
	refuse(t, by, "the prefix alone", seal.Prefix)
	for _, other := range []string{issuer + "/", "https://auth.example.co", "x"} {
		elsewhere, _ := tokens(t, other, "a")
		refuse(t, by, "another issuer with the same key", sealed(t, elsewhere))
	}
	keys.keys = nil
	refuse(t, by, "no key", sealed(t, func() *seal.Tokens { made, _ := tokens(t, issuer, "a"); return made }()))
	keys.keys = []seal.Key{{}}
	refuse(t, by, "a key that is none", seal.Prefix+strings.Repeat("A", 64))
}

func TestW3_without_keys_nothing_is_sealed_and_nothing_decided(t *testing.T) {
	by, keys := tokens(t, issuer, "a")
	text := sealed(t, by)
	keys.down = errors.New("down")
	sealer, created, err := by.Sealer(t.Context())
	if !errors.Is(err, keys.down) || !created.IsZero() {
		t.Error(err)
	}
	if text, err := sealer.Sign(seal.Type, []byte(claims)); err == nil || text != "" {
		t.Errorf("an error came with a key, which has sealed %q", text)
	}
	if got, opened, err := by.Open(t.Context(), text); !errors.Is(err, keys.down) || opened || got != nil {
		t.Errorf("%s, %t, %v", got, opened, err)
	}
	if text, err := (seal.Sealer{}).Sign(seal.Type, []byte(claims)); err == nil || text != "" {
		t.Errorf("no key has sealed %q", text)
	}
}

func TestW3_only_access_tokens_are_sealed(t *testing.T) {
	by, _ := tokens(t, issuer, "a")
	sealer, _, err := by.Sealer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{"", "JWT", "oauth-id-jag+jwt", "AT+JWT", "application/at+jwt"} {
		if text, err := sealer.Sign(typ, []byte(claims)); err == nil || text != "" {
			t.Errorf("%q is sealed: %s", typ, text)
		}
	}
	// What could not be opened again is no token.
	fits := 16<<10*3/4 - 40
	if _, err := sealer.Sign(seal.Type, make([]byte, fits)); err != nil {
		t.Error(err)
	}
	if text, err := sealer.Sign(seal.Type, make([]byte, fits+10)); err == nil || text != "" {
		t.Errorf("%d bytes are sealed", fits+10)
	}
}

func TestNew_refuses_what_is_no_configuration(t *testing.T) {
	for name, made := range map[string]func() (*seal.Tokens, error){
		"no issuer": func() (*seal.Tokens, error) { return seal.New("", &ring{}) },
		"no keys":   func() (*seal.Tokens, error) { return seal.New(issuer, nil) },
	} {
		if tokens, err := made(); err == nil || tokens != nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
