package keys

import (
	"time"

	"example.com/countersign/internal/jose"
)

// Timing is the clock of a ring. What one instance publishes, a verifier may have missed for MaxAge, and another
// instance for Refresh; so a new key is public for both together before it signs (protocol J2).
type Timing struct {
	MaxAge        time.Duration // how long a verifier may keep a JWKS
	Refresh       time.Duration // how long an instance may keep a ring
	TokenLifetime time.Duration // of the longest token
	Skew          time.Duration
}

// propagation is how long a key is public before every verifier must know it.
func (t Timing) propagation() time.Duration { return t.MaxAge + t.Refresh }

// member is an enabled version whose key can be used.
type member struct {
	key     jose.SigningKey
	created time.Time
}

// signing returns the member that signs now: the newest that has been public long enough. Where none has, the oldest
// signs: a first key has no verifiers to wait for. members are in the order of their creation, and not none.
func (t Timing) signing(members []member, now time.Time) int {
	for i := len(members) - 1; i > 0; i-- {
		if !members[i].created.Add(t.propagation()).After(now) {
			return i
		}
	}
	return 0
}

// published returns the members that belong in the JWKS now: those that will sign, the one that does, and each that
// has signed a token that has not expired everywhere.
func (t Timing) published(members []member, now time.Time) []member {
	for i := range members[:t.signing(members, now)] {
		replaced := members[i+1].created.Add(t.propagation())
		// An instance may learn of its replacement a refresh late.
		if replaced.Add(t.Refresh + t.TokenLifetime + t.Skew).After(now) {
			return members[i:]
		}
	}
	return members[t.signing(members, now):]
}
