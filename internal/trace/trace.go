// Package trace records which checks a token request went through and what came of each, so that a refusal can be
// explained: in the log, under the id that the caller was given, and by localrun explain.
//
// Each stage of the token endpoint adds a [Step] for what it has looked at to the [Record] of the request. A step names
// a check and says what would do, in the words of the configuration.
//
// It must never hold what a request or an assertion says. Nobody has proved that where a check fails, and a record goes
// into the log.
package trace

import (
	"context"
	"strings"
)

// Result is what came of a check.
type Result string

// The results. The zero Result is none of them.
const (
	Passed    Result = "passed"
	Failed    Result = "failed"
	Undecided Result = "undecided" // what it depends on was not there: a claim of a condition, a key, a store
	Skipped   Result = "skipped"   // nobody looked
)

// Step is one check and what came of it.
type Step struct {
	Part   string // of the request or the configuration: client_assertion, allow[1]
	Check  string // within the part; empty: the part as a whole
	Result Result

	Text  string   // the condition that did not hold, as its rule has it; empty: the check is none
	Want  []string // what would have passed, one of these; none: the name of the check says it
	Reads []string // the claims that the condition looks at, by their paths
}

// Name returns the part and the check.
func (s Step) Name() string {
	if s.Check == "" {
		return s.Part
	}
	return s.Part + "." + s.Check
}

// String returns the step as the log has it.
func (s Step) String() string {
	text := s.Name() + ": " + string(s.Result)
	switch {
	case s.Text != "":
		return text + " at " + s.Text
	case len(s.Want) == 1:
		return text + ", want " + s.Want[0]
	case len(s.Want) > 1:
		return text + ", want one of " + strings.Join(s.Want, ", ")
	default:
		return text
	}
}

// Record is the steps of one request in their order. The nil Record records nothing. One goroutine uses it.
type Record struct {
	steps   []Step
	watched bool
}

// Watched reports whether somebody wants to see all of the request, also where it is granted: each rule that did not
// match, and why. A record that nobody watches costs a request that is granted next to nothing.
func (r *Record) Watched() bool { return r != nil && r.watched }

// Add adds a step.
func (r *Record) Add(step Step) {
	if r != nil {
		r.steps = append(r.steps, step)
	}
}

// Steps returns the steps so far. The slice is good until the next Reset.
func (r *Record) Steps() []Step {
	if r == nil {
		return nil
	}
	return r.steps
}

// Stands reports whether the last step, if there is one, has passed.
func (r *Record) Stands() bool {
	steps := r.Steps()
	return len(steps) == 0 || steps[len(steps)-1].Result == Passed
}

// Reset empties the record for the next request, and keeps its memory.
func (r *Record) Reset() {
	clear(r.steps)
	r.steps = r.steps[:0]
}

type key struct{}

// Watch returns a context for one token request, and the record that the request then has.
func Watch(ctx context.Context) (context.Context, *Record) {
	record := &Record{watched: true}
	return context.WithValue(ctx, key{}, record), record
}

// Watching returns the record of a context that Watch has made; nil: nobody watches.
func Watching(ctx context.Context) *Record {
	record, _ := ctx.Value(key{}).(*Record)
	return record
}
