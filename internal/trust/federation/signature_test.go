package federation_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust/federation"
)

func TestF4_every_statement_is_signed_by_its_issuer(t *testing.T) {
	under := func(kid string, by signer) signer {
		by.kid = kid
		return by
	}
	judge(t, slices.Concat(
		each("a stranger's key under the right kid", federation.ErrSignature, func(e *exchange, place int) {
			e.chain[place].by = under(e.chain[place].by.kid, e.statements[stranger])
		}),
		each("a stranger's key", federation.ErrSignature, func(e *exchange, place int) { e.chain[place].by = e.statements[stranger] }),
		each("the leaf's key for assertions", federation.ErrSignature, func(e *exchange, place int) { e.chain[place].by = e.protocol }),
		each("another kid", federation.ErrSignature, func(e *exchange, place int) { e.chain[place].header["kid"] = "other" }),
		each("a kid with a space more", federation.ErrSignature, func(e *exchange, place int) {
			e.chain[place].header["kid"] = e.chain[place].by.kid + " "
		}),
		each("no kid", federation.ErrStatement, func(e *exchange, place int) { e.chain[place].header["kid"] = nil }),
		each("another alg", federation.ErrSignature, func(e *exchange, place int) { e.chain[place].header["alg"] = "ES384" }),
		each("alg none", federation.ErrStatement, func(e *exchange, place int) { e.chain[place].header["alg"] = "none" }),
	)...)
	judge(t,
		deny("the superior's with the anchor's key", federation.ErrSignature, func(e *exchange) { e.chain[1].by = e.statements[anchor] }),
		deny("the superior's with the anchor's key under its own kid", federation.ErrSignature, func(e *exchange) {
			e.chain[1].by = under(e.statements[org].kid, e.statements[anchor])
		}),
		deny("the anchor's with the superior's key", federation.ErrSignature, func(e *exchange) { e.chain[2].by = e.statements[org] }),
		deny("the entity signs what its superior says", federation.ErrSignature, func(e *exchange) { e.chain[1].by = e.statements[leaf] }),
		deny("the entity signs all", federation.ErrSignature, func(e *exchange) {
			for _, statement := range e.chain {
				statement.by = e.statements[leaf]
				statement.claims["jwks"] = e.own()["jwks"]
			}
		}),
		deny("the superior signs what the entity says of itself", federation.ErrSignature, func(e *exchange) { e.chain[0].by = e.statements[org] }),
	)
}

func TestF4_a_changed_statement_is_refused(t *testing.T) {
	p := newParties(t)
	e := p.exchange(t, leaf, org, anchor)
	e.addAnchor(t)
	good := e.texts(t)
	resigned := e.texts(t) // the same, and ECDSA signs it otherwise
	for place := range good {
		text, again := good[place].(string), resigned[place].(string)
		header, rest, _ := strings.Cut(text, ".")
		payload, signature, _ := strings.Cut(rest, ".")
		signatureOf := func(text string) string { return text[strings.LastIndexByte(text, '.')+1:] }
		for name, test := range map[string]struct {
			changed string
			refusal *federation.Fault
		}{
			"nothing":                            {text, nil},
			"another signature by the same key":  {header + "." + payload + "." + signatureOf(again), nil},
			"the signature of another statement": {header + "." + payload + "." + signatureOf(good[(place+1)%4].(string)), federation.ErrSignature},
			"a claim more":                       {header + "." + encode(strings.Replace(decode(t, payload), "{", `{"x":1,`, 1)) + "." + signature, federation.ErrSignature},
			"a header member more":               {encode(strings.Replace(decode(t, header), "{", `{"x":1,`, 1)) + "." + payload + "." + signature, federation.ErrSignature},
			"a signature of zeros":               {header + "." + payload + "." + encode(make([]byte, 64)), federation.ErrSignature},
			"a signature that is cut off":        {header + "." + payload + "." + signature[:80], federation.ErrSignature},
			"no signature":                       {header + "." + payload + ".", federation.ErrStatement},
		} {
			t.Run(name, func(t *testing.T) {
				chain := slices.Clone(good)
				chain[place] = test.changed
				e.assertion.header = object{"trust_chain": chain}
				expect(t, e, test.refusal)
			})
		}
	}
}

