package revocation

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"
)

// Memory is a [Store] for one instance. It is exact until it is full, and then it refuses rather than forgets.
type Memory struct {
	now      func() time.Time
	capacity int

	mu       sync.Mutex
	revoked  map[name]bool
	earliest int64 // none of them expires before
}

// name is a Token in the form in which it can be looked up.
type name struct {
	client, id string
	expires    int64 // seconds since 1970
}

func (t Token) name() name { return name{t.Client, t.ID, t.Expires.Unix()} }

// NewMemory returns an empty memory for at most capacity tokens at a time.
func NewMemory(now func() time.Time, capacity int) (*Memory, error) {
	if now == nil || capacity < 1 {
		return nil, fmt.Errorf("revocation: want a clock and a capacity of at least 1, not %d", capacity)
	}
	return &Memory{now: now, capacity: capacity, revoked: make(map[name]bool), earliest: math.MaxInt64}, nil
}

// Revoke implements [Store].
func (m *Memory) Revoke(_ context.Context, token Token) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	name, now := token.name(), m.now().Unix()
	if m.revoked[name] || name.expires <= now {
		return nil
	}
	if len(m.revoked) >= m.capacity {
		m.forget(now)
	}
	if len(m.revoked) >= m.capacity {
		return ErrFull
	}
	m.revoked[name], m.earliest = true, min(m.earliest, name.expires)
	return nil
}

// forget drops what has expired. It looks at all of them, and only where one has: a memory that is full of what lives
// costs nothing more.
func (m *Memory) forget(now int64) {
	if now < m.earliest {
		return
	}
	m.earliest = math.MaxInt64
	for name := range m.revoked {
		if name.expires <= now {
			delete(m.revoked, name)
		} else {
			m.earliest = min(m.earliest, name.expires)
		}
	}
}

// Revoked implements [Store].
func (m *Memory) Revoked(_ context.Context, token Token) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.revoked[token.name()], nil
}
