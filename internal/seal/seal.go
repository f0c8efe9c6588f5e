// Package seal is the form of opaque access tokens (protocol W3): the claims of a JWT access token, encrypted and
// authenticated with a key that no API has. Nobody but this service can read one, or tell from it more than which key
// sealed it and how long its claims are; what it says, introspection says (RFC 7662).
//
// A token is
//
//	csat_ base64url(key ID, 8 bytes ‖ nonce, 12 bytes ‖ claims as JSON under AES-256-GCM, with its tag of 16 bytes)
//
// and has the prefix and the issuer as additional data, so that neither a token of another issuer nor one of a later
// form passes for it where the same key is used. The prefix is there for those who look for secrets where they should
// not be. Base64url is accepted in its canonical form alone: whatever is changed, left out or added makes it no token.
//
// Nonces are random. A key may seal 2³² tokens, which is where the odds that two nonces were ever the same reach 2⁻³²
// (NIST SP 800-38D §8.3): a thousand tokens a second need a new key after seven weeks at the latest. Nothing counts them.
//
// It must never say of what does not open why not, and never open with a key what was sealed for another issuer.
package seal

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
)

// Prefix is how every sealed token begins. Another form of them has to have another prefix.
const Prefix = "csat_"

// Type is the typ of what is sealed: access tokens (RFC 9068 §2.1), and nothing else.
const Type = "at+jwt"

// maxLength is the length in bytes beyond which a token is refused unread, as a JWT is (protocol T4).
const maxLength = 16 << 10

// Keys are those of the service that seals.
type Keys interface {
	// SealingKey returns the key that seals now, and when it was created. The error says that there is none to be had.
	SealingKey(ctx context.Context) (key Key, created time.Time, err error)
	// OpeningKeys returns every key that may have sealed a token that counts. None: none may. The error says that they
	// could not be had.
	OpeningKeys(ctx context.Context) ([]Key, error)
}

// Tokens seals and opens the access tokens of one issuer. It is safe for concurrent use.
type Tokens struct {
	issuer string
	keys   Keys
}

// New returns what seals for the issuer of this identifier.
func New(issuer string, keys Keys) (*Tokens, error) {
	if issuer == "" || keys == nil {
		return nil, errors.New("seal: an issuer and keys are required")
	}
	return &Tokens{issuer, keys}, nil
}

// Sealer is a key that seals now, for one issuer. Only [Tokens.Sealer] makes one.
type Sealer struct {
	key    Key
	issuer string
}

// Sealer returns what seals now, and when its key was created. The error says that there is no key to be had.
func (t *Tokens) Sealer(ctx context.Context) (sealer Sealer, created time.Time, err error) {
	key, created, err := t.keys.SealingKey(ctx)
	if err != nil {
		return Sealer{}, time.Time{}, err
	}
	return Sealer{key, t.issuer}, created, nil
}

// ID returns the name of the key.
func (s Sealer) ID() string { return s.key.ID() }

// The ways in which claims are not sealed.
var (
	errNoKey   = errors.New("seal: there is no key")
	errType    = errors.New("seal: this is no access token")
	errTooLong = errors.New("seal: the token would be longer than 16 KiB")
)

// Sign seals claims, and is called so since it stands where others sign. The typ has to be that of an access token: no
// other thing that this service vouches for may pass for one.
func (s Sealer) Sign(typ string, claims []byte) (string, error) {
	switch {
	case s.key.IsZero():
		return "", errNoKey
	case typ != Type:
		return "", errType
	}
	sealed := s.key.seal(claims, additional(s.issuer))
	text := Prefix + base64.RawURLEncoding.EncodeToString(slices.Concat(s.key.id[:], sealed))
	if len(text) > maxLength {
		return "", errTooLong
	}
	return text, nil
}

// Open returns the claims of a sealed token, as JSON, and reports whether text is one that we have sealed. It says
// nothing of whether it has expired. The error says that it could not be decided.
func (t *Tokens) Open(ctx context.Context, text string) (claims []byte, opened bool, err error) {
	id, sealed, good := parse(text)
	if !good {
		return nil, false, nil
	}
	keys, err := t.keys.OpeningKeys(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, key := range keys {
		if key.IsZero() || key.id != id {
			continue
		}
		if claims, opened = key.open(sealed, additional(t.issuer)); opened {
			return claims, true, nil
		}
	}
	return nil, false, nil
}

// parse takes the form apart. The decoder of the standard library skips line breaks, so they are refused here.
func parse(text string) (id keyID, sealed []byte, good bool) {
	encoded, prefixed := strings.CutPrefix(text, Prefix)
	if !prefixed || len(text) > maxLength || strings.ContainsAny(encoded, "\r\n") {
		return keyID{}, nil, false
	}
	content, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(content) < len(id) {
		return keyID{}, nil, false
	}
	return keyID(content), content[len(id):], true
}

// additional is what is authenticated besides the claims. The prefix has a length of its own, so that the two cannot be
// cut in another place.
func additional(issuer string) []byte { return []byte(Prefix + issuer) }
