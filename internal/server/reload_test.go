package server_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/service"
	"example.com/countersign/internal/trust"
)

// configurationSecret is where the configuration is kept that a deployment follows.
const configurationSecret = "projects/acme/secrets/configuration"

// follow serves a configuration from Secret Manager.
func follow(t *testing.T, document string) *deployment {
	t.Helper()
	d := prepare(t, document)
	d.must(d.vault.ours.CreateSecret(context.Background(), configurationSecret))
	d.vault.add(configurationSecret, []byte(document))
	d.another()
	return d
}

// another serves it from an instance that has just begun.
func (d *deployment) another() { d.t.Helper(); d.anotherWith("") }

// anotherWith is an instance that begins with the keys of others in this secret.
func (d *deployment) anotherWith(snapshot string) {
	d.t.Helper()
	follower, err := service.Follow(configurationSecret, snapshot, service.Surroundings{
		Secrets: d.vault.ours.Source, Folder: d.folder, Now: d.clock.now, Log: server.NewLog(d.log), Version: "v1.2.3", Project: "acme",
	})
	d.must(err)
	follower.Start()
	listener := httptest.NewServer(follower.Handler((*server.Server).Handler))
	d.t.Cleanup(listener.Close)
	d.url = listener.URL
}

// configure adds a version of the configuration and waits until it counts.
func (d *deployment) configure(document string) {
	d.t.Helper()
	d.clock.advance(time.Second) // versions have an order
	d.vault.add(configurationSecret, []byte(document))
	d.clock.advance(ringFresh)
}

func TestReload_a_new_version_takes_effect_within_a_minute(t *testing.T) {
	d := follow(t, vaulted)
	byPortal := func() request { return clientCredentials(basic("portal", portalSecret)) }
	d.judge(t, allow("registered", byPortal()))
	d.configure(variant(t, vaulted, "- id: portal\n", "- id: portal\n    disabled: true\n"))
	d.judge(t,
		deny("disabled", byPortal(), strangeClient("client_unknown")),
		allow("others go on", clientCredentials(d.proves("billing"), resource("https://invoices.example.com"))),
	)
	d.configure(vaulted)
	d.judge(t, allow("enabled again", byPortal()))
	if log := d.log.String(); strings.Count(log, "a configuration takes effect") != 3 || !strings.Contains(log, `"version":"3"`) {
		t.Errorf("the log does not tell which versions counted: %s", log)
	}
}

func TestReload_a_version_with_faults_is_refused_while_the_last_good_one_serves(t *testing.T) {
	for name, broken := range map[string]string{
		"no YAML":                         "issuer: [",
		"empty":                           " ",
		"an unknown field":                vaulted + "\nunknown: 1\n",
		"a condition in a part":           strings.Replace(vaulted, "scopes: [invoices.read]}", "scopes: [invoices.read], if: 'claims.a =='}", 1),
		"keys that are not there":         strings.Replace(vaulted, "billing.ES256.json", "gone.json", 1),
		"signing keys that cannot be had": strings.Replace(vaulted, "signing-keys", "signing-keys-of-nobody", 1),
	} {
		t.Run(name, func(t *testing.T) {
			d := follow(t, vaulted)
			good := func() request { return clientCredentials(basic("portal", portalSecret)) }
			d.judge(t, allow("before", good()))
			d.configure(broken)
			d.judge(t, allow("the last good one", good()))
			d.clock.advance(ringFresh)
			d.judge(t, allow("and on", good()))
			if log := d.log.String(); !strings.Contains(log, `"severity":"ERROR"`) || !strings.Contains(log, configurationSecret) {
				t.Errorf("nobody is told: %s", log)
			}
			d.configure(variant(t, vaulted, "- id: portal\n", "- id: portal\n    disabled: true\n"))
			d.judge(t, deny("the next good one", good(), strangeClient("client_unknown")))
		})
	}
}

// Every instance comes to the same answer, also one that has never seen the last good version serve.
func TestReload_an_instance_that_begins_with_a_broken_version_serves_the_last_good_one(t *testing.T) {
	d := follow(t, vaulted)
	d.configure("issuer: [")
	d.another()
	d.judge(t, allow("the version before", clientCredentials(basic("portal", portalSecret))))
	if log := d.log.String(); !strings.Contains(log, "a configuration has faults and is passed over") || !strings.Contains(log, `"version":"2"`) {
		t.Errorf("nobody is told: %s", log)
	}
}

