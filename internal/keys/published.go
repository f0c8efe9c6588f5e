package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.com/countersign/internal/jose"
)

// Published is the public keys of one history, for whoever publishes them and signs nothing. By the same clock as a
// [Ring] it shows the same keys. It is safe for concurrent use.
//
// It tries no key, since that takes the right to sign: a version in Cloud KMS that has a public half and cannot sign is
// shown, and takes its turn, where a Ring skips it. Two of them in a row would push a key out of the set that still
// signs; they have to be disabled.
type Published struct{ ring[jose.VerificationKey] }

// NewPublished returns a ring that has not been loaded. It is for a config that is not Sealing.
func NewPublished(config Config) (*Published, error) {
	if config.Sealing {
		return nil, errors.New("keys: a ring that seals is not published")
	}
	made, err := newRing(config, config.verification)
	if err != nil {
		return nil, err
	}
	return &Published{made}, nil
}

// verification parses the public half of a version of a ring that signs.
func (c Config) verification(version Version) (jose.VerificationKey, error) {
	switch {
	case version.Public != nil:
		return *version.Public, nil
	case version.Signer != nil:
		if fixed, one := version.Signer.(interface{ Algorithm() string }); one && fixed.Algorithm() != string(c.Algorithm) {
			return jose.VerificationKey{}, jose.ErrKeyAlgorithm // it would refuse to sign
		}
		return jose.NewVerificationKey(version.Signer.Public(), c.Algorithm, "")
	default:
		key, err := c.signing(version)
		return key.Verification(), err
	}
}

// PublicHalves is the [Source] of whoever publishes keys without the right to read them. A secret says which versions
// there are, when they were created and which are enabled; the public halves are in another, where a rotation puts them.
type PublicHalves struct {
	Private   Source         // lists the versions, and has no payloads
	Public    Source         // a history of which each version has the public half of one of them
	Algorithm jose.Algorithm // of every key
}

// Versions implements [Source]. A version that is enabled and lacks its public half fails them all: nobody may publish a
// set without a key that will sign.
func (p PublicHalves) Versions(ctx context.Context) ([]Version, error) {
	// In this order: what is listed as private has had the time to be public.
	versions, err := p.Private.Versions(ctx)
	if err != nil {
		return nil, err
	}
	public, err := p.Public.Versions(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the public halves: %w", err)
	}
	halves := readHalves(public, p.Algorithm)
	versions = slices.Clone(versions)
	for i, version := range versions {
		if version.State != Enabled {
			continue
		}
		found, there := halves.newest[identify(version)]
		if !there {
			return nil, fmt.Errorf("version %s is enabled and lacks its public half, a key for %s", version.ID, p.Algorithm)
		}
		versions[i].Public = &found.key
	}
	return versions, nil
}
