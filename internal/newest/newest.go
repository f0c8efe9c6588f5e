// Package newest finds which version of a document counts that is kept in a secret and followed while the service runs:
// the newest enabled one without faults, on every instance alike. To go back, an operator disables the newest.
//
// It must never let a version with faults count, nor ask again and again about one that had faults.
package newest

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"example.com/countersign/internal/keys"
)

// Build makes what a version says. It returns false for a version that has faults, after it has told of them: it is passed
// over from then on. An error says that it could not be decided, and nothing changes.
type Build[T any] func(ctx context.Context, version keys.Version) (value T, good bool, err error)

// Found is the version that counts. Its zero value: no version is enabled.
type Found[T any] struct {
	Version string
	Value   T
}

// Finder looks for it again and again. One goroutine at a time may use it.
type Finder[T any] struct {
	source keys.Source
	build  Build[T]
	last   Found[T]
	broken map[string]bool // versions with faults, which have been told of; what a version says never changes
}

// NewFinder returns a finder that has not looked yet.
func NewFinder[T any](source keys.Source, build Build[T]) *Finder[T] {
	return &Finder[T]{source: source, build: build, broken: map[string]bool{}}
}

// ErrAllFaulty says that there are enabled versions, and that none of them is good.
var ErrAllFaulty = errors.New("no enabled version is without faults")

// Find looks which version counts, and builds it unless it is the one that did at the last look.
func (f *Finder[T]) Find(ctx context.Context) (Found[T], error) {
	versions, err := f.source.Versions(ctx)
	if err != nil {
		return Found[T]{}, err
	}
	enabled := Enabled(versions)
	for _, version := range enabled {
		if version.ID == f.last.Version {
			return f.last, nil
		}
		if f.broken[version.ID] {
			continue
		}
		value, good, err := f.build(ctx, version)
		if err != nil {
			return Found[T]{}, err
		}
		if good {
			f.last = Found[T]{version.ID, value}
			return f.last, nil
		}
		f.broken[version.ID] = true
	}
	if len(enabled) > 0 {
		return Found[T]{}, ErrAllFaulty
	}
	f.last = Found[T]{}
	return f.last, nil
}

// Enabled returns the enabled versions, the newest first.
func Enabled(versions []keys.Version) []keys.Version {
	enabled := slices.DeleteFunc(slices.Clone(versions), func(v keys.Version) bool { return v.State != keys.Enabled })
	slices.SortFunc(enabled, func(a, b keys.Version) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(len(b.ID), len(a.ID)), cmp.Compare(b.ID, a.ID))
	})
	return enabled
}
