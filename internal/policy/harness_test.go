package policy_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
	"example.com/countersign/internal/sender"
	"example.com/countersign/internal/trace"
)

// A decision takes an authorization, and only the stages before it can make one. So these tests go through them: an
// issuer that vouches for others by HS256, and clients with a secret.

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const (
	server   = "https://auth.example.com"
	issuer   = "https://issuer.example"
	invoices = "https://invoices.example.com"
	deploy   = "https://deploy.example.com"
	archive  = "https://archive.example.com"
	password = "correct horse battery staple"
)

var (
	theIssuer = grant.Party{Kind: grant.Issuer, ID: issuer}
	theClient = grant.Party{Kind: grant.Client, ID: "billing"}
	theSwaps  = grant.Party{Kind: grant.Exchange, ID: "gateway"}
)

// registered are the keys of the issuer.
type registered jose.KeySet

func (r registered) Find(_ context.Context, token *jose.Token) (jose.VerificationKey, error) {
	return jose.KeySet(r).Find(token)
}

// stages are those before package policy, and a compiler.
type stages struct {
	key      jose.SigningKey // the issuer's
	own      jose.SigningKey // ours
	clients  *client.Registry
	senders  *sender.Senders
	grants   *grant.Grants
	compiler *policy.Compiler
}

func newStages(t testing.TB) *stages {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s := &stages{}
	var err error
	s.key, err = jose.NewSharedSecretSigningKey([]byte(strings.Repeat("k", 32)), jose.HS256, "")
	must(err)
	s.own, err = jose.GenerateSigningKey(jose.ES256)
	must(err)
	exchanged, err := issued.New(issued.Config{
		Issuer: server, Now: func() time.Time { return epoch },
		Keys: func(context.Context) (jose.KeySet, error) { return jose.KeySet{s.own.Verification()}, nil },
	})
	must(err)
	verifier, err := assertion.NewVerifier(func() time.Time { return epoch }, 10*time.Second)
	must(err)
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	must(err)
	secret, err := client.ParseSecretHash(string(hash))
	must(err)
	both := []string{oauth.ClientCredentials, oauth.JWTBearer}
	s.clients, err = client.New(client.Config{Verifier: verifier, Now: func() time.Time { return epoch }, Registrations: []*client.Registration{
		{ID: "billing", Method: oauth.ClientSecretPost, Grants: both, Secrets: []*client.SecretHash{secret}},
		{ID: "gateway", Method: oauth.ClientSecretPost, Grants: []string{oauth.TokenExchange}, Secrets: []*client.SecretHash{secret}},
		{ID: "public", Method: oauth.NoAuthentication, Grants: []string{oauth.JWTBearer}},
		{ID: "retired", Disabled: true, Method: oauth.ClientSecretPost, Grants: both, Secrets: []*client.SecretHash{secret}},
	}})
	must(err)
	s.grants, err = grant.New(grant.Config{
		Clients: s.clients, Verifier: verifier, Issuer: server, Issued: exchanged,
		Trusts: map[grant.Party]grant.Trust{theIssuer: {
			Keys: registered{s.key.Verification()}, Audiences: []string{server}, MaxLifetime: time.Hour,
			Subject: assertion.SubjectRequired, Client: grant.ClientOptional,
		}},
	})
	must(err)
	proofs, err := dpop.New(dpop.Config{Now: func() time.Time { return epoch }})
	must(err)
	s.senders, err = sender.New(sender.Config{Proofs: proofs, URLs: []string{server + "/token"}})
	must(err)
	s.compiler, err = policy.NewCompiler()
	must(err)
	return s
}

type claims map[string]any

// request is one token request. The zero request is the issuer's, for "somebody", without parameters.
type request struct {
	claims   claims // besides the registered ones, which it can replace
	scope    string
	resource []string
	client   string // client_id
	secret   string // client_secret
	grant    string // empty: the JWT bearer grant
	trace    *trace.Record
}

