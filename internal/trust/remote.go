package trust

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/refresh"
)

// RemoteConfig says where one party publishes its keys. Fetcher and one of JWKSURI and Issuer are required.
type RemoteConfig struct {
	Fetcher *Fetcher
	JWKSURI string                // where the JWK Set is
	Issuer  string                // whose metadata say where it is (protocol F3)
	RSA     jose.Algorithm        // of RSA keys that name none; empty: such keys are not used
	Failed  func(refresh.Failure) // told of fetches that failed, once a minute at most; nil: nobody is
	Warn    func(string)          // told of what is wrong with what was fetched, when that changes; nil: nobody is

	// Roots are the authorities by one of which the server's certificate has to be, as for an API server of Kubernetes.
	// Nil: those of the machine.
	Roots *x509.CertPool
	// Bearer returns a token to show to the configured scheme, host and port, and to nobody else. Nil: none is shown.
	Bearer func(context.Context) (string, error)
	// Networks are private ones in which the configured host and port may be, and nothing else that is fetched for this
	// party. Dangerous: whoever answers for the host's name can have this service connect to any address in them. A
	// metadata server is not reached even so.
	Networks []netip.Prefix

	// Snapshot is what was fetched by an earlier start. It serves at once, until the first fetch succeeds, which runs
	// behind it, or until it is as old as SnapshotServes: as long as that, a key that was taken back can go on
	// verifying while the source cannot be reached.
	Snapshot       Snapshot
	SnapshotServes time.Duration
}

// How remote keys are followed, besides fresh and stale.
const (
	// refetch is how often an unknown kid, which a stranger can make up, may cause a fetch (protocol F2).
	refetch = time.Minute
	// rest is how long strangers are left alone after a failure.
	rest = 5 * time.Second
	// maxKeys is how many keys a set may have (protocol F1).
	maxKeys = 100
)

// Remote is keys that a party publishes itself. They are fetched when they are first needed and followed from then on
// (protocol F1 to F3).
//
// Every well-formed set replaces the one before, one without any usable key too: a party that takes its keys back means
// it, and what was fetched before must not serve on. An accident is over a minute after it is put right, since every
// token is worth a look then.
type Remote struct {
	config     RemoteConfig
	configured string
	source     *source
	provider   *refresh.Value[provider] // nil where the URL of the set is configured
	keys       *refresh.Value[published]
	warned     string // what Warn was told last; only the one fetch under way touches it
}

// published is what a party had published at some time.
type published struct {
	keys  jose.KeySet
	at    time.Time
	fresh time.Duration
}

// NewRemote returns keys that nobody has fetched yet.
func NewRemote(config RemoteConfig) (*Remote, error) {
	switch {
	case config.Fetcher == nil:
		return nil, errors.New("trust: a fetcher is required")
	case (config.JWKSURI == "") == (config.Issuer == ""):
		return nil, errors.New("trust: want one of JWKSURI and Issuer")
	case strings.Contains(config.Issuer, "?"):
		return nil, errors.New("trust: an issuer has no query (RFC 8414 §2)")
	case config.SnapshotServes < 0:
		return nil, errors.New("trust: want a SnapshotServes of 0 or more")
	}
	r := &Remote{config: config, configured: config.configured()}
	var err error
	if r.source, err = config.Fetcher.source(r.configured, config); err != nil {
		return nil, fmt.Errorf("trust: %w", err)
	}
	if err := r.follow(); err != nil {
		return nil, err
	}
	return r, nil
}

// configured returns the URL that everything begins with.
func (c RemoteConfig) configured() string { return c.JWKSURI + c.Issuer }

func (c RemoteConfig) warn(of string) {
	if c.Warn != nil {
		c.Warn(of)
	}
}

// follow sets up what is kept: the keys, and the metadata if that is where they are found.
func (r *Remote) follow() (err error) {
	if r.config.Issuer != "" {
		r.provider, err = refresh.New(refresh.Config[provider]{
			Load: func(ctx context.Context) (provider, error) { return r.source.discover(ctx, r.config.Issuer) },
			Now:  r.config.Fetcher.now, Failed: r.config.Failed,
			FreshFor: func(p provider) time.Duration { return p.fresh },
			Fresh:    fresh, Stale: stale, Patience: patience, Timeout: timeout, Retry: rest,
		})
		if err != nil {
			return err
		}
	}
	initial, until := r.config.initial()
	r.keys, err = refresh.New(refresh.Config[published]{
		Load: r.fetch, Now: r.config.Fetcher.now, Failed: r.failed,
		FreshFor: func(p published) time.Duration { return p.fresh },
		Fresh:    fresh, Stale: stale, Patience: patience, Timeout: timeout, Retry: rest,
		Initial: initial, InitialUntil: until,
	})
	return err
}

