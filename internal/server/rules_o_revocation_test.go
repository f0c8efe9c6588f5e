package server_test

import (
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
)

func TestO2_revocation_needs_the_client_that_the_token_was_issued_to(t *testing.T) {
	d := deploy(t, asking(t, acme))
	token := d.token(t, clientCredentials(d.proves("billing")))
	missing := invalidClient("client_missing", "revocation needs client authentication, and the request has none")
	d.judge(t,
		deny("nobody", revoke(token), missing),
		deny("the name of the client", revoke(token, clientID("billing")), strangeClient("method_wrong")),
		deny("a wrong secret", revoke(token, basic("portal", "a-wrong-secret")), strangeClient("secret_wrong")),
		deny("a wrong signature", revoke(token, proof(forge(t, "stranger.ES256", d.of("billing")))), strangeClient("signature")),
		deny("an unknown client", revoke(token, post("nobody", mobileSecret)), strangeClient("client_unknown")),
		deny("a disabled client", revoke(token, proof(sign(t, "former.ES256", d.of("former-api")))), strangeClient("client_unknown")),
	)
	d.revokes(t, revoke(token, d.proves("reporting")), false)
	d.revokes(t, revoke(token, basic("portal", portalSecret)), false)
	d.revokes(t, revoke(token, clientID("mail-app")), false)
	d.revokes(t, revoke(token, d.proves("invoices-api")), false) // the API that it is for
	d.expectActive(t, introspect(token, d.proves("invoices-api")))

	d.revokes(t, revoke(token, d.proves("billing"), param("token_type_hint", "refresh_token")), true)
	d.expectInactive(t, introspect(token, d.proves("invoices-api")), "taken back")
}

func TestO2_what_is_no_active_token_of_ours_is_answered_like_one(t *testing.T) {
	d := deploy(t, asking(t, acme))
	token := d.token(t, clientCredentials(d.proves("billing")))
	old := d.token(t, clientCredentials(d.proves("billing")))
	d.revokes(t, revoke(old, d.proves("billing")), true)
	for _, text := range []string{
		"x", "a-refresh-token-of-somewhere-else", token[:len(token)-1], token + "A", d.vouches("idp.ES256", idp), sign(t, "billing.ES256", d.of("billing")),
		handmade(t, privateKey(t, "stranger.ES256"), `{"alg":"ES256","typ":"at+jwt"}`, strings.Repeat("x", 100)), strings.Repeat("x", 60000), old,
	} {
		d.revokes(t, revoke(text, d.proves("billing")), false)
	}
	d.expectActive(t, introspect(token, d.proves("invoices-api")))
	d.clock.advance(tokenLife)
	d.revokes(t, revoke(token, d.proves("billing")), false)
}

// Whoever has a token of a client without authentication has all that this client has.
func TestO2_a_client_without_authentication_takes_its_own_tokens_back(t *testing.T) {
	d := deploy(t, asking(t, acme))
	mine := d.token(t, jwtBearer(d.vouches("idp.ES256", idp), clientID("mail-app")))
	others := d.token(t, clientCredentials(d.proves("billing")))
	nobodys := d.token(t, jwtBearer(d.vouches("idp.ES256", idp)))
	d.revokes(t, revoke(others, clientID("mail-app")), false)
	d.revokes(t, revoke(nobodys, clientID("mail-app")), false)
	d.revokes(t, revoke(mine, clientID("mail-app")), true)
	d.expectInactive(t, introspect(mine, post("deploy-api", mobileSecret)), "taken back")
	d.expectActive(t, introspect(nobodys, post("deploy-api", mobileSecret)))
	d.expectActive(t, introspect(others, d.proves("invoices-api")))
}

func TestO2_a_revoked_token_is_inactive_at_every_instance_until_it_expires(t *testing.T) {
	all, _ := instances(t, asking(t, acme), 3, 100)
	token := all[0].token(t, clientCredentials(all[0].proves("billing")))
	for _, d := range all {
		d.expectActive(t, introspect(token, d.proves("invoices-api")))
	}
	all[1].revokes(t, revoke(token, all[1].proves("billing")), true)
	for _, life := range []time.Duration{0, time.Minute, tokenLife - time.Minute - time.Second} {
		all[0].clock.advance(life)
		for _, d := range all {
			d.expectInactive(t, introspect(token, d.proves("invoices-api")), "taken back")
			d.revokes(t, revoke(token, d.proves("billing")), false)
		}
	}
	all[0].clock.advance(time.Second)
	all[0].expectInactive(t, introspect(token, all[0].proves("invoices-api")), "expired")
}

func TestO2_a_replayed_client_assertion_is_refused_at_every_instance(t *testing.T) {
	all, _ := instances(t, asking(t, acme), 2, 100)
	token := all[0].token(t, clientCredentials(all[0].proves("billing")))
	asks, revokes := all[0].proves("invoices-api"), all[0].proves("billing")
	all[0].expectActive(t, introspect(token, asks))
	all[0].revokes(t, revoke("x", revokes), false)
	all[1].judge(t,
		deny("introspection", introspect(token, asks), clientFault(assertion.ErrReplayed)),
		deny("revocation", revoke(token, revokes), clientFault(assertion.ErrReplayed)),
	)
	all[1].expectActive(t, introspect(token, all[1].proves("invoices-api")))
}

