package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/config"
)

// excepting is a client whose next line is one of a client assertion.
const excepting = inClient + `
    authentication: private_key_jwt
    keys: {file: batch.pem}
    grants: [client_credentials]
    client_assertion:
`

func TestException(t *testing.T) {
	allow(t, "each_of_a_client_assertion", excepting+`
      audience: {value: https://auth.example.com/token, until: 2027-03-31}
      max_lifetime: {value: 1h, until: 2027-03-31}
      jti: {value: optional, until: 2027-03-31}
`)
	allow(t, "each_of_an_issuer", inIssuer+`
    audiences: [a, {value: b, until: 2027-03-31}, {value: c, until: 2026-12-31}]
    max_lifetime: {value: 12h, until: 2027-03-31}
    jti: {value: optional, until: 2027-03-31}
`)
	allow(t, "a_day_in_quotes", excepting+`
      jti: {value: optional, until: "2027-03-31"}
`)
	allow(t, "in_json", strings.TrimSuffix(prelude, "\n")+`
issuers: [{"issuer": "i", "keys": {"file": "i.pem"}, "jti": {"value": "optional", "until": "2027-03-31"}, "allow": [{"resource": "https://api.example.com", "scopes": ["read"]}]}]
`)
	allow(t, "a_leap_day", excepting+`
      jti: {value: optional, until: 2028-02-29}
`)
	allow(t, "a_day_that_has_passed", excepting+`
      jti: {value: optional, until: 2000-01-01}
`)
	allow(t, "the_last_day_of_all", excepting+`
      jti: {value: optional, until: 9999-12-31}
`)
}

func TestExceptionWithoutAnEndOrOfNothingIsRefused(t *testing.T) {
	denyByForm(t, "no_end", excepting+`
      jti: {value: optional}             #! clients[0].client_assertion.jti.until: until is missing
`)
	denyByForm(t, "no_value", excepting+`
      jti: {until: 2027-03-31}           #! clients[0].client_assertion.jti.value: value is missing
`)
	denyByForm(t, "nothing", excepting+`
      jti: {}                            #! clients[0].client_assertion.jti: jti is empty; give it a field
`)
	denyByForm(t, "a_misspelt_end", excepting+`
      jti: {value: optional, till: 2027-03-31}   #! clients[0].client_assertion.jti.until: until is missing #! clients[0].client_assertion.jti.till: till is not a field here; the fields are value, until
`)
	denyByForm(t, "an_end_without_a_day", excepting+`
      jti: {value: optional, until: }    #! clients[0].client_assertion.jti.until: until has no value; give it one
`)
	denyByForm(t, "an_exception_of_an_exception", excepting+`
      audience: {value: {value: x, until: 2027-03-31}, until: 2027-03-31}   #! clients[0].client_assertion.audience.value: value is a mapping; write text
`)
	denyByForm(t, "a_jti_that_is_required", excepting+`
      jti: {value: required, until: 2027-03-31}  #! clients[0].client_assertion.jti.value: value is "required", which needs no exception; write jti: required
`)
	denyByForm(t, "a_jti_of_an_issuer_that_is_required", inIssuer+`
    jti: {value: required, until: 2027-03-31}    #! issuers[0].jti.value: value is "required", which needs no exception; write jti: required
`)
	denyByForm(t, "a_jti_that_is_neither", excepting+`
      jti: {value: never, until: 2027-03-31}     #! clients[0].client_assertion.jti.value: value is "never"; use one of required, optional
`)
	denyByMeaning(t, "the_issuer_identifier", excepting+`
      audience: {value: https://auth.example.com, until: 2027-03-31}   #! clients[0].client_assertion.audience.value: value is the issuer identifier, which needs no exception; leave it out
`)
	denyByMeaning(t, "a_lifetime_of_the_strict_rule", excepting+`
      max_lifetime: {value: 10m, until: 2027-03-31}   #! clients[0].client_assertion.max_lifetime.value: value is 10m, which needs no exception: 10m is the strict rule
`)
	denyByMeaning(t, "a_lifetime_that_is_stricter", inIssuer+`
    max_lifetime: {value: 5m, until: 2027-03-31}      #! issuers[0].max_lifetime.value: value is 5m, which needs no exception: 1h is the strict rule
`)
	denyByMeaning(t, "a_lifetime_of_zero", inIssuer+`
    max_lifetime: {value: 0s, until: 2027-03-31}      #! issuers[0].max_lifetime.value: value is "0s"; it can be …
`)
	denyByForm(t, "a_lifetime_that_is_none", inIssuer+`
    max_lifetime: {value: long, until: 2027-03-31}    #! issuers[0].max_lifetime.value: value is not a duration; …
`)
	denyByMeaning(t, "an_audience_with_and_without_an_end", inIssuer+`
    audiences: [a, {value: a, until: 2027-03-31}]     #! issuers[0].audiences[1]: audiences[1] is "a" again; list it once
`)
	denyByForm(t, "several_audiences_with_one_end", inIssuer+`
    audiences: {value: [a, b], until: 2027-03-31}     #! issuers[0].audiences: audiences is a mapping; write a list
`)
	denyByForm(t, "an_empty_audience", inIssuer+`
    audiences: [{value: "", until: 2027-03-31}]       #! issuers[0].audiences[0].value: value is empty; give it a value
`)
	for _, field := range []string{"subject: {value: issuer", "scope: {value: claim", "client: {value: optional", "disabled: {value: true"} {
		name, _, _ := strings.Cut(field, ":")
		denyByForm(t, "an_end_of_"+name, inIssuer+`
    `+field+`, until: 2027-03-31}       #! issuers[0].`+name+`: `+name+` is a mapping; write …
`)
	}
	denyByForm(t, "an_end_of_types", inIssuer+`
    types: [{value: at+jwt, until: 2027-03-31}]       #! issuers[0].types[0]: types[0] is a mapping; write text
`)
	denyByForm(t, "an_end_of_a_whole_issuer", inIssuer+`
    until: 2027-03-31                    #! issuers[0].until: until is not a field here; …
`)
}

