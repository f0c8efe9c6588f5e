package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/trace"
)

// trace returns the steps of the last refusal, as the log has them.
func (d *deployment) trace(t *testing.T) (steps []string) {
	t.Helper()
	listed, isList := d.log.lastDecision(t)["trace"].([]any)
	if !isList {
		t.Fatalf("the log has no trace: %v", d.log.lastDecision(t))
	}
	for _, step := range listed {
		steps = append(steps, step.(string))
	}
	return steps
}

// idOf returns the id that a refusal ends with.
func idOf(t *testing.T, got answer) string {
	t.Helper()
	var told struct {
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal([]byte(got.body), &told); err != nil {
		t.Fatal(err)
	}
	_, id := untraced(told.Description)
	if id == "" {
		t.Fatalf("there is no id in %q", told.Description)
	}
	return id
}

// passed are the steps that begin a trace, by their names.
func passed(names string) (steps []string) {
	for name := range strings.FieldsSeq(names) {
		steps = append(steps, name+": passed")
	}
	return steps
}

// verified are the checks of an assertion up to its signature.
func verified(parameter string) string {
	return strings.ReplaceAll(" .form .exp .nbf .iat .key .signature", ".", parameter+".")
}

func TestT6_the_log_has_the_trace_of_a_refusal(t *testing.T) {
	d := deploy(t, actions)
	by := func(c claims) string { return sign(t, "actions.ES256", c) }
	billing := func(name string, value any) part {
		return proof(sign(t, "billing.ES256", d.of("billing").but(name, value)))
	}
	toPolicy := "form request client" + verified("assertion") + " assertion.iss assertion.typ assertion.sub assertion.aud assertion.lifetime assertion.jti grant sender"
	for name, test := range map[string]struct {
		request request
		passed  string
		then    []string
	}{
		"the form":                 {clientCredentials(contentType("text/plain")), "", []string{"form: failed"}},
		"the request":              {ask(), "form", []string{"request: failed"}},
		"the client":               {clientCredentials(post("nobody", mobileSecret)), "form request", []string{"client: failed"}},
		"the form of an assertion": {jwtBearer("eyJ"), "form request client", []string{"grant: failed"}},
		"exp":                      {clientCredentials(billing("exp", d.clock.in(-time.Hour))), "form request client_assertion.form", []string{"client_assertion.exp: failed"}},
		"the key":                  {clientCredentials(proof(sign(t, "stranger.ES256", d.of("billing")))), "form request client_assertion.form client_assertion.exp client_assertion.nbf client_assertion.iat", []string{"client_assertion.key: failed"}},
		"the party":                {jwtBearer(sign(t, "idp.ES256", d.about("alice", "https://nobody.example.com"))), "form request client assertion.form assertion.exp assertion.nbf assertion.iat", []string{"assertion.key: failed"}},
		"the signature":            {jwtBearer(forge(t, "stranger.ES256", d.about("alice", idp))), "form request client assertion.form assertion.exp assertion.nbf assertion.iat assertion.key", []string{"assertion.signature: failed"}},
		"sub":                      {clientCredentials(billing("sub", "reporting")), "form request" + verified("client_assertion") + " client_assertion.iss client_assertion.typ", []string{"client_assertion.sub: failed"}},
		"the only aud": {clientCredentials(billing("aud", "elsewhere")), "form request" + verified("client_assertion") + " client_assertion.iss client_assertion.typ client_assertion.sub",
			[]string{"client_assertion.aud: failed, want https://auth.example.com"}},
		"one of several aud": {jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("aud", "elsewhere"))), "form request client" + verified("assertion") + " assertion.iss assertion.typ assertion.sub",
			[]string{"assertion.aud: failed, want one of https://auth.example.com, https://auth.example.com/token, mail-app"}},
		"typ": {jwtBearer(handmade(t, privateKey(t, "idp.ES256"), `{"alg":"ES256","typ":"at+jwt"}`, string(marshal(t, d.about("alice", idp))))), "form request client" + verified("assertion") + " assertion.iss",
			[]string{"assertion.typ: failed, want JWT"}},
		"the lifetime": {clientCredentials(billing("exp", d.clock.in(time.Hour))), "form request" + verified("client_assertion") + " client_assertion.iss client_assertion.typ client_assertion.sub client_assertion.aud",
			[]string{"client_assertion.lifetime: failed, want 10m0s at most"}},
		"the client of an issuer": {jwtBearer(sign(t, "partner.ES256", d.about("alice", partner))), strings.TrimSuffix(toPolicy, " grant sender"), []string{"grant: failed"}},
		"the rules": {jwtBearer(by(d.run().but("ref", "refs/heads/try").but("environment", "staging-eu").but("actor", "mallory"))), toPolicy, []string{
			`allow[0].if: failed at claims.ref == "refs/heads/main"`,
			`allow[1].if: failed at claims.actor != "mallory"`,
			`allow[2].if: undecided at claims.admin == true`,
			`allow[3].if: undecided at claims.labels.exists(l, claims.labels.exists(m, l + m == "trusted"))`,
			"policy: failed"}},
		"the scope": {jwtBearer(by(d.run()), scope("email")), toPolicy, []string{
			"allow[0]: passed",
			`allow[1].if: undecided at claims.environment.matches("staging-[a-z]+")`,
			`allow[2].if: undecided at claims.admin == true`,
			`allow[3].if: undecided at claims.labels.exists(l, claims.labels.exists(m, l + m == "trusted"))`,
			"policy.scope: failed, want one of deploy.read, deploy.write"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := d.send(t, test.request); got.status < 400 {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			if diff := cmp.Diff(append(passed(test.passed), test.then...), d.trace(t)); diff != "" {
				t.Errorf("the trace (-want +got):\n%s", diff)
			}
		})
	}
}

