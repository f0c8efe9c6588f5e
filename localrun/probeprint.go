package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/countersign/internal/probe"
)

// The columns of a probe: the name of a check, and what was sent for it. Behind them is the rule.
const (
	probeNameColumn = 30
	probeSentColumn = 46
)

// outcomeMarks show an outcome.
var outcomeMarks = map[probe.Outcome]string{probe.AsItMustBe: "✓", probe.NotAsItMustBe: "✗"}

// kindHeadings are what stands above the checks of a kind.
var kindHeadings = map[probe.Kind]string{probe.Gives: "What it must give", probe.Refuses: "What it must refuse"}

// printProbe writes for people.
func printProbe(out io.Writer, report probe.Report) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s, at %s, %s.\n", report.Issuer, momentText(report.Started), asWhom(report))
	for _, kind := range []probe.Kind{probe.Gives, probe.Refuses} {
		printKind(&text, kind, report.Findings)
	}
	text.WriteString("\n")
	if report.ClocksDiffer() {
		fmt.Fprintf(&text, "The server's clock is %s; what is signed here may be too early or too late there.\n", ahead(report.Clock))
	}
	if report.Stopped != "" {
		fmt.Fprintf(&text, "The probe ended early: %s.\n", report.Stopped)
	}
	fmt.Fprintf(&text, "%d as they must be, %d not, %d not run; %s.\n", report.Count(probe.AsItMustBe),
		report.Count(probe.NotAsItMustBe), report.Count(probe.NotRun), counted(report.Requests, "request"))
	_, err := io.WriteString(out, text.String())
	return err
}

func asWhom(report probe.Report) string {
	if report.Client == "" {
		return "without a client"
	}
	return "as " + report.Client
}

// ahead says by how much a clock differs from ours.
func ahead(by time.Duration) string {
	if by < 0 {
		return fmt.Sprintf("%d s behind this one", int(by.Abs().Seconds()))
	}
	return fmt.Sprintf("%d s ahead of this one", int(by.Seconds()))
}

// printKind writes the checks of one kind: those that were run each on a line, and behind them which were not, and why.
func printKind(out io.Writer, kind probe.Kind, findings []probe.Finding) {
	_, _ = fmt.Fprintf(out, "\n%s\n", kindHeadings[kind])
	var reasons []string
	missing := make(map[string][]string)
	for _, f := range findings {
		switch {
		case f.Kind != kind:
		case f.Outcome != probe.NotRun:
			printFinding(out, f)
		default:
			if missing[f.Why] == nil {
				reasons = append(reasons, f.Why)
			}
			missing[f.Why] = append(missing[f.Why], f.Name)
		}
	}
	for _, reason := range reasons {
		printIndented(out, "  – not run: "+reason+":")
		printIndented(out, "      "+strings.Join(missing[reason], ", "))
	}
}

// printFinding writes a check on one line, and what differs below it.
func printFinding(out io.Writer, f probe.Finding) {
	row := fmt.Sprintf("  %s %s %s %s", outcomeMarks[f.Outcome], pad(f.Name, probeNameColumn), pad(f.Sent, probeSentColumn), f.Rule)
	_, _ = fmt.Fprintln(out, row)
	if f.Outcome == probe.NotAsItMustBe {
		printIndented(out, "      expected "+f.Expected)
		printIndented(out, "      came     "+f.Came)
	}
}

// printIndented breaks text and keeps how far it is indented.
func printIndented(out io.Writer, text string) {
	words := strings.TrimLeft(text, " ")
	indent := len(text) - len(words)
	for _, line := range wrap(words, tableWidth-indent) {
		_, _ = fmt.Fprintf(out, "%*s%s\n", indent, "", line)
	}
}

// printProbeJSON writes for machines. The names of checks and members stay.
func printProbeJSON(out io.Writer, report probe.Report) error {
	type summary struct {
		OK     int `json:"ok"`
		Not    int `json:"not"`
		NotRun int `json:"not_run"`
	}
	var clock *float64
	if report.ClockKnown {
		seconds := report.Clock.Seconds()
		clock = &seconds
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		URL      string          `json:"url"`
		Issuer   string          `json:"issuer"`
		Client   string          `json:"client"` // empty: it was made without one
		Started  time.Time       `json:"started"`
		Requests int             `json:"requests"`
		Clock    *float64        `json:"clock_difference_seconds"` // the server's minus ours; null: it does not tell
		Stopped  string          `json:"stopped"`                  // why it ended early; empty: it did not
		Summary  summary         `json:"summary"`
		Checks   []probe.Finding `json:"checks"`
	}{
		report.URL, report.Issuer, report.Client, report.Started, report.Requests, clock, report.Stopped,
		summary{report.Count(probe.AsItMustBe), report.Count(probe.NotAsItMustBe), report.Count(probe.NotRun)}, report.Findings,
	})
}
