package replay_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/replay/replaytest"
)

func TestMemory_is_a_Store(t *testing.T) {
	replaytest.TestStore(t, func(t *testing.T, now func() time.Time) replay.Store {
		memory, err := replay.NewMemory(now, 1000)
		if err != nil {
			t.Fatal(err)
		}
		return memory
	})
}

func TestNewMemory_refuses_what_cannot_remember(t *testing.T) {
	for name, make := range map[string]func() (*replay.Memory, error){
		"no clock":          func() (*replay.Memory, error) { return replay.NewMemory(nil, 1) },
		"no capacity":       func() (*replay.Memory, error) { return replay.NewMemory(time.Now, 0) },
		"negative capacity": func() (*replay.Memory, error) { return replay.NewMemory(time.Now, -1) },
	} {
		if memory, err := make(); err == nil || memory != nil {
			t.Errorf("%s: %v, %v", name, memory, err)
		}
	}
}

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// remembering is a memory whose clock the test moves.
type remembering struct {
	*replay.Memory
	now time.Time
}

func remember(t testing.TB, capacity int) *remembering {
	t.Helper()
	r := &remembering{now: epoch}
	var err error
	if r.Memory, err = replay.NewMemory(func() time.Time { return r.now }, capacity); err != nil {
		t.Fatal(err)
	}
	return r
}

// use uses assertions that live for so long from now on.
func (r *remembering) use(t testing.TB, lifetime time.Duration, ids ...string) error {
	t.Helper()
	var uses []replay.Use
	for _, id := range ids {
		uses = append(uses, replay.Use{Purpose: replay.ForGrant, Party: "p", ID: id, Until: r.now.Add(lifetime)})
	}
	return r.Use(t.Context(), uses)
}

// numbered returns count ids.
func numbered(prefix string, count int) []string {
	ids := make([]string, count)
	for i := range ids {
		ids[i] = fmt.Sprint(prefix, i)
	}
	return ids
}

func (r *remembering) expect(t testing.TB, want error, lifetime time.Duration, ids ...string) {
	t.Helper()
	if err := r.use(t, lifetime, ids...); !errors.Is(err, want) {
		t.Errorf("using %.10q: %v; want %v", ids, err, want)
	}
}

func TestMemory_that_is_full_refuses_and_forgets_nothing(t *testing.T) {
	r := remember(t, 100)
	for _, id := range numbered("a", 99) {
		r.expect(t, nil, time.Hour, id)
	}
	r.expect(t, replay.ErrFull, time.Hour, "two", "more")
	r.expect(t, nil, time.Hour, "one more")
	for range 1000 {
		r.expect(t, replay.ErrFull, time.Hour, "too many")
	}
	r.now = r.now.Add(time.Hour - 1)
	r.expect(t, replay.ErrFull, time.Hour, "too many")
	for _, id := range append(numbered("a", 99), "one more") {
		r.expect(t, replay.ErrReplayed, time.Hour, id)
	}
}

func TestMemory_that_was_full_takes_more_when_the_first_have_expired(t *testing.T) {
	r := remember(t, 100)
	r.expect(t, nil, time.Minute, numbered("short ", 50)...)
	r.expect(t, nil, time.Hour, numbered("long ", 50)...)
	r.now = r.now.Add(2 * time.Minute)
	r.expect(t, nil, time.Hour, numbered("new ", 50)...)
	r.expect(t, replay.ErrFull, time.Hour, "too many")
	for _, id := range append(numbered("long ", 50), numbered("new ", 50)...) {
		r.expect(t, replay.ErrReplayed, time.Hour, id)
	}
}

// One request must not pay for the forgetting of thousands, and yet it has to be done.
func TestMemory_forgets_a_little_with_each_call_and_in_the_end_everything(t *testing.T) {
	const many = 1000
	for name, lifetime := range map[string]func(i int) time.Duration{
		"that expire in the same second": func(int) time.Duration { return time.Minute },
		"that expire over a day":         func(i int) time.Duration { return time.Duration(i+1) * 24 * time.Hour / many },
	} {
		t.Run(name, func(t *testing.T) {
			r := remember(t, many)
			for i, id := range numbered("", many) {
				r.expect(t, nil, lifetime(i), id)
			}
			r.now = r.now.Add(25 * time.Hour)
			all := numbered("all at once ", many)
			r.expect(t, replay.ErrFull, time.Hour, all...)
			calls := 1
			for ; r.use(t, time.Hour, all...) != nil; calls++ {
				if calls > 100 {
					t.Fatalf("after %d calls they are not forgotten", calls)
				}
			}
			if calls < 3 {
				t.Errorf("%d uses were forgotten in %d calls", many, calls)
			}
		})
	}
}

func TestMemory_has_no_end_of_expiring_uses_in_bounded_space(t *testing.T) {
	const (
		uses     = 1_000_000 / slowdown
		lifetime = 60 * time.Second
		rate     = 1000 / slowdown // a second
		alive    = rate * (60 + 60)
	)
	r := remember(t, alive)
	heap := func() int64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	before := heap()
	for i := range uses {
		r.now = r.now.Add(time.Second / rate)
		if err := r.use(t, lifetime, fmt.Sprint(i)); err != nil {
			t.Fatalf("use %d: %v", i, err)
		}
	}
	if grown := heap() - before; grown > alive*200 {
		t.Errorf("the heap has grown by %d bytes, %d for each that is remembered", grown, grown/alive)
	}
	r.expect(t, replay.ErrReplayed, lifetime, fmt.Sprint(uses-1))
	runtime.KeepAlive(r)
}

func TestMemory_whose_clock_was_ahead_for_a_while_forgets_what_came_later(t *testing.T) {
	r := remember(t, 100)
	r.now = r.now.Add(time.Hour)
	r.expect(t, nil, time.Minute, "ahead")
	r.now = r.now.Add(-time.Hour)
	r.expect(t, nil, time.Minute, numbered("back ", 99)...)
	r.expect(t, replay.ErrFull, time.Minute, "too many")
	r.now = r.now.Add(2 * time.Hour)
	r.expect(t, nil, time.Minute, numbered("new ", 100)...)
}

func TestMemory_after_a_night_without_calls_is_as_good_as_new(t *testing.T) {
	r := remember(t, 1000)
	r.expect(t, nil, time.Hour, numbered("evening ", 1000)...)
	r.now = r.now.Add(10 * time.Hour)
	for i, id := range numbered("morning ", 1000) {
		if err := r.use(t, time.Hour, id); err != nil && i > 20 {
			t.Fatalf("use %d: %v", i, err)
		}
	}
	r.expect(t, replay.ErrReplayed, time.Hour, "morning 999")
}

func BenchmarkMemory(b *testing.B) {
	r := remember(b, 1_000_000)
	for i := 0; b.Loop(); i++ {
		r.now = r.now.Add(time.Millisecond)
		if err := r.use(b, 10*time.Minute, fmt.Sprint(i)); err != nil {
			b.Fatal(err)
		}
	}
}
