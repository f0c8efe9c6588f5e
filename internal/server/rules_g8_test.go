package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
)

// actions is acme with a CI system whose claims the rules look at.
const actions = acme + `
  - issuer: https://actions.example.com
    keys: {file: actions.ES256.json}
    allow:
      - if: claims.repository_id == "1234" && claims.ref == "refs/heads/main"
        subject: '"repo:" + claims.repository'
        resource: https://deploy.example.com
        scopes: [deploy.read, deploy.write]
        default_scopes: [deploy.read]
        lifetime: 5m
        claims:
          repository: claims.repository
          https://example.com/claims/run: claims.run_id
          groups: claims.groups
          ratio: claims.part / claims.whole
      - if: claims.environment.matches("staging-[a-z]+") && claims.actor != "mallory"
        resource: https://deploy.example.com
        scopes: [deploy.read]
      - if: claims.admin == true
        resource: https://invoices.example.com
        scopes: [invoices.write]
      - if: claims.labels.exists(l, claims.labels.exists(m, l + m == "trusted"))
        resource: https://mail.example.com
        scopes: [email]
`

// run is what the CI system says of a run on the main branch.
func (d *deployment) run() claims {
	return d.about("repo:acme/app:ref:refs/heads/main", "https://actions.example.com").
		but("repository_id", "1234").but("repository", "acme/app").but("ref", "refs/heads/main").but("run_id", 30433642)
}

var noRule = invalidGrant("no_rule", "no rule matches the claims of the assertion")

func TestG8_rules_look_at_the_claims(t *testing.T) {
	d := deploy(t, actions)
	by := func(c claims) request { return jwtBearer(sign(t, "actions.ES256", c)) }
	elsewhere := func() claims { return d.run().but("ref", "refs/heads/other") } // only what a row adds can match
	d.judge(t,
		allow("the main branch", by(d.run())),
		deny("another branch", by(elsewhere()), noRule),
		deny("another repository", by(d.run().but("repository_id", "12345")), noRule),
		deny("a repository that is a number", by(d.run().but("repository_id", 1234)), noRule),
		deny("no repository", by(d.run().but("repository_id", nil)), noRule),
		deny("a branch that begins alike", by(d.run().but("ref", "refs/heads/main2")), noRule),
		deny("a branch with a line break behind", by(d.run().but("ref", "refs/heads/main\n")), noRule),
		deny("a list of branches", by(d.run().but("ref", []string{"refs/heads/main"})), noRule),
		deny("no subject to map", by(d.run().but("repository", nil)), noRule),
		deny("a subject that is a number", by(d.run().but("repository", 7)), noRule),
		allow("a pattern", by(elsewhere().but("environment", "staging-eu").but("actor", "alice"))),
		deny("a pattern, and more behind", by(elsewhere().but("environment", "staging-eu.evil").but("actor", "alice")), noRule),
		deny("a pattern, and more before", by(elsewhere().but("environment", "not-staging-eu").but("actor", "alice")), noRule),
		deny("a pattern, and a line break", by(elsewhere().but("environment", "staging-eu\n").but("actor", "alice")), noRule),
		deny("a pattern against a list", by(elsewhere().but("environment", []string{"staging-eu"}).but("actor", "alice")), noRule),
		deny("the one who is excluded", by(elsewhere().but("environment", "staging-eu").but("actor", "mallory")), noRule),
		deny("nobody, where one is excluded", by(elsewhere().but("environment", "staging-eu")), noRule),
		deny("an empty name, where one is excluded", by(elsewhere().but("environment", "staging-eu").but("actor", "")), noRule),
		allow("true", by(elsewhere().but("admin", true))),
		deny("false", by(elsewhere().but("admin", false)), noRule),
		deny("the text true", by(elsewhere().but("admin", "true")), noRule),
		deny("1", by(elsewhere().but("admin", 1)), noRule),
		deny("a list with true", by(elsewhere().but("admin", []bool{true})), noRule),
		allow("two labels", by(elsewhere().but("labels", []string{"tru", "sted"}))),
		deny("so many labels that nobody can look at them", by(elsewhere().but("labels", append(strings.Split(strings.Repeat("x ", 1000), " "), "tru", "sted"))), noRule),
		allow("without a rule's condition, for others", jwtBearer(d.vouches("idp.ES256", idp))),
	)
}

func TestG8_rules_map_the_subject_and_chosen_claims(t *testing.T) {
	d := deploy(t, actions)
	got := d.grant(t, jwtBearer(sign(t, "actions.ES256", d.run().but("groups", []any{"a", map[string]any{"b": 1}}).but("part", 1.5).but("whole", 2.5))))
	want := map[string]any{
		"iss": us, "sub": "repo:acme/app", "aud": "https://deploy.example.com", "client_id": "repo:acme/app", "scope": "deploy.read",
		"iat": d.clock.in(0), "exp": d.clock.in(5 * time.Minute), "jti": got.claims["jti"],
		"repository": "acme/app", "https://example.com/claims/run": int64(30433642),
		"groups": []any{"a", map[string]any{"b": int64(1)}}, "ratio": 0.6,
	}
	if difference := cmp.Diff(want, got.claims); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
}

