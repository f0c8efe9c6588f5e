// Package budget counts requests that fail, so that whoever fails again and again is turned away before a request costs
// a signature check or a slow hash, and one broken client does not take the time of the others.
//
// A failure is charged to who is known to have caused it. A client that has proved who it is has a budget of its own at
// each address that it comes from. Who only claims to be that client is charged at his own address, and there alone: a
// stranger must not be able to use up the budget of somebody else. Where addresses are not known, what nobody has proved
// to have caused is charged to nobody.
//
// Budgets are per instance and per minute. They protect the time of this process and decide about no token: it must never
// grant because of a budget what would be refused without one.
package budget

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Config is how many failures a minute there may be. Now is required.
type Config struct {
	Client int // of one client at one address; at least 1
	Source int // of one address, by requests whose client is not proved; at least 1
	Now    func() time.Time
}

// window is for how long failures count together.
const window = time.Minute

// maxCounted is how many parties are counted in one window, so that memory is bounded: some 3 MiB. Whoever comes behind
// them is not counted.
const maxCounted = 1 << 16

// Budgets is what is left of them. It is safe for concurrent use. A nil one is without bounds.
type Budgets struct {
	config Config
	seed   maphash.Seed
	spent  atomic.Int64 // how many budgets are used up; read without the lock, since it is 0 nearly always

	mutex  sync.Mutex
	ends   time.Time     // of the window
	counts map[party]int // failures, and from the budget on also how often somebody was turned away
}

// party is whose failures are counted: an address, or a client at one. It is a hash, so that each is as long.
type party uint64

// New returns budgets of which nothing is used.
func New(config Config) (*Budgets, error) {
	if config.Client < 1 || config.Source < 1 || config.Now == nil {
		return nil, errors.New("budget: budgets of at least 1 and a clock are required")
	}
	return &Budgets{config: config, seed: maphash.MakeSeed(), counts: make(map[party]int)}, nil
}

// Exhausted says that a budget is used up.
type Exhausted struct {
	Wait  time.Duration // until there is a new one
	Times int           // how often it has been said of this budget, this time included
}

// Error implements error.
func (e *Exhausted) Error() string {
	return fmt.Sprintf("too many requests have failed; there is a new budget in %d s", int(e.Wait.Seconds()))
}

// Admit returns an [*Exhausted] where a request from this address, by who claims to be this client, is not to be looked at.
// The zero address is one that is not known, and an empty client one that is not named.
func (b *Budgets) Admit(source netip.Addr, client string) error {
	if b == nil || b.spent.Load() == 0 {
		return nil
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	now := b.config.Now()
	b.turn(now)
	times := 0
	if client != "" {
		times = b.turnAway(b.clientAt(source, client), b.config.Client)
	}
	if times == 0 && source.IsValid() {
		times = b.turnAway(b.address(source), b.config.Source)
	}
	if times == 0 {
		return nil
	}
	return &Exhausted{Wait: b.ends.Sub(now), Times: times}
}

// turnAway returns how often a party has been turned away, this time included; 0: its budget is not used up.
func (b *Budgets) turnAway(who party, budget int) (times int) {
	if b.counts[who] < budget {
		return 0
	}
	b.counts[who]++
	return b.counts[who] - budget
}

// Charge counts a request that has failed. proved says that client has caused it, and not only somebody who knows its name.
func (b *Budgets) Charge(source netip.Addr, client string, proved bool) {
	if b == nil || !proved && !source.IsValid() {
		return
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.turn(b.config.Now())
	if client != "" {
		b.count(b.clientAt(source, client), b.config.Client)
	}
	if !proved {
		b.count(b.address(source), b.config.Source)
	}
}

// turn begins a new window where the last one has ended. A clock that was set back does not make one longer.
func (b *Budgets) turn(now time.Time) {
	if left := b.ends.Sub(now); left <= 0 || left > window {
		b.ends = now.Add(window)
		clear(b.counts)
		b.spent.Store(0)
	}
}

func (b *Budgets) count(who party, budget int) {
	failures, known := b.counts[who]
	if failures >= budget || !known && len(b.counts) >= maxCounted {
		return // Those that were under way when it was used up count no more.
	}
	b.counts[who] = failures + 1
	if failures+1 == budget {
		b.spent.Add(1)
	}
}

// address counts all of an IPv6 /64 as one: whoever has one address of it has all of them.
func (b *Budgets) address(source netip.Addr) party {
	return party(maphash.Comparable(b.seed, network(source)))
}

func (b *Budgets) clientAt(source netip.Addr, client string) party {
	return party(maphash.Comparable(b.seed, struct {
		network netip.Prefix
		client  string
	}{network(source), client}))
}

func network(source netip.Addr) netip.Prefix {
	source = source.Unmap().WithZone("")
	if source.Is6() {
		prefix, _ := source.Prefix(64)
		return prefix
	}
	return netip.PrefixFrom(source, source.BitLen())
}
