package stoplist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/newest"
	"example.com/countersign/internal/refresh"
)

// Config is where a list is kept. All fields are required.
type Config struct {
	Source keys.Source
	// Read reads one version. The error says what its faults are; the name is what it calls the document.
	Read func(name string, document []byte) ([]Entry, error)
	Now  func() time.Time
	Log  *slog.Logger
}

// How a list is followed. [Bound] is what operators are told.
const (
	// Bound is how long after its writing a new version takes effect at the latest, while the place that keeps it answers.
	Bound = time.Minute

	stale    = 24 * time.Hour  // for so long the last good one counts while that does not answer
	timeout  = 5 * time.Second // which whoever asks waits for, where there is none that counts on
	patience = time.Second
	retry    = 2 * time.Second
)

// Following is the list as it is now. It is safe for concurrent use. A nil one is a list of nobody.
type Following struct{ current *refresh.Value[List] }

var errNoVersion = errors.New("no version of the stop list is enabled; one that stops nobody has entries: []")

// Follow returns the list that is kept somewhere, which has not been read yet.
func Follow(config Config) (*Following, error) {
	if config.Source == nil || config.Read == nil || config.Now == nil || config.Log == nil {
		return nil, errors.New("stoplist: a source, a reader, a clock and a log are required")
	}
	finder := newest.NewFinder(config.Source, config.build)
	current, err := refresh.New(refresh.Config[List]{
		Load: func(ctx context.Context) (List, error) {
			found, err := finder.Find(ctx)
			if err == nil && found.Version == "" {
				err = errNoVersion // An operator who means that nobody is stopped can say so.
			}
			return found.Value, err
		},
		Fresh: Bound, Stale: stale, Patience: patience, Timeout: timeout, Retry: retry,
		Now:    config.Now,
		Failed: refresh.LogTo(config.Log, "stop_list"),
	})
	if err != nil {
		return nil, err
	}
	return &Following{current}, nil
}

// build reads a version; false: it has faults.
func (c Config) build(_ context.Context, version keys.Version) (List, bool, error) {
	log := c.Log.With("event", "stop_list", "version", version.ID)
	entries, err := c.Read("version "+version.ID, version.Payload)
	if err != nil {
		log.Error("a stop list has faults and is passed over", "decision", "refused", "error", err.Error())
		return List{}, false, nil
	}
	log.Info("a stop list takes effect", "decision", "accepted", "entries", len(entries))
	return New(entries), true, nil
}

// Start begins to load and does not wait.
func (f *Following) Start() {
	if f != nil {
		f.current.Start()
	}
}

// List returns the list. The error says that it is not known who is stopped.
func (f *Following) List(ctx context.Context) (List, error) {
	if f == nil {
		return List{}, nil
	}
	list, err := f.current.Get(ctx)
	if err != nil {
		return List{}, fmt.Errorf("loading the stop list: %w", err)
	}
	return list, nil
}

// Stopped reports whether an access token of ours has been taken back. The error says that it is not known.
func (f *Following) Stopped(ctx context.Context, token issued.Token) (bool, error) {
	list, err := f.List(ctx)
	if err != nil {
		return false, err
	}
	for _, facts := range whomOf(token) {
		if list.takenBack(facts, token.IssuedAt) {
			return true, nil
		}
	}
	return false, nil
}

// maxActors bounds how deep a chain of actors is looked at. No token of ours has a longer one.
const maxActors = 16

// whomOf returns whom a token rests on: its client and subject, whoever acts for that, and whoever has acted before
// (RFC 8693 §4.1). Of those whom another issuer names, that is known too. A subject that has no other issuer and the name of
// a client is that client: package policy lets nobody else have it.
func whomOf(token issued.Token) []Facts {
	all := []Facts{
		{Client: token.ClientID, Subject: token.Subject, ID: token.ID},
		{Client: token.Subject, Subject: token.Subject},
	}
	act := token.Claims()["act"]
	for range maxActors {
		actor, is := act.(map[string]any)
		if !is {
			break
		}
		issuer, _ := actor["iss"].(string)
		client, _ := actor["client_id"].(string)
		subject, _ := actor["sub"].(string)
		all = append(all, Facts{Issuer: issuer, Client: client, Subject: subject})
		if issuer == "" {
			all = append(all, Facts{Client: subject, Subject: subject})
		}
		act = actor["act"]
	}
	return all
}
