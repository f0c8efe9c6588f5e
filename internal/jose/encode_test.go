package jose_test

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
)

// published reads a set with encoding/json alone.
func published(t *testing.T, document []byte) []map[string]any {
	t.Helper()
	var set map[string][]map[string]any
	if err := json.Unmarshal(document, &set); err != nil || len(set) != 1 {
		t.Fatalf("%s: %v", document, err)
	}
	return set["keys"]
}

// Protocol J1.
func TestJ1_a_published_set_has_these_members_and_no_private_one(t *testing.T) {
	members := map[jose.Algorithm][]string{
		jose.ES256: {"alg", "crv", "kid", "kty", "use", "x", "y"},
		jose.EdDSA: {"alg", "crv", "kid", "kty", "use", "x"},
		jose.PS256: {"alg", "e", "kid", "kty", "n", "use"},
	}
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			key := signingKey(t, algorithm)
			document, err := jose.EncodeKeySet(jose.KeySet{key.Verification()})
			if err != nil {
				t.Fatal(err)
			}
			keys := published(t, document)
			if len(keys) != 1 {
				t.Fatalf("%d keys", len(keys))
			}
			if keys[0]["kid"] != key.ID() || keys[0]["alg"] != string(algorithm) || keys[0]["use"] != "sig" {
				t.Errorf("%s", document)
			}
			representative := algorithm
			switch algorithm {
			case jose.ES384, jose.ES512:
				representative = jose.ES256
			case jose.PS384, jose.PS512, jose.RS256, jose.RS384, jose.RS512:
				representative = jose.PS256
			}
			var names []string
			for name := range keys[0] {
				names = append(names, name)
			}
			slices.Sort(names)
			if difference := cmp.Diff(members[representative], names); difference != "" {
				t.Error(difference)
			}
		})
	}
}

func TestJ1_a_published_set_reads_back(t *testing.T) {
	var keys jose.KeySet
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		keys = append(keys, signingKey(t, algorithm).Verification())
	}
	document, err := jose.EncodeKeySet(keys)
	if err != nil {
		t.Fatal(err)
	}
	again, err := jose.ParseRegisteredKeys(document, "")
	if err != nil {
		t.Fatal(err)
	}
	if difference := cmp.Diff(describe(keys), describe(again)); difference != "" {
		t.Error(difference)
	}
	for _, key := range again {
		if _, err := verify(sign(t, privateKey(t, key.Algorithm()), key.Algorithm(), `{"alg":"`+string(key.Algorithm())+`"}`, `{}`), key); err != nil {
			t.Errorf("%v: %v", key, err)
		}
	}
}

func TestJ1_a_set_of_no_keys_is_a_set(t *testing.T) {
	document, err := jose.EncodeKeySet(nil)
	if err != nil || string(document) != `{"keys":[]}` {
		t.Errorf("%s, %v", document, err)
	}
}

// Protocol W2: a shared secret never appears in the JWKS.
func TestW2_a_shared_secret_is_never_published(t *testing.T) {
	for _, algorithm := range jose.SymmetricAlgorithms() {
		shared, err := jose.NewSharedSecretSigningKey(secret, algorithm, "a")
		if err != nil {
			t.Fatal(err)
		}
		set := jose.KeySet{verificationKey(t, jose.ES256), shared.Verification()}
		if document, err := jose.EncodeKeySet(set); !errors.Is(err, jose.ErrKeyPrivate) || document != nil {
			t.Errorf("%s: %s, %v", algorithm, document, err)
		}
		if document, err := shared.Verification().EncodeSPKI(); err == nil || document != nil {
			t.Errorf("%s as SPKI: %s, %v", algorithm, document, err)
		}
		if document, err := shared.EncodePKCS8(); err == nil || document != nil {
			t.Errorf("%s as PKCS#8: %s, %v", algorithm, document, err)
		}
	}
}

func TestSPKI_is_read_by_the_standard_library_and_by_us(t *testing.T) {
	for _, algorithm := range []jose.Algorithm{jose.ES256, jose.ES512, jose.EdDSA, jose.PS256} {
		key := signingKey(t, algorithm).Verification()
		document, err := key.EncodeSPKI()
		if err != nil {
			t.Fatal(err)
		}
		block, rest := pem.Decode(document)
		if block == nil || len(rest) != 0 {
			t.Fatalf("%s", document)
		}
		public, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil || !public.(interface{ Equal(crypto.PublicKey) bool }).Equal(privateKey(t, algorithm).Public()) {
			t.Errorf("%s: another key, %v", algorithm, err)
		}
		again, err := jose.ParseRegisteredKeys(document, algorithm)
		if err != nil || len(again) != 1 || again[0].ID() != key.ID() || again[0].Algorithm() != algorithm {
			t.Errorf("%s: %v, %v", algorithm, again, err)
		}
	}
}
