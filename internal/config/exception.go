package config

import (
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"
)

// An exceptionReader reads the fields of a section that can be weaker than the strict rule. It collects how, and what it
// returns is what holds without.
type exceptionReader struct {
	section string // client_assertion or assertion
	found   []Exception
}

func (r *exceptionReader) add(v value, e Exception) {
	e.At, e.Name = v.position(), r.section+"."+v.name
	r.found = append(r.found, e)
}

// dated opens a value that may be written with an end:
//
//	jti: optional
//	jti: {value: optional, until: 2027-03-31}
//
// There is one way to write each: a mapping without until is refused, and so is, by those who call this, an end of what
// is no exception.
func (v value) dated() (written value, until time.Time, dated bool) {
	if v.node == nil || v.node.Kind != yaml.MappingNode {
		return v, time.Time{}, false
	}
	m := v.mapping()
	defer m.refuseOthers()
	return m.required("value"), m.required("until").day(), true
}

// dayForm begins with the year 2000. Before it lies the zero time, which says that there is no end.
var dayForm = matching(`\A[2-9][0-9]{3}-[0-9]{2}-[0-9]{2}\z`)

// day reads a day of the calendar, and returns its first moment in UTC. YAML knows it with and without quotes.
func (v value) day() time.Time {
	if v.node == nil {
		return time.Time{}
	}
	written := v.node.Value
	if v.node.Kind != yaml.ScalarNode || !dayForm.MatchString(written) {
		v.fault("is not a day; write year, month and day, such as 2027-03-31")
		return time.Time{}
	}
	day, err := time.Parse(time.DateOnly, written)
	if err != nil {
		v.fault("is %s, which the calendar does not have", quote(written))
		return time.Time{}
	}
	return day
}

// audience reads the aud of client assertions where it is not the issuer identifier (protocol C4).
func (r *exceptionReader) audience(v value, us string) {
	written, until, dated := v.dated()
	switch name := written.identifier(); {
	case name == "":
	case name != us:
		r.add(v, Exception{Until: until, Audience: name})
	case dated:
		written.fault("is the issuer identifier, which needs no exception; leave it out")
	}
}

// audiences reads aud values that are accepted besides this service (protocol G4). One without an end is no exception:
// an ID token's aud is its client, and a CI system's what it is told to be.
func (r *exceptionReader) audiences(v value) []string {
	excepted := map[string]bool{}
	all := distinct(v, func(item value) string {
		written, until, dated := item.dated()
		name := written.identifier()
		if dated && name != "" {
			r.add(item, Exception{Until: until, Audience: name})
			excepted[name] = true
		}
		return name
	})
	return slices.DeleteFunc(all, func(name string) bool { return excepted[name] })
}

// maxLifetime reads how far ahead exp may be. More than the strict rule allows is an exception (protocol C6, G5).
func (r *exceptionReader) maxLifetime(v value, strict time.Duration) time.Duration {
	written, until, dated := v.dated()
	switch d := written.lifetime(0); {
	case d > strict:
		r.add(v, Exception{Until: until, MaxLifetime: d})
	case d > 0 && dated:
		written.fault("is %s, which needs no exception: %s is the strict rule", brief(d), brief(strict))
	case d > 0:
		return d
	}
	return strict
}

// jti reads which of these words says what of a jti, and returns it; empty: none does. That an assertion need not have one
// is an exception where the strict rule asks for it (protocol C3), and where it has an end: from then on it must.
func (r *exceptionReader) jti(v value, strict string, words ...string) string {
	written, until, dated := v.dated()
	switch word := written.oneOf("", words...); {
	case word == jtiOptional && (dated || strict == jtiRequired):
		r.add(v, Exception{Until: until, JTIOptional: true})
		return jtiRequired
	case word != "" && dated:
		written.fault("is %s, which needs no exception; write jti: %s", quote(word), word)
		return word
	default:
		return word
	}
}

// End returns the first moment at which the exception does not hold any longer; zero: there is none.
func (e Exception) End() time.Time {
	if e.Until.IsZero() {
		return time.Time{}
	}
	return e.Until.AddDate(0, 0, 1)
}

// farYears is how many years ahead the end of an exception is taken for an end.
const farYears = 2

// ExceptionWarnings returns what is to be said at now of exceptions with an end: which have ended and can be taken out
// of the document, and which end so late that nobody will remember them.
func (c *Config) ExceptionWarnings(now time.Time) Faults {
	var warnings Faults
	for _, e := range c.exceptions() {
		warn := func(format string) {
			problem := fmt.Sprintf(format, e.Name, e.Until.Format(time.DateOnly))
			warnings = append(warnings, Fault{At: e.At, Problem: problem})
		}
		switch {
		case e.Until.IsZero():
		case !now.Before(e.End()):
			warn("%s has ended on %s: the strict rule applies; take the exception out")
		case e.Until.After(now.AddDate(farYears, 0, 0)):
			warn("%s ends on %s, in more than two years: nobody will remember it; choose an earlier day")
		}
	}
	return warnings
}

// exceptions returns those of all clients and issuers.
func (c *Config) exceptions() []Exception {
	var all []Exception
	for _, client := range c.Clients {
		all = slices.Concat(all, client.ClientAssertion.Exceptions, client.Assertion.Exceptions)
	}
	for _, issuer := range c.Issuers {
		all = append(all, issuer.Assertion.Exceptions...)
	}
	return all
}