func TestTheEndOfAnExceptionIsADayAndNothingElse(t *testing.T) {
	for day, problem := range map[string]string{
		`2027-3-31`: `until is not a day; …`, `27-03-31`: `until is not a day; …`, `31.3.2027`: `until is not a day; …`, `2027-03`: `until is not a day; …`,
		`20270331`: `until is not a day; …`, `2027-03-31T00:00:00Z`: `until is not a day; …`, `2027-03-31 00:00:00`: `until is not a day; …`,
		`"2027-03-31 "`: `until is not a day; …`, `"\n2027-03-31"`: `until is not a day; …`, `never`: `until is not a day; …`, `90d`: `until is not a day; …`,
		`2027`: `until is not a day; …`, `+2027-03-31`: `until is not a day; …`, `10000-01-01`: `until is not a day; …`, `""`: `until is not a day; …`,
		`true`: `until is not a day; …`, `[2027-03-31]`: `until is not a day; …`, `{day: 2027-03-31}`: `until is not a day; …`,
		// The zero time says that there is no end: it must not be written.
		`0001-01-01`: `until is not a day; …`, `0000-00-00`: `until is not a day; …`, `1999-12-31`: `until is not a day; …`,
		`2027-13-01`: `until is "2027-13-01", which the calendar does not have`, `2027-00-01`: `until is "2027-00-01", which the calendar does not have`,
		`2027-01-00`: `until is "2027-01-00", which the calendar does not have`, `2027-01-32`: `until is "2027-01-32", which the calendar does not have`,
	} {
		denyByForm(t, day, excepting+`
      jti: {value: optional, until: `+day+`}    #! clients[0].client_assertion.jti.until: `+problem+`
`)
	}
	for _, day := range []string{`2027-02-29`, `2027-02-30`, `2027-04-31`, `2100-02-29`} {
		denyByMeaning(t, day, excepting+`
      jti: {value: optional, until: `+day+`}    #! clients[0].client_assertion.jti.until: until is "`+day+`", which the calendar does not have
`)
	}
}

