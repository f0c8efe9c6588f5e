package trust_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust"
)

func TestPublicKeys_are_those_of_the_newest_enabled_version(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, now := newParty(t), newParty(t)
		v := holding(old.jwks(t, "k"), now.jwks(t, "k"))
		v.versions[0], v.versions[1] = v.versions[1], v.versions[0] // a source has no order
		from := publicKeys(t, v)
		accept(t, from, now.signs(t, "k"))
		refuse(t, from, old.signs(t, "k"), jose.ErrSignature)

		v.versions = v.versions[1:] // the newest is disabled
		time.Sleep(fresh)
		accept(t, from, old.signs(t, "k"))
		refuse(t, from, now.signs(t, "k"), jose.ErrSignature)
	})
}

// Every instance derives the same answer.
func TestPublicKeys_of_versions_of_one_age_are_the_same_in_any_order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := newParty(t), newParty(t)
		v := holding(one.jwks(t, "k"), two.jwks(t, "k"))
		v.versions[0].Created = v.versions[1].Created
		accept(t, publicKeys(t, v), two.signs(t, "k"))
		v.versions[0], v.versions[1] = v.versions[1], v.versions[0]
		accept(t, publicKeys(t, v), two.signs(t, "k"))
	})
}

func TestPublicKeys_are_a_JWK_Set_or_PEM(t *testing.T) {
	p, other := newParty(t), newParty(t)
	two, err := jose.EncodeKeySet(jose.KeySet{p.key(t, "1"), other.key(t, "2")})
	must(t, err)
	thumbprint := p.key(t, "").ID()
	for name, test := range map[string]struct {
		document []byte
		kids     []string
	}{
		"a JWK Set":    {p.jwks(t, "1"), []string{"1", ""}},
		"two keys":     {two, []string{"1"}},
		"PEM":          {p.pem(t), []string{thumbprint, ""}},
		"two PEM keys": {append(p.pem(t), other.pem(t)...), []string{thumbprint}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := holding(test.document)
				from := publicKeys(t, v)
				for _, kid := range test.kids {
					accept(t, from, p.signs(t, kid))
				}
				refuse(t, from, p.signs(t, "3"), jose.ErrNoKey)
			})
		})
	}
}

// The algorithm of an RSA key is the registration's to say.
func TestPublicKeys_gives_RSA_keys_that_name_no_algorithm_the_registered_one(t *testing.T) {
	key, err := jose.GenerateSigningKey(jose.PS256)
	must(t, err)
	text, err := key.Verification().EncodeSPKI()
	must(t, err)
	signed, err := key.Sign("", []byte(`{}`))
	must(t, err)
	for algorithm, want := range map[jose.Algorithm]error{jose.PS256: nil, jose.RS256: jose.ErrNoKey} {
		v := holding(text)
		set, err := trust.PublicKeys(v.secret, algorithm)(t.Context())
		must(t, err)
		if err := verify(t, trust.NewFixed(set), signed); !errors.Is(err, want) {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

// broken are documents that no operator means: none becomes a party's keys.
func broken(t testing.TB) map[string][]byte {
	p := newParty(t)
	own, err := jose.GenerateSigningKey(jose.ES256)
	must(t, err)
	private, err := own.EncodePrivateJWK()
	must(t, err)
	pkcs8, err := own.EncodePKCS8()
	must(t, err)
	twice, err := jose.EncodeKeySet(jose.KeySet{p.key(t, "k"), newParty(t).key(t, "k")})
	must(t, err)
	set := p.jwks(t, "k")
	return map[string][]byte{
		"empty":                      nil,
		"a password":                 []byte("hunter2hunter2hunter2"),
		"HTML":                       []byte("<html>"),
		"no keys":                    []byte(`{"keys":[]}`),
		"keys under another name":    []byte(`{"Keys":[]}`),
		"a JWK Set cut off":          set[:len(set)-3],
		"something behind it":        append(bytes.Clone(set), "x"...),
		"PEM cut off":                p.pem(t)[:90],
		"a private key in a set":     []byte(`{"keys":[` + string(private) + `]}`),
		"a private key in PEM":       pkcs8,
		"a private key beside a key": append(p.pem(t), pkcs8...),
		"a shared secret":            []byte(`{"keys":[{"kty":"oct","alg":"HS256","k":"aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnRlcjI"}]}`),
		"an unknown kty":             []byte(`{"keys":[{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"}]}`),
		"one unusable key among two": bytes.Replace(set, []byte("["), []byte(`[{"kty":"EC"},`), 1),
		"two keys with one kid":      twice,
		"for encryption":             bytes.Replace(set, []byte(`"use":"sig"`), []byte(`"use":"enc"`), 1),
	}
}

func TestPublicKeys_a_broken_newest_version_keeps_the_last_good_one(t *testing.T) {
	for name, document := range broken(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newParty(t)
				v := holding(p.jwks(t, "k"))
				from := publicKeys(t, v)
				accept(t, from, p.signs(t, "k"))
				v.holds(p.jwks(t, "k"), document)
				time.Sleep(fresh)
				accept(t, from, p.signs(t, "k"))
				if len(v.heard) != 1 {
					t.Fatalf("heard %v", v.heard)
				}
				expectNothingOf(t, document, v.heard[0])

				next := newParty(t)
				v.holds(p.jwks(t, "k"), document, next.jwks(t, "k"))
				time.Sleep(fresh)
				accept(t, from, next.signs(t, "k"))
				refuse(t, from, p.signs(t, "k"), jose.ErrSignature)
			})
		})
	}
}

// A fault of what is stored is not a fault of the token: the caller could do nothing about an invalid_client.
func TestPublicKeys_that_were_never_good_are_nobodys_fault_but_ours(t *testing.T) {
	for name, document := range broken(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newParty(t)
				v := &vault{}
				v.holds(p.jwks(t, "k"), document) // an older good one does not stand in for the newest
				expectNothingOf(t, document, undecided(t, publicKeys(t, v), p.signs(t, "k")))
			})
		})
	}
}

// expectNothingOf looks for a document in what is said about it.
func expectNothingOf(t testing.TB, document []byte, err error) {
	t.Helper()
	for line := range bytes.Lines(document) {
		if bytes.HasPrefix(line, []byte("-----")) {
			continue
		}
		for start := 0; start+10 <= len(line); start += 5 {
			if part := string(line[start : start+10]); strings.Contains(err.Error(), part) {
				t.Errorf("the error holds %q: %v", part, err)
			}
		}
	}
}

func TestPublicKeys_without_an_enabled_version_verify_nothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t)
		v := &vault{}
		from := publicKeys(t, v)
		refuse(t, from, p.signs(t, "k"), jose.ErrNoKey)
		v.holds(p.jwks(t, "k"))
		time.Sleep(fresh)
		accept(t, from, p.signs(t, "k"))
		v.holds()
		time.Sleep(fresh)
		refuse(t, from, p.signs(t, "k"), jose.ErrNoKey) // not the last good one
		if v.heard != nil {
			t.Errorf("heard %v", v.heard)
		}
	})
}
