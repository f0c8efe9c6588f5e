package assertion_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/trace"
)

// traced verifies and returns the names of the checks that passed, and the step that did not; zero: all passed.
func (b *bench) traced(t *testing.T, presented assertion.Presented, profile assertion.Profile) (passed []string, last trace.Step) {
	t.Helper()
	profile.Trace = &trace.Record{}
	_, err := b.verify(t, presented, profile)
	for _, step := range profile.Trace.Steps() {
		if last.Result != "" {
			t.Fatalf("%v comes after %v", step, last)
		}
		if step.Result == trace.Passed {
			passed = append(passed, step.Check)
		} else {
			last = step
		}
		if step.Part != "assertion" {
			t.Errorf("the part is %q", step.Part)
		}
	}
	if (err == nil) != (last.Result == "") {
		t.Errorf("%v, and the trace ends with %v", err, last)
	}
	return passed, last
}

// damaged is an assertion of the right key whose signature is over something else.
func (b *bench) damaged(t *testing.T) assertion.Presented {
	t.Helper()
	sign := func(c claims) []string {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := b.key.Sign("JWT", text)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(signed, ".")
	}
	one, other := sign(good()), sign(good().with("jti", "2"))
	presented, err := assertion.Parse(one[0] + "." + one[1] + "." + other[2])
	if err != nil {
		t.Fatal(err)
	}
	return presented
}

func TestTrace_has_every_check_in_its_order(t *testing.T) {
	b := newBench(t)
	want := []string{"form", "exp", "nbf", "iat", "key", "signature", "iss", "typ", "sub", "aud", "lifetime", "jti"}
	if diff := cmp.Diff(want, assertion.Checks()); diff != "" {
		t.Errorf("the checks (-want +got):\n%s", diff)
	}
	passed, last := b.traced(t, b.sign(t, "JWT", good()), b.profile())
	if diff := cmp.Diff(want, passed); diff != "" {
		t.Errorf("of a good assertion, and %v (-want +got):\n%s", last, diff)
	}
}

func TestTrace_ends_with_the_check_that_failed(t *testing.T) {
	b := newBench(t)
	profile := b.profile()
	profile.Types = []string{"authorization-grant+jwt"}
	profile.Audiences = []string{server, server + "/token"}
	stranger := newBench(t)
	for check, test := range map[string]struct {
		presented assertion.Presented
		want      []string
	}{
		"exp":       {b.sign(t, "JWT", good().with("exp", at(-time.Hour))), nil},
		"nbf":       {b.sign(t, "JWT", good().with("nbf", at(time.Hour))), nil},
		"iat":       {b.sign(t, "JWT", good().with("iat", at(time.Hour))), nil},
		"key":       {stranger.sign(t, "JWT", good()), nil},
		"signature": {b.damaged(t), nil},
		"iss":       {b.sign(t, "JWT", good().with("iss", "https://other.example")), nil},
		"typ":       {b.sign(t, "at+jwt", good()), []string{"JWT", "authorization-grant+jwt"}},
		"sub":       {b.sign(t, "JWT", good().with("sub", "other")), nil},
		"aud":       {b.sign(t, "JWT", good().with("aud", "other")), []string{server, server + "/token"}},
		"lifetime":  {b.sign(t, "JWT", good().with("exp", at(time.Hour))), []string{"10m0s at most"}},
		"jti":       {b.sign(t, "JWT", good().with("jti", nil)), nil},
	} {
		passed, last := b.traced(t, test.presented, profile)
		want := trace.Step{Part: "assertion", Check: check, Result: trace.Failed, Want: test.want}
		if diff := cmp.Diff(want, last); diff != "" {
			t.Errorf("%s (-want +got):\n%s", check, diff)
		}
		checks := assertion.Checks()
		if before := checks[:slices.Index(checks, check)]; !slices.Equal(passed, before) {
			t.Errorf("%s: before it %v passed, want %v", check, passed, before)
		}
	}
}

// unavailable are keys that cannot be had.
type unavailable struct{}

func (unavailable) Find(context.Context, *jose.Token) (jose.VerificationKey, error) {
	return jose.VerificationKey{}, errors.New("the source is down")
}

func TestTrace_tells_keys_that_cannot_be_had_from_a_stranger(t *testing.T) {
	b := newBench(t)
	for result, keys := range map[trace.Result]assertion.Keys{
		trace.Undecided: unavailable{}, trace.Failed: assertion.Nobody{},
	} {
		profile := b.profile()
		profile.Keys = keys
		if _, last := b.traced(t, b.sign(t, "JWT", good()), profile); last.Check != "key" || last.Result != result {
			t.Errorf("got %v, want %s", last, result)
		}
	}
}

func TestTrace_names_the_parameter_that_the_assertion_came_in(t *testing.T) {
	b := newBench(t)
	for purpose, want := range map[replay.Purpose]string{replay.ForClient: "client_assertion", replay.ForGrant: "assertion"} {
		profile := b.profile()
		profile.Purpose, profile.Trace = purpose, &trace.Record{}
		if _, err := b.verify(t, b.sign(t, "JWT", good()), profile); err != nil {
			t.Fatal(err)
		}
		for _, step := range profile.Trace.Steps() {
			if step.Part != want {
				t.Errorf("%s: %v", purpose, step)
			}
		}
	}
}

// A trace of what is granted is thrown away, and must cost nothing that a benchmark could see.
func TestTrace_allocates_nothing(t *testing.T) {
	b := newBench(t)
	presented, profile := b.sign(t, "JWT", good()), b.profile()
	record := &trace.Record{}
	cost := func(record *trace.Record) float64 {
		profile.Trace = record
		return testing.AllocsPerRun(100, func() {
			if _, err := b.verifier.Verify(t.Context(), presented, profile); err != nil {
				t.Error(err)
			}
			if record != nil {
				record.Reset()
			}
		})
	}
	if without, with := cost(nil), cost(record); with != without {
		t.Errorf("%v allocations with a trace, and %v without", with, without)
	}
}
