// Package replay remembers what is good for one request only: the assertions of RFC 7523 and the DPoP proofs of
// RFC 9449, by who signed them and their jti (RFC 7519 §4.1.7, protocol R).
//
// A [Use] is one use of one of them, a [Store] what remembers it. [Memory] is the store of one instance; package gcp has
// one that many instances share. All pass the same suite, replaytest.
//
// It must never forget what can still be presented, and never let anything pass that it cannot decide.
package replay

import (
	"context"
	"errors"
	"time"
)

// Purpose is what something is presented for. The same jti may be used once for each.
type Purpose string

// The purposes.
const (
	ForClient Purpose = "client" // client authentication (RFC 7523 §2.2)
	ForGrant  Purpose = "grant"  // authorization grant (RFC 7523 §2.1)
	ForProof  Purpose = "proof"  // DPoP proof (RFC 9449 §11.1)
)

// Use is one use of one JWT.
type Use struct {
	Purpose Purpose
	Party   string    // who signed it: the iss of an assertion, the thumbprint of a proof's key
	ID      string    // its jti
	Until   time.Time // when it would be refused anyway, and need not be remembered any longer
}

// IsZero reports whether there is nothing to remember.
func (u Use) IsZero() bool { return u == Use{} }

// Store remembers what has been used.
type Store interface {
	// Use remembers all of uses, or none. It returns a Replayed where one of them is remembered already, or may have
	// been forgotten because its Until has passed: a request can wait between the check of exp and this one. Of any
	// number of simultaneous calls with the same use exactly one succeeds. Any other error says that it could not be
	// decided, and then the request must fail.
	Use(ctx context.Context, uses []Use) error
}

// Replayed says that something has been used before, and which of the request's it is. It is an [ErrReplayed].
type Replayed struct{ Purpose Purpose }

// Error returns the text of ErrReplayed.
func (Replayed) Error() string { return ErrReplayed.Error() }

// Unwrap returns ErrReplayed.
func (Replayed) Unwrap() error { return ErrReplayed }

// ErrReplayed says that something has been used before.
var ErrReplayed = errors.New("the jti has been used before")

// ErrFull says that no more can be remembered. To forget instead would let something pass twice.
var ErrFull = errors.New("the memory of used assertions is full")
