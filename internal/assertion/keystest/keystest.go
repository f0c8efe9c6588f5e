// Package keystest holds every implementation of [assertion.Keys] to its promises (protocol A2, A4, A5, T7, G2).
package keystest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"sync"
	"testing"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
)

// Key is a key of a party: an ES256 key, or a shared secret for HS256.
type Key struct {
	Public jose.VerificationKey
	Secret []byte // of a shared secret; else nil

	private *ecdsa.PrivateKey
}

// Party is somebody whose keys are had in the way that is tested.
type Party struct {
	Keys   assertion.Keys
	Header map[string]any // what the header of its tokens has besides alg and kid
	Claims map[string]any // what its tokens claim
}

// TestPublicKeys runs the suite for public keys. have returns a party that has these keys and no others, whose kids are 1,
// 2 and so on.
func TestPublicKeys(t *testing.T, have func(t *testing.T, keys ...Key) Party) {
	run(t, newPublicKey, have)
}

// TestSharedSecrets runs it for shared secrets.
func TestSharedSecrets(t *testing.T, have func(t *testing.T, keys ...Key) Party) {
	run(t, newSharedSecret, have)
}

func run(t *testing.T, newKey func(t *testing.T, id string) Key, have func(t *testing.T, keys ...Key) Party) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *subject)
	}{
		{"A5_a_kid_names_the_key", kidNamesKey},
		{"A5_an_unknown_kid_names_none", unknownKid},
		{"A5_a_kid_of_one_key_is_no_name_for_another", wrongKid},
		{"A5_without_kid_there_must_be_one_key_only", withoutKid},
		{"A2_a_kid_under_another_algorithm_names_none", otherAlgorithm},
		{"G2_a_kid_that_two_parties_share_never_crosses_over", sharedKid},
		{"T7_a_request_that_has_ended_is_no_fault_of_the_token", endedRequest},
		{"many_can_ask_at_once", atOnce},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, &subject{newKey, have}) })
	}
}

// subject is what is tested.
type subject struct {
	newKey func(t *testing.T, id string) Key
	have   func(t *testing.T, keys ...Key) Party
}

func newPublicKey(t *testing.T, id string) Key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	public, err := jose.NewVerificationKey(&private.PublicKey, jose.ES256, id)
	must(t, err)
	return Key{Public: public, private: private}
}

func newSharedSecret(t *testing.T, id string) Key {
	t.Helper()
	secret := make([]byte, 32)
	rand.Read(secret)
	public, err := jose.NewSharedSecretKey(secret, jose.HS256, id)
	must(t, err)
	return Key{Public: public, Secret: secret}
}

// token is a token of the party, signed with a key under a header that names kid, or no key where that is empty.
func (p Party) token(t *testing.T, key Key, kid, algorithm string) *jose.Token {
	t.Helper()
	header := map[string]any{"alg": algorithm}
	maps.Copy(header, p.Header)
	if kid != "" {
		header["kid"] = kid
	}
	input := encode(t, header) + "." + encode(t, p.Claims)
	sum := sha256.Sum256([]byte(input))
	var signature []byte
	if key.private != nil {
		r, s, err := ecdsa.Sign(rand.Reader, key.private, sum[:])
		must(t, err)
		signature = make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
	} else {
		mac := hmac.New(sha256.New, key.Secret)
		mac.Write([]byte(input))
		signature = mac.Sum(nil)
	}
	token, err := jose.Parse(input + "." + base64.RawURLEncoding.EncodeToString(signature))
	must(t, err)
	return token
}

func encode(t *testing.T, part map[string]any) string {
	t.Helper()
	if part == nil {
		part = map[string]any{}
	}
	text, err := json.Marshal(part)
	must(t, err)
	return base64.RawURLEncoding.EncodeToString(text)
}

// signed is a token as it should be.
func (p Party) signed(t *testing.T, key Key) *jose.Token {
	t.Helper()
	return p.token(t, key, key.Public.ID(), string(key.Public.Algorithm()))
}

// verify finds the key of a token and verifies it.
func verify(ctx context.Context, keys assertion.Keys, token *jose.Token) error {
	key, err := keys.Find(ctx, token)
	if err == nil {
		_, err = token.Verify(key)
	}
	return err
}

func accept(t *testing.T, p Party, token *jose.Token) {
	t.Helper()
	if err := verify(t.Context(), p.Keys, token); err != nil {
		t.Error(err)
	}
}

// refuse wants a fault that tells a stranger nothing (protocol T8).
func refuse(t *testing.T, p Party, token *jose.Token) {
	t.Helper()
	err := verify(t.Context(), p.Keys, token)
	if _, isFault := errors.AsType[*assertion.Fault](err); !isFault || !assertion.TellsWhoExists(err) {
		t.Errorf("%v", err)
	}
}

func kidNamesKey(t *testing.T, s *subject) {
	one, two := s.newKey(t, "1"), s.newKey(t, "2")
	p := s.have(t, one, two)
	accept(t, p, p.signed(t, one))
	accept(t, p, p.signed(t, two))
	accept(t, p, p.signed(t, one))
}

func unknownKid(t *testing.T, s *subject) {
	one, other := s.newKey(t, "1"), s.newKey(t, "3")
	p := s.have(t, one)
	refuse(t, p, p.signed(t, other))
	refuse(t, p, p.token(t, one, "3", string(one.Public.Algorithm())))
	accept(t, p, p.signed(t, one))
}

func wrongKid(t *testing.T, s *subject) {
	one, two := s.newKey(t, "1"), s.newKey(t, "2")
	p := s.have(t, one, two)
	refuse(t, p, p.token(t, two, "1", string(two.Public.Algorithm())))
}

func withoutKid(t *testing.T, s *subject) {
	one, two := s.newKey(t, "1"), s.newKey(t, "2")
	alone := s.have(t, one)
	accept(t, alone, alone.token(t, one, "", string(one.Public.Algorithm())))
	both := s.have(t, one, two)
	refuse(t, both, both.token(t, one, "", string(one.Public.Algorithm())))
}

func otherAlgorithm(t *testing.T, s *subject) {
	one := s.newKey(t, "1")
	p := s.have(t, one)
	for _, algorithm := range []string{"ES256", "HS256", "EdDSA", "RS256", "PS256"} {
		if algorithm != string(one.Public.Algorithm()) {
			refuse(t, p, p.token(t, one, "1", algorithm))
		}
	}
}

func sharedKid(t *testing.T, s *subject) {
	mine, theirs := s.newKey(t, "1"), s.newKey(t, "1")
	me, them := s.have(t, mine), s.have(t, theirs)
	accept(t, me, me.signed(t, mine))
	accept(t, them, them.signed(t, theirs))
	refuse(t, me, me.signed(t, theirs))
	refuse(t, them, them.signed(t, mine))
}

func endedRequest(t *testing.T, s *subject) {
	one := s.newKey(t, "1")
	p := s.have(t, one)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err := verify(ended, p.Keys, p.signed(t, one))
	if _, isFault := errors.AsType[*assertion.Fault](err); isFault {
		t.Errorf("it is taken for a fault: %v", err)
	}
	accept(t, p, p.signed(t, one))
}

func atOnce(t *testing.T, s *subject) {
	one, other := s.newKey(t, "1"), s.newKey(t, "3")
	p := s.have(t, one)
	good, bad := p.signed(t, one), p.signed(t, other)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { accept(t, p, good) })
		all.Go(func() { refuse(t, p, bad) })
	}
	all.Wait()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
