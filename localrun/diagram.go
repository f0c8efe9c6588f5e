package main

import (
	"strings"
	"time"
	"unicode/utf8"
)

// diagram draws an exchange of three parties while it happens: a column for each, an arrow for each message, and below
// the name of a party what it does. The first column has the time that a step took.
//
//	       nightly-report                     Countersign                stock API
//	       │                                  │                                  │
//	1.2 ms │── POST /token ──────────────────▶│                                  │
type diagram struct{ terminal }

// party is a column of the diagram.
type party int

const (
	caller party = iota
	issuer
	api
)

// A diagram is as wide as everything else: the time of a step, a line for each party, and two gaps between those, in
// which there is room for what a party does.
const (
	margin = 8
	gap    = (width - margin - 3) / 2
)

// names begins a diagram.
func (d diagram) names(names [3]string) {
	line := strings.Repeat(" ", margin) + pad(clip(names[caller], gap), gap+1) + names[issuer]
	// The third name ends above its column, since there is no room behind it.
	fill := margin + 2*(gap+1) + 1 - utf8.RuneCountInString(line) - utf8.RuneCountInString(names[api])
	d.printf("%s\n", d.styled(bold, line+strings.Repeat(" ", max(1, fill))+names[api]))
}

// does says what a party does without telling the others.
func (d diagram) does(who party, text string, took time.Duration) {
	d.says(who, text, normal, milliseconds(took))
}

// states shows a claim in the column of the party that states it. width is that of the longest name beside it.
func (d diagram) states(who party, name string, width int, value string) {
	d.says(who, " "+pad(name, width)+" "+value, faint, "")
}

// says puts text beside a party's column: behind the first and the second, before the third.
func (d diagram) says(who party, text string, look style, took string) {
	text = clip(text, gap-1)
	written := d.styled(look, text)
	fill := strings.Repeat(" ", gap-1-utf8.RuneCountInString(text))
	blank := strings.Repeat(" ", gap)
	switch who {
	case caller:
		d.row(took, " "+written+fill, "│", blank)
	case issuer:
		d.row(took, blank, "│", " "+written+fill)
	case api:
		d.row(took, blank, "│", fill+written+" ")
	}
}

// sends draws a message from one party to another. look is the colour of its label.
func (d diagram) sends(from, to party, label string, look style, took time.Duration) {
	blank := strings.Repeat(" ", gap)
	time := milliseconds(took)
	switch {
	case from == caller && to == issuer:
		d.row(time, d.arrow(label, look, "right"), "│", blank)
	case from == issuer && to == caller:
		d.row(time, d.arrow(label, look, "left"), "│", blank)
	case from == api && to == issuer:
		d.row(time, blank, "│", d.arrow(label, look, "left"))
	case from == caller:
		d.row(time, d.tail(label, look), "┼", d.arrow("", look, "right"))
	default:
		d.row(time, d.arrow("", look, "left"), "┼", d.tail(label, look))
	}
}

// arrow draws a gap with a head at the end that it points to.
func (d diagram) arrow(label string, look style, towards string) string {
	if label != "" {
		label = " " + clip(label, gap-6) + " "
	}
	line := strings.Repeat("─", gap-3-utf8.RuneCountInString(label))
	if towards == "left" {
		return d.styled(faint, "◀"+line) + d.styled(look, label) + d.styled(faint, "──")
	}
	return d.styled(faint, "──") + d.styled(look, label) + d.styled(faint, line+"▶")
}

// tail draws the gap of a message that goes on behind the column in the middle.
func (d diagram) tail(label string, look style) string {
	label = " " + clip(label, gap-5) + " "
	line := strings.Repeat("─", gap-2-utf8.RuneCountInString(label))
	return d.styled(faint, "──") + d.styled(look, label) + d.styled(faint, line)
}

// row prints one line between the columns.
func (d diagram) row(took, left, middle, right string) {
	bar := d.styled(faint, "│")
	d.printf("%s%s%s%s%s%s\n", d.styled(cyan, pad(took, margin)), bar, left, d.styled(faint, middle), right, bar)
}

// space prints a line on which nothing happens.
func (d diagram) space() {
	blank := strings.Repeat(" ", gap)
	d.row("", blank, "│", blank)
}