func TestReload_goes_back_when_the_newest_version_is_disabled(t *testing.T) {
	d := follow(t, vaulted)
	byPortal := func() request { return clientCredentials(basic("portal", portalSecret)) }
	d.configure(variant(t, vaulted, "- id: portal\n", "- id: portal\n    disabled: true\n"))
	d.judge(t, deny("disabled", byPortal(), strangeClient("client_unknown")))
	d.vault.disable(configurationSecret, "2")
	d.clock.advance(ringFresh)
	d.judge(t, allow("the version before", byPortal()))
	d.vault.disable(configurationSecret, "1")
	d.clock.advance(ringFresh)
	if got := d.send(t, byPortal()); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("with no version left: %d %s", got.status, got.body)
	}
	if got := d.send(t, get("/health")); got.status != 200 {
		t.Errorf("/health: %d %s", got.status, got.body)
	}
}

// Whose configuration is in a secret keeps the snapshot in another.
func TestF2_an_instance_begins_with_the_snapshot_in_a_secret(t *testing.T) {
	const secret = "projects/acme/secrets/trust"
	p := publish(t, set(t, "idp.ES256"))
	document := vaulted + "  - issuer: " + idp + "\n    keys: " + strings.ReplaceAll(fetched, "URL", p.URL) +
		"\n    allow: [{resource: https://invoices.example.com, scopes: [invoices.read]}]\n"
	before := deployWith(t, p, document)
	snapshots, err := before.service.Snapshot(t.Context())
	before.must(err)
	stored, err := trust.EncodeSnapshots(snapshots)
	before.must(err)
	p.turn(answering(503))
	d := follow(t, document)
	p.certify(d)
	d.must(d.vault.ours.CreateSecret(t.Context(), secret))
	vouched := func() request { return jwtBearer(d.vouches("idp.ES256", idp)) }
	for _, state := range []struct {
		name    string
		payload string
		want    verdict
	}{
		{"no snapshot yet", "", deny("no snapshot yet", vouched(), unavailable("issuer_keys_unavailable"))},
		{"a snapshot", string(stored), allow("a snapshot", vouched())},
		{"no snapshot at all", "{", deny("no snapshot at all", vouched(), unavailable("issuer_keys_unavailable"))},
	} {
		if state.payload != "" {
			d.clock.advance(time.Second) // versions have an order
			d.vault.add(secret, []byte(state.payload))
		}
		d.anotherWith(secret)
		d.judge(t, state.want, allow("others are served", clientCredentials(basic("portal", portalSecret))))
	}
	if log := d.log.String(); strings.Count(log, "the snapshot of keys cannot be used") != 1 {
		t.Errorf("an unreadable snapshot is told of once: %s", log)
	}
}

// A configuration that changes is no reason to forget which assertions have been used.
func TestR1_a_use_is_remembered_across_a_reload(t *testing.T) {
	d := follow(t, vaulted)
	again := clientCredentials(d.proves("billing"), resource("https://invoices.example.com"))
	d.judge(t, allow("once", again))
	d.configure(variant(t, vaulted, "- id: portal\n", "- id: portal\n    disabled: true\n"))
	d.judge(t,
		deny("the new configuration counts", clientCredentials(basic("portal", portalSecret)), strangeClient("client_unknown")),
		deny("twice", again, clientFault(assertion.ErrReplayed)),
	)
}

// A later configuration can forgive a larger clock difference, and so take an assertion again that has expired under the
// first one.
func TestR1_a_use_is_remembered_also_where_the_clock_skew_grows(t *testing.T) {
	strict := variant(t, vaulted, "resources:", "clock_skew: 0s\nresources:")
	d := follow(t, strict)
	again := clientCredentials(
		proof(sign(t, "billing.ES256", d.of("billing").but("exp", d.clock.in(ringFresh-20*time.Second)))), resource("https://invoices.example.com"))
	d.judge(t, allow("once", again))
	d.configure(variant(t, strict, "clock_skew: 0s", "clock_skew: 1m"))
	d.judge(t, deny("twice", again, clientFault(assertion.ErrReplayed)))
}

func TestReload_an_outage_of_Secret_Manager_leaves_the_configuration_as_it_is(t *testing.T) {
	d := follow(t, vaulted)
	good := func() request { return clientCredentials(basic("portal", portalSecret)) }
	d.judge(t, allow("before", good()))
	d.vault.shut(codes.Unavailable)
	d.clock.advance(ringFresh)
	d.judge(t, allow("during", good()))
	d.vault.open()
	d.configure(variant(t, vaulted, "- id: portal\n", "- id: portal\n    disabled: true\n"))
	d.judge(t, deny("afterwards", good(), strangeClient("client_unknown")))

	d.vault.shut(codes.Unavailable)
	d.another()
	if got := d.send(t, good()); got.status != 503 {
		t.Errorf("an instance that begins in an outage: %d %s", got.status, got.body)
	}
	d.vault.open()
	d.clock.advance(3 * time.Second)
	d.judge(t, deny("and needs no restart", good(), strangeClient("client_unknown")))
}
