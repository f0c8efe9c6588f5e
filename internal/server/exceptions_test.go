package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
)

// Exceptions with an end hold through their day in UTC. Every test of this file stands at both sides of a midnight.

const legacyAudience = "https://legacy.example.com/token"

// lenient is acme with exceptions for billing, for what reporting asserts for itself, and for the idp.
func lenient(t testing.TB) string {
	document := variant(t, acme, "keys: {file: billing.ES256.json}", `keys: {file: billing.ES256.json}
    client_assertion:
      audience: {value: `+legacyAudience+`, until: 2026-03-31}
      max_lifetime: {value: 1h, until: 2026-03-31}
      jti: {value: optional, until: 2026-03-31}`)
	document = variant(t, document, "keys: {file: reporting.ES256.json}", `keys: {file: reporting.ES256.json}
    assertion:
      audiences: [`+us+`/v2, {value: `+legacyAudience+`, until: 2026-03-31}]
      max_lifetime: {value: 2h, until: 2026-03-31}
      jti: {value: optional, until: 2026-03-31}`)
	return variant(t, document, "audiences: [mail-app]", `audiences: [mail-app, {value: `+legacyAudience+`, until: 2026-03-31}]
    max_lifetime: {value: 2h, until: 2026-03-31}
    jti: {value: optional, until: 2026-03-31}`)
}

// lastSecond is the last one of the exceptions of lenient.
var lastSecond = time.Date(2026, time.March, 31, 23, 59, 59, 0, time.UTC)

// expectExceptions holds the last decision in the log to the exceptions that it needed.
func (d *deployment) expectExceptions(t *testing.T, want ...string) {
	t.Helper()
	event := d.log.lastDecision(t)
	if _, told := event["exceptions"]; told != (len(want) > 0) {
		t.Errorf("exceptions are %v", event["exceptions"])
	}
	var got []string
	list, _ := event["exceptions"].([]any)
	for _, name := range list {
		got = append(got, name.(string))
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("exceptions: want -, got +:\n%s", difference)
	}
}

// A leniency is a weak form of an assertion, the exceptions that it needs, and what the strict rule says of it.
type leniency struct {
	name   string
	weaken func(claims) claims
	needs  []string
	strict *assertion.Fault // nil: the strict rule accepts it
}

// leniencies are those that both kinds of assertions have in common; strict is their longest lifetime without exception.
func (d *deployment) leniencies(section, audience string, strict time.Duration) []leniency {
	longer := func(c claims) claims { return c.but("exp", d.clock.in(strict+11*time.Second)) }
	return []leniency{
		{"the strict form", func(c claims) claims { return c }, nil, nil},
		{"the legacy aud", func(c claims) claims { return c.but("aud", legacyAudience) }, []string{section + "." + audience}, assertion.ErrAudience},
		{"a longer lifetime", longer, []string{section + ".max_lifetime"}, assertion.ErrLifetime},
		{"the longest of the strict rule", func(c claims) claims { return c.but("exp", d.clock.in(strict+10*time.Second)) }, nil, nil},
		{"no jti", func(c claims) claims { return c.but("jti", nil) }, []string{section + ".jti"}, assertion.ErrIDMissing},
		{"all at once", func(c claims) claims { return longer(c).but("jti", nil).but("aud", legacyAudience) },
			[]string{section + "." + audience, section + ".max_lifetime", section + ".jti"}, assertion.ErrAudience},
	}
}

// expectLeniencies holds a kind of request to its leniencies on both sides of midnight.
func (d *deployment) expectLeniencies(t *testing.T, all []leniency, make func(func(claims) claims) request, fault func(*assertion.Fault) refusal) {
	t.Helper()
	for _, l := range all {
		for _, before := range []time.Duration{30 * 24 * time.Hour, 0} {
			d.clock.set(lastSecond.Add(-before))
			d.judge(t, allow(l.name+", before the end", make(l.weaken)))
			d.expectExceptions(t, l.needs...)
		}
		for _, after := range []time.Duration{time.Second, 24 * time.Hour} {
			d.clock.set(lastSecond.Add(after))
			if l.strict == nil {
				d.judge(t, allow(l.name+", after the end", make(l.weaken)))
			} else {
				d.judge(t, deny(l.name+", after the end", make(l.weaken), fault(l.strict)))
			}
			d.expectExceptions(t)
		}
	}
}

