package keys_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/keys"
)

// Protocol J2, from the two sides of every boundary.

const day = 24 * time.Hour

func TestJ2_a_first_key_signs_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch))
		b.expect("a", "a")
	})
}

// An instance that has looked before there was a key must not keep what it saw: elsewhere the key signs at once.
func TestJ2_a_first_key_is_seen_at_once_by_an_instance_that_had_none(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		if _, err := b.ring.SigningKey(t.Context()); !errors.Is(err, keys.ErrNoKey) {
			t.Fatal(err)
		}
		if document := b.document(b.ring); document.MaxAge != 0 || string(document.Body) != `{"keys":[]}` {
			t.Errorf("%s for %v", document.Body, document.MaxAge)
		}
		b.add(b.version("1", "a", b.epoch))
		b.at(2 * time.Second)
		b.expect("a", "a")
	})
}

// What cannot be read has never signed, so the key after it is the first.
func TestJ2_a_first_key_after_a_version_that_cannot_be_used_signs_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(keys.Version{ID: "1", Created: b.epoch.Add(-time.Minute), State: keys.Enabled, Payload: []byte("not a key")})
		b.add(b.version("2", "a", b.epoch))
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
		b.add(b.version("1", "a", b.epoch.Add(-200*day)), b.version("2", "b", b.epoch.Add(-100*day)))
		b.expect("b", "a b")
		b.add(b.version("3", "c", b.epoch))
		b.at(timing.Refresh)
		b.expect("b", "a b c")
		b.at(propagation - 1)
		b.expect("b", "a b c")
		b.at(propagation)
		b.expect("c", "a b c")
		b.at(propagation + retirement - 1)
		b.expect("c", "a b c")
		b.at(propagation + retirement)
		b.expect("c", "b c")
		b.at(1000 * time.Hour)
		b.expect("c", "b c")
	})
}

// The last key before the one that signs stays public for as long as it is enabled: if the newer one has to be disabled,
// it signs at once, and verifiers must know it. The history does not tell whether the newer one has ever signed.
func TestJ2_the_key_to_fall_back_to_is_public_while_it_is_enabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch.Add(-200*day)), b.version("2", "b", b.epoch.Add(-100*day)), b.version("3", "c", b.epoch.Add(-day)))
		b.expect("c", "b c")
		b.set("3", keys.Disabled)
		b.at(timing.Refresh)
		b.expect("b", "a b")
		b.set("1", keys.Disabled)
		b.at(2 * timing.Refresh)
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
		b.at(propagation + time.Minute + retirement - 1)
		b.expect("c", "a b c")
		b.at(propagation + time.Minute + retirement)
		b.expect("c", "b c")
	})
}

func TestJ2_the_history_of_years_is_two_keys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		for i, name := range []string{"a", "b", "c", "d", "e"} {
			b.add(b.version(name, name, b.epoch.Add(time.Duration(i-5)*day)))
		}
		b.expect("e", "d e")
	})
}

func TestJ2_a_disabled_key_is_gone_within_a_refresh(t *testing.T) {
	for name, state := range map[string]keys.State{"disabled": keys.Disabled, "destroyed": keys.Destroyed, "in a state that we do not know": 0, "in another": 99} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.add(b.version("1", "a", b.epoch.Add(-2*day)), b.version("2", "b", b.epoch.Add(-day)), b.version("3", "c", b.epoch))
				b.expect("b", "a b c")
				b.set("3", state)
				b.at(timing.Refresh)
				b.expect("b", "a b")
				b.set("3", keys.Enabled)
				b.at(2 * timing.Refresh)
				b.expect("b", "a b c")
				b.at(propagation)
				b.expect("c", "a b c")
				b.set("2", state)
				b.at(propagation + timing.Refresh)
				b.expect("c", "a c")
				b.set("3", state)
				b.at(propagation + 2*timing.Refresh)
				b.expect("a", "a")
			})
		})
	}
}

// One instance knows that b is disabled and signs with a. The other does not, and c takes over before it looks again: it
// must go on to show a, or it would hand out a set that lacks the key of good tokens.
func TestJ2_a_key_that_was_fallen_back_to_is_public_on_an_instance_that_does_not_know(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.add(b.version("1", "a", b.epoch.Add(-2*day)), b.version("2", "b", b.epoch.Add(-day)), b.version("3", "c", b.epoch))
		b.at(propagation - 30*time.Second)
		unaware := b.another(t)
		b.expectOf(unaware, "b", "a b c")
		b.set("2", keys.Disabled)
		b.expectOf(b.another(t), "a", "a c")
		b.at(propagation + 10*time.Second)
		b.expectOf(unaware, "c", "a b c")
	})
}

// Whoever disables the only key that verifiers know has no key until they know the next.
func TestJ2_a_key_that_verifiers_cannot_know_does_not_sign_though_no_other_is_left(t *testing.T) {
	for name, state := range map[string]keys.State{"disabled": keys.Disabled, "destroyed": keys.Destroyed} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				b.add(b.version("1", "a", b.epoch.Add(-time.Hour)), b.version("2", "b", b.epoch))
				b.expect("a", "a b")
				b.set("1", state)
				b.at(timing.Refresh)
				key, err := b.ring.SigningKey(t.Context())
				notYet, is := errors.AsType[*keys.NotYetError](err)
				if !is || !key.IsZero() || !notYet.At.Equal(b.epoch.Add(propagation)) {
					t.Errorf("%v, %v", key, err)
				}
				if public := b.public(b.ring); public != "b" {
					t.Errorf("%q is public", public)
				}
				b.at(propagation - 1)
				if _, err := b.ring.SigningKey(t.Context()); err == nil {
					t.Error("it signs too early")
				}
				b.at(propagation)
				b.expect("b", "b")
			})
		})
	}
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
		"the active key again":             {[]string{"a", "b", "b"}, "b", "b", "a b", "b"},
		"the one before again: a rollback": {[]string{"a", "b", "a"}, "b", "a", "a b", "b a"},
		"there and back and there":         {[]string{"a", "b", "a", "b"}, "a", "b", "b a", "a b"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				for i, key := range test.versions {
					age := time.Duration(len(test.versions)-1-i) * day
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
		b.expect("c", "b c d")
		for range 20 {
			b.change(func(versions []keys.Version) []keys.Version {
				first := versions[0]
				return append(slices.Clone(versions[2:]), versions[1], first)
			})
			b.expectOf(b.another(t), "c", "b c d")
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
		if kept[0].ID != "2" || kept[1].ID != "1" || len(kept[0].Payload) == 0 || len(kept[1].Payload) == 0 {
			t.Error("its versions are another list now")
		}
	})
}
