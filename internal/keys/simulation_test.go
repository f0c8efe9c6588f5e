package keys_test

import (
	"cmp"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

// The simulation is the proof of protocol J2: many small worlds, each with instances, verifiers and an operator, whose
// clocks differ, and with everything that goes wrong around a rotation. Rings, sets and rotations are the real ones;
// only time is not. A world is the same each time for the same seed.

// simulated is the timing of the worlds: short tokens, so that there are many ends of their lives.
var simulated = keys.Timing{MaxAge: 5 * time.Minute, Refresh: time.Minute, TokenLifetime: 3 * time.Minute, Skew: 10 * time.Second}

// figures count what happened in worlds.
type figures struct {
	worlds, tokens, refused       int // tokens issued, and requests for which there was no key
	verified, unanswered, revoked int // tokens shown to verifiers, those for which none had a set, and those of keys disabled by hand
	notices, rotations            int // notices delivered, and keys that came of them
	disabled, outages, restarts   int // versions disabled by hand, outages of one instance or of all, instances that began anew

	// What must not happen: a token refused whose key is good, one signed with a key that is not, two instances that
	// sign differently at one time, a request refused though a key is known, a notice that makes two keys.
	wrongRejections, signedTooLate, disagreements, unexplained, surplus int

	firstFault string
}

func (f *figures) counters() []*int {
	return []*int{
		&f.worlds, &f.tokens, &f.refused, &f.verified, &f.unanswered, &f.revoked, &f.notices, &f.rotations, &f.disabled, &f.outages, &f.restarts,
		&f.wrongRejections, &f.signedTooLate, &f.disagreements, &f.unexplained, &f.surplus,
	}
}

func (f *figures) add(other figures) {
	for i, counter := range f.counters() {
		*counter += *other.counters()[i]
	}
	f.firstFault = cmp.Or(f.firstFault, other.firstFault)
}

func (f figures) String() string {
	return fmt.Sprintf("%d worlds: %d tokens (%d requests refused), %d verifications (%d had no set, %d were of disabled keys), "+
		"%d notices, %d rotations, %d versions disabled by hand, %d outages, %d restarts; "+
		"wrong rejections: %d, signed too late: %d, disagreements: %d, refused without a reason: %d, keys too many: %d",
		f.worlds, f.tokens, f.refused, f.verified, f.unanswered, f.revoked,
		f.notices, f.rotations, f.disabled, f.outages, f.restarts,
		f.wrongRejections, f.signedTooLate, f.disagreements, f.unexplained, f.surplus)
}

func (f figures) faults() int {
	return f.wrongRejections + f.signedTooLate + f.disagreements + f.unexplained + f.surplus
}

// simulate runs worlds with the seeds from 1 on.
func simulate(t *testing.T, worlds int, obedient bool) figures {
	t.Helper()
	var all figures
	var lock sync.Mutex
	var workers sync.WaitGroup
	seeds := make(chan uint64)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for seed := range seeds {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t, seed, obedient)
					w.live()
					lock.Lock()
					defer lock.Unlock()
					all.add(w.figures)
				})
			}
		})
	}
	for seed := range worlds {
		seeds <- uint64(seed) + 1
	}
	close(seeds)
	workers.Wait()
	return all
}

func TestJ2_no_token_is_rejected_by_a_verifier_that_obeys_the_cache_headers(t *testing.T) {
	f := simulate(t, worlds, true)
	t.Log(f)
	if f.faults() > 0 {
		t.Errorf("%s", f.firstFault)
	}
	// A simulation in which nothing happens shows nothing.
	for what, enough := range map[string]bool{
		"tokens":                  f.tokens > 50*worlds,
		"verifications":           f.verified > 50*worlds,
		"rotations":               f.rotations > 3*worlds,
		"notices delivered again": f.notices > f.rotations+worlds,
		"disabled by hand":        f.disabled > worlds*3/4,
		"tokens of disabled keys": f.revoked > worlds,
		"outages":                 f.outages > worlds/2,
		"restarts":                f.restarts > worlds/2,
		"requests refused":        f.refused < f.tokens/4,
		"sets that were not had":  f.unanswered < f.verified/10,
	} {
		if !enough {
			t.Errorf("%s: too few or too many to show anything: %s", what, f)
		}
	}
}

// The simulation sees what it is there for: whoever keeps a set for twice as long as he may is let down.
func TestJ2_a_verifier_that_disobeys_the_cache_headers_rejects_good_tokens(t *testing.T) {
	f := simulate(t, 100, false)
	if f.wrongRejections == 0 {
		t.Errorf("the simulation does not notice: %s", f)
	}
}

// world is one run.
type world struct {
	figures
	t        *testing.T
	random   *rand.Rand
	obedient bool // verifiers obey the cache headers
	keeper   *keeper
	shelf    *shelf // where public halves are, in every fourth world; nil: the private keys are published from
	began    time.Time

	instances []*instance
	verifiers []*verifier
	issued    []issued    // tokens that may not have expired
	schedule  []happening // what is going to happen, the next first
}

// happening is something that will happen at a moment.
type happening struct {
	at time.Time
	do func()
}

func newWorld(t *testing.T, seed uint64, obedient bool) *world {
	w := &world{t: t, random: rand.New(rand.NewPCG(seed, 0)), obedient: obedient, began: time.Now()}
	w.worlds = 1
	w.keeper = &keeper{clock: w.clock()}
	if seed%4 == 0 {
		w.shelf = &shelf{clock: w.clock(), down: w.keeper.isDown}
	}
	w.rotate(w.keeper.clock())
	for range 2 + w.random.IntN(3) {
		w.instances = append(w.instances, w.newInstance(&reached{keeper: w.keeper, takes: w.within(time.Second)}))
	}
	for range 3 + w.random.IntN(4) {
		w.verifiers = append(w.verifiers, &verifier{clock: w.clock()})
	}
	w.plan()
	return w
}

// clock returns one of the clocks. Any two differ by at most Skew.
func (w *world) clock() func() time.Time {
	off := w.within(simulated.Skew) - simulated.Skew/2
	return func() time.Time { return time.Now().Add(off) }
}

func (w *world) within(period time.Duration) time.Duration {
	return time.Duration(w.random.Int64N(int64(period)))
}

func (w *world) chance(percent int) bool { return w.random.IntN(100) < percent }

// config is that of a ring or a rotation.
func config(source keys.Source, clock func() time.Time) keys.Config {
	return keys.Config{Source: source, Algorithm: jose.ES256, Timing: simulated, Now: clock, Log: slog.New(slog.DiscardHandler)}
}

// fault takes note of the first thing that must not happen.
func (w *world) fault(counter *int, format string, args ...any) {
	*counter++
	if w.firstFault == "" {
		w.firstFault = fmt.Sprintf("after %v: ", time.Since(w.began)) + fmt.Sprintf(format, args...) + "\n" + w.keeper.describe(w.began)
	}
}
