package policy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
	"example.com/countersign/internal/token"
)

// TestX1_an_exchange_is_never_worth_more draws rules, tokens, actors and requests at random, and exchanges what comes of
// each exchange again. Whatever is granted is compared with what was there, by a reading of the tokens alone.
func TestX1_an_exchange_is_never_worth_more(t *testing.T) {
	s := newStages(t)
	decided := map[oauth.Code]int{}
	for seed := range uint64(1500) {
		random := rand.New(rand.NewPCG(seed, 8693))
		held := drawToken(random)
		for hop := range 3 {
			swap := drawSwap(random, held)
			got, decision, err := s.swap(t, swap)
			decided[codeOf(err)]++
			if fault := judgeSwap(swap, got, decision, err); fault != "" {
				t.Fatalf("seed %d, hop %d: %s\nrules:\n%s\nexchange: %+v\ngot %v, %v", seed, hop, fault, listed(swap.rules), swap, got, err)
			}
			if err != nil {
				break
			}
			held = presentedToken{kind: oauth.TypeAccessToken, claims: got}
		}
	}
	for _, code := range []oauth.Code{"", oauth.InvalidRequest, oauth.InvalidScope, oauth.InvalidTarget} {
		if decided[code] < 100 {
			t.Errorf("only %d of the exchanges ended with %q: the drawing is lopsided", decided[code], code)
		}
	}
}

// presentedToken is a token and what it is said to be.
type presentedToken struct {
	kind   string // empty: there is none
	claims claims
}

func (p presentedToken) isOurs() bool { return p.kind == oauth.TypeAccessToken }

// end returns exp.
func (p presentedToken) end() int64 { return p.claims["exp"].(int64) }

// values returns aud or scope as a list.
func values(claim any) []string {
	switch claim := claim.(type) {
	case string:
		return strings.Fields(claim)
	case []any:
		var texts []string
		for _, value := range claim {
			texts = append(texts, value.(string))
		}
		return texts
	default:
		return nil
	}
}

// chain returns the actors of a token, the outermost first.
func chain(claims map[string]any) (actors []string) {
	for {
		actor, is := claims["act"].(map[string]any)
		if !is {
			return actors
		}
		actors = append(actors, fmt.Sprint(actor["iss"], " ", actor["sub"], " ", actor["client_id"]))
		claims = actor
	}
}

func in(d time.Duration) int64 { return epoch.Add(d).Unix() }

func drawToken(random *rand.Rand) presentedToken {
	drawn := claims{"exp": in(time.Duration(1+random.IntN(20*60)) * time.Second), "jti": "1"}
	if random.IntN(3) > 0 {
		drawn["team"] = []string{"x", "y"}[random.IntN(2)]
	}
	for range random.IntN(6) {
		actor := map[string]any{"sub": []string{"a", "b", "gateway"}[random.IntN(3)]}
		if before, is := drawn["act"]; is {
			actor["act"] = before
		}
		drawn["act"] = actor
	}
	switch random.IntN(8) {
	case 0:
		drawn["may_act"] = map[string]any{"sub": "gateway"}
	case 1:
		drawn["may_act"] = map[string]any{"iss": issuer, "sub": "robot"}
	case 2:
		drawn["cnf"] = map[string]any{"jkt": "somebody's"}
	}
	if random.IntN(4) == 0 {
		maps.Copy(drawn, claims{"iss": issuer, "sub": "somebody", "aud": server})
		return presentedToken{oauth.TypeJWT, drawn}
	}
	audience := []any{}
	for _, resource := range some(random, someResources, 1) {
		audience = append(audience, resource)
	}
	maps.Copy(drawn, claims{
		"iss": server, "sub": []string{"alice", "billing"}[random.IntN(2)], "client_id": "billing", "aud": audience, "iat": in(0),
		"scope": strings.Join(some(random, someScopes, 1), " "),
	})
	return presentedToken{oauth.TypeAccessToken, drawn}
}

