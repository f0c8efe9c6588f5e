package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/keys"
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
	source       keys.Source
	snapshot     keys.Source // nil: there is none
	surroundings Surroundings
	current      *refresh.Value[*followed]
	last         *followed // of the last look; only the one load under way touches it
}

// followed is the service of one version.
type followed struct {
	version string
	service *Service
	broken  map[string]bool // versions with faults that have been told of
}

// How a configuration is followed.
const (
	configurationFresh = time.Minute
	configurationStale = 24 * time.Hour
	configurationLoad  = 10 * time.Second
)

// Follow returns the service of the configuration in the secret of this name, which has not been read yet. snapshot is
// the secret that holds the keys of others with which an instance begins; empty: there is none.
func Follow(name, snapshot string, surroundings Surroundings) (*Follower, error) {
	if surroundings.Secrets == nil || surroundings.Now == nil || surroundings.Log == nil {
		return nil, errSurroundings
	}
	f := &Follower{name: name, source: surroundings.Secrets(name), surroundings: surroundings}
	if snapshot != "" {
		f.snapshot = surroundings.Secrets(snapshot)
	}
	var err error
	f.current, err = refresh.New(refresh.Config[*followed]{
		Load: f.load, Now: surroundings.Now,
		Fresh: configurationFresh, Stale: configurationStale, Patience: time.Second, Timeout: configurationLoad, Retry: 2 * time.Second,
		Failed: func(err error) {
			surroundings.Log.Error("the configuration could not be loaded; the last good one serves on", "secret", name, "error", err.Error())
		},
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
	case now.service == nil:
		return nil, errNoConfiguration
	default:
		return now.service, nil
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
func (f *Follower) load(ctx context.Context) (*followed, error) {
	versions, err := f.source.Versions(ctx)
	if err != nil {
		return nil, err
	}
	enabled := newestFirst(versions)
	if f.last == nil {
		f.readSnapshot(ctx)
	}
	next := &followed{broken: map[string]bool{}}
	for _, version := range enabled {
		if f.last != nil && f.last.service != nil && version.ID == f.last.version {
			next.version, next.service = f.last.version, f.last.service
			break
		}
		if next.service = f.build(version, next.broken); next.service == nil {
			continue
		}
		if err := f.takeOver(ctx, next.service); err != nil {
			return nil, fmt.Errorf("version %s is good, and its keys cannot be had: %w", version.ID, err)
		}
		next.version = version.ID
		f.surroundings.Log.Info("a configuration takes effect", "secret", f.name, "version", version.ID)
		break
	}
	if next.service == nil && len(enabled) > 0 {
		return nil, errors.New("no enabled version is a configuration without faults")
	}
	f.last = next // Nothing, where an operator has disabled every version: he means it.
	return next, nil
}

// newestFirst returns the enabled versions.
func newestFirst(versions []keys.Version) []keys.Version {
	enabled := slices.DeleteFunc(slices.Clone(versions), func(v keys.Version) bool { return v.State != keys.Enabled })
	slices.SortFunc(enabled, func(a, b keys.Version) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(len(b.ID), len(a.ID)), cmp.Compare(b.ID, a.ID))
	})
	return enabled
}

// readSnapshot reads the keys of others with which to begin. Without them an instance begins all the same, and asks.
func (f *Follower) readSnapshot(ctx context.Context) {
	if f.snapshot == nil {
		return
	}
	versions, err := f.snapshot.Versions(ctx)
	if err == nil {
		if enabled := newestFirst(versions); len(enabled) > 0 {
			f.surroundings.Snapshots, err = trust.DecodeSnapshots(enabled[0].Payload)
		}
	}
	if err != nil {
		f.surroundings.Log.Warn("the snapshot of keys cannot be used", "error", err.Error())
	}
}

// takeOver waits until a service could sign what the one before it signs: a configuration that names keys which cannot
// be had must not take the place of one that works.
func (f *Follower) takeOver(ctx context.Context, next *Service) error {
	next.Start()
	if f.last == nil || f.last.service == nil {
		return nil
	}
	return next.Server.Ready(ctx)
}

// build returns the service of a version, or nil where it has faults. They are told of once.
func (f *Follower) build(version keys.Version, broken map[string]bool) *Service {
	surroundings := f.surroundings
	if f.last != nil {
		surroundings.Before = f.last.service
	}
	log := f.surroundings.Log.With("secret", f.name, "version", version.ID)
	if f.last != nil && f.last.broken[version.ID] {
		broken[version.ID] = true
		return nil
	}
	built, configuration, faults := Load("version "+version.ID, version.Payload, surroundings)
	if len(faults) > 0 {
		broken[version.ID] = true
		log.Error("a configuration has faults and is passed over", "error", faults.Error())
		return nil
	}
	Warn(log, configuration)
	return built
}

// Warn tells log of what a configuration allows that is dangerous.
func Warn(log *slog.Logger, configuration *config.Config) {
	for _, warning := range configuration.Warnings {
		log.Warn("the configuration has a dangerous choice", "warning", warning.Error())
	}
}
