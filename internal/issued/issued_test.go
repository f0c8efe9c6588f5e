package issued_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/seal"
)

const issuer = "https://auth.example.com"

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

type claims map[string]any

// good are the claims of a token as package token makes it.
func good() claims {
	return claims{
		"iss": issuer, "sub": "alice", "aud": "https://api.example.com", "client_id": "app", "jti": "1",
		"iat": noon().Unix(), "exp": noon().Add(time.Minute).Unix(), "scope": "read write",
	}
}

func (c claims) but(name string, value any) claims {
	changed := maps.Clone(c)
	if changed[name] = value; value == nil {
		delete(changed, name)
	}
	return changed
}

type bench struct {
	key      jose.SigningKey
	verifier *issued.Verifier
	now      time.Time
}

func newBench(t *testing.T, stopped ...issued.Stop) *bench {
	t.Helper()
	b := &bench{now: noon()}
	var err error
	if b.key, err = jose.GenerateSigningKey(jose.ES256); err != nil {
		t.Fatal(err)
	}
	b.verifier, err = issued.New(issued.Config{
		Issuer: issuer, Now: func() time.Time { return b.now }, Stopped: stopped,
		Keys: func(context.Context) (jose.KeySet, error) { return jose.KeySet{b.key.Verification()}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) sign(t *testing.T, typ string, c claims) string {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := b.key.Sign(typ, text)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestVerify_knows_our_own_tokens(t *testing.T) {
	b := newBench(t)
	token, err := b.verifier.Verify(t.Context(), b.sign(t, "at+jwt", good().but("cnf", map[string]any{"jkt": "k", "x5t#S256": "c"})))
	if err != nil || token.IsZero() {
		t.Fatal(err)
	}
	if token.Subject != "alice" || token.ClientID != "app" || token.ID != "1" || token.Scope.String() != "read write" ||
		len(token.Audience) != 1 || token.Confirmation.JWKThumbprint != "k" || token.Confirmation.CertificateThumbprint != "c" ||
		!token.ExpiresAt.Equal(noon().Add(time.Minute)) || !token.IssuedAt.Equal(noon()) || token.Claims()["sub"] != "alice" {
		t.Errorf("%+v", token)
	}
}

func TestVerify_has_one_answer_for_whatever_is_not_an_active_token_of_ours(t *testing.T) {
	b, stranger := newBench(t), newBench(t)
	signed := b.sign(t, "at+jwt", good())
	for name, text := range map[string]string{
		"nothing":              "",
		"no JWT":               "token",
		"two parts":            signed[:strings.LastIndex(signed, ".")],
		"one byte less":        signed[:len(signed)-1],
		"one byte more":        signed + "A",
		"another key":          stranger.sign(t, "at+jwt", good()),
		"an assertion":         b.sign(t, "JWT", good()),
		"without typ":          b.sign(t, "", good()),
		"another issuer":       b.sign(t, "at+jwt", good().but("iss", "https://other.example.com")),
		"no issuer":            b.sign(t, "at+jwt", good().but("iss", nil)),
		"expired":              b.sign(t, "at+jwt", good().but("exp", noon().Unix())),
		"no exp":               b.sign(t, "at+jwt", good().but("exp", nil)),
		"no sub":               b.sign(t, "at+jwt", good().but("sub", nil)),
		"no client":            b.sign(t, "at+jwt", good().but("client_id", nil)),
		"a client of no type":  b.sign(t, "at+jwt", good().but("client_id", 1)),
		"no jti":               b.sign(t, "at+jwt", good().but("jti", nil)),
		"no aud":               b.sign(t, "at+jwt", good().but("aud", nil)),
		"no iat":               b.sign(t, "at+jwt", good().but("iat", nil)),
		"a scope that is none": b.sign(t, "at+jwt", good().but("scope", "a  b")),
	} {
		if token, err := b.verifier.Verify(t.Context(), text); !errors.Is(err, issued.ErrInactive) || !token.IsZero() {
			t.Errorf("%s: %+v, %v", name, token, err)
		}
	}
	if _, err := b.verifier.Verify(t.Context(), signed); err != nil {
		t.Error(err)
	}
}

func TestVerify_asks_whether_a_token_has_been_taken_back_and_never_guesses(t *testing.T) {
	down := errors.New("down")
	for name, test := range map[string]struct {
		stops []issued.Stop
		want  error
	}{
		"it has":           {[]issued.Stop{answer(false, nil), answer(true, nil)}, issued.ErrInactive},
		"nobody can tell":  {[]issued.Stop{answer(false, nil), answer(false, down)}, down},
		"it has not":       {[]issued.Stop{answer(false, nil), answer(false, nil)}, nil},
		"nobody remembers": {nil, nil},
	} {
		b := newBench(t, test.stops...)
		if token, err := b.verifier.Verify(t.Context(), b.sign(t, "at+jwt", good())); !errors.Is(err, test.want) || token.IsZero() != (test.want != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func answer(stopped bool, err error) issued.Stop {
	return func(context.Context, issued.Token) (bool, error) { return stopped, err }
}

// sealing is keys that seal and open, or the reason why they cannot be had.
type sealing struct {
	key  seal.Key
	down error
}

func (s *sealing) SealingKey(context.Context) (seal.Key, time.Time, error) {
	return s.key, time.Time{}, s.down
}
func (s *sealing) OpeningKeys(context.Context) ([]seal.Key, error) { return []seal.Key{s.key}, s.down }

// newSealing returns a bench whose verifier opens what was sealed with keys, and what seals with them.
func newSealing(t *testing.T, stops ...issued.Stop) (*bench, *sealing, *seal.Tokens) {
	t.Helper()
	b, keys := newBench(t), &sealing{}
	var err error
	if keys.key, err = seal.ParseKey(seal.NewKeyMaterial()); err != nil {
		t.Fatal(err)
	}
	tokens, err := seal.New(issuer, keys)
	if err != nil {
		t.Fatal(err)
	}
	b.verifier, err = issued.New(issued.Config{
		Issuer: issuer, Now: func() time.Time { return b.now }, Open: tokens.Open, Stopped: stops,
		Keys: func(context.Context) (jose.KeySet, error) { return jose.KeySet{b.key.Verification()}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return b, keys, tokens
}

func sealed(t *testing.T, by *seal.Tokens, c claims) string {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return sealedText(t, by, string(text))
}

func sealedText(t *testing.T, by *seal.Tokens, text string) string {
	t.Helper()
	sealer, _, err := by.Sealer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token, err := sealer.Sign("at+jwt", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestW3_a_sealed_token_is_the_same_token(t *testing.T) {
	b, _, by := newSealing(t)
	all := good().but("cnf", map[string]any{"jkt": "k"}).but("roles", []any{"a", "b"})
	want, err := b.verifier.Verify(t.Context(), b.sign(t, "at+jwt", all))
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.verifier.Verify(t.Context(), sealed(t, by, all))
	if err != nil || got.IsZero() || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v; %v", got, want, err)
	}
}

// Exhaustive: every byte, by every other, and every length.
func TestW3_whatever_is_changed_left_out_or_added_is_inactive(t *testing.T) {
	b, _, by := newSealing(t)
	token := sealed(t, by, good())
	refuse := func(text string) {
		t.Helper()
		if got, err := b.verifier.Verify(t.Context(), text); !errors.Is(err, issued.ErrInactive) || !got.IsZero() {
			t.Fatalf("%q: %+v, %v", text, got, err)
		}
	}
	for i := range len(token) {
		refuse(token[:i])
		refuse(token[i+1:])
		changed := []byte(token)
		for other := range 256 {
			if changed[i] = byte(other); changed[i] != token[i] {
				refuse(string(changed))
			}
		}
	}
	for other := range 256 {
		refuse(token + string([]byte{byte(other)}))
		refuse(string([]byte{byte(other)}) + token)
	}
	if _, err := b.verifier.Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
}

func TestW3_a_sealed_token_is_held_to_what_a_signed_one_is(t *testing.T) {
	b, _, by := newSealing(t)
	for name, text := range map[string]string{
		"another issuer":    sealed(t, by, good().but("iss", "https://other.example.com")),
		"expired":           sealed(t, by, good().but("exp", noon().Unix())),
		"no exp":            sealed(t, by, good().but("exp", nil)),
		"no client":         sealed(t, by, good().but("client_id", nil)),
		"no jti":            sealed(t, by, good().but("jti", nil)),
		"no aud":            sealed(t, by, good().but("aud", nil)),
		"no JSON":           sealedText(t, by, "claims"),
		"a claim twice":     sealedText(t, by, `{"iss":"`+issuer+`","iss":"`+issuer+`"}`),
		"something besides": sealedText(t, by, `{} {}`),
	} {
		if got, err := b.verifier.Verify(t.Context(), text); !errors.Is(err, issued.ErrInactive) || !got.IsZero() {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	stopped, _, by := newSealing(t, answer(true, nil))
	if _, err := stopped.verifier.Verify(t.Context(), sealed(t, by, good())); !errors.Is(err, issued.ErrInactive) {
		t.Error(err)
	}
	if _, err := newBench(t).verifier.Verify(t.Context(), sealed(t, by, good())); !errors.Is(err, issued.ErrInactive) {
		t.Errorf("a server without opaque tokens: %v", err)
	}
}

// It is nobody's fault that the keys cannot be had. A signed token needs none of them.
func TestW3_without_the_keys_a_sealed_token_is_undecided(t *testing.T) {
	b, keys, by := newSealing(t)
	token := sealed(t, by, good())
	keys.down = errors.New("down")
	if got, err := b.verifier.Verify(t.Context(), token); !errors.Is(err, keys.down) || errors.Is(err, issued.ErrInactive) || !got.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := b.verifier.Verify(t.Context(), b.sign(t, "at+jwt", good())); err != nil {
		t.Error(err)
	}
}

func TestVerify_without_our_keys_is_undecided(t *testing.T) {
	b := newBench(t)
	text := b.sign(t, "at+jwt", good())
	verifier, err := issued.New(issued.Config{Issuer: issuer, Now: noon, Keys: func(context.Context) (jose.KeySet, error) { return nil, errors.New("down") }})
	if err != nil {
		t.Fatal(err)
	}
	if token, err := verifier.Verify(t.Context(), text); err == nil || errors.Is(err, issued.ErrInactive) || !token.IsZero() {
		t.Errorf("%+v, %v", token, err)
	}
}