// swapped is a token exchange in the making.
type swapped struct {
	subject, actor      presentedToken
	rules               []rule
	resources, audience []string
	scope               string
}

func drawSwap(random *rand.Rand, held presentedToken) swapped {
	drawn := swapped{subject: held, scope: drawRequest(random).scope}
	for range 2 + random.IntN(4) {
		r := drawRule(random)
		if held.isOurs() {
			r.Subject = ""
		}
		drawn.rules = append(drawn.rules, r)
	}
	drawn.rules = numbered(drawn.rules...)
	if asked := drawRequest(random).resource; random.IntN(2) == 0 {
		drawn.audience = asked
	} else {
		drawn.resources = asked
	}
	end := in(time.Duration(1+random.IntN(20*60)) * time.Second)
	switch random.IntN(4) {
	case 0:
		drawn.actor = presentedToken{oauth.TypeJWT, claims{"iss": issuer, "sub": "robot", "aud": server, "exp": end, "jti": "2"}}
	case 1:
		drawn.actor = presentedToken{oauth.TypeAccessToken, claims{
			"iss": server, "sub": "gateway", "client_id": "gateway", "aud": archive, "scope": "a", "iat": in(0), "exp": end, "jti": "3",
		}}
	}
	return drawn
}

// sign signs what is presented with the key of whoever it is of.
func (s *stages) sign(t testing.TB, of presentedToken) string {
	t.Helper()
	text, err := json.Marshal(of.claims)
	if err != nil {
		t.Fatal(err)
	}
	key, typ := s.key, "JWT"
	if of.isOurs() {
		key, typ = s.own, "at+jwt"
	}
	signed, err := key.Sign(typ, text)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// swap takes an exchange through all stages that decide, and returns the claims of the token.
func (s *stages) swap(t testing.TB, x swapped) (claims, policy.Decision, error) {
	t.Helper()
	form := url.Values{
		"grant_type": {oauth.TokenExchange}, "client_id": {"gateway"}, "client_secret": {password},
		"subject_token": {s.sign(t, x.subject)}, "subject_token_type": {x.subject.kind},
		"resource": x.resources, "audience": x.audience, "scope": {x.scope},
	}
	if x.actor.kind != "" {
		form.Set("actor_token", s.sign(t, x.actor))
		form.Set("actor_token_type", x.actor.kind)
	}
	parsed, err := oauth.ParseTokenRequest(oauth.Form{Parameters: form})
	if err != nil {
		t.Fatal(err)
	}
	authenticated, err := s.clients.Authenticate(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	authorization, err := s.grants.Authorize(t.Context(), authenticated)
	if err != nil {
		return nil, policy.Decision{}, err
	}
	constrained, err := s.senders.Constrain(t.Context(), authorization)
	if err != nil {
		t.Fatal(err)
	}
	decision, err := s.swapPolicies(t, x).Decide(constrained)
	if err != nil {
		return nil, policy.Decision{}, err
	}
	got, err := s.issue(t, decision)
	return got, decision, err
}

func (s *stages) swapPolicies(t testing.TB, x swapped) *policy.Policies {
	t.Helper()
	party := theIssuer
	if x.subject.isOurs() {
		party = theSwaps
	}
	var compiled []policy.Rule
	for _, r := range x.rules {
		compiled = append(compiled, s.compile(t, r))
	}
	policies, err := policy.New(map[grant.Party][]policy.Rule{party: compiled}, s.clients.Has)
	if err != nil {
		t.Fatal(err)
	}
	return policies
}

// issue makes the token of a decision and reads it as an API does.
func (s *stages) issue(t testing.TB, decision policy.Decision) (claims, error) {
	t.Helper()
	tokens, err := token.New(token.Config{
		Issuer: server, Now: func() time.Time { return epoch }, Keys: func(context.Context) (token.Signer, time.Time, error) { return s.own, epoch, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	draft, err := tokens.Draft(t.Context(), decision)
	if err != nil {
		return nil, err
	}
	signed, err := draft.Sign()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.Parse(signed.Token.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	verified, err := parsed.Verify(s.own.Verification())
	if err != nil {
		t.Fatal(err)
	}
	return verified.All(), nil
}

// judgeSwap says in what a token is worth more than what it was exchanged for; empty: in nothing.
func judgeSwap(x swapped, got claims, decision policy.Decision, err error) string {
	if err != nil {
		return ""
	}
	issued := presentedToken{oauth.TypeAccessToken, got}
	switch {
	case issued.end() > x.subject.end():
		return "it ends later"
	case x.actor.kind != "" && issued.end() > x.actor.end():
		return "it ends later than what says who acts"
	case got["sub"] != x.subject.claims["sub"] && (x.subject.isOurs() || got["sub"] != "mapped"):
		return "it has another subject"
	case got["client_id"] != "gateway":
		return "it was issued to another client"
	case x.subject.claims["cnf"] != nil:
		return "it is bound to nothing"
	case got["may_act"] != nil || got["iss"] != server:
		return "it says what nobody but us can say"
	}
	if fault := judgeActors(x, chain(got)); fault != "" {
		return fault
	}
	return judgeAudience(x, got, decision)
}

// judgeActors compares the chain of actors with the one before.
func judgeActors(x swapped, actors []string) string {
	before := chain(x.subject.claims)
	if !x.subject.isOurs() {
		for i := range before {
			before[i] = issuer + strings.TrimPrefix(before[i], "<nil>")
		}
	}
	switch x.actor.kind {
	case oauth.TypeJWT:
		before = slices.Insert(before, 0, issuer+" robot <nil>")
	case oauth.TypeAccessToken:
		before = slices.Insert(before, 0, "<nil> gateway gateway")
	}
	may, _ := x.subject.claims["may_act"].(map[string]any)
	switch {
	case !slices.Equal(actors, before):
		return fmt.Sprintf("the actors are %q, not %q", actors, before)
	case len(actors) > 4:
		return "there are too many actors"
	case may == nil:
	case may["sub"] == "robot" && x.actor.kind != oauth.TypeJWT:
		return "another than the one who may acts"
	case may["sub"] == "gateway" && (x.actor.kind == oauth.TypeJWT || !x.subject.isOurs()):
		return "another than the one who may acts"
	}
	return ""
}

// judgeAudience compares what can be done at each resource.
func judgeAudience(x swapped, got claims, decision policy.Decision) string {
	asked := slices.Concat(x.resources, x.audience)
	for i, resource := range values(got["aud"]) {
		n := slices.IndexFunc(x.rules, func(r rule) bool { return r.Name == decision.Rules()[i] })
		within := x.rules[n].Scopes
		if x.subject.isOurs() && slices.Contains(values(x.subject.claims["aud"]), resource) {
			within = within.And(values(x.subject.claims["scope"]))
		}
		switch {
		case len(asked) > 0 && !slices.Contains(asked, resource):
			return "nobody has asked for " + resource
		case x.rules[n].Resource != resource || x.rules[n].Disabled:
			return "no rule names " + resource
		case !oauth.Scope(values(got["scope"])).Within(within):
			return "it can do more at " + resource
		case time.Duration(got["exp"].(int64)-got["iat"].(int64))*time.Second > x.rules[n].Lifetime:
			return "it lives for longer than the rule says"
		}
	}
	return ""
}

// Where a rule could map the subject of a token of ours, it could be exchanged for somebody else's.
func TestX1_no_rule_maps_the_subject_of_a_token_of_ours(t *testing.T) {
	s := newStages(t)
	mapped := s.compile(t, rule{Expressions: policy.Expressions{Subject: "claims.client_id"}})
	if policies, err := policy.New(map[grant.Party][]policy.Rule{theSwaps: {mapped}}, s.clients.Has); err == nil || policies != nil {
		t.Errorf("%v, %v", policies, err)
	}
}
