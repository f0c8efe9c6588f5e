package server_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/server"
)

// limited is acme with budgets so small that a test can use them up.
const limited = acme + "limits: {client_failures: 3, source_failures: 5, forwarded_for: 2}\n"

// from has our two proxies say where a request comes from. What stands in front is what the sender has written himself.
func from(address string) part {
	return header("X-Forwarded-For", "203.0.113.99, "+address+", 198.51.100.1")
}

// turnedAway expects that a request is answered unread.
func (d *deployment) turnedAway(t *testing.T, r request) answer {
	t.Helper()
	got := d.send(t, r)
	wait, err := strconv.Atoi(got.header.Get("Retry-After"))
	if got.status != 429 || err != nil || wait < 1 || wait > 61 || !strings.Contains(got.body, `"error":"temporarily_unavailable"`) {
		t.Errorf("got %d, Retry-After %q, %s", got.status, got.header.Get("Retry-After"), got.body)
	}
	expectNotKept(t, got)
	if !strings.Contains(d.log.String(), `"reason":"too_many_failures"`) {
		t.Error("the log says nothing of it")
	}
	return got
}

func TestLimits_a_client_that_goes_on_failing_is_turned_away_for_a_minute_and_no_other_is(t *testing.T) {
	d := deploy(t, limited)
	good := func() request { return clientCredentials(d.proves("billing"), from("192.0.2.1")) }
	for range 3 {
		d.judge(t, deny("a scope that it does not have", clientCredentials(d.proves("billing"), scope("root"), from("192.0.2.1")), scopeNotAllowed))
	}
	d.turnedAway(t, good())
	d.judge(t,
		allow("another client, from the same address", clientCredentials(basic("portal", portalSecret), from("192.0.2.1"))),
		allow("the same client, from another address", clientCredentials(d.proves("billing"), from("192.0.2.2"))),
	)
	d.clock.advance(time.Minute - time.Second)
	d.turnedAway(t, good())
	d.clock.advance(time.Second)
	d.judge(t, allow("after a minute", good()))
}

// The assertion of a request that is turned away was not looked at, so it is good for the next one.
func TestLimits_what_is_turned_away_is_not_used_up(t *testing.T) {
	d := deploy(t, limited)
	for range 3 {
		d.send(t, clientCredentials(d.proves("billing"), scope("root"), from("192.0.2.1")))
	}
	assertion := d.proves("billing")
	d.turnedAway(t, clientCredentials(assertion, from("192.0.2.1")))
	d.clock.advance(time.Minute)
	d.judge(t, allow("the same one", clientCredentials(assertion, from("192.0.2.1"))))
}

// Otherwise whoever knows a client's name could keep it from its tokens.
func TestLimits_a_stranger_uses_up_nobodys_budget_but_his_own(t *testing.T) {
	d := deploy(t, limited)
	strangers := func() request { return clientCredentials(basic("portal", "a guess"), from("192.0.2.66")) }
	for range 3 {
		d.judge(t, deny("guessed", strangers(), strangeClient("secret_wrong")))
	}
	d.turnedAway(t, strangers())
	d.turnedAway(t, clientCredentials(basic("portal", portalSecret), from("192.0.2.66"))) // Right or wrong is not looked at.
	d.judge(t, allow("the client itself", clientCredentials(basic("portal", portalSecret), from("192.0.2.1"))))
}

func TestLimits_an_address_is_turned_away_whatever_names_it_tries(t *testing.T) {
	d := deploy(t, limited)
	for i := range 5 {
		d.judge(t, deny("a name", clientCredentials(post(fmt.Sprint("client-", i), "a guess"), from("192.0.2.66")), strangeClient("client_unknown")))
	}
	d.turnedAway(t, clientCredentials(post("client-5", "a guess"), from("192.0.2.66")))
	d.turnedAway(t, jwtBearer("not even an assertion", from("192.0.2.66")))
	d.judge(t, allow("others", clientCredentials(basic("portal", portalSecret), from("192.0.2.67"))))
	if event := d.log.lastDecision(t); event["client_address"] != nil {
		t.Errorf("of a granted request the log has the address %v", event["client_address"])
	}
}

func TestLimits_requests_that_are_no_requests_count_for_their_address(t *testing.T) {
	d := deploy(t, limited)
	for range 5 {
		d.send(t, clientCredentials(method("GET"), from("192.0.2.66")))
	}
	d.turnedAway(t, clientCredentials(basic("portal", portalSecret), from("192.0.2.66")))
}

// Whoever has one address of a /64 has all of them.
func TestLimits_an_IPv6_network_is_one_address(t *testing.T) {
	d := deploy(t, limited)
	for i := range 5 {
		d.send(t, jwtBearer("no assertion", from(fmt.Sprintf("2001:db8:1:2:%d::7", i))))
	}
	d.turnedAway(t, jwtBearer("no assertion", from("2001:db8:1:2:ffff::1")))
	d.judge(t, allow("the network beside it", clientCredentials(basic("portal", portalSecret), from("2001:db8:1:3::7"))))
}

