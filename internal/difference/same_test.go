package difference_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/difference"
)

// What is merely written otherwise is no change, and narrows nothing either.
func TestOtherWordsForTheSameAreNoChange(t *testing.T) {
	for name, test := range map[string]struct{ part, by string }{
		"a comment":                          {"clients:\n", "# who asks\nclients:\n"},
		"a default that is written":          {"  secret: projects/acme/secrets/first\n", "  secret: projects/acme/secrets/first\n  algorithm: ES256\n"},
		"a duration":                         {"jwks_max_age: 5m", "jwks_max_age: 300s"},
		"scopes in another order":            {"scopes: [read, write], default_scopes: [write]", "scopes: [write, read], default_scopes: [write]"},
		"default scopes that are the scopes": {`{resource: "urn:legacy", scopes: [read]}`, `{resource: "urn:legacy", scopes: [read], default_scopes: [read]}`},
		"lifetime that is the default":       {`{resource: "urn:legacy", scopes: [read]}`, `{resource: "urn:legacy", scopes: [read], lifetime: 10m}`},
		"audience that is always accepted":   {"[robots]", "[robots, https://auth.example.com/token]"},
		"type in other letters":              {"[robot+jwt]", "[application/ROBOT+jwt, JWT]"},
		"the same key, inline":               {"{file: one.json}", "{jwks: {keys: [" + publicKeys["one"] + "]}}"},
		"spaces in a condition":              {`if: claims.ref == "main"`, "if: |\n          claims.ref ==\n            \"main\""},
		"a header in other letters":          {"X-Cert", "x-cert"},
		"spaces in a mapping":                {`'"ref:" + claims.ref'`, `'"ref:"   +  claims.ref'`},
		"false":                              {"lifetime: 5m, expires_with_assertion: true", "lifetime: 5m, expires_with_assertion: true, narrow: false"},
		"mode that is the default":           {`{resource: "urn:legacy", scopes: [read]}`, `{resource: "urn:legacy", scopes: [read], mode: enforce}`},
		"anchor's key, inline":               {`anchor.example.com", file: one.json`, `anchor.example.com", jwks: {keys: [` + publicKeys["one"] + `]}`},
		"entity type that is the default":    {"max_path_length: 2", "max_path_length: 2\n        entity_type: oauth_client"},
		"another audited rule":               {"mode: audit} # audited rule", "mode: audit, lifetime: 1h}"},
		"what is disabled on both sides":     {"disabled: true # former\n", "disabled: true\n    client_assertion: {jti: optional}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if changes := compare(t, base, replaced(t, base, test.part, test.by)); len(changes) > 0 {
				t.Errorf("this is no change:\n%s", list(changes))
			}
		})
	}
}

// TestTextsThatOnlyLookTheSameAreOthers holds that white space counts where CEL counts it.
func TestTextsThatOnlyLookTheSameAreOthers(t *testing.T) {
	for _, test := range [][2]string{
		{`claims.a == "x y"`, `claims.a == "x  y"`},
		{`claims.a == 'x "y  z" '`, `claims.a == 'x "y z" '`},
		{`claims.a in ["x"]`, `claims.ain["x"]`},
		{`claims.a == "\" " && claims.b ==  "c"`, `claims.a == "\"  " && claims.b == "c"`},
		{`claims.a == """x  y"""`, `claims.a == """x y"""`},
		{"true // && \nfalse", "true // && false"},
		{`claims.a == r"\" && claims.b == " x"`, `claims.a == r"\" && claims.b == "  x"`},
	} {
		one := strings.ReplaceAll(test[0], "\n", "\n            ")
		two := strings.ReplaceAll(test[1], "\n", "\n            ")
		condition := func(text string) string {
			return rulesOf("read; lifetime: 5m") + "      - resource: \"urn:api\"\n        scopes: [write]\n        if: |\n            " + text + "\n"
		}
		if changes := compare(t, condition(one), condition(two)); !has(changes, "ci", "allow.if", true) {
			t.Errorf("%s and %s are not the same:\n%s", one, two, list(changes))
		}
	}
}

