package server_test

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/seal"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/service"
)

// sealing has an API whose tokens are opaque.
func sealing(t *testing.T) string {
	return variant(t, variant(t, vaulted, "{secret: projects/acme/secrets/signing-keys}",
		"{secret: projects/acme/secrets/signing-keys}\nopaque_tokens: {secret: "+opaqueSecret+"}"),
		"algorithm: HS512, shared_secret: "+ledgerSecret, "format: opaque")
}

const opaqueSecret = "projects/acme/secrets/opaque"

// sealingKey is the key in a secret of this name.
func sealingKey(name string) []byte { return payload(name)[:seal.KeyLength] }

// opens returns what another instance, which has just started, makes of a token that it is asked about.
func (d *deployment) opens(t testing.TB, text string) (issued.Token, error) {
	t.Helper()
	surroundings := service.Surroundings{Now: d.clock.now, Log: server.NewLog(d.log)}
	ring, err := keys.NewSealing(surroundings.RingConfig(d.configuration, d.configuration.OpaqueTokens.Ring(), d.vault.ours.Source(opaqueSecret)))
	d.must(err)
	tokens, err := seal.New(us, ring)
	d.must(err)
	published := func(context.Context) (jose.KeySet, error) {
		set, _, err := jose.ParseKeySet([]byte(d.send(t, get(server.JWKSPath)).body), jose.RS256)
		return set, err
	}
	verifier, err := issued.New(issued.Config{Issuer: us, Keys: published, Open: tokens.Open, Now: d.clock.now})
	d.must(err)
	return verifier.Verify(t.Context(), text)
}

