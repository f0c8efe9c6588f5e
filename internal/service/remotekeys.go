package service

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/refresh"
	"example.com/countersign/internal/trust"
)

// snapshotServes is how old the stored keys of a party may be with which an instance begins. Until the first fetch
// succeeds, a key that was taken back since can still verify.
const snapshotServes = 7 * 24 * time.Hour

// remote builds the keys that a party publishes itself, at a URL or where its metadata say (protocol F1 to F3).
func (b *builder) remote(configured config.Keys, of string) assertion.Keys {
	wanted := trust.RemoteConfig{RSA: rsaAlgorithm(jose.Algorithm(configured.Algorithm)), JWKSURI: configured.JWKSURI, SnapshotServes: snapshotServes}
	if configured.Discovery {
		wanted.Issuer = of
	}
	place := wanted.JWKSURI + wanted.Issuer
	key := partKey{kind: "remote", place: place, algorithm: configured.Algorithm, fetching: configured.Fetching}
	remote, err := keep(b, key, func() (*trust.Remote, error) {
		roots, err := b.authorities(configured.Fetching.CA, configured.Fetching.CAFile)
		if err != nil {
			return nil, err
		}
		log := b.Log.With("source", place)
		wanted.Fetcher, wanted.Roots, wanted.Bearer = b.fetcher, roots, b.bearer(configured.Fetching)
		wanted.Failed = refresh.LogTo(log, "fetched_keys")
		wanted.Warn = func(of string) { log.Warn("fetched keys", "event", "fetched_keys", "warning", of) }
		if configured.Fetching.PrivateNetwork {
			wanted.Networks = trust.PrivateNetworks()
		}
		for _, snapshot := range b.Snapshots {
			if snapshot.Source == place {
				wanted.Snapshot = snapshot
			}
		}
		return trust.NewRemote(wanted)
	})
	if err != nil {
		b.fault(configured.At, err)
		return nil
	}
	return remote
}

// newFetcher returns what fetches for this configuration. Only a service that is itself on this machine may fetch there.
func (b *builder) newFetcher() (*trust.Fetcher, error) {
	return trust.NewFetcher(trust.FetcherConfig{Now: b.Now, AllowLoopback: isOnLoopback(b.config.Issuer)})
}

func isOnLoopback(issuer string) bool {
	place, err := url.Parse(issuer)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(place.Hostname())
	return place.Hostname() == "localhost" || err == nil && address.IsLoopback()
}

// authorities returns those that are written down, in PEM or in a file of it; nil: there are none.
func (b *builder) authorities(inline, file string) (*x509.CertPool, error) {
	certificates := []byte(inline)
	if file != "" {
		var err error
		if certificates, err = os.ReadFile(b.path(file)); err != nil {
			return nil, fmt.Errorf("the file of certificates cannot be read: %w", err)
		}
	}
	if len(certificates) == 0 {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(certificates) {
		return nil, errors.New("ca holds no certificate that can be read")
	}
	return pool, nil
}

// bearer returns what reads the token that a source wants to see. Kubernetes renews the file, so that it is read anew
// each time.
func (b *builder) bearer(fetching config.Fetching) func(context.Context) (string, error) {
	if fetching.BearerTokenFile == "" {
		return nil
	}
	path := b.path(fetching.BearerTokenFile)
	return func(context.Context) (string, error) {
		token, err := os.ReadFile(path)
		if err != nil {
			return "", errors.New("the file of the bearer token cannot be read")
		}
		return strings.TrimSpace(string(token)), nil
	}
}

// Snapshot fetches the keys of every party that publishes its own, and returns them for storing. Where some cannot be had
// the others are returned all the same.
func (s *Service) Snapshot(ctx context.Context) ([]trust.Snapshot, error) {
	var snapshots []trust.Snapshot
	var failed []error
	for _, key := range s.kept.sorted("remote") {
		remote := s.kept[key].(*trust.Remote)
		if err := remote.Fetch(ctx); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", key.place, err))
			continue
		}
		if snapshot, fetched := remote.Snapshot(); fetched {
			snapshots = append(snapshots, snapshot)
		}
	}
	return snapshots, errors.Join(failed...)
}
