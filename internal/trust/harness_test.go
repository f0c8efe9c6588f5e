package trust_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/refresh"
	"example.com/countersign/internal/trust"
)

// The times by which loaded keys live.
const (
	fresh = time.Minute
	stale = 24 * time.Hour
	retry = 2 * time.Second
)

var errDown = errors.New("the place that keeps secrets is down")

// vault is a secret: its enabled versions. One load runs at a time, and none while a test changes it.
type vault struct {
	versions []trust.SecretVersion
	down     error
	panics   any
	hangs    bool
	takes    time.Duration
	loads    int
	heard    []error // of loads that failed
}

func (v *vault) secret(ctx context.Context) ([]trust.SecretVersion, error) {
	v.loads++
	time.Sleep(v.takes)
	switch {
	case v.hangs:
		<-ctx.Done()
		return nil, ctx.Err()
	case v.panics != nil:
		panic(v.panics)
	}
	return v.versions, v.down
}

func (v *vault) failed(failure refresh.Failure) { v.heard = append(v.heard, failure.Err) }

// holds replaces the versions. The first is the oldest, and they are numbered from 1.
func (v *vault) holds(payloads ...[]byte) {
	v.versions = nil
	for i, payload := range payloads {
		v.versions = append(v.versions, trust.SecretVersion{ID: string(rune('1' + i)), Created: time.Unix(int64(i), 0), Payload: payload})
	}
}

// holding is a vault with these versions.
func holding(payloads ...[]byte) *vault {
	v := &vault{}
	v.holds(payloads...)
	return v
}

// follow returns keys that are loaded from a vault, inside a synctest bubble.
func follow(t testing.TB, v *vault, load func(context.Context) (jose.KeySet, error)) trust.Loaded {
	t.Helper()
	loaded, err := trust.NewLoaded(trust.LoadedConfig{Load: load, Now: time.Now, Failed: v.failed})
	must(t, err)
	t.Cleanup(synctest.Wait) // for a load that nobody waits for
	return loaded
}

func publicKeys(t testing.TB, v *vault) trust.Loaded {
	t.Helper()
	return follow(t, v, trust.PublicKeys(v.secret, jose.RS256))
}

func sharedSecret(t testing.TB, v *vault) trust.Loaded {
	t.Helper()
	return follow(t, v, trust.SharedSecret(v.secret, jose.HS256))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keys is what both kinds of keys do.
type keys interface {
	Find(context.Context, *jose.Token) (jose.VerificationKey, error)
}

// verify is what the stages behind do with keys.
func verify(t testing.TB, from keys, text string) error {
	t.Helper()
	token, err := jose.Parse(text)
	must(t, err)
	key, err := from.Find(t.Context(), token)
	if key.IsZero() != (err != nil) {
		t.Errorf("%v came with %v", key, err)
	}
	if err != nil {
		return err
	}
	_, err = token.Verify(key)
	return err
}

func accept(t testing.TB, from keys, text string) {
	t.Helper()
	if err := verify(t, from, text); err != nil {
		t.Errorf("refused: %v", err)
	}
}

// refuse expects that it is the token's fault.
func refuse(t testing.TB, from keys, text string, because *jose.Fault) {
	t.Helper()
	if err := verify(t, from, text); !errors.Is(err, because) {
		t.Errorf("got %v, want %v", err, because)
	}
}

// undecided expects that it is nobody's fault but ours: what is no fault of the token ends as 503 (protocol T7).
func undecided(t testing.TB, from keys, text string) error {
	t.Helper()
	err := verify(t, from, text)
	if fault, is := errors.AsType[*jose.Fault](err); is || err == nil {
		t.Errorf("got %v, want that the keys cannot be had; fault %v", err, fault)
	}
	return err
}

// party signs with its key, under whatever kid.
type party struct{ private *ecdsa.PrivateKey }

func newParty(t testing.TB) party {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return party{private}
}

func (p party) key(t testing.TB, kid string) jose.VerificationKey {
	t.Helper()
	key, err := jose.NewVerificationKey(p.private.Public(), jose.ES256, kid)
	must(t, err)
	return key
}

// jwks is the party's key as it registers it.
func (p party) jwks(t testing.TB, kid string) []byte {
	t.Helper()
	set, err := jose.EncodeKeySet(jose.KeySet{p.key(t, kid)})
	must(t, err)
	return set
}

func (p party) pem(t testing.TB) []byte {
	t.Helper()
	text, err := p.key(t, "").EncodeSPKI()
	must(t, err)
	return text
}

// signs returns a JWT; an empty kid is none.
func (p party) signs(t testing.TB, kid string) string {
	t.Helper()
	header := `{"alg":"ES256"}`
	if kid != "" {
		header = `{"alg":"ES256","kid":"` + kid + `"}`
	}
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(header)) + "." + encode([]byte(`{"sub":"somebody"}`))
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, p.private, digest[:])
	must(t, err)
	return input + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// secretOf is a shared secret of 32 times a letter, and mac a JWT by it.
func secretOf(letter string) []byte { return []byte(strings.Repeat(letter, 32)) }

func mac(t testing.TB, letter, kid string) string {
	t.Helper()
	key, err := jose.NewSharedSecretSigningKey(secretOf(letter), jose.HS256, kid)
	must(t, err)
	signed, err := key.Sign("", []byte(`{"sub":"somebody"}`))
	must(t, err)
	return signed
}
