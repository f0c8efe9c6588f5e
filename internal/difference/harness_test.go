package difference_test

import (
	"strings"
	"testing"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/difference"
	"example.com/countersign/internal/jose"
)

// document reads a configuration and gives it the content of the files that it names.
func document(t testing.TB, text string, files map[string][]byte) difference.Document {
	t.Helper()
	configuration, faults := config.Load("config.yaml", []byte(text))
	if err := faults.Err(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return difference.Document{Configuration: configuration, Files: files}
}

// files are those that configurations may name: keys in one.json and two.json, certificates in ca.pem, other.pem and authority.pem.
func files(t testing.TB) map[string][]byte {
	t.Helper()
	return map[string][]byte{
		"one.json": keySet(t, "one"), "two.json": keySet(t, "two"),
		"ca.pem": []byte("certificates"), "other.pem": []byte("other certificates"), "authority.pem": []byte("an authority"),
	}
}

// compare compares two configurations, both of which may name these files.
func compare(t testing.TB, before, after string) []difference.Change {
	t.Helper()
	changes, err := difference.Compare(document(t, before, files(t)), document(t, after, files(t)))
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// replaced returns text with one part of it replaced, which must be there exactly once.
func replaced(t testing.TB, text, part, by string) string {
	t.Helper()
	if strings.Count(text, part) != 1 {
		t.Fatalf("%q is in the configuration %d times", part, strings.Count(text, part))
	}
	return strings.Replace(text, part, by, 1)
}

// The public keys of tests, by name: of no value, and the same in every run, so that a failure can be repeated.
const (
	oneX, twoX = "B10L74ApBieWRX2buwJjzjObo4NL7Xetql00f1pkBF0", "ocL-_od_MWPaXcdQ_kOeaV2fNq8AeqFAwFYu2xb_EQk"
	twoY       = "fncCZYl_wC7WvH5QdoNE-2GjlY_G1yUKZ2Fh2zPN45c"
)

var publicKeys = map[string]string{
	"one":   `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"` + oneX + `"}`,
	"named": `{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"named","x":"` + oneX + `"}`, // the same one
	"two":   `{"kty":"EC","crv":"P-256","alg":"ES256","x":"` + twoX + `","y":"` + twoY + `"}`,
}

// keySet returns the JWK Set of keys.
func keySet(t testing.TB, names ...string) []byte {
	t.Helper()
	var members []string
	for _, name := range names {
		if publicKeys[name] == "" {
			t.Fatalf("there is no key %s", name)
		}
		members = append(members, publicKeys[name])
	}
	return []byte(`{"keys":[` + strings.Join(members, ",") + `]}`)
}

// thumbprint returns the thumbprint of a key, which is its kid since it has no other.
func thumbprint(t testing.TB, name string) string {
	t.Helper()
	keys, err := jose.ParseRegisteredKeys(keySet(t, name), "")
	if err != nil {
		t.Fatal(err)
	}
	return keys[0].ID()
}
