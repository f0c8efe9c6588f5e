package server

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/netip"

	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/trace"
)

// record returns where the checks of a request are recorded: in the record of somebody who watches it, or in one of
// ours. Every request has one, since nobody knows beforehand which is refused; ours are used again, so that those
// which are granted allocate nothing for it.
func (s *Server) record(ctx context.Context) *trace.Record {
	if watched := trace.Watching(ctx); watched != nil {
		return watched
	}
	if ours, again := s.records.Get().(*trace.Record); again {
		return ours
	}
	return &trace.Record{}
}

// release takes a record of ours back whose request has been answered.
func (s *Server) release(record *trace.Record) {
	if !record.Watched() {
		record.Reset()
		s.records.Put(record)
	}
}

// Stages returns the names of the stages of a token request, in their order.
func Stages() []string {
	return []string{"form", "request", "client", "grant", "sender", "policy", "draft", "once", "sign"}
}

// checks is what became of the stages of a request so far.
type checks struct {
	trace    *trace.Record // every check so far
	traceID  string        // where the request is refused: what names its trace to the caller
	source   netip.Addr    // where the request comes from; zero: nobody knows
	replayed bool          // it has something that was used before
}

// begin begins with a request: whoever has failed too often comes no further.
func (s *Server) begin(r *http.Request, x *checks) error {
	x.trace, x.source = s.record(r.Context()), s.source(r)
	err := s.admit(x.source)
	if err != nil {
		x.passes("budget", err)
	}
	return err
}

// passes records what became of a stage, and reports whether the request goes on. A stage that refuses may have recorded
// the very check that failed; the reason is in the log beside the trace.
func (x *checks) passes(stage string, err error) bool {
	if err == nil {
		x.trace.Add(trace.Step{Part: stage, Result: trace.Passed})
		return true
	}
	if x.trace.Stands() {
		result := trace.Failed
		if refusal, isRefusal := errors.AsType[*oauth.Error](err); isRefusal && refusal.Code == oauth.TemporarilyUnavailable {
			result = trace.Undecided
		}
		x.trace.Add(trace.Step{Part: stage, Result: result})
	}
	x.traceID = newTraceID()
	return false
}

// newTraceID returns what names a refusal to the caller and in the log: 50 random bits in letters and digits that stand
// in an error_description (RFC 6749 §5.2).
func newTraceID() string { return rand.Text()[:10] }

// traced puts the id of the trace behind what the caller is told (protocol T6).
func traced(description, id string) string {
	if id == "" {
		return description
	}
	return description + " (trace " + id + ")"
}

// written returns a trace as the log has it. It is short by what it is made of: there are some forty checks, and each
// stage bounds what it adds of the configuration's.
func written(steps []trace.Step) []string {
	texts := make([]string, len(steps))
	for i, step := range steps {
		texts[i] = clip(step.String())
	}
	return texts
}
