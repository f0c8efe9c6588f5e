package keys

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"example.com/countersign/internal/jose"
)

// Set is the JWK Set: the public keys of all rings (RFC 7517 §5, protocol J1). It is safe for concurrent use.
type Set struct {
	rings    []Publishing
	now      func() time.Time
	rendered atomic.Pointer[rendering]
}

// Publishing is a ring whose public keys a [Set] lists: a [Ring] or a [Published].
type Publishing interface {
	timeline(ctx context.Context) (*timeline, error)
	timing() Timing
}

// NewSet returns the set of these rings, whose keys it lists in their order. There must be one at least.
func NewSet(now func() time.Time, rings ...Publishing) (*Set, error) {
	if now == nil || len(rings) == 0 || slices.Contains(rings, nil) {
		return nil, errors.New("keys: a JWK Set needs a clock and rings")
	}
	return &Set{rings: rings, now: now}, nil
}

// Document is a JWK Set as it is served.
type Document struct {
	Keys   jose.KeySet // what it lists
	Body   []byte
	ETag   string        // strong (RFC 9110 §8.8.3)
	MaxAge time.Duration // how long it may be kept, in whole seconds; zero: not at all
}

// rendering is a document and how long it may be handed out as it is.
type rendering struct {
	document  Document
	timelines []*timeline // what it was made of
	kids      []string
	until     time.Time
}

// Document returns the set as it is now. It is rendered once for each set of keys, and is the same for every caller
// until something changes. Where one ring cannot be loaded there is no document: a set that lacks its keys would be
// kept, and every token that it signs be refused.
func (s *Set) Document(ctx context.Context) (*Document, error) {
	var some [4]*timeline
	timelines := some[:0]
	for _, ring := range s.rings {
		found, err := ring.timeline(ctx)
		if err != nil {
			return nil, err
		}
		timelines = append(timelines, found)
	}
	now := s.now()
	last := s.rendered.Load()
	if last != nil && now.Before(last.until) && slices.Equal(last.timelines, timelines) {
		return &last.document, nil
	}
	next, err := s.render(timelines, now, last)
	if err != nil {
		return nil, err
	}
	s.rendered.Store(next)
	return &next.document, nil
}

// render makes the document of now. The bytes of the last one serve again where the keys are the same.
func (s *Set) render(timelines []*timeline, now time.Time, last *rendering) (*rendering, error) {
	next := &rendering{timelines: slices.Clone(timelines)}
	var public jose.KeySet
	for i, found := range timelines {
		for _, member := range s.rings[i].timing().published(found.members, now) {
			if slices.Contains(next.kids, member.keyID) {
				continue // two versions hold the same key: verifiers would take a kid that is there twice for none
			}
			public = append(public, member.public)
			next.kids = append(next.kids, member.keyID)
		}
	}
	if last != nil && slices.Equal(last.kids, next.kids) {
		next.document = last.document
	} else {
		body, err := jose.EncodeKeySet(public)
		if err != nil {
			return nil, fmt.Errorf("rendering the JWK Set: %w", err)
		}
		sum := sha256.Sum256(body)
		next.document = Document{Keys: public, Body: body, ETag: `"` + hex.EncodeToString(sum[:16]) + `"`}
	}
	next.document.MaxAge, next.until = s.maxAge(timelines, now)
	return next, nil
}

// maxAge returns how long a document of now may be kept, and until when that answer holds. A document is kept neither
// past the next change nor past the moment at which an instance that cannot load its keys again may lack one that signs
// elsewhere.
func (s *Set) maxAge(timelines []*timeline, now time.Time) (age time.Duration, until time.Time) {
	age, until = s.rings[0].timing().MaxAge, now.Add(time.Hour)
	for i, found := range timelines {
		timing := s.rings[i].timing()
		limits := []time.Time{found.began.Add(timing.valid())}
		if change, known := timing.changes(found.members, now); known {
			limits = append(limits, change)
		}
		if len(found.members) == 0 {
			limits = []time.Time{now} // the first key will sign at once
		}
		for _, limit := range limits {
			if full := limit.Add(-timing.MaxAge); full.After(now) {
				until = earlier(until, full)
				continue
			}
			// From here on it gets shorter as time goes by: this answer is for one second at most.
			age = min(age, limit.Sub(now)-time.Second)
			until = earlier(until, now.Add(time.Second))
			if limit.After(now) {
				until = earlier(until, limit)
			}
		}
	}
	return max(age, 0).Truncate(time.Second), until
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