// authorize takes a request through the stages before policy.
func (s *stages) authorize(t testing.TB, r request) sender.Constrained {
	t.Helper()
	form := url.Values{"grant_type": {oauth.JWTBearer}, "resource": r.resource}
	if r.grant != "" {
		form.Set("grant_type", r.grant)
	}
	for name, value := range map[string]string{"scope": r.scope, "client_id": r.client, "client_secret": r.secret} {
		form.Set(name, value)
	}
	if form.Get("grant_type") == oauth.JWTBearer {
		all := claims{"iss": issuer, "sub": "somebody", "aud": server, "exp": epoch.Add(time.Minute).Unix()}
		maps.Copy(all, r.claims)
		text, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := s.key.Sign("JWT", text)
		if err != nil {
			t.Fatal(err)
		}
		form.Set("assertion", signed)
	}
	parsed, err := oauth.ParseTokenRequest(oauth.Form{Parameters: form})
	if err != nil {
		t.Fatal(err)
	}
	parsed.Trace = r.trace
	authenticated, err := s.clients.Authenticate(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	authorization, err := s.grants.Authorize(t.Context(), authenticated)
	if err != nil {
		t.Fatal(err)
	}
	constrained, err := s.senders.Constrain(t.Context(), authorization)
	if err != nil {
		t.Fatal(err)
	}
	return constrained
}

// rule is a rule before it is compiled. What is left out is a scope, a resource and a lifetime.
type rule struct {
	policy.Terms
	policy.Expressions
}

func (s *stages) compile(t testing.TB, r rule) policy.Rule {
	t.Helper()
	compiled, faults, err := s.tryCompile(r)
	if err != nil || len(faults) > 0 {
		t.Fatalf("%+v: %v, %v", r, faults, err)
	}
	return compiled
}

func (s *stages) tryCompile(r rule) (policy.Rule, []policy.Fault, error) {
	if r.Resource == "" {
		r.Resource = invoices
	}
	if r.Scopes == nil {
		r.Scopes = oauth.Scope{"read", "write"}
	}
	if r.DefaultScopes == nil {
		r.DefaultScopes = r.Scopes
	}
	if r.Lifetime == 0 {
		r.Lifetime = 10 * time.Minute
	}
	return s.compiler.Rule(r.Terms, r.Expressions)
}

// decide gives the party these rules and asks.
func (s *stages) decide(t testing.TB, party grant.Party, r request, rules ...rule) (policy.Decision, error) {
	t.Helper()
	var compiled []policy.Rule
	for _, r := range rules {
		compiled = append(compiled, s.compile(t, r))
	}
	policies, err := policy.New(map[grant.Party][]policy.Rule{party: compiled}, s.clients.Has)
	if err != nil {
		t.Fatal(err)
	}
	decision, err := policies.Decide(s.authorize(t, r))
	if decision.IsZero() != (err != nil) {
		t.Errorf("Decide = %v, %v", decision, err)
	}
	if err != nil && (decision.Subject() != "" || decision.Scope() != nil || decision.Audience() != nil || decision.Lifetime() != 0) {
		t.Errorf("an error came with %v", decision)
	}
	return decision, err
}

// policiesOf gives the issuer these rules.
func (s *stages) policiesOf(t testing.TB, rules ...policy.Rule) *policy.Policies {
	t.Helper()
	policies, err := policy.New(map[grant.Party][]policy.Rule{theIssuer: rules}, s.clients.Has)
	if err != nil {
		t.Fatal(err)
	}
	return policies
}

// holds reports whether a compiled rule applies to the issuer's claims.
func (s *stages) holds(t testing.TB, compiled policy.Rule, over claims) bool {
	t.Helper()
	_, err := s.policiesOf(t, compiled).Decide(s.authorize(t, request{claims: over}))
	return err == nil
}

// quote returns text as a CEL literal (and JSON happens to be one).
func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

// codeOf returns the error code of a refusal; "" where there is none.
func codeOf(err error) oauth.Code {
	if refusal, isRefusal := errors.AsType[*oauth.Error](err); isRefusal {
		return refusal.Code
	}
	if err != nil {
		return oauth.Code("not an *oauth.Error: " + err.Error())
	}
	return ""
}
