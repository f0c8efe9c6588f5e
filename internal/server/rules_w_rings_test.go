package server_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/server"
)

// ringed has a ring of its own for an API that knows RS256 alone, and one that is on its way out.
func ringed(t *testing.T) string {
	return variant(t, variant(t, vaulted, "{secret: projects/acme/secrets/signing-keys}",
		"{secret: projects/acme/secrets/signing-keys, additional: [{secret: "+rs256Secret+", algorithm: RS256}, {secret: "+formerSecret+", algorithm: ES256, publish_only: true}]}"),
		"algorithm: HS512, shared_secret: "+ledgerSecret, "algorithm: RS256")
}

const (
	rs256Secret  = "projects/acme/secrets/signing-rs256"
	formerSecret = "projects/acme/secrets/signing-former"
)

func TestW2_a_resource_can_have_tokens_of_another_algorithm(t *testing.T) {
	d := deploy(t, ringed(t))
	kidOf := func(resources ...part) (kid string, algorithm jose.Algorithm) {
		got := d.grant(t, clientCredentials(append(resources, d.proves("billing"))...))
		token, err := jose.Parse(got.Token)
		d.must(err)
		return token.KeyID, token.Algorithm
	}
	ledger, invoices := resource("urn:example:ledger"), resource("https://invoices.example.com")
	if kid, algorithm := kidOf(ledger); algorithm != jose.RS256 || kid != signingKey(t, "own.RS256").ID() {
		t.Errorf("the ledger's: %s by %s", algorithm, kid)
	}
	if kid, algorithm := kidOf(invoices); algorithm != jose.ES256 || kid != signingKey(t, "own.ES256").ID() {
		t.Errorf("the others': %s by %s", algorithm, kid)
	}
	d.judge(t, deny("one token for both", clientCredentials(d.proves("billing"), ledger, invoices, scope("ledger.read")), scopeNotAllowed))
	var published []string
	for _, member := range d.publishedKeys(t) {
		published = append(published, member["alg"]+" "+member["kid"])
	}
	want := []string{"ES256 " + signingKey(t, "own.ES256").ID(), "RS256 " + signingKey(t, "own.RS256").ID(), "ES256 " + signingKey(t, "old.ES256").ID()}
	if difference := cmp.Diff(want, published); difference != "" {
		t.Errorf("the JWK Set, want -, got +:\n%s", difference)
	}
}

// publishedKeys returns the members of the JWK Set.
func (d *deployment) publishedKeys(t *testing.T) []map[string]string {
	t.Helper()
	var set struct{ Keys []map[string]string }
	d.must(json.Unmarshal([]byte(d.send(t, get(server.JWKSPath)).body), &set))
	return set.Keys
}

// Each ring is on its own: what happens to one is nobody else's trouble, except that a set without its keys would be kept.
func TestW2_a_ring_without_a_key_is_that_rings_trouble(t *testing.T) {
	d := deploy(t, ringed(t))
	forLedger := func() request { return clientCredentials(d.proves("billing"), resource("urn:example:ledger")) }
	forInvoices := func() request {
		return clientCredentials(d.proves("billing"), resource("https://invoices.example.com"))
	}
	d.judge(t, allow("the ledger", forLedger()), allow("invoices", forInvoices()))
	d.vault.disable(rs256Secret, "1")
	d.vault.disable(formerSecret, "1")
	d.clock.advance(ringFresh)
	d.judge(t, deny("its only key is disabled", forLedger(), unavailable("signing_key_unavailable")), allow("the first ring signs", forInvoices()))
	if got := d.publishedKeys(t); len(got) != 1 || got[0]["kid"] != signingKey(t, "own.ES256").ID() {
		t.Errorf("the JWK Set is %v", got)
	}
	if got := d.send(t, get(server.JWKSPath)); got.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("the next key of the empty ring signs at once, and the set may be kept: %v", got.header)
	}
	d.expectHealth(t, 503, 200)
	d.vault.add(rs256Secret, pkcs8(t, "next.RS256"))
	d.clock.advance(ringFresh)
	d.judge(t, deny("a new one that verifiers may not know", forLedger(), unavailable("signing_key_unavailable")))
	d.clock.advance(ringValid)
	d.judge(t, allow("now they do", forLedger()))
	d.expectHealth(t, 200, 200)
}

func pkcs8(t *testing.T, name string) []byte {
	t.Helper()
	text, err := signingKey(t, name).EncodePKCS8()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
