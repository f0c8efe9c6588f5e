package assertion_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/replay"
)

// epoch is the time in these tests: a whole second, so that tables can be exact around it.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	skew   = 10 * time.Second
	issuer = "https://issuer.example"
	server = "https://auth.example.com"
)

// registered are the keys of one party.
type registered jose.KeySet

func (r registered) Find(_ context.Context, token *jose.Token) (jose.VerificationKey, error) {
	return jose.KeySet(r).Find(token)
}

func newKey(t testing.TB) jose.SigningKey {
	t.Helper()
	key, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keysOf(keys ...jose.SigningKey) registered {
	var set registered
	for _, key := range keys {
		set = append(set, key.Verification())
	}
	return set
}

// bench is a verifier with one party, and what becomes of its assertions.
type bench struct {
	verifier *assertion.Verifier
	key      jose.SigningKey
	now      time.Time
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{key: newKey(t), now: epoch}
	var err error
	if b.verifier, err = assertion.NewVerifier(func() time.Time { return b.now }, skew); err != nil {
		t.Fatal(err)
	}
	return b
}

// profile is one that the assertion of claims() satisfies.
func (b *bench) profile() assertion.Profile {
	return assertion.Profile{
		Purpose: replay.ForGrant, Issuer: issuer, Keys: keysOf(b.key), Subject: assertion.SubjectIsIssuer,
		Audiences: []string{server}, MaxLifetime: 10 * time.Minute, IDRequired: true,
	}
}

type claims map[string]any

func good() claims {
	return claims{"iss": issuer, "sub": issuer, "aud": server, "exp": epoch.Add(time.Minute).Unix(), "jti": "1"}
}

// with returns the claims with one changed; nil takes it away.
func (c claims) with(name string, value any) claims {
	changed := maps.Clone(c)
	changed[name] = value
	if value == nil {
		delete(changed, name)
	}
	return changed
}

func (b *bench) sign(t testing.TB, typ string, c claims) assertion.Presented {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := b.key.Sign(typ, text)
	if err != nil {
		t.Fatal(err)
	}
	presented, err := assertion.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	return presented
}

// verify also holds that nothing comes with an error.
func (b *bench) verify(t testing.TB, presented assertion.Presented, profile assertion.Profile) (assertion.Verified, error) {
	t.Helper()
	verified, err := b.verifier.Verify(t.Context(), presented, profile)
	if verified.IsZero() != (err != nil) {
		t.Errorf("Verify = %v, %v", verified, err)
	}
	if err != nil && (verified.Issuer() != "" || verified.Subject() != "" || verified.ID() != "" ||
		verified.Claims() != nil || verified.Use() != replay.Use{} || !verified.ExpiresAt().IsZero()) {
		t.Errorf("an error came with %v", verified)
	}
	return verified, err
}

// row is what becomes of one assertion.
type row struct {
	name    string
	claims  claims
	refusal error // nil: it is accepted
}

func allow(name string, c claims) row               { return row{name, c, nil} }
func deny(name string, c claims, because error) row { return row{name, c, because} }

// judge holds the verifier to the rows, under a profile that is changed for all of them.
func (b *bench) judge(t *testing.T, change func(*assertion.Profile), rows ...row) {
	t.Helper()
	profile := b.profile()
	if change != nil {
		change(&profile)
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Helper()
			if _, err := b.verify(t, b.sign(t, "JWT", row.claims), profile); !errors.Is(err, row.refusal) {
				t.Errorf("got %v, want %v", err, row.refusal)
			}
		})
	}
}

func TestNewVerifier_forgives_sixty_seconds_at_most(t *testing.T) {
	for _, forgiven := range []time.Duration{0, time.Second, time.Minute} {
		if _, err := assertion.NewVerifier(time.Now, forgiven); err != nil {
			t.Errorf("%v: %v", forgiven, err)
		}
	}
	for _, forgiven := range []time.Duration{-1, time.Minute + 1, time.Hour} {
		if verifier, err := assertion.NewVerifier(time.Now, forgiven); err == nil || verifier != nil {
			t.Errorf("%v is accepted", forgiven)
		}
	}
	if verifier, err := assertion.NewVerifier(nil, 0); err == nil || verifier != nil {
		t.Error("no clock is accepted")
	}
}

