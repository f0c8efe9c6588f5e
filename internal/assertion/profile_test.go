package assertion_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
)

// at is a date claim so far from epoch. A whole second is written without a fraction.
func at(d time.Duration) any {
	seconds := float64(epoch.Unix()) + d.Seconds()
	if seconds == math.Trunc(seconds) {
		return int64(seconds)
	}
	return seconds
}

const (
	second = time.Second
	half   = time.Second / 2
)

// RFC 7523 §3 item 4; protocol C3, G5.
func TestVerify_holds_exp_to_the_second(t *testing.T) {
	exp := func(ahead time.Duration) claims { return good().with("exp", at(ahead)) }
	newBench(t).judge(t, nil,
		allow("ahead", exp(second)),
		allow("now", exp(0)),
		allow("just within the skew", exp(-skew+second)),
		allow("just within the skew, with a fraction", exp(-skew+half)),
		deny("exactly the skew ago", exp(-skew), assertion.ErrExpired),
		deny("a fraction beyond the skew", exp(-skew-half), assertion.ErrExpired),
		deny("yesterday", exp(-24*time.Hour), assertion.ErrExpired),
		deny("in 1970", good().with("exp", 0), assertion.ErrExpired),
		deny("not there", good().with("exp", nil), assertion.ErrExpiryMissing),
	)
}

// RFC 7523 §3 items 5 and 6; protocol C6.
func TestVerify_holds_nbf_and_iat_to_the_second(t *testing.T) {
	for name, refusal := range map[string]error{"nbf": assertion.ErrNotYetValid, "iat": assertion.ErrIssuedInFuture} {
		ahead := func(d time.Duration) claims { return good().with(name, at(d)) }
		newBench(t).judge(t, nil,
			allow(name+" long ago", ahead(-9*time.Minute)),
			allow(name+" now", ahead(0)),
			allow(name+" exactly the skew ahead", ahead(skew)),
			deny(name+" a fraction beyond the skew", ahead(skew+half), refusal),
			deny(name+" a second beyond the skew", ahead(skew+second), refusal),
			deny(name+" in the year 9999", good().with(name, int64(253402300799)), refusal),
		)
	}
}

// Protocol C6: an old iat with a near exp is a long-lived assertion too.
func TestVerify_bounds_the_lifetime_from_both_ends(t *testing.T) {
	const most = 10 * time.Minute
	lives := func(from, to time.Duration) claims { return good().with("iat", at(from)).with("exp", at(to)) }
	exp := func(ahead time.Duration) claims { return good().with("exp", at(ahead)) }
	newBench(t).judge(t, nil,
		allow("as far ahead as allowed", exp(most)),
		allow("as far ahead as allowed by a clock that is ahead", exp(most+skew)),
		allow("the whole lifetime", lives(0, most)),
		allow("the whole lifetime by a clock that is ahead", lives(skew, most+skew)),
		allow("at the end of its lifetime", lives(-most-skew+second, -skew+second)),
		deny("a fraction further", exp(most+skew+half), assertion.ErrLifetime),
		deny("a second further", exp(most+skew+second), assertion.ErrLifetime),
		deny("a year", exp(365*24*time.Hour), assertion.ErrLifetime),
		deny("the year 9999", good().with("exp", int64(253402300799)), assertion.ErrLifetime),
		deny("issued long ago, near its end", lives(-24*time.Hour, second), assertion.ErrLifetime),
		deny("issued a second too long ago", lives(-most-skew, second), assertion.ErrLifetime),
		deny("issued in 1970", good().with("iat", 0), assertion.ErrLifetime),
	)
}

// RFC 7523 §3 item 2; protocol C3, G3.
func TestVerify_holds_sub_to_the_rule(t *testing.T) {
	sub := func(value any) claims { return good().with("sub", value) }
	for _, rule := range []struct {
		name string
		rule assertion.Subject
		rows []row
	}{
		{"issuer", assertion.SubjectIsIssuer, []row{
			allow("the issuer", sub(issuer)),
			deny("somebody else", sub("other"), assertion.ErrSubject),
			deny("the issuer in other letters", sub("https://Issuer.example"), assertion.ErrSubject),
			deny("the issuer with a slash", sub(issuer+"/"), assertion.ErrSubject),
			deny("the issuer with a space", sub(issuer+" "), assertion.ErrSubject),
			deny("nobody", sub(nil), assertion.ErrSubjectMissing),
		}},
		{"required", assertion.SubjectRequired, []row{
			allow("the issuer", sub(issuer)),
			allow("somebody else", sub("other")),
			deny("nobody", sub(nil), assertion.ErrSubjectMissing),
		}},
		{"may be absent", assertion.SubjectMayBeAbsent, []row{
			allow("the issuer", sub(issuer)),
			allow("nobody", sub(nil)),
			deny("somebody else", sub("other"), assertion.ErrSubject),
		}},
		{"a rule that does not exist", assertion.Subject(99), []row{
			allow("the issuer", sub(issuer)),
			deny("somebody else", sub("other"), assertion.ErrSubject),
			deny("nobody", sub(nil), assertion.ErrSubjectMissing),
		}},
	} {
		t.Run(rule.name, func(t *testing.T) {
			newBench(t).judge(t, func(p *assertion.Profile) { p.Subject = rule.rule }, rule.rows...)
		})
	}
}

