package gcp

import (
	"context"
	"sync"
	"time"

	"example.com/countersign/internal/keys"
)

// Source returns one secret's versions as a [keys.Source], for those who read it and must not be able to change it.
//
// The source remembers the payloads that it has fetched, for as long as the versions are listed as enabled. To stop a
// running instance from using a key, disable its version: the permission to access it is not asked for again.
func (m *SecretManager) Source(secret string) keys.Source {
	return &secretSource{manager: m, secret: secret}
}

// Listing returns one secret's versions without any payload, for those who may know which there are and not what they
// hold. It takes secretmanager.versions.list alone.
func (m *SecretManager) Listing(secret string) keys.Source { return secretListing{m, secret} }

type secretListing struct {
	manager *SecretManager
	secret  string
}

func (l secretListing) Versions(ctx context.Context) ([]keys.Version, error) {
	return l.manager.listed(ctx, &versionReader{secret: l.secret})
}

type secretSource struct {
	manager *SecretManager
	secret  string
	memory  payloadMemory
}

func (s *secretSource) Versions(ctx context.Context) ([]keys.Version, error) {
	return s.manager.versions(ctx, s.secret, &s.memory)
}

// payloadMemory remembers the payloads of one secret between the readings of it. A version's payload never changes,
// while each access to it is billed, and is waited for after the listing: most of what a reading takes. So a payload is
// fetched and verified once, and from then on only the listing is asked whether it may still be used.
//
// It holds what the latest listing says is enabled, and nothing else. The zero payloadMemory is ready, and safe for
// concurrent use.
type payloadMemory struct {
	mu       sync.Mutex
	payloads map[versionIdentity][]byte // nil until the payload has been verified
}

// versionIdentity tells versions apart for good: a secret that was deleted and made anew begins with version 1 again.
type versionIdentity struct {
	number  string
	created time.Time // always in UTC, so that equal times are equal keys
}

func identify(version keys.Version) versionIdentity {
	return versionIdentity{number: version.ID, created: version.Created.UTC()}
}

// recall fills in the payloads that are remembered of the versions that were listed, and forgets all others.
func (m *payloadMemory) recall(listed []keys.Version) {
	m.mu.Lock()
	defer m.mu.Unlock()
	enabled := make(map[versionIdentity][]byte)
	for i := range listed {
		if version := &listed[i]; version.State == keys.Enabled {
			version.Payload = m.payloads[identify(*version)]
			enabled[identify(*version)] = version.Payload
		}
	}
	m.payloads = enabled
}

// remember keeps a payload that has been verified. One that comes late, when another reading has already learnt that
// its version is not to be used any more, is not kept.
func (m *payloadMemory) remember(version keys.Version) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, listed := m.payloads[identify(version)]; listed {
		m.payloads[identify(version)] = version.Payload
	}
}