func TestT6_the_trace_tells_what_could_not_be_decided_from_what_failed(t *testing.T) {
	d := prepare(t, vaulted)
	d.vault.shut(codes.Internal)
	d.serve()
	warehouse := clientCredentials(proof(handmade(t, payload(warehouseSecret), `{"alg":"HS256"}`, string(marshal(t, d.of("warehouse"))))))
	d.send(t, warehouse)
	if steps := d.trace(t); steps[len(steps)-1] != "client_assertion.key: undecided" {
		t.Errorf("the keys of a client: %q", steps)
	}
	d.send(t, clientCredentials(basic("portal", portalSecret)))
	if diff := cmp.Diff(append(passed("form request client grant sender policy"), "draft: undecided"), d.trace(t)); diff != "" {
		t.Errorf("our own keys:\n%s", diff)
	}
	var answer error
	s := assemble(t, func(*clock) replay.Store { return store(func() error { return answer }) })
	for _, test := range []struct {
		answer error
		want   string
	}{{errors.New("down"), "once: undecided"}, {replay.Replayed{Purpose: replay.ForClient}, "once: failed"}} {
		answer = test.answer
		s.send(t, clientCredentials(s.proves("billing")))
		if steps := s.trace(t); steps[len(steps)-1] != test.want || steps[len(steps)-2] != "draft: passed" {
			t.Errorf("%v: %q", test.answer, steps)
		}
	}
}

