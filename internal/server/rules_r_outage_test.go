package server_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/server"
)

// expectHealth expects the status of what does not ask for a token. /health is 200 always.
func (d *deployment) expectHealth(t *testing.T, ready, jwks int) {
	t.Helper()
	for path, want := range map[string]int{"/health": 200, "/ready": ready, server.JWKSPath: jwks} {
		got := d.send(t, get(path))
		if got.status != want || (want == 503) != (got.header.Get("Retry-After") != "") {
			t.Errorf("%s: got %d %v %s, want %d", path, got.status, got.header, got.body, want)
		}
	}
	// What can be kept now would be kept in the outage too.
	if got := d.send(t, get(server.JWKSPath)); got.status == 503 && got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("a proxy may keep the outage: %v", got.header)
	}
}

func TestR3_T7_Secret_Manager_down_at_start_and_up_again_needs_no_restart(t *testing.T) {
	for _, code := range []codes.Code{codes.Unavailable, codes.Internal, codes.PermissionDenied, codes.NotFound} {
		t.Run(code.String(), func(t *testing.T) {
			d := prepare(t, vaulted)
			d.vault.shut(code)
			d.serve()
			down := unavailable("signing_key_unavailable")
			again := func() request { return clientCredentials(basic("portal", portalSecret)) }
			d.judge(t, deny("down", again(), down))
			d.expectHealth(t, 503, 503)
			d.judge(t,
				deny("a stranger is still a stranger", clientCredentials(basic("portal", "a-wrong-secret")), strangeClient("secret_wrong")),
				deny("a fault is still a fault", clientCredentials(basic("portal", portalSecret), scope("root")), scopeNotAllowed),
			)
			d.vault.open()
			d.clock.advance(3 * time.Second)
			d.judge(t, allow("up", again()))
			d.expectHealth(t, 200, 200)
			d.judge(t,
				allow("the keys of a client", clientCredentials(proof(mac(t, jose.HS256, payload(warehouseSecret), d.of("warehouse"))))),
				allow("the keys of an issuer", jwtBearer(mac(t, jose.HS512, payload(legacySecret), d.of("legacy-portal").but("aud", "token-service")))),
				allow("the keys of a resource", clientCredentials(d.proves("billing"), resource("urn:example:ledger"))),
			)
		})
	}
}

func TestR3_T7_when_Secret_Manager_fails_later_the_keys_in_memory_keep_serving(t *testing.T) {
	d := deploy(t, vaulted)
	everything := func(t *testing.T) {
		d.judge(t,
			allow("the keys that sign", clientCredentials(basic("portal", portalSecret))),
			allow("the keys of a client", clientCredentials(proof(mac(t, jose.HS256, payload(warehouseSecret), d.of("warehouse"))))),
			allow("the keys of an issuer", jwtBearer(mac(t, jose.HS512, payload(legacySecret), d.of("legacy-portal").but("aud", "token-service")))),
			allow("the keys of a resource", clientCredentials(d.proves("billing"), resource("urn:example:ledger"))),
		)
		d.expectHealth(t, 200, 200)
	}
	everything(t)
	d.vault.shut(codes.Internal)
	for _, later := range []time.Duration{ringFresh, time.Second, time.Minute, ringValid - 2*time.Minute - 2*time.Second} {
		d.clock.advance(later)
		everything(t)
	}
	told := d.log.lastFailure(t, "signing_keys")
	for name, want := range map[string]any{
		"severity": "ERROR", "source": signingSecret, "serving": "last_good", "age": (ringValid - time.Second).Seconds(), "left": 1.0,
	} {
		if told[name] != want {
			t.Errorf("%s: got %v, want %v", name, told[name], want)
		}
	}
	// An instance that has not seen its keys for so long may lack the one that signs elsewhere, or sign with one that is disabled.
	d.clock.advance(time.Second)
	d.judge(t, deny("but not for longer", clientCredentials(basic("portal", portalSecret)), unavailable("signing_key_unavailable")))
	d.expectHealth(t, 503, 503)
	d.vault.open()
	d.clock.advance(3 * time.Second)
	everything(t)
}

// A secret that holds what cannot be used is an outage of that party, and of nobody else.
func TestR3_a_secret_that_cannot_be_used_is_503_and_the_last_good_one_serves_on(t *testing.T) {
	d := deploy(t, vaulted)
	byWarehouse := func() request {
		return clientCredentials(proof(mac(t, jose.HS256, payload(warehouseSecret), d.of("warehouse"))))
	}
	d.judge(t, allow("good", byWarehouse()))
	d.vault.add(warehouseSecret, []byte("too short"))
	d.clock.advance(ringFresh)
	d.judge(t,
		allow("the last good one", byWarehouse()),
		deny("which is not the new one", clientCredentials(proof(handmade(t, []byte("too short"), `{"alg":"HS256"}`, string(marshal(t, d.of("warehouse")))))), strangeClient("signature")),
	)
	d.clock.advance(25 * time.Hour)
	d.judge(t,
		deny("after a day", byWarehouse(), unavailable("client_keys_unavailable")),
		allow("others are not concerned", clientCredentials(basic("portal", portalSecret))),
	)
}

func TestR3_a_disabled_version_of_a_shared_secret_verifies_nothing(t *testing.T) {
	d := deploy(t, vaulted)
	by := func(secret []byte, header string) request {
		return clientCredentials(proof(handmade(t, secret, header, string(marshal(t, d.of("warehouse"))))))
	}
	first, second := payload(warehouseSecret), payload("the second version")
	d.judge(t, allow("the only version", by(first, `{"alg":"HS256"}`)))
	d.vault.add(warehouseSecret, second)
	d.clock.advance(ringFresh)
	d.judge(t,
		allow("the first, by its number", by(first, `{"alg":"HS256","kid":"1"}`)),
		allow("the second, by its number", by(second, `{"alg":"HS256","kid":"2"}`)),
		deny("either, without", by(second, `{"alg":"HS256"}`), clientFault(jose.ErrKeyNotDefinite)),
		deny("the first, by the second's number", by(first, `{"alg":"HS256","kid":"2"}`), clientFault(jose.ErrSignature)),
	)
	d.vault.disable(warehouseSecret, "1")
	d.clock.advance(ringFresh)
	d.judge(t,
		deny("the first, disabled", by(first, `{"alg":"HS256","kid":"1"}`), clientFault(jose.ErrNoKey)),
		allow("the second, without its number", by(second, `{"alg":"HS256"}`)),
	)
	d.vault.disable(warehouseSecret, "2")
	d.clock.advance(ringFresh)
	d.judge(t, deny("all of them, disabled", by(second, `{"alg":"HS256"}`), clientFault(jose.ErrNoKey)))
}
