// Package difference says what one configuration allows that another does not.
//
// [Compare] takes two configurations without faults and returns what changed, for whom, and whether it widens. A change
// widens where somebody may get a token from the configuration after it that the one before would have given to no
// request of his: for another resource, with another scope, for longer, about another subject, with other claims; on
// the word of another key or with less of a proof; or signed with another key. So does one by which a client may
// ask what the tokens of another API say. How a request must be written (which resource is meant where it names none)
// is no entitlement, and neither is one token for several resources of which each was allowed.
//
// It must never take a change for narrow that is not shown to be. It knows conditions and mappings by their text alone:
// another text is wider. What is kept elsewhere (the keys in a secret or at a URL, our own private keys) is compared by
// its name. The end of an exception is a day like another, passed or not.
//
// The package is pure: no input or output, no clock.
package difference

import (
	"slices"

	"example.com/countersign/internal/config"
)

// Document is one of the two configurations.
type Document struct {
	Configuration *config.Config    // without faults
	Files         map[string][]byte // the content of its Files, by the name that it has for each
}

// Kind is what a change is about.
type Kind string

// The kinds, in the order in which changes are returned.
const (
	Service  Kind = "service" // what holds for every party
	Resource Kind = "resource"
	Client   Kind = "client"
	Issuer   Kind = "issuer"
)

// Change is one difference. What is written otherwise and means the same, such as scopes in another order, is none.
type Change struct {
	Kind     Kind
	Party    string       // the client's id, the issuer's or the resource's; empty for the service
	What     string       // the field, by its path below the party: keys, allow.scopes
	Resource string       // of a rule; else empty
	Old, New string       // what was and what is there; empty: nothing, or the default
	Widens   bool         // somebody may get what he could not get
	Why      string       // what he gets, in words; empty where it does not widen
	OldLine  int          // in the document before, or where what it belongs to begins; 0: not there, or not known
	NewLine  int          // likewise of the document after
	OldRule  *config.Rule // what a change of a rule is about; nil: of no rule, or there was none
	NewRule  *config.Rule // likewise
}

// Sign returns + for what was added, - for what is gone, and ~ for what is another.
func (c Change) Sign() string {
	switch {
	case c.Old == "":
		return "+"
	case c.New == "":
		return "-"
	default:
		return "~"
	}
}

// Widens reports whether one of the changes does.
func Widens(changes []Change) bool {
	return slices.ContainsFunc(changes, func(change Change) bool { return change.Widens })
}

// Compare returns what changed from before to after: the service, the resources, the clients, the issuers, each in the
// order of after, and then what is gone in the order of before. An error says that one of its [Files] is missing, or
// that the keys in it cannot be read.
func Compare(before, after Document) ([]Change, error) {
	c := &comparison{before: before, after: after}
	c.service()
	c.identityAssertions()
	if err := c.mutualTLS(); err != nil {
		return nil, err
	}
	c.resources()
	if err := c.clients(); err != nil {
		return nil, err
	}
	if err := c.issuers(); err != nil {
		return nil, err
	}
	return c.changes, nil
}

// comparison collects the changes.
type comparison struct {
	before, after Document
	changes       []Change
}

// place is what the changes of one party, or of one rule, have in common.
type place struct {
	kind          Kind
	party         string
	path          string // what every field's path begins with
	before, after config.Position
}

// within returns the place of a section, whose own lines are taken where it is written.
func (p place) within(section string, before, after config.Position) place {
	p.path += section
	if before.Line > 0 {
		p.before = before
	}
	if after.Line > 0 {
		p.after = after
	}
	return p
}

func (p place) change(what string) Change {
	return Change{Kind: p.kind, Party: p.party, What: p.path + what, OldLine: p.before.Line, NewLine: p.after.Line}
}

// value compares a field with one value. widens is the verdict where it differs, and why says so in words.
func (c *comparison) value(at place, what, before, after string, widens bool, why string) {
	if before == after {
		return
	}
	change := at.change(what)
	change.Old, change.New = before, after
	c.add(change, widens, why)
}

func (c *comparison) add(change Change, widens bool, why string) {
	if widens {
		change.Widens, change.Why = true, why
	}
	c.changes = append(c.changes, change)
}

// list compares a field whose values stand side by side. One that is added widens.
func (c *comparison) list(at place, what string, before, after []string, why string) {
	for _, added := range missing(after, before) {
		c.value(at, what, "", added, true, why)
	}
	for _, gone := range missing(before, after) {
		c.value(at, what, gone, "", false, "")
	}
}

// missing returns the values that others lacks, each once.
func missing(values, others []string) []string {
	var lacked []string
	for _, value := range values {
		if !slices.Contains(others, value) && !slices.Contains(lacked, value) {
			lacked = append(lacked, value)
		}
	}
	return lacked
}
