package federation_test

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/trust/federation"
)

var _ assertion.Keys = (*federation.Keys)(nil)

func TestNew_checks_what_it_is_given(t *testing.T) {
	p := newParties(t)
	secret, err := jose.NewSharedSecretKey([]byte(strings.Repeat("s", 32)), jose.HS256, "s")
	must(t, err)
	key := p.statements[anchor].key(t)
	anchors := func(name string, keys ...jose.VerificationKey) func(*federation.Config) {
		return func(c *federation.Config) { c.Anchors = map[string]jose.KeySet{anchor: {key}, name: keys} }
	}
	for name, test := range map[string]struct {
		change func(*federation.Config)
		good   bool
	}{
		"as it is":                       {func(*federation.Config) {}, true},
		"no skew":                        {func(c *federation.Config) { c.Skew = 0 }, true},
		"a minute of skew":               {func(c *federation.Config) { c.Skew = time.Minute }, true},
		"no intermediates":               {func(c *federation.Config) { c.Intermediates = 0 }, true},
		"eight intermediates":            {func(c *federation.Config) { c.Intermediates = 8 }, true},
		"two anchors":                    {anchors(upper, key), true},
		"no clock":                       {func(c *federation.Config) { c.Now = nil }, false},
		"more skew":                      {func(c *federation.Config) { c.Skew = time.Minute + 1 }, false},
		"negative skew":                  {func(c *federation.Config) { c.Skew = -1 }, false},
		"no entity":                      {func(c *federation.Config) { c.Entity = "" }, false},
		"an entity that is no URL":       {func(c *federation.Config) { c.Entity = "billing-batch" }, false},
		"no entity type":                 {func(c *federation.Config) { c.EntityType = "" }, false},
		"the federation's own type":      {func(c *federation.Config) { c.EntityType = "federation_entity" }, false},
		"nine intermediates":             {func(c *federation.Config) { c.Intermediates = 9 }, false},
		"fewer than no intermediates":    {func(c *federation.Config) { c.Intermediates = -1 }, false},
		"no anchors":                     {func(c *federation.Config) { c.Anchors = nil }, false},
		"an anchor without keys":         {anchors(upper), false},
		"an anchor that is no URL":       {anchors("upper", key), false},
		"an anchor without name":         {anchors("", key), false},
		"an anchor with a shared secret": {anchors(upper, key, secret), false},
		"nothing":                        {func(c *federation.Config) { *c = federation.Config{} }, false},
	} {
		config := p.exchange(t, leaf, anchor).config
		test.change(&config)
		if keys, err := federation.New(config); (err == nil) != test.good || (keys != nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is registered does not change behind the back of what was made of it.
func TestNew_keeps_the_anchors_that_it_was_given(t *testing.T) {
	p := newParties(t)
	e := p.exchange(t, leaf, org, anchor)
	anchors := maps.Clone(e.config.Anchors)
	e.config.Anchors = anchors
	keys, err := federation.New(e.config)
	must(t, err)
	delete(anchors, anchor)
	if err := find(t, keys, e.token(t)); err != nil {
		t.Error(err)
	}
}

// To validate a chain allocates more than a thousand times.
func TestF4_a_chain_is_validated_once(t *testing.T) {
	p := newParties(t)
	e := p.exchange(t, leaf, org, anchor)
	keys, err := federation.New(e.config)
	must(t, err)
	token := e.token(t)
	must(t, find(t, keys, token))
	allocations := testing.AllocsPerRun(10, func() {
		if _, err := keys.Find(t.Context(), token); err != nil {
			t.Error(err)
		}
	})
	if allocations > 100 || keys.Remembered() != 1 {
		t.Errorf("%v allocations, %d chains", allocations, keys.Remembered())
	}
}

// What is remembered is all of a chain, and nothing of one that was refused.
func TestF4_a_chain_that_was_good_makes_no_other_one_good(t *testing.T) {
	p := newParties(t)
	e := p.exchange(t, leaf, org, anchor)
	keys, err := federation.New(e.config)
	must(t, err)
	must(t, find(t, keys, e.token(t)))
	good := e.texts(t)
	again := func(chain ...any) error {
		e.assertion.header = object{"trust_chain": chain}
		return find(t, keys, e.token(t))
	}
	must(t, again(good...))
	first, second, third := good[0].(string), good[1].(string), good[2].(string)
	for _, attempt := range []struct {
		name    string
		chain   []any
		refusal error
	}{
		{"without the last", []any{first, second}, federation.ErrAnchor},
		{"in another order", []any{first, third, second}, federation.ErrOrder},
		{"one more", []any{first, second, third, third}, federation.ErrOrder},
		{"an empty one more", []any{first, second, third, ""}, federation.ErrStatement},
		{"two of them as one", []any{first, second + third}, federation.ErrStatement},
		{"cut elsewhere", []any{first + second[:1], second[1:], third}, federation.ErrStatement},
		{"the last byte", []any{first, second, third[:len(third)-4] + "AAAA"}, federation.ErrSignature},
		{"the first byte", []any{"f" + first[1:], second, third}, federation.ErrStatement},
	} {
		for range 2 { // nor is a refused one remembered
			if err := again(attempt.chain...); !is(err, attempt.refusal) {
				t.Errorf("%s: got %v, want %v", attempt.name, err, attempt.refusal)
			}
		}
	}
	must(t, again(good...))
	if keys.Remembered() != 2 {
		t.Errorf("%d chains", keys.Remembered())
	}
	// The chain is good, and still it is about one entity.
	e.assertion.claims["iss"] = stranger
	if err := again(good...); !errors.Is(err, federation.ErrEntity) {
		t.Error(err)
	}
}

func TestF4_what_is_remembered_is_bounded(t *testing.T) {
	p := newParties(t)
	e := p.exchange(t, leaf, anchor)
	clock := now
	e.config.Now = func() time.Time { return clock }
	keys, err := federation.New(e.config)
	must(t, err)
	var tokens []*jose.Token
	for i := range 40 {
		e.own()["exp"] = fromNow(100 + i)
		tokens = append(tokens, e.token(t))
	}
	for range 2 {
		for _, token := range tokens {
			must(t, find(t, keys, token))
		}
	}
	if count := keys.Remembered(); count != 16 {
		t.Errorf("%d chains", count)
	}
	clock = now.Add(time.Hour)
	for _, token := range tokens {
		if err := find(t, keys, token); !errors.Is(err, federation.ErrExpired) {
			t.Error(err)
		}
	}
	// What has expired makes room.
	e.own()["exp"] = fromNow(10_000)
	must(t, find(t, keys, e.token(t)))
	if count := keys.Remembered(); count != 16 {
		t.Errorf("%d chains", count)
	}
}

func TestF4_many_requests_at_once_get_the_same_answer(t *testing.T) {
	p := newParties(t)
	e := p.exchange(t, leaf, org, anchor)
	keys, err := federation.New(e.config)
	must(t, err)
	var good, bad []*jose.Token
	for i := range 20 {
		e.own()["exp"] = fromNow(1000 + i)
		e.chain[0].by = p.statements[leaf]
		good = append(good, e.token(t))
		e.chain[0].by = p.statements[stranger]
		bad = append(bad, e.token(t))
	}
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			if _, err := keys.Find(t.Context(), good[i%20]); err != nil {
				t.Error(err)
			}
			if key, err := keys.Find(t.Context(), bad[i%20]); !errors.Is(err, federation.ErrSignature) || !key.IsZero() {
				t.Errorf("%v, %v", key, err)
			}
		})
	}
	all.Wait()
}

