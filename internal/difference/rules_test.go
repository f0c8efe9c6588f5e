package difference_test

import (
	"strings"
	"testing"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/difference"
)

// rulesOf is a configuration with an issuer that has these rules, each on a line of its own from line 8 on: its scopes,
// and then its other fields.
func rulesOf(rules ...string) string {
	var text strings.Builder
	text.WriteString(`issuer: https://auth.example.com
signing_keys: {secret: projects/acme/secrets/keys}
resources: [{id: "urn:api", scopes: [read, write]}, {id: "urn:other", scopes: [read, write]}]
issuers:
  - issuer: ci
    keys: {secret: projects/acme/secrets/ci}
    allow:
`)
	for _, rule := range rules {
		scopes, rest, _ := strings.Cut(rule, ";")
		resource := "urn:api"
		if other, is := strings.CutPrefix(scopes, "other: "); is {
			resource, scopes = "urn:other", other
		}
		text.WriteString(`      - {resource: "` + resource + `", scopes: [` + scopes + `]`)
		if rest != "" {
			text.WriteString("," + rest)
		}
		text.WriteString("}\n")
	}
	return text.String()
}

const (
	ifA, ifB      = ` if: claims.a == "x"`, ` if: claims.b == "x"`
	short, longer = ` lifetime: 5m`, ` lifetime: 1h`
)

// TestFirstRuleThatDecidedCountsForThoseBehindIt holds that a rule which goes, or decides less, can widen: a request
// then reaches the rule behind it.
func TestFirstRuleThatDecidedCountsForThoseBehindIt(t *testing.T) {
	for name, test := range map[string]struct{ before, after []string }{
		"gone": {
			[]string{"read;" + short + "," + ifA, "read;" + longer},
			[]string{"read;" + longer},
		},
		"disabled": {
			[]string{"read;" + short + "," + ifA, "read;" + longer},
			[]string{"read;" + short + ", disabled: true," + ifA, "read;" + longer},
		},
		"only audited": {
			[]string{"read;" + short + "," + ifA, "read;" + longer},
			[]string{"read;" + short + ", mode: audit," + ifA, "read;" + longer},
		},
		"moved behind": {
			[]string{"read;" + short + "," + ifA, "read;" + longer + "," + ifB},
			[]string{"read;" + longer + "," + ifB, "read;" + short + "," + ifA},
		},
		"with a condition": {
			[]string{"read;" + short, "read;" + longer},
			[]string{"read;" + short + "," + ifA, "read;" + longer},
		},
		"with less scope": {
			[]string{"read, write;" + short, "read, write;" + longer},
			[]string{"read; default_scopes: [read]," + short, "read, write;" + longer},
		},
		"not narrow any more": {
			[]string{"read; narrow: true," + short, "read, write;" + longer},
			[]string{"read;" + short, "read, write;" + longer},
		},
		"gone, and gave another subject": {
			[]string{"read; subject: claims.name", "read;" + ifB},
			[]string{"read;" + ifB},
		},
		"gone, and gave other claims": {
			[]string{"read; claims: {team: claims.team}," + ifA, "read;" + ifB},
			[]string{"read;" + ifB},
		},
		"gone, and gave less where no scope is named": {
			[]string{"read, write; default_scopes: [read]," + ifA, "read, write;" + ifB},
			[]string{"read, write;" + ifB},
		},
		"gone, and gave the part of a scope that it had": {
			[]string{"read; narrow: true," + ifA, "read, write; default_scopes: [read]"},
			[]string{"read, write; default_scopes: [read]"},
		},
		"gone, and ended with the assertion": {
			[]string{"read; expires_with_assertion: true," + ifA, "read;" + ifB},
			[]string{"read;" + ifB},
		},
		"gone from between two": {
			[]string{"read;" + longer + "," + ifA, "read;" + short + "," + ifB, "read;" + longer},
			[]string{"read;" + longer + "," + ifA, "read;" + longer},
		},
	} {
		t.Run(name, func(t *testing.T) {
			changes := compare(t, rulesOf(test.before...), rulesOf(test.after...))
			if !has(changes, "ci", "allow.order", true) {
				t.Errorf("want that the order widens, not\n%s", list(changes))
			}
		})
	}
}

