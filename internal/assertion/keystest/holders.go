package keystest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"example.com/countersign/internal/assertion"
)

// Holder is keys that know whether the key of a TLS client is one of them (RFC 8705 §2.2, protocol M2). Keys that a
// party brings along with each assertion cannot.
type Holder interface {
	Holds(ctx context.Context, thumbprint string) (bool, error)
}

// TestHolders runs the suite for keys that are a [Holder] besides. have is that of [TestPublicKeys].
func TestHolders(t *testing.T, have func(t *testing.T, keys ...Key) Party) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *subject)
	}{
		{"M2_a_thumbprint_of_one_of_the_keys_is_held", holdsOwn},
		{"M2_no_other_thumbprint_is_held", holdsNoOther},
		{"M2_keys_of_one_party_are_not_held_for_another", holdsNobodyElses},
		{"T7_a_request_that_has_ended_is_no_answer", holdsForEndedRequest},
		{"many_can_ask_at_once", holdsForMany},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, &subject{newPublicKey, have}) })
	}
}

// TestHoldsNoSharedSecret runs the suite for shared secrets, which nobody has a certificate of.
func TestHoldsNoSharedSecret(t *testing.T, have func(t *testing.T, keys ...Key) Party) {
	one, public := newSharedSecret(t, "1"), newPublicKey(t, "1")
	p := have(t, one)
	for _, thumbprint := range []string{"", "1", one.Public.ID(), public.thumbprint(t)} {
		holds(t, p, thumbprint, false)
	}
	accept(t, p, p.signed(t, one))
}

func (k Key) thumbprint(t *testing.T) string {
	t.Helper()
	thumbprint, err := k.Public.Thumbprint()
	must(t, err)
	return thumbprint
}

func holder(t *testing.T, p Party) Holder {
	t.Helper()
	holder, is := p.Keys.(Holder)
	if !is {
		t.Fatalf("%T does not say what it holds", p.Keys)
	}
	return holder
}

func holds(t *testing.T, p Party, thumbprint string, want bool) {
	t.Helper()
	if got, err := holder(t, p).Holds(t.Context(), thumbprint); got != want || err != nil {
		t.Errorf("%q: %t, %v; want %t", thumbprint, got, err, want)
	}
}

func holdsOwn(t *testing.T, s *subject) {
	one, two := s.newKey(t, "1"), s.newKey(t, "2")
	p := s.have(t, one, two)
	holds(t, p, one.thumbprint(t), true)
	holds(t, p, two.thumbprint(t), true)
	accept(t, p, p.signed(t, one))
}

func holdsNoOther(t *testing.T, s *subject) {
	one, other := s.newKey(t, "1"), s.newKey(t, "2")
	p := s.have(t, one)
	own := one.thumbprint(t)
	for _, thumbprint := range []string{"", "1", "2", other.thumbprint(t), own[:42], own + "=", own + own, " " + own} {
		holds(t, p, thumbprint, false)
	}
	holds(t, p, own, true)
	holds(t, s.have(t), own, false)
}

func holdsNobodyElses(t *testing.T, s *subject) {
	mine, theirs := s.newKey(t, "1"), s.newKey(t, "1")
	me, them := s.have(t, mine), s.have(t, theirs)
	holds(t, me, mine.thumbprint(t), true)
	holds(t, them, mine.thumbprint(t), false)
	holds(t, me, theirs.thumbprint(t), false)
}

func holdsForEndedRequest(t *testing.T, s *subject) {
	one := s.newKey(t, "1")
	p := s.have(t, one)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := holder(t, p).Holds(ended, one.thumbprint(t))
	if _, isFault := errors.AsType[*assertion.Fault](err); isFault || got != (err == nil) {
		t.Errorf("%t, %v", got, err)
	}
	holds(t, p, one.thumbprint(t), true)
}

func holdsForMany(t *testing.T, s *subject) {
	one, other := s.newKey(t, "1"), s.newKey(t, "2")
	p := s.have(t, one)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { holds(t, p, one.thumbprint(t), true) })
		all.Go(func() { holds(t, p, other.thumbprint(t), false) })
	}
	all.Wait()
}
