package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"example.com/countersign/internal/config"
)

// tableWidth is how wide the table gets. What cannot be broken, a long resource above all, may stand out.
const tableWidth = 100

// The columns of the table: what a party may get is on one line, or, where the scopes are many, on several.
const (
	resourceColumn = 40
	lifetimeColumn = 8
	tokenColumn    = 10
	scopesColumn   = tableWidth - 2 - resourceColumn - 2 - 2 - lifetimeColumn - 2 - tokenColumn
)

// writeTable writes who may get what, a block for each party.
func writeTable(out io.Writer, allowed []entitlement) {
	if len(allowed) == 0 {
		_, _ = fmt.Fprintln(out, "Nobody may get anything: there are no clients and no issuers.")
		return
	}
	writeRow(out, "RESOURCE", "SCOPES", "LIFETIME", "TOKEN")
	heading := ""
	for _, e := range allowed {
		if who := e.heading(); who != heading {
			_, _ = fmt.Fprintf(out, "\n%s\n", who)
			heading = who
		}
		writeEntitlement(out, e)
	}
}

func writeEntitlement(out io.Writer, e entitlement) {
	lines := wrap(strings.Join(e.Scopes, " "), scopesColumn)
	writeRow(out, e.Resource, lines[0], shortDuration(e.Lifetime), tokenForm(e))
	for _, line := range lines[1:] {
		writeRow(out, "", line, "", "")
	}
	for _, condition := range conditions(e) {
		for i, line := range wrap(condition, tableWidth-6) {
			if i > 0 {
				line = "  " + line
			}
			_, _ = fmt.Fprintf(out, "    %s\n", line)
		}
	}
}

// tokenForm says what a token looks like. What is opaque has no algorithm that concerns anybody else.
func tokenForm(e entitlement) string {
	if e.Format == config.OpaqueFormat {
		return e.Format
	}
	return strings.ToUpper(e.Format) + " " + e.Algorithm
}

func writeRow(out io.Writer, resource, scopes, lifetime, token string) {
	row := fmt.Sprintf("  %s  %s  %*s  %s", pad(resource, resourceColumn), pad(scopes, scopesColumn), lifetimeColumn, lifetime, token)
	_, _ = fmt.Fprintln(out, strings.TrimRight(row, " "))
}

// conditions returns what limits or changes an entitlement, each in the words of the configuration.
func conditions(e entitlement) []string {
	var list []string
	add := func(holds bool, text string) {
		if holds {
			list = append(list, text)
		}
	}
	add(e.Disabled, "disabled: nothing of this is granted")
	add(e.Mode == modeAudit, "audit: nothing of this is granted, and the log says what would be")
	add(e.DPoP, "DPoP: the token is bound to a key")
	add(e.MTLS, "mTLS: the token is bound to a certificate")
	fapi2, named := e.Profile == config.ProfileFAPI2, e.DPoP || e.MTLS
	add(fapi2 && named, "FAPI 2.0")
	add(fapi2 && !named, "FAPI 2.0: the token is bound to a key (DPoP) or to a certificate (mTLS)")
	add(e.If != "", "if "+oneLine(e.If))
	add(e.Subject != "", "subject "+oneLine(e.Subject))
	add(!slices.Equal(e.DefaultScopes, e.Scopes), "default scopes "+strings.Join(e.DefaultScopes, " "))
	add(e.Narrow, "narrow: of a wider scope the allowed part is granted")
	add(e.WithAssertion && !e.exchanges(), "ends with the assertion")
	add(e.exchanges(), "for an access token: with its subject, no later than its end, and no more at what it is for")
	for _, name := range slices.Sorted(maps.Keys(e.Claims)) {
		add(true, "claim "+name+" = "+oneLine(e.Claims[name]))
	}
	return list
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// wrap breaks text between words. A word that is wider than the width stays whole: a name that is cut cannot be
// searched for.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// shortDuration writes seconds as the configuration would: 10m, 1h30m, 45s.
func shortDuration(seconds int64) string {
	text := (time.Duration(seconds) * time.Second).String()
	if whole, found := strings.CutSuffix(text, "m0s"); found {
		text = whole + "m"
	}
	if whole, found := strings.CutSuffix(text, "h0m"); found {
		text = whole + "h"
	}
	return text
}
