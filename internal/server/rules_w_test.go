package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/server"
)

func TestW1_a_token_has_these_claims_and_this_header(t *testing.T) {
	d := deploy(t, acme)
	got := d.grant(t, clientCredentials(d.proves("billing"), scope("invoices.write invoices.read")))
	header := map[string]any{}
	if err := json.Unmarshal(decode(t, strings.Split(got.Token, ".")[0]), &header); err != nil {
		t.Fatal(err)
	}
	wantHeader := map[string]any{"alg": "ES256", "typ": "at+jwt", "kid": signingKey(t, "own.ES256").ID()}
	wantClaims := map[string]any{
		"iss": us, "sub": "billing", "aud": "https://invoices.example.com", "client_id": "billing", "scope": "invoices.write invoices.read",
		"iat": noon().Unix(), "exp": noon().Unix() + 600, "jti": got.claims["jti"],
	}
	if difference := cmp.Diff(wantHeader, header) + cmp.Diff(wantClaims, got.claims); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
}

func TestW1_every_token_has_a_jti_of_its_own(t *testing.T) {
	d := deploy(t, acme)
	seen := map[any]bool{}
	for range 50 {
		id := d.grant(t, clientCredentials(basic("portal", portalSecret))).claims["jti"]
		if text, isText := id.(string); !isText || len(text) < 22 || seen[id] {
			t.Fatalf("got %v", id)
		}
		seen[id] = true
	}
}

// The names are refused where they are written, so that no token can ever have them twice.
func TestW1_further_claims_never_override_these(t *testing.T) {
	for _, name := range []string{"iss", "sub", "aud", "client_id", "iat", "exp", "nbf", "jti", "scope", "cnf", "act", "may_act"} {
		rule := `{resource: https://mail.example.com, scopes: [email], claims: {` + name + `: claims.sub}}` + "\n  - issuer: https://partner"
		document := variant(t, acme, "{resource: https://mail.example.com, scopes: [email]}\n  - issuer: https://partner", rule)
		_, faults := config.Load("config.yaml", []byte(document))
		if len(faults) != 1 || !strings.Contains(faults.Error(), name+" is a claim that the service sets itself") {
			t.Errorf("%s: got %v", name, faults)
		}
	}
}

// An API needs no library of ours: this one has the standard library and the JWK Set.
func TestW2_an_API_can_verify_a_token_with_the_JWK_Set_alone(t *testing.T) {
	d := deploy(t, acme)
	parts := strings.Split(d.grant(t, clientCredentials(d.proves("billing"))).Token, ".")
	var header struct{ Kid, Alg string }
	if err := json.Unmarshal(decode(t, parts[0]), &header); err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []struct{ Kid, X, Y string } }
	if err := json.Unmarshal([]byte(d.send(t, get(server.JWKSPath)).body), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 1 || set.Keys[0].Kid != header.Kid || header.Alg != "ES256" {
		t.Fatalf("header %v, set %v", header, set)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, decode(t, set.Keys[0].X), decode(t, set.Keys[0].Y)))
	if err != nil {
		t.Fatal(err)
	}
	number := func(text []byte) *big.Int { return new(big.Int).SetBytes(text) }
	digest, signature := sha256.Sum256([]byte(parts[0]+"."+parts[1])), decode(t, parts[2])
	if len(signature) != 64 || !ecdsa.Verify(public, digest[:], number(signature[:32]), number(signature[32:])) {
		t.Error("the signature does not verify")
	}
}

func TestW2_tokens_are_signed_with_the_configured_algorithm(t *testing.T) {
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			d := deploy(t, variant(t, acme, "{directory: keys}", "{directory: keys, algorithm: "+string(algorithm)+"}"))
			got := d.grant(t, clientCredentials(d.proves("billing")))
			token, err := jose.Parse(got.Token)
			if err != nil || token.Algorithm != algorithm {
				t.Errorf("got %v, %v", token, err)
			}
		})
	}
	for _, algorithm := range []string{"HS256", "HS512", "none", "RS1", "es256", `""`} {
		_, faults := config.Load("config.yaml", []byte(variant(t, acme, "{directory: keys}", "{directory: keys, algorithm: "+algorithm+"}")))
		if len(faults) == 0 {
			t.Errorf("%s is accepted", algorithm)
		}
	}
}

