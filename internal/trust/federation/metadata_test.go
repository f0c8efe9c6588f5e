package federation_test

import (
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust/federation"
)

func TestF4_the_superior_overrides_what_the_entity_says_of_itself(t *testing.T) {
	p := newParties(t)
	other := newSigner(t, "protocol-2")
	says := func(place int, entityType string, metadata object) func(*exchange) {
		return func(e *exchange) {
			all, _ := e.about(place)["metadata"].(object)
			if all == nil {
				all = object{}
				e.about(place)["metadata"] = all
			}
			all[entityType] = metadata
		}
	}
	signs := func(by signer) func(*exchange) { return func(e *exchange) { e.assertion.by = by } }
	judgeOn(t, func(t *testing.T) *exchange { return p.exchange(t, leaf, org, upper, anchor) },
		allow("jwks", both(says(1, oauthClient, object{"jwks": other.jwks(t)}), signs(other))),
		deny("jwks, and the entity signs with its own", jose.ErrNoKey, says(1, oauthClient, object{"jwks": other.jwks(t)})),
		allow("something else", says(1, oauthClient, object{"client_name": "x"})),
		allow("the only one", both(says(0, oauthClient, object{}), says(1, oauthClient, object{"jwks": other.jwks(t)}), signs(other))),
		allow("jwks beside a jwks_uri of the entity", both(says(0, oauthClient, object{"jwks_uri": leaf + "/jwks"}),
			says(1, oauthClient, object{"jwks": other.jwks(t)}), signs(other))),
		allow("another entity type", says(1, "openid_provider", object{"jwks": other.jwks(t)})),
		deny("another entity type, and the entity signs with that key", jose.ErrNoKey,
			both(says(1, "openid_provider", object{"jwks": other.jwks(t)}), signs(other))),
		deny("an entity type that the entity does not have", federation.ErrEntityType,
			both(says(0, oauthClient, object{}), func(e *exchange) { delete(e.own()["metadata"].(object), oauthClient) },
				says(1, oauthClient, object{"jwks": p.protocol.jwks(t)}))),
		// §3.1: what a superior says in metadata is about its immediate subordinate alone.
		allow("another superior is not asked", says(2, oauthClient, object{"jwks": other.jwks(t)})),
		allow("nor is the anchor", says(3, oauthClient, object{"jwks": other.jwks(t)})),
		deny("another superior's keys do not count", jose.ErrNoKey, both(says(2, oauthClient, object{"jwks": other.jwks(t)}), signs(other))),
		deny("nor do the anchor's", jose.ErrNoKey, both(says(3, oauthClient, object{"jwks": other.jwks(t)}), signs(other))),
		// §6.1.4.2: the policy comes after that.
		allow("the policy sets jwks", both(says(1, oauthClient, object{"jwks": p.protocol.jwks(t)}), signs(other),
			set(3, "metadata_policy", object{oauthClient: object{"jwks": object{"value": other.jwks(t)}}}))),
		deny("the policy takes jwks away", federation.ErrKeysMissing, both(says(1, oauthClient, object{"jwks": p.protocol.jwks(t)}),
			set(3, "metadata_policy", object{oauthClient: object{"jwks": object{"value": nil}}}))),
		deny("the policy does not allow what the superior says", federation.ErrPolicyBroken, both(says(1, oauthClient, object{"client_name": "x"}),
			set(1, "metadata_policy", object{oauthClient: object{"client_name": object{"one_of": []any{"y"}}}}))),
	)
}