func TestO1_O2_a_store_that_does_not_answer_fails_both(t *testing.T) {
	all, stores := instances(t, asking(t, acme), 1, 100)
	d := all[0]
	token, revoked := d.token(t, clientCredentials(d.proves("billing"))), d.token(t, clientCredentials(d.proves("billing")))
	d.revokes(t, revoke(revoked, d.proves("billing")), true)
	asks, revokes := d.proves("invoices-api"), d.proves("billing")
	stores.shut.Store(true)
	down := unavailable("revocation_store_unavailable")
	d.judge(t,
		deny("introspection", introspect(token, asks), down),
		deny("introspection of what was taken back", introspect(revoked, d.proves("invoices-api")), down),
		deny("by a secret", introspect(d.token(t, clientCredentials(post("mobile", mobileSecret))), post("deploy-api", mobileSecret)), down),
		deny("revocation", revoke(token, revokes), down),
	)
	d.expectInactive(t, introspect("x", d.proves("invoices-api")), "part")
	stores.shut.Store(false)
	d.expectActive(t, introspect(token, asks)) // which that has not burnt
	stores.shutUses.Store(true)
	d.judge(t,
		deny("introspection that could be a replay", introspect(token, d.proves("invoices-api")), unavailable("replay_store_unavailable")),
		deny("revocation that could be a replay", revoke(token, revokes), unavailable("replay_store_unavailable")),
	)
	d.expectActive(t, introspect(d.token(t, jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("jti", nil)))), post("deploy-api", mobileSecret))) // nothing to remember
	stores.shutUses.Store(false)
	d.expectActive(t, introspect(token, d.proves("invoices-api")))
	d.revokes(t, revoke(token, revokes), true)
}

func TestO2_memory_that_is_full_refuses_and_forgets_nothing(t *testing.T) {
	all, _ := instances(t, asking(t, acme), 1, 2)
	d := all[0]
	var tokens []string
	for range 3 {
		tokens = append(tokens, d.token(t, clientCredentials(d.proves("billing"))))
	}
	d.revokes(t, revoke(tokens[0], d.proves("billing")), true)
	d.revokes(t, revoke(tokens[1], d.proves("billing")), true)
	d.judge(t, deny("a third", revoke(tokens[2], d.proves("billing")), unavailable("revocation_store_unavailable")))
	for _, token := range tokens[:2] {
		d.expectInactive(t, introspect(token, d.proves("invoices-api")), "taken back")
	}
	d.expectActive(t, introspect(tokens[2], d.proves("invoices-api")))
	d.clock.advance(tokenLife)
	d.revokes(t, revoke(d.token(t, clientCredentials(d.proves("billing"))), d.proves("billing")), true)
}

func TestO2_a_new_configuration_forgets_no_revocation(t *testing.T) {
	document := variant(t, vaulted, "clients:\n", `clients:
  - id: apis
    authentication: private_key_jwt
    keys: {file: apis.ES256.json}
    introspects: [https://invoices.example.com]
`)
	d := follow(t, document)
	byPortal := func() request { return clientCredentials(basic("portal", portalSecret)) }
	token, other := d.token(t, byPortal()), d.token(t, byPortal())
	d.revokes(t, revoke(token, basic("portal", portalSecret)), true)
	d.configure(document + "\n# the same, and a new version\n")
	d.expectInactive(t, introspect(token, d.proves("apis")), "taken back")
	d.expectActive(t, introspect(other, d.proves("apis")))
	d.configure(vaulted)
	if got := d.send(t, introspect(other, d.proves("billing"))); got.status != 404 {
		t.Errorf("nobody introspects any more, and the answer is %d %s", got.status, got.body)
	}
}

func TestO2_the_log_says_who_took_what_back(t *testing.T) {
	d := deploy(t, asking(t, acme))
	got := d.grant(t, clientCredentials(d.proves("billing")))
	d.revokes(t, revoke(got.Token, d.proves("reporting")), false)
	event := d.log.lastDecision(t)
	for name, want := range map[string]any{
		"severity": "INFO", "message": "revocation answered", "event": "revocation", "client_id": "reporting", "jti": got.claims["jti"],
		"token_client_id": "billing", "revoked": false, "why_not": "it was issued to another client",
	} {
		if event[name] != want {
			t.Errorf("%s: got %v, want %v", name, event[name], want)
		}
	}
	d.revokes(t, revoke(got.Token, d.proves("billing")), true)
	event = d.log.lastDecision(t)
	for name, want := range map[string]any{"client_id": "billing", "jti": got.claims["jti"], "revoked": true, "why_not": nil, "error": nil} {
		if event[name] != want {
			t.Errorf("%s: got %v, want %v", name, event[name], want)
		}
	}
	d.send(t, revoke(got.Token))
	event = d.log.lastDecision(t)
	for name, want := range map[string]any{"severity": "WARNING", "message": "revocation refused", "reason": "client_missing", "jti": nil, "revoked": nil, "grant_type": nil} {
		if event[name] != want {
			t.Errorf("%s: got %v, want %v", name, event[name], want)
		}
	}
	if count := strings.Count(d.log.String(), `"event":"revocation"`); count != 3 {
		t.Errorf("there are %d lines of three requests", count)
	}
}