func TestParse_wants_an_issuer_and_a_good_form(t *testing.T) {
	b := newBench(t)
	for name, c := range map[string]claims{"no iss": good().with("iss", nil)} {
		text, _ := json.Marshal(c)
		signed, err := b.key.Sign("JWT", text)
		if err != nil {
			t.Fatal(err)
		}
		if presented, err := assertion.Parse(signed); !errors.Is(err, assertion.ErrIssuerMissing) || presented != (assertion.Presented{}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30."} {
		if presented, err := assertion.Parse(text); err == nil || presented != (assertion.Presented{}) {
			t.Errorf("%q is accepted", text)
		} else if _, isFault := errors.AsType[*assertion.Fault](err); !isFault {
			t.Errorf("%q: %v is not a Fault", text, err)
		}
	}
}

func TestVerify_hands_on_what_the_issuer_signed(t *testing.T) {
	b := newBench(t)
	c := good().with("sub", "somebody").with("email", "a@b.example")
	profile := b.profile()
	profile.Subject = assertion.SubjectRequired
	verified, err := b.verify(t, b.sign(t, "JWT", c), profile)
	if err != nil {
		t.Fatal(err)
	}
	type seen struct {
		Issuer, Subject, ID string
		Expires             time.Time
		Email               any
		Use                 replay.Use
	}
	got := seen{verified.Issuer(), verified.Subject(), verified.ID(), verified.ExpiresAt().UTC(), verified.Claims()["email"], verified.Use()}
	got.Use.Until = got.Use.Until.UTC()
	expires := epoch.Add(time.Minute)
	want := seen{
		issuer, "somebody", "1", expires, "a@b.example",
		replay.Use{Purpose: replay.ForGrant, Party: issuer, ID: "1", Until: expires.Add(time.Minute)}, // the largest skew
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestVerify_without_jti_has_nothing_to_remember(t *testing.T) {
	b := newBench(t)
	profile := b.profile()
	profile.IDRequired = false
	verified, err := b.verify(t, b.sign(t, "JWT", good().with("jti", nil)), profile)
	if err != nil || verified.Use() != (replay.Use{}) {
		t.Errorf("%v, %v", verified.Use(), err)
	}
}

func TestVerify_of_what_may_be_used_again_has_nothing_to_remember(t *testing.T) {
	b := newBench(t)
	profile := b.profile()
	profile.Reusable = true
	verified, err := b.verify(t, b.sign(t, "JWT", good()), profile)
	if err != nil || verified.IsZero() || verified.ID() == "" || verified.Use() != (replay.Use{}) {
		t.Errorf("%q, %v, %v", verified.ID(), verified.Use(), err)
	}
}

func TestVerify_of_nothing_is_an_error_and_no_fault(t *testing.T) {
	b := newBench(t)
	_, err := b.verify(t, assertion.Presented{}, b.profile())
	if _, isFault := errors.AsType[*assertion.Fault](err); err == nil || isFault {
		t.Errorf("got %v", err)
	}
}

// A zero Profile accepts nothing, and neither does one in which only one field is left out.
func TestVerify_with_a_profile_that_is_not_filled_in_accepts_nothing(t *testing.T) {
	b := newBench(t)
	for name, empty := range map[string]func(*assertion.Profile){
		"nothing at all": func(p *assertion.Profile) { *p = assertion.Profile{} },
		"no issuer":      func(p *assertion.Profile) { p.Issuer = "" },
		"no keys":        func(p *assertion.Profile) { p.Keys = nil },
		"an empty set":   func(p *assertion.Profile) { p.Keys = registered{} },
		"no audiences":   func(p *assertion.Profile) { p.Audiences = nil },
		"empty audience": func(p *assertion.Profile) { p.Audiences = []string{""} },
		"no lifetime":    func(p *assertion.Profile) { p.MaxLifetime = 0 },
		"lifetime ended": func(p *assertion.Profile) { p.MaxLifetime = -time.Second },
	} {
		t.Run(name, func(t *testing.T) {
			profile := b.profile()
			empty(&profile)
			for _, ahead := range []time.Duration{-skew / 2, 0, time.Second, skew, time.Minute} {
				c := good().with("exp", epoch.Add(ahead).Unix())
				for _, c := range []claims{c, c.with("iat", epoch.Unix()), c.with("iat", epoch.Add(ahead).Unix())} {
					if _, err := b.verify(t, b.sign(t, "JWT", c), profile); err == nil {
						t.Errorf("accepted with exp %v ahead", ahead)
					}
				}
			}
		})
	}
}
