package token_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
	"example.com/countersign/internal/token"
)

func TestW2_each_resource_gets_a_signature_that_it_can_verify(t *testing.T) {
	b := newBench(t)
	for resource, key := range map[string]jose.VerificationKey{
		invoices: b.public, deploy: b.public,
		legacy: shared(t, "l", "7").Verification(), archive: shared(t, "a", "8").Verification(),
	} {
		_, read := b.issue(t, request{resources: []string{resource}})
		if _, err := read.Verify(key); err != nil || read.KeyID != key.ID() || read.Algorithm != key.Algorithm() || read.Type != token.Type {
			t.Errorf("%s: %v by %s %s, %s", resource, err, read.Algorithm, read.KeyID, read.Type)
		}
	}
	// A name that is nearly that of a resource with a secret of its own is another resource's.
	for _, other := range []string{legacy + "/", "https://LEGACY.example.com"} {
		if _, read := b.issue(t, request{resources: []string{other}}); read.KeyID != b.public.ID() {
			t.Errorf("%s: signed with %s", other, read.KeyID)
		}
	}
}

// A token has one signature, which one of the two could not verify; or, worse, which one of them could have made.
func TestW2_a_resource_with_a_secret_of_its_own_shares_no_token(t *testing.T) {
	b := newBench(t)
	for _, resources := range [][]string{
		{legacy, invoices}, {invoices, legacy}, {invoices, deploy, legacy}, {legacy, archive}, {archive, legacy}, {archive, invoices, legacy},
	} {
		b.refuse(t, b.decide(t, request{resources: resources}), oauth.InvalidTarget, "resources_differ")
	}
	if asked := b.own.asked + b.legacy.asked + b.archive.asked; asked != 0 {
		t.Errorf("keys were asked for %d times", asked)
	}
}

func TestW2_resources_that_have_the_same_keys_can_share_a_token(t *testing.T) {
	b := newBench(t)
	_, read := b.issue(t, request{resources: []string{archive, archive + "/old"}})
	if key := shared(t, "a", "8").Verification(); read.KeyID != key.ID() {
		t.Errorf("signed with %s", read.KeyID)
	}
}

// Protocol T7: never a token, and never the caller's fault.
func TestT7_without_its_key_a_token_cannot_be_had_for_now(t *testing.T) {
	b := newBench(t)
	errDown := errors.New("Secret Manager is down")
	ours, theirs := b.decide(t, request{}), b.decide(t, request{resources: []string{legacy}})
	for _, cause := range []error{errDown, fmt.Errorf("wrapped: %w", errDown), jose.ErrKeyWeak, &oauth.Error{Code: oauth.InvalidGrant}} {
		b.own.down = cause
		if err := b.refuse(t, ours, oauth.TemporarilyUnavailable, "signing_key_unavailable"); !errors.Is(err, cause) {
			t.Errorf("the cause is lost for the log: %v", err)
		}
	}
	if _, err := b.Draft(t.Context(), theirs); err != nil {
		t.Errorf("a resource with a secret of its own does not need the ring: %v", err)
	}
	b.own.down, b.legacy.down = nil, errDown
	b.refuse(t, theirs, oauth.TemporarilyUnavailable, "signing_key_unavailable")
	for _, unaffected := range []policy.Decision{ours, b.decide(t, request{resources: []string{archive}})} {
		if _, err := b.Draft(t.Context(), unaffected); err != nil {
			t.Errorf("the secret of another resource is not needed: %v", err)
		}
	}
}

// broken is a key that cannot sign: one in a KMS that is down, for example.
type broken struct{ cause error }

func (b broken) Sign(string, []byte) (string, error) { return "eyJ.half.token", b.cause }
func (b broken) ID() string                          { return "broken" }

func TestT7_a_key_that_does_not_sign_makes_no_token(t *testing.T) {
	b := newBench(t)
	errDown := errors.New("the KMS is down")
	for name, key := range map[string]token.Signer{"down": broken{errDown}, "a key that is none": jose.SigningKey{}} {
		b.own.key = key
		draft, err := b.Draft(t.Context(), b.decide(t, request{}))
		must(t, err)
		made, err := draft.Sign()
		refusal, is := errors.AsType[*oauth.Error](err)
		if !is || refusal.Code != oauth.TemporarilyUnavailable || refusal.Reason != "signing_failed" || !made.Token.IsZero() || made.ID != "" {
			t.Errorf("%s: %v, %v", name, made, err)
		}
	}
}

func TestKeys_that_return_neither_key_nor_error_make_no_token(t *testing.T) {
	b := newBench(t)
	b.own.key = nil
	draft, err := b.Draft(t.Context(), b.decide(t, request{}))
	must(t, err)
	expectNothing(t, draft)
}

func TestKeys_are_asked_in_the_requests_context(t *testing.T) {
	b := newBench(t)
	type mark struct{}
	issuer, err := token.New(token.Config{Issuer: server, Now: func() time.Time { return epoch }, Keys: func(ctx context.Context) (token.Signer, time.Time, error) {
		return b.own.key, time.Time{}, ctx.Value(mark{}).(error)
	}})
	must(t, err)
	errMark := errors.New("seen")
	if _, err := issuer.Draft(context.WithValue(t.Context(), mark{}, errMark), b.decide(t, request{})); !errors.Is(err, errMark) {
		t.Error(err)
	}
}

// Skipping a stage does not compile, and its zero value is refused.
func TestDraft_of_nothing_is_a_defect_and_no_token(t *testing.T) {
	b := newBench(t)
	b.refuse(t, policy.Decision{}, oauth.ServerError, "")
	expectNothing(t, token.Draft{})
	if b.own.asked != 0 {
		t.Error("a key was asked for")
	}
}

func TestReady_only_when_every_token_could_be_signed(t *testing.T) {
	b := newBench(t)
	must(t, b.Ready(t.Context()))
	errDown := errors.New("Secret Manager is down")
	for name, keys := range map[string]*keyring{"own": b.own, "legacy": b.legacy, "archive": b.archive} {
		keys.down = errDown
		if err := b.Ready(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("%s: %v", name, err)
		}
		keys.down = nil
	}
	must(t, b.Ready(t.Context()))
}

func TestNew_refuses_what_is_no_configuration(t *testing.T) {
	b := newBench(t)
	for name, spoil := range map[string]func(*token.Config){
		"no issuer": func(c *token.Config) { c.Issuer = "" },
		"no keys":   func(c *token.Config) { c.Keys = nil },
		"no clock":  func(c *token.Config) { c.Now = nil },
		"a resource without keys": func(c *token.Config) {
			c.ResourceKeys = map[string]token.NamedKeys{legacy: {Name: "legacy", Keys: b.legacy.get}, archive: {Name: "archive"}}
		},
		"keys without a name": func(c *token.Config) { c.ResourceKeys = map[string]token.NamedKeys{legacy: {Keys: b.legacy.get}} },
		"nothing":             func(c *token.Config) { *c = token.Config{} },
	} {
		config := token.Config{Issuer: server, Keys: b.own.get, Now: func() time.Time { return epoch }}
		spoil(&config)
		if issuer, err := token.New(config); err == nil || issuer != nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
