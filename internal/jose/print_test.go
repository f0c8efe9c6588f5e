package jose_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
)

// material is the private part of a key in bytes.
func material(private any) []byte {
	switch key := private.(type) {
	case *ecdsa.PrivateKey:
		encoded, _ := key.Bytes()
		return encoded
	case ed25519.PrivateKey:
		return key.Seed()
	case *rsa.PrivateKey:
		return key.Primes[0].Bytes()
	default:
		return private.([]byte)
	}
}

// appearances are the ways in which a few bytes in the middle of a secret can stand in a text.
func appearances(secret []byte) map[string]string {
	part := secret[3:12] // three bytes each are four characters of base64, wherever the whole begins
	list := strings.Trim(fmt.Sprint(part), "[]")
	return map[string]string{
		"bytes": string(part), "hexadecimal": hex.EncodeToString(part), "HEXADECIMAL": fmt.Sprintf("%X", part),
		"base64": base64.StdEncoding.EncodeToString(part), "base64url": base64.RawURLEncoding.EncodeToString(part),
		"list": list, "list with commas": strings.ReplaceAll(list, " ", ", "),
		"Go":      strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", part), "[]byte{"), "}"),
		"decimal": new(big.Int).SetBytes(secret).String(), "quoted": strings.Trim(fmt.Sprintf("%q", part), `"`),
		"list of hexadecimal": strings.Trim(fmt.Sprintf("% x", part), "[]"),
	}
}

// holdsNone fails where a text has the secret in it.
func holdsNone(t *testing.T, name, text string, secret []byte) {
	t.Helper()
	for form, appearance := range appearances(secret) {
		if strings.Contains(text, appearance) {
			t.Errorf("%s: %s of the key in %.300s", name, form, text)
		}
	}
}

// keyForPrinting are signing keys with their secrets.
func keysForPrinting(t *testing.T) map[jose.Algorithm]struct {
	key    jose.SigningKey
	secret []byte
} {
	t.Helper()
	keys := map[jose.Algorithm]struct {
		key    jose.SigningKey
		secret []byte
	}{}
	for _, algorithm := range []jose.Algorithm{jose.ES256, jose.EdDSA, jose.PS256} {
		entry := keys[algorithm]
		entry.key, entry.secret = signingKey(t, algorithm), material(privateKey(t, algorithm))
		keys[algorithm] = entry
	}
	shared, err := jose.NewSharedSecretSigningKey(secret, jose.HS256, "shared")
	if err != nil {
		t.Fatal(err)
	}
	entry := keys[jose.HS256]
	entry.key, entry.secret = shared, secret
	keys[jose.HS256] = entry
	return keys
}

// A test of the test: what the next ones look for is found where it is.
func TestAppearances_are_found_in_what_prints_a_secret(t *testing.T) {
	for name, text := range map[string]string{
		"list": fmt.Sprint(secret), "Go": fmt.Sprintf("%#v", secret), "bytes": string(secret), "hexadecimal": fmt.Sprintf("%x", secret),
		"HEXADECIMAL": fmt.Sprintf("%X", secret), "base64": base64.StdEncoding.EncodeToString(secret),
		"base64url": base64.RawURLEncoding.EncodeToString(secret), "decimal": new(big.Int).SetBytes(secret).String(),
	} {
		if appearance := appearances(secret)[name]; !strings.Contains(text, appearance) {
			t.Errorf("%s: %q is not in %q", name, appearance, text)
		}
	}
}

// Design habit 7: a secret prints nothing of itself in any form.
func TestKeys_print_nothing_of_themselves(t *testing.T) {
	for algorithm, entry := range keysForPrinting(t) {
		key := entry.key
		type exported struct{ Key any }
		type unexported struct {
			key  jose.SigningKey
			half jose.VerificationKey
			set  jose.KeySet
			more map[string]jose.SigningKey
		}
		values := map[string]any{
			"key": key, "pointer": &key, "slice": []jose.SigningKey{key}, "map": map[string]jose.SigningKey{"a": key},
			"exported field": exported{key}, "pointer in a field": exported{&key}, "half": key.Verification(),
			"set":               jose.KeySet{key.Verification()},
			"unexported fields": unexported{key, key.Verification(), jose.KeySet{key.Verification()}, map[string]jose.SigningKey{"a": key}},
			"pointer to them":   &unexported{key: key, half: key.Verification()},
		}
		for name, value := range values {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%o", "%c", "%U", "%t", "%e"} {
				holdsNone(t, string(algorithm)+" "+name+" "+verb, fmt.Sprintf(verb, value), entry.secret)
			}
			text, err := json.Marshal(value)
			if err != nil {
				t.Errorf("%s %s: %v", algorithm, name, err)
			}
			holdsNone(t, string(algorithm)+" "+name+" in JSON", string(text), entry.secret)
			var log bytes.Buffer
			slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "key", value, slog.Any("group", exported{value}))
			slog.New(slog.NewTextHandler(&log, nil)).Info("key", "key", value, slog.Any("group", exported{value}))
			holdsNone(t, string(algorithm)+" "+name+" in a log", log.String(), entry.secret)
		}
	}
}

func TestKeys_print_what_an_operator_needs(t *testing.T) {
	key := signingKey(t, jose.ES256)
	want := "ES256 key " + key.ID()
	for _, text := range []string{
		fmt.Sprint(key), fmt.Sprintf("%s", key), fmt.Sprintf("%#v", key), fmt.Sprintf("%+v", key.Verification()),
		key.LogValue().String(), key.Verification().LogValue().String(),
	} {
		if text != want {
			t.Errorf("%q, want %q", text, want)
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("loaded", "key", key)
	if !strings.Contains(log.String(), `"key":"`+want+`"`) {
		t.Error(log.String())
	}
}

// Every way in which a private key fails to load says nothing of it.
func TestErrors_hold_nothing_of_the_key(t *testing.T) {
	for _, algorithm := range []jose.Algorithm{jose.ES256, jose.EdDSA, jose.PS256} {
		hidden := material(privateKey(t, algorithm))
		jwk, armoured := fixture(t, "keys", keyFiles[algorithm]+".jwk"), fixture(t, "keys", keyFiles[algorithm]+".pem")
		var failures int
		for _, document := range [][]byte{jwk, armoured} {
			for i := range document {
				changed := bytes.Clone(document)
				changed[i] ^= 1
				for _, text := range [][]byte{changed, document[:i]} {
					if _, err := jose.ParseSigningKey(text, algorithm); err != nil {
						failures++
						holdsNone(t, string(algorithm), fmt.Sprintf("%v %+v %#v", err, err, err), hidden)
					}
					_, rejected, err := jose.ParseKeySet([]byte(`{"keys":[`+string(text)+`]}`), algorithm)
					holdsNone(t, string(algorithm)+" in a set", fmt.Sprintf("%v %v", rejected, err), hidden)
				}
			}
		}
		if failures < len(jwk) {
			t.Errorf("%s: only %d failures", algorithm, failures)
		}
	}
	shared, err := jose.NewSharedSecretSigningKey(secret, jose.HS256, "a")
	if err != nil {
		t.Fatal(err)
	}
	_, one := shared.EncodePKCS8()
	_, two := shared.Verification().EncodeSPKI()
	_, three := jose.EncodeKeySet(jose.KeySet{shared.Verification()})
	_, four := jose.NewSharedSecretKey(secret[:31], jose.HS256, "a")
	holdsNone(t, "shared secret", fmt.Sprintf("%v %v %v %v", one, two, three, four), secret)
}
