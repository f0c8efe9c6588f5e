package refresh_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/refresh"
)

// record is one load, as the source saw it.
type record struct {
	began, ended time.Time
	good         bool
	over         bool
}

// initial is what serves before any load has succeeded, as a number that no load gives.
const initial = -1

// says is what the source says of a value's freshness, which may be nonsense, and freshFor what counts of it.
func says(number int) time.Duration {
	return []time.Duration{fresh, 2 * fresh, 0, fresh + 1, -stale, 5 * fresh, fresh - 1, stale, 2 * stale}[number%9]
}

func freshFor(number int) time.Duration {
	switch said := says(number); {
	case said < fresh:
		return fresh
	case said > stale:
		return stale
	default:
		return said
	}
}

// history is all loads so far. Load i gave the value i+1.
type history []record

// lastGood returns the number of the last load that succeeded before a moment; 0: none did.
func (h history) lastGood(before time.Time) int {
	for i := len(h) - 1; i >= 0; i-- {
		if h[i].over && h[i].good && !h[i].ended.After(before) {
			return i + 1
		}
	}
	return 0
}

// failed returns how many loads failed.
func (h history) failed() (count int) {
	for _, r := range h {
		if !r.good {
			count++
		}
	}
	return count
}

// resting reports whether the last load failed a moment ago. Loads take no time here.
func (h history) resting(now time.Time) bool {
	return len(h) > 0 && !h[len(h)-1].good && h[len(h)-1].began.Sub(now).Abs() < retry
}

func (h history) age(number int, now time.Time) time.Duration { return now.Sub(h[number-1].began) }

// TestGet_keeps_its_promises_step_by_step compares thousands of random steps with a specification in terms of the
// loads so far. Loads take no time here, the clock moves as it likes, and the source fails as it likes.
func TestGet_keeps_its_promises_step_by_step(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { stepByStep(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func stepByStep(t *testing.T, random *rand.Rand) {
	var loads history
	var offset time.Duration
	now := func() time.Time { return time.Now().Add(offset) }
	down := random.IntN(2) == 0
	until := now().Add(time.Duration(random.Int64N(int64(4*stale))) - stale) // which may have passed already
	value := follow(t, nil, func(c *refresh.Config[int]) {
		c.Now, c.FreshFor = now, says
		c.Initial, c.InitialUntil = new(initial), until
		c.Load = func(context.Context) (int, error) {
			loads = append(loads, record{now(), now(), !down, true})
			if down {
				return 0, errDown
			}
			return len(loads), nil
		}
	})
	for step := range 2000 {
		switch random.IntN(10) {
		case 0:
			down = !down
		case 1:
			offset += time.Duration(random.Int64N(int64(2*stale))) - stale
		case 2:
			time.Sleep(time.Duration(random.Int64N(int64(stale))))
		default:
			time.Sleep(time.Duration(random.Int64N(int64(fresh / 4))))
		}
		least := time.Duration(-1) // Get
		if random.IntN(4) == 0 {
			least = time.Duration(random.Int64N(int64(fresh)))
		}
		before := len(loads)
		number, loading := specified(loads, now(), down, least)
		if len(loads) == loads.failed() && least < 0 && now().Before(until) {
			number, loading = initial, !loads.resting(now())
		}
		get := value.Get
		if least >= 0 {
			get = func(ctx context.Context) (int, error) { return value.Reload(ctx, least) }
		}
		got, err := get(t.Context())
		synctest.Wait()
		if got != number || (err != nil) != (number == 0) || (len(loads) > before) != loading {
			t.Fatalf("step %d, Reload least %v: got %d, %v, %d loads; want %d, loading: %v",
				step, least, got, err, len(loads)-before, number, loading)
		}
		if err != nil && !errors.Is(err, errDown) {
			t.Fatalf("step %d: %v", step, err)
		}
	}
}

// specified says what a caller gets, 0 for an error, and whether there is a load. A negative least stands for Get.
func specified(loads history, now time.Time, down bool, least time.Duration) (number int, loading bool) {
	number = loads.lastGood(now.Add(1000 * time.Hour)) // whatever the clock said then
	near := func(i int, period time.Duration) bool { return loads[i-1].began.Sub(now).Abs() < period }
	resting := loads.resting(now)
	switch {
	case least < 0 && number > 0 && loads.age(number, now) >= 0 && loads.age(number, now) < freshFor(number):
		return number, loads.age(number, now) >= freshFor(number)*3/4 && !resting
	case least >= 0 && (number > 0 && near(number, least) || len(loads) > number && near(len(loads), least)), resting:
	default:
		loading = true
		if !down {
			return len(loads) + 1, true
		}
	}
	if number > 0 && loads.age(number, now) >= stale {
		number = 0
	}
	return number, loading
}

// TestGet_keeps_its_promises_to_many holds what callers were promised against a source that is slow, down, and deaf to
// its context at random, while many ask at once.
func TestGet_keeps_its_promises_to_many(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { many(t, seed) })
		})
	}
}

