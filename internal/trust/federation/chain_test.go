package federation_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust/federation"
)

func TestF4_a_chain_ends_at_the_statement_of_an_anchor_about_a_subordinate_or_about_itself(t *testing.T) {
	p := newParties(t)
	for _, path := range [][]string{{leaf, anchor}, {leaf, org, anchor}, {leaf, org, upper, anchor}} {
		t.Run(fmt.Sprintf("%d entities", len(path)), func(t *testing.T) {
			e := p.exchange(t, path...)
			expect(t, e, nil)
			e.addAnchor(t)
			expect(t, e, nil)
		})
	}
}

// A federation may sign with any algorithm that a published key can have (§3).
func TestF4_each_entity_signs_with_an_algorithm_of_its_own(t *testing.T) {
	p := newParties(t)
	p.statements[leaf], p.statements[org], p.statements[anchor] = newEdDSASigner(t, "l"), newRSASigner(t, "o"), newRSASigner(t, "a")
	e := p.exchange(t, leaf, org, anchor)
	e.addAnchor(t)
	expect(t, e, nil)
}

func TestF4_a_chain_in_another_order_is_refused(t *testing.T) {
	judge(t,
		deny("the entity's statement is missing", federation.ErrOrder, func(e *exchange) { e.chain = e.chain[1:] }),
		deny("the entity's statement is one of its superior", federation.ErrOrder, func(e *exchange) { e.chain[0] = e.chain[1] }),
		deny("its superior's is missing", federation.ErrOrder, func(e *exchange) { e.chain = slices.Delete(e.chain, 1, 2) }),
		deny("the anchor's is missing", federation.ErrAnchor, func(e *exchange) { e.chain = e.chain[:2] }),
		deny("the entity alone", federation.ErrOrder, func(e *exchange) { e.chain = e.chain[:1] }),
		deny("from the anchor down", federation.ErrOrder, func(e *exchange) { slices.Reverse(e.chain) }),
		deny("two are swapped", federation.ErrOrder, func(e *exchange) { e.chain[1], e.chain[2] = e.chain[2], e.chain[1] }),
		deny("the entity's is there twice", federation.ErrOrder, func(e *exchange) { e.chain = slices.Insert(e.chain, 1, e.chain[0]) }),
		deny("its superior's is there twice", federation.ErrOrder, func(e *exchange) { e.chain = slices.Insert(e.chain, 2, e.chain[1]) }),
		deny("the anchor's is there twice", federation.ErrOrder, func(e *exchange) { e.chain = append(e.chain, e.chain[2]) }),
		deny("the entity's comes last", federation.ErrOrder, func(e *exchange) { e.chain = append(e.chain, e.chain[0]) }),
		deny("the superior is about a stranger", federation.ErrOrder, set(1, "sub", stranger)),
		deny("the superior is a stranger", federation.ErrOrder, func(e *exchange) {
			e.about(1)["iss"], e.own()["authority_hints"] = stranger, []any{stranger}
		}),
		deny("the anchor is about a stranger", federation.ErrOrder, set(2, "sub", stranger)),
		deny("the entity is the superior of itself", federation.ErrOrder, set(1, "iss", leaf)),
		deny("the anchor is the superior of itself", federation.ErrOrder, func(e *exchange) {
			e.about(2)["iss"], e.about(2)["sub"] = org, org
			e.chain = append(e.chain, e.chain[2])
		}),
		attempt{"the entity and the anchor, and nothing between", func(t *testing.T, e *exchange) {
			e.addAnchor(t)
			e.chain = []*draft{e.chain[0], e.chain[3]}
		}, federation.ErrOrder},
		attempt{"another anchor's statement about itself at the end", func(t *testing.T, e *exchange) {
			e.chain = append(e.chain, e.statement(t, stranger, stranger))
		}, federation.ErrOrder},
		attempt{"the anchor's statement about itself twice", func(t *testing.T, e *exchange) {
			e.addAnchor(t)
			e.addAnchor(t)
		}, federation.ErrOrder},
	)
}

// What an anchor says of itself is no chain about it.
func TestF4_an_anchor_alone_is_no_chain(t *testing.T) {
	p := newParties(t)
	e := p.exchange(t, anchor, anchor)
	e.config.Entity = anchor
	e.chain = e.chain[:1]
	expect(t, e, federation.ErrOrder)
	e.addAnchor(t)
	expect(t, e, federation.ErrOrder)
}

