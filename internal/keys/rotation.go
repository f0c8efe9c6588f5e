package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/seal"
)

// keptDisabled is how long a disabled version is kept before its key is destroyed: long enough to notice that it was
// disabled by mistake.
const keptDisabled = 30 * 24 * time.Hour

// Rotation is what one rotation has changed, by the IDs of the versions.
type Rotation struct {
	Added     string // empty: a version that is new enough was there
	Disabled  []string
	Destroyed []string
	Published []string // their public halves were added where those are kept
}

// Rotate sees to it that the newest version was created at asked or later, and adds one where it was not. Then it
// disables the versions whose tokens have all expired, and destroys those that were out of use for 30 days. config.Source
// has to be a [Keeper]. Where config.Public is set, it does what [Publish] does.
//
// Asked twice for the same moment, it adds one version: the moment of a rotation notice is the same each time that the
// notice is delivered. After an error it can be called again, and goes on where it stopped; what had been done by then
// is in the Rotation all the same.
func Rotate(ctx context.Context, config Config, asked time.Time) (Rotation, error) {
	var done Rotation
	keeper, changeable := config.Source.(Keeper)
	if !changeable {
		return done, errors.New("keys: this source cannot be changed")
	}
	if err := config.check(); err != nil {
		return done, err
	}
	look := config.look()
	found, err := look(ctx)
	if err != nil {
		return done, err
	}
	// First, so that no key is made whose public half has nowhere to go: it would keep whoever publishes from loading.
	if done.Published, err = config.publish(ctx, found); err != nil {
		return done, err
	}
	if !slices.ContainsFunc(found.versions, func(v Version) bool { return !v.Created.Before(asked) }) {
		if done.Added, err = add(ctx, keeper, config); err != nil {
			return done, err
		}
		if found, err = look(ctx); err != nil {
			return done, err
		}
		if others := found.addedBefore(done.Added, asked); others {
			// The same notice was delivered to another instance at the same time, which has been faster.
			return Rotation{}, withdraw(ctx, keeper, done.Added)
		}
		added, err := config.publish(ctx, found)
		done.Published = append(done.Published, added...)
		if err != nil {
			return done, err
		}
	}
	err = config.Timing.tidy(ctx, keeper, found, config.Now(), &done)
	return done, err
}

func add(ctx context.Context, keeper Keeper, config Config) (string, error) {
	id, err := keeper.Add(ctx, func() ([]byte, error) {
		if config.Sealing {
			return seal.NewKeyMaterial(), nil
		}
		key, err := jose.GenerateSigningKey(config.Algorithm)
		if err != nil {
			return nil, err
		}
		return key.EncodePrivateJWK()
	})
	if err != nil {
		return "", fmt.Errorf("adding a version: %w", err)
	}
	return id, nil
}

// addedBefore reports whether another version than id was created since asked, and before it.
func (t *timeline) addedBefore(id string, asked time.Time) bool {
	for _, version := range t.versions {
		if version.ID == id {
			return false
		}
		if !version.Created.Before(asked) {
			return true
		}
	}
	return false
}

// withdraw takes a version back that has never signed.
func withdraw(ctx context.Context, keeper Keeper, id string) error {
	if err := keeper.Disable(ctx, id); err != nil {
		return fmt.Errorf("disabling version %s, which was one too many: %w", id, err)
	}
	if err := keeper.Destroy(ctx, id); err != nil {
		return fmt.Errorf("destroying version %s, which was one too many: %w", id, err)
	}
	return nil
}

// tidy disables and destroys what is out of use. Nothing is where no version signs: then nobody can tell what is.
func (t Timing) tidy(ctx context.Context, keeper Keeper, found *timeline, now time.Time, done *Rotation) error {
	current, signs := signing(found.members, now)
	if !signs {
		return nil
	}
	for i, member := range found.members[:current] {
		if at, known := t.expired(found.members, i); !known || at.After(now) {
			continue
		}
		if err := keeper.Disable(ctx, member.version.ID); err != nil {
			return fmt.Errorf("disabling version %s: %w", member.version.ID, err)
		}
		done.Disabled = append(done.Disabled, member.version.ID)
	}
	for i, version := range found.versions[:len(found.versions)-1] {
		replaced := found.versions[i+1].Created.Add(t.propagation() + t.retirement() + keptDisabled)
		isOlder := older(version, found.members[current].version) < 0
		if version.State != Disabled || !isOlder || replaced.After(now) {
			continue
		}
		if err := keeper.Destroy(ctx, version.ID); err != nil {
			return fmt.Errorf("destroying version %s: %w", version.ID, err)
		}
		done.Destroyed = append(done.Destroyed, version.ID)
	}
	return nil
}
