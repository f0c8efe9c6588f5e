package server_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/server"
)

// Every test of this package looks through its log when it ends. This one does nothing else, and makes the mistakes too
// that put a secret where none belongs.
func TestLog_holds_no_assertion_no_token_and_no_secret(t *testing.T) {
	d := deploy(t, variant(t, vaulted, "resources:", "troubleshooting: {rec_token: true}\nresources:"))
	for _, name := range []string{signingSecret, warehouseSecret, ledgerSecret, legacySecret} {
		d.remember(string(payload(name)), base64.StdEncoding.EncodeToString(payload(name)), encode(payload(name)))
	}
	own, err := signingKey(t, "own.ES256").EncodePKCS8()
	d.must(err)
	d.remember(strings.Split(string(own), "\n")...)

	credential := func() string { return sign(t, "billing.ES256", d.of("billing")) }
	shared := func() string { return mac(t, jose.HS256, payload(warehouseSecret), d.of("warehouse")) }
	vouched := func() string {
		return mac(t, jose.HS512, payload(legacySecret), d.about("4711", "legacy-portal").but("aud", "token-service"))
	}
	invoices := resource("https://invoices.example.com")
	for name, r := range map[string]request{
		"private_key_jwt":                    clientCredentials(proof(credential()), invoices),
		"client_secret_jwt":                  clientCredentials(proof(shared())),
		"client_secret_basic":                clientCredentials(basic("portal", portalSecret)),
		"client_secret_post":                 clientCredentials(post("mobile", mobileSecret)),
		"the JWT grant":                      jwtBearer(vouched()),
		"a shared-secret token":              clientCredentials(proof(credential()), resource("urn:example:ledger")),
		"a wrong signature":                  clientCredentials(proof(credential() + "AAAA")),
		"a wrong secret":                     clientCredentials(post("mobile", "a-wrong-secret-that-is-nearly-right")),
		"a wrong Basic":                      clientCredentials(basic("portal", "a-wrong-secret-that-is-nearly-right")),
		"a secret in Basic that is no Basic": clientCredentials(header("Authorization", "Basic "+portalSecret)),
		"a secret as the scheme":             clientCredentials(header("Authorization", portalSecret)),
		"a Bearer token":                     clientCredentials(header("Authorization", "Bearer "+credential())),
		"an assertion as grant_type":         ask(param("grant_type", remembered(d, vouched()))),
		"a secret as grant_type":             ask(param("grant_type", mobileSecret)),
		"an assertion as scope":              clientCredentials(proof(credential()), scope(remembered(d, vouched()))),
		"an assertion as resource":           clientCredentials(proof(credential()), resource(remembered(d, vouched()))),
		"an assertion as an assertion type":  clientCredentials(param("client_assertion", "x"), param("client_assertion_type", remembered(d, credential()))),
		"an assertion as a parameter":        clientCredentials(param(remembered(d, credential()), "x")),
		"an assertion in the path":           get("/token/" + remembered(d, credential())),
		"an assertion in the query":          ask(target("/token?assertion=" + remembered(d, credential()))),
		"an assertion in a trace":            ask(header("Traceparent", remembered(d, credential()))),
		"an assertion as content type":       ask(contentType(remembered(d, credential()))),
		"an assertion in the other place":    clientCredentials(proof(vouched()), invoices),
		"JSON":                               ask(contentType("application/json"), body(fmt.Sprintf("{%q:%q}", "assertion", remembered(d, credential())))),
		"half a form":                        ask(body("client_secret=" + remembered(d, mobileSecret) + "&%zz")),
		"a body without end":                 ask(body("assertion=" + strings.Repeat(remembered(d, credential()), 300))),
	} {
		got := d.send(t, r)
		d.remember(r.secrets...)
		if got.status == http.StatusOK {
			d.remember(bearer(t, got))
		}
		if again := d.send(t, r); again.status >= 500 {
			t.Errorf("%s: got %d %s", name, again.status, again.body)
		}
	}
	d.clock.advance(ringFresh)
	d.vault.add(warehouseSecret, []byte("this is too short"))
	d.vault.add(signingSecret, []byte("-----BEGIN PRIVATE KEY-----\nthis is no key at all\n-----END PRIVATE KEY-----\n"))
	d.vault.add(legacySecret, []byte(`{"kty":"oct","k":"`+encode(payload(legacySecret))+`"`)) // longer than the hash, and what it should not be
	d.remember("this is too short", "this is no key at all")
	d.clock.advance(ringFresh)
	for _, r := range []request{clientCredentials(proof(shared())), clientCredentials(basic("portal", portalSecret)), jwtBearer(vouched())} {
		d.send(t, r)
	}
	d.vault.shut(codes.Internal)
	d.clock.advance(25 * time.Hour)
	for _, r := range []request{clientCredentials(proof(shared())), clientCredentials(basic("portal", portalSecret)), jwtBearer(vouched()), get("/ready"), get(server.JWKSPath)} {
		d.send(t, r)
	}
	if lines := strings.Count(d.log.String(), "\n"); lines < 50 {
		t.Errorf("the log has %d lines only", lines)
	}
	d.expectNothingSecretInTheLog()
}

