package server_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/sender"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/token"
	"example.com/countersign/internal/trust"
)

// at sends a request a hundred times at the same moment, and returns how many got a token.
func (d *deployment) atOnce(t *testing.T, r request, want refusal) (granted int) {
	t.Helper()
	const times = 100
	answers := make(chan answer, times)
	var start, done sync.WaitGroup
	start.Add(1)
	for range times {
		done.Go(func() {
			start.Wait()
			answers <- d.send(t, r)
		})
	}
	start.Done()
	done.Wait()
	close(answers)
	for got := range answers {
		switch {
		case got.status == http.StatusOK:
			granted++
		case got.status != want.status || !strings.Contains(got.body, want.description) || strings.Contains(got.body, "access_token"):
			t.Errorf("got %d %s", got.status, got.body)
		}
	}
	return granted
}

func TestR1_of_a_hundred_simultaneous_uses_exactly_one_gets_a_token(t *testing.T) {
	d := deploy(t, acme)
	for name, test := range map[string]struct {
		request request
		refusal refusal
	}{
		"of a client assertion": {clientCredentials(d.proves("billing")), clientFault(assertion.ErrReplayed)},
		"of an assertion":       {jwtBearer(d.vouches("idp.ES256", idp)), grantFault(assertion.ErrReplayed)},
		"of both":               {jwtBearer(d.vouches("idp.ES256", idp), d.proves("reporting")), clientFault(assertion.ErrReplayed)},
	} {
		if granted := d.atOnce(t, test.request, test.refusal); granted != 1 {
			t.Errorf("%s: %d got a token", name, granted)
		}
	}
	events := map[any]int{}
	for _, event := range decisions(t, d.log.String()) {
		events[event["decision"]]++
	}
	if events["granted"] != 3 || events["denied"] != 297 {
		t.Errorf("the log has %v", events)
	}
}

func TestR2_a_refused_assertion_is_not_burnt(t *testing.T) {
	d := deploy(t, acme)
	credential := sign(t, "reporting.ES256", d.of("reporting"))
	d.judge(t,
		deny("for its scope", clientCredentials(proof(credential), scope("root")), scopeNotAllowed),
		deny("for its form", clientCredentials(proof(credential), scope(`"`)), scopeMalformed),
		deny("for its resource", clientCredentials(proof(credential), resource("https://nobody.example.com")), resourceNotAllowed),
		deny("for its grant_type", ask(param("grant_type", "password"), proof(credential)), unsupported),
		deny("for another client_id", clientCredentials(proof(credential), clientID("billing")), invalidClient("client_id_mismatch", "client_id is not the iss of the client assertion")),
		deny("for the other assertion", jwtBearer("x.y.z", proof(credential)), grantFault(jose.ErrCompact)),
		deny("for a second credential", clientCredentials(proof(credential), basic("portal", portalSecret)), invalidRequest("several_credentials", "the request authenticates its client in more than one way")),
		allow("and now for nothing", clientCredentials(proof(credential))),
		deny("but it is burnt by that", clientCredentials(proof(credential)), clientFault(assertion.ErrReplayed)),
	)
}

func TestR2_two_assertions_are_burnt_together_or_not_at_all(t *testing.T) {
	d := deploy(t, acme)
	fresh := func() string { return d.vouches("idp.ES256", idp) }
	credential, vouched := sign(t, "reporting.ES256", d.of("reporting")), fresh()
	d.judge(t, allow("the credential is used elsewhere", clientCredentials(proof(credential))))
	d.judge(t,
		deny("a fresh assertion with a used credential", jwtBearer(vouched, proof(credential)), clientFault(assertion.ErrReplayed)),
		allow("which leaves the assertion good", jwtBearer(vouched, d.proves("reporting"))),
	)
	credential = sign(t, "reporting.ES256", d.of("reporting"))
	d.judge(t,
		deny("a fresh credential with a used assertion", jwtBearer(vouched, proof(credential)), grantFault(assertion.ErrReplayed)),
		allow("which leaves the credential good", jwtBearer(fresh(), proof(credential))),
		deny("and then both are used", jwtBearer(fresh(), proof(credential)), clientFault(assertion.ErrReplayed)),
	)
}

