package main

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"example.com/countersign/internal/jose"
)

// ownKey is a key to sign with, and what its file says beside it.
type ownKey struct {
	jose.SigningKey
	Google *googleKey // set where the file is a Google service account key
}

// keyFile names a key file and how its key is to be used.
type keyFile struct {
	Path      string         // "-": standard input
	Algorithm jose.Algorithm // empty: the key's own; RSA for an RSA key that names none
	ID        string         // kid of its tokens; empty: the key's thumbprint, and none for a shared secret
	RSA       jose.Algorithm // of an RSA key, where neither Algorithm nor the key says; empty: RS256
}

// maxInput is beyond any key and any configuration. It keeps a wrong name (/dev/zero, a disk image) from filling the memory.
const maxInput = 10 << 20

// read reads a private key (PKCS#8 PEM, JWK, or Google's key file), or, where the algorithm is an HMAC, a shared
// secret. No error holds a part of the key.
func (f keyFile) read(stdin io.Reader) (ownKey, error) {
	document, err := readInput(f.Path, stdin)
	if err != nil {
		return ownKey{}, err
	}
	key, err := f.parse(document)
	if err != nil {
		return ownKey{}, fmt.Errorf("%s: %w", inputName(f.Path), err)
	}
	return key, nil
}

func (f keyFile) parse(document []byte) (ownKey, error) {
	if f.Algorithm.Symmetric() {
		return f.parseSecret(document)
	}
	google, isGoogle := parseGoogleKey(document)
	if isGoogle {
		document = []byte(google.PrivateKey)
	}
	key, err := jose.ParseSigningKey(document, f.Algorithm)
	if errors.Is(err, jose.ErrKeyAlgorithm) && f.Algorithm == "" {
		// An RSA key could have six algorithms. RS256 is what a registration without an algorithm stands for, too.
		key, err = jose.ParseSigningKey(document, cmp.Or(f.RSA, jose.RS256))
	}
	if fault, isFault := errors.AsType[*jose.Fault](err); isFault && fault.Reason == "key_pem" && bytes.Contains(document, []byte("PRIVATE KEY-----")) {
		// With a passphrase, or in one of the formats that came before PKCS#8.
		return ownKey{}, fmt.Errorf("%w; openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW makes it one", err)
	}
	if errors.Is(err, jose.ErrKeyAlgorithm) {
		return ownKey{}, fmt.Errorf("the key is not for %s", cmp.Or(f.Algorithm, "any algorithm that there is here"))
	}
	if err != nil {
		return ownKey{}, err
	}
	if err := f.checkID(key, document, google); err != nil {
		return ownKey{}, err
	}
	own := ownKey{SigningKey: key}
	if isGoogle {
		own.Google = &google
	}
	return own, nil
}

// checkID refuses a key whose tokens would not have the kid that is wanted, since no server would find it by another.
func (f keyFile) checkID(key jose.SigningKey, document []byte, google googleKey) error {
	wanted := f.ID
	if wanted == "" {
		wanted = google.PrivateKeyID
	}
	if wanted == "" {
		var members struct {
			ID string `json:"kid"`
		}
		_ = json.Unmarshal(document, &members) // PEM has no members
		wanted = members.ID
	}
	if wanted != "" && wanted != key.ID() {
		return fmt.Errorf("the kid %q is not this key's thumbprint, %s, which is what its tokens name; register it under that", wanted, key.ID())
	}
	return nil
}

// parseSecret takes the file as it is, to the last byte: that is how Secret Manager hands it to the server.
func (f keyFile) parseSecret(document []byte) (ownKey, error) {
	if bytes.Contains(document, []byte("-----BEGIN ")) {
		return ownKey{}, fmt.Errorf("a key in PEM is no shared secret, which %s needs", f.Algorithm)
	}
	var members struct {
		Type  string `json:"kty"`
		ID    string `json:"kid"`
		Value string `json:"k"`
	}
	if json.Unmarshal(document, &members) == nil && members.Type == "oct" {
		secret, err := base64.RawURLEncoding.DecodeString(members.Value)
		if err != nil {
			return ownKey{}, jose.ErrKeyMember
		}
		document = secret
		if f.ID == "" {
			f.ID = members.ID
		}
	}
	key, err := jose.NewSharedSecretSigningKey(document, f.Algorithm, f.ID)
	return ownKey{SigningKey: key}, err
}

var errEmptyInput = errors.New("there is nothing in it")

// readInput reads a file, or standard input where its name is "-".
func readInput(path string, stdin io.Reader) ([]byte, error) {
	if path != "-" {
		file, err := os.Open(path)
		if err != nil && (strings.HasPrefix(path, "{") || strings.Contains(path, "-----BEGIN")) {
			return nil, errors.New("a key was given in the place of the file that holds it; what stands on a command line, every process of the machine can read")
		}
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		stdin = file
	}
	document, err := io.ReadAll(io.LimitReader(stdin, maxInput+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", inputName(path), plain(err))
	case len(document) > maxInput:
		return nil, fmt.Errorf("%s is larger than 10 MiB", inputName(path))
	case len(document) == 0:
		return nil, fmt.Errorf("%s: %w", inputName(path), errEmptyInput)
	}
	return document, nil
}

func inputName(path string) string {
	if path == "-" {
		return "standard input"
	}
	return path
}
