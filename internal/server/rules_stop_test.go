package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/stoplist"
)

const stopSecret = "projects/acme/secrets/stops-jwks"

// stopping is acme with a stop list. mail-app asserts by itself too, and a rule maps a subject.
var stopping = strings.Replace(acme, "resources:\n", "stop_list: {secret: "+stopSecret+"}\nresources:\n", 1) + `
  - issuer: https://mapped.example.com
    keys: {file: mapped.ES256.json}
    allow:
      - {resource: https://mail.example.com, scopes: [email], subject: claims.email}
`

// withStops serves a document whose stop list has these entries.
func withStops(t *testing.T, document string, entries ...string) *deployment {
	t.Helper()
	d := prepare(t, document)
	d.stop(entries...)
	d.serve()
	return d
}

// stop writes a version of the stop list, and waits for nothing.
func (d *deployment) stop(entries ...string) {
	d.t.Helper()
	d.clock.advance(time.Second) // versions have an order
	text := "entries:\n"
	for _, entry := range entries {
		text += "  - " + entry + "\n"
	}
	if len(entries) == 0 {
		text = "entries: []\n"
	}
	d.vault.add(stopSecret, []byte(text))
}

// expectEntry holds the log to what it says of an entry of the newest version, counted from 0.
func (d *deployment) expectEntry(t *testing.T, version, entry int) {
	t.Helper()
	want := fmt.Sprintf("stopped by version %d:%d: entries[%d]", version, entry+2, entry)
	if event := d.log.lastDecision(t); event["cause"] != want {
		t.Errorf("the log says %v, want the cause %q", event, want)
	}
}

// Denied before granted: each entry stops what it names, and nobody else.
func TestStop_an_entry_stops_what_it_names_and_nothing_else(t *testing.T) {
	thumbprint := signingKey(t, "idp.ES256").ID() // These keys have no other name.
	billing := signingKey(t, "billing.ES256").ID()
	strange := func(reason string) refusal {
		return invalidGrant(reason, "assertion: its iss is not trusted here, or none of the keys known for it made the signature")
	}
	const all = "billing portal mobile mail-app idp alice"
	for entry, stops := range map[string]string{
		"{client: billing}":                                                               "billing",
		"{client: portal}":                                                                "portal",
		"{client: mobile}":                                                                "mobile",
		"{client: mail-app}":                                                              "mail-app",
		"{issuer: https://idp.example.com}":                                               "mail-app idp alice",
		"{kid: " + thumbprint + "}":                                                       "mail-app idp alice",
		"{kid: " + billing + "}":                                                          "billing",
		"{client: billing, kid: " + billing + "}":                                         "billing",
		"{client: portal, kid: " + billing + "}":                                          "",
		"{issuer: https://idp.example.com, kid: other}":                                   "",
		"{subject: alice}":                                                                "alice mail-app",
		"{subject: billing}":                                                              "billing",
		"{issuer: https://idp.example.com, subject: alice}":                               "alice mail-app",
		"{issuer: https://ci.example.com, subject: alice}":                                "",
		"{client: mail-app, subject: alice}":                                              "mail-app",
		"{client: billing, subject: alice}":                                               "",
		"{issuer: billing}":                                                               "",
		"{client: https://idp.example.com}":                                               "",
		"{client: bill}":                                                                  "",
		"{jti: nobody-has-it}":                                                            "",
		"{client: billing, issued_before: 2027-01-01T00:00:00Z}":                          "",
		"{subject: alice, issued_before: 2027-01-01T00:00:00Z}":                           "",
		"{client: mail-app, issuer: https://idp.example.com}":                             "mail-app",
		"{client: mail-app, issuer: https://ci.example.com}":                              "",
		"{subject: bob, issuer: https://idp.example.com}":                                 "idp",
		"{client: mail-app, issuer: https://idp.example.com, subject: bob}":               "",
		"{client: mail-app, issuer: https://idp.example.com, subject: alice}":             "mail-app",
		"{subject: alice@example.com}":                                                    "",
		"{issuer: https://idp.example.com, subject: alice, client: mail-app, jti: other}": "",
	} {
		t.Run(entry, func(t *testing.T) {
			d := withStops(t, stopping, "{subject: nobody}", entry)
			requests := map[string]struct {
				request request
				refusal refusal
			}{
				"billing":  {clientCredentials(d.proves("billing")), strangeClient("stopped")},
				"portal":   {clientCredentials(basic("portal", portalSecret)), strangeClient("stopped")},
				"mobile":   {clientCredentials(post("mobile", mobileSecret)), strangeClient("stopped")},
				"mail-app": {jwtBearer(sign(t, "idp.ES256", d.about("alice", idp)), clientID("mail-app")), strange("stopped")},
				"idp":      {jwtBearer(sign(t, "idp.ES256", d.about("bob", idp))), strange("stopped")},
				"alice":    {jwtBearer(sign(t, "idp.ES256", d.about("alice", idp))), strange("stopped")},
			}
			for _, denied := range strings.Fields(stops) {
				want := requests[denied]
				if denied == "mail-app" && entry == "{client: mail-app}" {
					want.refusal = strangeClient("stopped")
				}
				d.judge(t, deny(denied, want.request, want.refusal))
				d.expectEntry(t, 1, 1)
			}
			for _, name := range strings.Fields(all) {
				if !strings.Contains(" "+stops+" ", " "+name+" ") {
					d.judge(t, allow(name, requests[name].request))
				}
			}
		})
	}
}

