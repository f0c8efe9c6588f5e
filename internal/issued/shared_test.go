package issued_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/jose"
)

// Two APIs have a secret each, and the versions of both have the same number.
const (
	ledger  = "urn:example:ledger"
	archive = "urn:example:archive"
)

func secretOf(api string) []byte { return []byte(strings.Repeat(api, 4)) }

// sharing returns a verifier that knows these secrets. find comes before it looks for a key.
func sharing(t *testing.T, find func(api string) error, apis ...string) *issued.Verifier {
	t.Helper()
	config := issued.Config{
		Issuer: issuer, Now: noon,
		Keys: func(context.Context) (jose.KeySet, error) { return nil, errors.New("our own keys are not needed") },
	}
	for _, api := range apis {
		key, err := jose.NewSharedSecretKey(secretOf(api), jose.HS256, "1")
		if err != nil {
			t.Fatal(err)
		}
		config.Shared = append(config.Shared, issued.Shared{
			Resources: []string{api, api + ":more"}, Lifetime: lifetime,
			Find: func(_ context.Context, token *jose.Token) (jose.VerificationKey, error) {
				if err := find(api); err != nil {
					return jose.VerificationKey{}, err
				}
				return jose.KeySet{key}.Find(token)
			},
		})
	}
	verifier, err := issued.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

// lifetime is that of the longest token of an API with a secret.
const lifetime = time.Hour

func found(string) error { return nil }

// maced returns a token that is signed with the secret of an API.
func maced(t *testing.T, api string, c claims) string {
	t.Helper()
	key, err := jose.NewSharedSecretSigningKey(secretOf(api), jose.HS256, "1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := key.Sign("at+jwt", text)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestVerify_believes_a_shared_secret_of_those_alone_who_share_it(t *testing.T) {
	all := sharing(t, found, ledger, archive)
	for name, test := range map[string]struct {
		verifier *issued.Verifier
		token    string
		active   bool
	}{
		"for who shares it":           {all, maced(t, ledger, good().but("aud", ledger)), true},
		"for the other":               {all, maced(t, archive, good().but("aud", archive)), true},
		"for two who share it":        {all, maced(t, archive, good().but("aud", []string{archive, archive + ":more"})), true},
		"for another":                 {all, maced(t, ledger, good().but("aud", archive)), false},
		"for another besides":         {all, maced(t, ledger, good().but("aud", []string{ledger, archive})), false},
		"for one who shares nothing":  {all, maced(t, ledger, good()), false},
		"for nobody":                  {all, maced(t, ledger, good().but("aud", nil)), false},
		"for as long as any":          {all, maced(t, ledger, good().but("aud", ledger).but("exp", noon().Add(lifetime).Unix())), true},
		"for longer than any":         {all, maced(t, ledger, good().but("aud", ledger).but("exp", noon().Add(lifetime).Unix()+1)), false},
		"for ever":                    {all, maced(t, ledger, good().but("aud", ledger).but("exp", 253402300799)), false},
		"of another issuer":           {all, maced(t, ledger, good().but("aud", ledger).but("iss", "https://other.example.com")), false},
		"where nobody shares":         {sharing(t, found), maced(t, ledger, good().but("aud", ledger)), false},
		"where this one does not":     {sharing(t, found, archive), maced(t, ledger, good().but("aud", ledger)), false},
		"and its secret is not asked": {newBench(t).verifier, maced(t, ledger, good().but("aud", ledger)), false},
	} {
		token, err := test.verifier.Verify(t.Context(), test.token)
		if token.IsZero() == test.active || errors.Is(err, issued.ErrInactive) == test.active {
			t.Errorf("%s: %+v, %v", name, token, err)
		}
	}
}

func TestVerify_without_a_shared_secret_is_undecided(t *testing.T) {
	down := errors.New("down")
	verifier := sharing(t, func(api string) error {
		if api == ledger {
			return down
		}
		return nil
	}, ledger, archive)
	if token, err := verifier.Verify(t.Context(), maced(t, ledger, good().but("aud", ledger))); !errors.Is(err, down) || !token.IsZero() {
		t.Errorf("%+v, %v", token, err)
	}
	if _, err := verifier.Verify(t.Context(), maced(t, archive, good().but("aud", archive))); err != nil {
		t.Errorf("another one is concerned: %v", err)
	}
}