func TestF4_the_keys_are_those_of_the_registered_entity_type(t *testing.T) {
	metadata := func(metadata object) func(*exchange) { return set(0, "metadata", metadata) }
	judge(t,
		allow("another one is registered, and there", func(e *exchange) {
			e.config.EntityType = "openid_relying_party"
			e.own()["metadata"] = object{"openid_relying_party": e.client()}
		}),
		deny("another one is registered", federation.ErrEntityType, func(e *exchange) { e.config.EntityType = "openid_relying_party" }),
		deny("no metadata", federation.ErrEntityType, unset(0, "metadata")),
		deny("no entity type", federation.ErrEntityType, metadata(object{})),
		deny("the federation's own type alone", federation.ErrEntityType, func(e *exchange) {
			e.own()["metadata"] = object{"federation_entity": e.client()}
		}),
		deny("keys of no entity type", federation.ErrClaims, func(e *exchange) {
			e.own()["metadata"] = object{"keys": e.client()["jwks"].(object)["keys"]}
		}),
		deny("no jwks", federation.ErrKeysMissing, metadata(object{oauthClient: object{}})),
		deny("jwks in the metadata of another type", federation.ErrKeysMissing, func(e *exchange) {
			e.own()["metadata"] = object{oauthClient: object{}, "openid_relying_party": e.client()}
		}),
	)
}

// Nothing is ever fetched, neither by the entity's wish nor by its superior's.
func TestF4_keys_that_are_elsewhere_are_not_fetched(t *testing.T) {
	metadata := func(metadata object) func(*exchange) { return set(0, "metadata", object{oauthClient: metadata}) }
	judge(t,
		deny("jwks_uri", federation.ErrKeysElsewhere, metadata(object{"jwks_uri": leaf + "/jwks"})),
		deny("signed_jwks_uri", federation.ErrKeysElsewhere, metadata(object{"signed_jwks_uri": leaf + "/jwks"})),
		deny("both", federation.ErrKeysElsewhere, metadata(object{"jwks_uri": leaf + "/jwks", "signed_jwks_uri": leaf + "/jwks"})),
		deny("jwks_uri that a policy sets", federation.ErrKeysElsewhere, both(metadata(object{}),
			set(1, "metadata_policy", object{oauthClient: object{"jwks_uri": object{"value": leaf + "/jwks"}}}))),
		// §5.2.1.1: the keys should be the same in every way.
		allow("jwks beside both", func(e *exchange) {
			e.client()["jwks_uri"], e.client()["signed_jwks_uri"] = leaf+"/jwks", leaf+"/jwks"
		}),
	)
}