func TestG8_a_claim_that_cannot_be_copied_is_left_out(t *testing.T) {
	d := deploy(t, actions)
	for name, c := range map[string]claims{
		"not there":              d.run(),
		"null":                   d.run().but("groups", []any{}).but("groups", nil).but("part", nil),
		"divided by nothing":     d.run().but("part", 1.5).but("whole", 0.0),
		"divided by almost zero": d.run().but("part", 1e300).but("whole", 1e-300),
		"of unlike kinds":        d.run().but("part", "x").but("whole", 2),
	} {
		t.Run(name, func(t *testing.T) {
			got := d.grant(t, jwtBearer(sign(t, "actions.ES256", c)))
			if value, copied := got.claims["ratio"]; copied {
				t.Errorf("got %v", value)
			}
		})
	}
}

// Else an API that knows the client by its name would take the one for the other (RFC 9700 §4.15).
func TestG8_no_issuer_vouches_for_somebody_with_the_name_of_a_client(t *testing.T) {
	d := deploy(t, acme)
	poses := invalidGrant("subject_is_client", "the subject that the assertion stands for has the name of a client")
	about := func(subject string, parts ...part) request {
		return jwtBearer(sign(t, "idp.ES256", d.about(subject, idp)), parts...)
	}
	d.judge(t,
		deny("a client that is not there", about("billing"), poses),
		deny("a client, sent by another one", about("billing", d.proves("reporting")), poses),
		deny("a client, sent by one that only says who it is", about("mail-app", clientID("mail-app")), poses),
		allow("the client itself, authenticated", about("reporting", d.proves("reporting"))),
		allow("a name that begins alike", about("billing2")),
	)
}

func TestG9_rec_token_is_there_only_where_it_is_turned_on(t *testing.T) {
	on := variant(t, acme, "resources:", "troubleshooting: {rec_token: true}\nresources:")
	for name, document := range map[string]string{
		"off, since nothing is said": acme,
		"off":                        strings.Replace(on, "true", "false", 1),
	} {
		t.Run(name, func(t *testing.T) {
			d := deploy(t, document)
			if got := d.grant(t, jwtBearer(d.vouches("idp.ES256", idp))); got.RecToken != nil || strings.Contains(got.body, "rec_token") {
				t.Errorf("got %v", got.RecToken)
			}
		})
	}
	t.Run("on", func(t *testing.T) {
		d := deploy(t, on)
		said := d.about("alice", idp).but("email", "alice@example.com")
		got := d.grant(t, jwtBearer(sign(t, "idp.ES256", said)))
		want := map[string]any{
			"iss": idp, "sub": "alice", "aud": us, "jti": said["jti"], "email": "alice@example.com",
			"iat": float64(d.clock.in(0)), "exp": float64(d.clock.in(5 * time.Minute)),
		}
		if difference := cmp.Diff(want, got.RecToken); difference != "" {
			t.Errorf("want -, got +:\n%s", difference)
		}
		if own := d.grant(t, clientCredentials(d.proves("billing"))); own.RecToken != nil {
			t.Errorf("a client's credential is repeated: %v", own.RecToken)
		}
		refused := d.send(t, jwtBearer(sign(t, "idp.ES256", said)))
		if refused.status != 400 || strings.Contains(refused.body, "alice") {
			t.Errorf("a refusal repeats the claims: %s", refused.body)
		}
		if warnings := d.configuration.Warnings.Error(); !strings.Contains(warnings, "rec_token is on") {
			t.Errorf("nobody is warned: %q", warnings)
		}
	})
}

// The first seed: an assertion with a shared secret, issuer and audience fixed, and the claims in the answer.
func TestG9_the_first_seed_works_with_every_HMAC(t *testing.T) {
	for _, algorithm := range jose.SymmetricAlgorithms() {
		for _, recToken := range []string{"true", "false"} {
			t.Run(string(algorithm)+", rec_token "+recToken, func(t *testing.T) {
				document := variant(t, vaulted, "legacy-hmac, algorithm: HS512", "legacy-hmac, algorithm: "+string(algorithm))
				d := deploy(t, variant(t, document, "resources:", "troubleshooting: {rec_token: "+recToken+"}\nresources:"))
				secret := payload(legacySecret)
				said := d.about("4711", "legacy-portal").but("aud", "token-service")
				got := d.grant(t, jwtBearer(mac(t, algorithm, secret, said), scope("invoices.read")))
				if got.claims["sub"] != "4711" || got.Scope != "invoices.read" || (got.RecToken != nil) != (recToken == "true") {
					t.Errorf("got %s", got.body)
				}
				other := map[jose.Algorithm]jose.Algorithm{jose.HS256: jose.HS384, jose.HS384: jose.HS512, jose.HS512: jose.HS256}[algorithm]
				fresh := said.but("jti", "another")
				d.judge(t,
					deny("replayed", jwtBearer(mac(t, algorithm, secret, said)), invalidGrant("assertion_replayed", "assertion: jti has been used before; each assertion is good for one request")),
					deny("another hash", jwtBearer(mac(t, other, secret, fresh)), strangeIssuer("key_unknown")),
					deny("another secret", jwtBearer(mac(t, algorithm, payload("other"), fresh)), strangeIssuer("signature")),
					deny("another issuer", jwtBearer(mac(t, algorithm, secret, fresh.but("iss", "legacy"))), strangeIssuer("party_unknown")),
					deny("another audience", jwtBearer(mac(t, algorithm, secret, fresh.but("aud", "token"))), invalidGrant("assertion_aud", "assertion: aud is not this server")),
					allow("and a good one", jwtBearer(mac(t, algorithm, secret, fresh))),
				)
			})
		}
	}
}
