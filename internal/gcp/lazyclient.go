package gcp

import (
	"context"
	"errors"
	"sync"
)

var errClosed = errors.New("this client is closed")

// client is what Google's libraries give: a pointer that can be closed.
type client interface {
	comparable
	Close() error
}

// lazyClient makes one client when it is first needed and shares it. A failure is not remembered: the next caller tries
// again, because what was missing (credentials, the metadata server) can appear later.
type lazyClient[C client] struct {
	create func() (C, error)

	mu      sync.Mutex
	made    C // the zero value: none
	pending *creation[C]
	closed  bool
}

// creation is an attempt that is under way. Its results may be read when done is closed.
type creation[C client] struct {
	done   chan struct{}
	client C
	err    error
}

// get returns the shared client. Making one can ask the metadata server for credentials, and Google's library takes no
// context for that: it runs beside the callers, each of which waits no longer than its own context allows.
func (l *lazyClient[C]) get(ctx context.Context) (C, error) {
	var none C
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return none, errClosed
	}
	if l.made != none {
		defer l.mu.Unlock()
		return l.made, nil
	}
	if l.pending == nil {
		l.pending = &creation[C]{done: make(chan struct{})}
		go l.run(l.pending)
	}
	attempt := l.pending
	l.mu.Unlock()

	select {
	case <-attempt.done:
		return attempt.client, attempt.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

func (l *lazyClient[C]) run(attempt *creation[C]) {
	defer close(attempt.done)
	made, err := l.create()

	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = nil
	switch {
	case err != nil:
		attempt.err = err
	case l.closed:
		attempt.err = errors.Join(errClosed, made.Close())
	default:
		l.made, attempt.client = made, made
	}
}

func (l *lazyClient[C]) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	var none C
	made := l.made
	l.made = none
	if made == none {
		return nil
	}
	return made.Close()
}
