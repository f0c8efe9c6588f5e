package dpop_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
)

// claimsOf reads the claims of a proof.
func claimsOf(t *testing.T, proof string) claims {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(proof, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// RFC 9449 §4.2; the token and its hash are those of §7.1.
func TestD1_Sign_makes_the_claims_of_a_proof(t *testing.T) {
	h := newHolder(t)
	proof, err := dpop.Sign(h.key, dpop.Claims{
		ID: "1", Method: "POST", URL: endpoint + "?query#fragment", IssuedAt: epoch.Add(time.Second / 2), Nonce: "2",
		AccessToken: "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := claims{
		"jti": "1", "htm": "POST", "htu": endpoint, "iat": float64(epoch.Unix()), "nonce": "2",
		"ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo",
	}
	if difference := cmp.Diff(want, claimsOf(t, proof)); difference != "" {
		t.Error(difference)
	}
	if strings.Contains(proof, encode("Kz~8mXK1")) {
		t.Error("the token is in the proof")
	}
}

func TestD1_Sign_leaves_out_what_there_is_not_and_makes_a_jti_of_its_own(t *testing.T) {
	h := newHolder(t)
	seen := map[any]bool{}
	for range 2 {
		proof, err := dpop.Sign(h.key, dpop.Claims{Method: "POST", URL: endpoint, IssuedAt: epoch})
		if err != nil {
			t.Fatal(err)
		}
		c := claimsOf(t, proof)
		id, _ := c["jti"].(string)
		if len(id) < 16 || seen[id] {
			t.Errorf("jti %q", id)
		}
		seen[id] = true
		want := claims{"jti": id, "htm": "POST", "htu": endpoint, "iat": float64(epoch.Unix())}
		if difference := cmp.Diff(want, c); difference != "" {
			t.Error(difference)
		}
		judge(t, newVerifier(t, nil), atTokenEndpoint, allow("what was signed", proof))
	}
}

func TestD1_a_signed_proof_is_accepted_for_its_key(t *testing.T) {
	h := newHolder(t)
	text, err := dpop.Sign(h.key, dpop.Claims{
		Method: "GET", URL: "https://api.example.com/a?b=<c>&d", IssuedAt: epoch, AccessToken: "token",
	})
	if err != nil {
		t.Fatal(err)
	}
	request := dpop.Request{
		Method: "GET", URLs: []string{"https://api.example.com/a"}, AccessToken: "token", Thumbprint: h.key.ID(),
	}
	proof, err := newVerifier(t, nil).Verify(context.Background(), text, request)
	if err != nil || proof.Thumbprint() != h.key.ID() || proof.IsZero() {
		t.Errorf("%+v, %v", proof, err)
	}
}

func TestD1_Sign_refuses_what_could_be_no_proof(t *testing.T) {
	h := newHolder(t)
	shared, err := jose.NewSharedSecretSigningKey(make([]byte, 32), jose.HS256, "1")
	if err != nil {
		t.Fatal(err)
	}
	whole := dpop.Claims{Method: "POST", URL: endpoint, IssuedAt: epoch}
	for name, attempt := range map[string]struct {
		key    jose.SigningKey
		claims dpop.Claims
	}{
		"no method":       {h.key, dpop.Claims{URL: endpoint, IssuedAt: epoch}},
		"no URL":          {h.key, dpop.Claims{Method: "POST", IssuedAt: epoch}},
		"no time":         {h.key, dpop.Claims{Method: "POST", URL: endpoint}},
		"no key":          {jose.SigningKey{}, whole},
		"a shared secret": {shared, whole},
	} {
		if proof, err := dpop.Sign(attempt.key, attempt.claims); err == nil || proof != "" {
			t.Errorf("%s: %q, %v", name, proof, err)
		}
	}
	if _, err := dpop.Sign(shared, whole); !errors.Is(err, jose.ErrKeyType) {
		t.Errorf("a shared secret: %v", err)
	}
}
