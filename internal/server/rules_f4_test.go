package server_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust/federation"
)

const anchor = "https://anchor.example.com"

// jwks is the public keys of these names, as a claim.
func jwks(t testing.TB, names ...string) json.RawMessage {
	t.Helper()
	var keys jose.KeySet
	for _, name := range names {
		keys = append(keys, signingKey(t, name).Verification())
	}
	text, err := jose.EncodeKeySet(keys)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// statement is an entity statement (OpenID Federation 1.0 §3), signed with the key of a name.
func (d *deployment) statement(by, issuer, subject string, extra claims) string {
	d.t.Helper()
	all := claims{"iss": issuer, "sub": subject, "iat": d.clock.in(-time.Minute), "exp": d.clock.in(time.Hour)}
	for name, value := range extra {
		all[name] = value
	}
	text, err := signingKey(d.t, by).Sign("entity-statement+jwt", marshal(d.t, all))
	d.must(err)
	return text
}

// chain is the shortest trust chain: the entity's own statement, and its anchor's about it.
func (d *deployment) chain(by string, keys json.RawMessage) []string {
	own := claims{"jwks": jwks(d.t, "entity.ES256"), "authority_hints": []string{anchor}, "metadata": claims{"openid_provider": claims{"jwks": keys}}}
	return []string{
		d.statement("entity.ES256", idp, idp, own),
		d.statement(by, anchor, idp, claims{"jwks": jwks(d.t, "entity.ES256")}),
	}
}

// chained makes an assertion by a key of a name, with a trust chain in its header.
func (d *deployment) chained(by string, chain []string) string {
	header := fmt.Sprintf(`{"alg":"ES256","kid":%q,"trust_chain":%s}`, signingKey(d.t, by).ID(), marshal(d.t, chain))
	return handmade(d.t, privateKey(d.t, by), header, string(marshal(d.t, d.about("alice", idp))))
}

func TestF4_a_trust_chain_to_a_configured_anchor_supplies_the_keys(t *testing.T) {
	d := prepare(t, variant(t, acme, "{file: idp.ES256.json}", "{federation: {trust_anchors: [{id: '"+anchor+"', file: anchor.json}]}}"))
	d.must(os.WriteFile(filepath.Join(d.folder, "anchor.json"), jwks(t, "anchor.ES256"), 0o600))
	d.serve()
	protocol := jwks(t, "idp.ES256")
	good := d.chain("anchor.ES256", protocol)
	refused := func(fault *federation.Fault) refusal { return strangeIssuer(fault.Reason) }
	d.judge(t,
		allow("by the key that the chain leads to", jwtBearer(d.chained("idp.ES256", good))),
		deny("by the entity's federation key", jwtBearer(d.chained("entity.ES256", good)), strangeIssuer("key_unknown")),
		deny("by another key", jwtBearer(d.chained("stranger.ES256", good)), strangeIssuer("key_unknown")),
		deny("without a chain", jwtBearer(d.vouches("idp.ES256", idp)), strangeIssuer("trust_chain_missing")),
		deny("signed by another than the anchor", jwtBearer(d.chained("idp.ES256", d.chain("stranger.ES256", protocol))), refused(federation.ErrSignature)),
		deny("without the anchor's statement", jwtBearer(d.chained("idp.ES256", good[:1])), refused(federation.ErrOrder)),
		deny("in another order", jwtBearer(d.chained("idp.ES256", []string{good[1], good[0]})), refused(federation.ErrOrder)),
		deny("with a letter changed", jwtBearer(d.chained("idp.ES256", []string{good[0], strings.Replace(good[1], ".", ".e", 1)})), refused(federation.ErrStatement)),
	)
	d.clock.advance(2 * time.Hour)
	d.judge(t, deny("expired", jwtBearer(d.chained("idp.ES256", good)), refused(federation.ErrExpired)))
	d.judge(t, allow("a new one", jwtBearer(d.chained("idp.ES256", d.chain("anchor.ES256", protocol)))))
}

// A trust anchor's own keys can be in Secret Manager, and change there.
func TestF4_an_anchor_can_have_its_keys_in_a_secret(t *testing.T) {
	const secret = "projects/acme/secrets/anchor-jwks"
	d := deploy(t, variant(t, acme, "{file: idp.ES256.json}", "{federation: {trust_anchors: [{id: '"+anchor+"', secret: "+secret+"}]}}"))
	by := func(anchorKey string) request {
		return jwtBearer(d.chained("idp.ES256", d.chain(anchorKey, jwks(t, "idp.ES256"))))
	}
	d.vault.add(secret, jwks(t, "anchor.ES256"))
	d.judge(t, allow("the anchor's key", by("anchor.ES256")))
	d.clock.advance(time.Second)
	d.vault.add(secret, jwks(t, "next.ES256"))
	d.clock.advance(ringFresh)
	d.judge(t, allow("its next one", by("next.ES256")), deny("and not the last", by("anchor.ES256"), strangeIssuer(federation.ErrSignature.Reason)))
}
