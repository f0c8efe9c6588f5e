package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/newest"
	"example.com/countersign/internal/refresh"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/trust"
)

// Follower is the service of a configuration that is kept in a secret, and follows it: a new version takes effect within
// a minute and without a deployment. It is safe for concurrent use.
//
// The newest enabled version without faults is what counts, on every instance alike. One that has faults is told of in
// the log and passed over, so that the last good one keeps serving, also where an instance starts with it; to go back,
// disable the newest.
type Follower struct {
	name         string
	snapshot     keys.Source // nil: there is none
	surroundings Surroundings
	current      *refresh.Value[*Service] // nil: no version is enabled
	finder       *newest.Finder[*Service]

	// Only the one load under way touches these.
	last  *Service // of the last look; nil: there is none
	began bool     // the snapshot has been read
}

// How a configuration is followed.
const (
	configurationFresh = time.Minute
	configurationStale = 24 * time.Hour
	configurationLoad  = 5 * time.Second // which whoever asks waits for, where there is none that serves on
)

// Follow returns the service of the configuration in the secret of this name, which has not been read yet. snapshot is
// the secret that holds the keys of others with which an instance begins; empty: there is none.
func Follow(name, snapshot string, surroundings Surroundings) (*Follower, error) {
	if surroundings.Secrets == nil || surroundings.Now == nil || surroundings.Log == nil {
		return nil, errSurroundings
	}
	f := &Follower{name: name, surroundings: surroundings}
	f.finder = newest.NewFinder(surroundings.Secrets(name), f.build)
	if snapshot != "" && !surroundings.PublishOnly {
		f.snapshot = surroundings.Secrets(snapshot)
	}
	var err error
	f.current, err = refresh.New(refresh.Config[*Service]{
		Load: f.load, Now: surroundings.Now,
		Fresh: configurationFresh, Stale: configurationStale, Patience: time.Second, Timeout: configurationLoad, Retry: 2 * time.Second,
		Failed: refresh.LogTo(surroundings.Log.With("source", name), "configuration"),
	})
	return f, err
}

// Start begins to load and does not wait.
func (f *Follower) Start() { f.current.Start() }

// Service returns the service as it is now. The error says that no good configuration can be had.
func (f *Follower) Service(ctx context.Context) (*Service, error) {
	now, err := f.current.Get(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("loading the configuration: %w", err)
	case now == nil:
		return nil, errNoConfiguration
	default:
		return now, nil
	}
}

var errNoConfiguration = errors.New("no version of the configuration's secret is enabled")

// Handler serves one part of the service as it is at the time of each request.
func (f *Follower) Handler(part func(*server.Server) http.Handler) http.Handler {
	return server.Follow(f.surroundings.Log, f.surroundings.Version, func(ctx context.Context) (http.Handler, error) {
		service, err := f.Service(ctx)
		if err != nil {
			return nil, err
		}
		return part(service.Server), nil
	})
}

// load looks which version counts, and builds its service unless it is the one that there is.
func (f *Follower) load(ctx context.Context) (*Service, error) {
	found, err := f.finder.Find(ctx)
	if err != nil {
		f.began = f.last != nil
		return nil, err
	}
	f.last = found.Value // Nothing, where an operator has disabled every version: he means it.
	return found.Value, nil
}

// readSnapshot reads the keys of others with which to begin. Without them an instance begins all the same, and asks.
func (f *Follower) readSnapshot(ctx context.Context) {
	if f.snapshot == nil {
		return
	}
	versions, err := f.snapshot.Versions(ctx)
	if err == nil {
		if enabled := newest.Enabled(versions); len(enabled) > 0 {
			f.surroundings.Snapshots, err = trust.DecodeSnapshots(enabled[0].Payload)
		}
	}
	if err != nil {
		f.surroundings.Log.Warn("the snapshot of keys cannot be used", "event", "snapshot", "error", err.Error())
	}
}

// takeOver waits until a service could do what the one before it does, sign or publish: a configuration that names keys
// which cannot be had must not take the place of one that works.
func (f *Follower) takeOver(ctx context.Context, next *Service) error {
	next.Start()
	if f.last == nil {
		return nil
	}
	return next.ready(ctx)
}

// build returns the service of a version; false: it has faults.
func (f *Follower) build(ctx context.Context, version keys.Version) (*Service, bool, error) {
	if !f.began {
		f.readSnapshot(ctx)
		f.began = true
	}
	surroundings := f.surroundings
	surroundings.Before = f.last
	log := f.surroundings.Log.With("source", f.name, "version", version.ID)
	built, configuration, faults := Load("version "+version.ID, version.Payload, surroundings)
	if len(faults) > 0 {
		log.Error("a configuration has faults and is passed over", "event", ConfigurationEvent, "decision", "refused", "error", faults.Error())
		return nil, false, nil
	}
	Warn(log, configuration)
	if err := f.takeOver(ctx, built); err != nil {
		return nil, false, fmt.Errorf("version %s is good, and its keys cannot be had: %w", version.ID, err)
	}
	log.Info("a configuration takes effect", "event", ConfigurationEvent, "decision", "accepted")
	return built, true, nil
}

// ConfigurationEvent is what log lines about a configuration are.
const ConfigurationEvent = "configuration"

// Warn tells log of what a configuration allows that is dangerous.
func Warn(log *slog.Logger, configuration *config.Config) {
	for _, warning := range configuration.Warnings {
		log.Warn("the configuration has a dangerous choice", "event", ConfigurationEvent, "warning", warning.Error())
	}
}
