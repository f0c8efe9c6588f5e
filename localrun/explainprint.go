package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"example.com/countersign/internal/trace"
)

// nameColumn is how wide the names of checks are; client_assertion.lifetime is the longest.
const nameColumn = 26

// marks show a result.
var marks = map[trace.Result]string{
	trace.Passed: "✓", trace.Failed: "✗", trace.Undecided: "✗", trace.Skipped: "–", assumed: "–",
}

// printExplanations writes for people.
func printExplanations(out io.Writer, explanations []explanation) error {
	var text strings.Builder
	for i, e := range explanations {
		if i > 0 {
			text.WriteString("\n")
		}
		e.print(&text)
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func (e explanation) print(out io.Writer) {
	use := map[string]string{
		assertionParameter:       "As the assertion of a JWT authorization grant",
		clientAssertionParameter: "As client authentication, for client_credentials",
		subjectTokenParameter:    "As the subject_token of a token exchange",
	}[e.Parameter]
	_, _ = fmt.Fprintf(out, "%s, at %s.\nIt claims to be of %s.\n\n", use, momentText(e.At), printable(e.Party))
	for _, check := range e.Checks {
		check.print(out)
	}
	if len(e.NotReached) > 0 {
		printLines(out, marks[trace.Skipped], "not reached", wrap(strings.Join(e.NotReached, ", "), tableWidth-nameColumn-5))
	}
	_, _ = fmt.Fprintln(out)
	e.printEnd(out)
}

// print writes a check: what was seen beside its name, and below it what there is to say.
func (c explainedCheck) print(out io.Writer) {
	var lines []string
	add := func(text string) { lines = append(lines, wrap(text, tableWidth-nameColumn-5)...) }
	if c.Text != "" {
		add(printable(c.Text))
	}
	for _, seen := range c.Seen {
		switch {
		case seen.Name != "":
			add(printable(seen.Name) + " is " + seen.Value)
		default:
			add(seen.Value)
		}
	}
	if c.Result == trace.Undecided && c.Text != "" {
		add("this cannot be decided, and so does not hold")
	}
	if len(c.Want) > 0 {
		add(oneOfText(c.Want))
	}
	for _, note := range c.Notes {
		add(printable(note))
	}
	printLines(out, marks[c.Result], c.Name, lines)
}

func oneOfText(wants []string) string {
	if len(wants) == 1 {
		return "want " + wants[0]
	}
	return "want one of " + strings.Join(wants, ", ")
}

func printLines(out io.Writer, mark, name string, lines []string) {
	if len(lines) == 0 {
		lines = []string{""}
	}
	for i, line := range lines {
		if i > 0 {
			mark, name = " ", ""
		}
		_, _ = fmt.Fprintln(out, strings.TrimRight("  "+mark+" "+pad(name, nameColumn)+" "+line, " "))
	}
}

// printEnd writes what the token endpoint would answer.
func (e explanation) printEnd(out io.Writer) {
	if !e.Granted {
		_, _ = fmt.Fprintf(out, "refused: %s %s\n  status %d, %q\n", e.Code, e.Reason, e.Status, e.Description)
		return
	}
	condition := ""
	if slices.ContainsFunc(e.Checks, func(c explainedCheck) bool { return c.Result == assumed }) {
		condition = ", if what is marked with a dash holds"
	}
	_, _ = fmt.Fprintf(out, "would be granted%s: %s for %s\n", condition, e.Scope, shortDuration(e.ExpiresIn))
	token := unproved{claims: e.Claims}
	for _, name := range claimOrder(e.Claims) {
		value := token.claim(name)
		switch name {
		case "iat", "exp":
			value = token.dateText(name, e.At)
		case "jti":
			value = "(random)"
		}
		_, _ = fmt.Fprintf(out, "  %s %s\n", pad(printable(name), nameColumn), value)
	}
}

// printExplanationsJSON writes for machines.
func printExplanationsJSON(out io.Writer, explanations []explanation) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(explanations)
}
