package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Fault is one thing that is wrong in the document or, as a warning, allowed and dangerous.
//
// Its text never holds a value that may be a secret: a password that was written where the name of a secret belongs
// must not reach a log by way of the complaint about it.
type Fault struct {
	At      Position
	Problem string // one sentence: what is wrong, and what would be right
}

// Error returns the line that an operator reads, for example
//
//	config.yaml:12: clients[0].authentication: authentication is "private_key_jw"; use one of …
func (f Fault) Error() string {
	return f.At.String() + ": " + f.Problem
}

// String returns the place as name:line: path.
func (p Position) String() string {
	place := fmt.Sprintf("%s:%d", p.Document, p.Line)
	if p.Path == "" {
		return place
	}
	return place + ": " + p.Path
}

// Faults are all faults of one document. Load returns them in the order of its lines.
type Faults []Fault

// Error returns one fault a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// Err returns f as an error, and nil where there is no fault. Use it wherever Faults become an error: an empty Faults
// inside an error interface is not nil.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// Sort puts the faults into the order of the document's lines, and keeps the order of those on one line. It is for
// those who add the faults that only another package can find.
func (f Faults) Sort() {
	slices.SortStableFunc(f, func(a, b Fault) int { return cmp.Compare(a.At.Line, b.At.Line) })
}

// maxFaults bounds what one document can make us remember. Nobody mends more in one go, and a document that is not a
// configuration at all could otherwise cost an instance its memory, and with it the last good configuration.
const maxFaults = 1000

// findings collects what one reading of a document finds.
type findings struct {
	document string
	needs    string // what a document of this kind has at least, in words
	faults   Faults
	warnings Faults
	dropped  int // faults beyond maxFaults
	closed   []*mapping
}

// open returns a mapping of v, one that has been closed if there is one: a large document has tens of thousands, and
// few are open at a time.
func (f *findings) open(v value) *mapping {
	last := len(f.closed) - 1
	if last < 0 {
		return &mapping{value: v}
	}
	m := f.closed[last]
	f.closed = f.closed[:last]
	*m = mapping{value: v, fields: m.fields[:0], asked: m.asked[:0]}
	return m
}

func (f *findings) close(m *mapping) { f.closed = append(f.closed, m) }

func (f *findings) fault(at Position, problem string) {
	if len(f.faults) >= maxFaults {
		f.dropped++
		return
	}
	f.faults = append(f.faults, Fault{At: at, Problem: problem})
}

func (f *findings) warn(at Position, problem string) {
	f.warnings = append(f.warnings, Fault{At: at, Problem: problem})
}

// sorted returns all faults in the order of their lines, and says at the end how many there was no room for.
func (f *findings) sorted() Faults {
	f.faults.Sort()
	if f.dropped > 0 {
		last := f.faults[len(f.faults)-1].At
		f.faults = append(f.faults, Fault{
			At:      Position{Document: f.document, Line: last.Line},
			Problem: fmt.Sprintf("the document has %d more faults; mend these first", f.dropped),
		})
	}
	return f.faults
}
