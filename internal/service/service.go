// Package service puts the parts together that one configuration asks for, and follows a configuration that changes.
//
// [Load] takes a document and what surrounds it, and returns the running parts or every fault, also those that only the
// parts can find: a key that does not parse, a condition that does not compile, a hash that is none. It opens no
// connection and reads no secret: keys that are kept elsewhere are fetched when they are first needed.
//
// [Follow] serves the configuration in a secret, whichever version of it counts. It must never let one with faults take
// over, nor forget with an old one which assertions have been used.
package service

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/config"
	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/policy"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/revocation"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/stoplist"
	"example.com/countersign/internal/trust"
)

// Surroundings are what a service takes from outside its configuration. All are required unless they say otherwise.
type Surroundings struct {
	Secrets func(name string) keys.Source // a secret by its name, projects/P/secrets/S
	Listed  func(name string) keys.Source // a secret by its name, without what it holds; needed with PublishOnly
	KMS     func(name string) keys.Source // a Cloud KMS key by its name; nil: a configuration that names one is refused
	// Replay returns what remembers uses in a Firestore database, projects/P/databases/D, for the service of this issuer
	// identifier. Nil: a configuration that names one is refused.
	Replay func(database, issuer string) (replay.Store, error)
	// Revocations returns what remembers revoked tokens there. Nil: a configuration that names a database and has
	// introspection is refused.
	Revocations func(database, issuer string) (revocation.Store, error)

	Folder    string // what relative file names in the configuration are relative to; empty: the working directory
	Now       func() time.Time
	Log       *slog.Logger
	Version   string           // of the program; for /health
	Project   string           // Google Cloud project of the request traces; empty: log lines name no trace
	Snapshots []trust.Snapshot // the keys of others with which an instance begins
	// PublishOnly says that nothing but the JWK Set is asked for. Then no other secret is read, no private key where its
	// public half is kept apart, and nothing is signed to try a key.
	PublishOnly bool
	// Before is the service that the new one takes over from: it keeps which assertions have been used, and the keys that
	// have been loaded and that both want. Nil: there is none.
	Before *Service
}

// Service is one configuration at work.
type Service struct {
	Server        *server.Server
	Configuration *config.Config
	starts        []starter
	kept          parts
	ready         func(context.Context) error // an error unless it could do now what is asked of it
}

// starter is a part that can begin what the first request would have to wait for.
type starter interface{ Start() }

// Start begins to load the signing keys, and to connect to what remembers uses, and does not wait for them. Of a service
// that only publishes it loads the public keys.
func (s *Service) Start() {
	for _, part := range s.starts {
		part.Start()
	}
}

// New builds the parts of a configuration that has no faults of its own, or of one that has, to find the rest. The
// service is nil where there are faults. Warnings that only the parts can give are added to those of the configuration.
func New(configuration *config.Config, surroundings Surroundings) (*Service, config.Faults) {
	b := &builder{config: configuration, Surroundings: surroundings, presets: map[string]*policy.ClaimTypes{}, kept: parts{}}
	service, err := b.build()
	b.Before = nil // or each service would hold on to all that were before it
	if err != nil {
		b.fault(config.Position{}, err)
	}
	b.faults.Sort()
	if len(b.faults) > 0 {
		return nil, b.faults
	}
	return service, nil
}

// Load reads a document and builds the parts that it asks for. Every fault of both is found in one reading; the service
// is nil where there is one, the configuration never is. name is what faults call the document.
func Load(name string, document []byte, surroundings Surroundings) (*Service, *config.Config, config.Faults) {
	configuration, faults := config.Load(name, document)
	service, inParts := New(configuration, surroundings)
	if surroundings.Now != nil {
		configuration.Warnings = append(configuration.Warnings, configuration.ExceptionWarnings(surroundings.Now())...)
		configuration.Warnings.Sort()
	}
	if faults = join(faults, inParts); len(faults) > 0 {
		return nil, configuration, faults
	}
	return service, configuration, nil
}

// join puts the faults of a document and those of its parts into one list. It leaves out what only follows from a fault
// of the document: a part that stands at or around it, or nowhere, lacks what could not be read.
func join(document, parts config.Faults) config.Faults {
	all := slices.Clone(document)
	for _, fault := range parts {
		follows := slices.ContainsFunc(document, func(cause config.Fault) bool {
			return fault.At.Path == "" || cause.At.Path == fault.At.Path || strings.HasPrefix(cause.At.Path, fault.At.Path+".")
		})
		if !follows {
			all = append(all, fault)
		}
	}
	all.Sort()
	return all
}