// The two uses of RFC 7523 are remembered apart: one JWT may serve for both, once.
func TestR2_one_JWT_may_be_credential_and_grant_once(t *testing.T) {
	d := deploy(t, acme)
	token := sign(t, "reporting.ES256", d.of("reporting"))
	d.judge(t,
		allow("both", jwtBearer(token, proof(token))),
		deny("both again", jwtBearer(token, proof(token)), clientFault(assertion.ErrReplayed)),
		deny("as a credential", clientCredentials(proof(token)), clientFault(assertion.ErrReplayed)),
		deny("as a grant", jwtBearer(token), grantFault(assertion.ErrReplayed)),
	)
}

func TestR2_a_missing_signing_key_does_not_burn_the_assertion(t *testing.T) {
	d := prepare(t, vaulted)
	d.vault.shut(codes.Internal)
	d.serve()
	credential, vouched := d.proves("billing"), mac(t, jose.HS512, payload(legacySecret), d.about("4711", "legacy-portal").but("aud", "token-service"))
	invoices := resource("https://invoices.example.com")
	d.judge(t,
		deny("there is no key", clientCredentials(credential, invoices), unavailable("signing_key_unavailable")),
		deny("there is no key, again", clientCredentials(credential, invoices), unavailable("signing_key_unavailable")),
		deny("nor for the assertion", jwtBearer(vouched), unavailable("issuer_keys_unavailable")),
	)
	d.vault.open()
	d.clock.advance(3 * time.Second)
	d.judge(t,
		allow("there is a key", clientCredentials(credential, invoices)),
		allow("and for the assertion", jwtBearer(vouched)),
		deny("once", clientCredentials(credential, invoices), clientFault(assertion.ErrReplayed)),
		deny("each", jwtBearer(vouched), grantFault(assertion.ErrReplayed)),
	)
}

// assemble builds a server by hand, with a memory of its own. It has one client, billing, and one issuer, idp.
func assemble(t *testing.T, remembers func(*clock) replay.Store) *deployment {
	t.Helper()
	d := prepare(t, acme)
	verifier, err := assertion.NewVerifier(d.clock.now, 10*time.Second)
	d.must(err)
	billing := trust.NewFixed(jose.KeySet{signingKey(t, "billing.ES256").Verification()})
	clients, err := client.New(client.Config{Verifier: verifier, Now: d.clock.now, Registrations: []*client.Registration{{
		ID: "billing", Method: oauth.PrivateKeyJWT, Grants: []string{oauth.ClientCredentials}, Keys: billing, Audience: us, MaxLifetime: 10 * time.Minute,
	}}})
	d.must(err)
	issuer := grant.Party{Kind: grant.Issuer, ID: idp}
	grants, err := grant.New(grant.Config{Clients: clients, Verifier: verifier, Trusts: map[grant.Party]grant.Trust{issuer: {
		Keys: trust.NewFixed(jose.KeySet{signingKey(t, "idp.ES256").Verification()}), Audiences: []string{us},
		MaxLifetime: time.Hour, Subject: assertion.SubjectRequired, Client: grant.ClientOptional,
	}}})
	d.must(err)
	proofs, err := dpop.New(dpop.Config{Now: d.clock.now})
	d.must(err)
	senders, err := sender.New(sender.Config{Proofs: proofs, URLs: []string{us + "/token"}})
	d.must(err)
	compiler, err := policy.NewCompiler()
	d.must(err)
	rule, faults, err := compiler.Rule(policy.Terms{
		Resource: "https://invoices.example.com", Scopes: oauth.Scope{"invoices.read"}, DefaultScopes: oauth.Scope{"invoices.read"}, Lifetime: time.Minute,
	}, policy.Expressions{})
	if d.must(err); len(faults) > 0 {
		t.Fatal(faults)
	}
	policies, err := policy.New(map[grant.Party][]policy.Rule{issuer: {rule}, {Kind: grant.Client, ID: "billing"}: {rule}}, clients.Has)
	d.must(err)
	ring, err := keys.NewRing(keys.Config{
		Source: keys.Directory(d.folder + "/keys"), Algorithm: jose.ES256, Now: d.clock.now, Log: server.NewLog(d.log),
		Timing: keys.Timing{MaxAge: time.Minute, Refresh: ringFresh, TokenLifetime: time.Minute},
	})
	d.must(err)
	set, err := keys.NewSet(d.clock.now, ring)
	d.must(err)
	tokens, err := token.New(token.Config{
		Issuer: us, Now: d.clock.now, Keys: func(ctx context.Context) (token.Signer, time.Time, error) { return ring.Signing(ctx) },
	})
	d.must(err)
	built, err := server.New(server.Config{
		Clients: clients, Senders: senders, Grants: grants, Policies: policies, Replay: remembers(d.clock), Tokens: tokens, Keys: set,
		Metadata: server.Metadata{Issuer: us}, Log: server.NewLog(d.log),
	})
	d.must(err)
	d.listen(built)
	return d
}

