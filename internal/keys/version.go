package keys

import (
	"cmp"
	"context"
	"time"
)

// State is what may be done with a [Version]. The zero State is none of them and is treated as Destroyed.
type State int

// The states of a secret's version, as Secret Manager has them.
const (
	Enabled State = iota + 1
	Disabled
	Destroyed
)

// Version is one entry of a secret's history: a place for one key.
type Version struct {
	ID      string    // the version's number or name, unique within its secret
	Created time.Time // when the place that keeps it says that it was made
	State   State
	Payload []byte // the key, only where State is Enabled
}

// older orders versions by age, the oldest first. Versions of one age, such as files that were copied together, have an
// order too, so that every instance has the same.
func older(a, b Version) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) }

// Source is where the versions of one secret come from.
type Source interface {
	// Versions returns every version that still exists, in no particular order, with the payloads of the enabled ones.
	// An error means that nothing is known: it never returns a part of them. The caller changes nothing in the slice.
	Versions(ctx context.Context) ([]Version, error)
}
