package federation_test

import (
	"encoding/json"
	"testing"

	"example.com/countersign/internal/assertion/keystest"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust/federation"
)

func TestF4_keys_of_a_federation_are_keys(t *testing.T) {
	keystest.TestPublicKeys(t, func(t *testing.T, keys ...keystest.Key) keystest.Party {
		var set jose.KeySet
		for _, key := range keys {
			set = append(set, key.Public)
		}
		text, err := jose.EncodeKeySet(set)
		must(t, err)
		e := newParties(t).exchange(t, leaf, anchor)
		e.client()["jwks"] = json.RawMessage(text)
		made, err := federation.New(e.config)
		must(t, err)
		return keystest.Party{Keys: made, Header: object{"trust_chain": e.texts(t)}, Claims: e.assertion.claims}
	})
}
