package client

import (
	"context"
	"fmt"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/stoplist"
)

// known is the clients that can send a request: those that are neither disabled nor stopped.
type known struct {
	registry *Registry
	stops    stoplist.List
}

func (k known) find(id string) (*Registration, bool) {
	registration, found := k.registry.Find(id)
	if !found || k.stops.Check(stoplist.Facts{Client: id}) != nil {
		return nil, false
	}
	return registration, true
}

// absent is the answer to a client that is not among them. Only the log says why (protocol T8).
func (k known) absent(id string) *oauth.Error {
	if err := k.stops.Check(stoplist.Facts{Client: id}); err != nil {
		return Stopped(err)
	}
	return refused("client_unknown", nil)
}

// Stopped is the answer to a client that the stop list keeps from whatever it asks for: that to one which is disabled.
func Stopped(why error) *oauth.Error { return refused("stopped", why) }

// KeyStopped returns what says that a key of the party in facts is stopped, by one of its names; nil: no key is.
func KeyStopped(stops stoplist.List, facts stoplist.Facts) func(jose.VerificationKey) error {
	if !stops.NamesKeys() {
		return nil
	}
	return func(key jose.VerificationKey) error {
		facts := facts
		facts.KeyIDs = []string{key.ID()}
		if thumbprint, err := key.Thumbprint(); err == nil { // A shared secret has none.
			facts.KeyIDs = append(facts.KeyIDs, thumbprint)
		}
		return stops.Check(facts)
	}
}

// Ready returns an error where nobody knows who is stopped.
func (r *Registry) Ready(ctx context.Context) error {
	if _, err := r.stops.List(ctx); err != nil {
		return fmt.Errorf("stop list: %w", err)
	}
	return nil
}