// TestHarmlessChangesAreToldOf is for what widens in neither direction, and is worth knowing.
func TestHarmlessChangesAreToldOf(t *testing.T) {
	for name, test := range map[string]struct{ part, by, party, what string }{
		"an API":                  {"resources:\n", "resources:\n  - {id: \"urn:new\", scopes: [read]}\n", "urn:new", "id"},
		"a scope of an API":       {`{id: "urn:api", scopes: [read, write]}`, `{id: "urn:api", scopes: [read, write, more]}`, "urn:api", "scopes"},
		"an issuer, disabled":     {"issuers:\n", "issuers:\n  - {issuer: new, disabled: true, keys: {file: one.json}, allow: [{resource: \"urn:api\", scopes: [read]}]}\n", "new", "issuer"},
		"a type of a claim":       {"{team: string, ", "{team: string, other: int, ", spire, "claim_types"},
		"a type of a member":      {"{region: string}", "{region: string, zone: string}", spire, "claim_types"},
		"a disabled client, gone": {base[strings.Index(base, "  - id: former"):strings.Index(base, "issuers:")], "", "former", "id"},
	} {
		t.Run(name, func(t *testing.T) {
			after := replaced(t, base, test.part, test.by)
			for _, changes := range [][]difference.Change{compare(t, base, after), compare(t, after, base)} {
				if len(changes) != 1 || !has(changes, test.party, test.what, false) {
					t.Errorf("want %s of %s, and that it does not widen; not\n%s", test.what, test.party, list(changes))
				}
			}
		})
	}
}

// TestNameOfAClientThatIsGoneCanBeVouchedFor holds RFC 9700 §4.15: while an id is a client's, disabled or not, no issuer
// gets a token about a subject of that name.
func TestNameOfAClientThatIsGoneCanBeVouchedFor(t *testing.T) {
	const noSub = "    subject: issuer\n    allow:\n"
	for name, test := range map[string]struct {
		rule, allow string // of the issuer: its one rule, and what stands before it
		widens      bool
	}{
		"any sub":                         {"read", "    allow:\n", true},
		"a rule that maps":                {"read; subject: claims.name", noSub, true},
		"a rule that maps to a beginning": {`read; subject: '"ne" + claims.name'`, noSub, true},
		"a rule that joins with a choice": {`read; subject: '"x:" + claims.a == "y" ? "new" : "z"'`, noSub, true},
		"a rule with an escape":           {`read; subject: '"\x6eew" + claims.name'`, noSub, true},
		"a rule with another beginning":   {`read; subject: '"repo:" + claims.owner + "/" + claims.name'`, "    allow:\n", false},
		"no sub":                          {"read", noSub, false},
		"a rule that is disabled":         {"read; subject: claims.name, disabled: true", noSub, false},
		"a rule that is audited":          {"read; subject: claims.name, mode: audit", noSub, false},
		"an issuer that is disabled":      {"read", "    disabled: true\n    allow:\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			without := replaced(t, rulesOf(test.rule), "    allow:\n", test.allow)
			with := replaced(t, without, "issuers:\n", "clients:\n"+newClient+"issuers:\n")
			changes := compare(t, with, without)
			if !has(changes, "new", "id", test.widens) || difference.Widens(changes) != test.widens {
				t.Errorf("want it to widen: %t; not\n%s", test.widens, list(changes))
			}
			kept := replaced(t, with, "  - id: new\n", "  - id: new\n    disabled: true\n")
			if changes := compare(t, with, kept); difference.Widens(changes) {
				t.Errorf("a client that is disabled keeps its name:\n%s", list(changes))
			}
		})
	}
}

// TestHashesAreNotShown holds that what a hash is of cannot be guessed from the report.
func TestHashesAreNotShown(t *testing.T) {
	changes := compare(t, base, replaced(t, base, aHash, otherHash))
	want := []difference.Change{
		{Kind: difference.Client, Party: "portal", What: "secrets", New: "a bcrypt hash", Widens: true, Why: "another secret is the client's"},
		{Kind: difference.Client, Party: "portal", What: "secrets", Old: "a bcrypt hash"},
	}
	for i := range changes {
		changes[i].OldLine, changes[i].NewLine = 0, 0
	}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