func TestF4_a_chain_that_goes_through_an_entity_twice_is_refused(t *testing.T) {
	p := newParties(t)
	for _, path := range [][]string{
		{leaf, org, leaf, anchor},
		{leaf, org, upper, org, anchor},
		{leaf, anchor, org, anchor},
		{leaf, org, anchor, leaf},
	} {
		t.Run(strings.Join(path, " "), func(t *testing.T) {
			e := p.exchange(t, path...)
			e.config.Anchors[leaf] = jose.KeySet{p.statements[leaf].key(t)}
			expect(t, e, federation.ErrLoop)
		})
	}
}

func TestF4_a_chain_is_about_the_registered_entity(t *testing.T) {
	judge(t,
		deny("an assertion of somebody else", federation.ErrEntity, func(e *exchange) { e.assertion.claims["iss"] = stranger }),
		deny("an assertion of nobody", federation.ErrEntity, func(e *exchange) { delete(e.assertion.claims, "iss") }),
		deny("a party of another name", federation.ErrEntity, func(e *exchange) { e.config.Entity = stranger }),
		deny("a party whose name has a slash more", federation.ErrEntity, func(e *exchange) { e.config.Entity = leaf + "/" }),
		deny("a party whose name has capital letters", federation.ErrEntity, func(e *exchange) { e.config.Entity = "https://Leaf.example.com" }),
		attempt{"somebody else's chain", func(t *testing.T, e *exchange) {
			e.chain = e.exchange(t, stranger, org, anchor).chain
		}, federation.ErrEntity},
		attempt{"the chain of the superior", func(t *testing.T, e *exchange) {
			e.chain = e.exchange(t, org, anchor).chain
		}, federation.ErrEntity},
		attempt{"somebody else's chain and name", func(t *testing.T, e *exchange) {
			e.chain = e.exchange(t, stranger, org, anchor).chain
			e.assertion.claims["iss"], e.assertion.claims["sub"] = stranger, stranger
		}, federation.ErrEntity},
	)
}

func TestF4_a_chain_ends_at_a_registered_anchor(t *testing.T) {
	registered := func(e *exchange, names ...string) {
		keys := e.config.Anchors[anchor]
		e.config.Anchors = map[string]jose.KeySet{}
		for _, name := range names {
			e.config.Anchors[name] = keys
		}
	}
	judge(t,
		allow("one of two", func(e *exchange) { e.config.Anchors[stranger] = e.config.Anchors[anchor] }),
		deny("another one", federation.ErrAnchor, func(e *exchange) { registered(e, stranger) }),
		deny("an anchor with a slash more", federation.ErrAnchor, func(e *exchange) { registered(e, anchor+"/") }),
		deny("the intermediate alone is one", federation.ErrAnchor, func(e *exchange) { registered(e, org) }),
		deny("the entity alone is one", federation.ErrAnchor, func(e *exchange) { registered(e, leaf) }),
		deny("a stranger on top of the anchor", federation.ErrAnchor, func(e *exchange) {
			e.chain = append(e.chain, &draft{e.chain[2].header, object{
				"iss": stranger, "sub": anchor, "iat": fromNow(-1), "exp": fromNow(1000), "jwks": e.about(2)["jwks"],
			}, e.statements[stranger]})
		}),
		attempt{"the entity is an anchor itself, and the chain ends at the other", func(t *testing.T, e *exchange) {
			e.config.Anchors[leaf] = jose.KeySet{e.statements[leaf].key(t)}
		}, nil},
	)
}

func TestF4_the_entity_names_its_superior(t *testing.T) {
	judge(t,
		allow("beside others", set(0, "authority_hints", []any{stranger, org})),
		deny("no authority_hints", federation.ErrHints, unset(0, "authority_hints")),
		deny("others", federation.ErrHints, set(0, "authority_hints", []any{stranger, leaf})),
		deny("the anchor, which is not the next", federation.ErrHints, set(0, "authority_hints", []any{anchor})),
		deny("a slash more", federation.ErrHints, set(0, "authority_hints", []any{org + "/"})),
	)
}