// builder collects the faults of one build.
type builder struct {
	Surroundings
	config   *config.Config
	compiler *policy.Compiler
	verifier *assertion.Verifier
	presets  map[string]*policy.ClaimTypes // what is known of the claims, by the name of the preset
	faults   config.Faults
	kept     parts
	fetcher  *trust.Fetcher
	stops    *stoplist.Following // nil: nobody is stopped
}

func (b *builder) fault(at config.Position, err error) {
	b.faults = append(b.faults, config.Fault{At: at, Problem: err.Error()})
}

var errSurroundings = errors.New("service: secrets, a clock and a log are required")

// build makes the parts in the order in which one needs the other. The service is nil where there are faults.
func (b *builder) build() (*Service, error) {
	if err := b.prepare(); err != nil {
		return nil, err
	}
	registrations, trusted, allowed := b.clients()
	b.issuers(trusted, allowed)
	own, err := b.signingKeys()
	if err != nil {
		return nil, err
	}
	tokens, err := b.tokens(own)
	roots := b.clientAuthorities()
	if err != nil || len(b.faults) > 0 {
		return nil, err
	}
	wanted := server.Config{
		Tokens: tokens, Keys: own.set,
		Metadata:     metadata(b.config, registrations),
		ForwardedFor: b.config.Limits.ForwardedFor,
		RecToken:     b.config.Troubleshooting.RecToken,
		Version:      b.Version, Project: b.Project, Log: b.Log,
	}
	if wanted.Budgets, err = b.budgets(); err != nil {
		return nil, err
	}
	if wanted.Clients, err = client.New(client.Config{
		Registrations: registrations, Verifier: b.verifier, Roots: roots, Stops: b.stops, Budgets: wanted.Budgets, Now: b.Now,
	}); err != nil {
		return nil, err
	}
	if err := errors.Join(b.addReturned(&wanted, own), b.addStages(&wanted, own, trusted, allowed)); err != nil {
		return nil, err
	}
	if wanted.StatusList, err = b.statusList(own); err != nil {
		return nil, err
	}
	served, err := server.New(wanted)
	if err != nil {
		return nil, err
	}
	built := &Service{Server: served, Configuration: b.config, kept: b.kept}
	if b.PublishOnly {
		built.starts = own.published
		built.ready = func(ctx context.Context) error { _, err := own.set.Document(ctx); return err }
	} else {
		built.starts = starters(own, wanted.Replay, b.stops)
		built.ready = served.Ready
	}
	return built, nil
}

// prepare makes what the others are made with.
func (b *builder) prepare() (err error) {
	if b.Secrets == nil || b.Now == nil || b.Log == nil || b.PublishOnly && b.Listed == nil {
		return errSurroundings
	}
	if b.compiler, err = policy.NewCompiler(); err != nil {
		return err
	}
	if b.fetcher, err = b.newFetcher(); err != nil {
		return err
	}
	if b.stops, err = b.stopList(); err != nil {
		return err
	}
	b.verifier, err = assertion.NewVerifier(b.Now, b.config.ClockSkew)
	return err
}

// addStages adds those of a token request that come after its client.
func (b *builder) addStages(wanted *server.Config, own *ownKeys, trusted trusts, allowed rules) (err error) {
	if wanted.Proxy, err = b.proxy(); err != nil {
		return err
	}
	if wanted.Senders, wanted.Nonces, err = b.senders(); err != nil {
		return err
	}
	// Without the secrets that are shared with APIs: who has one could make a token to exchange.
	exchanged, err := issued.New(b.issuedConfig(own, wanted.Revocations))
	if err != nil {
		return err
	}
	if wanted.Grants, err = grant.New(grant.Config{
		Clients: wanted.Clients, Verifier: b.verifier, Trusts: trusted, Issuer: b.config.Issuer, Issued: exchanged,
		IDJAG: len(b.config.IdentityAssertions) > 0,
	}); err != nil {
		return err
	}
	policies, err := policy.New(allowed, wanted.Clients.Has)
	if err != nil {
		return err
	}
	if wanted.Policies, err = policies.NewIdentityAssertions(identityAssertions(b.config)); err != nil {
		return err
	}
	wanted.Replay, err = b.replayStore()
	return err
}

// starters returns what a start can begin with.
func starters(own *ownKeys, store replay.Store, stops *stoplist.Following) (all []starter) {
	for _, ring := range own.all {
		all = append(all, ring)
	}
	if own.sealing != nil {
		all = append(all, own.sealing)
	}
	if remote, is := store.(starter); is {
		all = append(all, remote)
	}
	return append(all, stops)
}
