package jose

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// maxKeys is how many keys of one party are looked at (protocol F1).
const maxKeys = 100

// The ways in which a set or a key in it cannot be used.
var (
	ErrKeySet     = &Fault{"key_set_malformed", "this is neither a JWK Set (a JSON object with keys) nor PEM"}
	ErrKeyPrivate = &Fault{"key_private", "this is a private or symmetric key; only public keys belong here"}
	ErrKeyUse     = &Fault{"key_use", "the key is not for signatures (use, key_ops)"}
	ErrKeyMember  = &Fault{"key_member", "a member of the key is missing, not of its type, or has a value (kty, crv) that this server does not know"}
)

// Rejected is a key of a set that cannot be used, and why. It holds no key material.
type Rejected struct {
	Index   int    // position in the set, from 0
	Why     string // one sentence
	Private bool   // it is a private or symmetric key: whoever read the set knows it
}

// ParseKeySet reads somebody else's public keys: a JWK Set (RFC 7517 §5), or PEM with SPKI public keys (RFC 7468 §13).
// rsa is the algorithm of RSA keys that name none; empty: such keys are rejected. A key that cannot be used does not
// fail the set: the caller decides whether that is an error. The error says that the document is no set at all.
func ParseKeySet(document []byte, rsa Algorithm) (KeySet, []Rejected, error) {
	if !isJSON(document) {
		return parsePEM(document, rsa)
	}
	members, err := splitKeySet(document)
	if err != nil {
		return nil, nil, err
	}
	var keys KeySet
	var rejected []Rejected
	for i, text := range members {
		if i >= maxKeys {
			rejected = append(rejected, Rejected{Index: i, Why: "a set may have 100 keys; this one and those behind it are not read"})
			break
		}
		key, err := parseJWK(text, rsa)
		if err != nil {
			rejected = append(rejected, Rejected{Index: i, Why: reasonOf(err), Private: errors.Is(err, ErrKeyPrivate)})
			continue
		}
		keys = append(keys, key)
	}
	return keys, rejected, nil
}

// splitKeySet returns the texts of the keys. The whole set is read as strictly as a JWT, and in one pass: a large
// configuration has ten thousand of them.
func splitKeySet(document []byte) ([][]byte, error) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(document))
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, ErrKeySet
	}
	var keys [][]byte
	for decoder.PeekKind() != '}' {
		name, err := decoder.ReadToken()
		if err != nil {
			return nil, ErrKeySet
		}
		if name.String() == "keys" {
			keys, err = splitArray(decoder, document)
		} else {
			_, err = decodeValue(decoder)
		}
		if err != nil {
			return nil, ErrKeySet
		}
	}
	if _, err := decoder.ReadToken(); err != nil || keys == nil {
		return nil, ErrKeySet
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, ErrKeySet
	}
	return keys, nil
}

// splitArray returns the texts of the elements of the array that comes next in document; on success it is never nil.
func splitArray(decoder *jsontext.Decoder, document []byte) ([][]byte, error) {
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '[' {
		return nil, ErrKeySet
	}
	elements := [][]byte{}
	for decoder.PeekKind() != ']' {
		begins := decoder.InputOffset() // of the comma, if there is one
		if _, err := decodeValue(decoder); err != nil {
			return nil, err
		}
		elements = append(elements, bytes.TrimLeft(document[begins:decoder.InputOffset()], ", \t\r\n"))
	}
	_, err := decoder.ReadToken()
	return elements, err
}

func parsePEM(document []byte, rsa Algorithm) (KeySet, []Rejected, error) {
	var keys KeySet
	var rejected []Rejected
	begun := countPEM(document)
	for i := range maxKeys {
		block, rest := pem.Decode(document)
		if block == nil {
			break
		}
		document = rest
		key, err := parseSPKI(block, rsa)
		if err != nil {
			rejected = append(rejected, Rejected{Index: i, Why: reasonOf(err)})
			continue
		}
		keys = append(keys, key)
	}
	read := len(keys) + len(rejected)
	if read == 0 {
		return nil, nil, ErrKeySet
	}
	// The decoder skips a block that it cannot read: whoever wrote it down must hear of it.
	if read < begun {
		rejected = append(rejected, Rejected{Index: read, Why: "a PEM block is cut off or damaged, or there are more than 100"})
	}
	return keys, rejected, nil
}

// countPEM returns how many PEM blocks begin in document.
func countPEM(document []byte) int { return bytes.Count(document, []byte("-----BEGIN ")) }

func parseSPKI(block *pem.Block, rsa Algorithm) (VerificationKey, error) {
	if block.Type != "PUBLIC KEY" {
		return VerificationKey{}, fmt.Errorf("reading PEM: %w", errNotSPKI)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return VerificationKey{}, ErrKeyMember
	}
	return NewVerificationKey(public, defaultAlgorithm(public, rsa), "")
}

var errNotSPKI = &Fault{"key_pem", "a PEM block is not a PUBLIC KEY (SPKI)"}

var (
	errNoKeys    = errors.New("no usable key")
	errSameKeyID = errors.New("two keys have the same kid and alg")
)

// ParseRegisteredKeys is ParseKeySet for keys that an operator has written down himself: one key that can never verify
// anything fails the set, since whoever registered it believes that it works.
func ParseRegisteredKeys(document []byte, rsa Algorithm) (KeySet, error) {
	keys, rejected, err := ParseKeySet(document, rsa)
	if err != nil {
		return nil, err
	}
	if len(rejected) > 0 {
		return nil, fmt.Errorf("key %d: %s", rejected[0].Index, rejected[0].Why)
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	if keys.ambiguous() {
		return nil, errSameKeyID
	}
	return keys, nil
}
