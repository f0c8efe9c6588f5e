package trace_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/trace"
)

func TestStep_is_written_in_one_sentence(t *testing.T) {
	for want, step := range map[string]trace.Step{
		"form: passed":                                          {Part: "form", Result: trace.Passed},
		"assertion.exp: failed":                                 {Part: "assertion", Check: "exp", Result: trace.Failed},
		"assertion.typ: failed, want JWT":                       {Part: "assertion", Check: "typ", Result: trace.Failed, Want: []string{"JWT"}},
		"policy.scope: failed, want one of read, write":         {Part: "policy", Check: "scope", Result: trace.Failed, Want: []string{"read", "write"}},
		`allow[0].if: undecided at claims.ref == "a"`:           {Part: "allow[0]", Check: "if", Result: trace.Undecided, Text: `claims.ref == "a"`, Want: []string{"a"}, Reads: []string{"ref"}},
		"990 more rules: skipped":                               {Part: "990 more rules", Result: trace.Skipped},
		"client_assertion.lifetime: failed, want 10m0s at most": {Part: "client_assertion", Check: "lifetime", Result: trace.Failed, Want: []string{"10m0s at most"}},
	} {
		if got := step.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestRecord_keeps_the_order_and_stands_while_all_has_passed(t *testing.T) {
	passed, failed := trace.Step{Part: "a", Result: trace.Passed}, trace.Step{Part: "b", Result: trace.Failed}
	var record trace.Record
	if !record.Stands() {
		t.Error("an empty record does not stand")
	}
	record.Add(passed)
	if !record.Stands() {
		t.Error("a passed step ends it")
	}
	record.Add(failed)
	if record.Stands() {
		t.Error("a failed step does not end it")
	}
	if diff := cmp.Diff([]trace.Step{passed, failed}, record.Steps()); diff != "" {
		t.Error(diff)
	}
	for _, result := range []trace.Result{trace.Undecided, trace.Skipped, ""} {
		record.Add(trace.Step{Result: result})
		if record.Stands() {
			t.Errorf("it stands after %q", result)
		}
	}
	record.Reset()
	if len(record.Steps()) != 0 || !record.Stands() || record.Watched() {
		t.Errorf("something is left: %+v", record)
	}
}

func TestRecord_that_is_not_there_records_nothing(t *testing.T) {
	var nobody *trace.Record
	nobody.Add(trace.Step{Part: "a"})
	if nobody.Steps() != nil || nobody.Watched() || !nobody.Stands() {
		t.Errorf("%v", nobody.Steps())
	}
}

func TestWatch_is_for_one_context_and_those_below(t *testing.T) {
	if trace.Watching(t.Context()) != nil {
		t.Error("somebody watches")
	}
	first, record := trace.Watch(t.Context())
	second, other := trace.Watch(first)
	below, cancel := context.WithCancel(second)
	defer cancel()
	if !record.Watched() || trace.Watching(first) != record || trace.Watching(below) != other || record == other {
		t.Errorf("%p and %p are not told apart", record, other)
	}
}

// What is recorded with every request must not be what the next one pays for.
func TestRecord_that_is_used_again_allocates_nothing(t *testing.T) {
	record := &trace.Record{}
	request := func() {
		for range 30 {
			record.Add(trace.Step{Part: "assertion", Check: "exp", Result: trace.Passed})
		}
		record.Reset()
	}
	request()
	if count := testing.AllocsPerRun(100, request); count != 0 {
		t.Errorf("%v allocations", count)
	}
}
