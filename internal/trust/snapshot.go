package trust

import (
	"fmt"
	"time"

	"example.com/countersign/internal/jose"
)

// Snapshot is what was fetched once, for storing: a start that has it need not wait for strangers, nor depend on them.
// It has to be kept where nobody else can write, since its keys are believed.
type Snapshot struct {
	Source  string    // the JWKSURI or Issuer of whom it is; for any other it does not serve
	Set     []byte    // a JWK Set of the usable public keys; nil: there is no snapshot
	Fetched time.Time // when it was fetched
}

// Snapshot returns what was fetched last, and whether anything was. It fetches nothing.
func (r *Remote) Snapshot() (Snapshot, bool) {
	latest, fetched := r.keys.Latest()
	if !fetched {
		return Snapshot{}, false
	}
	set, err := jose.EncodeKeySet(latest.keys)
	if err != nil {
		return Snapshot{}, false
	}
	return Snapshot{Source: r.configured, Set: set, Fetched: latest.at}, true
}

// initial returns what a snapshot has to serve, and until when; nil where it has nothing. One that cannot be used is no
// reason not to start: what it was for is that a start depends on less.
func (c RemoteConfig) initial() (*published, time.Time) {
	if c.Snapshot.Set == nil {
		return nil, time.Time{}
	}
	keys, _, err := parseSet(c.Snapshot.Set, c.RSA)
	if c.Snapshot.Source != c.configured() {
		err = fmt.Errorf("it is that of %.200q", c.Snapshot.Source)
	}
	if err != nil {
		c.warn("the snapshot cannot be used: " + err.Error())
		return nil, time.Time{}
	}
	// What was fetched in the future was fetched by a clock that is ahead.
	fetched := c.Snapshot.Fetched
	if now := c.Fetcher.now(); fetched.After(now) {
		fetched = now
	}
	return &published{keys: keys}, fetched.Add(c.SnapshotServes)
}
