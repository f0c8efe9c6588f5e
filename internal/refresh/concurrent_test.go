package refresh_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/refresh"
)

func TestGet_shares_one_load_among_a_thousand_callers(t *testing.T) {
	for name, reload := range map[string]bool{"that get": false, "that reload": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				from := &source{takes: time.Second}
				value := follow(t, from)
				var all sync.WaitGroup
				for range 1000 {
					all.Go(func() {
						get := value.Get
						if reload {
							get = func(ctx context.Context) (int, error) { return value.Reload(ctx, 0) }
						}
						if got, err := get(t.Context()); got != 1 || err != nil {
							t.Errorf("got %d, %v", got, err)
						}
					})
				}
				all.Wait()
				wantLoads(t, from, 1)
			})
		})
	}
}

// A caller can be held up between its look at the value and its load, for as long as another's load takes.
func TestGet_does_not_load_again_what_was_loaded_since_it_looked(t *testing.T) {
	for name, age := range map[string]time.Duration{"in the last quarter": 50 * time.Second, "too old": 2 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				from := &source{takes: time.Millisecond}
				var hold atomic.Bool
				held := make(chan struct{})
				value := follow(t, from, func(c *refresh.Config[int]) {
					c.Now = func() time.Time {
						now := time.Now()
						if hold.CompareAndSwap(true, false) {
							<-held
						}
						return now
					}
				})
				want(t, value, 1)
				time.Sleep(age)
				hold.Store(true)
				var slow sync.WaitGroup
				slow.Go(func() {
					if got, err := value.Get(t.Context()); got < 1 || err != nil {
						t.Errorf("got %d, %v", got, err)
					}
				})
				synctest.Wait()
				if _, err := value.Get(t.Context()); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second)
				close(held)
				slow.Wait()
				time.Sleep(time.Second)
				wantLoads(t, from, 2)
			})
		})
	}
}

func TestGet_tells_a_thousand_callers_of_one_failure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{takes: time.Second, down: errDown}
		value := follow(t, from)
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				if got, err := value.Get(t.Context()); got != 0 || !errors.Is(err, errDown) {
					t.Errorf("got %d, %v", got, err)
				}
			})
		}
		all.Wait()
		wantLoads(t, from, 1)
	})
}

func TestGet_ends_with_the_callers_context_while_the_load_goes_on_for_others(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{takes: 5 * time.Second}
		value := follow(t, from)
		began := time.Now()
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var both sync.WaitGroup
		both.Go(func() {
			got, err := value.Get(hurried)
			if !errors.Is(err, context.DeadlineExceeded) || got != 0 || time.Since(began) != time.Second {
				t.Errorf("in a hurry: %d, %v after %v", got, err, time.Since(began))
			}
		})
		time.Sleep(time.Millisecond)
		both.Go(func() {
			got, err := value.Get(t.Context())
			if err != nil || got != 1 || time.Since(began) != 5*time.Second {
				t.Errorf("with time: %d, %v after %v", got, err, time.Since(began))
			}
		})
		both.Wait()
		wantLoads(t, from, 1)
	})
}

func TestGet_needs_no_time_for_a_value_that_is_there(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value := follow(t, &source{})
		want(t, value, 1)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for _, age := range []time.Duration{0, fresh*3/4 - 1} {
			time.Sleep(age)
			if got, err := value.Get(gone); got != 1 || err != nil {
				t.Errorf("at %v: %d, %v", age, got, err)
			}
		}
	})
}

func TestGet_under_load_and_outages_never_loads_twice_at_a_time(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{takes: 700 * time.Millisecond}
		value := follow(t, from)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				for range 500 {
					_, _ = value.Get(t.Context())
					_, _ = value.Reload(t.Context(), time.Second)
					time.Sleep(730 * time.Millisecond)
				}
			})
		}
		for range 20 {
			time.Sleep(13 * time.Second)
			from.fail(errDown)
			time.Sleep(7 * time.Second)
			from.fail(nil)
		}
		all.Wait()
		if from.most != 1 {
			t.Errorf("%d loads at a time", from.most)
		}
	})
}
