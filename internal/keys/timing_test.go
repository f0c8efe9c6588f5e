package keys_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/keys"
)

// Protocol J2, from the two sides of every boundary.

func TestJ2_a_first_key_signs_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch))
		b.expect("a", "a")
	})
}

func TestJ2_of_two_first_keys_the_older_signs_until_the_newer_is_known(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("2", "b", b.epoch), b.version("1", "a", b.epoch.Add(-time.Second)))
		b.expect("a", "a b")
		b.at(propagation - 1)
		b.expect("a", "a b")
		b.at(propagation)
		b.expect("b", "a b")
	})
}

func TestJ2_a_new_key_is_public_before_it_signs_and_an_old_one_until_its_tokens_have_expired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch.Add(-100*24*time.Hour)))
		b.expect("a", "a")
		b.add(b.version("2", "b", b.epoch))
		b.at(timing.Refresh)
		b.expect("a", "a b")
		b.at(propagation - 1)
		b.expect("a", "a b")
		b.at(propagation)
		b.expect("b", "a b")
		b.at(propagation + retirement - 1)
		b.expect("b", "a b")
		b.at(propagation + retirement)
		b.expect("b", "b")
		b.at(1000 * time.Hour)
		b.expect("b", "b")
	})
}

func TestJ2_rotations_in_quick_succession_each_have_their_turn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch.Add(-time.Hour)), b.version("2", "b", b.epoch), b.version("3", "c", b.epoch.Add(time.Minute)))
		b.expect("a", "a b c")
		b.at(propagation)
		b.expect("b", "a b c")
		b.at(propagation + time.Minute)
		b.expect("c", "a b c")
		b.at(propagation + retirement)
		b.expect("c", "b c")
		b.at(propagation + time.Minute + retirement)
		b.expect("c", "c")
	})
}

func TestJ2_the_history_of_years_is_one_key(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for i, name := range []string{"a", "b", "c", "d", "e"} {
			b.add(b.version(name, name, b.epoch.Add(time.Duration(i-5)*24*time.Hour)))
		}
		b.expect("e", "e")
	})
}

func TestJ2_a_disabled_key_is_gone_within_a_refresh(t *testing.T) {
	for name, state := range map[string]keys.State{"disabled": keys.Disabled, "destroyed": keys.Destroyed, "in a state that we do not know": 0, "in another": 99} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.add(b.version("1", "a", b.epoch.Add(-48*time.Hour)), b.version("2", "b", b.epoch.Add(-24*time.Hour)), b.version("3", "c", b.epoch))
				b.expect("b", "b c")
				b.set("3", state)
				b.at(timing.Refresh)
				b.expect("b", "b")
				b.set("3", keys.Enabled)
				b.at(2 * timing.Refresh)
				b.expect("b", "b c")
				b.at(propagation)
				b.expect("c", "b c")
				b.set("2", state)
				b.at(propagation + timing.Refresh)
				if public := b.public(b.ring); public != "a c" && public != "c" {
					t.Errorf("%q is public", public)
				}
				key, err := b.ring.SigningKey(t.Context())
				if err != nil || key.ID() != b.key("c").ID() {
					t.Errorf("%v, %v", key, err)
				}
			})
		})
	}
}

func TestJ2_the_only_key_that_is_left_signs_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch.Add(-time.Hour)), b.version("2", "b", b.epoch))
		b.expect("a", "a b")
		b.set("1", keys.Disabled)
		b.at(timing.Refresh)
		b.expect("b", "b")
	})
}

// The same key in two versions is one key: a rollback, or a mistake.
func TestJ2_a_key_that_is_there_twice_is_published_once(t *testing.T) {
	for name, test := range map[string]struct {
		versions      []string // keys, a day apart, the last one now
		before, after string   // which key signs before and after the propagation of the last
		public        string   // until then
		later         string   // when everything has settled
	}{
		"the first key twice":              {[]string{"a", "a"}, "a", "a", "a", "a"},
		"the active key again":             {[]string{"a", "b", "b"}, "b", "b", "b", "b"},
		"the one before again: a rollback": {[]string{"a", "b", "a"}, "b", "a", "b a", "a"},
		"there and back and there":         {[]string{"a", "b", "a", "b"}, "a", "b", "a b", "b"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				for i, key := range test.versions {
					age := time.Duration(len(test.versions)-1-i) * 24 * time.Hour
					b.add(b.version(string(rune('1'+i)), key, b.epoch.Add(-age)))
				}
				b.expect(test.before, test.public)
				b.at(propagation)
				b.expect(test.after, test.public)
				b.at(propagation + retirement)
				b.expect(test.after, test.later)
			})
		})
	}
}

// Every instance derives the same answer, whatever the order in which the source lists the versions.
func TestJ2_the_order_of_the_source_does_not_matter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		same := b.epoch.Add(-time.Hour) // a folder that was copied gives its files one age
		b.add(b.version("1", "a", same), b.version("2", "b", same), b.version("3", "c", same), b.version("4", "d", b.epoch))
		b.expect("c", "c d")
		for range 20 {
			b.change(func(versions []keys.Version) []keys.Version {
				first := versions[0]
				return append(slices.Clone(versions[2:]), versions[1], first)
			})
			b.expectOf(b.another(t), "c", "c d")
		}
	})
}

func TestRing_does_not_change_what_its_source_keeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("2", "b", b.epoch), b.version("1", "a", b.epoch.Add(-time.Hour)))
		b.set("2", keys.Disabled)
		kept := b.versions
		b.expect("a", "a")
		if kept[0].ID != "2" || kept[1].ID != "1" || len(kept[0].Payload) == 0 {
			t.Error("its versions are another list now")
		}
	})
}