// Protocol T8: were they not treated alike, the budget would tell who is registered.
func TestLimits_a_client_that_does_not_exist_is_turned_away_like_one_that_does(t *testing.T) {
	d := deploy(t, limited)
	answers := map[string]string{}
	for i, name := range []string{"portal", "nobody"} {
		at := from(fmt.Sprint("192.0.2.", i+1))
		for range 3 {
			d.send(t, clientCredentials(basic(name, "a guess"), at))
		}
		got := d.turnedAway(t, clientCredentials(basic(name, "a guess"), at))
		answers[anyTrace(got.body)] = got.header.Get("Retry-After")
	}
	if len(answers) != 1 {
		t.Errorf("got %v", answers)
	}
}

// A copy of an assertion can be in anybody's hands.
func TestLimits_a_replayed_assertion_is_charged_to_whoever_sends_it(t *testing.T) {
	d := deploy(t, limited)
	copied := d.proves("billing")
	d.judge(t, allow("used", clientCredentials(copied, from("192.0.2.1"))))
	for range 3 {
		d.send(t, clientCredentials(copied, from("192.0.2.66")))
	}
	d.turnedAway(t, clientCredentials(copied, from("192.0.2.66")))
	d.judge(t, allow("the client itself", clientCredentials(d.proves("billing"), from("192.0.2.1"))))
}

func TestLimits_without_addresses_only_a_client_that_has_proved_itself_has_a_budget(t *testing.T) {
	d := deploy(t, acme+"limits: {client_failures: 3}\n")
	used := d.proves("billing")
	d.judge(t, allow("used", clientCredentials(used)))
	for range 20 {
		d.judge(t,
			deny("a guess", clientCredentials(basic("portal", "a guess")), strangeClient("secret_wrong")),
			deny("a copy", clientCredentials(used), clientFault(assertion.ErrReplayed)),
			deny("no assertion", jwtBearer("nothing"), grantFault(jose.ErrCompact)),
		)
	}
	d.judge(t,
		allow("the client that was guessed at", clientCredentials(basic("portal", portalSecret))),
		allow("the client whose assertion was copied", clientCredentials(d.proves("billing"))),
	)
	for range 3 {
		d.judge(t, deny("its own", clientCredentials(d.proves("billing"), scope("root")), scopeNotAllowed))
	}
	d.turnedAway(t, clientCredentials(d.proves("billing")))
}

// A flood that is turned away must not become one of the log, which costs more than the answers.
func TestLimits_of_those_that_are_turned_away_the_log_has_the_first_the_tenth_and_so_on(t *testing.T) {
	d := deploy(t, limited)
	for range 3 {
		d.send(t, clientCredentials(d.proves("billing"), scope("root"), from("192.0.2.1")))
	}
	before := len(decisions(t, d.log.String()))
	for range 120 {
		if got := d.send(t, clientCredentials(d.proves("billing"), from("192.0.2.1"))); got.status != 429 {
			t.Fatalf("got %d", got.status)
		}
	}
	var told []any
	for _, line := range decisions(t, d.log.String())[before:] {
		told = append(told, line["turned_away"])
	}
	if diff := cmp.Diff([]any{1.0, 10.0, 100.0}, told); diff != "" {
		t.Error(diff)
	}
	d.clock.advance(time.Minute)
	for range 4 {
		d.send(t, clientCredentials(d.proves("billing"), scope("root"), from("192.0.2.1")))
	}
	if line := d.log.lastDecision(t); line["turned_away"] != 1.0 {
		t.Errorf("in the next minute: %v", line)
	}
}

// Who is not where our proxies are has written the header himself.
func TestLimits_a_header_that_no_proxy_of_ours_has_written_names_nobody(t *testing.T) {
	d := deploy(t, limited)
	for _, forwarded := range []string{"192.0.2.1", "", "192.0.2.1, not an address, 198.51.100.1", "192.0.2.1 198.51.100.1", ",,"} {
		for range 6 {
			got := d.send(t, jwtBearer("no assertion", header("X-Forwarded-For", forwarded)))
			if got.status != 400 || d.log.lastDecision(t)["client_address"] != nil {
				t.Errorf("%q: got %d, %v", forwarded, got.status, d.log.lastDecision(t))
			}
		}
	}
}

