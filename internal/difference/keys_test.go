package difference_test

import (
	"strings"
	"testing"

	"example.com/countersign/internal/difference"
)

// withKeys is a configuration whose one issuer has these keys.
func withKeys(t *testing.T, keys string) string {
	t.Helper()
	return replaced(t, rulesOf("read"), "{secret: projects/acme/secrets/ci}", keys)
}

// TestKeysThatComeAndGoAreNamed holds that the report says which key it is, also where its kid is a name that others bear.
func TestKeysThatComeAndGoAreNamed(t *testing.T) {
	one, two := thumbprint(t, "one"), thumbprint(t, "two")
	inline := func(names ...string) string { return "{jwks: '" + string(keySet(t, names...)) + "'}" }
	for name, test := range map[string]struct{ before, after, told string }{
		"another key": {
			inline("one"), inline("two"), "+ ES256 key " + two + " widens, - EdDSA key " + one,
		},
		"one more": {
			inline("one"), inline("one", "two"), "+ ES256 key " + two + " widens",
		},
		"one less": {
			inline("one", "two"), inline("two"), "- EdDSA key " + one,
		},
		"the same under another kid": {
			inline("one"), inline("named"), `+ EdDSA key "named", thumbprint ` + one + " widens, - EdDSA key " + one,
		},
		"in another order": {
			inline("one", "two"), inline("two", "one"), "",
		},
		"in a file": {
			inline("one"), "{file: one.json}", "",
		},
		"in a secret": {
			inline("one"), "{secret: projects/acme/secrets/ci}", "+ whatever is in projects/acme/secrets/ci widens, - EdDSA key " + one,
		},
		"in a secret, with an algorithm": {
			"{secret: projects/acme/secrets/ci}", "{secret: projects/acme/secrets/ci, algorithm: PS256}",
			"+ whatever is in projects/acme/secrets/ci, RSA keys without alg for PS256 widens, - whatever is in projects/acme/secrets/ci",
		},
		"shared": {
			inline("one"), "{shared_secret: projects/acme/secrets/ci, algorithm: HS384}",
			"+ the shared secret projects/acme/secrets/ci, HS384 widens, - EdDSA key " + one,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var told []string
			for _, change := range compare(t, withKeys(t, test.before), withKeys(t, test.after)) {
				text := change.Sign() + " " + change.Old + change.New
				if change.Widens {
					text += " widens"
				}
				told = append(told, text)
			}
			if got := strings.Join(told, ", "); got != test.told {
				t.Errorf("want %s\nnot  %s", test.told, got)
			}
		})
	}
}

// TestFileOfTheSameNameIsReadOnBothSides holds that the name of a file says nothing of the keys in it.
func TestFileOfTheSameNameIsReadOnBothSides(t *testing.T) {
	text := withKeys(t, "{file: keys.json}")
	side := func(name string) difference.Document {
		return document(t, text, map[string][]byte{"keys.json": keySet(t, name)})
	}
	changes, err := difference.Compare(side("one"), side("two"))
	if err != nil || !has(changes, "ci", "keys", true) {
		t.Errorf("%v, %s", err, list(changes))
	}
}

func TestKeysThatCannotBeReadAreNotCompared(t *testing.T) {
	text := withKeys(t, "{file: keys.json}")
	good := document(t, text, map[string][]byte{"keys.json": keySet(t, "one")})
	for name, bad := range map[string]difference.Document{
		"no file": document(t, text, nil),
		"no keys": document(t, text, map[string][]byte{"keys.json": []byte("{}")}),
	} {
		for _, sides := range [][2]difference.Document{{good, bad}, {bad, good}} {
			changes, err := difference.Compare(sides[0], sides[1])
			if err == nil || changes != nil || !strings.Contains(err.Error(), "the keys of ci ") {
				t.Errorf("%s: %v, %v", name, changes, err)
			}
		}
	}
}