// Who watches a request has its trace also where it is granted.
func TestStages_are_those_of_a_request_that_is_granted(t *testing.T) {
	d := deploy(t, acme)
	ctx, watched := trace.Watch(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(clientCredentials(post("mobile", mobileSecret)).text()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	recorder := httptest.NewRecorder()
	d.service.Server.Token().ServeHTTP(recorder, r)
	var stages []string
	for _, step := range watched.Steps() {
		if step.Part != "allow[0]" {
			stages = append(stages, step.Part)
		}
	}
	if diff := cmp.Diff(server.Stages(), stages); diff != "" || recorder.Code != http.StatusOK {
		t.Errorf("status %d, stages (-want +got):\n%s", recorder.Code, diff)
	}
}

// The id says nothing: a caller who could guess the next one, or count them, would learn of others.
func TestT6_every_refusal_has_an_id_of_its_own_and_what_is_granted_has_none(t *testing.T) {
	d := deploy(t, acme)
	seen := map[string]bool{}
	for range 100 {
		id := idOf(t, d.send(t, clientCredentials()))
		if seen[id] || d.log.lastDecision(t)["trace_id"] != id {
			t.Fatalf("%q, and the log has %v", id, d.log.lastDecision(t))
		}
		seen[id] = true
		// A record is used again, and nothing of the last request may be left in it.
		got := d.grant(t, clientCredentials(d.proves("billing")))
		event := d.log.lastDecision(t)
		if _, there := event["trace"]; there || event["trace_id"] != nil || strings.Contains(got.body, "trace") {
			t.Fatalf("%s, and the log has %v", got.body, event)
		}
		if diff := cmp.Diff(append(passed("form request client"), "grant: failed"), d.refusedTrace(t)); diff != "" {
			t.Fatal(diff)
		}
	}
}

// refusedTrace is the trace of one more refusal.
func (d *deployment) refusedTrace(t *testing.T) []string {
	t.Helper()
	d.send(t, clientCredentials())
	return d.trace(t)
}

// Where no request is decided, the line of the log about it has the id.
func TestT6_a_refusal_that_nobody_decided_has_an_id_too(t *testing.T) {
	d := follow(t, vaulted)
	d.vault.disable(configurationSecret, "1")
	d.clock.advance(ringFresh)
	broken := assemble(t, func(*clock) replay.Store { return store(func() error { panic("at the last check") }) })
	for name, test := range map[string]struct {
		deployment *deployment
		status     int
		line       string
	}{
		"there is no configuration": {d, 503, `"message":"there is no configuration to serve"`},
		"it panics":                 {broken, 500, `"message":"panic"`},
	} {
		got := test.deployment.send(t, clientCredentials(test.deployment.proves("billing")))
		id, found := idOf(t, got), false
		for line := range strings.Lines(test.deployment.log.String()) {
			found = found || strings.Contains(line, test.line) && strings.Contains(line, `"trace_id":"`+id+`"`)
		}
		if got.status != test.status || !found {
			t.Errorf("%s: got %d %s\n%s", name, got.status, got.body, test.deployment.log)
		}
	}
}

// What an assertion claims is unproved where a check fails, and can be anything: a token of somebody else's, above all.
func TestT6_a_trace_has_nothing_of_what_an_assertion_claims(t *testing.T) {
	d := deploy(t, actions)
	const marker = "marker-4711"
	marked := func(issuer string) claims {
		c := d.run().but("iss", issuer).but("sub", marker).but("jti", marker).but("aud", []string{us, marker})
		return c.but("ref", marker).but("environment", marker).but("labels", []string{marker}).but("admin", marker).but(marker, marker)
	}
	for name, r := range map[string]request{
		"by the rules":     jwtBearer(sign(t, "actions.ES256", marked("https://actions.example.com"))),
		"by the scope":     jwtBearer(sign(t, "actions.ES256", d.run().but("jti", marker)), scope(marker)),
		"by the resource":  jwtBearer(sign(t, "actions.ES256", d.run().but("jti", marker)), resource("urn:"+marker)),
		"by aud":           jwtBearer(sign(t, "idp.ES256", marked(idp).but("aud", marker))),
		"by typ":           jwtBearer(handmade(t, privateKey(t, "idp.ES256"), `{"alg":"ES256","typ":"`+marker+`"}`, string(marshal(t, marked(idp))))),
		"by the key":       jwtBearer(handmade(t, privateKey(t, "idp.ES256"), `{"alg":"ES256","kid":"`+marker+`"}`, string(marshal(t, marked(idp))))),
		"by the party":     jwtBearer(sign(t, "idp.ES256", marked("https://"+marker))),
		"by aud of many":   clientCredentials(proof(sign(t, "billing.ES256", d.of("billing").but("aud", []string{us, marker})))),
		"by the client_id": clientCredentials(proof(sign(t, "billing.ES256", d.of(marker))), clientID(marker)),
	} {
		if got := d.send(t, r); got.status < 400 {
			t.Fatalf("%s: got %d %s", name, got.status, got.body)
		}
		if steps := fmt.Sprint(d.trace(t)); strings.Contains(steps, marker) {
			t.Errorf("%s: %s", name, steps)
		}
	}
}

// However much a configuration says, and however many rules a party has.
func TestT6_a_trace_is_bounded(t *testing.T) {
	document := acme + `
  - issuer: https://actions.example.com
    keys: {file: actions.ES256.json}
    audiences: [` + strings.Repeat("https://elsewhere.example.com/a/long/path/,", 40) + `]
    allow:
`
	for number := range 60 {
		document = strings.Replace(document, "path/,", fmt.Sprintf("path/%d,", number), 1)
		document += fmt.Sprintf("      - {resource: https://mail.example.com, scopes: [email], if: '%s'}\n", strings.Repeat(fmt.Sprintf(`claims.a == "%d" && `, number), 40)+"true")
	}
	d := deploy(t, document)
	for name, c := range map[string]claims{"aud": d.run().but("aud", "x"), "rules": d.run()} {
		before := len(d.log.String())
		d.send(t, jwtBearer(sign(t, "actions.ES256", c)))
		steps := d.trace(t)
		for _, step := range steps {
			if len(step) > 260 {
				t.Errorf("%s: a step has %d bytes", name, len(step))
			}
		}
		if written := len(d.log.String()) - before; len(steps) > 64 || written > 20_000 {
			t.Errorf("%s: %d steps, and %d bytes in the log", name, len(steps), written)
		}
	}
}
