// Package stoplist knows who gets nothing any more, and which tokens have been taken back, by a list that operators keep
// beside the configuration.
//
// [Follow] follows the list where it is kept. [List.Check] decides about a request, at each stage by what is known of it
// then; [Following.Stopped] about an access token that comes back.
//
// It must never take a list that it could not read for an empty one.
package stoplist

import (
	"fmt"
	"slices"
	"time"
)

// Entry stops whoever and whatever has all that it names. One that names nothing stops nobody.
type Entry struct {
	Place        string // where it is written, for the log
	Issuer       string // who made an assertion, by iss
	Client       string // the client, by its id
	KeyID        string // the key that an assertion was signed with, by its kid or RFC 7638 thumbprint
	Subject      string // sub
	ID           string // jti
	IssuedBefore time.Time
}

// Facts are what is known of a request, or of a token. What is not known is empty: an entry that names it is not for them.
type Facts struct {
	Issuer  string
	Client  string
	KeyIDs  []string // every name of one key
	Subject string
	ID      string
}

// List is a stop list. Its zero value stops nobody. It is never changed.
type List struct {
	byTerm map[term][]Entry // by the one term of each that fewest others have
	ids    []string
	keys   bool
}

// term is one thing that an entry names.
type term struct{ name, value string }

// New returns a list of these entries.
func New(entries []Entry) List {
	list := List{byTerm: make(map[term][]Entry, len(entries))}
	for _, entry := range entries {
		first := entry.term()
		if first.value == "" {
			continue
		}
		list.byTerm[first] = append(list.byTerm[first], entry)
		list.keys = list.keys || entry.KeyID != ""
		if entry.ID != "" && entry.Issuer == "" {
			list.ids = append(list.ids, entry.ID)
		}
	}
	slices.Sort(list.ids)
	list.ids = slices.Compact(list.ids)
	return list
}

// IDs returns the jti that are stopped and can be those of our tokens, in order and each once. The slice is shared: it must
// not be changed.
func (l List) IDs() []string { return l.ids }

// NamesKeys reports whether an entry names a key. Where none does, nobody need find out what names a key has.
func (l List) NamesKeys() bool { return l.keys }

func (e Entry) term() term {
	switch {
	case e.ID != "":
		return term{"jti", e.ID}
	case e.Subject != "":
		return term{"subject", e.Subject}
	case e.KeyID != "":
		return term{"kid", e.KeyID}
	case e.Client != "":
		return term{"client", e.Client}
	default:
		return term{"issuer", e.Issuer}
	}
}

// isFor reports whether an entry is for these facts: all that it names is so.
func (e Entry) isFor(f Facts) bool {
	same := func(named, known string) bool { return named == "" || named == known }
	return same(e.Issuer, f.Issuer) && same(e.Client, f.Client) && same(e.Subject, f.Subject) && same(e.ID, f.ID) &&
		(e.KeyID == "" || slices.Contains(f.KeyIDs, e.KeyID))
}

// find returns the first entry for these facts that also satisfies holds.
func (l List) find(f Facts, holds func(Entry) bool) (Entry, bool) {
	if len(l.byTerm) == 0 {
		return Entry{}, false
	}
	terms := []term{{"jti", f.ID}, {"subject", f.Subject}, {"client", f.Client}, {"issuer", f.Issuer}}
	for _, id := range f.KeyIDs {
		terms = append(terms, term{"kid", id})
	}
	for _, known := range terms {
		for _, entry := range l.byTerm[known] {
			if entry.isFor(f) && holds(entry) {
				return entry, true
			}
		}
	}
	return Entry{}, false
}

// Stopped is why a request gets nothing. It names the entry, for the log alone.
type Stopped struct{ Place string }

// Error says which entry it is.
func (s *Stopped) Error() string { return fmt.Sprintf("stopped by %s", s.Place) }

// Check returns a *[Stopped] where an entry is for these facts. One that is for tokens before some moment is for no
// request.
func (l List) Check(f Facts) error {
	entry, found := l.find(f, func(e Entry) bool { return e.IssuedBefore.IsZero() })
	if !found {
		return nil
	}
	return &Stopped{entry.Place}
}

// takenBack reports whether a token with these facts is stopped that was issued at this moment.
func (l List) takenBack(f Facts, issuedAt time.Time) bool {
	_, found := l.find(f, func(e Entry) bool { return e.IssuedBefore.IsZero() || issuedAt.Before(e.IssuedBefore) })
	return found
}
