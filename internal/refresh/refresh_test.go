package refresh_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/refresh"
)

// The times of every value in these tests.
const (
	fresh    = time.Minute
	stale    = time.Hour
	timeout  = 10 * time.Second
	retry    = 2 * time.Second
	patience = time.Second
)

// source is where a value comes from. Each load gives the next number.
type source struct {
	mu      sync.Mutex
	down    error         // what loads fail with
	takes   time.Duration // how long a load takes
	deaf    bool          // a load does not listen to its context
	began   []time.Time   // of every load
	running int
	most    int // loads at a time
}

var errDown = errors.New("the source is down")

func (s *source) load(ctx context.Context) (int, error) {
	s.mu.Lock()
	s.began = append(s.began, time.Now())
	number, takes, deaf := len(s.began), s.takes, s.deaf
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running--
	}()
	if takes > 0 {
		ended := ctx.Done()
		if deaf {
			ended = nil
		}
		select {
		case <-time.After(takes):
		case <-ended:
			return 0, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil {
		return 0, s.down
	}
	return number, nil
}

// set changes the source.
func (s *source) set(change func(*source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *source) fail(err error)            { s.set(func(s *source) { s.down = err }) }
func (s *source) take(period time.Duration) { s.set(func(s *source) { s.takes = period }) }

// loads returns how many loads have begun.
func (s *source) loads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.began)
}

// follow returns a value from a source, inside a synctest bubble. Before that ends, the last load does.
func follow(t *testing.T, from *source, change ...func(*refresh.Config[int])) *refresh.Value[int] {
	t.Helper()
	config := refresh.Config[int]{
		Load: from.load, Now: time.Now,
		Fresh: fresh, Stale: stale, Timeout: timeout, Retry: retry, Patience: patience,
	}
	for _, c := range change {
		c(&config)
	}
	value, err := refresh.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		time.Sleep(2 * timeout)
		synctest.Wait()
	})
	return value
}

// want gets the value and compares it.
func want(t *testing.T, value *refresh.Value[int], number int) {
	t.Helper()
	got, err := value.Get(t.Context())
	if err != nil || got != number {
		t.Fatalf("got %d, %v; want %d", got, err, number)
	}
}

// refuse gets the value and expects an error, and nothing with it.
func refuse(t *testing.T, value *refresh.Value[int], because error) {
	t.Helper()
	got, err := value.Get(t.Context())
	if !errors.Is(err, because) || got != 0 {
		t.Fatalf("got %d, %v; want 0, %v", got, err, because)
	}
}

// wantLoads compares how often the source was asked, once everything has come to rest.
func wantLoads(t *testing.T, from *source, number int) {
	t.Helper()
	synctest.Wait()
	if got := from.loads(); got != number {
		t.Fatalf("%d loads, want %d", got, number)
	}
}

func TestNew_refuses_what_is_no_configuration(t *testing.T) {
	for name, break_ := range map[string]func(*refresh.Config[int]){
		"no load":              func(c *refresh.Config[int]) { c.Load = nil },
		"no clock":             func(c *refresh.Config[int]) { c.Now = nil },
		"nothing is fresh":     func(c *refresh.Config[int]) { c.Fresh = 0 },
		"fresh in the past":    func(c *refresh.Config[int]) { c.Fresh = -1 },
		"stale before fresh":   func(c *refresh.Config[int]) { c.Stale = c.Fresh - 1 },
		"no time to load":      func(c *refresh.Config[int]) { c.Timeout = 0 },
		"no patience":          func(c *refresh.Config[int]) { c.Patience = 0 },
		"no time between":      func(c *refresh.Config[int]) { c.Retry = 0 },
		"nothing is filled in": func(c *refresh.Config[int]) { *c = refresh.Config[int]{} },
	} {
		t.Run(name, func(t *testing.T) {
			config := refresh.Config[int]{
				Load: (&source{}).load, Now: time.Now,
				Fresh: fresh, Stale: stale, Timeout: timeout, Retry: retry, Patience: patience,
			}
			break_(&config)
			if value, err := refresh.New(config); err == nil || value != nil {
				t.Errorf("New = %v, %v", value, err)
			}
		})
	}
}

func TestGet_uses_a_fresh_value_as_it_is(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{}
		value := follow(t, from)
		want(t, value, 1)
		time.Sleep(fresh*3/4 - 1)
		want(t, value, 1)
		wantLoads(t, from, 1)
	})
}

func TestGet_in_the_last_quarter_serves_and_loads_in_the_background(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{}
		value := follow(t, from)
		want(t, value, 1)
		from.take(5 * time.Second)
		time.Sleep(fresh * 3 / 4)
		asked := time.Now()
		want(t, value, 1)
		want(t, value, 1)
		if waited := time.Since(asked); waited != 0 {
			t.Errorf("waited %v", waited)
		}
		wantLoads(t, from, 2)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		want(t, value, 2)
		wantLoads(t, from, 2)
	})
}

func TestGet_loads_a_value_that_is_too_old_before_it_is_used(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{}
		value := follow(t, from)
		want(t, value, 1)
		from.take(patience - 1)
		time.Sleep(fresh)
		asked := time.Now()
		want(t, value, 2)
		if waited := time.Since(asked); waited != patience-1 {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestGet_counts_the_age_from_the_beginning_of_the_load(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{takes: 9 * time.Second}
		value := follow(t, from)
		want(t, value, 1)
		from.take(0)
		time.Sleep(fresh - 9*time.Second)
		want(t, value, 2)
	})
}

