package server_test

import (
	"crypto/rand"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/service"
)

func TestThreat_an_absent_claim_that_matches_an_empty_rule(t *testing.T) {
	const issuer = "\n  - issuer: https://idp.example.com\n    keys: {file: idp.ES256.json}\n    audiences: [mail-app]\n    allow:\n      - {"
	for name, condition := range map[string]string{
		"equal to nothing":      `claims.group == ""`,
		"equal to null":         `claims.group == null`,
		"not equal":             `claims.group != "outsiders"`,
		"not in":                `!(claims.group in ["outsiders"])`,
		"equal to another":      `claims.group == claims.other`,
		"a pattern of anything": `claims.group.matches(".*")`,
		"beginning":             `claims.group.startsWith("")`,
		"of no size":            `size(claims.group) == 0`,
		"in nothing":            `claims.group in [""]`,
	} {
		t.Run(name, func(t *testing.T) {
			d := deploy(t, variant(t, acme, issuer, issuer+"if: '"+condition+"', "))
			by := func(group any) request {
				return jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("group", group)))
			}
			d.judge(t, deny("missing", by(nil), noRule), deny("empty", by(""), noRule))
			null := strings.Replace(string(marshal(t, d.about("alice", idp))), "{", `{"group":null,"other":null,`, 1)
			d.judge(t, deny("null", jwtBearer(handmade(t, privateKey(t, "idp.ES256"), `{"alg":"ES256"}`, null)), noRule))
		})
	}
}

func TestThreat_custom_claims_that_overwrite_reserved_ones(t *testing.T) {
	for _, name := range []string{"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "cnf", "scope"} {
		document := variant(t, acme, "default_scopes: [invoices.read]}", `default_scopes: [invoices.read], claims: {`+name+`: '"x"'}}`)
		configuration, faults := config.Load("config.yaml", []byte(document))
		built, _ := service.New(configuration, service.Surroundings{Secrets: keepsNoSecrets, Now: noon, Log: silent(), Folder: t.TempDir()})
		if len(faults) == 0 || built != nil {
			t.Errorf("%s can be mapped", name)
		}
	}
}

// It is signed with a key that somebody trusts, and names a subject; only its typ says what it is.
func TestThreat_an_access_token_as_an_assertion(t *testing.T) {
	const sibling = "https://auth.sibling.example.com" // another of our servers, whose word counts here
	trusting := acme + `
  - issuer: https://auth.sibling.example.com
    keys: {file: own.ES256.json}
    audiences: [https://invoices.example.com]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
`
	d := deploy(t, trusting)
	own := d.grant(t, clientCredentials(d.proves("billing"))).Token
	there := deploy(t, variant(t, acme, "issuer: https://auth.example.com\n", "issuer: "+sibling+"\n"))
	siblings := there.grant(t, clientCredentials(proof(sign(t, "billing.ES256", there.of("billing").but("aud", sibling))))).Token
	d.judge(t,
		deny("a sibling's as a grant", jwtBearer(siblings), grantFault(assertion.ErrType)),
		deny("a sibling's as a grant, with a client", jwtBearer(siblings, d.proves("reporting")), grantFault(assertion.ErrType)),
		deny("a sibling's as a credential", clientCredentials(proof(siblings)), strangeClient("client_unknown")),
		deny("ours as a grant", jwtBearer(own), strangeIssuer("party_unknown")),
		deny("ours as a credential", clientCredentials(proof(own)), strangeClient("client_unknown")),
		deny("ours as a credential, named", clientCredentials(proof(own), clientID("billing")), invalidClient("client_id_mismatch", "client_id is not the iss of the client assertion")),
		deny("ours as a Bearer token", clientCredentials(header("Authorization", "Bearer "+own)),
			invalidClient("authorization_scheme_unknown", "the Authorization header's scheme is not Basic, the only one by which a client authenticates here")),
		deny("ours as a secret", clientCredentials(post("mobile", own)), strangeClient("secret_wrong")),
		allow("while the sibling's word is good", jwtBearer(sign(t, "own.ES256", d.about("alice", sibling)))),
	)
	// Nobody can come to trust our own tokens by name.
	if _, faults := config.Load("config.yaml", []byte(strings.ReplaceAll(trusting, sibling, us))); len(faults) == 0 {
		t.Error("a configuration can trust our own issuer")
	}
}

// Each name is new, and kept by nobody.
func TestThreat_state_without_bound_by_strangers(t *testing.T) {
	d := deploy(t, acme)
	flood := func(times int) {
		for range times {
			name := rand.Text() + strings.Repeat("x", 4000)
			for _, r := range []request{
				clientCredentials(proof(forge(t, "stranger.ES256", d.of(name)))),
				jwtBearer(forge(t, "stranger.ES256", d.about("alice", name))),
				jwtBearer(handmade(t, privateKey(t, "idp.ES256"), `{"alg":"ES256","kid":"`+name+`"}`, string(marshal(t, d.about("alice", idp))))),
				clientCredentials(post(name, "a-wrong-secret")),
				clientCredentials(d.proves("billing"), scope(name)),
			} {
				if got := d.send(t, r); got.status != 400 && got.status != 401 {
					t.Fatalf("got %d %s", got.status, got.body)
				}
			}
		}
	}
	used := func() uint64 {
		d.told = nil // the tests' own memory is not the server's
		d.log.text.Reset()
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		return memory.HeapAlloc
	}
	flood(20)
	before := used()
	flood(300) // 300 times 5 times 4000 bytes are 6 MB
	if after := used(); after > before+2<<20 {
		t.Errorf("it keeps %d bytes", after-before)
	}
}