// An assertion that names no key has been signed with one all the same.
func TestStop_a_key_is_stopped_by_whatever_name(t *testing.T) {
	d := withStops(t, stopping, "{kid: "+signingKey(t, "idp.ES256").ID()+"}")
	d.judge(t, deny("no kid", jwtBearer(forge(t, "idp.ES256", d.about("alice", idp))), func() refusal {
		r := strangeIssuer("")
		r.reason = "stopped"
		return r
	}()))
}

func TestStop_a_jti_is_stopped_when_the_assertion_is_verified(t *testing.T) {
	d := withStops(t, stopping, "{jti: GRANT}", "{client: billing, jti: CLIENT}")
	grantWith := func(jti string) request {
		return jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("jti", jti)))
	}
	clientWith := func(id, jti string) request {
		return clientCredentials(proof(sign(t, id+".ES256", d.of(id).but("jti", jti))))
	}
	strange := strangeIssuer("")
	strange.reason = "stopped"
	d.judge(t,
		deny("of a grant", grantWith("GRANT"), strange),
		deny("of a client", clientWith("billing", "CLIENT"), strangeClient("stopped")),
		deny("of a client, by whomever", clientWith("reporting", "GRANT"), strangeClient("stopped")),
		allow("another", grantWith("GRANT2")),
		allow("of another client", clientWith("reporting", "CLIENT")),
	)
}

func TestStop_the_subject_that_a_rule_maps_to_is_stopped_too(t *testing.T) {
	d := withStops(t, stopping, "{subject: alice@example.com}")
	mapped := func(email string) request {
		return jwtBearer(sign(t, "mapped.ES256", d.about("4711", "https://mapped.example.com").but("email", email)))
	}
	strange := strangeIssuer("")
	strange.reason = "stopped"
	d.judge(t,
		deny("stopped", mapped("alice@example.com"), strange),
		allow("another", mapped("bob@example.com")),
	)
}

// Protocol T8: byte by byte what an unknown or a disabled party is answered.
func TestStop_a_stopped_party_looks_like_one_that_is_not_there(t *testing.T) {
	document := strings.Replace(stopping, "  - id: mobile\n", "  - id: mobile\n    disabled: true\n", 1)
	document = strings.Replace(document, "issuer: https://ci.example.com\n", "issuer: https://ci.example.com\n    disabled: true\n", 1)
	d := withStops(t, document, "{client: billing}", "{client: portal}", "{issuer: https://idp.example.com}",
		"{kid: "+signingKey(t, "partner.ES256").ID()+"}", "{subject: mallory}")
	by := func(key, id string) request { return clientCredentials(proof(sign(t, key, d.of(id)))) }
	d.expectAlike(t, strangeClient,
		stranger{"an unknown client", by("billing.ES256", "nobody"), "client_unknown"},
		stranger{"a stopped client", by("billing.ES256", "billing"), "stopped"},
		stranger{"a stopped client with a wrong key", by("stranger.ES256", "billing"), "stopped"},
		stranger{"a disabled client with its secret", clientCredentials(post("mobile", mobileSecret)), "client_unknown"},
		stranger{"a stopped client with a secret in the wrong place", clientCredentials(post("portal", portalSecret)), "stopped"},
	)
	vouched := func(key, issuer, subject string) request { return jwtBearer(sign(t, key, d.about(subject, issuer))) }
	d.expectAlike(t, func(reason string) refusal { r := strangeIssuer(""); r.reason = reason; return r },
		stranger{"an unknown issuer", vouched("idp.ES256", "https://nobody.example.com", "alice"), "assertion_party_unknown"},
		stranger{"a disabled issuer", vouched("ci.ES256", ci, "alice"), "assertion_party_unknown"},
		stranger{"a stopped issuer", vouched("idp.ES256", idp, "alice"), "stopped"},
		stranger{"a stopped issuer with a wrong key", vouched("stranger.ES256", idp, "alice"), "stopped"},
	)
}