func TestF4_there_are_as_many_intermediates_as_are_registered_and_ten_statements_at_most(t *testing.T) {
	p := newParties(t)
	path := []string{leaf}
	for i := range 9 {
		entity := fmt.Sprintf("https://i%d.example.com", i)
		p.statements[entity] = newSigner(t, fmt.Sprintf("i%d", i))
		path = append(path, entity)
	}
	through := func(intermediates, allowed int) *exchange {
		e := p.exchange(t, append(slices.Clone(path[:1+intermediates]), anchor)...)
		e.config.Intermediates = allowed
		return e
	}
	expect(t, through(0, 0), nil)
	expect(t, through(1, 0), federation.ErrLength)
	expect(t, through(3, 3), nil)
	expect(t, through(4, 3), federation.ErrLength)
	expect(t, through(8, 8), nil)
	expect(t, through(9, 8), jose.ErrTrustChain)
	full := through(8, 8)
	full.addAnchor(t)
	expect(t, full, jose.ErrTrustChain)
}

// The example of §4.3 has four statements with RSA keys and takes 12 KiB: such chains have to fit into an assertion.
func TestF4_a_chain_of_four_statements_with_RSA_keys_fits_into_an_assertion(t *testing.T) {
	p := newParties(t)
	p.protocol = newRSASigner(t, strings.Repeat("k", 43))
	for _, entity := range []string{leaf, org, anchor} {
		p.statements[entity] = newRSASigner(t, strings.Repeat("k", 43))
	}
	e := p.exchange(t, leaf, org, anchor)
	e.addAnchor(t)
	expect(t, e, nil)
}

func TestF4_a_header_without_a_chain_finds_no_key(t *testing.T) {
	chain := func(value any) func(e *exchange) {
		return func(e *exchange) { e.assertion.header = object{"trust_chain": value} }
	}
	judge(t,
		deny("none", jose.ErrNoTrustChain, chain(nil)),
		deny("an empty one", jose.ErrTrustChain, chain([]any{})),
		deny("a string", jose.ErrTrustChain, chain("a.b.c")),
		deny("an object", jose.ErrTrustChain, chain(object{"0": "a.b.c"})),
		deny("numbers", jose.ErrTrustChain, chain([]any{1, 2})),
		deny("empty strings", federation.ErrStatement, chain([]any{"", "", ""})),
		deny("text", federation.ErrStatement, chain([]any{leaf, anchor})),
		attempt{"the whole as one string", func(t *testing.T, e *exchange) {
			e.assertion.header = object{"trust_chain": marshal(t, e.texts(t))}
		}, jose.ErrTrustChain},
		attempt{"objects instead of JWTs", func(_ *testing.T, e *exchange) {
			e.assertion.header = object{"trust_chain": []any{e.own(), e.about(1), e.about(2)}}
		}, jose.ErrTrustChain},
		attempt{"a chain that is a claim", func(t *testing.T, e *exchange) {
			e.assertion.header = object{"trust_chain": nil}
			e.assertion.claims["trust_chain"] = e.texts(t)
		}, jose.ErrNoTrustChain},
	)
}

func TestF4_every_statement_is_good_at_the_time(t *testing.T) {
	date := func(claim string, seconds int) func(*exchange, int) {
		return func(e *exchange, place int) { e.about(place)[claim] = fromNow(seconds) }
	}
	judge(t, slices.Concat(
		each("exp has just passed, within the skew", nil, date("exp", -9)),
		each("exp has passed", federation.ErrExpired, date("exp", -10)),
		each("exp has long passed", federation.ErrExpired, date("exp", -100_000)),
		each("iat is in the future, within the skew", nil, date("iat", 10)),
		each("iat is in the future", federation.ErrNotYet, date("iat", 11)),
		each("nbf is in the future, within the skew", nil, date("nbf", 10)),
		each("nbf is in the future", federation.ErrNotYet, date("nbf", 11)),
	)...)
}

// A chain that was good is not good for ever.
func TestF4_a_chain_is_good_until_the_first_of_its_statements_expires(t *testing.T) {
	p := newParties(t)
	for place := range 4 {
		t.Run(fmt.Sprintf("statement %d", place), func(t *testing.T) {
			e := p.exchange(t, leaf, org, anchor)
			e.addAnchor(t)
			e.about(place)["exp"] = fromNow(60)
			clock := now
			e.config.Now = func() time.Time { return clock }
			keys, err := federation.New(e.config)
			must(t, err)
			token := e.token(t)
			for _, moment := range []struct {
				after time.Duration
				want  error
			}{{0, nil}, {69 * time.Second, nil}, {70 * time.Second, federation.ErrExpired}, {time.Hour, federation.ErrExpired}} {
				clock = now.Add(moment.after)
				if err := find(t, keys, token); !is(err, moment.want) {
					t.Errorf("after %v: got %v, want %v", moment.after, err, moment.want)
				}
			}
		})
	}
}