// remembered is a text that must not be in the log, wherever a request has it.
func remembered(d *deployment, text string) string {
	d.remember(text)
	return text
}

func bearer(t *testing.T, got answer) string {
	t.Helper()
	_, rest, _ := strings.Cut(got.body, `"access_token":"`)
	token, _, found := strings.Cut(rest, `"`)
	if !found {
		t.Fatalf("got %s", got.body)
	}
	return token
}

// A search that finds nothing proves nothing unless it can find.
func TestLog_the_search_for_secrets_finds_them(t *testing.T) {
	const token = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJiaWxsaW5nIiwic3ViIjoiYmlsbGluZyJ9.c2lnbmF0dXJlIHdpdGhvdXQgYW55IGtleSBhdCBhbGw"
	for name, log := range map[string]string{
		"all of it":              `{"token":"` + token + `"}`,
		"its signature":          `{"token":"` + token[strings.LastIndex(token, ".")+1:] + `"}`,
		"the beginning of it":    token[:40],
		"a secret":               `{"error":"wrong secret portal-secret-6b7c9e4a1d80"}`,
		"what base64 holds":      `{"error":"wrong credentials portal:a-secret-in-base64"}`,
		"a secret within a word": `xxportal-secret-6b7c9e4a1d80xx`,
	} {
		if leaked(log, []string{"something-else", token, portalSecret, "cG9ydGFsOmEtc2VjcmV0LWluLWJhc2U2NA=="}) == "" {
			t.Errorf("%s is not found", name)
		}
	}
	if leak := leaked(`{"iss":"billing","sub":"billing","jti":"4711"}`, []string{token, portalSecret}); leak != "" {
		t.Errorf("found where there is nothing: %s", leak)
	}
}

func TestLog_has_one_audit_event_for_each_decision(t *testing.T) {
	d := deploy(t, acme)
	granted := d.grant(t, clientCredentials(d.proves("billing")))
	event := d.log.lastDecision(t)
	for name, want := range map[string]any{
		"severity": "INFO", "message": "token granted", "event": "token", "decision": "granted", "status": 200.0, "grant_type": "client_credentials",
		"client_id": "billing", "sub": "billing", "aud": "https://invoices.example.com", "scope": "invoices.read", "jti": granted.claims["jti"], "expires_in": 600.0,
		"rule": "clients[0].allow[0]",
	} {
		if event[name] != want {
			t.Errorf("%s: got %v, want %v", name, event[name], want)
		}
	}
	said := d.about("alice", idp)
	d.grant(t, jwtBearer(sign(t, "idp.ES256", said), clientID("mail-app")))
	event = d.log.lastDecision(t)
	for name, want := range map[string]any{
		"assertion_iss": idp, "assertion_sub": "alice", "assertion_jti": said["jti"], "client_id": "mail-app", "client_authentication": "none", "sub": "alice",
		"rule": "issuers[0].allow[0]",
	} {
		if event[name] != want {
			t.Errorf("%s: got %v, want %v", name, event[name], want)
		}
	}
	d.judge(t, deny("refused", clientCredentials(post("nobody", mobileSecret)), strangeClient("client_unknown")))
	event = d.log.lastDecision(t)
	for name, want := range map[string]any{
		"severity": "WARNING", "message": "token refused", "decision": "denied", "status": 401.0, "error": "invalid_client", "reason": "client_unknown",
		"claimed_client_id": "(not registered)", "client_id": nil, "sub": nil, "jti": nil, "rule": nil,
	} {
		if event[name] != want {
			t.Errorf("%s: got %v, want %v", name, event[name], want)
		}
	}
	if count := len(decisions(t, d.log.String())); count != 3 {
		t.Errorf("there were %d decisions, and three requests", count)
	}
}

