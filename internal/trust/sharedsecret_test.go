package trust_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/jose"
)

func TestSharedSecret_every_enabled_version_verifies_under_its_number(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := holding(secretOf("a"), secretOf("b"))
		from := sharedSecret(t, v)
		accept(t, from, mac(t, "a", "1"))
		accept(t, from, mac(t, "b", "2"))
		refuse(t, from, mac(t, "a", "2"), jose.ErrSignature)
		refuse(t, from, mac(t, "b", "1"), jose.ErrSignature)
		refuse(t, from, mac(t, "c", "1"), jose.ErrSignature)
		refuse(t, from, mac(t, "a", "3"), jose.ErrNoKey)
		refuse(t, from, mac(t, "a", "01"), jose.ErrNoKey)

		v.versions = v.versions[1:] // the first is disabled
		time.Sleep(fresh)
		refuse(t, from, mac(t, "a", "1"), jose.ErrNoKey)
		accept(t, from, mac(t, "b", "2"))
	})
}

// Protocol A5.
func TestSharedSecret_without_kid_has_one_version_only(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := holding(secretOf("a"))
		from := sharedSecret(t, v)
		accept(t, from, mac(t, "a", ""))
		refuse(t, from, mac(t, "b", ""), jose.ErrSignature)
		v.holds(secretOf("a"), secretOf("b"))
		time.Sleep(fresh)
		refuse(t, from, mac(t, "a", ""), jose.ErrKeyNotDefinite)
		refuse(t, from, mac(t, "b", ""), jose.ErrKeyNotDefinite)
		v.versions = v.versions[1:]
		time.Sleep(fresh)
		accept(t, from, mac(t, "b", ""))
	})
}

// Protocol A2: the algorithm is the registration's.
func TestSharedSecret_verifies_with_its_own_algorithm_only(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := strings.Repeat("a", 64)
		v := holding([]byte(long))
		from := sharedSecret(t, v)
		for algorithm, want := range map[jose.Algorithm]error{jose.HS256: nil, jose.HS384: jose.ErrNoKey, jose.HS512: jose.ErrNoKey} {
			key, err := jose.NewSharedSecretSigningKey([]byte(long), algorithm, "1")
			must(t, err)
			signed, err := key.Sign("", []byte(`{}`))
			must(t, err)
			if err := verify(t, from, signed); !errors.Is(err, want) {
				t.Errorf("%s: %v", algorithm, err)
			}
		}
		refuse(t, from, newParty(t).signs(t, "1"), jose.ErrNoKey)
	})
}

// CVE-2026-45363: a short secret is refused when it is loaded.
func TestSharedSecret_that_is_too_short_is_refused(t *testing.T) {
	for name, short := range map[string]string{"empty": "", "a password": "hunter2hunter2", "a byte too short": strings.Repeat("h", 31)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := holding(secretOf("a"), []byte(short))
				expectNothingOf(t, []byte(short), undecided(t, sharedSecret(t, v), mac(t, "a", "1")))

				// One that comes later keeps the last good ones.
				v.holds(secretOf("a"))
				from := sharedSecret(t, v)
				accept(t, from, mac(t, "a", "1"))
				v.holds(secretOf("a"), []byte(short))
				time.Sleep(fresh)
				accept(t, from, mac(t, "a", "1"))
				if last := v.heard[len(v.heard)-1]; !strings.Contains(last.Error(), "version 2") {
					t.Errorf("the version is not named: %v", last)
				}
			})
		})
	}
}

func TestSharedSecret_without_an_enabled_version_verifies_nothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := holding(secretOf("a"))
		from := sharedSecret(t, v)
		accept(t, from, mac(t, "a", "1"))
		v.holds()
		time.Sleep(fresh)
		refuse(t, from, mac(t, "a", "1"), jose.ErrNoKey)
		refuse(t, from, mac(t, "a", ""), jose.ErrNoKey)
	})
}
