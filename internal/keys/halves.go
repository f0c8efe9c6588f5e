package keys

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/countersign/internal/jose"
)

// halfDocument is the public half of one version as it is kept: a JWK Set (RFC 7517 §5) of one key that also says whose
// it is. Numbers begin anew in another secret, and in one that was deleted and made again; a create time does not.
type halfDocument struct {
	Version string          `json:"version"`
	Created time.Time       `json:"created"`
	Keys    json.RawMessage `json:"keys"`
}

// identity tells versions apart for good.
type identity struct {
	id      string
	created int64 // in nanoseconds
}

func identify(version Version) identity { return identity{version.ID, version.Created.UnixNano()} }

func encodeHalf(of member) ([]byte, error) {
	set, err := jose.EncodeKeySet(jose.KeySet{of.public})
	if err != nil {
		return nil, err
	}
	document := halfDocument{}
	if err := json.Unmarshal(set, &document); err != nil {
		return nil, fmt.Errorf("encoding a public half: %w", err)
	}
	document.Version, document.Created = of.version.ID, of.version.Created.UTC()
	return json.Marshal(document)
}

var errNoHalf = errors.New("this is not one public key and whose it is")

// decodeHalf is the reverse. The kid must be the thumbprint: it is what tokens of the private half say.
func decodeHalf(payload []byte, algorithm jose.Algorithm) (whose identity, key jose.VerificationKey, err error) {
	var document halfDocument
	if err := json.Unmarshal(payload, &document); err != nil || document.Version == "" || document.Created.IsZero() {
		return whose, key, errNoHalf
	}
	set, err := jose.ParseRegisteredKeys(payload, algorithm)
	if err != nil {
		return whose, key, err
	}
	thumbprint, err := set[0].Thumbprint()
	if err != nil || len(set) != 1 || thumbprint != set[0].ID() || set[0].Algorithm() != algorithm {
		return whose, key, errNoHalf
	}
	return identify(Version{ID: document.Version, Created: document.Created}), set[0], nil
}

// halves is what a history of public halves has.
type halves struct {
	newest   map[identity]half // of each private version the newest
	replaced []string          // versions of the public history that have an older one
}

// half is the public half of one private version.
type half struct {
	id  string // of the public history
	key jose.VerificationKey
}

// readHalves reads the enabled versions. What is no public half for the algorithm is passed over: if it was meant for a
// version, that one lacks its public half.
func readHalves(public []Version, algorithm jose.Algorithm) halves {
	found := halves{newest: map[identity]half{}}
	for _, version := range slices.SortedFunc(slices.Values(public), older) {
		if version.State != Enabled {
			continue
		}
		whose, key, err := decodeHalf(version.Payload, algorithm)
		if err != nil {
			continue
		}
		if before, there := found.newest[whose]; there {
			found.replaced = append(found.replaced, before.id)
		}
		found.newest[whose] = half{version.ID, key}
	}
	return found
}

// Publish sees to it that config.Public has the public half of every version that is enabled and can be used, and
// returns the versions whose halves it added. It destroys the halves of versions that are destroyed, and those that were
// replaced. It can be repeated, and done by two at once: then a half can be there twice, until the next time.
func Publish(ctx context.Context, config Config) (added []string, err error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if config.Public == nil {
		return nil, errors.New("keys: there is nowhere to put public halves")
	}
	found, err := config.look()(ctx)
	if err != nil {
		return nil, err
	}
	return config.publish(ctx, found)
}

// publish does it for what a look has found, where there is somewhere to put it.
func (c Config) publish(ctx context.Context, found *timeline) (added []string, err error) {
	if c.Public == nil {
		return nil, nil
	}
	public, err := c.Public.Versions(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the public halves: %w", err)
	}
	halves := readHalves(public, c.Algorithm)
	for _, member := range found.members {
		there, is := halves.newest[identify(member.version)]
		if is && sameKey(there.key, member.public) {
			continue
		}
		if is {
			c.Log.ErrorContext(ctx, "the public half of a version was another key's and is replaced",
				"event", "key_version", "decision", "refused", "version", member.version.ID,
				"error", "key "+there.key.ID()+" is not the half of key "+member.keyID)
			halves.replaced = append(halves.replaced, there.id)
		}
		if _, err := c.Public.Add(ctx, func() ([]byte, error) { return encodeHalf(member) }); err != nil {
			return added, fmt.Errorf("adding the public half of version %s: %w", member.version.ID, err)
		}
		added = append(added, member.version.ID)
	}
	for _, version := range found.versions {
		if there, is := halves.newest[identify(version)]; is && version.State == Destroyed {
			halves.replaced = append(halves.replaced, there.id)
		}
	}
	for _, id := range halves.replaced {
		if err := c.Public.Destroy(ctx, id); err != nil {
			return added, fmt.Errorf("destroying version %s of the public halves: %w", id, err)
		}
	}
	return added, nil
}

// sameKey reports whether two public halves are of one key and algorithm. Their kid is their thumbprint.
func sameKey(a, b jose.VerificationKey) bool {
	return a.ID() == b.ID() && a.Algorithm() == b.Algorithm()
}