func TestC3_C4_C6_what_is_weaker_in_a_client_assertion_ends_with_its_day(t *testing.T) {
	d := deploy(t, lenient(t))
	by := func(weaken func(claims) claims) request {
		return clientCredentials(proof(sign(t, "billing.ES256", weaken(d.of("billing")))))
	}
	d.expectLeniencies(t, d.leniencies("client_assertion", "audience", 10*time.Minute), by, clientFault)

	d.clock.set(lastSecond)
	to := func(aud any) func(claims) claims { return func(c claims) claims { return c.but("aud", aud) } }
	d.judge(t,
		deny("both aud at once", by(to([]string{us, legacyAudience})), clientFault(assertion.ErrAudienceSeveral)),
		deny("a third aud", by(to(us+"/token")), clientFault(assertion.ErrAudience)),
		deny("longer than the exception", by(func(c claims) claims { return c.but("exp", d.clock.in(time.Hour+11*time.Second)) }), clientFault(assertion.ErrLifetime)),
		deny("an empty jti", by(func(c claims) claims { return c.but("jti", "") }), clientFault(jose.ErrClaimType)),
		deny("another client with the legacy aud", clientCredentials(proof(sign(t, "reporting.ES256", d.of("reporting").but("aud", legacyAudience)))), clientFault(assertion.ErrAudience)),
	)
	once := by(to(legacyAudience))
	d.judge(t, allow("the legacy aud, once", once), deny("and once only", once, clientFault(assertion.ErrReplayed)))
	d.expectExceptions(t, "client_assertion.audience")
}

func TestG4_G5_what_is_weaker_in_an_assertion_ends_with_its_day(t *testing.T) {
	d := deploy(t, lenient(t))
	for name, by := range map[string]func(func(claims) claims) request{
		"an issuer's": func(weaken func(claims) claims) request {
			return jwtBearer(sign(t, "idp.ES256", weaken(d.about("alice", idp))))
		},
		"a client's own": func(weaken func(claims) claims) request {
			return jwtBearer(sign(t, "reporting.ES256", weaken(d.of("reporting"))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d.expectLeniencies(t, d.leniencies("assertion", "audiences[1]", time.Hour), by, grantFault)
			d.clock.set(lastSecond)
			to := func(aud any) func(claims) claims { return func(c claims) claims { return c.but("aud", aud) } }
			d.judge(t,
				deny("longer than the exception", by(func(c claims) claims { return c.but("exp", d.clock.in(2*time.Hour+11*time.Second)) }), grantFault(assertion.ErrLifetime)),
				deny("a third aud", by(to("https://third.example.com")), grantFault(assertion.ErrAudience)),
				allow("the legacy aud beside this server", by(to([]string{legacyAudience, us}))),
			)
			d.expectExceptions(t) // it would have been accepted without
		})
	}
	d.judge(t,
		deny("another issuer with the legacy aud", jwtBearer(sign(t, "ci.ES256", d.about("alice", ci).but("aud", legacyAudience)), clientID("mail-app")), grantFault(assertion.ErrAudience)),
		allow("what is listed without an end", jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("aud", "mail-app")))),
	)
	d.expectExceptions(t)
}

func TestLog_of_one_request_names_the_exceptions_of_both_assertions(t *testing.T) {
	d := deploy(t, strings.Replace(lenient(t), "keys: {file: reporting.ES256.json}", "keys: {file: reporting.ES256.json}\n    client_assertion: {jti: {value: optional, until: 2026-03-31}}", 1))
	by := func() request {
		return jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("aud", legacyAudience)), proof(sign(t, "reporting.ES256", d.of("reporting").but("jti", nil))))
	}
	d.clock.set(lastSecond)
	d.judge(t, allow("before the end", by()))
	d.expectExceptions(t, "client_assertion.jti", "assertion.audiences[1]")
	d.clock.advance(time.Second)
	d.judge(t, deny("after the end", by(), clientFault(assertion.ErrIDMissing)))
	d.expectExceptions(t)

	// A request that is refused for something else names what was needed to come so far.
	d.clock.set(lastSecond)
	refused := by()
	scope("root")(&refused)
	d.judge(t, deny("refused by its scope", refused, scopeNotAllowed))
	d.expectExceptions(t, "client_assertion.jti", "assertion.audiences[1]")
}

