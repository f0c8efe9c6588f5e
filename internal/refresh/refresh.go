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
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// Config says how a [Value] is kept. Every field is required unless it says otherwise.
type Config[T any] struct {
	// Load fetches the value. It is called by one goroutine at a time, and has to end when its context does.
	Load func(context.Context) (T, error)
	// Fresh is the age up to which a value is used as it is. An older one is loaded again before it is used. In the
	// last quarter of this time a request starts the load and does not wait for it.
	Fresh time.Duration
	// FreshFor says it of each value that is loaded, where the source tells how long its values are good, as HTTP does.
	// What it returns counts within Fresh and Stale. Nil: Fresh, for all.
	FreshFor func(T) time.Duration
	// Stale is the age up to which the last good value serves while loading fails. At least Fresh.
	Stale time.Duration
	// Patience is how long a request waits for a load while the last good value can serve. A source that is down often
	// does not say so: without this bound every request of an outage would wait for the whole Timeout.
	Patience time.Duration
	// Timeout bounds one load.
	Timeout time.Duration
	// Retry is how long a failure is remembered before the next load is tried.
	Retry time.Duration
	// Initial is what serves before the first load has succeeded, and before InitialUntil: a start that has it waits for
	// nobody. The first request starts the load. Reload does not return it. Nil: there is none.
	Initial      *T
	InitialUntil time.Time
	// Now is the clock.
	Now func() time.Time
	// Failed is told of loads that fail, once a minute at most: an outage must not drown the log that explains it. Nil:
	// nobody is.
	Failed func(Failure)
}

// Value is one such value. It is safe for concurrent use.
type Value[T any] struct {
	config  Config[T]
	flight  singleflight.Group
	current atomic.Pointer[loaded[T]]
	failure atomic.Pointer[failure]
	told    time.Time // when Failed was called last; only the one load under way touches it
}

// tellEvery is how often Failed is called while loads go on failing.
const tellEvery = time.Minute

type loaded[T any] struct {
	value T
	at    time.Time // when its load began, since the source may have changed during it
	fresh time.Duration
}

type failure struct {
	err   error
	began time.Time
	ended time.Time // at most a Timeout later
}

// New returns a value that nothing has loaded yet.
func New[T any](config Config[T]) (*Value[T], error) {
	switch {
	case config.Load == nil || config.Now == nil:
		return nil, errors.New("refresh: Load and Now are required")
	case config.Fresh <= 0 || config.Patience <= 0 || config.Timeout <= 0 || config.Retry <= 0 || config.Stale < config.Fresh:
		return nil, errors.New("refresh: want Fresh, Patience, Timeout, Retry above 0 and Stale of at least Fresh")
	}
	return &Value[T]{config: config}, nil
}

// Start begins the first load and does not wait for it, so that it overlaps whatever else a start does.
func (v *Value[T]) Start() {
	if v.current.Load() == nil {
		v.load(nil)
	}
}

// Get returns the value. It waits where there is none or only one that is too old, at most until ctx ends. The error is
// that of the last load.
func (v *Value[T]) Get(ctx context.Context) (T, error) {
	current, now := v.current.Load(), v.config.Now() // in this order, or the value could seem to be of the future
	switch {
	case current != nil:
		switch age := now.Sub(current.at); {
		case age < 0: // The clock was set back: nobody knows how old the value is.
		case age < current.fresh*3/4:
			return current.value, nil
		case age < current.fresh:
			v.loadBehind(now, current)
			return current.value, nil
		}
	case v.config.Initial != nil && now.Before(v.config.InitialUntil):
		v.loadBehind(now, current)
		return *v.config.Initial, nil
	}
	if v.failedLately(now) {
		return v.lastGood(now)
	}
	return v.wait(ctx, now, current)
}

// Latest returns the last good value, however old, and whether there is one. It loads nothing.
func (v *Value[T]) Latest() (T, bool) {
	if current := v.current.Load(); current != nil {
		return current.value, true
	}
	var none T
	return none, false
}

// Reload loads the value now, unless a load began less than least ago, and returns what there is then. It is for the
// caller who has seen a sign that the value has changed, such as an unknown kid; least keeps strangers from turning
// such signs into load on the source (protocol F2).
func (v *Value[T]) Reload(ctx context.Context, least time.Duration) (T, error) {
	current, failed, now := v.current.Load(), v.failure.Load(), v.config.Now()
	if v.failedLately(now) || current != nil && within(now, current.at, least) || failed != nil && within(now, failed.began, least) {
		return v.lastGood(now)
	}
	return v.wait(ctx, now, current)
}

// wait waits for a load that can tell what the source has at the time of asking. One that should have ended before
// cannot: it stood still with its instance, between two requests, and what it brings is as old as its beginning.
func (v *Value[T]) wait(ctx context.Context, asked time.Time, seen *loaded[T]) (T, error) {
	var impatient <-chan time.Time
	if _, err := v.lastGood(asked); err == nil {
		timer := time.NewTimer(v.config.Patience)
		defer timer.Stop()
		impatient = timer.C
	}
	for {
		select {
		case result := <-v.load(seen):
			if began := result.Val.(time.Time); asked.Sub(began) > v.config.Timeout {
				seen = v.current.Load()
				continue
			}
			return v.lastGood(v.config.Now())
		case <-impatient:
			return v.lastGood(v.config.Now())
		case <-ctx.Done():
			var none T
			return none, fmt.Errorf("waiting for a load: %w", ctx.Err())
		}
	}
}

func (v *Value[T]) failedLately(now time.Time) bool {
	failed := v.failure.Load()
	return failed != nil && within(now, failed.ended, v.config.Retry)
}

// within reports whether two moments are less than period apart, whichever comes first: a clock can be set back.
func within(a, b time.Time, period time.Duration) bool { return a.Sub(b).Abs() < period }

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

// loadBehind begins a load for those who come later, unless the source is at rest.
func (v *Value[T]) loadBehind(now time.Time, seen *loaded[T]) {
	if !v.failedLately(now) {
		v.load(seen)
	}
}

// load joins the load under way, or begins one unless another has ended since the caller has seen what there was. It
// does not end with the request that began it, since others wait too. The result is when it began.
func (v *Value[T]) load(seen *loaded[T]) <-chan singleflight.Result {
	return v.flight.DoChan("", func() (any, error) {
		if current := v.current.Load(); current != seen {
			return current.at, nil
		}
		began := v.config.Now()
		value, fresh, err := v.fetch()
		if err == nil {
			v.current.Store(&loaded[T]{value, began, fresh})
			v.failure.Store(nil)
			return began, nil
		}
		ended := v.config.Now()
		if due := began.Add(v.config.Timeout); ended.After(due) {
			ended = due
		}
		v.failure.Store(&failure{err, began, ended})
		if v.config.Failed != nil && !within(ended, v.told, tellEvery) {
			v.told = ended
			v.config.Failed(v.consequence(err, ended))
		}
		return began, nil
	})
}

// fetch calls Load and FreshFor. A panic in them would end the process, since no request can recover it: what one party
// has published must not take the service away from all.
func (v *Value[T]) fetch() (value T, fresh time.Duration, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("loading panicked with a %T\n%s", panicked, debug.Stack())
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), v.config.Timeout)
	defer cancel()
	value, err = v.config.Load(ctx)
	fresh = v.config.Fresh
	if err == nil && v.config.FreshFor != nil {
		fresh = min(max(fresh, v.config.FreshFor(value)), v.config.Stale)
	}
	return value, fresh, err
}