// An anchor's keys are the registered ones, whatever a chain says of them.
func TestF4_the_keys_of_the_anchor_are_the_registered_ones(t *testing.T) {
	p := newParties(t)
	second := newSigner(t, "anchor-2")
	register := func(keys ...signer) func(*testing.T, *exchange) {
		return func(t *testing.T, e *exchange) {
			e.config.Anchors[anchor] = nil
			for _, key := range keys {
				e.config.Anchors[anchor] = append(e.config.Anchors[anchor], key.key(t))
			}
		}
	}
	first := p.statements[anchor]
	// Who signs the anchor's statement about its subordinate, and that about itself, and which keys the latter has.
	by := func(subordinate, itself signer, listed ...signer) func(t *testing.T, e *exchange) {
		return func(t *testing.T, e *exchange) {
			var keys []object
			for _, key := range listed {
				keys = append(keys, key.jwk(t))
			}
			e.chain[2].by, e.chain[3].by = subordinate, itself
			e.chain[3].claims["jwks"] = jwks(keys...)
		}
	}
	for _, test := range []struct {
		name       string
		registered func(*testing.T, *exchange)
		signed     func(*testing.T, *exchange)
		refusal    *federation.Fault
	}{
		{"the old key", register(first), by(first, first, first), nil},
		{"the old key, and the new one is announced", register(first), by(first, first, first, second), nil},
		{"the old key, and the new one is registered too", register(first, second), by(first, first, first, second), nil},
		{"the new key", register(first, second), by(second, second, first, second), nil},
		{"the new key after the old one is gone", register(second), by(second, second, second), nil},
		{"the new key, which is announced and not registered", register(first), by(second, first, first, second), federation.ErrSignature},
		{"the new key, which is not registered", register(first), by(second, second, first, second), federation.ErrSignature},
		{"the new key, which is registered and not announced", register(first, second), by(second, first, first), federation.ErrSignature},
		{"the old key, which is not registered any more", register(second), by(first, first, first, second), federation.ErrSignature},
		{"the old key for the subordinate alone", register(second), by(first, second, first, second), federation.ErrSignature},
		{"a key of the statement that is not its own", register(first), by(first, first, second), federation.ErrSignature},
		{"a stranger's keys, by himself", register(first), by(p.statements[stranger], p.statements[stranger], p.statements[stranger]), federation.ErrSignature},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := p.exchange(t, leaf, org, anchor)
			e.addAnchor(t)
			test.registered(t, e)
			test.signed(t, e)
			expect(t, e, test.refusal)
		})
	}
}

func TestF4_the_keys_of_everybody_else_are_those_that_the_superior_says(t *testing.T) {
	p := newParties(t)
	second := newSigner(t, "second")
	keysOf := func(place int, signers ...signer) func(*testing.T, *exchange) {
		return func(t *testing.T, e *exchange) {
			var keys []object
			for _, key := range signers {
				keys = append(keys, key.jwk(t))
			}
			e.about(place)["jwks"] = jwks(keys...)
		}
	}
	all := func(changes ...func(*testing.T, *exchange)) func(*testing.T, *exchange) {
		return func(t *testing.T, e *exchange) {
			for _, change := range changes {
				change(t, e)
			}
		}
	}
	signs := func(place int, by signer) func(*testing.T, *exchange) {
		return func(_ *testing.T, e *exchange) { e.chain[place].by = by }
	}
	own := p.statements[leaf]
	judgeOn(t, func(t *testing.T) *exchange { return p.exchange(t, leaf, org, anchor) },
		attempt{"the entity changes its key, and the superior knows both", all(keysOf(0, second), keysOf(1, own, second), signs(0, second)), nil},
		attempt{"the superior does not know the new key", all(keysOf(0, own, second), signs(0, second)), federation.ErrSignature},
		attempt{"the superior knows the new key only", keysOf(1, second), federation.ErrSignature},
		attempt{"the entity does not list the key that it signs with", keysOf(0, second), federation.ErrSignature},
		attempt{"the anchor does not know the key of the superior", keysOf(2, second), federation.ErrSignature},
		attempt{"the superior changes its key, and the anchor knows both", all(keysOf(2, p.statements[org], second), signs(1, second)), nil},
		attempt{"two keys of one name, the wrong one with the entity", func(t *testing.T, e *exchange) {
			impostor := newSigner(t, own.kid)
			e.own()["jwks"] = impostor.jwks(t)
		}, federation.ErrSignature},
		attempt{"two keys of one name, the wrong one with the superior", func(t *testing.T, e *exchange) {
			impostor := newSigner(t, own.kid)
			e.about(1)["jwks"] = impostor.jwks(t)
		}, federation.ErrSignature},
	)
}