// What has no end is in the log as well: it is how to find out whether anybody would miss it.
func TestLog_names_an_exception_that_has_no_end(t *testing.T) {
	d := deploy(t, variant(t, acme, "keys: {file: billing.ES256.json}", `keys: {file: billing.ES256.json}
    client_assertion: {audience: `+legacyAudience+`, max_lifetime: 1h, jti: optional}`))
	by := func(weaken func(claims) claims) request {
		return clientCredentials(proof(sign(t, "billing.ES256", weaken(d.of("billing").but("aud", legacyAudience)))))
	}
	for _, now := range []time.Time{noon(), noon().AddDate(50, 0, 0)} {
		d.clock.set(now)
		d.judge(t, allow("the other aud", by(func(c claims) claims { return c })))
		d.expectExceptions(t, "client_assertion.audience")
		d.judge(t, allow("all of it", by(func(c claims) claims { return c.but("jti", nil).but("exp", d.clock.in(time.Hour)) })))
		d.expectExceptions(t, "client_assertion.audience", "client_assertion.max_lifetime", "client_assertion.jti")
		d.judge(t, deny("the issuer identifier, in whose place it is", by(func(c claims) claims { return c.but("aud", us) }), clientFault(assertion.ErrAudience)))
		d.expectExceptions(t)
	}
}

func TestThreat_an_exception_does_not_help_what_is_disabled(t *testing.T) {
	document := variant(t, lenient(t), "- id: billing\n", "- id: billing\n    disabled: true\n")
	document = variant(t, document, "- id: reporting\n", "- id: reporting\n    disabled: true\n")
	d := deploy(t, variant(t, document, "- issuer: https://idp.example.com\n", "- issuer: https://idp.example.com\n    disabled: true\n"))
	d.clock.set(lastSecond)
	weak := func(c claims) claims { return c.but("aud", legacyAudience).but("jti", nil) }
	for _, v := range []verdict{
		deny("a client", clientCredentials(proof(sign(t, "billing.ES256", weak(d.of("billing"))))), strangeClient("client_unknown")),
		deny("a client that asserts for itself", jwtBearer(sign(t, "reporting.ES256", weak(d.of("reporting")))), strangeIssuer("party_unknown")),
		deny("an issuer", jwtBearer(sign(t, "idp.ES256", weak(d.about("alice", idp)))), strangeIssuer("party_unknown")),
	} {
		d.judge(t, v)
		d.expectExceptions(t)
	}
}

// A rule on trial and an exception in use are told of the same request, and neither helps the other.
func TestLog_tells_of_exceptions_and_shadows_together(t *testing.T) {
	document := variant(t, lenient(t), "audiences: [mail-app,", "audiences: [x,")
	d := deploy(t, variant(t, document, "      - {resource: https://mail.example.com, scopes: [email]}\n  - issuer: https://partner", "      - {resource: https://mail.example.com, scopes: [email], mode: audit}\n  - issuer: https://partner"))
	by := func() request {
		return jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("aud", legacyAudience)))
	}
	d.clock.set(lastSecond)
	d.judge(t, deny("before the end", by(), noRule))
	d.expectExceptions(t, "assertion.audiences[1]")
	d.expectShadows(t, wouldGrant("issuers[0].allow[0]", "alice", "https://mail.example.com", "email", 600))
	d.clock.advance(time.Second)
	d.judge(t, deny("after the end", by(), grantFault(assertion.ErrAudience)))
	d.expectExceptions(t)
	d.expectShadows(t)
}
