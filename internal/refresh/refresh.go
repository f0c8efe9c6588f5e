// Package refresh keeps one value that is loaded from elsewhere: shared by everybody who asks, loaded again ahead of
// its expiry, and kept while its source is down.
//
// An instance has a CPU only while a request runs, so nothing here depends on a background goroutine: whoever asks for
// a value that is too old waits for the load. Signing keys, shared secrets and fetched JWK Sets all live by these rules
// (protocol F2).
package refresh

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// Config says how a [Value] is kept. Every field is required unless it says otherwise.
type Config[T any] struct {
	// Load fetches the value. It is called by one goroutine at a time.
	Load func(context.Context) (T, error)
	// Fresh is the age up to which a value is used as it is. An older one is loaded again before it is used. In the
	// last quarter of this time a request starts the load and does not wait for it.
	Fresh time.Duration
	// Stale is the age up to which the last good value serves while loading fails. At least Fresh.
	Stale time.Duration
	// Timeout bounds one load.
	Timeout time.Duration
	// Retry is how long a failure is remembered before the next load is tried.
	Retry time.Duration
	// Now is the clock.
	Now func() time.Time
	// Failed is told of every load that failed. Nil: nobody is.
	Failed func(error)
}

// Value is one such value. It is safe for concurrent use.
type Value[T any] struct {
	config  Config[T]
	flight  singleflight.Group
	current atomic.Pointer[loaded[T]]
	failure atomic.Pointer[failure]
}

type loaded[T any] struct {
	value T
	at    time.Time // when its load began, since the source may have changed during it
}

type failure struct {
	err error
	at  time.Time
}

// New returns a value that nothing has loaded yet.
func New[T any](config Config[T]) (*Value[T], error) {
	switch {
	case config.Load == nil || config.Now == nil:
		return nil, errors.New("refresh: Load and Now are required")
	case config.Fresh <= 0 || config.Timeout <= 0 || config.Retry <= 0 || config.Stale < config.Fresh:
		return nil, fmt.Errorf("refresh: want Fresh, Timeout, Retry above 0 and Stale of at least Fresh")
	}
	return &Value[T]{config: config}, nil
}

// Start begins the first load and does not wait for it, so that it overlaps whatever else a start does.
func (v *Value[T]) Start() {
	if v.current.Load() == nil {
		v.load()
	}
}

// Get returns the value. It waits where there is none or only one that is too old, at most until ctx ends. The error is
// that of the last load.
func (v *Value[T]) Get(ctx context.Context) (T, error) {
	now := v.config.Now()
	if current := v.current.Load(); current != nil {
		age := now.Sub(current.at)
		if age < v.config.Fresh*3/4 {
			return current.value, nil
		}
		if age < v.config.Fresh {
			if !v.failedLately(now) {
				v.load()
			}
			return current.value, nil
		}
	}
	if v.failedLately(now) {
		return v.lastGood(now)
	}
	return v.wait(ctx)
}

// Reload loads the value now, unless a load began less than least ago, and returns what there is then. It is for the
// caller who has seen a sign that the value has changed, such as an unknown kid; least keeps strangers from turning
// such signs into load on the source (protocol F2).
func (v *Value[T]) Reload(ctx context.Context, least time.Duration) (T, error) {
	now := v.config.Now()
	current := v.current.Load()
	if v.failedLately(now) || current != nil && now.Sub(current.at) < least {
		return v.lastGood(now)
	}
	return v.wait(ctx)
}

func (v *Value[T]) wait(ctx context.Context) (T, error) {
	select {
	case <-v.load():
		return v.lastGood(v.config.Now())
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("waiting for a load: %w", ctx.Err())
	}
}

func (v *Value[T]) failedLately(now time.Time) bool {
	failed := v.failure.Load()
	return failed != nil && now.Sub(failed.at) < v.config.Retry
}

// lastGood returns the last good value while it may serve.
func (v *Value[T]) lastGood(now time.Time) (T, error) {
	if current := v.current.Load(); current != nil && now.Sub(current.at) < v.config.Stale {
		return current.value, nil
	}
	var none T
	if failed := v.failure.Load(); failed != nil {
		return none, failed.err
	}
	return none, errors.New("the value is too old, and loading it did not end")
}

// load joins the load under way, or begins one. It does not end with the request that began it, since others wait too.
func (v *Value[T]) load() <-chan singleflight.Result {
	return v.flight.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.Background(), v.config.Timeout)
		defer cancel()
		began := v.config.Now()
		value, err := v.config.Load(ctx)
		if err != nil {
			v.failure.Store(&failure{err, v.config.Now()})
			if v.config.Failed != nil {
				v.config.Failed(err)
			}
			return nil, nil
		}
		v.current.Store(&loaded[T]{value, began})
		v.failure.Store(nil)
		return nil, nil
	})
}