func TestVerified_Subject_is_iss_where_sub_is_absent(t *testing.T) {
	b := newBench(t)
	profile := b.profile()
	profile.Subject = assertion.SubjectMayBeAbsent
	verified, err := b.verify(t, b.sign(t, "JWT", good().with("sub", nil)), profile)
	if err != nil || verified.Subject() != issuer {
		t.Errorf("%q, %v", verified.Subject(), err)
	}
}

// RFC 7523 §3 item 3; protocol G4.
func TestVerify_finds_this_server_in_aud(t *testing.T) {
	aud := func(value any) claims { return good().with("aud", value) }
	newBench(t).judge(t, func(p *assertion.Profile) { p.Audiences = []string{server, server + "/token"} },
		allow("a string", aud(server)),
		allow("the other value", aud(server+"/token")),
		allow("an array of one", aud([]string{server})),
		allow("among others", aud([]string{"https://other.example", server})),
		deny("not there", aud(nil), assertion.ErrAudienceMissing),
		deny("another server", aud("https://other.example"), assertion.ErrAudience),
		deny("only others", aud([]string{"https://other.example", "https://third.example"}), assertion.ErrAudience),
		deny("a slash behind", aud(server+"/"), assertion.ErrAudience),
		deny("capital letters", aud("https://AUTH.example.com"), assertion.ErrAudience),
		deny("a port", aud(server+":443"), assertion.ErrAudience),
		deny("a prefix", aud("https://auth.example"), assertion.ErrAudience),
		deny("a longer host", aud(server+".evil.example"), assertion.ErrAudience),
		deny("user information", aud("https://auth.example.com@evil.example"), assertion.ErrAudience),
		deny("in a query", aud("https://evil.example/?"+server), assertion.ErrAudience),
		deny("both in one string", aud(server+" "+server+"/token"), assertion.ErrAudience),
	)
}

// Protocol C4; the OpenID Foundation's disclosure of 2025.
func TestVerify_can_demand_to_be_the_sole_audience(t *testing.T) {
	aud := func(value any) claims { return good().with("aud", value) }
	newBench(t).judge(t, func(p *assertion.Profile) { p.SoleAudience = true },
		allow("a string", aud(server)),
		allow("an array of one", aud([]string{server})),
		deny("audience injection: this server and another", aud([]string{server, "https://other.example"}), assertion.ErrAudienceSeveral),
		deny("audience injection: another and this server", aud([]string{"https://other.example", server}), assertion.ErrAudienceSeveral),
		deny("this server twice", aud([]string{server, server}), assertion.ErrAudienceSeveral),
		deny("another server", aud("https://other.example"), assertion.ErrAudience),
		deny("the token endpoint", aud(server+"/token"), assertion.ErrAudience),
		deny("not there", aud(nil), assertion.ErrAudienceMissing),
	)
}

// RFC 8725 §3.11, RFC 7515 §4.1.9; protocol C5, G6.
func TestVerify_accepts_only_the_types_of_its_profile(t *testing.T) {
	b := newBench(t)
	profile := b.profile()
	profile.Types = []string{"client-authentication+jwt"}
	for _, typ := range []string{
		"", "JWT", "jwt", "Jwt", "application/jwt", "Application/JWT", "client-authentication+jwt", "CLIENT-Authentication+JWT",
		"application/client-authentication+jwt",
	} {
		if _, err := b.verify(t, b.sign(t, typ, good()), profile); err != nil {
			t.Errorf("%q: %v", typ, err)
		}
	}
	for _, typ := range []string{
		"at+jwt", "application/at+jwt", "AT+JWT", "dpop+jwt", "logout+jwt", "secevent+jwt", "oauth-id-jag+jwt", "id_token+jwt",
		"application/application/jwt", "application/", "text/jwt", "jwt ", " jwt", "jwt+", "JWT+client-authentication", "JOSE",
		"client-authentication", "client-authentication+jwt+x", "x-client-authentication+jwt", "jwt\x00",
	} {
		if _, err := b.verify(t, b.sign(t, typ, good()), profile); !errors.Is(err, assertion.ErrType) {
			t.Errorf("%q: %v", typ, err)
		}
	}
}

// Protocol C3, G5.
func TestVerify_demands_a_jti_where_the_profile_does(t *testing.T) {
	rows := []row{allow("with one", good()), deny("without", good().with("jti", nil), assertion.ErrIDMissing)}
	newBench(t).judge(t, nil, rows...)
	newBench(t).judge(t, func(p *assertion.Profile) { p.IDRequired = false },
		allow("optional, with one", good()), allow("optional, without", good().with("jti", nil)))
}

// docs/conformance.md: prefixes and look-alikes of an issuer. Its own key does not help it.
func TestVerify_compares_the_issuer_character_by_character(t *testing.T) {
	for _, other := range []string{
		"https://issuer.example/", "https://ISSUER.example", "https://issuer.example@evil.example", "https://issuer.example.evil.example",
		"https://evil.example/?https://issuer.example/", "https://issuer.exampl", "issuer.example", "https://issuer.example ", "*",
	} {
		c := good().with("iss", other).with("sub", other)
		newBench(t).judge(t, nil, deny(other, c, assertion.ErrIssuer))
	}
}
