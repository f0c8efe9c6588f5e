package token_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
	"example.com/countersign/internal/sender"
	"example.com/countersign/internal/token"
)

// A token is made of a decision, and only the stages before this one can make one. So these tests go through them, with
// one issuer that vouches for others by HS256.

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	server   = "https://auth.example.com"
	idp      = "https://idp.example"
	invoices = "https://invoices.example.com"
	deploy   = "https://deploy.example.com"
	legacy   = "https://legacy.example.com"  // takes tokens signed with a shared secret
	archive  = "https://archive.example.com" // likewise, with another one
)

var theIssuer = grant.Party{Kind: grant.Issuer, ID: idp}

type registered jose.KeySet

func (r registered) Find(_ context.Context, t *jose.Token) (jose.VerificationKey, error) {
	return jose.KeySet(r).Find(t)
}

// stages are those before package token.
type stages struct {
	key      jose.SigningKey
	clients  *client.Registry
	senders  *sender.Senders
	grants   *grant.Grants
	compiler *policy.Compiler
}

func newStages(t testing.TB) *stages {
	t.Helper()
	s := &stages{key: shared(t, "i", "")}
	verifier, err := assertion.NewVerifier(func() time.Time { return epoch }, 10*time.Second)
	must(t, err)
	s.clients, err = client.New(client.Config{
		Registrations: []*client.Registration{{ID: "mobile", Method: oauth.NoAuthentication, Grants: []string{oauth.JWTBearer}}},
		Verifier:      verifier, Now: func() time.Time { return epoch },
	})
	must(t, err)
	s.grants, err = grant.New(grant.Config{
		Clients: s.clients, Verifier: verifier,
		Trusts: map[grant.Party]grant.Trust{theIssuer: {
			Keys: registered{s.key.Verification()}, Audiences: []string{server}, MaxLifetime: time.Hour,
			Subject: assertion.SubjectRequired, Client: grant.ClientOptional,
		}},
	})
	must(t, err)
	proofs, err := dpop.New(dpop.Config{Now: func() time.Time { return epoch }})
	must(t, err)
	s.senders, err = sender.New(sender.Config{Proofs: proofs, URLs: []string{server + "/token"}})
	must(t, err)
	s.compiler, err = policy.NewCompiler()
	must(t, err)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type claims map[string]any

// request is a token request, and the rule that answers it. The zero request is for invoices, on the word of the issuer
// for somebody, without a client.
type request struct {
	claims    claims // of the assertion, besides the registered ones, which it can replace
	client    string
	resources []string
	lifetime  time.Duration
	bound     bool              // the token expires with the assertion
	copied    map[string]string // further claims, in CEL
}

// decide takes a request through the stages.
func (s *stages) decide(t testing.TB, r request) policy.Decision {
	t.Helper()
	if r.resources == nil {
		r.resources = []string{invoices}
	}
	if r.lifetime == 0 {
		r.lifetime = 10 * time.Minute
	}
	all := claims{"iss": idp, "sub": "somebody", "aud": server, "exp": epoch.Add(30 * time.Minute).Unix()}
	maps.Copy(all, r.claims)
	text, err := json.Marshal(all)
	must(t, err)
	signed, err := s.key.Sign("JWT", text)
	must(t, err)
	parsed, err := oauth.ParseTokenRequest(oauth.Form{Parameters: url.Values{
		"grant_type": {oauth.JWTBearer}, "assertion": {signed}, "client_id": {r.client}, "resource": r.resources,
	}})
	must(t, err)
	authenticated, err := s.clients.Authenticate(t.Context(), parsed)
	must(t, err)
	authorization, err := s.grants.Authorize(t.Context(), authenticated)
	must(t, err)
	constrained, err := s.senders.Constrain(t.Context(), authorization)
	must(t, err)
	var rules []policy.Rule
	for _, resource := range r.resources {
		rule, faults, err := s.compiler.Rule(policy.Terms{
			Resource: resource, Scopes: oauth.Scope{"read", "write"}, DefaultScopes: oauth.Scope{"read", "write"},
			Lifetime: r.lifetime, ExpiresWithAssertion: r.bound,
		}, policy.Expressions{Claims: r.copied})
		if must(t, err); len(faults) > 0 {
			t.Fatal(faults)
		}
		rules = append(rules, rule)
	}
	policies, err := policy.New(map[grant.Party][]policy.Rule{theIssuer: rules}, s.clients.Has)
	must(t, err)
	decision, err := policies.Decide(constrained)
	must(t, err)
	return decision
}

// shared is a shared secret of 32 times a letter.
func shared(t testing.TB, letter, id string) jose.SigningKey {
	t.Helper()
	key, err := jose.NewSharedSecretSigningKey([]byte(strings.Repeat(letter, 32)), jose.HS256, id)
	must(t, err)
	return key
}

// keyring is keys that count how often they are asked for.
type keyring struct {
	key   token.Signer
	down  error
	asked int
}

func (k *keyring) get(context.Context) (token.Signer, time.Time, error) {
	k.asked++
	return k.key, time.Time{}, k.down
}

// bench is an issuer of tokens with its keys: own ones, and those of the two APIs that want a shared secret.
type bench struct {
	*stages
	*token.Issuer
	now                  time.Time
	public               jose.VerificationKey // of own
	own, legacy, archive *keyring
}

func newBench(t testing.TB) *bench {
	t.Helper()
	key, err := jose.GenerateSigningKey(jose.ES256)
	must(t, err)
	b := &bench{
		stages: newStages(t), now: epoch, public: key.Verification(),
		own: &keyring{key: key}, legacy: &keyring{key: shared(t, "l", "7")}, archive: &keyring{key: shared(t, "a", "8")},
	}
	b.Issuer, err = token.New(token.Config{
		Issuer: server, Keys: b.own.get, Now: func() time.Time { return b.now },
		ResourceKeys: map[string]token.NamedKeys{
			legacy: {Name: "legacy", Keys: b.legacy.get}, archive: {Name: "archive", Keys: b.archive.get}, archive + "/old": {Name: "archive", Keys: b.archive.get},
		},
	})
	must(t, err)
	return b
}

// issue makes a token of a request, and reads it.
func (b *bench) issue(t testing.TB, r request) (token.AccessToken, *jose.Token) {
	t.Helper()
	draft, err := b.Draft(t.Context(), b.decide(t, r))
	must(t, err)
	made, err := draft.Sign()
	must(t, err)
	read, err := jose.Parse(made.Token.Reveal())
	must(t, err)
	return made, read
}

// refuse expects that there is no draft, and that nobody can make a token of what came with the error.
func (b *bench) refuse(t testing.TB, decision policy.Decision, code oauth.Code, reason string) error {
	t.Helper()
	draft, err := b.Draft(t.Context(), decision)
	refusal, is := errors.AsType[*oauth.Error](err)
	if !is || refusal.Code != code || refusal.Reason != reason {
		t.Errorf("got %v, want %s (%s)", err, code, reason)
	}
	expectNothing(t, draft)
	return err
}

// expectNothing expects that a draft is none.
func expectNothing(t testing.TB, draft token.Draft) {
	t.Helper()
	made, err := draft.Sign()
	if refusal, is := errors.AsType[*oauth.Error](err); !is || refusal.Code != oauth.ServerError {
		t.Errorf("a draft that is none: %v", err)
	}
	if !made.Token.IsZero() || made.ID != "" || made.Scope != nil || made.ExpiresIn != 0 || made.ExpiresAt != 0 {
		t.Errorf("an error came with %+v", made)
	}
}
