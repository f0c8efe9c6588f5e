package difference_test

import (
	"slices"
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
		"at a URL": {
			inline("one"), "{jwks_uri: https://ci.example.com/keys}",
			"+ whatever is at https://ci.example.com/keys widens, - EdDSA key " + one,
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

// TestKeysOfAnAnchorAreNamed holds that the report says by which key which anchor is trusted.
func TestKeysOfAnAnchorAreNamed(t *testing.T) {
	changes := compare(t, base, replaced(t, base, `anchor.example.com", file: one.json`, `anchor.example.com", file: two.json`))
	for _, want := range []string{
		`+ client "https://member.example.com"  keys: "" → "trust chains to https://anchor.example.com by ES256 key ` + thumbprint(t, "two"),
		`- client "https://member.example.com"  keys: "trust chains to https://anchor.example.com by EdDSA key ` + thumbprint(t, "one"),
	} {
		if !strings.Contains(list(changes), want) {
			t.Errorf("want %s in\n%s", want, list(changes))
		}
	}
}

// TestFilesOfCertificatesAndAnchorsAreRead holds that a name says nothing of what is in the file, here either.
func TestFilesOfCertificatesAndAnchorsAreRead(t *testing.T) {
	for _, test := range []struct {
		file    string
		content []byte
		party   string
		what    string
	}{
		{"ca.pem", []byte("other certificates"), "partner", "keys.ca"},
		{"one.json", keySet(t, "two"), member, "keys"},
	} {
		before, after := document(t, base, files(t)), document(t, base, files(t))
		if !slices.Contains(difference.Files(after.Configuration), test.file) {
			t.Errorf("%s is not named", test.file)
		}
		after.Files[test.file] = test.content
		changes, err := difference.Compare(before, after)
		if err != nil || !has(changes, test.party, test.what, true) {
			t.Errorf("%s with other content: %v\n%s", test.file, err, list(changes))
		}
		delete(after.Files, test.file)
		if changes, err := difference.Compare(before, after); err == nil || changes != nil || !strings.Contains(err.Error(), test.file) {
			t.Errorf("without %s: %v, %v", test.file, err, changes)
		}
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