// Whoever fills in a form the wrong way round sends the secret as client_id.
func TestLog_a_secret_that_is_sent_as_client_id_is_not_written(t *testing.T) {
	d := deploy(t, acme)
	d.judge(t,
		deny("in the form", clientCredentials(post(portalSecret, "portal")), strangeClient("client_unknown")),
		deny("in the header", clientCredentials(basic(portalSecret, "portal")), strangeClient("client_unknown")),
		deny("alone", clientCredentials(clientID(portalSecret)), strangeClient("client_unknown")))
	if leak := leaked(d.log.String(), []string{portalSecret}); leak != "" {
		t.Errorf("the log has %s", leak)
	}
	d.judge(t, deny("a client that there is", clientCredentials(post("portal", "wrong")), strangeClient("method_wrong")))
	if event := d.log.lastDecision(t); event["claimed_client_id"] != "portal" {
		t.Errorf("got %v", event["claimed_client_id"])
	}
}

func TestLog_names_the_trace_of_the_request(t *testing.T) {
	d := deploy(t, acme)
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for value, want := range map[string]any{
		"Traceparent: 00-" + id + "-00f067aa0ba902b7-01":              "projects/acme/traces/" + id,
		"X-Cloud-Trace-Context: " + id + "/67667974448284343;o=1":     "projects/acme/traces/" + id,
		"X-Cloud-Trace-Context: " + id:                                "projects/acme/traces/" + id,
		"Traceparent: 00-" + strings.ToUpper(id) + "-00f067aa0ba9-01": nil,
		"Traceparent: 00-x-y-z":                                       nil,
		"X-Cloud-Trace-Context: ../../" + id:                          nil,
		"X-Cloud-Trace-Context: " + id + "0":                          nil,
		"Traceparent: ":                                               nil,
	} {
		name, value, _ := strings.Cut(value, ": ")
		d.grant(t, clientCredentials(d.proves("billing"), header(name, value)))
		if got := d.log.lastDecision(t)["logging.googleapis.com/trace"]; got != want {
			t.Errorf("%s: %s: got %v", name, value, got)
		}
	}
}

// What a caller claims is in the log as long as it is short, and on one line.
func TestLog_a_stranger_cannot_write_lines_or_fill_it(t *testing.T) {
	d := deploy(t, acme)
	for _, id := range []string{"a\n{\"event\":\"token\",\"decision\":\"granted\"}", "a\r\nb", "\x1b[31mred", "\x00", "\xff", strings.Repeat("x", 60000), "a\u2028b"} {
		before := len(d.log.String())
		d.judge(t, deny("", clientCredentials(post(id, "a-wrong-secret")), strangeClient("client_unknown")))
		written := d.log.String()[before:]
		if strings.Count(written, "\n") != 1 || len(written) > 1500 || strings.ContainsAny(written, "\x00\x1b\r") {
			t.Errorf("%.50q writes %q", id, written)
		}
	}
}

func TestLog_a_panic_leaks_nothing_and_ends_nothing(t *testing.T) {
	const secret = "the-secret-that-was-in-hand"
	var value any
	d := assemble(t, func(*clock) replay.Store {
		return store(func() error {
			if value != nil {
				panic(value)
			}
			return nil
		})
	})
	d.remember(secret)
	for name, value2 := range map[string]any{
		"text": secret, "an error": errors.New(secret), "bytes": []byte(secret), "a struct": struct{ Secret string }{secret}, "an abort": http.ErrAbortHandler, "a cancel": context.Canceled,
	} {
		t.Run(name, func(t *testing.T) {
			value = value2
			got := d.send(t, clientCredentials(d.proves("billing")))
			if got.status != 500 || strings.TrimSpace(anyTrace(got.body)) != `{"error":"server_error","error_description":"this server has a defect; its log says more (trace ID)"}` {
				t.Errorf("got %d %s", got.status, got.body)
			}
			expectNotKept(t, got)
			if log := d.log.String(); !strings.Contains(log, `"severity":"ERROR","message":"panic"`) {
				t.Errorf("the log says nothing of it: %s", log)
			}
			value = nil
			d.judge(t, allow("and the next one is served", clientCredentials(d.proves("billing"))))
		})
	}
}

func TestLog_a_panic_before_anything_is_decided(t *testing.T) {
	d := deploy(t, acme)
	secret := sign(t, "billing.ES256", d.of("billing"))
	d.grant(t, clientCredentials(d.proves("billing"))) // from here on nothing is loaded beside a request
	d.clock.replace(func() time.Time { panic("the clock broke while it checked " + secret) })
	if got := d.send(t, clientCredentials(proof(secret))); got.status != 500 || strings.Contains(got.body, secret) {
		t.Errorf("got %d %s", got.status, got.body)
	}
	d.clock.set(noon())
	d.judge(t, allow("afterwards it is as good as before", clientCredentials(proof(secret))))
}
