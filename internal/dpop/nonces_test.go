package dpop_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/dpop"
)

// keyring is the keys of nonces, which change as a test says.
type keyring struct {
	keys [][]byte
	err  error
}

func (k *keyring) get(context.Context) ([][]byte, error) { return k.keys, k.err }

func key(fill byte) []byte { return bytes.Repeat([]byte{fill}, 32) }

func newNonces(t testing.TB, keys dpop.NonceKeys, now *time.Time) *dpop.Nonces {
	t.Helper()
	nonces, err := dpop.NewNonces(keys, func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	return nonces
}

func fresh(t testing.TB, nonces *dpop.Nonces) string {
	t.Helper()
	nonce, err := nonces.Fresh(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return nonce
}

// RFC 9449 §4.3 item 10, §8, §9. §11.3: whoever asks for nonces accepts no proof without.
func TestD3_where_there_are_nonces_a_proof_has_one(t *testing.T) {
	h, now := newHolder(t), epoch
	nonces := newNonces(t, dpop.RandomNonceKeys(), &now)
	nonce := fresh(t, nonces)
	with := func(value any) string { return h.proof(t, good().with("nonce", value)) }
	flipped := []byte(nonce)
	flipped[31] ^= 1
	judge(t, newVerifier(t, nonces), atTokenEndpoint,
		allow("ours", with(nonce)),
		deny("none", with(nil), dpop.ErrNonce),
		deny("an empty one", with(""), dpop.ErrNonce),
		deny("one that is an array", with([]string{nonce}), dpop.ErrNonce),
		deny("one that is a number", with(1), dpop.ErrNonce),
		deny("one of another server", with(fresh(t, newNonces(t, dpop.RandomNonceKeys(), &now))), dpop.ErrNonce),
		deny("another MAC", with(string(flipped)), dpop.ErrNonce),
		deny("white space", with(nonce+" "), dpop.ErrNonce),
		deny("padding", with(nonce+"="), dpop.ErrNonce),
		deny("its beginning", with(nonce[:31]), dpop.ErrNonce),
		deny("two", with(nonce+nonce), dpop.ErrNonce),
		deny("a line break in the place of a letter", with(nonce[:31]+"\n"), dpop.ErrNonce),
		deny("no base64url", with(strings.Repeat("=", 32)), dpop.ErrNonce),
		deny("zeros", with(strings.Repeat("A", 32)), dpop.ErrNonce),
		deny("the latest of all times", with(strings.Repeat("_", 32)), dpop.ErrNonce),
		// Only a proof that lacks nothing else is asked to come again.
		deny("ours in a proof for something else", h.proof(t, good().with("nonce", nonce).with("htm", "GET")), dpop.ErrMethod),
		deny("none in a proof for something else", h.proof(t, good().with("htm", "GET")), dpop.ErrMethod),
	)
}

func TestD3_where_there_are_none_a_nonce_is_nobodys(t *testing.T) {
	h := newHolder(t)
	judge(t, newVerifier(t, nil), atTokenEndpoint,
		allow("one", h.proof(t, good().with("nonce", "of somebody else"))),
		allow("one that is a number", h.proof(t, good().with("nonce", 1))),
	)
}

// RFC 9449 §11.2: a proof that was made long before its use has an old nonce, whatever its iat says.
func TestD3_a_nonce_is_good_for_four_minutes_to_five(t *testing.T) {
	now := epoch // the first second of a minute
	nonces := newNonces(t, dpop.RandomNonceKeys(), &now)
	first := fresh(t, nonces)
	now = epoch.Add(59 * time.Second)
	if again := fresh(t, nonces); again != first {
		t.Errorf("%s became %s within its minute", first, again)
	}
	now = epoch.Add(time.Minute)
	if again := fresh(t, nonces); again == first {
		t.Errorf("%s outlived its minute", first)
	}
	for offset, want := range map[time.Duration]bool{
		-61 * time.Second: false, // made more than a minute ahead of our clock
		-60 * time.Second: true,  // made by an instance whose clock is fast
		-time.Second:      true,
		0:                 true,
		time.Minute:       true,
		5*time.Minute - 1: true,
		5 * time.Minute:   false,
		time.Hour:         false,
	} {
		now = epoch.Add(offset)
		if known, err := nonces.Knows(context.Background(), first); known != want || err != nil {
			t.Errorf("%v later: %v, %v", offset, known, err)
		}
	}
}

// The nonces of one instance are known to all that have the keys, and a key can be replaced without a pause.
func TestD3_a_key_is_replaced_while_its_nonces_are_still_good(t *testing.T) {
	now := epoch
	ours, theirs := &keyring{keys: [][]byte{key(1)}}, &keyring{keys: [][]byte{key(1)}}
	here, there := newNonces(t, ours.get, &now), newNonces(t, theirs.get, &now)
	knows := func(nonces *dpop.Nonces, nonce string, want bool) {
		t.Helper()
		if known, err := nonces.Knows(context.Background(), nonce); known != want || err != nil {
			t.Errorf("%v, %v; want %v", known, err, want)
		}
	}
	old := fresh(t, here)
	knows(there, old, true)
	ours.keys = [][]byte{key(2), key(1)}
	knows(here, old, true)
	replaced := fresh(t, here)
	if replaced == old {
		t.Error("the newest key does not make the nonces")
	}
	knows(there, replaced, false) // it has not heard of the key yet
	theirs.keys = [][]byte{key(2), key(1)}
	knows(there, replaced, true)
	ours.keys = [][]byte{key(2)}
	knows(here, old, false)
	knows(here, replaced, true)
}

// A nonce says nothing but a time: not the same MAC under the same key that somebody else makes of it.
func TestD3_a_nonce_is_24_bytes_that_begin_with_its_minute(t *testing.T) {
	now := epoch
	ring := &keyring{keys: [][]byte{key(1)}}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(fresh(t, newNonces(t, ring.get, &now)))
	if err != nil || len(decoded) != 24 {
		t.Fatalf("%x, %v", decoded, err)
	}
	minute := epoch.Unix() / 60
	want := []byte{0, 0, 0, 0, byte(minute >> 24), byte(minute >> 16), byte(minute >> 8), byte(minute)}
	if !bytes.Equal(decoded[:8], want) {
		t.Errorf("%x does not begin with %x", decoded, want)
	}
}

// Protocol T7, R3: keys that cannot be had, or are none, are no fault of the proof, and no reason to let it pass.
func TestD3_without_usable_keys_nothing_is_decided(t *testing.T) {
	h, now := newHolder(t), epoch
	down := errors.New("down")
	for name, ring := range map[string]*keyring{
		"the source is down":          {err: down},
		"no keys":                     {},
		"a short key":                 {keys: [][]byte{key(1)[:31]}},
		"an empty key":                {keys: [][]byte{nil}},
		"a short key behind a good":   {keys: [][]byte{key(1), key(2)[:31]}},
		"a source that fails halfway": {keys: [][]byte{key(1)}, err: down},
	} {
		nonces := newNonces(t, ring.get, &now)
		if nonce, err := nonces.Fresh(context.Background()); err == nil || nonce != "" {
			t.Errorf("%s: %q, %v", name, nonce, err)
		}
		text := h.proof(t, good().with("nonce", fresh(t, newNonces(t, (&keyring{keys: [][]byte{key(1)}}).get, &now))))
		proof, err := newVerifier(t, nonces).Verify(context.Background(), text, atTokenEndpoint)
		if fault := new(dpop.Fault); err == nil || errors.As(err, &fault) || !proof.IsZero() {
			t.Errorf("%s: %+v, %v", name, proof, err)
		}
		if ring.err != nil && !errors.Is(err, down) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestD3_random_keys_are_of_one_process(t *testing.T) {
	one, err := dpop.RandomNonceKeys()(context.Background())
	if err != nil || len(one) != 1 || len(one[0]) < 32 {
		t.Fatalf("%d keys, %v", len(one), err)
	}
	other, err := dpop.RandomNonceKeys()(context.Background())
	if err != nil || bytes.Equal(one[0], other[0]) {
		t.Errorf("twice the same, %v", err)
	}
}

func TestD3_nonces_need_keys_and_a_clock(t *testing.T) {
	clock := func() time.Time { return epoch }
	if nonces, err := dpop.NewNonces(nil, clock); err == nil || nonces != nil {
		t.Errorf("without keys: %v, %v", nonces, err)
	}
	if nonces, err := dpop.NewNonces(dpop.RandomNonceKeys(), nil); err == nil || nonces != nil {
		t.Errorf("without a clock: %v, %v", nonces, err)
	}
}
