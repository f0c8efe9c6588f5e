package assertion_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
)

// found is Keys that always return the same.
type found struct {
	key jose.VerificationKey
	err error
}

func (f found) Find(context.Context, *jose.Token) (jose.VerificationKey, error) { return f.key, f.err }

func TestVerify_wants_the_signature_of_the_profiles_keys(t *testing.T) {
	b := newBench(t)
	stranger := newKey(t)
	errKeysDown := errors.New("the keys cannot be had")
	for name, test := range map[string]struct {
		keys assertion.Keys
		want error
	}{
		"nobody's":                      {assertion.Nobody{}, assertion.ErrNobody},
		"none at all":                   {nil, assertion.ErrNobody},
		"an empty set":                  {registered{}, jose.ErrNoKey},
		"a stranger's":                  {keysOf(stranger), jose.ErrNoKey},
		"the same key twice":            {keysOf(b.key, b.key), jose.ErrKeyNotDefinite},
		"keys that find another's key":  {found{key: stranger.Verification()}, jose.ErrSignature},
		"keys that find no key":         {found{}, jose.ErrSignature},
		"keys that cannot be had":       {found{err: errKeysDown}, errKeysDown},
		"a key beside a failure to get": {found{key: b.key.Verification(), err: errKeysDown}, errKeysDown},
	} {
		t.Run(name, func(t *testing.T) {
			profile := b.profile()
			profile.Keys = test.keys
			if _, err := b.verify(t, b.sign(t, "JWT", good()), profile); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// Centrifugo CVE-2026-49998: whoever is registered vouches for himself and for nobody else.
func TestVerify_refuses_one_party_under_the_name_of_another(t *testing.T) {
	mallory := newBench(t)
	alice := newBench(t)
	profileOfAlice := alice.profile()
	if _, err := alice.verify(t, mallory.sign(t, "JWT", good()), profileOfAlice); !errors.Is(err, jose.ErrNoKey) {
		t.Errorf("signed by another: %v", err)
	}
	// Even where a mistake hands out Mallory's keys for Alice, an assertion that says so itself is not Alice's.
	profileOfAlice.Keys = keysOf(mallory.key)
	own := good().with("iss", "https://mallory.example").with("sub", "https://mallory.example")
	if _, err := alice.verify(t, mallory.sign(t, "JWT", own), profileOfAlice); !errors.Is(err, assertion.ErrIssuer) {
		t.Errorf("another's assertion by another's key: %v", err)
	}
}

// Protocol T8: what depends on who is registered is said only to the holder of a registered key.
func TestVerify_tells_a_stranger_nothing_about_the_profile(t *testing.T) {
	b := newBench(t)
	stranger := newBench(t)
	for name, c := range map[string]claims{
		"wrong iss":         good().with("iss", "x"),
		"wrong sub":         good().with("sub", "x"),
		"wrong aud":         good().with("aud", "x"),
		"no jti":            good().with("jti", nil),
		"too long a life":   good().with("exp", epoch.Add(24*time.Hour).Unix()),
		"everything is fit": good(),
	} {
		_, err := b.verify(t, stranger.sign(t, "at+jwt", c), b.profile())
		if !errors.Is(err, jose.ErrNoKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTellsWhoExists_knows_what_depends_on_who_is_registered(t *testing.T) {
	for _, err := range []error{assertion.ErrNobody, jose.ErrNoKey, jose.ErrKeyNotDefinite, jose.ErrSignature} {
		if !assertion.TellsWhoExists(err) || !assertion.TellsWhoExists(fmt.Errorf("verifying: %w", err)) {
			t.Errorf("not %v", err)
		}
	}
	for _, err := range []error{
		nil, errors.New("another"), assertion.ErrExpired, assertion.ErrAudience, assertion.ErrReplayed, jose.ErrCompact,
		// The same words are not the same fault.
		&assertion.Fault{Reason: assertion.ErrNobody.Reason, Sentence: assertion.ErrNobody.Sentence},
	} {
		if assertion.TellsWhoExists(err) {
			t.Errorf("%v", err)
		}
	}
}

// An unknown party costs about as much as a known one whose signature is wrong: one verification.
func TestVerify_without_a_key_verifies_a_decoy(t *testing.T) {
	b := newBench(t)
	presented := b.sign(t, "JWT", good())
	known := b.profile()
	known.Keys = found{key: newKey(t).Verification()}
	unknown := b.profile()
	unknown.Keys = assertion.Nobody{}
	cost := func(profile assertion.Profile) float64 {
		return testing.AllocsPerRun(50, func() { _, _ = b.verifier.Verify(t.Context(), presented, profile) })
	}
	withKey, without := cost(known), cost(unknown)
	if without < withKey-5 || without > withKey+5 {
		t.Errorf("%v allocations with a key, %v without", withKey, without)
	}
}