func TestW2_a_shared_secret_token_is_the_explicit_option_and_never_in_the_JWK_Set(t *testing.T) {
	for _, algorithm := range jose.SymmetricAlgorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			d := deploy(t, variant(t, vaulted, "algorithm: HS512, shared_secret: "+ledgerSecret, "algorithm: "+string(algorithm)+", shared_secret: "+ledgerSecret))
			ledger := d.grant(t, clientCredentials(d.proves("billing"), resource("urn:example:ledger")))
			invoices := d.grant(t, clientCredentials(d.proves("billing"), resource("https://invoices.example.com")))
			for token, want := range map[string]jose.Algorithm{ledger.Token: algorithm, invoices.Token: jose.ES256} {
				if parsed, err := jose.Parse(token); err != nil || parsed.Algorithm != want || parsed.Type != "at+jwt" {
					t.Errorf("got %v, %v; want %s", parsed, err, want)
				}
			}
			if ledger.claims["aud"] != "urn:example:ledger" || invoices.claims["aud"] != "https://invoices.example.com" {
				t.Errorf("got %v and %v", ledger.claims["aud"], invoices.claims["aud"])
			}
			published := d.send(t, get(server.JWKSPath)).body
			for _, part := range []string{"oct", `"k"`, "HS", encode(payload(ledgerSecret)), encode(payload(ledgerSecret)[:30])} {
				if strings.Contains(published, part) {
					t.Errorf("the JWK Set has %s: %s", part, published)
				}
			}
			d.judge(t, deny("one token for both", clientCredentials(d.proves("billing"), resource("urn:example:ledger"), resource("https://invoices.example.com"), scope("ledger.read")),
				scopeNotAllowed))
			if warnings := d.configuration.Warnings.Error(); !strings.Contains(warnings, "access_tokens has a shared secret") {
				t.Errorf("nobody is warned: %q", warnings)
			}
		})
	}
}

func TestW2_a_resource_of_its_own_kind_shares_no_token(t *testing.T) {
	d := deploy(t, strings.ReplaceAll(vaulted, "ledger.read", "invoices.read"))
	own := invalidTarget("resources_differ", "one of these resources takes tokens of its own kind only; ask for one token each")
	ledger, invoices := resource("urn:example:ledger"), resource("https://invoices.example.com")
	d.judge(t,
		deny("it and another", clientCredentials(d.proves("billing"), ledger, invoices), own),
		deny("another and it", clientCredentials(d.proves("billing"), invoices, ledger), own),
		allow("it alone", clientCredentials(d.proves("billing"), ledger)),
		allow("the other alone", clientCredentials(d.proves("billing"), invoices)),
	)
}

// The newest version signs, and its number is the kid, so that an API can tell two apart while the secret changes.
func TestW2_a_shared_secret_can_change(t *testing.T) {
	d := deploy(t, vaulted)
	forLedger := func() request { return clientCredentials(d.proves("billing"), resource("urn:example:ledger")) }
	kid := func() string {
		token, err := jose.Parse(d.grantUnverified(t, forLedger()).Token)
		if err != nil {
			t.Fatal(err)
		}
		return token.KeyID
	}
	if kid() != "1" {
		t.Error("the first version does not sign")
	}
	d.clock.advance(ringFresh)
	d.vault.add(ledgerSecret, payload("another"))
	d.clock.advance(ringFresh)
	if kid() != "2" {
		t.Error("the newest version does not sign")
	}
	d.vault.disable(ledgerSecret, "2")
	d.clock.advance(ringFresh)
	if kid() != "1" {
		t.Error("a disabled version still signs")
	}
	d.vault.disable(ledgerSecret, "1")
	d.clock.advance(ringFresh)
	d.judge(t,
		deny("no version is left", forLedger(), unavailable("signing_key_unavailable")),
		allow("which is nobody else's trouble", clientCredentials(d.proves("billing"), resource("https://invoices.example.com"))),
	)
	if got := d.send(t, get("/ready")); got.status != 503 {
		t.Errorf("/ready says %d, and not every token can be signed", got.status)
	}
}

func TestW2_a_shared_secret_that_is_too_short_signs_nothing(t *testing.T) {
	d := deploy(t, vaulted)
	d.clock.advance(time.Second)
	d.vault.add(ledgerSecret, payload("short")[:63])
	d.clock.advance(ringFresh)
	d.judge(t, deny("63 bytes for HS512", clientCredentials(d.proves("billing"), resource("urn:example:ledger")), unavailable("signing_key_unavailable")))
	if log := d.log.String(); !strings.Contains(log, "an HMAC secret at least the length of its hash") {
		t.Errorf("the log does not say why: %s", log)
	}
}

// What is configured besides is copied as it is; TestG8 covers where from.
func TestW1_a_token_for_several_resources_has_a_list(t *testing.T) {
	d := deploy(t, shop)
	got := d.grant(t, clientCredentials(d.proves("planner"), resource(a), resource(b)))
	if difference := cmp.Diff([]any{a, b}, got.claims["aud"]); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
	names := slices.Sorted(maps.Keys(got.claims))
	if want := []string{"aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub"}; !slices.Equal(names, want) {
		t.Errorf("got %q", names)
	}
}

func TestW2_without_a_key_nothing_is_signed(t *testing.T) {
	d := deploy(t, vaulted)
	d.grant(t, clientCredentials(basic("portal", portalSecret)))
	d.vault.disable(signingSecret, "1")
	d.clock.advance(ringFresh)
	d.judge(t, deny("every version is disabled", clientCredentials(basic("portal", portalSecret)), unavailable("signing_key_unavailable")))
	d.vault.add(signingSecret, []byte("this is no key"))
	d.vault.shut(codes.OK)
	d.clock.advance(ringFresh)
	d.judge(t, deny("the only one is no key", clientCredentials(basic("portal", portalSecret)), unavailable("signing_key_unavailable")))
	// Whoever is answered 503 goes on with the keys that he has.
	if got := d.send(t, get(server.JWKSPath)); got.status != 200 || got.body != `{"keys":[]}` || got.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("the JWK Set: got %d %v %s", got.status, got.header, got.body)
	}
}
