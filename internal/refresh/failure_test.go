package refresh_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/refresh"
)

func TestGet_serves_the_last_good_value_until_it_is_stale_and_then_says_why(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{}
		value := follow(t, from)
		want(t, value, 1)
		from.fail(errDown)
		time.Sleep(fresh)
		want(t, value, 1)
		time.Sleep(stale - fresh - 1)
		want(t, value, 1)
		time.Sleep(time.Nanosecond)
		refuse(t, value, errDown)
		time.Sleep(retry)
		refuse(t, value, errDown)

		from.fail(nil)
		time.Sleep(retry)
		want(t, value, 5)
	})
}

func TestGet_without_any_value_gives_the_error_of_the_last_load(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{down: errors.New("an earlier fault")}
		value := follow(t, from)
		_, _ = value.Get(t.Context())
		from.fail(errDown)
		time.Sleep(retry)
		refuse(t, value, errDown)
	})
}

func TestGet_after_a_failure_lets_the_source_rest(t *testing.T) {
	for name, age := range map[string]time.Duration{
		"without a value":               0,
		"with a value in its last days": fresh * 3 / 4,
		"with a value that is too old":  fresh,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				from := &source{}
				value := follow(t, from)
				if age > 0 {
					want(t, value, 1)
					time.Sleep(age)
				}
				before := from.loads()
				from.fail(errDown)
				_, _ = value.Get(t.Context())
				wantLoads(t, from, before+1)
				for range 10 {
					time.Sleep(retry / 11)
					_, _ = value.Get(t.Context())
				}
				wantLoads(t, from, before+1)
				time.Sleep(retry / 10)
				_, _ = value.Get(t.Context())
				wantLoads(t, from, before+2)
			})
		})
	}
}

func TestFailed_hears_of_failures_once_a_minute_and_of_nothing_else(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard []time.Duration
		began := time.Now()
		from := &source{down: errDown}
		value := follow(t, from, func(c *refresh.Config[int]) {
			c.Failed = func(failed refresh.Failure) {
				if !errors.Is(failed.Err, errDown) || failed.Serving || failed.Age != 0 || failed.Left != 0 {
					t.Error(failed)
				}
				heard = append(heard, time.Since(began))
			}
		})
		for time.Since(began) < 2*time.Minute+time.Second {
			refuse(t, value, errDown)
			time.Sleep(time.Second)
		}
		from.fail(nil)
		time.Sleep(10 * time.Minute)
		_, _ = value.Get(t.Context())
		if len(heard) != 3 || heard[0] != 0 || heard[1] < time.Minute || heard[1] > time.Minute+retry || heard[2] < heard[1]+time.Minute {
			t.Errorf("heard at %v", heard)
		}
	})
}

// The keys in memory keep serving: a source that does not answer holds no request up for long.
func TestGet_waits_for_a_source_that_hangs_only_as_long_as_its_patience_lasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{}
		value := follow(t, from)
		want(t, value, 1)
		from.take(24 * time.Hour)
		time.Sleep(fresh)
		for end := time.Now().Add(stale / 2); time.Now().Before(end); time.Sleep(time.Second) {
			asked := time.Now()
			want(t, value, 1)
			if waited := time.Since(asked); waited > patience {
				t.Fatalf("waited %v", waited)
			}
		}
	})
}

func TestGet_without_a_value_waits_for_a_slow_source(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{takes: timeout - 1}
		want(t, follow(t, from), 1)
	})
}

func TestGet_with_a_stale_value_waits_for_a_slow_source(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{}
		value := follow(t, from)
		want(t, value, 1)
		time.Sleep(stale)
		from.take(timeout - 1)
		want(t, value, 2)
	})
}

func TestGet_gives_a_load_its_timeout_and_no_more(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{takes: timeout + 1}
		value := follow(t, from)
		asked := time.Now()
		refuse(t, value, context.DeadlineExceeded)
		if waited := time.Since(asked); waited != timeout {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestGet_takes_what_a_load_brings_that_does_not_heed_its_timeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := &source{takes: 2*timeout - 1, deaf: true}
		value := follow(t, from)
		hurried, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		if got, err := value.Get(hurried); got != 0 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %d, %v", got, err)
		}
		want(t, value, 1)
		wantLoads(t, from, 1)
	})
}

// Instances have no CPU between requests. A load can begin in one request and stand still until the next, hours later.
func TestGet_does_not_believe_a_load_that_stood_still_with_the_instance(t *testing.T) {
	const night = 8 * time.Hour
	for name, test := range map[string]struct {
		outcome error
		asked   time.Duration // after the load has ended
	}{
		"and brings what the source had in the evening":      {nil, -time.Millisecond},
		"and has brought what the source had in the evening": {nil, time.Millisecond},
		"and loses its connection":                           {errDown, -time.Millisecond},
		"and has lost its connection":                        {errDown, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				loads := 0
				value := follow(t, nil, func(c *refresh.Config[int]) {
					c.Stale = 3 * night
					c.Load = func(context.Context) (int, error) {
						if loads++; loads == 2 {
							time.Sleep(night)
							return 2, test.outcome
						}
						return loads, nil
					}
				})
				want(t, value, 1)
				time.Sleep(fresh * 3 / 4)
				want(t, value, 1)
				time.Sleep(night + test.asked)
				want(t, value, 3)
			})
		})
	}
}

func TestGet_survives_a_load_that_panics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secret = "hunter2"
		broken := true
		value, err := refresh.New(refresh.Config[int]{
			Load: func(context.Context) (int, error) {
				if broken {
					panic(secret)
				}
				return 1, nil
			},
			Now: time.Now, Fresh: fresh, Stale: stale, Timeout: timeout, Retry: retry, Patience: patience,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := value.Get(t.Context()); err == nil || got != 0 || strings.Contains(err.Error(), secret) {
			t.Fatalf("got %d, %v", got, err)
		}
		broken = false
		time.Sleep(retry)
		want(t, value, 1)
	})
}

func TestGet_survives_a_freshness_that_panics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value := follow(t, &source{}, func(c *refresh.Config[int]) {
			c.FreshFor = func(number int) time.Duration {
				if number == 1 {
					panic("hunter2")
				}
				return fresh
			}
		})
		if got, err := value.Get(t.Context()); err == nil || got != 0 || strings.Contains(err.Error(), "hunter2") {
			t.Fatalf("got %d, %v", got, err)
		}
		time.Sleep(retry)
		want(t, value, 2)
	})
}

func TestGet_after_the_clock_was_set_back_loads_again(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var offset time.Duration
		from := &source{}
		value := follow(t, from, func(c *refresh.Config[int]) {
			c.Now = func() time.Time { return time.Now().Add(offset) }
		})
		want(t, value, 1)
		offset = -3 * time.Hour
		want(t, value, 2)
		want(t, value, 2)
		time.Sleep(fresh)
		want(t, value, 3)

		from.fail(errDown)
		time.Sleep(fresh)
		want(t, value, 3)
		wantLoads(t, from, 4)
		offset -= 3 * time.Hour
		from.fail(nil)
		want(t, value, 5)
	})
}

func TestGet_after_the_clock_jumped_ahead_loads_again(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var offset time.Duration
		from := &source{}
		value := follow(t, from, func(c *refresh.Config[int]) {
			c.Now = func() time.Time { return time.Now().Add(offset) }
		})
		want(t, value, 1)
		offset = 1000 * time.Hour
		want(t, value, 2)
		from.fail(errDown)
		offset *= 2
		refuse(t, value, errDown)
	})
}
