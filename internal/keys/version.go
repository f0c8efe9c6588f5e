package keys

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"time"

	"example.com/countersign/internal/jose"
)

// State is what may be done with a [Version]. The zero State is none of them and is treated as Destroyed.
type State int

// The states of a secret's version, as Secret Manager has them.
const (
	Enabled State = iota + 1
	Disabled
	Destroyed
)

// Version is one entry of a key's history: a place for one private key. An enabled one has it in one of two forms, or,
// for those who only publish, its public half.
type Version struct {
	ID      string    // the version's number or name, unique within its history, and never used for another
	Created time.Time // when the place that keeps it says that it was made
	State   State
	Payload []byte                // the key itself, a JWK or PKCS#8 PEM
	Signer  crypto.Signer         // or what signs with a key that never leaves its keeper; the same one for the same version
	Public  *jose.VerificationKey // or the public half alone, see [PublicHalves]
}

// holdsTheSameAs reports whether two versions of one ID hold the same key.
func (v Version) holdsTheSameAs(other Version) bool {
	return v.Created.Equal(other.Created) && v.Signer == other.Signer && bytes.Equal(v.Payload, other.Payload) &&
		(v.Public == nil) == (other.Public == nil) && (v.Public == nil || sameKey(*v.Public, *other.Public))
}

// older orders versions by age, the oldest first. Versions of one age, such as files that were copied together, have an
// order too, so that every instance has the same.
func older(a, b Version) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) }

// Source is where the versions of one key come from.
type Source interface {
	// Versions returns every version that still exists, in no particular order, with the keys of the enabled ones.
	// An error means that nothing is known: it never returns a part of them. The caller changes nothing in the slice.
	Versions(ctx context.Context) ([]Version, error)
}

// Keeper is a Source whose history can be changed: what a rotation works on.
type Keeper interface {
	Source
	// Add adds a version with a new key, enabled, and returns its ID. newKey makes the key in the form of a Payload; a
	// keeper that makes its keys itself does not call it. After an error the version may exist all the same.
	Add(ctx context.Context, newKey func() ([]byte, error)) (id string, err error)
	// Disable takes the key of a version out of use. It can be repeated.
	Disable(ctx context.Context, id string) error
	// Destroy forgets the key of a version for good. It can be repeated.
	Destroy(ctx context.Context, id string) error
}
