package difference

import (
	"cmp"
	"path/filepath"

	"example.com/countersign/internal/config"
)

// A ring is one ring of signing keys, by where it is and what it signs with, and what it does.
type ring struct {
	name   string
	role   role
	public string // where its public halves are kept; empty: nowhere apart
	at     config.Position
}

// role is what a ring does, the least first.
type role int

const (
	absent role = iota
	publishes
	signsSome
	signsAll
)

func (r role) String() string {
	return [...]string{"", "is published only", "signs for the resources of its algorithm", "signs every token"}[r]
}

// rings compares which keys of our own sign. Whoever holds a key in the JWKS can make tokens, so one that is added
// widens, and one that signs more than it did does too.
func (c *comparison) rings(before, after config.SigningKeys) {
	were, are := ringsOf(before), ringsOf(after)
	compare := func(name string, was, is ring) {
		c.value(place{kind: Service, before: was.at, after: is.at}, "signing_keys", of(name, was.role), of(name, is.role),
			is.role > was.role, "APIs take tokens for ours by another key than before")
		c.value(place{kind: Service, before: was.at, after: is.at}, "signing_keys.public_keys", was.public, is.public,
			is.public != "", "APIs take tokens for ours by the keys that are written there")
	}
	for _, is := range are {
		compare(is.name, named(were, is.name), is)
	}
	for _, was := range were {
		if named(are, was.name).role == absent {
			compare(was.name, was, ring{})
		}
	}
}

func ringsOf(keys config.SigningKeys) []ring {
	rings := make([]ring, 0, 1+len(keys.Additional))
	for i, configured := range keys.Rings() {
		does := signsSome
		switch {
		case i == 0:
			does = signsAll
		case configured.PublishOnly:
			does = publishes
		}
		directory := configured.Directory
		if directory != "" {
			directory = filepath.ToSlash(filepath.Clean(directory)) // ./keys/ is keys
		}
		rings = append(rings, ring{
			name: configured.Algorithm + " of " + cmp.Or(configured.Secret, configured.KMS, directory),
			role: does, public: configured.PublicKeys,
			at: configured.At,
		})
	}
	return rings
}

func named(rings []ring, name string) ring {
	for _, r := range rings {
		if r.name == name {
			return r
		}
	}
	return ring{}
}

func of(name string, does role) string {
	if does == absent {
		return ""
	}
	return name + " " + does.String()
}
