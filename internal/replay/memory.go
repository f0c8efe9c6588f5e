package replay

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Memory is a [Store] for one instance. It is exact until it is full, and then it refuses rather than forgets.
type Memory struct {
	now      func() time.Time
	capacity int
	seed     [32]byte

	mu      sync.Mutex
	until   map[fingerprint]int64 // seconds since 1970 up to which the use is remembered
	expiry  map[int64][]fingerprint
	horizon int64 // every period before this one has been forgotten
}

// fingerprint stands for a use. It is keyed, so that nobody outside can aim for a collision.
type fingerprint [16]byte

// period is the length of one bucket of expiry, in seconds.
const period = 30

// forgetAtOnce bounds the work of forgetting that one request does.
const forgetAtOnce = 256

// NewMemory returns an empty memory for at most capacity uses at a time.
func NewMemory(now func() time.Time, capacity int) (*Memory, error) {
	if now == nil || capacity < 1 {
		return nil, fmt.Errorf("replay: want a clock and a capacity of at least 1, not %d", capacity)
	}
	memory := &Memory{
		now:      now,
		capacity: capacity,
		until:    make(map[fingerprint]int64),
		expiry:   make(map[int64][]fingerprint),
		horizon:  now().Unix() / period,
	}
	rand.Read(memory.seed[:])
	return memory, nil
}

// Use implements [Store].
func (m *Memory) Use(_ context.Context, uses []Use) error {
	prints := make([]fingerprint, len(uses))
	for i, use := range uses {
		prints[i] = m.print(use)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	m.forget(now.Unix())
	for i, print := range prints {
		until, known := m.until[print]
		if known && until >= now.Unix() || !now.Before(uses[i].Until) || slices.Contains(prints[:i], print) {
			return Replayed{uses[i].Purpose}
		}
	}
	if len(m.until)+len(uses) > m.capacity {
		return ErrFull
	}
	for i, print := range prints {
		m.remember(print, uses[i].Until)
	}
	return nil
}

func (m *Memory) remember(print fingerprint, until time.Time) {
	// Rounded up: a use is forgotten late rather than early.
	last := until.Unix() + 1
	m.until[print] = last
	bucket := max(last/period+1, m.horizon)
	m.expiry[bucket] = append(m.expiry[bucket], print)
}

// forget drops what has expired, a bounded number at a time.
func (m *Memory) forget(now int64) {
	for left := forgetAtOnce; m.horizon <= now/period && left > 0; {
		bucket := m.expiry[m.horizon]
		cut := max(len(bucket)-left, 0)
		for _, print := range bucket[cut:] {
			if m.until[print] < now {
				delete(m.until, print)
			}
		}
		left -= len(bucket) - cut + 1
		if cut > 0 {
			m.expiry[m.horizon] = bucket[:cut]
			return
		}
		delete(m.expiry, m.horizon)
		m.horizon++
	}
}

// print hashes the parts with their lengths, so that no two uses run into each other.
func (m *Memory) print(use Use) fingerprint {
	text := make([]byte, 0, 256)
	text = append(text, m.seed[:]...)
	for _, part := range []string{string(use.Purpose), use.Party, use.ID} {
		text = strconv.AppendInt(text, int64(len(part)), 10)
		text = append(append(text, ':'), part...)
	}
	sum := sha256.Sum256(text)
	return fingerprint(sum[:16])
}
