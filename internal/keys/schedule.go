package keys

import (
	"time"

	"example.com/countersign/internal/jose"
)

// Timing is the clock of a ring. Everything that a ring does follows from it, from the create times of the versions and
// from which of them are enabled, so that instances agree without talking to each other (protocol J2).
type Timing struct {
	MaxAge        time.Duration // how long a verifier may keep a JWK Set
	Refresh       time.Duration // how long an instance uses a ring before it looks again
	TokenLifetime time.Duration // of the longest token
	Skew          time.Duration // how far any two clocks may differ
}

// valid is how long after its loading a ring may be used where it cannot be loaded again. What was added meanwhile has
// not begun to sign anywhere: that takes as long, and Skew more.
func (t Timing) valid() time.Duration { return t.MaxAge + t.Refresh }

// propagation is how long a key is public before every verifier must know it. Another instance may have learned of it a
// refresh later, and have handed out the old set last just before that.
func (t Timing) propagation() time.Duration { return t.MaxAge + t.Refresh + t.Skew }

// retirement is how long a key stays public after another has taken its place: until the last token that it signed has
// expired and Skew has passed. The second Skew is that between the instances, which do not change over at one moment.
func (t Timing) retirement() time.Duration { return t.TokenLifetime + 2*t.Skew }

// member is an enabled version whose key can be used.
type member struct {
	version Version // without its payload
	key     jose.SigningKey
	signs   time.Time // from when on it may sign
}

// signing returns which member signs now: the newest that may. It reports false where none may yet. The members are in
// the order of their creation.
func signing(members []member, now time.Time) (index int, found bool) {
	for i := len(members) - 1; i >= 0; i-- {
		if !members[i].signs.After(now) {
			return i, true
		}
	}
	return 0, false
}

// retired returns when the last token that a member signed has expired everywhere. The newest member has no such time.
func (t Timing) retired(members []member, index int) time.Time {
	return members[index+1].signs.Add(t.retirement())
}

// published returns the members that belong in the JWK Set now: those that will sign, the one that does, those whose
// tokens have not expired everywhere, and the one that would sign if the one that does were disabled. Without that last
// one, an emergency would put a key to work that no verifier knows.
func (t Timing) published(members []member, now time.Time) []member {
	current, found := signing(members, now)
	if !found {
		return members
	}
	for i := range members[:current] {
		if i == current-1 || t.retired(members, i).After(now) {
			return members[i:]
		}
	}
	return members[current:]
}

// changes returns when the members that are published become others, if nothing is added or disabled. The zero time
// says: never.
func (t Timing) changes(members []member, now time.Time) time.Time {
	current, found := signing(members, now)
	first := len(members) - len(t.published(members, now))
	if !found || first == current {
		return time.Time{} // Members only ever leave, and there is none that could.
	}
	leaves := t.retired(members, first)
	if first == current-1 {
		// It is the one to fall back to, until the next one signs.
		if current == len(members)-1 {
			return time.Time{}
		}
		if next := members[current+1].signs; next.After(leaves) {
			leaves = next
		}
	}
	return leaves
}