// What is weaker than the strict rule is an exception also where it has no end; what is not has none.
func TestWhatIsAnException(t *testing.T) {
	for name, test := range map[string]struct {
		document string
		want     []string
	}{
		"nothing is written":      {excepting + "      max_lifetime: 10m", nil},
		"stricter":                {excepting + "      max_lifetime: 5m", nil},
		"the strict rule":         {excepting + "      {audience: https://auth.example.com, jti: required}", nil},
		"another audience":        {excepting + "      audience: https://auth.example.com/", []string{"client_assertion.audience"}},
		"a longer lifetime":       {excepting + "      max_lifetime: 10m1s", []string{"client_assertion.max_lifetime"}},
		"no jti":                  {excepting + "      jti: optional", []string{"client_assertion.jti"}},
		"an issuer's audiences":   {inIssuer + "    audiences: [a, b]", nil},
		"one of them with an end": {inIssuer + "    audiences: [a, {value: b, until: 2027-03-31}]", []string{"assertion.audiences[1]"}},
		"an issuer's jti":         {inIssuer + "    jti: optional", nil},
		"its jti with an end":     {inIssuer + "    jti: {value: optional, until: 2027-03-31}", []string{"assertion.jti"}},
		"an hour":                 {inIssuer + "    max_lifetime: 1h", nil},
		"more than an hour":       {inIssuer + "    max_lifetime: 61m", []string{"assertion.max_lifetime"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := expectFaults(t, test.document)
			var got []string
			for _, client := range c.Clients {
				for _, e := range client.ClientAssertion.Exceptions {
					got = append(got, e.Name)
				}
			}
			for _, issuer := range c.Issuers {
				for _, e := range issuer.Assertion.Exceptions {
					got = append(got, e.Name)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("exceptions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnExceptionHoldsThroughItsDay(t *testing.T) {
	c := expectFaults(t, inIssuer+`
    jti: {value: optional, until: 2028-02-28}
    max_lifetime: 2h
`)
	dated, endless := c.Issuers[0].Assertion.Exceptions[1], c.Issuers[0].Assertion.Exceptions[0]
	if want := time.Date(2028, time.February, 29, 0, 0, 0, 0, time.UTC); !dated.End().Equal(want) {
		t.Errorf("it ends at %v, want %v", dated.End(), want)
	}
	if !endless.End().IsZero() {
		t.Errorf("what has no end ends at %v", endless.End())
	}
	equal(t, "position", dated.At, at(11, "issuers[0].jti"))
}

func TestEndsThatArePastOrFarAreWarnedOf(t *testing.T) {
	c := expectFaults(t, inIssuer+`
    audiences: [{value: a, until: 2026-03-01}]
    jti: {value: optional, until: 2028-03-01}
    max_lifetime: 2h
`)
	const (
		ended = "config.yaml:11: issuers[0].audiences[0]: assertion.audiences[0] has ended on 2026-03-01: the strict rule applies; take the exception out"
		far   = "config.yaml:12: issuers[0].jti: assertion.jti ends on 2028-03-01, in more than two years: nobody will remember it; choose an earlier day"
	)
	for now, want := range map[string][]string{
		"2024-03-01T00:00:00Z":      {far}, // the other ends in two years, and that is near enough
		"2026-02-28T23:59:59Z":      {far},
		"2026-03-01T00:00:00Z":      nil,
		"2026-03-01T23:59:59Z":      nil,
		"2026-03-01T20:00:00-05:00": {ended},
		"2026-03-02T00:00:00Z":      {ended},
		"2026-03-02T01:00:00+02:00": nil,
		"2028-03-01T23:59:59Z":      {ended},
	} {
		moment, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, warning := range c.ExceptionWarnings(moment) {
			got = append(got, warning.Error())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("at %s (-want +got):\n%s", now, diff)
		}
	}
	if got := c.ExceptionWarnings(time.Date(2029, 1, 1, 0, 0, 0, 0, time.UTC)); len(got) != 2 {
		t.Errorf("when both have ended: %v", got)
	}
	if got := (&config.Config{}).ExceptionWarnings(time.Time{}); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}
