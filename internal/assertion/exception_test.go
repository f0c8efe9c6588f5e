package assertion_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
)

// midnight is when the exceptions of these tests end.
var midnight = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

const (
	legacy = "https://legacy.example.com/token"
	older  = "https://older.example.com/token"
)

// excepting is a profile with an exception of each kind, which all end at midnight, and one that has ended before.
func (b *bench) excepting() assertion.Profile {
	profile := b.profile()
	profile.Exceptions = []assertion.Exception{
		{Name: "aud", End: midnight, Audience: legacy},
		{Name: "lifetime", End: midnight, MaxLifetime: time.Hour},
		{Name: "jti", End: midnight, IDOptional: true},
		{Name: "older", End: midnight.AddDate(0, 0, -1), Audience: older},
	}
	return profile
}

func TestVerify_excuses_what_is_excepted_until_it_ends(t *testing.T) {
	b := newBench(t)
	profile := b.excepting()
	for _, test := range []struct {
		name   string
		weak   func(claims) claims
		used   string
		strict error // why it is refused without an exception; nil: it is not
	}{
		{"nothing", func(c claims) claims { return c }, "", nil},
		{"another aud", func(c claims) claims { return c.with("aud", legacy) }, "aud", assertion.ErrAudience},
		{"another aud beside this server", func(c claims) claims { return c.with("aud", []string{legacy, server}) }, "", nil},
		{"two others, one of them excepted", func(c claims) claims { return c.with("aud", []string{older, legacy}) }, "aud", assertion.ErrAudience},
		{"no jti", func(c claims) claims { return c.with("jti", nil) }, "jti", assertion.ErrIDMissing},
		{"as long as it may", func(c claims) claims { return c.with("exp", b.now.Add(10*time.Minute+skew).Unix()) }, "", nil},
		{"longer", func(c claims) claims { return c.with("exp", b.now.Add(10*time.Minute+skew+second).Unix()) }, "lifetime", assertion.ErrLifetime},
		{"as long as the exception has it", func(c claims) claims { return c.with("exp", b.now.Add(time.Hour).Unix()) }, "lifetime", assertion.ErrLifetime},
		{"an old one", func(c claims) claims { return c.with("iat", b.now.Add(-30*time.Minute).Unix()) }, "lifetime", assertion.ErrLifetime},
		{"all at once", func(c claims) claims {
			return c.with("aud", legacy).with("jti", nil).with("exp", b.now.Add(time.Hour).Unix())
		}, "aud lifetime jti", assertion.ErrAudience},
		{"two of three", func(c claims) claims { return c.with("jti", nil).with("exp", b.now.Add(time.Hour).Unix()) }, "lifetime jti", assertion.ErrLifetime},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, early := range []time.Duration{24 * time.Hour, second, 1} {
				b.now = midnight.Add(-early)
				verified, err := b.verify(t, b.sign(t, "JWT", test.weak(good().with("exp", b.now.Add(time.Minute).Unix()))), profile)
				if used := strings.Join(verified.Exceptions(), " "); err != nil || used != test.used {
					t.Errorf("%v before the end: %v, used %q, want %q", early, err, used, test.used)
				}
			}
			for _, late := range []time.Duration{0, 1, 24 * time.Hour} {
				b.now = midnight.Add(late)
				verified, err := b.verify(t, b.sign(t, "JWT", test.weak(good().with("exp", b.now.Add(time.Minute).Unix()))), profile)
				if !errors.Is(err, test.strict) || verified.Exceptions() != nil {
					t.Errorf("%v behind the end: %v, want %v; used %q", late, err, test.strict, verified.Exceptions())
				}
			}
		})
	}
}