func TestStart_loads_without_waiting_and_only_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{takes: 3 * time.Second}
		value := follow(t, from)
		began := time.Now()
		value.Start()
		value.Start()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %v", waited)
		}
		time.Sleep(2 * time.Second)
		want(t, value, 1)
		if waited := time.Since(began); waited != 3*time.Second {
			t.Errorf("got it after %v", waited)
		}
		value.Start()
		wantLoads(t, from, 1)
	})
}

func TestReload_loads_unless_a_load_began_a_little_while_ago(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const least = 5 * time.Second
		from := &source{}
		value := follow(t, from)
		reload := func(number int) {
			t.Helper()
			if got, err := value.Reload(t.Context(), least); err != nil || got != number {
				t.Fatalf("got %d, %v; want %d", got, err, number)
			}
		}
		reload(1)
		reload(1)
		time.Sleep(least - 1)
		reload(1)
		time.Sleep(time.Nanosecond)
		reload(2)
		want(t, value, 2)
		wantLoads(t, from, 2)
	})
}

// protocol F2: strangers' signs must not become load on a source that is down either.
func TestReload_counts_loads_that_failed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const least = 30 * time.Second
		from := &source{}
		value := follow(t, from)
		want(t, value, 1)
		time.Sleep(least)
		from.fail(errDown)
		for range 3 * least / time.Second {
			if got, err := value.Reload(t.Context(), least); err != nil || got != 1 {
				t.Fatalf("got %d, %v; want the last good 1", got, err)
			}
			time.Sleep(time.Second)
		}
		wantLoads(t, from, 1+3)
	})
}

// RFC 9111 §4.2: some sources say how long what they give is good.
func TestGet_keeps_each_value_for_as_long_as_its_source_says(t *testing.T) {
	for name, test := range map[string]struct{ said, counts time.Duration }{
		"longer than others":             {10 * fresh, 10 * fresh},
		"as long as it may serve at all": {stale, stale},
		"longer than it may serve":       {1000 * stale, stale},
		"for no time":                    {0, fresh},
		"until a time that has passed":   {-time.Hour, fresh},
		"as long as nobody can count":    {1<<63 - 1, stale},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				from := &source{}
				value := follow(t, from, func(c *refresh.Config[int]) {
					c.FreshFor = func(number int) time.Duration {
						if number == 1 {
							return test.said
						}
						return fresh
					}
				})
				want(t, value, 1)
				time.Sleep(test.counts*3/4 - 1)
				want(t, value, 1)
				wantLoads(t, from, 1)
				time.Sleep(time.Nanosecond)
				want(t, value, 1) // and loads the next behind it
				wantLoads(t, from, 2)
				want(t, value, 2)
				time.Sleep(fresh) // which has a time of its own
				want(t, value, 3)
			})
		})
	}
}

func TestGet_with_a_value_to_begin_with_waits_for_nobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{takes: 5 * time.Second}
		value := follow(t, from, beginningWith(initial, time.Hour))
		wantLoads(t, from, 0) // it is the first request that loads
		asked := time.Now()
		want(t, value, initial)
		want(t, value, initial)
		if waited := time.Since(asked); waited != 0 {
			t.Errorf("waited %v", waited)
		}
		wantLoads(t, from, 1)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		want(t, value, 1)
		wantLoads(t, from, 1)
	})
}

func TestGet_drops_the_value_to_begin_with_at_its_end_or_at_the_first_load(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{down: errDown}
		value := follow(t, from, beginningWith(initial, 2*stale))
		want(t, value, initial)
		time.Sleep(2*stale - 1) // it is no loaded value: it does not get stale
		want(t, value, initial)
		wantLoads(t, from, 2)
		time.Sleep(time.Nanosecond)
		refuse(t, value, errDown)
	})
	synctest.Test(t, func(t *testing.T) {
		from := &source{}
		value := follow(t, from, beginningWith(initial, 1000*stale))
		want(t, value, initial)
		synctest.Wait()
		want(t, value, 1)
		from.fail(errDown)
		time.Sleep(stale)
		refuse(t, value, errDown)
	})
}

func TestReload_does_not_take_the_value_to_begin_with_for_an_answer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{takes: 5 * time.Second}
		value := follow(t, from, beginningWith(initial, time.Hour))
		if got, err := value.Reload(t.Context(), time.Minute); got != 1 || err != nil {
			t.Errorf("got %d, %v", got, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		value := follow(t, &source{down: errDown}, beginningWith(initial, time.Hour))
		for range 2 {
			if got, err := value.Reload(t.Context(), time.Minute); got != 0 || !errors.Is(err, errDown) {
				t.Errorf("got %d, %v", got, err)
			}
		}
		want(t, value, initial)
	})
}

func TestLatest_is_what_was_loaded_last_and_loads_nothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{}
		value := follow(t, from, beginningWith(initial, time.Hour))
		latest := func(number int, there bool) {
			t.Helper()
			if got, is := value.Latest(); got != number || is != there {
				t.Errorf("got %d, %v; want %d, %v", got, is, number, there)
			}
		}
		latest(0, false)
		wantLoads(t, from, 0)
		want(t, value, initial)
		synctest.Wait()
		latest(1, true)
		from.fail(errDown)
		time.Sleep(2 * stale)
		refuse(t, value, errDown)
		latest(1, true)
		wantLoads(t, from, 2)
	})
}

// beginningWith gives a value something to begin with.
func beginningWith(value int, period time.Duration) func(*refresh.Config[int]) {
	return func(c *refresh.Config[int]) { c.Initial, c.InitialUntil = &value, time.Now().Add(period) }
}