// Protocol R2: what is refused is not burnt.
func TestStop_an_assertion_that_was_stopped_is_not_used_up(t *testing.T) {
	d := withStops(t, stopping, "{subject: alice}")
	again := jwtBearer(sign(t, "idp.ES256", d.about("alice", idp)))
	strange := strangeIssuer("")
	strange.reason = "stopped"
	d.judge(t, deny("stopped", again, strange))
	d.stop()
	d.clock.advance(stoplist.Bound)
	d.judge(t, allow("not any more", again))
}

// The bound, measured: at the last moment before it the old list may count, and from it on the new one does.
func TestStop_a_new_version_takes_effect_within_a_minute(t *testing.T) {
	d := withStops(t, stopping)
	byPortal := func() request { return clientCredentials(basic("portal", portalSecret)) }
	d.judge(t, allow("before", byPortal()))
	read := d.clock.now() // The list was read now.
	d.vault.add(stopSecret, []byte("entries: [{client: portal}]"))
	written := d.clock.now()
	var effective time.Duration
	for d.send(t, byPortal()).status == 200 {
		if d.clock.advance(time.Second); d.clock.now().Sub(written) > time.Hour {
			t.Fatal("it never takes effect")
		}
	}
	effective = d.clock.now().Sub(written)
	if effective > stoplist.Bound || stoplist.Bound != time.Minute {
		t.Errorf("it takes effect after %s; the bound is %s (the list was read at %s)", effective, stoplist.Bound, read)
	}
	d.judge(t, deny("stopped", byPortal(), strangeClient("stopped")))
	// An instance that nobody has asked for an hour looks before it answers.
	d.stop()
	d.clock.advance(time.Hour)
	d.judge(t, allow("after an hour without a request", byPortal()))
}

func TestStop_a_broken_version_is_told_of_and_the_last_good_one_counts(t *testing.T) {
	for name, broken := range map[string]string{
		"empty": " ", "no YAML": "entries: [", "an unknown field": "entries: [{clientt: portal}]", "a blank entry": "entries: [{}]",
		"a configuration": acme, "no entries": "{}", "a list": "[{client: portal}]",
	} {
		t.Run(name, func(t *testing.T) {
			d := withStops(t, stopping, "{client: mobile}")
			stopped := func() request { return clientCredentials(post("mobile", mobileSecret)) }
			d.judge(t, deny("before", stopped(), strangeClient("stopped")))
			d.clock.advance(time.Second)
			d.vault.add(stopSecret, []byte(broken))
			for range 3 {
				d.clock.advance(stoplist.Bound)
				d.judge(t,
					deny("the last good one", stopped(), strangeClient("stopped")),
					allow("nobody else", clientCredentials(basic("portal", portalSecret))),
				)
			}
			if log := d.log.String(); strings.Count(log, "a stop list has faults and is passed over") != 1 ||
				!strings.Contains(log, stopSecret) || !strings.Contains(log, `"version":"2"`) {
				t.Errorf("nobody is told, or again and again: %s", log)
			}
			d.stop("{client: portal}")
			d.clock.advance(stoplist.Bound)
			d.judge(t, deny("the next good one", clientCredentials(basic("portal", portalSecret)), strangeClient("stopped")), allow("and it alone", stopped()))
		})
	}
}

