package newest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/newest"
)

// secret is the versions of a secret, or why they cannot be had.
type secret struct {
	versions []keys.Version
	err      error
}

func (s *secret) Versions(context.Context) ([]keys.Version, error) { return s.versions, s.err }

func (s *secret) add(id, payload string) {
	s.versions = append(s.versions, keys.Version{
		ID: id, Created: time.Unix(int64(len(s.versions)), 0), State: keys.Enabled, Payload: []byte(payload),
	})
}

func (s *secret) disable(id string) {
	at := slices.IndexFunc(s.versions, func(v keys.Version) bool { return v.ID == id })
	s.versions[at].State = keys.Disabled
}

var errDown = errors.New("TEST down")

// follow returns a look at the secret, and what has been built so far. A payload that begins with "bad" has faults, and one
// that begins with "down" cannot be decided about.
func follow(s *secret) (look func() (newest.Found[string], error), built *[]string) {
	built = &[]string{}
	finder := newest.NewFinder(s, func(_ context.Context, version keys.Version) (string, bool, error) {
		*built = append(*built, version.ID)
		if strings.HasPrefix(string(version.Payload), "down") {
			return "", false, errDown
		}
		return string(version.Payload), !strings.HasPrefix(string(version.Payload), "bad"), nil
	})
	return func() (newest.Found[string], error) { return finder.Find(context.Background()) }, built
}

func TestTheNewestEnabledVersionWithoutFaultsCounts(t *testing.T) {
	s := &secret{}
	look, built := follow(s)
	expect := func(when, version string, want error, builds ...string) {
		t.Helper()
		*built = nil
		found, err := look()
		if found.Version != version || !errors.Is(err, want) || !slices.Equal(*built, builds) {
			t.Errorf("%s: version %q, %v, built %q; want %q, %v, built %q", when, found.Version, err, *built, version, want, builds)
		}
	}
	expect("with no version", "", nil)
	s.add("1", "bad one")
	expect("with a faulty one alone", "", newest.ErrAllFaulty, "1")
	expect("it is not asked about again", "", newest.ErrAllFaulty)
	s.add("2", "two")
	expect("a good one", "2", nil, "2")
	expect("nothing has changed", "2", nil)
	s.add("3", "bad three")
	expect("a newer one with faults", "2", nil, "3")
	expect("it is not asked about again", "2", nil)
	s.add("4", "down four")
	expect("undecided", "", errDown, "4")
	expect("undecided is asked about again", "", errDown, "4")
	s.disable("4")
	expect("and gone", "2", nil)
	s.err = errDown
	expect("the source is down", "", errDown)
	s.err = nil
	s.add("5", "five")
	expect("the next", "5", nil, "5")
	s.disable("5")
	expect("back to the one before", "2", nil, "2")
	s.disable("2")
	expect("back to faults", "", newest.ErrAllFaulty)
	s.disable("1")
	s.disable("3")
	expect("all disabled", "", nil)
}

func TestEnabledPutsTheNewestFirst(t *testing.T) {
	at := func(id string, second int64, state keys.State) keys.Version {
		return keys.Version{ID: id, Created: time.Unix(second, 0), State: state}
	}
	given := []keys.Version{at("9", 1, keys.Enabled), at("10", 1, keys.Enabled), at("3", 5, keys.Enabled), at("4", 9, keys.Disabled), at("5", 9, keys.Destroyed)}
	var ids []string
	for _, version := range newest.Enabled(given) {
		ids = append(ids, version.ID)
	}
	if !slices.Equal(ids, []string{"3", "10", "9"}) || given[0].ID != "9" {
		t.Errorf("got %q; given %v", ids, given)
	}
}
