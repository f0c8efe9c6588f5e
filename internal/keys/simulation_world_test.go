package keys_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

// worldLasts is how long a world is watched.
const worldLasts = 3 * time.Hour

// plan decides what will happen: rotation notices, late and twice and to two instances of the function at once; versions
// that an operator disables, with and without a new one before; outages of the source, for one instance or for all;
// instances that begin anew.
func (w *world) plan() {
	at := func(moment time.Duration, do func()) {
		w.schedule = append(w.schedule, happening{w.began.Add(moment), do})
	}
	for moment := w.within(30 * time.Minute); moment < worldLasts; moment += 10*time.Minute + w.within(40*time.Minute) {
		asked := w.keeper.clock().Add(moment)
		at(moment+w.within(time.Minute), func() { w.notice(asked) })
		at(moment+w.within(90*time.Minute), func() { w.notice(asked) }) // again, perhaps later than the next one
		if w.chance(20) {
			at(moment+w.within(time.Minute), func() { w.noticeTwiceAtOnce(asked) })
		}
	}
	for range 1 + w.random.IntN(2) {
		moment := w.within(worldLasts)
		if w.chance(50) {
			at(moment-w.within(15*time.Minute), func() { w.notice(w.keeper.clock()) })
		}
		at(moment, w.disable)
		if w.chance(50) {
			at(moment, func() { w.notice(w.keeper.clock()) })
		}
	}
	for range 1 + w.random.IntN(3) {
		lasts, everywhere, hangs := 5*time.Second+w.within(15*time.Minute), w.chance(40), w.chance(50)
		at(w.within(worldLasts), func() { w.outage(lasts, everywhere, hangs) })
	}
	for range 1 + w.random.IntN(3) {
		at(w.within(worldLasts), w.restart)
	}
	slices.SortStableFunc(w.schedule, func(a, b happening) int { return a.at.Compare(b.at) })
}

// live lets the world happen.
func (w *world) live() {
	for time.Since(w.began) < worldLasts {
		for len(w.schedule) > 0 && !w.schedule[0].at.After(time.Now()) {
			next := w.schedule[0]
			w.schedule = w.schedule[1:]
			next.do()
		}
		w.issue(w.instances[w.random.IntN(len(w.instances))])
		for range 3 {
			w.verify(w.verifiers[w.random.IntN(len(w.verifiers))])
		}
		w.compare()
		time.Sleep(w.within(30 * time.Second))
	}
	time.Sleep(30 * time.Minute) // every outage ends, and every load
	synctest.Wait()
}

// instance is one process of the service.
type instance struct {
	source *reached
	clock  func() time.Time
	ring   *keys.Ring
	set    *keys.Set
}

func (w *world) newInstance(source *reached) *instance {
	i := &instance{source: source, clock: w.clock()}
	var err error
	if i.ring, err = keys.NewRing(config(i.source, i.clock)); err != nil {
		w.t.Fatal(err)
	}
	var public keys.Publishing = i.ring
	if w.shelf != nil {
		halves := keys.PublicHalves{Private: listed{i.source}, Public: reachedShelf{i.source, w.shelf}, Algorithm: jose.ES256}
		if public, err = keys.NewPublished(config(halves, i.clock)); err != nil {
			w.t.Fatal(err)
		}
	}
	if i.set, err = keys.NewSet(i.clock, public); err != nil {
		w.t.Fatal(err)
	}
	return i
}

// reachedShelf is where public halves are, as one instance reaches it.
type reachedShelf struct {
	by    *reached
	shelf *shelf
}

func (r reachedShelf) Versions(ctx context.Context) ([]keys.Version, error) {
	return r.by.read(ctx, r.shelf)
}

// restart replaces an instance by one that knows nothing, and that reaches the keeper no better.
func (w *world) restart() {
	w.restarts++
	at := w.random.IntN(len(w.instances))
	w.instances[at] = w.newInstance(w.instances[at].source)
}

// issued is what matters of a token.
type issued struct {
	kid     string
	expires time.Time // by the clock of the instance that issued it
}

// issue lets an instance issue a token.
func (w *world) issue(i *instance) {
	key, err := i.ring.SigningKey(context.Background())
	if err != nil {
		w.refused++
		if !i.source.troubled(5*time.Second) && w.keeper.hasKnownKey() {
			w.fault(&w.unexplained, "no token: %v", err)
		}
		return
	}
	w.tokens++
	w.issued = append(w.issued, issued{key.ID(), i.clock().Add(simulated.TokenLifetime)})
	limit := simulated.Refresh
	since, disabled := w.keeper.disabledSince(key.ID())
	if disabled && i.source.troubled(since) {
		limit = simulated.MaxAge + simulated.Refresh
	}
	if disabled && since > limit {
		w.fault(&w.signedTooLate, "key %s signs %v after it was disabled", key.ID(), since)
	}
}

// verifier is an API that keeps a JWK Set.
type verifier struct {
	clock func() time.Time
	kids  map[string]bool
	until time.Time // when the set has been kept for long enough
}

