package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/difference"
)

// print writes for people: the changes of one party after the other, and what a rule gives in the columns of check.
func (d diffed) print(out io.Writer) error {
	var text strings.Builder
	for _, fault := range d.faults() {
		fmt.Fprintf(&text, "%s\n", fault)
	}
	if text.Len() == 0 {
		d.printChanges(&text)
		fmt.Fprintf(&text, "%s\n", d.summary())
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func (d diffed) printChanges(out *strings.Builder) {
	names := newHeadings(d.before.configuration, d.after.configuration)
	heading := ""
	for _, change := range d.changes {
		if is := names.of(change); is != heading {
			if heading != "" {
				out.WriteString("\n")
			}
			fmt.Fprintf(out, "%s\n", is)
			heading = is
		}
		d.printChange(out, change)
	}
	if heading != "" {
		out.WriteString("\n")
	}
}

// headings are what parties are called: as they are now, or, where they are gone, as they were.
type headings map[headed]string

type headed struct {
	kind difference.Kind
	name string
}

func newHeadings(configurations ...*config.Config) headings {
	h := headings{}
	for _, configuration := range configurations {
		for _, client := range configuration.Clients {
			h[headed{difference.Client, client.ID}] = ofClient(client).heading()
		}
		for _, issuer := range configuration.Issuers {
			h[headed{difference.Issuer, issuer.Issuer}] = ofIssuer(issuer).heading()
		}
	}
	return h
}

func (h headings) of(change difference.Change) string {
	switch change.Kind {
	case difference.Service:
		return "every party"
	case difference.Resource:
		return "resource " + change.Party
	default:
		return h[headed{change.Kind, change.Party}]
	}
}

// printChange writes one change: what it is, and below it whether it widens and where it stands.
func (d diffed) printChange(out *strings.Builder, change difference.Change) {
	if rule, scopes := shownRule(change); rule != nil {
		d.printRule(out, change, *rule, scopes)
	} else {
		printField(out, change)
	}
	note := d.places(change)
	if change.Widens {
		note = strings.TrimSpace("widens: " + change.Why + " " + note)
	}
	if note == "" {
		return
	}
	for _, line := range wrap(note, tableWidth-4) {
		fmt.Fprintf(out, "    %s\n", line)
	}
}

// shownRule returns the rule that a change is shown as, and with which scopes: one that came or went, or what came to it
// or went from it. Nil: the change is of another field.
func shownRule(change difference.Change) (rule *config.Rule, scopes []string) {
	rule = change.NewRule
	if change.New == "" {
		rule = change.OldRule
	}
	switch {
	case rule == nil || change.Sign() == "~":
		return nil, nil
	case change.What == "allow", change.What == "exchange":
		return rule, rule.Scopes
	case change.What == "allow.scopes", change.What == "exchange.scopes":
		return rule, strings.Fields(change.Old + change.New)
	}
	return nil, nil
}

// printRule writes what a rule gives as check does, with the sign in front.
func (d diffed) printRule(out *strings.Builder, change difference.Change, rule config.Rule, scopes []string) {
	configuration := d.after.configuration
	if change.New == "" {
		configuration = d.before.configuration
	}
	shown := entitlement{}.with(rule, tokensOf(configuration)[rule.Resource])
	if change.What != "allow" && change.What != "exchange" {
		// The rest of the rule is as it was, or is told of by itself.
		shown = entitlement{Resource: shown.Resource, Lifetime: shown.Lifetime, Format: shown.Format, Algorithm: shown.Algorithm,
			DefaultScopes: scopes}
	}
	shown.Scopes = scopes
	var row strings.Builder
	writeEntitlement(&row, shown)
	for i, line := range strings.Split(strings.TrimSuffix(row.String(), "\n"), "\n") {
		if i == 0 {
			line = change.Sign() + line[1:]
		}
		fmt.Fprintf(out, "%s\n", printable(line))
	}
}

// printField writes what changed in a field: on one line, or, where that is too long, on one for each of the two.
func printField(out *strings.Builder, change difference.Change) {
	name := change.What
	if change.Resource != "" {
		name = pad(change.Resource, resourceColumn) + "  " + strings.TrimPrefix(strings.TrimPrefix(name, "allow."), "exchange.")
	}
	was, is := printable(oneLine(change.Old)), printable(oneLine(change.New))
	line := change.Sign() + " " + name + ": " + was + is
	if change.Sign() == "~" {
		line = change.Sign() + " " + name + ": " + was + " → " + is
		if utf8.RuneCountInString(line) > tableWidth {
			line = change.Sign() + " " + name + ":\n    from " + was + "\n    to   " + is
		}
	}
	fmt.Fprintf(out, "%s\n", line)
}

// places says where a change stands in the documents, as editors and their terminals read it.
func (d diffed) places(change difference.Change) string {
	var places []string
	if change.OldLine > 0 {
		places = append(places, fmt.Sprintf("%s:%d", d.before.name, change.OldLine))
	}
	if change.NewLine > 0 {
		places = append(places, fmt.Sprintf("%s:%d", d.after.name, change.NewLine))
	}
	if len(places) == 0 {
		return ""
	}
	return "(" + strings.Join(places, " → ") + ")"
}

func (d diffed) summary() string {
	wider := 0
	for _, change := range d.changes {
		if change.Widens {
			wider++
		}
	}
	changes := counted(len(d.changes), "change")
	switch {
	case len(d.changes) == 0:
		return fmt.Sprintf("%s and %s allow the same.", d.before.name, d.after.name)
	case wider == 0:
		return fmt.Sprintf("%s does not widen %s: %s, none wider.", d.after.name, d.before.name, changes)
	default:
		return fmt.Sprintf("%s widens %s: %s, %d wider.", d.after.name, d.before.name, changes, wider)
	}
}