func TestF4_the_keys_for_assertions_pass_the_gate_of_every_key(t *testing.T) {
	p := newParties(t)
	rsa := newRSASigner(t, "rsa")
	with := func(jwk object, changes object) object {
		changed := object{}
		for name, value := range jwk {
			changed[name] = value
		}
		for name, value := range changes {
			if changed[name] = value; value == nil {
				delete(changed, name)
			}
		}
		return changed
	}
	good := p.protocol.jwk(t)
	has := func(value any) func(*exchange) { return func(e *exchange) { e.client()["jwks"] = value } }
	signs := func(by signer) func(*exchange) { return func(e *exchange) { e.assertion.by = by } }
	trusts := func(algorithm jose.Algorithm) func(*exchange) { return func(e *exchange) { e.config.RSA = algorithm } }
	nameless := with(rsa.jwk(t), object{"alg": nil})
	renamed := p.protocol
	renamed.kid = thumbprint(t, p.protocol)
	pem, err := p.protocol.key(t).EncodeSPKI()
	must(t, err)
	judgeOn(t, func(t *testing.T) *exchange { return p.exchange(t, leaf, org, anchor) },
		allow("a key without kid and alg", both(has(jwks(with(good, object{"kid": nil, "alg": nil}))), signs(renamed))),
		allow("beside one for encryption", has(jwks(good, with(good, object{"kid": "e", "use": "enc"})))),
		allow("beside one that is not known", has(jwks(good, object{"kty": "AKP", "pub": "AAAA"}))),
		allow("an RSA key", both(has(jwks(rsa.jwk(t))), signs(rsa))),
		allow("an RSA key without alg, where one is registered for such", both(has(jwks(nameless)), signs(rsa), trusts(jose.RS256))),
		deny("an RSA key without alg, where another one is", jose.ErrNoKey, both(has(jwks(nameless)), signs(rsa), trusts(jose.PS256))),
		deny("an RSA key without alg, where none is", federation.ErrKeys, both(has(jwks(nameless)), signs(rsa))),
		deny("another alg than the assertion's", jose.ErrNoKey, both(has(jwks(with(rsa.jwk(t), object{"alg": "PS256"}))), signs(rsa))),
		deny("two keys with one kid", jose.ErrKeyNotDefinite, has(jwks(good, good))),
		deny("a private key", federation.ErrPrivateKey, has(jwks(with(good, object{"d": good["x"]})))),
		deny("a private key beside its public half", federation.ErrPrivateKey, has(jwks(good, with(good, object{"kid": "d", "d": good["x"]})))),
		deny("a private key for encryption", federation.ErrPrivateKey, has(jwks(good, with(good, object{"use": "enc", "d": good["x"]})))),
		deny("a private RSA key", federation.ErrPrivateKey, has(jwks(with(rsa.jwk(t), object{"p": "AQAB"})))),
		deny("a shared secret", federation.ErrPrivateKey, has(jwks(good, object{"kty": "oct", "alg": "HS256", "k": strings.Repeat("A", 43)}))),
		deny("a key for encryption alone", federation.ErrKeys, has(jwks(with(good, object{"use": "enc"})))),
		deny("a key that may only sign", federation.ErrKeys, has(jwks(with(good, object{"key_ops": []any{"sign"}})))),
		deny("an alg of another curve", federation.ErrKeys, has(jwks(with(good, object{"alg": "ES384"})))),
		deny("alg none", federation.ErrKeys, has(jwks(with(good, object{"alg": "none"})))),
		deny("a public key under a MAC's alg", federation.ErrKeys, has(jwks(with(good, object{"alg": "HS256"})))),
		deny("a point that is not on the curve", federation.ErrKeys, has(jwks(with(good, object{"y": good["x"]})))),
		deny("a weak RSA key", federation.ErrKeys, has(jwks(with(rsa.jwk(t), object{"n": rsa.jwk(t)["n"].(string)[:171]})))),
		deny("no keys", federation.ErrKeys, has(jwks())),
		deny("keys that are null", federation.ErrKeys, has(object{"keys": nil})),
		deny("a list", federation.ErrKeys, has([]any{good})),
		deny("a key that is no set", federation.ErrKeys, has(good)),
		deny("PEM", federation.ErrKeys, has(string(pem))),
		deny("a set as text", federation.ErrKeys, has(marshal(t, jwks(good)))),
		deny("a URL", federation.ErrKeys, has(leaf+"/jwks")),
		deny("null", federation.ErrClaims, has(nil)),
	)
}

// thumbprint is the kid of a key that has none.
func thumbprint(t testing.TB, s signer) string {
	t.Helper()
	key, err := jose.NewVerificationKey(s.public, jose.Algorithm(s.algorithm), "")
	must(t, err)
	return key.ID()
}

func TestF4_an_RSA_key_for_entity_statements_needs_an_alg_too(t *testing.T) {
	p := newParties(t)
	p.statements[org] = newRSASigner(t, "rsa")
	nameless := p.statements[org].jwk(t)
	delete(nameless, "alg")
	trusts := func(algorithm jose.Algorithm) func(*exchange) { return func(e *exchange) { e.config.RSA = algorithm } }
	judgeOn(t, func(t *testing.T) *exchange {
		e := p.exchange(t, leaf, org, anchor)
		e.about(2)["jwks"] = jwks(nameless)
		return e
	},
		allow("RS256", trusts(jose.RS256)),
		deny("another one", federation.ErrSignature, trusts(jose.PS256)),
		deny("none", federation.ErrKeys, trusts("")),
	)
}