// The last entries count, in whatever lines they stand; an address is logged in one form, and without a zone, which can
// be any text.
func TestLimits_an_address_is_read_from_the_end(t *testing.T) {
	d := deploy(t, limited)
	for _, test := range []struct {
		fields []string
		want   any
	}{
		{[]string{"203.0.113.99", "192.0.2.1", "198.51.100.1"}, "192.0.2.1"},
		{[]string{"203.0.113.99,192.0.2.1", "198.51.100.1"}, "192.0.2.1"},
		{[]string{"203.0.113.99", "192.0.2.1 ,\t198.51.100.1"}, "192.0.2.1"},
		{[]string{"192.0.2.1", "", "198.51.100.1"}, nil},
		{[]string{"192.0.2.1", "198.51.100.1,"}, "198.51.100.1"},
		{[]string{"192.0.2.1:443, 198.51.100.1"}, nil},
		{[]string{"[2001:db8::1], 198.51.100.1"}, nil},
		{[]string{"::ffff:192.0.2.1, 198.51.100.1"}, "192.0.2.1"},
		{[]string{"2001:db8::1%a\u202e zone, 198.51.100.1"}, "2001:db8::1"},
	} {
		d.send(t, jwtBearer("no assertion", header("X-Forwarded-For", test.fields...)))
		if got := d.log.lastDecision(t)["client_address"]; got != test.want {
			t.Errorf("%q: %v, want %v", test.fields, got, test.want)
		}
	}
}

// As CVE-2025-30204: whoever sends a million commas must not have them made into a million texts.
func TestLimits_what_stands_before_the_address_costs_nothing(t *testing.T) {
	d := deploy(t, limited)
	many := strings.Repeat(",", 900_000) + "192.0.2.1, 198.51.100.1"
	before := allocated()
	d.send(t, jwtBearer("no assertion", header("X-Forwarded-For", many)))
	if spent := allocated() - before; spent > 8<<20 {
		t.Errorf("%d bytes were allocated", spent)
	}
	if got := d.log.lastDecision(t)["client_address"]; got != "192.0.2.1" {
		t.Errorf("the address is %v", got)
	}
}

func TestLimits_hold_at_introspection_and_revocation(t *testing.T) {
	for _, path := range []string{server.IntrospectionPath, server.RevocationPath} {
		d := deploy(t, asking(t, limited))
		at := func(parts ...part) request {
			return ask(append([]part{target(path), param("token", "any"), from("192.0.2.1")}, parts...)...)
		}
		for range 3 {
			d.send(t, at(post("deploy-api", "a guess")))
		}
		d.turnedAway(t, at(post("deploy-api", "a guess")))
		for range 2 {
			d.send(t, at(post("another", "a guess")))
		}
		d.turnedAway(t, at(d.proves("invoices-api")))
		d.turnedAway(t, at(method("GET")))                                                   // It was not even read.
		d.turnedAway(t, clientCredentials(basic("portal", portalSecret), from("192.0.2.1"))) // It is one budget.
	}
}

// An API asks about what its callers send.
func TestLimits_an_API_is_not_turned_away_for_what_its_callers_send(t *testing.T) {
	d := deploy(t, asking(t, limited))
	about := func(token string) answer {
		return d.send(t, ask(target(server.IntrospectionPath), param("token", token), d.proves("invoices-api"), from("192.0.2.1")))
	}
	for range 6 {
		for token, status := range map[string]int{"": 400, "a b": 200, "\x00\xff": 200, strings.Repeat("a", 70_000): 413} {
			if got := about(token); got.status != status {
				t.Errorf("%.10q: got %d, want %d", token, got.status, status)
			}
		}
	}
	if got := about("any"); got.status != 200 {
		t.Errorf("afterwards: got %d", got.status)
	}
}

// An API exchanges what its callers send, and a client passes on the ID tokens of its users. Were what is wrong with those
// the client's failure, a stranger would lock it out with 60 requests that hold nothing.
func TestLimits_a_client_is_not_turned_away_for_the_tokens_of_others(t *testing.T) {
	d := deploy(t, exchanging+"limits: {client_failures: 3, source_failures: 5, forwarded_for: 2}\n")
	at := from("192.0.2.1")
	alices := d.issue(d.ours())
	for range 6 {
		for _, stranger := range []string{"nothing", alices[:len(alices)-8] + "AAAAAAAA"} {
			if got := d.send(t, d.swap("front", oauth.TypeAccessToken, stranger, resource(backAPI), at)); got.status != 400 {
				t.Errorf("%.10q: got %d, %s", stranger, got.status, got.body)
			}
		}
	}
	d.judge(t,
		allow("the token of alice", d.swap("front", oauth.TypeAccessToken, alices, resource(backAPI), at)),
		allow("the client's own", clientCredentials(d.proves("front"), resource(backAPI), at)),
	)
	for range 3 {
		d.send(t, clientCredentials(d.proves("front"), scope("root"), at))
	}
	d.turnedAway(t, d.swap("front", oauth.TypeAccessToken, alices, resource(backAPI), at)) // What it asks for itself counts.
}

// What we could not decide is our failure.
func TestLimits_an_outage_uses_up_nobodys_budget(t *testing.T) {
	d := deploy(t, vaulted+"limits: {client_failures: 1, source_failures: 1, forwarded_for: 2}\n")
	d.vault.shut(codes.Unavailable)
	for range 5 {
		d.judge(t, deny("down", clientCredentials(basic("portal", portalSecret), from("192.0.2.1")), unavailable("signing_key_unavailable")))
	}
}