// The whole way of an assertion: its profile holds as it does for registered keys.
func TestF4_an_assertion_with_a_chain_is_verified_as_every_other(t *testing.T) {
	p := newParties(t)
	verify := func(change func(*exchange)) error {
		e := p.exchange(t, leaf, org, anchor)
		e.assertion.claims["aud"], e.assertion.claims["jti"] = "https://auth.example.com", "1"
		change(e)
		keys, err := federation.New(e.config)
		must(t, err)
		verifier, err := assertion.NewVerifier(e.config.Now, skew)
		must(t, err)
		signed := &draft{object{"trust_chain": e.texts(t)}, e.assertion.claims, e.assertion.by}
		presented, err := assertion.Parse(signed.signed(t))
		must(t, err)
		verified, err := verifier.Verify(t.Context(), presented, assertion.Profile{
			Purpose: replay.ForClient, Issuer: leaf, Keys: keys, Audiences: []string{"https://auth.example.com"},
			SoleAudience: true, MaxLifetime: time.Minute, IDRequired: true,
		})
		if verified.IsZero() != (err != nil) {
			t.Errorf("%v came with %v", verified, err)
		}
		return err
	}
	for name, test := range map[string]struct {
		change  func(*exchange)
		refusal error
	}{
		"good":                      {func(*exchange) {}, nil},
		"an expired chain":          {set(1, "exp", fromNow(-100)), federation.ErrExpired},
		"an expired assertion":      {func(e *exchange) { e.assertion.claims["exp"] = fromNow(-100) }, assertion.ErrExpired},
		"another audience":          {func(e *exchange) { e.assertion.claims["aud"] = anchor }, assertion.ErrAudience},
		"a stranger's signature":    {func(e *exchange) { e.assertion.by.sign = p.statements[stranger].sign }, jose.ErrSignature},
		"another subject":           {func(e *exchange) { e.assertion.claims["sub"] = stranger }, assertion.ErrSubject},
		"no jti":                    {func(e *exchange) { delete(e.assertion.claims, "jti") }, assertion.ErrIDMissing},
		"a statement as assertion":  {func(e *exchange) { e.assertion.by = p.statements[leaf] }, jose.ErrNoKey},
		"a chain of somebody else":  {func(e *exchange) { e.chain = p.exchange(t, stranger, org, anchor).chain }, federation.ErrEntity},
		"an assertion that is late": {func(e *exchange) { e.assertion.claims["iat"] = fromNow(100) }, assertion.ErrIssuedInFuture},
	} {
		if err := verify(test.change); !is(err, test.refusal) {
			t.Errorf("%s: got %v, want %v", name, err, test.refusal)
		}
	}
}