// unsealed returns the claims of an opaque token.
func (d *deployment) unsealed(t testing.TB, text string) map[string]any {
	t.Helper()
	token, err := d.opens(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return token.Claims()
}

func (d *deployment) forLedger(more ...part) request {
	return clientCredentials(append(more, d.proves("billing"), resource("urn:example:ledger"))...)
}

func (d *deployment) forInvoices() request {
	return clientCredentials(d.proves("billing"), resource("https://invoices.example.com"))
}

func TestW3_an_opaque_token_tells_nothing(t *testing.T) {
	d := deploy(t, sealing(t))
	got := d.grant(t, d.forLedger())
	encoded, prefixed := strings.CutPrefix(got.Token, "csat_")
	content, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if !prefixed || err != nil {
		t.Fatalf("%s: %v", got.Token, err)
	}
	for _, part := range []string{"billing", "ledger", "auth.example.com", "read", "sub", got.claims["jti"].(string), "{", "\""} {
		if len(part) > 2 && (strings.Contains(got.Token, part) || strings.Contains(string(content), part)) {
			t.Errorf("%q is in %s", part, got.Token)
		}
	}
	if again := d.grant(t, d.forLedger()); again.Token[5:15] != got.Token[5:15] || again.Token[16:46] == got.Token[16:46] {
		t.Errorf("of two tokens only the key's ID is the same: %s and %s", got.Token, again.Token)
	}
}

func TestW3_an_opaque_token_has_the_claims_of_a_JWT(t *testing.T) {
	d := deploy(t, sealing(t))
	got := d.grant(t, d.forLedger())
	want := map[string]any{
		"iss": us, "sub": "billing", "aud": "urn:example:ledger", "client_id": "billing", "scope": "ledger.read",
		"iat": noon().Unix(), "exp": noon().Unix() + 600, "jti": got.claims["jti"],
	}
	if difference := cmp.Diff(want, got.claims); difference != "" || got.Type != "Bearer" || got.ExpiresIn != 600 {
		t.Errorf("%s for %d s, want -, got +:\n%s", got.Type, got.ExpiresIn, difference)
	}
	d.clock.advance(10 * time.Minute)
	if token, err := d.opens(t, got.Token); !errors.Is(err, issued.ErrInactive) || !token.IsZero() {
		t.Errorf("it has expired: %+v, %v", token, err)
	}
}

func TestW3_an_opaque_token_is_bound_as_a_JWT_is(t *testing.T) {
	d := deploy(t, variant(t, sealing(t), "access_tokens: {format: opaque}", "access_tokens: {format: opaque}\n    dpop: required"))
	missing := refusal{400, "invalid_dpop_proof", "dpop_missing", "the token has to be bound to a key (RFC 9449), and the request has no DPoP header"}
	d.judge(t, deny("without a proof", d.forLedger(), missing))
	got := d.grant(t, d.forLedger(d.proofBy("agent.ES256").sent()))
	if confirmation, _ := got.claims["cnf"].(map[string]any); confirmation["jkt"] != thumbprint(t, "agent.ES256") || got.Type != "DPoP" {
		t.Errorf("a %s token has the cnf %v", got.Type, got.claims["cnf"])
	}
}

func TestW3_the_format_is_that_of_each_resource(t *testing.T) {
	d := deploy(t, strings.ReplaceAll(sealing(t), "ledger.read", "invoices.read"))
	own := invalidTarget("resources_differ", "one of these resources takes tokens of its own kind only; ask for one token each")
	ledger, invoices := resource("urn:example:ledger"), resource("https://invoices.example.com")
	d.judge(t,
		deny("it and another", clientCredentials(d.proves("billing"), ledger, invoices), own),
		deny("another and it", clientCredentials(d.proves("billing"), invoices, ledger), own),
	)
	for want, token := range map[string]string{"csat_": d.grant(t, d.forLedger()).Token, "eyJ": d.grant(t, d.forInvoices()).Token} {
		if !strings.HasPrefix(token, want) {
			t.Errorf("%s does not begin with %s", token, want)
		}
	}
}

func TestW3_two_resources_with_opaque_tokens_can_share_one(t *testing.T) {
	d := deploy(t, variant(t, strings.ReplaceAll(sealing(t), "ledger.read", "invoices.read"), "[invoices.read, invoices.write]", "[invoices.read, invoices.write], access_tokens: {format: opaque}"))
	got := d.grant(t, clientCredentials(d.proves("billing"), resource("urn:example:ledger"), resource("https://invoices.example.com")))
	if difference := cmp.Diff([]any{"urn:example:ledger", "https://invoices.example.com"}, got.claims["aud"]); difference != "" {
		t.Error(difference)
	}
}

func TestW3_the_keys_that_seal_are_in_no_JWK_Set_and_in_no_metadata(t *testing.T) {
	d := deploy(t, sealing(t))
	d.grant(t, d.forLedger())
	if set := d.publishedKeys(t); len(set) != 1 || set[0]["kid"] != signingKey(t, "own.ES256").ID() {
		t.Errorf("the JWK Set is %v", set)
	}
	for _, path := range []string{server.JWKSPath, "/.well-known/oauth-authorization-server"} {
		body := d.send(t, get(path)).body
		for _, part := range []string{"opaque", "A256GCM", "oct", encode(sealingKey(opaqueSecret))[:20]} {
			if strings.Contains(body, part) {
				t.Errorf("%s has %s: %s", path, part, body)
			}
		}
	}
}

// A token that is sealed here must open elsewhere, whatever is rotated.
func TestW3_a_new_key_seals_when_every_instance_knows_it(t *testing.T) {
	d := deploy(t, sealing(t))
	first := d.grant(t, d.forLedger()).Token
	d.vault.add(opaqueSecret, sealingKey("the next one"))
	d.clock.advance(ringValid)
	before := d.grant(t, d.forLedger()).Token
	d.clock.advance(10 * time.Second) // the skew
	after := d.grant(t, d.forLedger()).Token
	if keyOf(before) != keyOf(first) || keyOf(after) == keyOf(first) {
		t.Errorf("%s, %s and then %s", first, before, after)
	}
	d.unsealed(t, before) // which the key before has sealed
	d.clock.advance(ringFresh)
	d.unsealed(t, d.grant(t, d.forLedger()).Token)
	d.vault.disable(opaqueSecret, "1")
	if token, err := d.opens(t, before); !errors.Is(err, issued.ErrInactive) || !token.IsZero() {
		t.Errorf("its key is disabled: %+v, %v", token, err)
	}
	d.unsealed(t, after)
}

// keyOf returns the part of a token that names its key.
func keyOf(token string) string { return token[len(seal.Prefix):][:10] }

func TestW3_T7_without_a_key_there_is_no_opaque_token(t *testing.T) {
	for _, code := range []codes.Code{codes.Unavailable, codes.Internal, codes.PermissionDenied, codes.NotFound} {
		t.Run(code.String(), func(t *testing.T) {
			d := prepare(t, sealing(t))
			d.vault.shut(code)
			d.serve()
			proved := d.proves("billing") // one assertion throughout: an outage burns none
			again := func() request { return clientCredentials(proved, resource("urn:example:ledger")) }
			d.judge(t, deny("down", again(), unavailable("signing_key_unavailable")))
			d.expectHealth(t, 503, 503)
			d.vault.open()
			d.clock.advance(3 * time.Second)
			d.judge(t, allow("up", again()))
			d.expectHealth(t, 200, 200)
		})
	}
}

func TestW3_T7_the_keys_in_memory_serve_on_for_as_long_as_those_that_sign(t *testing.T) {
	d := deploy(t, sealing(t))
	d.judge(t, allow("at first", d.forLedger()))
	d.vault.shut(codes.Internal)
	for _, later := range []time.Duration{ringFresh, ringValid - ringFresh - time.Second} {
		d.clock.advance(later)
		got := d.grantUnverified(t, d.forLedger())
		if token, err := d.opens(t, got.Token); err == nil || errors.Is(err, issued.ErrInactive) || !token.IsZero() {
			t.Errorf("an instance without keys has decided: %+v, %v", token, err)
		}
	}
	d.clock.advance(time.Second)
	d.judge(t, deny("but not for longer", d.forLedger(), unavailable("signing_key_unavailable")))
	d.vault.open()
	d.clock.advance(3 * time.Second)
	d.judge(t, allow("up", d.forLedger()))
}

func TestW3_a_version_that_is_no_key_seals_nothing_and_is_nobody_elses_trouble(t *testing.T) {
	for name, content := range map[string][]byte{
		"text": []byte("correct horse battery staple 123"), "too short": sealingKey("a")[:31], "too long": payload("a"),
		"a key that signs": pkcs8(t, "next.ES256"),
	} {
		t.Run(name, func(t *testing.T) {
			d := deploy(t, sealing(t))
			d.vault.disable(opaqueSecret, "1")
			d.vault.add(opaqueSecret, content)
			d.clock.advance(ringFresh)
			d.judge(t,
				deny("there is no other", d.forLedger(), unavailable("signing_key_unavailable")),
				allow("which is nobody else's trouble", d.forInvoices()),
			)
			d.expectHealth(t, 503, 200)
			if log := d.log.String(); !strings.Contains(log, "holds no usable sealing key") || !strings.Contains(log, opaqueSecret) {
				t.Errorf("the log does not say so: %s", log)
			}
		})
	}
}

// The configuration changes while tokens are in use: what was sealed opens for as long as the keys are named.
func TestW3_a_signed_and_an_opaque_token_are_both_known(t *testing.T) {
	d := deploy(t, sealing(t))
	for _, token := range []string{d.grant(t, d.forLedger()).Token, d.grant(t, d.forInvoices()).Token} {
		got, err := d.opens(t, token)
		if err != nil || got.ClientID != "billing" || !slices.Contains([]string{"ledger.read", "invoices.read"}, got.Scope.String()) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// asked is sealing with an API that asks about its tokens, and another one that asks about its own.
func asked(t *testing.T) string {
	return variant(t, sealing(t), "clients:\n", `clients:
  - id: ledger-api
    authentication: private_key_jwt
    keys: {file: ledger-api.ES256.json}
    grants: ["urn:ietf:params:oauth:grant-type:token-exchange"]
    introspects: ["urn:example:ledger"]
    exchange:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
      - {resource: "urn:example:ledger", scopes: [ledger.read]}
  - id: invoices-api
    authentication: private_key_jwt
    keys: {file: invoices-api.ES256.json}
    introspects: [https://invoices.example.com]
`)
}

func TestW3_O1_O2_an_opaque_token_is_told_of_to_its_API_alone_until_it_is_taken_back(t *testing.T) {
	d := deploy(t, asked(t))
	opaque := d.grant(t, d.forLedger()).Token
	d.expectInactive(t, introspect(opaque, d.proves("invoices-api")), "aud")
	for name, changed := range map[string]string{
		"a byte less":      opaque[:len(opaque)-1],
		"a byte more":      opaque + "A",
		"without a prefix": strings.TrimPrefix(opaque, seal.Prefix),
		"in other letters": strings.ToUpper(opaque),
	} {
		if says := d.introspects(t, introspect(changed, d.proves("ledger-api"))); len(says) != 1 || says["active"] != false {
			t.Errorf("%s: %v", name, says)
		}
	}
	says := d.introspects(t, introspect(opaque, d.proves("ledger-api")))
	if says["active"] != true || says["sub"] != "billing" || says["scope"] != "ledger.read" || says["aud"] != "urn:example:ledger" {
		t.Errorf("got %v", says)
	}
	d.revokes(t, revoke(opaque, d.proves("billing")), true)
	d.expectInactive(t, introspect(opaque, d.proves("ledger-api")), "taken back")
}

func TestW3_X1_an_opaque_token_is_exchanged_as_a_JWT_is(t *testing.T) {
	d := deploy(t, asked(t))
	opaque := d.grant(t, d.forLedger()).Token
	trade := func(token string, parts ...part) request {
		return ask(append([]part{
			param("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), param("subject_token", token),
			param("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"), d.proves("ledger-api"),
		}, parts...)...)
	}
	jwt := param("requested_token_type", "urn:ietf:params:oauth:token-type:jwt")
	inactive := invalidRequest("subject_token_inactive", "subject_token: it is not an active access token of this server")
	d.judge(t,
		deny("cut off", trade(opaque[:len(opaque)-1], resource("https://invoices.example.com")), inactive),
		deny("a JWT where tokens are opaque", trade(opaque, resource("urn:example:ledger"), jwt),
			invalidRequest("requested_token_type_opaque", "requested_token_type is a JWT, and the tokens for this resource are opaque")),
	)
	got := d.grant(t, trade(opaque, resource("https://invoices.example.com"), jwt))
	if got.claims["sub"] != "billing" || got.claims["client_id"] != "ledger-api" || got.claims["scope"] != "invoices.read" {
		t.Errorf("got %v", got.claims)
	}
	d.revokes(t, revoke(opaque, d.proves("billing")), true)
	d.judge(t, deny("taken back", trade(opaque, resource("https://invoices.example.com")), inactive))
}
