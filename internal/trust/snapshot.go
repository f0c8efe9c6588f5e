package trust

import (
	"context"
	"encoding/json"
	"errors"
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

// Fetch fetches the keys unless they were fetched lately, for those who want a snapshot of them.
func (r *Remote) Fetch(ctx context.Context) error {
	_, err := r.keys.Get(ctx)
	return err
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

// storedSnapshots is how snapshots are stored.
type storedSnapshots struct {
	Snapshots []storedSnapshot `json:"snapshots"`
}

type storedSnapshot struct {
	Source  string          `json:"source"`
	Fetched time.Time       `json:"fetched"`
	Set     json.RawMessage `json:"jwks"`
}

// EncodeSnapshots returns snapshots as a JSON document.
func EncodeSnapshots(snapshots []Snapshot) ([]byte, error) {
	stored := storedSnapshots{Snapshots: []storedSnapshot{}}
	for _, s := range snapshots {
		stored.Snapshots = append(stored.Snapshots, storedSnapshot{s.Source, s.Fetched.UTC().Truncate(time.Second), s.Set})
	}
	return json.MarshalIndent(stored, "", "  ")
}

// DecodeSnapshots reads what [EncodeSnapshots] has written. The keys in it are looked at when they are used.
func DecodeSnapshots(document []byte) ([]Snapshot, error) {
	var stored storedSnapshots
	if err := json.Unmarshal(document, &stored); err != nil {
		return nil, errors.New("this is no snapshot of keys; localrun trust snapshot writes one")
	}
	var snapshots []Snapshot
	for _, s := range stored.Snapshots {
		if s.Source == "" || s.Fetched.IsZero() || s.Set == nil {
			return nil, errors.New("a snapshot lacks its source, its keys, or when they were fetched")
		}
		snapshots = append(snapshots, Snapshot{s.Source, s.Set, s.Fetched})
	}
	return snapshots, nil
}
