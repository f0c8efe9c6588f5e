package issued_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/jose"
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
