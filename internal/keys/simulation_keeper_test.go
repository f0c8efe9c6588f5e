package keys_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

// keeper is a history that can be changed, by rotations and by hand.
type keeper struct {
	clock func() time.Time

	mu       sync.Mutex
	versions []keys.Version
	lives    []life
	changed  time.Time
	down     bool
}

// life is what there is to remember of a version.
type life struct {
	kid      string
	disabled time.Time // when it was first; zero: it is enabled
	byHand   bool      // an operator has disabled it, whose tokens verifiers may then refuse
}

func (k *keeper) Versions(context.Context) ([]keys.Version, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down {
		return nil, errDown
	}
	return append([]keys.Version{}, k.versions...), nil
}

func (k *keeper) Add(_ context.Context, newKey func() ([]byte, error)) (string, error) {
	payload, err := newKey()
	if err != nil {
		return "", err
	}
	key, err := jose.ParseSigningKey(payload, jose.ES256)
	if err != nil {
		return "", err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down {
		return "", errDown
	}
	id := strconv.Itoa(len(k.versions) + 1)
	k.versions = append(k.versions, keys.Version{ID: id, Created: k.clock(), State: keys.Enabled, Payload: payload})
	k.lives = append(k.lives, life{kid: key.ID()})
	k.changed = time.Now()
	return id, nil
}

func (k *keeper) Disable(_ context.Context, id string) error { return k.put(id, keys.Disabled) }
func (k *keeper) Destroy(_ context.Context, id string) error { return k.put(id, keys.Destroyed) }

func (k *keeper) put(id string, state keys.State) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down {
		return errDown
	}
	at, err := strconv.Atoi(id)
	if err != nil {
		return err
	}
	k.set(at-1, state)
	return nil
}

// set changes a state. k.mu is held.
func (k *keeper) set(at int, state keys.State) {
	k.versions[at].State = state
	if state != keys.Enabled {
		k.versions[at].Payload = nil
	}
	if k.lives[at].disabled.IsZero() {
		k.lives[at].disabled = time.Now()
	}
	k.changed = time.Now()
}

// disableOne disables the newest version or the one before it, or, less often, any. It reports whether it did.
func (k *keeper) disableOne(random *rand.Rand) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := random.IntN(len(k.versions))
	if random.IntN(100) < 80 {
		at = max(0, len(k.versions)-1-random.IntN(2))
	}
	if k.down || k.versions[at].State != keys.Enabled {
		return false
	}
	k.set(at, keys.Disabled)
	k.lives[at].byHand = true
	return true
}

func (k *keeper) isDown() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.down
}

func (k *keeper) setDown(down bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down = down
}

func (k *keeper) life(kid string) life {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range k.lives {
		if l.kid == kid {
			return l
		}
	}
	return life{}
}

// disabledSince returns for how long a key has been disabled.
func (k *keeper) disabledSince(kid string) (time.Duration, bool) {
	l := k.life(kid)
	return time.Since(l.disabled), !l.disabled.IsZero()
}

func (k *keeper) disabledByHand(kid string) bool { return k.life(kid).byHand }

// quietFor is how long nothing has changed.
func (k *keeper) quietFor() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Since(k.changed)
}

// takesOverNow reports whether a version begins to sign about now, for some clock.
func (k *keeper) takesOverNow() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, version := range k.versions {
		known := version.Created.Add(simulated.MaxAge + simulated.Refresh + simulated.Skew)
		if k.clock().Sub(known).Abs() <= simulated.Skew+time.Second {
			return true
		}
	}
	return false
}

// hasKnownKey reports whether an enabled version is old enough for every instance and verifier to know it.
func (k *keeper) hasKnownKey() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, version := range k.versions {
		if version.State == keys.Enabled && k.clock().Sub(version.Created) > simulated.MaxAge+2*simulated.Refresh+2*simulated.Skew {
			return true
		}
	}
	return false
}

// enabledSince returns how many versions are enabled that were created at a moment or later.
func (k *keeper) enabledSince(moment time.Time) (count int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, version := range k.versions {
		if version.State == keys.Enabled && !version.Created.Before(moment) {
			count++
		}
	}
	return count
}

func (k *keeper) describe(began time.Time) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var text strings.Builder
	for i, version := range k.versions {
		fmt.Fprintf(&text, "version %s, key %s, created after %v", version.ID, k.lives[i].kid, version.Created.Sub(began))
		if l := k.lives[i]; !l.disabled.IsZero() {
			fmt.Fprintf(&text, ", disabled after %v, by hand: %v", l.disabled.Sub(began), l.byHand)
		}
		text.WriteString("\n")
	}
	return text.String()
}

// slow is a keeper as somebody reaches it for whom every call takes a while.
type slow struct {
	*keeper
	takes time.Duration
}

func (s *slow) Versions(ctx context.Context) ([]keys.Version, error) {
	time.Sleep(s.takes)
	return s.keeper.Versions(ctx)
}

func (s *slow) Add(ctx context.Context, newKey func() ([]byte, error)) (string, error) {
	time.Sleep(s.takes)
	return s.keeper.Add(ctx, newKey)
}

// reached is a keeper as one instance reaches it, or does not.
type reached struct {
	keeper *keeper
	takes  time.Duration

	mu     sync.Mutex
	down   int // outages under way
	hangs  bool
	better time.Time // when the last of them ended
}

func (r *reached) begin(hangs bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down++
	r.hangs = hangs
}

func (r *reached) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down--
	r.better = time.Now()
}

// troubled reports whether there was an outage lately, or so shortly before that a load may still suffer from it.
func (r *reached) troubled(lately time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.down > 0 || !r.better.IsZero() && time.Since(r.better) < lately+10*time.Second
}

func (r *reached) Versions(ctx context.Context) ([]keys.Version, error) { return r.read(ctx, r.keeper) }

// read reads a source that is behind the same outages.
func (r *reached) read(ctx context.Context, from keys.Source) ([]keys.Version, error) {
	r.mu.Lock()
	down, hangs := r.down > 0, r.hangs
	r.mu.Unlock()
	switch {
	case down && hangs:
		<-ctx.Done()
		return nil, ctx.Err()
	case down:
		return nil, errDown
	}
	versions, err := from.Versions(ctx) // as they are when the call is made
	time.Sleep(r.takes)
	return versions, err
}
