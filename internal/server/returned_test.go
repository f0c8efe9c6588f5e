package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/revocation"
	"example.com/countersign/internal/server"
)

// asking adds the APIs to acme: each is a client.
func asking(t testing.TB, document string) string {
	t.Helper()
	return variant(t, document, "clients:\n", `clients:
  - id: invoices-api
    authentication: private_key_jwt
    keys: {file: invoices-api.ES256.json}
    introspects: [https://invoices.example.com]
  - id: deploy-api
    authentication: client_secret_post
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$AKpAqMYY9/0$X3XF2vTarmr06uPB/XY+QA"]
    introspects: [https://deploy.example.com, https://mail.example.com]
  - id: former-api
    disabled: true
    authentication: private_key_jwt
    keys: {file: former.ES256.json}
    introspects: [https://invoices.example.com]
`)
}

// introspect is a request for introspection, and revoke one for revocation.
func introspect(token string, parts ...part) request {
	return ask(append([]part{target(server.IntrospectionPath), param("token", token)}, parts...)...)
}

func revoke(token string, parts ...part) request {
	return ask(append([]part{target(server.RevocationPath), param("token", token)}, parts...)...)
}

// token gets one from the token endpoint.
func (d *deployment) token(t testing.TB, r request) string {
	t.Helper()
	return d.grant(t, r).Token
}

// introspects sends a request that must be answered, and returns the answer.
func (d *deployment) introspects(t testing.TB, r request) map[string]any {
	t.Helper()
	got := d.send(t, r)
	expectNotKept(t, got)
	var says map[string]any
	if err := json.Unmarshal([]byte(got.body), &says); err != nil || got.status != 200 {
		t.Fatalf("got %d %s\nlog: %v", got.status, got.body, d.log.lastDecision(t))
	}
	if event := d.log.lastDecision(t); event["event"] != "introspection" || event["decision"] != "granted" || event["active"] != says["active"] {
		t.Errorf("the log says %v", event)
	}
	return says
}

func (d *deployment) expectActive(t testing.TB, r request) {
	t.Helper()
	if says := d.introspects(t, r); says["active"] != true {
		t.Errorf("got %v\nlog: %v", says, d.log.lastDecision(t))
	}
}

// expectInactive wants the one answer that there is to whatever is not an active token, and its reason in the log.
func (d *deployment) expectInactive(t testing.TB, r request, because string) {
	t.Helper()
	if says := d.introspects(t, r); len(says) != 1 || says["active"] != false {
		t.Errorf("got %v", says)
	}
	if why, _ := d.log.lastDecision(t)["why_not"].(string); !strings.Contains(why, because) || because == "" {
		t.Errorf("the log says %q; want %q", why, because)
	}
}

// revokes sends a request that must be answered, as every one is that was understood.
func (d *deployment) revokes(t testing.TB, r request, effect bool) {
	t.Helper()
	got := d.send(t, r)
	expectNotKept(t, got)
	if got.status != 200 || strings.TrimSpace(got.body) != "{}" {
		t.Fatalf("got %d %s\nlog: %v", got.status, got.body, d.log.lastDecision(t))
	}
	if event := d.log.lastDecision(t); event["event"] != "revocation" || event["decision"] != "granted" || event["revoked"] != effect {
		t.Errorf("want an effect: %t; the log says %v", effect, event)
	}
}

// sharing is what a configuration says whose instances remember together.
const sharing = "replay: {firestore: projects/acme/databases/shared}\n"

// sharedStores are what instances share, and what a test can shut.
type sharedStores struct {
	used     *replay.Memory
	revoked  *revocation.Memory
	shutUses atomic.Bool
	shut     atomic.Bool
}

func newSharedStores(t testing.TB, clock *clock, capacity int) *sharedStores {
	t.Helper()
	used, err := replay.NewMemory(clock.now, 1000)
	if err != nil {
		t.Fatal(err)
	}
	revoked, err := revocation.NewMemory(clock.now, capacity)
	if err != nil {
		t.Fatal(err)
	}
	return &sharedStores{used: used, revoked: revoked}
}

func (s *sharedStores) replay(string, string) (replay.Store, error) { return usesOf{s}, nil }

func (s *sharedStores) revocations(string, string) (revocation.Store, error) {
	return revocationsOf{s}, nil
}

var errShut = errors.New("the database does not answer")

type usesOf struct{ *sharedStores }

func (s usesOf) Use(ctx context.Context, uses []replay.Use) error {
	if s.shutUses.Load() {
		return errShut
	}
	return s.used.Use(ctx, uses)
}

type revocationsOf struct{ *sharedStores }

func (s revocationsOf) Revoke(ctx context.Context, token revocation.Token) error {
	if s.shut.Load() {
		return errShut
	}
	return s.revoked.Revoke(ctx, token)
}

func (s revocationsOf) Revoked(ctx context.Context, token revocation.Token) (bool, error) {
	if s.shut.Load() {
		return false, errShut
	}
	return s.revoked.Revoked(ctx, token)
}

// instances serves a configuration from several instances that share stores and a clock.
func instances(t *testing.T, document string, count, capacity int) (all []*deployment, stores *sharedStores) {
	t.Helper()
	for range count {
		d := prepare(t, sharing+document)
		if stores == nil {
			stores = newSharedStores(t, d.clock, capacity)
		} else {
			d.clock = all[0].clock
		}
		d.shared = stores
		d.serve()
		all = append(all, d)
	}
	return all, stores
}

// tokenLife is how long the tokens of these tests live.
const tokenLife = 10 * time.Minute
