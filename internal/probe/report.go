package probe

import "time"

// Kind says which half of the probe a check belongs to.
type Kind string

// The kinds.
const (
	Gives   Kind = "gives"   // what the server must give
	Refuses Kind = "refuses" // what it must refuse
)

// Outcome is what came of a check.
type Outcome string

// The outcomes. What was not run has not passed.
const (
	AsItMustBe    Outcome = "ok"
	NotAsItMustBe Outcome = "not"
	NotRun        Outcome = "not_run"
)

// Finding is one check and what came of it. No text in it holds an assertion, a token or a key.
type Finding struct {
	Name     string  `json:"name"` // stable
	Kind     Kind    `json:"kind"`
	Rule     string  `json:"rule"` // of the protocol, or the number of the attack
	Sent     string  `json:"sent"`
	Expected string  `json:"expected"`
	Came     string  `json:"came"` // empty: it was not run
	Outcome  Outcome `json:"outcome"`
	Why      string  `json:"why"` // it was not run; empty: it was
}

// Report is a whole probe.
type Report struct {
	URL      string
	Issuer   string
	Client   string // empty: it was made without one
	Started  time.Time
	Requests int
	// Clock is by how much the server's clock is ahead of ours. Known is false where no answer told.
	Clock      time.Duration
	ClockKnown bool
	Findings   []Finding
	Stopped    string // why the probe could not be made to its end; empty: it was
}

// notable is the clock difference that a server forgives (protocol, Skew): beyond it assertions are refused.
const notable = 10 * time.Second

// ClocksDiffer reports whether the clocks differ by more than a server forgives.
func (r Report) ClocksDiffer() bool { return r.ClockKnown && r.Clock.Abs() > notable }

// Count returns how many checks have this outcome.
func (r Report) Count(outcome Outcome) int {
	n := 0
	for _, f := range r.Findings {
		if f.Outcome == outcome {
			n++
		}
	}
	return n
}