func TestVerify_excuses_nothing_else(t *testing.T) {
	b := newBench(t)
	weak := good().with("aud", legacy).with("jti", nil).with("exp", b.now.Add(time.Hour).Unix())
	for name, test := range map[string]struct {
		claims  claims
		change  func(*assertion.Profile)
		refusal error
	}{
		"a third aud":                           {weak.with("aud", "https://third.example.com"), nil, assertion.ErrAudience},
		"an aud of an exception that has ended": {weak.with("aud", older), nil, assertion.ErrAudience},
		"no aud":                                {weak.with("aud", nil), nil, assertion.ErrAudienceMissing},
		"the aud in capitals":                   {weak.with("aud", strings.ToUpper(legacy)), nil, assertion.ErrAudience},
		"two aud where it must be the only one": {weak.with("aud", []string{legacy, server}), func(p *assertion.Profile) { p.SoleAudience = true }, assertion.ErrAudienceSeveral},
		"an even longer lifetime":               {weak.with("exp", b.now.Add(time.Hour+skew+second).Unix()), nil, assertion.ErrLifetime},
		"an even older one":                     {weak.with("iat", b.now.Add(-skew-second).Unix()), nil, assertion.ErrLifetime},
		"an expired one":                        {weak.with("exp", b.now.Add(-skew).Unix()), nil, assertion.ErrExpired},
		"no exp":                                {weak.with("exp", nil), nil, assertion.ErrExpiryMissing},
		"another sub":                           {weak.with("sub", "x"), nil, assertion.ErrSubject},
		"another party":                         {weak, func(p *assertion.Profile) { p.Issuer = "x" }, assertion.ErrIssuer},
		"another key":                           {weak, func(p *assertion.Profile) { p.Keys = keysOf(newKey(t)) }, jose.ErrNoKey},
		"an exception of another kind for aud":  {weak, func(p *assertion.Profile) { p.Exceptions = p.Exceptions[1:] }, assertion.ErrAudience},
		"an exception of another kind for jti":  {weak, func(p *assertion.Profile) { p.Exceptions = p.Exceptions[:2] }, assertion.ErrIDMissing},
		"an exception without a name": {weak, func(p *assertion.Profile) {
			p.Exceptions = []assertion.Exception{{Endless: true, Audience: legacy, MaxLifetime: time.Hour, IDOptional: true}}
		}, assertion.ErrAudience},
		"an exception without an end": {weak, func(p *assertion.Profile) {
			p.Exceptions = []assertion.Exception{{Name: "x", Audience: legacy, MaxLifetime: time.Hour, IDOptional: true}}
		}, assertion.ErrAudience},
		"an exception from nothing": {weak, func(p *assertion.Profile) { p.Exceptions = make([]assertion.Exception, 3) }, assertion.ErrAudience},
		"an exception that is shorter than what holds": {good().with("exp", b.now.Add(11*time.Minute).Unix()), func(p *assertion.Profile) {
			p.Exceptions = []assertion.Exception{{Name: "x", Endless: true, MaxLifetime: time.Minute}}
		}, assertion.ErrLifetime},
	} {
		t.Run(name, func(t *testing.T) {
			profile := b.excepting()
			if test.change != nil {
				test.change(&profile)
			}
			if _, err := b.verify(t, b.sign(t, "JWT", test.claims), profile); !errors.Is(err, test.refusal) {
				t.Errorf("got %v, want %v", err, test.refusal)
			}
		})
	}
}

func TestVerify_excuses_for_ever_where_there_is_no_end(t *testing.T) {
	b := newBench(t)
	profile := b.profile()
	profile.Audiences = nil // the exception is in its place
	profile.Exceptions = []assertion.Exception{{Name: "aud", Endless: true, Audience: legacy}}
	for _, year := range []int{1971, 2026, 9998} {
		b.now = time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)
		c := good().with("exp", b.now.Add(time.Minute).Unix())
		verified, err := b.verify(t, b.sign(t, "JWT", c.with("aud", legacy)), profile)
		if used := verified.Exceptions(); err != nil || len(used) != 1 || used[0] != "aud" {
			t.Errorf("%d: %v, used %q", year, err, used)
		}
		if _, err := b.verify(t, b.sign(t, "JWT", c), profile); !errors.Is(err, assertion.ErrAudience) {
			t.Errorf("%d: this server: %v", year, err)
		}
	}
}