// moody is a source whose loads take as long as they like. A load that takes longer than its Timeout fails.
type moody struct {
	mu     sync.Mutex
	random *rand.Rand
	down   bool
	loads  history
}

func (m *moody) load(ctx context.Context) (int, error) {
	m.mu.Lock()
	m.loads = append(m.loads, record{began: time.Now()})
	number := len(m.loads)
	if m.random.IntN(8) == 0 {
		m.down = !m.down
	}
	takes := time.Duration(m.random.Int64N(int64(patience)))
	if m.random.IntN(4) == 0 {
		takes = time.Duration(m.random.Int64N(int64(2 * timeout)))
	}
	good := !m.down && takes < timeout
	m.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loads[number-1].ended, m.loads[number-1].good, m.loads[number-1].over = time.Now(), good, true
	if !good {
		return 0, errDown
	}
	return number, nil
}

func (m *moody) history() history {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append(history(nil), m.loads...)
}

func many(t *testing.T, seed uint64) {
	from := &moody{random: rand.New(rand.NewPCG(seed, 2))}
	until := time.Now()
	value := follow(t, nil, func(c *refresh.Config[int]) {
		c.Load, c.FreshFor = from.load, says
		if seed%2 == 0 {
			until = until.Add(5 * fresh)
			c.Initial, c.InitialUntil = new(initial), until
		}
	})
	var all sync.WaitGroup
	for client := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 100+client))
		all.Go(func() {
			for range 150 {
				time.Sleep(time.Duration(random.Int64N(int64(fresh))))
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+random.Int64N(int64(3*timeout))))
				asked := time.Now()
				got, err := value.Get(ctx)
				if got == initial || asked.Before(until) && from.history().lastGood(asked.Add(-1)) == 0 {
					judgeInitial(t, from.history(), until, asked, got, err)
				} else {
					judge(t, from.history(), asked, time.Now(), got, err)
				}
				if err != nil && !errors.Is(err, errDown) && ctx.Err() == nil {
					t.Errorf("an error of nobody: %v", err)
				}
				cancel()
			}
		})
	}
	all.Wait()
	time.Sleep(2 * timeout) // for the last load
	synctest.Wait()
	loads := from.history()
	for i, next := range loads[1:] {
		switch last := loads[i]; {
		case !last.over || next.began.Before(last.ended):
			t.Errorf("load %d began while the one before was under way", i+2)
		case last.good && next.began.Before(last.began.Add(freshFor(i+1)*3/4)):
			t.Errorf("load %d began %v after a good one", i+2, next.began.Sub(last.began))
		case !last.good && next.began.Before(last.ended.Add(retry)):
			t.Errorf("load %d began %v after a failure", i+2, next.began.Sub(last.ended))
		}
	}
}

// judgeInitial holds one answer that came before any load had succeeded.
func judgeInitial(t *testing.T, loads history, until, asked time.Time, got int, err error) {
	switch {
	case err != nil || !time.Now().Equal(asked):
		t.Errorf("waited %v, %v, with a value to begin with", time.Since(asked), err)
	case got == initial && (!asked.Before(until) || loads.lastGood(asked.Add(-1)) > 0):
		t.Errorf("what was there to begin with serves on, beside load %d", loads.lastGood(asked))
	case got != initial && loads.lastGood(asked) != got:
		t.Errorf("got %d, when the last good load was %d", got, loads.lastGood(asked))
	}
}

// judge holds one answer against the loads.
func judge(t *testing.T, loads history, asked, returned time.Time, got int, err error) {
	waited := returned.Sub(asked)
	// A load that ends in the very moment of asking may count or not.
	before := loads.lastGood(asked.Add(-1))
	switch {
	case before > 0 && loads.age(before, asked) < freshFor(before) && (waited != 0 || err != nil):
		t.Errorf("waited %v, %v, with a value of age %v", waited, err, loads.age(before, asked))
	case before > 0 && loads.age(before, returned) < stale && waited > patience:
		t.Errorf("waited %v with a last good value", waited)
	case waited > 2*timeout:
		t.Errorf("waited %v", waited)
	}
	if err != nil {
		if before > 0 && loads.age(before, returned) < stale && errors.Is(err, errDown) {
			t.Errorf("%v, with a value of age %v", err, loads.age(before, returned))
		}
		return
	}
	if age := loads.age(got, returned); age >= stale {
		t.Errorf("got a value of age %v", age)
	}
	if age := loads.age(got, asked); age >= freshFor(got) && waited < patience && !loads.failedBetween(asked.Add(-retry), returned) {
		t.Errorf("got a value of age %v after %v, and the source was not down", age, waited)
	}
}

// failedBetween reports whether a load failed in a period.
func (h history) failedBetween(from, to time.Time) bool {
	for _, r := range h {
		if r.over && !r.good && !r.ended.Before(from) && !r.ended.After(to) {
			return true
		}
	}
	return false
}