// store is a shared store that a test stands in for.
type store func() error

func (s store) Use(context.Context, []replay.Use) error { return s() }

func TestR3_a_store_that_does_not_answer_fails_the_request(t *testing.T) {
	var answer error
	d := assemble(t, func(*clock) replay.Store { return store(func() error { return answer }) })
	answer = errors.New("the store is down")
	d.judge(t,
		deny("a client assertion", clientCredentials(d.proves("billing")), unavailable("replay_store_unavailable")),
		deny("an assertion", jwtBearer(d.vouches("idp.ES256", idp)), unavailable("replay_store_unavailable")),
		allow("there is nothing to remember", jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("jti", nil)))),
	)
	answer = context.DeadlineExceeded
	d.judge(t, deny("in time", clientCredentials(d.proves("billing")), unavailable("replay_store_unavailable")))
	answer = nil
	d.judge(t, allow("the store is up", clientCredentials(d.proves("billing"))))
}

func TestR2_memory_is_bounded_and_refuses_rather_than_forgets(t *testing.T) {
	d := assemble(t, func(c *clock) replay.Store {
		memory, err := replay.NewMemory(c.now, 2)
		if err != nil {
			t.Fatal(err)
		}
		return memory
	})
	first := clientCredentials(d.proves("billing"))
	d.judge(t,
		allow("one", first),
		allow("two", clientCredentials(d.proves("billing"))),
		deny("three", clientCredentials(d.proves("billing")), unavailable("replay_store_unavailable")),
		deny("one is still remembered", first, clientFault(assertion.ErrReplayed)),
	)
	d.clock.advance(7 * time.Minute)
	d.judge(t,
		allow("when they have expired", clientCredentials(d.proves("billing"))),
		deny("which does not bring the first one back", first, clientFault(assertion.ErrExpired)),
	)
}

func TestR2_strangers_cannot_fill_the_memory(t *testing.T) {
	d := assemble(t, func(c *clock) replay.Store {
		memory, err := replay.NewMemory(c.now, 1)
		if err != nil {
			t.Fatal(err)
		}
		return memory
	})
	for range 20 {
		for _, r := range []request{
			clientCredentials(proof(forge(t, "stranger.ES256", d.of("billing")))),
			clientCredentials(proof(forge(t, "stranger.ES256", d.of("nobody")))),
			clientCredentials(proof(sign(t, "stranger.ES256", d.of("billing")))),
			clientCredentials(d.proves("billing"), scope("root")),
			jwtBearer(forge(t, "stranger.ES256", d.about("alice", idp))),
			jwtBearer(sign(t, "idp.ES256", d.about("alice", "https://nobody.example.com"))),
		} {
			if got := d.send(t, r); got.status != 400 && got.status != 401 {
				t.Fatalf("got %d %s", got.status, got.body)
			}
		}
	}
	d.judge(t, allow("there is room for one", clientCredentials(d.proves("billing"))))
}
