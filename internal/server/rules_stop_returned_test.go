package server_test

import (
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/stoplist"
)

// Measured as at the token endpoint: what has been issued is inactive within the bound.
func TestStop_tokens_that_come_back_are_inactive_within_a_minute(t *testing.T) {
	document := asking(t, stopping)
	byMail := func(d *deployment) granted {
		return d.grant(t, jwtBearer(sign(t, "idp.ES256", d.about("alice", idp)), clientID("mail-app")))
	}
	for entry, stops := range map[string]bool{
		"{client: mail-app}": true, "{subject: alice}": true, "{client: mail-app, subject: alice}": true, "{jti: JTI}": true,
		"{subject: alice, issued_before: 2026-03-01T12:00:02Z}": true, "{client: mail-app, issued_before: 2026-03-01T12:00:02Z}": true,
		"{subject: alice, issued_before: 2026-03-01T12:00:01Z}": false, "{subject: bob}": false, "{client: portal}": false,
		"{client: portal, subject: alice}": false, "{jti: other}": false, "{issuer: https://idp.example.com}": false,
	} {
		t.Run(entry, func(t *testing.T) {
			d := withStops(t, document) // a second after noon
			token := byMail(d)
			ask := func() request { return introspect(token.Token, post("deploy-api", mobileSecret)) }
			d.expectActive(t, ask())
			d.stop(strings.Replace(entry, "JTI", token.claims["jti"].(string), 1))
			written := d.clock.now()
			for d.introspects(t, ask())["active"] == true && d.clock.now().Sub(written) < 2*stoplist.Bound {
				d.clock.advance(time.Second)
			}
			if !stops {
				d.expectActive(t, ask())
				return
			}
			d.expectInactive(t, ask(), "taken back")
			if took := d.clock.now().Sub(written); took > stoplist.Bound {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestStop_whoever_asks_about_tokens_can_be_stopped_too(t *testing.T) {
	d := withStops(t, asking(t, stopping), "{client: invoices-api}")
	token := d.token(t, clientCredentials(d.proves("billing")))
	r := introspect(token, d.proves("invoices-api"))
	d.expectRefusal(t, r, d.send(t, r), strangeClient("stopped"))
	r = revoke(token, d.proves("invoices-api"))
	d.expectRefusal(t, r, d.send(t, r), strangeClient("stopped"))
}

func TestStop_nothing_is_exchanged_of_or_by_whom_is_stopped(t *testing.T) {
	document := strings.Replace(exchanging, "resources:\n", "stop_list: {secret: "+stopSecret+"}\nresources:\n", 1)
	const subject, actor = "subject_token", "actor_token"
	strange := func(parameter string) refusal {
		r := strangeToken(parameter, "")
		r.reason = "stopped"
		return r
	}
	acts := invalidRequest("stopped", "one who acts in the token, or would, gets no tokens here")
	// Who says in what: alice in ours, bob in the issuer's, both by front; robot of the issuer acts by agent, and the client
	// agent by itself.
	for entry, want := range map[string]map[string]refusal{
		"{client: front}":                   {"ours": strangeClient("stopped"), "foreign": strangeClient("stopped")},
		"{client: batch}":                   {"ours": inactive(subject), "robot acts": inactive(subject), "agent acts": inactive(subject)},
		"{subject: alice}":                  {"ours": inactive(subject), "robot acts": inactive(subject), "agent acts": inactive(subject)},
		"{jti: OURS}":                       {"ours": inactive(subject)},
		"{subject: bob}":                    {"foreign": strange(subject)},
		"{subject: 'idp:bob'}":              {"foreign": strange(subject)},
		"{jti: FOREIGN}":                    {"foreign": strange(subject)},
		"{issuer: https://idp.example.com}": {"foreign": strange(subject), "robot acts": strange(actor)},
		"{kid: KEY}":                        {"foreign": strange(subject), "robot acts": strange(actor)},
		"{issuer: https://idp.example.com, subject: robot}":     {"robot acts": strange(actor)},
		"{issuer: https://partner.example.com, subject: robot}": {},
		"{client: agent}": {"robot acts": strangeClient("stopped"), "agent acts": strangeClient("stopped")},
		"{client: robot}": {},
		"{subject: deep}": {"a chain": acts},
		"{issuer: https://idp.example.com, subject: deep}":      {"a chain": acts},
		"{subject: alice, issued_before: 2026-03-01T13:00:00Z}": {"ours": inactive(subject), "robot acts": inactive(subject), "agent acts": inactive(subject)},
		"{subject: bob, issued_before: 2026-03-01T13:00:00Z}":   {},
		"{subject: nobody}": {},
	} {
		t.Run(entry, func(t *testing.T) {
			d := prepare(t, document)
			d.stop()
			d.serve()
			agents := d.grant(t, clientCredentials(d.proves("agent"))).Token
			d.stop(strings.Replace(entry, "KEY", signingKey(t, "idp.ES256").ID(), 1))
			d.clock.advance(stoplist.Bound)
			alices := func() string { return d.issue(d.ours()) }
			byIssuer := func(c claims) string { return sign(t, "idp.ES256", c) }
			for name, r := range map[string]request{
				"ours":       d.swap("front", oauth.TypeAccessToken, d.issue(d.ours().but("jti", "OURS")), resource(backAPI)),
				"foreign":    d.swap("front", oauth.TypeIDToken, byIssuer(d.about("bob", idp).but("jti", "FOREIGN"))),
				"robot acts": d.swap("agent", oauth.TypeAccessToken, alices(), actedBy(oauth.TypeJWT, byIssuer(d.about("robot", idp)))),
				"agent acts": d.swap("agent", oauth.TypeAccessToken, alices(), actedBy(oauth.TypeAccessToken, agents)),
				"a chain":    d.swap("front", oauth.TypeIDToken, byIssuer(d.about("carol", idp).but("act", named("robot2", within(named("deep")))))),
			} {
				refusal, denied := want[name]
				if name == "a chain" && (want["foreign"].reason == "stopped" && (strings.HasPrefix(entry, "{issuer: https://idp.example.com}") || strings.HasPrefix(entry, "{kid"))) {
					refusal, denied = strange(subject), true
				}
				if entry == "{client: front}" && name == "a chain" {
					refusal, denied = strangeClient("stopped"), true
				}
				if denied {
					d.judge(t, deny(name, r, refusal))
					continue
				}
				d.judge(t, allow(name, r))
			}
		})
	}
}

// stoppedBy is a document with the stop list.
func stoppedBy(document string) string {
	return strings.Replace(document, "resources:\n", "stop_list: {secret: "+stopSecret+"}\nresources:\n", 1)
}

func TestStop_identity_assertions_of_whom_is_stopped_grant_nothing(t *testing.T) {
	strange := strangeIssuer("")
	strange.reason = "stopped"
	key := signingKey(t, "workforce.ES256").ID()
	for entry, want := range map[string]*refusal{
		"{issuer: https://workforce.example.com}":                &strange,
		"{kid: " + key + "}":                                     &strange,
		"{subject: alice}":                                       &strange,
		"{subject: alice, client: portal}":                       &strange,
		"{subject: robot}":                                       &strange,
		"{issuer: https://workforce.example.com, subject: deep}": &strange,
		"{issuer: https://idp.example.com, subject: deep}":       nil,
		"{jti: JTI}": &strange,
		"{issuer: https://workforce.example.com, client: portal}": &strange,
		"{client: portal}":                    func() *refusal { r := strangeClient("stopped"); return &r }(),
		"{issuer: https://idp.example.com}":   nil,
		"{subject: alice, client: reporting}": nil,
		"{subject: bob}":                      nil,
	} {
		d := withStops(t, stoppedBy(crossApp), entry)
		r := byPortal(idJAG(t, d.grants().but("jti", "JTI").but("act", named("robot", within(named("deep"))))))
		if want == nil {
			d.judge(t, allow(entry, r))
			continue
		}
		d.judge(t, deny(entry, r, *want))
	}
}

func TestStop_no_identity_assertion_is_issued_of_by_or_for_whom_is_stopped(t *testing.T) {
	strange := strangeToken("subject_token", "")
	strange.reason = "stopped"
	acts := invalidRequest("stopped", "one who acts in the token, or would, gets no tokens here")
	key := signingKey(t, "idp.ES256").ID()
	for entry, want := range map[string]*refusal{
		"{issuer: https://idp.example.com}":                    &strange,
		"{kid: " + key + "}":                                   &strange,
		"{subject: alice}":                                     &strange,
		"{subject: alice, client: assistant}":                  &strange,
		"{jti: JTI}":                                           &strange,
		"{client: assistant}":                                  func() *refusal { r := strangeClient("stopped"); return &r }(),
		"{subject: robot}":                                     &acts,
		"{issuer: https://idp.example.com, subject: deep}":     &acts,
		"{issuer: https://partner.example.com, subject: deep}": nil,
		"{client: f53f191f9311af35}":                           nil,
		"{subject: bob}":                                       nil,
	} {
		d := withStops(t, stoppedBy(issuing), entry)
		idToken := d.idToken("assistant").but("jti", "JTI").but("act", named("robot", within(named("deep"))))
		r := d.trade(d.proves("assistant"), sign(t, "idp.ES256", idToken), nil)
		if want != nil {
			d.judge(t, deny(entry, r, *want))
			continue
		}
		d.issueIDJAG(t, r)
	}
}