func TestStop_an_outage_leaves_the_last_good_list_for_a_day(t *testing.T) {
	d := withStops(t, stopping, "{client: mobile}")
	stopped := func() request { return clientCredentials(post("mobile", mobileSecret)) }
	others := func() request { return clientCredentials(basic("portal", portalSecret)) }
	d.judge(t, deny("before", stopped(), strangeClient("stopped")))
	d.vault.shut(codes.Unavailable)
	for _, after := range []time.Duration{stoplist.Bound, 12 * time.Hour, 11 * time.Hour} {
		d.clock.advance(after)
		d.judge(t, deny("during", stopped(), strangeClient("stopped")), allow("others", others()))
	}
	d.clock.advance(time.Hour)
	d.judge(t,
		deny("after a day nobody knows", stopped(), unavailable("stop_list_unavailable")),
		deny("and nothing is granted", others(), unavailable("stop_list_unavailable")),
	)
	d.vault.open()
	d.clock.advance(3 * time.Second)
	d.judge(t, deny("again", stopped(), strangeClient("stopped")), allow("again", others()))
}

func TestStop_a_list_that_was_never_there_grants_nothing(t *testing.T) {
	for name, make := range map[string]func(*deployment){
		"no version":       func(*deployment) {},
		"a broken version": func(d *deployment) { d.vault.add(stopSecret, []byte("entries: [")) },
		"an outage":        func(d *deployment) { d.stop(); d.vault.shut(codes.Unavailable) },
	} {
		t.Run(name, func(t *testing.T) {
			d := prepare(t, stopping)
			make(d)
			d.serve()
			d.judge(t,
				deny("a client", clientCredentials(basic("portal", portalSecret)), unavailable("stop_list_unavailable")),
				deny("an issuer", jwtBearer(sign(t, "idp.ES256", d.about("alice", idp))), unavailable("stop_list_unavailable")),
			)
			if got := d.send(t, get("/ready")); got.status != 503 {
				t.Errorf("/ready: %d %s", got.status, got.body)
			}
			d.vault.open()
			d.stop()
			d.clock.advance(3 * time.Second)
			d.judge(t, allow("and when it is there", clientCredentials(basic("portal", portalSecret))))
			if got := d.send(t, get("/ready")); got.status != 200 {
				t.Errorf("/ready: %d %s", got.status, got.body)
			}
		})
	}
}

// A configuration that changes keeps the list that it names too: an outage at that time must not end the service.
func TestStop_a_list_is_known_across_a_reload(t *testing.T) {
	document := strings.Replace(stopping, "{directory: keys}", "{secret: projects/acme/secrets/signing-keys}", 1)
	d := prepare(t, document)
	d.stop("{client: mobile}")
	d.must(d.vault.ours.CreateSecret(context.Background(), configurationSecret))
	d.vault.add(configurationSecret, []byte(document))
	d.another()
	d.judge(t, deny("before", clientCredentials(post("mobile", mobileSecret)), strangeClient("stopped")))
	d.configure(document + "\n# changed\n")
	d.judge(t, deny("after", clientCredentials(post("mobile", mobileSecret)), strangeClient("stopped")))
	if log := d.log.String(); strings.Count(log, "a configuration takes effect") != 2 || strings.Count(log, "a stop list takes effect") != 1 {
		t.Errorf("the list is read again: %s", log)
	}
}

// The key of a certificate that a client has made itself has no other name than its thumbprint.
func TestStop_a_key_in_a_certificate_is_stopped_by_its_thumbprint(t *testing.T) {
	d := prepare(t, strings.Replace(meshed, "resources:\n", "stop_list: {secret: "+stopSecret+"}\nresources:\n", 1))
	ca := d.newAuthority("ca")
	ca.file("ca.pem")
	d.vault.add("projects/acme/secrets/proxy-jwks", []byte(proxySecret))
	d.stop("{kid: " + signingKey(t, "other.ES256").ID() + "}")
	d.serve()
	byEdge := func() request { return clientCredentials(clientID("edge"), tls(d.certificate("edge", nil))) }
	byBatch := func() request { return clientCredentials(clientID("batch"), tls(ca.issue("batch"))) }
	d.judge(t, allow("another key is stopped", byEdge()), allow("one that was issued", byBatch()))
	d.stop("{client: edge, kid: "+signingKey(t, "edge.ES256").ID()+"}", "{client: batch}")
	d.clock.advance(stoplist.Bound)
	d.judge(t,
		deny("its key", byEdge(), strangeClient("stopped")),
		deny("a client with a certificate that was issued", byBatch(), strangeClient("stopped")),
	)
}
