package jose_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
)

// Keycloak CVE-2026-11800, MinIO CVE-2026-33322, CVE-2022-29217: the public key as HMAC secret (RFC 8725 §2.1).
func TestAlgorithm_confusion_with_the_public_key_as_secret_is_refused(t *testing.T) {
	for _, algorithm := range []jose.Algorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA} {
		key := verificationKey(t, algorithm)
		for form, material := range publicForms(t, algorithm) {
			for _, mac := range jose.SymmetricAlgorithms() {
				t.Run(string(algorithm)+" as "+form+" under "+string(mac), func(t *testing.T) {
					text := sign(t, material, mac, `{"alg":"`+string(mac)+`","kid":"key-1"}`, `{"iss":"a"}`)
					if _, err := verify(text, key); !errors.Is(err, jose.ErrNoKey) {
						t.Errorf("through the key set: %v", err)
					}
					token, err := jose.Parse(text)
					if err != nil {
						t.Fatal(err)
					}
					if claims, err := token.Verify(key); !errors.Is(err, jose.ErrSignature) || claims.All() != nil {
						t.Errorf("with the key itself: %+v, %v", claims, err)
					}
				})
			}
		}
	}
}

// publicForms are the texts of a public key that an attacker can have.
func publicForms(t *testing.T, algorithm jose.Algorithm) map[string][]byte {
	t.Helper()
	public := privateKey(t, algorithm).Public()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	armoured := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	set, err := jose.EncodeKeySet(jose.KeySet{verificationKey(t, algorithm)})
	if err != nil {
		t.Fatal(err)
	}
	var parts struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(set, &parts); err != nil {
		t.Fatal(err)
	}
	forms := map[string][]byte{
		"PEM": armoured, "PEM without the last line feed": bytes.TrimSpace(armoured), "DER": der,
		"JWK": parts.Keys[0], "JWK Set": set, "its kid": []byte("key-1"), "nothing": {},
	}
	switch key := public.(type) {
	case *rsa.PublicKey:
		forms["PKCS1"] = x509.MarshalPKCS1PublicKey(key)
		forms["modulus"] = key.N.Bytes()
		forms["modulus in base64"] = []byte(encode(key.N.Bytes()))
	case *ecdsa.PublicKey:
		forms["point"], _ = key.Bytes()
		forms["x"] = forms["point"][1:33]
	case ed25519.PublicKey:
		forms["point"] = key
	}
	return forms
}

func TestAlgorithm_confusion_between_registered_kinds_is_refused(t *testing.T) {
	payload := `{"iss":"a"}`
	shared, err := jose.NewSharedSecretKey(secret, jose.HS256, "key-1")
	if err != nil {
		t.Fatal(err)
	}
	rsaKey := privateKey(t, jose.RS256)
	for name, attempt := range map[string]struct {
		text string
		key  jose.VerificationKey
	}{
		"RS256 where PS256 is registered": {signed(t, jose.RS256, payload), verificationKey(t, jose.PS256)},
		"PS256 where RS256 is registered": {signed(t, jose.PS256, payload), verificationKey(t, jose.RS256)},
		"RS512 where RS256 is registered": {signed(t, jose.RS512, payload), verificationKey(t, jose.RS256)},
		"HS512 where HS256 is registered": {sign(t, secret, jose.HS512, `{"alg":"HS512"}`, payload), shared},
		"RS256 where HS256 is registered": {signed(t, jose.RS256, payload), shared},
		"a PS256 header over RS256":       {sign(t, rsaKey, jose.RS256, `{"alg":"PS256"}`, payload), verificationKey(t, jose.PS256)},
		"an RS512 header over RS256 where RS256 is registered": {
			sign(t, rsaKey, jose.RS256, `{"alg":"RS512"}`, payload), verificationKey(t, jose.RS256),
		},
		"an RS512 header over RS256": {sign(t, rsaKey, jose.RS256, `{"alg":"RS512"}`, payload), verificationKey(t, jose.RS512)},
		"an ES256 header over HMAC":  {sign(t, secret, jose.HS256, `{"alg":"ES256"}`, payload), verificationKey(t, jose.ES256)},
	} {
		t.Run(name, func(t *testing.T) {
			if claims, err := verify(attempt.text, attempt.key); err == nil || claims.All() != nil {
				t.Errorf("%+v, %v", claims, err)
			}
			token, err := jose.Parse(attempt.text)
			if err != nil {
				t.Fatal(err)
			}
			if claims, err := token.Verify(attempt.key); !errors.Is(err, jose.ErrSignature) || claims.All() != nil {
				t.Errorf("with the key itself: %+v, %v", claims, err)
			}
		})
	}
}

