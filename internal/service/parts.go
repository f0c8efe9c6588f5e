package service

import (
	"cmp"
	"slices"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/keys"
)

// parts are what outlives a configuration: what was learned at some cost, or must not be forgotten. A part is taken over
// by the next configuration exactly where that wants the same, and nothing is kept that it does not want.
type parts map[partKey]any

// partKey is what a part is made of.
type partKey struct {
	kind      string // "replay", "revocations", "ring", "published", "sealing", "shared", "public keys", "shared secret", "secret values", "remote", "stop list", "budgets"
	place     string // the secret, folder, database or URL that it comes from
	algorithm string
	timing    keys.Timing // of rings
	fetching  config.Fetching
}

// sorted returns the keys of one kind, in the order of their places.
func (p parts) sorted(kind string) []partKey {
	var found []partKey
	for key := range p {
		if key.kind == kind {
			found = append(found, key)
		}
	}
	slices.SortFunc(found, func(a, b partKey) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.algorithm, b.algorithm))
	})
	return found
}

// keep returns the part of the service before, or makes it.
func keep[T any](b *builder, key partKey, make func() (T, error)) (T, error) {
	if b.Before != nil {
		if part, same := b.Before.kept[key].(T); same {
			b.kept[key] = part
			return part, nil
		}
	}
	part, err := make()
	if err == nil {
		b.kept[key] = part
	}
	return part, err
}