// verify shows a verifier one of the tokens that it may still take.
func (w *world) verify(v *verifier) {
	w.issued = slices.DeleteFunc(w.issued, func(t issued) bool { return time.Now().After(t.expires.Add(2 * simulated.Skew)) })
	if len(w.issued) == 0 {
		return
	}
	shown := w.issued[w.random.IntN(len(w.issued))]
	if v.clock().After(shown.expires.Add(simulated.Skew)) {
		return
	}
	w.verified++
	if !time.Now().Before(v.until) && !w.fetch(v) {
		w.unanswered++
		return
	}
	switch {
	case v.kids[shown.kid]:
	case w.keeper.disabledByHand(shown.kid):
		w.revoked++
	default:
		w.fault(&w.wrongRejections, "a verifier does not know key %s", shown.kid)
	}
}

// fetch asks the instances for the set, any of them first, and keeps it for as long as its cache headers allow.
func (w *world) fetch(v *verifier) bool {
	for _, at := range w.random.Perm(len(w.instances)) {
		document, err := w.instances[at].set.Document(context.Background())
		if err != nil {
			continue
		}
		var set struct{ Keys []struct{ Kid string } }
		if err := json.Unmarshal(document.Body, &set); err != nil {
			w.t.Fatal(err)
		}
		v.kids = map[string]bool{}
		for _, key := range set.Keys {
			v.kids[key.Kid] = true
		}
		v.until = time.Now().Add(document.MaxAge)
		if !w.obedient {
			v.until = v.until.Add(document.MaxAge)
		}
		return true
	}
	return false
}

// compare sees that all instances that have looked since the last change sign with the same key. Around a moment at which
// another one takes over they need not: their clocks differ.
func (w *world) compare() {
	if w.keeper.quietFor() < simulated.Refresh+2*time.Second || w.keeper.takesOverNow() {
		return
	}
	last := ""
	for _, i := range w.instances {
		if i.source.troubled(simulated.Refresh) {
			continue
		}
		signs := "no key"
		if key, err := i.ring.SigningKey(context.Background()); err == nil {
			signs = key.ID()
		}
		if last != "" && last != signs {
			w.fault(&w.disagreements, "%s and %s sign at one time", last, signs)
		}
		last = signs
	}
}

// notice delivers a rotation notice.
func (w *world) notice(asked time.Time) {
	w.notices++
	w.rotate(asked)
}

func (w *world) rotate(asked time.Time) {
	configuration := w.rotating(0)
	if w.shelf != nil && w.chance(20) { // It ends before the public half is there; who is asked again may come late.
		later := configuration
		configuration.Public = nil
		w.later(w.within(10*time.Minute), func() { _, _ = keys.Publish(context.Background(), later) })
	}
	done, err := keys.Rotate(context.Background(), configuration, asked)
	if err != nil && !errors.Is(err, errDown) {
		w.t.Fatal(err)
	}
	if err != nil && w.shelf != nil { // Pub/Sub delivers again what could not be acted on.
		w.later(10*time.Second, func() { w.rotate(asked) })
	}
	if done.Added != "" {
		w.rotations++
	}
}

// later adds to what will happen.
func (w *world) later(in time.Duration, do func()) {
	w.schedule = append(w.schedule, happening{time.Now().Add(in), do})
	slices.SortStableFunc(w.schedule, func(a, b happening) int { return a.at.Compare(b.at) })
}

// rotating is what a rotation goes by, for whom every call takes that long.
func (w *world) rotating(takes time.Duration) keys.Config {
	configuration := config(&slow{w.keeper, takes}, w.clock())
	if w.shelf != nil {
		configuration.Public = w.shelf
	}
	return configuration
}

// noticeTwiceAtOnce delivers one notice to two instances of the function. Only one key may come of it.
func (w *world) noticeTwiceAtOnce(asked time.Time) {
	before := w.keeper.enabledSince(asked)
	var both sync.WaitGroup
	for range 2 {
		w.notices++
		configuration := w.rotating(w.within(time.Second))
		both.Go(func() { _, _ = keys.Rotate(context.Background(), configuration, asked) })
	}
	both.Wait()
	after := w.keeper.enabledSince(asked)
	if after > max(before, 1) {
		w.fault(&w.surplus, "%d enabled versions have become %d by one notice", before, after)
	}
	w.rotations += after - before
}

// disable is what an operator does who believes that a key has leaked, most often the one that signs.
func (w *world) disable() {
	if w.keeper.disableOne(w.random) {
		w.disabled++
	}
}

// outage takes the keeper away from one instance, or from everybody.
func (w *world) outage(lasts time.Duration, everywhere, hangs bool) {
	w.outages++
	struck := []*reached{w.instances[w.random.IntN(len(w.instances))].source}
	if everywhere {
		struck = nil
		for _, i := range w.instances {
			struck = append(struck, i.source)
		}
		w.keeper.setDown(true)
	}
	for _, source := range struck {
		source.begin(hangs)
	}
	time.AfterFunc(lasts, func() {
		for _, source := range struck {
			source.end()
		}
		if everywhere {
			w.keeper.setDown(false)
		}
	})
}
