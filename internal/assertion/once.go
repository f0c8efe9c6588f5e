package assertion

import (
	"context"
	"errors"
	"time"
)

// Purpose is what an assertion is presented for. The same jti may be used once for each.
type Purpose string

// The two uses of RFC 7523.
const (
	ForClient Purpose = "client" // §2.2, client authentication
	ForGrant  Purpose = "grant"  // §2.1, authorization grant
)

// parameter returns the name of the parameter that an assertion of this purpose comes in.
func (p Purpose) parameter() string {
	if p == ForClient {
		return "client_assertion"
	}
	return "assertion"
}

// Use is one use of one assertion.
type Use struct {
	Purpose Purpose
	Party   string    // the iss that signed it
	ID      string    // its jti
	Until   time.Time // when it would be refused anyway, and need not be remembered any longer
}

// Once remembers which assertions have been used (protocol R).
type Once interface {
	// Use remembers all of uses, or none. It returns a Replayed where one of them is remembered already, or may have
	// been forgotten because its Until has passed: a request can wait between the check of exp and this one. Of any
	// number of simultaneous calls with the same use exactly one succeeds. Any other error says that it could not be
	// decided, and then the request must fail.
	Use(ctx context.Context, uses []Use) error
}

// Replayed says that an assertion has been used before, and which of the request's it is. It is an [ErrReplayed].
type Replayed struct{ Purpose Purpose }

// Error returns the sentence of ErrReplayed.
func (Replayed) Error() string { return ErrReplayed.Sentence }

// Unwrap returns ErrReplayed.
func (Replayed) Unwrap() error { return ErrReplayed }

// ErrFull says that no more can be remembered. To forget instead would let an assertion pass twice.
var ErrFull = errors.New("the memory of used assertions is full")
