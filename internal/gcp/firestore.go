package gcp

import (
	"cmp"
	"fmt"
	"time"

	firestore "cloud.google.com/go/firestore/apiv1"
)

// FirestoreConfig says which Firestore to talk to.
type FirestoreConfig struct {
	// EmulatorHost is the host:port of an emulator; it is what operators give as FIRESTORE_EMULATOR_HOST. Empty means
	// Google's own service, with TLS and Application Default Credentials.
	//
	// An emulator is spoken to in plaintext and without authentication: whoever answers at that address decides what
	// passes as unused. The process must only ever be pointed at an emulator that it trusts, on its own machine.
	EmulatorHost string

	// Patience is how long one use may take, everything included. Zero: 3 s. Firestore answers within a few dozen
	// milliseconds; but less than two seconds would not do, after which the kernel gives up a connection whose other end is
	// gone without a word (connectionOptions): an instance that slept needs time for a new one.
	Patience time.Duration
}

// Firestore holds in Google's Firestore (or an emulator of it) what all instances of a deployment must agree upon. It
// is safe for concurrent use.
//
// A database is named as projects/P/databases/D, where P is a project's ID and D is often "(default)". It must be of
// the native mode.
type Firestore struct {
	clients  lazyClient[*firestore.Client]
	patience time.Duration
}

const defaultPatience = 3 * time.Second

// NewFirestore checks the configuration. It does not touch the network and looks for no credentials: that is done by
// the first call that needs them.
func NewFirestore(config FirestoreConfig) (*Firestore, error) {
	create, err := connector(config.EmulatorHost, firestore.NewClient)
	if err != nil {
		return nil, fmt.Errorf("configuring Firestore: %w", err)
	}
	return &Firestore{
		clients:  lazyClient[*firestore.Client]{create: create},
		patience: cmp.Or(config.Patience, defaultPatience),
	}, nil
}

// Close ends the connection, if there ever was one. Calls under way fail, and so does every later one.
func (f *Firestore) Close() error { return f.clients.close() }
