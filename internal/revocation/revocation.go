// Package revocation remembers which access tokens have been taken back before their time (RFC 7009, protocol O2).
//
// A [Token] is one of them, a [Store] what remembers it until it would have expired. [Memory] is the store of one
// instance; package gcp has one that many instances share. All pass the same suite, revocationtest.
//
// It must never forget a token that could still be used, and never take for good what it cannot decide about.
package revocation

import (
	"context"
	"errors"
	"time"
)

// Token names an access token. The client is part of the name, so that what one client takes back is never a token of
// another, whatever the jti; and so is exp, so that nothing is remembered for a shorter time than it can be used.
type Token struct {
	Client  string    // its client_id
	ID      string    // its jti
	Expires time.Time // its exp, in whole seconds; from then on it need not be remembered
}

// Store remembers what has been taken back.
type Store interface {
	// Revoke remembers that the token has been taken back. To do so again changes nothing. After an error it is not
	// known whether it is remembered.
	Revoke(ctx context.Context, token Token) error
	// Revoked reports whether the token has been taken back; of one that has expired it may say anything. The error says
	// that it could not be decided, and then the token must not pass for good.
	Revoked(ctx context.Context, token Token) (bool, error)
}

// ErrFull says that no more can be remembered. To forget instead would bring a token back.
var ErrFull = errors.New("the memory of revoked tokens is full")
