package dpop

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

const (
	// noncePeriod is the time for which one nonce is given out.
	noncePeriod = time.Minute

	// nonceLife is how many periods a nonce is good for after the one that it was made in: between four and five
	// minutes after it was given out.
	nonceLife = 4

	// nonceAhead is how many periods ahead of our clock a nonce may have been made: other instances make them too.
	nonceAhead = 1

	// minNonceKey is the length of the shortest key in bytes, that of the hash (RFC 7518 §3.2).
	minNonceKey = 32

	// nonceDomain keeps a nonce from being the MAC of anything else that is made under the same key.
	nonceDomain = "countersign DPoP nonce\x00"

	// nonceMAC is the length of the MAC in bytes: half of the hash is what RFC 2104 §5 lets one cut to.
	nonceMAC = sha256.Size / 2
)

// NonceKeys returns the secret keys of nonces, the newest first: it makes them, and all are accepted, so that a key
// can be replaced without a pause. Each has 32 bytes or more. An error says that they could not be had.
type NonceKeys func(ctx context.Context) ([][]byte, error)

// RandomNonceKeys returns a key that no other process has, and that ends with this one.
func RandomNonceKeys() NonceKeys {
	key := make([]byte, minNonceKey)
	rand.Read(key)
	return func(context.Context) ([][]byte, error) { return [][]byte{key}, nil }
}

// Nonces makes and knows the nonces of a server (RFC 9449 §8, §9; protocol D3). It remembers none: a nonce is the
// minute in which it was made, and a MAC. Every instance that has the keys knows the nonces of all. It is safe for
// concurrent use.
type Nonces struct {
	keys NonceKeys
	now  func() time.Time
}

// NewNonces returns nonces under keys.
func NewNonces(keys NonceKeys, now func() time.Time) (*Nonces, error) {
	if keys == nil || now == nil {
		return nil, errors.New("dpop: nonces want keys and a clock")
	}
	return &Nonces{keys, now}, nil
}

// Fresh returns the nonce that a client is to use from now on: the value of the DPoP-Nonce header. It is the same for a
// minute, since a nonce says when a proof was made, and the jti that it is used once.
func (n *Nonces) Fresh(ctx context.Context) (string, error) {
	keys, err := n.usable(ctx)
	if err != nil {
		return "", err
	}
	return nonceOf(keys[0], n.period()), nil
}

// knows reports whether nonce is one that we gave out, and not too long ago. All keys are tried, and each comparison
// takes the same time, so that the clock tells nothing of how a forged one begins.
func (n *Nonces) knows(ctx context.Context, nonce string) (bool, error) {
	keys, err := n.usable(ctx)
	if err != nil {
		return false, err
	}
	period, wellFormed := periodOf(nonce)
	now := n.period()
	if !wellFormed || period > now+nonceAhead || period+nonceLife < now {
		return false, nil
	}
	known := false
	for _, key := range keys {
		known = same(nonce, nonceOf(key, period)) || known
	}
	return known, nil
}

func (n *Nonces) usable(ctx context.Context) ([][]byte, error) {
	keys, err := n.keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("getting the keys of nonces: %w", err)
	}
	if len(keys) == 0 {
		return nil, errors.New("dpop: there is no key for nonces")
	}
	for _, key := range keys {
		if len(key) < minNonceKey {
			return nil, fmt.Errorf("dpop: a key for nonces has %d bytes; it needs %d", len(key), minNonceKey)
		}
	}
	return keys, nil
}

// period counts the periods since 1970.
func (n *Nonces) period() int64 { return n.now().Unix() / int64(noncePeriod/time.Second) }

// nonceOf returns the nonce of a period in base64url: eight bytes that say which, and the MAC.
func nonceOf(key []byte, period int64) string {
	nonce, _ := binary.Append(make([]byte, 0, 8+sha256.Size), binary.BigEndian, period) // a number always encodes
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(nonceDomain))
	mac.Write(nonce)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nonce)[:8+nonceMAC])
}

// periodOf returns the period that a nonce says it is of, which anybody can write.
func periodOf(nonce string) (period int64, wellFormed bool) {
	if len(nonce) != base64.RawURLEncoding.EncodedLen(8+nonceMAC) {
		return 0, false
	}
	decoded, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil {
		return 0, false
	}
	if _, err := binary.Decode(decoded, binary.BigEndian, &period); err != nil {
		return 0, false
	}
	const most = 1 << 40 // farther ahead than any clock, and far from where a sum would overflow
	return period, 0 <= period && period < most
}