// CVE-2022-29217 and its kind: whatever bytes of a public key somebody takes for a secret.
func TestF4_a_public_key_is_no_shared_secret(t *testing.T) {
	p := newParties(t)
	for place, issuer := range []string{leaf, org, anchor, anchor} {
		key := p.statements[issuer]
		der, err := x509.MarshalPKIXPublicKey(key.public)
		must(t, err)
		point, err := key.public.(*ecdsa.PublicKey).Bytes()
		must(t, err)
		for name, secret := range map[string][]byte{
			"DER": der, "the point": point, "its coordinates": point[1:],
			"PEM":             pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
			"the JWK":         []byte(marshal(t, key.jwk(t))),
			"the JWK Set":     []byte(marshal(t, key.jwks(t))),
			"the kid":         []byte(key.kid),
			"nothing at all":  {},
			"the entity's id": []byte(issuer),
		} {
			t.Run(issuer+", "+name, func(t *testing.T) {
				e := p.exchange(t, leaf, org, anchor)
				e.addAnchor(t)
				e.chain[place].by = macSigner(secret, key.kid)
				expect(t, e, federation.ErrSignature)
			})
		}
	}
}

// A set with a shared secret in it is refused before anybody signs with that.
func TestF4_a_shared_secret_in_a_chain_verifies_nothing(t *testing.T) {
	secret := []byte(strings.Repeat("s", 32))
	oct := object{"kty": "oct", "alg": "HS256", "kid": "secret", "k": encode(secret)}
	judge(t,
		deny("the superior's", federation.ErrPrivateKey, func(e *exchange) {
			e.about(2)["jwks"] = jwks(oct)
			e.chain[1].by = macSigner(secret, "secret")
		}),
		deny("the entity's", federation.ErrPrivateKey, func(e *exchange) {
			e.about(1)["jwks"], e.own()["jwks"] = jwks(oct), jwks(oct)
			e.chain[0].by = macSigner(secret, "secret")
		}),
		deny("for assertions", federation.ErrPrivateKey, func(e *exchange) {
			e.client()["jwks"] = jwks(oct)
			e.assertion.by = macSigner(secret, "secret")
		}),
	)
}

func TestF4_an_assertion_is_signed_with_the_key_for_assertions(t *testing.T) {
	p := newParties(t)
	for name, test := range map[string]struct {
		by      signer
		kid     any
		refusal error
	}{
		"with it":                                   {p.protocol, p.protocol.kid, nil},
		"without a kid":                             {p.protocol, nil, nil},
		"with the key for entity statements":        {p.statements[leaf], p.statements[leaf].kid, jose.ErrNoKey},
		"with that under the other's kid":           {p.statements[leaf], p.protocol.kid, jose.ErrSignature},
		"with that without a kid":                   {p.statements[leaf], nil, jose.ErrSignature},
		"with the superior's key":                   {p.statements[org], p.statements[org].kid, jose.ErrNoKey},
		"with the anchor's key":                     {p.statements[anchor], p.statements[anchor].kid, jose.ErrNoKey},
		"with a stranger's key":                     {p.statements[stranger], p.statements[stranger].kid, jose.ErrNoKey},
		"with a stranger's key under the right kid": {p.statements[stranger], p.protocol.kid, jose.ErrSignature},
		"with the public key as a shared secret":    {macSigner([]byte(marshal(t, p.protocol.jwk(t))), p.protocol.kid), p.protocol.kid, jose.ErrNoKey},
	} {
		t.Run(name, func(t *testing.T) {
			e := p.exchange(t, leaf, org, anchor)
			e.assertion.by = test.by
			header := object{"trust_chain": e.texts(t), "kid": test.kid}
			e.assertion.header = header
			keys, err := federation.New(e.config)
			must(t, err)
			if err := find(t, keys, e.token(t)); !is(err, test.refusal) {
				t.Errorf("got %v, want %v", err, test.refusal)
			}
		})
	}
}
