package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// outcome is one line of a suite: what became of one flow with one library.
type outcome struct {
	Library string `json:"library"` // with its version
	Flow    string `json:"flow"`
	Error   string `json:"error"` // empty: it went as it should
}

// report prints outcomes as they come, and counts them.
type report struct {
	out                     io.Writer
	passed, failed, skipped int
}

func newReport(out io.Writer) *report { return &report{out: out} }

// printf prints; a report that nobody can read changes nothing.
func (r *report) printf(format string, values ...any) { _, _ = fmt.Fprintf(r.out, format, values...) }

// line takes a line of a suite's output. A line that is no outcome is a failure: no suite prints anything else.
func (r *report) line(suite, text string) {
	var o outcome
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&o); err != nil || o.Library == "" || o.Flow == "" {
		o = outcome{Library: "-", Flow: "output", Error: "not an outcome: " + text}
	}
	r.add(suite, o)
}

func (r *report) add(suite string, o outcome) {
	if o.Error == "" {
		r.passed++
		r.printf("ok      %-7s %-38s %s\n", suite, o.Library, o.Flow)
		return
	}
	r.failed++
	r.printf("FAILED  %-7s %-38s %s\n", suite, o.Library, o.Flow)
	r.printf("        %s\n", strings.ReplaceAll(strings.TrimSpace(o.Error), "\n", "\n        "))
}

// skip says that a suite is not run, in a way that is not overlooked.
func (r *report) skip(suite, reason string) {
	r.skipped++
	r.printf("SKIPPED %-7s ALL OF IT: %s\n", suite, strings.ReplaceAll(strings.TrimSpace(reason), "\n", "\n        "))
}

// close prints the sum. The error says that not everything went as it should.
func (r *report) close() error {
	r.printf("interop: %d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	switch {
	case r.failed > 0:
		return errors.New("not every client can work with the service")
	case r.passed == 0:
		return errors.New("no client was run")
	}
	return nil
}
