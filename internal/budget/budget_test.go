package budget_test

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"example.com/countersign/internal/budget"
)

// bench is budgets of two failures for a client and three for an address, and their clock.
type bench struct {
	*budget.Budgets
	now time.Time
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{now: time.Unix(1772366400, 0)}
	var err error
	b.Budgets, err = budget.New(budget.Config{Client: 2, Source: 3, Now: func() time.Time { return b.now }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	here, there = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	nowhere     netip.Addr
)

func (b *bench) fail(times int, source netip.Addr, client string, proved bool) {
	for range times {
		b.Charge(source, client, proved)
	}
}

// expect says whether a request is looked at.
func (b *bench) expect(t *testing.T, looked bool, source netip.Addr, client string) {
	t.Helper()
	if err := b.Admit(source, client); (err == nil) != looked {
		t.Errorf("%q at %v: %v", client, source, err)
	}
}

// who sends a request.
type who struct {
	client string
	at     netip.Addr
}

func TestAFailureIsChargedToWhoHasCausedIt(t *testing.T) {
	for name, test := range map[string]struct {
		charge       func(b *bench)
		turned, free []who
	}{
		"nothing": {func(*bench) {}, nil, []who{{"a", here}, {"a", nowhere}, {"", here}}},
		"one less than the budget": {
			func(b *bench) { b.fail(1, here, "a", true) }, nil, []who{{"a", here}},
		},
		"a proved client": {
			func(b *bench) { b.fail(2, here, "a", true) }, []who{{"a", here}}, []who{{"a", there}, {"a", nowhere}, {"b", here}, {"", here}},
		},
		"a proved client, often, is still no other's fault": {
			func(b *bench) { b.fail(9, here, "a", true) }, []who{{"a", here}}, []who{{"b", here}, {"", here}},
		},
		"a proved client that comes from nobody knows where": {
			func(b *bench) { b.fail(2, nowhere, "a", true) }, []who{{"a", nowhere}}, []who{{"b", nowhere}, {"a", here}},
		},
		"who claims to be a client": {
			func(b *bench) { b.fail(2, here, "a", false) }, []who{{"a", here}}, []who{{"a", there}, {"a", nowhere}, {"b", here}, {"", here}},
		},
		"who claims to be a client, and comes from nobody knows where": {
			func(b *bench) { b.fail(9, nowhere, "a", false) }, nil, []who{{"a", nowhere}, {"a", here}, {"", nowhere}},
		},
		"who claims to be one after the other": {
			func(b *bench) { b.fail(1, here, "a", false); b.fail(1, here, "b", false); b.fail(1, here, "", false) },
			[]who{{"a", here}, {"c", here}, {"", here}}, []who{{"a", there}, {"c", there}, {"a", nowhere}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			test.charge(b)
			for looked, parties := range map[bool][]who{false: test.turned, true: test.free} {
				for _, who := range parties {
					b.expect(t, looked, who.at, who.client)
				}
			}
		})
	}
}

func TestAnAddressIsAnIPv4AddressOrAnIPv6Network(t *testing.T) {
	for first, others := range map[string]map[string]bool{ // whether it is turned away with the first
		"192.0.2.1":      {"192.0.2.1": true, "::ffff:192.0.2.1": true, "192.0.2.2": false, "::c000:201": false},
		"2001:db8::1":    {"2001:db8::2": true, "2001:db8:0:0:ffff::": true, "2001:db8:0:1::1": false},
		"fe80::1%eth0":   {"fe80::1": true, "fe80::2%eth1": true},
		"::ffff:1.2.3.4": {"1.2.3.4": true, "::ffff:1.2.3.5": false},
	} {
		b := newBench(t)
		b.fail(3, netip.MustParseAddr(first), "", false)
		for other, turned := range others {
			b.expect(t, !turned, netip.MustParseAddr(other), "")
		}
	}
}

func TestABudgetIsNewAfterAMinute(t *testing.T) {
	b := newBench(t)
	b.fail(1, here, "a", true)
	b.now = b.now.Add(20 * time.Second)
	b.fail(1, here, "a", true)
	b.now = b.now.Add(15 * time.Second)
	exhausted, is := errors.AsType[*budget.Exhausted](b.Admit(here, "a"))
	if !is || exhausted.Wait != 25*time.Second || exhausted.Times != 1 {
		t.Fatalf("got %v", exhausted)
	}
	if again, _ := errors.AsType[*budget.Exhausted](b.Admit(here, "a")); again == nil || again.Times != 2 {
		t.Errorf("the second time: %v", again)
	}
	b.now = b.now.Add(exhausted.Wait - 1)
	b.expect(t, false, here, "a")
	b.now = b.now.Add(1)
	b.expect(t, true, here, "a")
	b.fail(1, here, "a", true)
	b.expect(t, true, here, "a")
}

func TestAClockThatIsSetBackLocksNobodyOut(t *testing.T) {
	b := newBench(t)
	b.fail(2, here, "a", true)
	b.now = b.now.Add(-24 * time.Hour)
	b.expect(t, true, here, "a")
}

func TestStrangersCannotFillTheMemory(t *testing.T) {
	b := newBench(t)
	before := live()
	b.fail(2, here, "a", true)
	for i := range 1_000_000 {
		b.Charge(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), "somebody", false)
	}
	if grown := int64(live()) - int64(before); grown > 8<<20 {
		t.Errorf("%d bytes are live", grown)
	}
	b.expect(t, false, here, "a") // Who was counted before still is.
	b.now = b.now.Add(time.Minute)
	b.fail(2, there, "a", true)
	b.expect(t, false, there, "a") // And the next minute has room again.
	runtime.KeepAlive(b)
}

func live() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func TestManyAtOnceCountEachFailureOnce(t *testing.T) {
	made, err := budget.New(budget.Config{Client: 1000, Source: 1000, Now: func() time.Time { return time.Unix(1, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for range 99 {
				made.Charge(here, "a", true)
				_ = made.Admit(here, "a")
			}
		})
	}
	all.Wait()
	for left := range 10 {
		if err := made.Admit(here, "a"); err != nil {
			t.Fatalf("%d are left: %v", 10-left, err)
		}
		made.Charge(here, "a", true)
	}
	if made.Admit(here, "a") == nil {
		t.Error("1,000 were counted, and there are some left")
	}
}

func TestWithoutBudgetsNobodyIsTurnedAway(t *testing.T) {
	var none *budget.Budgets
	for range 10 {
		none.Charge(here, "a", true)
	}
	if err := none.Admit(here, "a"); err != nil {
		t.Error(err)
	}
}

func TestNew_refuses_budgets_that_are_none(t *testing.T) {
	now := time.Now
	for _, config := range []budget.Config{{Client: 0, Source: 1, Now: now}, {Client: 1, Source: 0, Now: now}, {Client: -1, Source: 1, Now: now}, {Client: 1, Source: 1}} {
		if made, err := budget.New(config); err == nil || made != nil {
			t.Error(fmt.Sprint(config.Client, config.Source), made)
		}
	}
}
