package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"example.com/countersign/internal/config"
)

// exception is one thing in which assertions may be weaker than the strict rule, as check lists it.
type exception struct {
	Kind     string `json:"kind"` // client or issuer
	Party    string `json:"party"`
	Disabled bool   `json:"disabled"`  // the party, and all that it may
	Name     string `json:"exception"` // what the log calls it
	Path     string `json:"path"`      // its place in the configuration
	Value    string `json:"value"`
	Until    string `json:"until,omitempty"`     // the last day on which it holds, in UTC; absent: it has no end
	DaysLeft *int   `json:"days_left,omitempty"` // 0 on the last day, below 0 when it has ended; absent: it has no end
}

// exceptions returns those of a configuration, in its own order, as they are at now.
func exceptions(configuration *config.Config, now time.Time) []exception {
	var all []exception
	add := func(party exception, written []config.Exception) {
		for _, e := range written {
			all = append(all, party.with(e, now))
		}
	}
	for _, client := range configuration.Clients {
		party := exception{Kind: kindClient, Party: client.ID, Disabled: client.Disabled}
		add(party, client.ClientAssertion.Exceptions)
		add(party, client.Assertion.Exceptions)
	}
	for _, issuer := range configuration.Issuers {
		add(exception{Kind: kindIssuer, Party: issuer.Issuer, Disabled: issuer.Disabled}, issuer.Assertion.Exceptions)
	}
	return all
}

// with returns one exception of the party.
func (e exception) with(written config.Exception, now time.Time) exception {
	e.Name, e.Path = written.Name, written.At.Path
	switch {
	case written.Audience != "":
		e.Value = written.Audience
	case written.MaxLifetime > 0:
		e.Value = shortDuration(int64(written.MaxLifetime.Seconds()))
	default:
		e.Value = "optional"
	}
	if !written.Until.IsZero() {
		const day = 24 * 60 * 60
		left := int((written.Until.Unix() - now.Unix()/day*day) / day) // a time.Duration ends after 292 years
		e.Until, e.DaysLeft = written.Until.Format(time.DateOnly), &left
	}
	return e
}

// left says in a word or two how long the exception still holds.
func (e exception) left() string {
	switch {
	case e.Disabled:
		return "disabled"
	case e.DaysLeft == nil:
		return ""
	case *e.DaysLeft < 0:
		return "ended"
	case *e.DaysLeft == 0:
		return "last day"
	case *e.DaysLeft == 1:
		return "1 day"
	default:
		return fmt.Sprintf("%d days", *e.DaysLeft)
	}
}

// The columns of the exceptions.
const (
	exceptionColumn = 30
	untilColumn     = 10
	leftColumn      = 12
	valueColumn     = tableWidth - 2 - exceptionColumn - 2 - 2 - untilColumn - 2 - leftColumn
)

// writeExceptions writes what is weaker than the strict rule, a block for each party; nothing where there is nothing.
func writeExceptions(out io.Writer, all []exception) {
	if len(all) == 0 {
		return
	}
	row := func(name, value, until, left string) {
		text := fmt.Sprintf("  %s  %s  %s  %s", pad(name, exceptionColumn), pad(value, valueColumn), pad(until, untilColumn), left)
		_, _ = fmt.Fprintln(out, strings.TrimRight(text, " "))
	}
	_, _ = fmt.Fprintln(out)
	row("EXCEPTION", "VALUE", "UNTIL", "LEFT")
	heading := ""
	for _, e := range all {
		if who := e.Kind + " " + e.Party; who != heading {
			_, _ = fmt.Fprintf(out, "\n%s\n", who)
			heading = who
		}
		until := e.Until
		if until == "" {
			until = "no end"
		}
		row(e.Name, e.Value, until, e.left())
	}
}
