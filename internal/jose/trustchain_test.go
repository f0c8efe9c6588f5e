package jose_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
)

func TestF4_a_trust_chain_is_an_array_of_strings(t *testing.T) {
	judge(t, func(header string) error {
		token, err := jose.Parse(withHeader(header))
		if err != nil {
			t.Fatalf("%s: %v", header, err) // who does not ask for the chain does not care
		}
		chain, err := token.TrustChain()
		if (chain == nil) != (err != nil) {
			t.Errorf("%s: %v came with %v", header, chain, err)
		}
		return err
	},
		allow("one", `{"alg":"ES256","trust_chain":["a.b.c"]}`),
		allow("ten", `{"alg":"ES256","trust_chain":["a"`+strings.Repeat(`,"a"`, 9)+`]}`),
		deny("eleven", `{"alg":"ES256","trust_chain":["a"`+strings.Repeat(`,"a"`, 10)+`]}`, jose.ErrTrustChain),
		deny("none", `{"alg":"ES256","trust_chain":[]}`, jose.ErrTrustChain),
		deny("a string", `{"alg":"ES256","trust_chain":"a.b.c"}`, jose.ErrTrustChain),
		deny("an object", `{"alg":"ES256","trust_chain":{"0":"a.b.c"}}`, jose.ErrTrustChain),
		deny("null", `{"alg":"ES256","trust_chain":null}`, jose.ErrTrustChain),
		deny("true", `{"alg":"ES256","trust_chain":true}`, jose.ErrTrustChain),
		deny("a number in it", `{"alg":"ES256","trust_chain":["a",1]}`, jose.ErrTrustChain),
		deny("null in it", `{"alg":"ES256","trust_chain":[null,"a"]}`, jose.ErrTrustChain),
		deny("an array in it", `{"alg":"ES256","trust_chain":[["a"]]}`, jose.ErrTrustChain),
		deny("an object in it", `{"alg":"ES256","trust_chain":["a",{}]}`, jose.ErrTrustChain),
		deny("not there", `{"alg":"ES256"}`, jose.ErrNoTrustChain),
		deny("under another name", `{"alg":"ES256","Trust_Chain":["a"]}`, jose.ErrNoTrustChain),
		deny("the peer's", `{"alg":"ES256","peer_trust_chain":["a"]}`, jose.ErrNoTrustChain),
	)
	if chain, err := new(jose.Token).TrustChain(); chain != nil || !errors.Is(err, jose.ErrNoTrustChain) {
		t.Errorf("zero token: %v, %v", chain, err)
	}
}

func TestTrustChain_hands_on_what_was_written_and_no_way_to_change_it(t *testing.T) {
	token, err := jose.Parse(withHeader(`{"alg":"ES256","trust_chain":["", "\u0061.b", "é"]}`))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		chain, err := token.TrustChain()
		if err != nil || !slices.Equal(chain, []string{"", "a.b", "é"}) {
			t.Fatalf("%q, %v", chain, err)
		}
		chain[0] = "changed"
	}
}