// One key that can never verify anything fails the set where an operator has written it down; it never ends the process.
func TestThreat_a_panic_on_an_unknown_kind_of_key(t *testing.T) {
	const secret = "projects/acme/secrets/idp-jwks"
	good := publicJWK(t, "idp.ES256")
	for name, other := range map[string]string{
		"AKP":     `{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`,
		"oct":     `{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","alg":"HS256"}`,
		"X25519":  `{"kty":"OKP","crv":"X25519","x":"AAAA"}`,
		"nothing": `{}`,
		"null":    `null`,
		"a text":  `"EC"`,
		"private": `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}`,
	} {
		t.Run(name, func(t *testing.T) {
			d := deploy(t, variant(t, acme, "{file: idp.ES256.json}", "{secret: "+secret+"}"))
			d.vault.add(secret, []byte(`{"keys":[`+good+`]}`))
			d.judge(t, allow("the good one alone", jwtBearer(d.vouches("idp.ES256", idp))))
			d.clock.advance(ringFresh)
			d.vault.add(secret, []byte(`{"keys":[`+good+`,`+other+`]}`))
			d.clock.advance(ringFresh)
			d.judge(t,
				allow("the last good set", jwtBearer(d.vouches("idp.ES256", idp))),
				allow("and everybody else", clientCredentials(d.proves("billing"))),
			)
			if !strings.Contains(d.log.String(), "keys could not be loaded") {
				t.Error("nobody is told")
			}
		})
	}
}

func TestThreat_iss_as_a_list(t *testing.T) {
	d := deploy(t, acme)
	for _, iss := range []any{[]string{idp}, []string{idp, "https://evil.example.com"}, map[string]any{"0": idp}, 1, true} {
		d.judge(t,
			deny(fmt.Sprintf("grant: %v", iss), jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("iss", iss))), grantFault(jose.ErrClaimType)),
			deny(fmt.Sprintf("client: %v", iss), clientCredentials(proof(sign(t, "billing.ES256", d.of("billing").but("iss", iss)))), clientFault(jose.ErrClaimType)),
		)
	}
}

func TestThreat_a_disabled_client_is_neither_subject_nor_actor_of_what_is_exchanged(t *testing.T) {
	d := deploy(t, exchanging)
	of := func(c claims) request { return d.swap("front", oauth.TypeAccessToken, d.issue(c), resource(backAPI)) }
	d.judge(t,
		deny("its token", of(d.ours().but("client_id", "former")), inactive("subject_token")),
		deny("about it, through another", of(d.ours().but("sub", "former")), inactive("subject_token")),
		deny("it has acted", of(d.ours().but("act", named("former", claims{"client_id": "former"}))), inactive("subject_token")),
		deny("it acted before", of(d.ours().but("act", named("agent", within(named("former"))))), inactive("subject_token")),
		allow("an issuer has that name for somebody", of(d.ours().but("act", named("former", claims{"iss": idp})))),
	)
}

// vouching is exchanging, with all else that this server signs: identity assertions and a status list.
func vouching(t *testing.T) string {
	t.Helper()
	document := variant(t, stoppedBy(exchanging), "scopes: [read, write, admin]}\n", "scopes: [read, write, admin], status_list: true}\n")
	document = variant(t, document, "clients:\n", `clients:
  - id: front-api
    authentication: private_key_jwt
    keys: {file: front-api.ES256.json}
    introspects: [https://front.example.com]
`)
	return document + `identity_assertions:
  - audience: https://auth.chat.example.net
    clients: [{id: front, client_id: front-at-chat}]
    issuers: [https://idp.example.com]
    scopes: [chat.read]
    resources: [https://api.chat.example.net/mcp]
`
}

func TestThreat_whatever_this_server_signs_is_good_for_its_own_end_alone(t *testing.T) {
	d := withStops(t, vouching(t))
	for name, text := range map[string]string{
		"an identity assertion": d.issueIDJAG(t, d.trade(d.proves("front"), sign(t, "idp.ES256", d.idToken("front")), nil)).Text,
		"a status list":         d.send(t, get(server.StatusListPath)).body,
		"an access token":       d.issue(d.ours()),
		"and a proof of a key":  d.proofBy("front.ES256").text(),
	} {
		misused := map[string]request{
			"as an assertion":           jwtBearer(text),
			"as an assertion, by phone": jwtBearer(text, clientID("phone")),
			"as a client assertion":     clientCredentials(proof(text)),
		}
		for _, kind := range []string{oauth.TypeAccessToken, oauth.TypeJWT, oauth.TypeIDToken, idJAGTokenType} {
			if name == "an access token" && kind == oauth.TypeAccessToken {
				continue
			}
			misused["exchanged as "+kind] = d.swap("front", kind, text, resource(backAPI))
			misused["acting as "+kind] = d.swap("agent", oauth.TypeAccessToken, d.issue(d.ours()), actedBy(kind, text))
			misused["for an identity assertion, as "+kind] = d.trade(d.proves("front"), text, map[string]string{"subject_token_type": kind})
		}
		for use, r := range misused {
			if got := d.send(t, r); got.status != 400 && got.status != 401 {
				t.Errorf("%s %s: %d %s", name, use, got.status, got.body)
			}
		}
		if name != "an access token" {
			d.expectInactive(t, introspect(text, d.proves("front-api")), "typ is not at+jwt")
		}
	}
}
