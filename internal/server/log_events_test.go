package server_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

// Whoever finds a token somewhere learns from the log which key made it; and a key that nobody rotates grows old in the
// log before anybody else notices.
func TestLog_a_granted_token_names_its_key_and_how_old_that_is(t *testing.T) {
	d := deploy(t, vaulted)
	d.clock.advance(90 * 24 * time.Hour)
	for _, api := range []string{"https://invoices.example.com", "urn:example:ledger"} {
		granted := d.grant(t, clientCredentials(d.proves("billing"), resource(api)))
		var header struct{ Kid string }
		encoded, _, _ := strings.Cut(granted.Token, ".")
		d.must(json.Unmarshal(decode(t, encoded), &header))
		if event := d.log.lastDecision(t); event["kid"] != header.Kid || event["key_age"] != 7776000.0 {
			t.Errorf("%s: got %v of age %v, and the token has %v", api, event["kid"], event["key_age"], header.Kid)
		}
	}
}

func TestLog_a_granted_opaque_token_names_its_key_and_how_old_that_is(t *testing.T) {
	d := deploy(t, sealing(t))
	d.clock.advance(time.Hour)
	d.grantUnverified(t, clientCredentials(d.proves("billing"), resource("urn:example:ledger")))
	event := d.log.lastDecision(t)
	if kid, _ := event["kid"].(string); len(kid) != 16 || event["key_age"] != 3600.0 {
		t.Errorf("got %v of age %v", event["kid"], event["key_age"])
	}
}

func TestLog_what_could_not_be_loaded_and_has_nothing_to_serve_in_its_place(t *testing.T) {
	d := deploy(t, vaulted)
	d.vault.shut(codes.Unavailable)
	d.clock.advance(25 * time.Hour)
	d.judge(t, deny("nobody knows the key", clientCredentials(d.proves("billing"), resource("https://invoices.example.com")), unavailable("signing_key_unavailable")))
	line := d.log.lastFailure(t, "signing_keys")
	for name, want := range map[string]any{
		"severity": "ERROR", "source": signingSecret, "serving": "nothing", "age": nil, "left": nil,
	} {
		if line[name] != want {
			t.Errorf("%s: got %v, want %v", name, line[name], want)
		}
	}
}
