package server_test

import (
	"encoding/json"
	"testing"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
)

// proofBy is a request with a DPoP proof: header and claims as RFC 9449 §4.2 has them, with the key of NAME.ES256.
func (d *deployment) proofBy(name string) proving {
	return proving{
		d: d, key: name,
		header: claims{"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk(d.t, name)},
		claims: claims{"jti": d.of("").id(), "htm": "POST", "htu": us + "/token", "iat": d.clock.in(0)},
	}
}

// proving is a DPoP proof in the making.
type proving struct {
	d      *deployment
	key    string
	header claims
	claims claims
}

func (p proving) but(name string, value any) proving {
	p.claims = p.claims.but(name, value)
	return p
}

func (p proving) butHeader(name string, value any) proving {
	p.header = p.header.but(name, value)
	return p
}

// text returns the proof.
func (p proving) text() string {
	p.d.t.Helper()
	return handmade(p.d.t, privateKey(p.d.t, p.key), string(marshal(p.d.t, p.header)), string(marshal(p.d.t, p.claims)))
}

// sent is the proof as a part of a request.
func (p proving) sent() part { return header("DPoP", p.text()) }

// id returns the jti of claims.
func (c claims) id() string { return c["jti"].(string) }

// jwk returns the public key of NAME.ALG.
func jwk(t testing.TB, name string) claims {
	t.Helper()
	text, err := jose.EncodeKeySet(jose.KeySet{signingKey(t, name).Verification()})
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []claims }
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{"kid", "use", "alg"} {
		delete(set.Keys[0], member)
	}
	return set.Keys[0]
}

// thumbprint returns the RFC 7638 thumbprint of the key of NAME.ALG.
func thumbprint(t testing.TB, name string) string { return signingKey(t, name).ID() }

// proofFault is the way in which a fault of a proof is told.
func proofFault(fault *dpop.Fault) refusal {
	return refusal{400, "invalid_dpop_proof", "dpop_" + fault.Reason, "DPoP proof: " + fault.Sentence}
}

// wantsNonce is the refusal that asks for a nonce (RFC 9449 §8).
func wantsNonce() refusal {
	return refusal{400, "use_dpop_nonce", "dpop_nonce", "DPoP proof: " + dpop.ErrNonce.Sentence}
}