// Protocol T6.
func TestT6_sentences_can_stand_in_error_description(t *testing.T) {
	description := regexp.MustCompile(`\A[\x20-\x21\x23-\x5B\x5D-\x7E]{10,250}\z`) // RFC 6749 §5.2
	reason := regexp.MustCompile(`\Atrust_chain_[a-z]+(?:_[a-z]+)*\z`)
	seen := map[string]bool{}
	for _, fault := range []*federation.Fault{
		jose.ErrNoTrustChain, jose.ErrTrustChain,
		federation.ErrStatement, federation.ErrClaims, federation.ErrCritical, federation.ErrOrder, federation.ErrLoop,
		federation.ErrEntity, federation.ErrAnchor, federation.ErrHints, federation.ErrExpired, federation.ErrNotYet,
		federation.ErrSignature, federation.ErrLength, federation.ErrNaming, federation.ErrEntityType, federation.ErrPolicyForm,
		federation.ErrPolicyConflict, federation.ErrPolicyBroken, federation.ErrKeys, federation.ErrPrivateKey,
		federation.ErrKeysElsewhere, federation.ErrKeysMissing,
	} {
		if !description.MatchString(fault.Sentence) || strings.HasSuffix(fault.Sentence, ".") {
			t.Errorf("sentence %q", fault.Sentence)
		}
		if !reason.MatchString(fault.Reason) || seen[fault.Reason] {
			t.Errorf("reason %q", fault.Reason)
		}
		seen[fault.Reason] = true
	}
}

// What is said of a chain repeats nothing of it.
func TestT6_no_refusal_repeats_what_was_sent(t *testing.T) {
	p := newParties(t)
	const secret = "hunter2"
	for name, change := range map[string]func(*exchange){
		"a claim":      set(1, "iss", secret),
		"a kid":        func(e *exchange) { e.chain[1].header["kid"] = secret },
		"a typ":        func(e *exchange) { e.chain[1].header["typ"] = secret },
		"a name":       constrain(1, "naming_constraints", object{"permitted": []any{secret + ".example.com"}}),
		"a policy":     set(1, "metadata_policy", object{oauthClient: object{secret: object{"value": secret, "add": []any{secret}}}}),
		"a jwks":       set(1, "jwks", object{"keys": []any{object{"kid": secret, "kty": secret}}}),
		"a chain":      func(e *exchange) { e.assertion.header = object{"trust_chain": []any{secret}} },
		"no chain":     func(e *exchange) { e.assertion.header = object{"trust_chain": secret} },
		"metadata":     func(e *exchange) { e.client()["jwks"] = secret },
		"an iss":       func(e *exchange) { e.assertion.claims["iss"] = secret },
		"another type": func(e *exchange) { e.own()["metadata"] = object{secret: object{}} },
	} {
		e := p.exchange(t, leaf, org, anchor)
		change(e)
		keys, err := federation.New(e.config)
		must(t, err)
		if err := find(t, keys, e.token(t)); err == nil || strings.Contains(fmt.Sprintf("%+v", err), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	p := newParties(b)
	for _, path := range [][]string{{leaf, anchor}, {leaf, org, anchor}, {leaf, org, upper, anchor}} {
		e := p.exchange(b, path...)
		token := e.token(b)
		for name, keep := range map[string]bool{"remembered": true, "new": false} {
			b.Run(fmt.Sprintf("%d statements/%s", len(path), name), func(b *testing.B) {
				keys, err := federation.New(e.config)
				must(b, err)
				b.ReportAllocs()
				for b.Loop() {
					if !keep {
						keys, _ = federation.New(e.config)
					}
					if _, err := keys.Find(b.Context(), token); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