// CVE-2018-0114, CVE-2025-24976 (protocol A4): the attacker's own key in the header, and a place to fetch it from.
func TestA_key_in_the_header_is_never_used(t *testing.T) {
	var fetches int
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetches++ }))
	defer server.Close()
	attacker, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := jose.NewVerificationKey(attacker.Public(), jose.ES256, "key-1")
	if err != nil {
		t.Fatal(err)
	}
	set, err := jose.EncodeKeySet(jose.KeySet{public})
	if err != nil {
		t.Fatal(err)
	}
	jwk := strings.TrimSuffix(strings.TrimPrefix(string(set), `{"keys":[`), `]}`)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "key-1"}}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, attacker.Public(), attacker)
	if err != nil {
		t.Fatal(err)
	}
	for name, member := range map[string]string{
		"jwk":                `"jwk":` + jwk,
		"x5c":                `"x5c":["` + base64.StdEncoding.EncodeToString(certificate) + `"]`,
		"jku":                `"jku":"` + server.URL + `"`,
		"x5u":                `"x5u":"` + server.URL + `"`,
		"jwk and x5c":        `"jwk":` + jwk + `,"x5c":["` + base64.StdEncoding.EncodeToString(certificate) + `"]`,
		"x5t":                `"x5t":"AAAAAAAAAAAAAAAAAAAAAAAAAAA"`,
		"jwk that is no key": `"jwk":[null]`,
	} {
		t.Run(name, func(t *testing.T) {
			text := sign(t, attacker, jose.ES256, `{"alg":"ES256","kid":"key-1",`+member+`}`, `{"iss":"a"}`)
			if _, err := verify(text, public); err != nil {
				t.Fatalf("the attack is not well made: its own key says %v", err)
			}
			if claims, err := verify(text, verificationKey(t, jose.ES256)); !errors.Is(err, jose.ErrSignature) || claims.All() != nil {
				t.Errorf("%+v, %v", claims, err)
			}
		})
	}
	if fetches != 0 {
		t.Errorf("%d fetches", fetches)
	}
}

// Keycloak CVE-2026-9793 (JWE around unsigned JSON); jwx CVE-2023-49290 and CVE-2024-28122 (iterations, zip bombs).
func TestFive_parts_are_refused_before_any_work(t *testing.T) {
	huge := encode(bytes.Repeat([]byte("a"), 3000))
	for name, text := range map[string]string{
		"dir":                         encode(`{"alg":"dir","enc":"A256GCM"}`) + "..aaaa.aaaa.aaaa",
		"PBES2":                       encode(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":2147483647,"p2s":"aaaa"}`) + ".aaaa.aaaa.aaaa.aaaa",
		"zip":                         encode(`{"alg":"RSA-OAEP","enc":"A256GCM","zip":"DEF"}`) + ".aaaa.aaaa." + huge + ".aaaa",
		"five dots' worth of nothing": "....",
		"as much as fits":             strings.Join([]string{huge, huge, huge, "a", "a"}, "."),
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			allocations := testing.AllocsPerRun(10, func() { _, err = jose.Parse(text) })
			if !errors.Is(err, jose.ErrEncrypted) || allocations != 0 {
				t.Errorf("%v after %v allocations", err, allocations)
			}
		})
	}
}

// octo-sts CVE-2024-34079, Fulcio CVE-2025-66506, go-jose CVE-2025-27144, golang-jwt CVE-2025-30204.
func TestDots_and_huge_inputs_cost_nothing(t *testing.T) {
	part := strings.Repeat("A", 16<<20)
	for name, text := range map[string]string{
		"a million dots":           strings.Repeat(".", 1_000_000),
		"dots up to the limit":     strings.Repeat(".", 16<<10),
		"letters and dots":         strings.Repeat("a.", 8<<10),
		"three parts of 16 MiB":    part + "." + part + "." + part,
		"16 MiB without a dot":     part,
		"a good header and 16 MiB": encode(`{"alg":"ES256"}`) + "." + part + ".AAAA",
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			allocations := testing.AllocsPerRun(10, func() { _, err = jose.Parse(text) })
			if err == nil || allocations != 0 {
				t.Errorf("%v after %v allocations", err, allocations)
			}
		})
	}
}

// What fits in 16 KiB may cost a small multiple of it, however it is made.
func TestThe_worst_token_that_is_read_costs_bounded_memory(t *testing.T) {
	const most = 1 << 20
	room := (16<<10)*3/4 - 100
	for name, payload := range map[string]string{
		"empty objects": `{"a":[{}` + strings.Repeat(`,{}`, room/3-20) + `]}`,
		"empty lists":   `{"a":[[]` + strings.Repeat(`,[]`, room/3-20) + `]}`,
		"one string":    `{"a":"` + strings.Repeat("a", room-20) + `"}`,
		"escapes":       `{"a":"` + strings.Repeat(`\u0061`, room/6-20) + `"}`,
		"numbers":       `{"a":[1` + strings.Repeat(`,1`, room/2-20) + `]}`,
		"names":         `{` + manyNames(400) + `}`,
		"a long number": `{"a":0.` + strings.Repeat("1", room-20) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			text := withPayload(payload)
			var err error
			bytes := allocated(func() { _, err = jose.Parse(text) })
			if err != nil {
				t.Fatalf("%d bytes: %v", len(text), err)
			}
			if bytes > most {
				t.Errorf("%d bytes of JWT: %d bytes allocated", len(text), bytes)
			}
		})
	}
}
