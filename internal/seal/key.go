package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// KeyLength is the length of a key in bytes: that of AES-256.
const KeyLength = 32

// keyID is how tokens name the key that sealed them.
type keyID [8]byte

// Key is a key that seals and opens. The zero value is none.
type Key struct {
	id   keyID
	aead hidden
}

// hidden holds key material where printing cannot follow: in a function.
type hidden func() cipher.AEAD

// ErrKey says that something is no key.
var ErrKey = errors.New("a sealing key is 32 random bytes, as they are and not as text")

// NewKeyMaterial returns a new key in the form that [ParseKey] reads.
func NewKeyMaterial() []byte {
	material := make([]byte, KeyLength)
	_, _ = rand.Read(material) // it never fails: without random bytes the process ends
	return material
}

// ParseKey reads a key, and tries it. What is text throughout is refused: of 32 random bytes one in 10¹³ is, and a
// password or the half of a hexadecimal number is always.
func ParseKey(material []byte) (Key, error) {
	if len(material) != KeyLength || isText(material) {
		return Key{}, ErrKey
	}
	block, err := aes.NewCipher(material)
	if err != nil {
		return Key{}, fmt.Errorf("making a sealing key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return Key{}, fmt.Errorf("making a sealing key: %w", err)
	}
	name := hmac.New(sha256.New, material)
	name.Write([]byte("countersign: the ID of a key that seals access tokens"))
	key := Key{keyID(name.Sum(nil)), func() cipher.AEAD { return aead }}
	return key, key.try()
}

func isText(material []byte) bool {
	for _, b := range material {
		if b < ' ' || b > '~' {
			return false
		}
	}
	return true
}

// try seals random bytes and opens them.
func (k Key) try() error {
	claims, other := NewKeyMaterial(), []byte("an issuer")
	opened, good := k.open(k.seal(claims, other), other)
	if !good || !bytes.Equal(opened, claims) {
		return errors.New("a sealing key does not open what it has sealed")
	}
	return nil
}

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.aead == nil }

// ID returns the name of the key, which tells nothing of it and is the same wherever the key is kept.
func (k Key) ID() string { return hex.EncodeToString(k.id[:]) }

// String implements fmt.Stringer.
func (k Key) String() string { return "sealing key " + k.ID() }

// seal returns the nonce and what is under it. A new nonce is drawn each time.
func (k Key) seal(claims, additional []byte) []byte {
	return k.aead().Seal(nil, nil, claims, additional) //nolint:gosec // no nonce is given: the AEAD draws it
}

func (k Key) open(sealed, additional []byte) (claims []byte, good bool) {
	claims, err := k.aead().Open(nil, nil, sealed, additional)
	return claims, err == nil
}