// Find returns the key that must have signed token.
func (r *Remote) Find(ctx context.Context, token *jose.Token) (jose.VerificationKey, error) {
	if token.Algorithm.Symmetric() {
		return jose.VerificationKey{}, jose.ErrNoKey // whatever is fetched: nobody publishes such a key
	}
	var key jose.VerificationKey
	err := r.search(ctx, func(keys jose.KeySet) (err error) {
		key, err = keys.Find(token)
		return err
	})
	return key, err
}

// Holds reports whether one of the keys has this RFC 7638 thumbprint. The error says that the keys could not be had.
func (r *Remote) Holds(ctx context.Context, thumbprint string) (bool, error) {
	err := r.search(ctx, func(keys jose.KeySet) error {
		if !keys.Holds(thumbprint) {
			return jose.ErrNoKey
		}
		return nil
	})
	if errors.Is(err, jose.ErrNoKey) {
		return false, nil
	}
	return err == nil, err
}

// search has find look for a key. One that is not known may be newer than ours, and is worth a fetch; where that brings
// nothing, nobody can say that there is no such key.
func (r *Remote) search(ctx context.Context, find func(jose.KeySet) error) error {
	set, err := r.keys.Get(ctx)
	if err != nil {
		return notHad(err)
	}
	if err = find(set.keys); !errors.Is(err, jose.ErrNoKey) {
		return err
	}
	asked := r.config.Fetcher.now()
	if set, err = r.keys.Reload(ctx, refetch); err != nil {
		return notHad(err)
	}
	err = find(set.keys)
	if errors.Is(err, jose.ErrNoKey) && asked.Sub(set.at) >= refetch {
		return notHad(errNotNewer)
	}
	return err
}

// errNotNewer says that a key may be newer than the keys that we have.
var errNotNewer = errors.New("the key is unknown, and looking for newer ones failed or takes too long")

// errDiscovery says that the metadata could not be had, which Failed is told of where they are fetched.
var errDiscovery = errors.New("the issuer's metadata cannot be had")

func (r *Remote) failed(failure refresh.Failure) {
	if r.config.Failed != nil && !errors.Is(failure.Err, errDiscovery) {
		r.config.Failed(failure)
	}
}

// fetch is one load of the keys.
func (r *Remote) fetch(ctx context.Context) (published, error) {
	if r.provider == nil {
		return r.fetchSet(ctx, r.config.JWKSURI)
	}
	found, err := r.provider.Get(ctx)
	if err != nil {
		return published{}, fmt.Errorf("%w: %w", errDiscovery, err)
	}
	set, err := r.fetchSet(ctx, found.jwksURI)
	if err == nil {
		return set, nil
	}
	// Perhaps it has moved. The metadata are read again at most as often as the keys.
	moved, unchanged := r.provider.Reload(ctx, refetch)
	if unchanged != nil || moved.jwksURI == found.jwksURI {
		return published{}, err
	}
	return r.fetchSet(ctx, moved.jwksURI)
}

func (r *Remote) fetchSet(ctx context.Context, uri string) (published, error) {
	at := r.config.Fetcher.now()
	found, err := r.source.get(ctx, uri)
	if err != nil {
		return published{}, err
	}
	keys, rejected, err := parseSet(found.body, r.config.RSA)
	if err != nil {
		return published{}, fmt.Errorf("reading what is at jwks_uri: %w", err)
	}
	r.look(keys, rejected)
	return published{keys, at, found.fresh}, nil
}

// parseSet reads a JWK Set of at most 100 keys.
func parseSet(document []byte, rsa jose.Algorithm) (jose.KeySet, []jose.Rejected, error) {
	// PEM would be keys too, and a page for people can have some on it.
	if !bytes.HasPrefix(bytes.TrimLeft(document, " \t\r\n"), []byte("{")) {
		return nil, nil, errors.New("it is not a JSON object")
	}
	keys, rejected, err := jose.ParseKeySet(document, rsa)
	if err != nil {
		return nil, nil, err
	}
	if len(keys)+len(rejected) > maxKeys {
		return nil, nil, errors.New("the set has more than 100 keys")
	}
	return keys, rejected, nil
}

// look tells Warn what is wrong with a set. That there are keys which we cannot use is not: they are for others.
func (r *Remote) look(keys jose.KeySet, rejected []jose.Rejected) {
	var private []int
	for _, rejection := range rejected {
		if rejection.Private {
			private = append(private, rejection.Index)
		}
	}
	var wrong []string
	if len(private) > 0 {
		wrong = append(wrong, fmt.Sprintf("keys %v are private or symmetric, and published; they are ignored", private))
	}
	if len(keys) == 0 {
		wrong = append(wrong, "the set has no key that can be used; nothing by this party verifies")
	}
	text := strings.Join(wrong, "; ")
	if text != "" && text != r.warned {
		r.config.warn(text)
	}
	r.warned = text
}