// TestWhatAnotherRuleAllowedIsNoGain holds that the verdict is of all rules together.
func TestWhatAnotherRuleAllowedIsNoGain(t *testing.T) {
	for name, test := range map[string]struct {
		before, after []string
		told          string // the one field that is told of; empty: nothing is
	}{
		"gone, and gave as much": {
			[]string{"read;" + longer + "," + ifA, "read;" + short + "," + ifB}, []string{"read;" + short + "," + ifB}, "allow",
		},
		"gone, and was for another resource": {
			[]string{"other: read;" + short, "read;" + longer}, []string{"read;" + longer}, "allow",
		},
		"gone, and another in front decides all that it did": {
			[]string{"read;" + short + "," + ifA, "read; lifetime: 6m," + ifA, "read;" + longer},
			[]string{"read;" + short + "," + ifA, "read;" + longer}, "allow",
		},
		"gone from the end": {
			[]string{"read;" + longer, "read, write;" + short}, []string{"read;" + longer}, "allow",
		},
		"moved, and both give the same": {
			[]string{"read;" + ifA, "read;" + ifB}, []string{"read;" + ifB, "read;" + ifA}, "",
		},
		"moved past one for another resource": {
			[]string{"read;" + short, "other: read;" + longer}, []string{"other: read;" + longer, "read;" + short}, "",
		},
		"new in front, with less": {
			[]string{"read;" + longer}, []string{"read;" + short + "," + ifA, "read;" + longer}, "allow",
		},
		"new behind, with less": {
			[]string{"read, write;" + longer + "," + ifA}, []string{"read, write;" + longer + "," + ifA, "read;" + short + "," + ifA}, "allow",
		},
		"wider, but within another": {
			[]string{"read, write;" + longer, "read;" + longer + "," + ifA},
			[]string{"read, write;" + longer, "read, write;" + longer + "," + ifA}, "allow.scopes",
		},
		"with the scopes in another order": {
			[]string{"read, write; default_scopes: [write, read]"}, []string{"write, read"}, "",
		},
		"disabled before and after": {
			[]string{"read", "write; disabled: true"}, []string{"read", "write; disabled: true, lifetime: 24h"}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			changes := compare(t, rulesOf(test.before...), rulesOf(test.after...))
			if difference.Widens(changes) {
				t.Errorf("this widens nothing:\n%s", list(changes))
			}
			if test.told == "" && len(changes) > 0 || test.told != "" && (len(changes) != 1 || changes[0].What != test.told) {
				t.Errorf("want %q to be told of, not\n%s", test.told, list(changes))
			}
		})
	}
}

// TestChangedRuleIsToldByItsFields holds that a rule which changed is not told as one that went and another that came.
func TestChangedRuleIsToldByItsFields(t *testing.T) {
	changes := compare(t,
		rulesOf("read;"+short+","+ifA, "other: write;"+longer),
		rulesOf("other: write;"+longer, `read; lifetime: 5m, if: claims.a == "y"`, "other: read"))
	var told []string
	for _, c := range changes {
		told = append(told, c.Sign()+" "+c.What+" "+c.Resource)
	}
	want := "+ allow urn:other\n~ allow.if urn:api"
	if got := strings.Join(told, "\n"); got != want {
		t.Errorf("want\n%s\nnot\n%s", want, list(changes))
	}
	if c := changes[1]; c.OldLine != 8 || c.NewLine != 9 || c.Old != `claims.a == "x"` || c.New != `claims.a == "y"` {
		t.Errorf("the condition: %+v", c)
	}
	if c := changes[0]; c.OldLine != 0 || c.NewLine != 10 || c.OldRule != nil || c.NewRule.Resource != "urn:other" {
		t.Errorf("the new rule: %+v", c)
	}
}

// TestRequirementThatIsGoneWidens holds that what a preset requires is a part of the rule.
func TestRequirementThatIsGoneWidens(t *testing.T) {
	requiring := func(conditions ...string) difference.Document {
		configured := document(t, rulesOf("read;"+ifA), nil)
		for _, condition := range conditions {
			rule := &configured.Configuration.Issuers[0].Allow[0]
			rule.Require = append(rule.Require, config.Requirement{Condition: condition, Reason: "so it is"})
		}
		return configured
	}
	const one, two = `claims.one`, `claims.two`
	for name, test := range map[string]struct {
		before, after difference.Document
		widens        bool
	}{
		"gone":     {requiring(one), requiring(), true},
		"one gone": {requiring(one, two), requiring(two), true},
		"another":  {requiring(one), requiring(two), true},
		"added":    {requiring(one), requiring(one, two), false},
		"first":    {requiring(), requiring(one), false},
	} {
		changes, err := difference.Compare(test.before, test.after)
		if err != nil || !has(changes, "ci", "allow.require", test.widens) || difference.Widens(changes) != test.widens {
			t.Errorf("%s: want it to widen: %t; not %v\n%s", name, test.widens, err, list(changes))
		}
	}
	changes, err := difference.Compare(requiring(one, two), requiring(two, one))
	if err != nil || len(changes) > 0 {
		t.Errorf("in another order: %v\n%s", err, list(changes))
	}
}

// TestRuleBehindOneThatRequiresMoreDecides holds that a requirement which is added lets requests through to the rules
// behind, as a condition does.
func TestRuleBehindOneThatRequiresMoreDecides(t *testing.T) {
	before := document(t, rulesOf("read;"+short, "read;"+longer), nil)
	after := document(t, rulesOf("read;"+short, "read;"+longer), nil)
	after.Configuration.Issuers[0].Allow[0].Require = []config.Requirement{{Condition: "claims.one", Reason: "so it is"}}
	changes, err := difference.Compare(before, after)
	if err != nil || !has(changes, "ci", "allow.order", true) {
		t.Errorf("%v\n%s", err, list(changes))
	}
}
