package server_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
)

// bound is a configuration in which a client and a resource need DPoP.
const bound = acme + `
  - issuer: https://mesh.example.com
    keys: {file: mesh.ES256.json}
    allow:
      - {resource: https://vault.example.com, scopes: [vault.open]}
`

// needingDPoP is bound with the places where dpop: required stands.
func needingDPoP() string {
	text := strings.Replace(bound, "resources:\n", "resources:\n  - {id: https://vault.example.com, scopes: [vault.open], dpop: required}\n", 1)
	return strings.Replace(text, "  - id: reporting\n", "  - id: reporting\n    dpop: required\n", 1)
}

func TestD1_there_is_one_proof_and_it_is_a_good_one(t *testing.T) {
	d := deploy(t, acme)
	p := func() proving { return d.proofBy("agent.ES256") }
	ask := func(proof part) request { return clientCredentials(d.proves("billing"), proof) }
	private := jwk(t, "agent.ES256").but("d", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE")
	unsigned := encode(`{"typ":"dpop+jwt","alg":"none"}`) + "." + encode(string(marshal(t, p().claims))) + "."
	d.judge(t,
		allow("good", ask(p().sent())),
		deny("two of them", ask(header("DPoP", p().text(), p().text())), refusal{400, "invalid_dpop_proof", "dpop_repeated", "there is more than one DPoP header"}),
		deny("an empty one", ask(header("DPoP", "")), refusal{400, "invalid_dpop_proof", "dpop_empty", "the DPoP header is empty"}),
		deny("two in one header", ask(header("DPoP", p().text()+", "+p().text())), proofFault(jose.ErrEncrypted)),
		deny("what is no JWT", ask(header("DPoP", "good")), proofFault(jose.ErrCompact)),
		deny("one of two parts", ask(header("DPoP", strings.Join(strings.Split(p().text(), ".")[:2], "."))), proofFault(jose.ErrCompact)),
		deny("a long one", ask(p().but("x", strings.Repeat("x", 8<<10)).sent()), proofFault(dpop.ErrTooLong)),
		deny("without typ", ask(p().butHeader("typ", nil).sent()), proofFault(dpop.ErrType)),
		deny("a JWT of another typ", ask(p().butHeader("typ", "JWT").sent()), proofFault(dpop.ErrType)),
		deny("an access token's typ", ask(p().butHeader("typ", "at+jwt").sent()), proofFault(dpop.ErrType)),
		allow("typ with its application/", ask(p().butHeader("typ", "application/dpop+jwt").sent())),
		deny("without alg", ask(p().butHeader("alg", nil).sent()), proofFault(jose.ErrAlgorithm)),
		deny("alg none", ask(header("DPoP", unsigned)), proofFault(jose.ErrCompact)),
		deny("alg HS256", ask(p().butHeader("alg", "HS256").sent()), proofFault(jose.ErrAlgorithm)),
		deny("another alg than the key's", ask(p().butHeader("alg", "ES384").sent()), proofFault(jose.ErrKeyType)),
		deny("without jwk", ask(p().butHeader("jwk", nil).sent()), proofFault(jose.ErrNoProofKey)),
		deny("with a private jwk", ask(p().butHeader("jwk", private).sent()), proofFault(jose.ErrKeyPrivate)),
		deny("with a symmetric jwk", ask(p().butHeader("jwk", claims{"kty": "oct", "k": "AAAA"}).sent()), proofFault(jose.ErrKeyPrivate)),
		deny("with another's jwk", ask(p().butHeader("jwk", jwk(t, "other.ES256")).sent()), proofFault(jose.ErrSignature)),
		deny("with crit", ask(p().butHeader("crit", []string{"x"}).sent()), proofFault(jose.ErrCritical)),
		deny("without jti", ask(p().but("jti", nil).sent()), proofFault(dpop.ErrIDMissing)),
		deny("with a long jti", ask(p().but("jti", strings.Repeat("x", 257)).sent()), proofFault(dpop.ErrIDTooLong)),
		deny("without htm", ask(p().but("htm", nil).sent()), proofFault(dpop.ErrMethodMissing)),
		deny("for another method", ask(p().but("htm", "GET").sent()), proofFault(dpop.ErrMethod)),
		deny("for the method in other letters", ask(p().but("htm", "post").sent()), proofFault(dpop.ErrMethod)),
		deny("without htu", ask(p().but("htu", nil).sent()), proofFault(dpop.ErrURLMissing)),
		allow("with members that nobody knows", ask(p().butHeader("tx_id", "1").but("tx_id_key", "2").sent())),
	)
}

func TestD1_htu_is_the_token_endpoint_of_the_configuration_whatever_the_request_says(t *testing.T) {
	d := deploy(t, acme)
	ask := func(htu string, parts ...part) request {
		return clientCredentials(append(parts, d.proves("billing"), d.proofBy("agent.ES256").but("htu", htu).sent())...)
	}
	other := proofFault(dpop.ErrURL)
	d.judge(t,
		allow("with query and fragment", ask(us+"/token?a=b#c")),
		allow("in capitals, with the port", ask("HTTPS://AUTH.example.com:443/token")),
		allow("with dots and escapes", ask(us+"/./x/../%74oken")),
		deny("the issuer alone", ask(us), other),
		deny("another path", ask(us+"/token/"), other),
		deny("a longer path", ask(us+"/tokens"), other),
		deny("another scheme", ask("http://auth.example.com/token"), other),
		deny("another port", ask("https://auth.example.com:8443/token"), other),
		deny("where the listener is", ask(d.url+"/token"), other),
		deny("the Host of the request", ask("https://evil.example.com/token", header("Host", "evil.example.com")), other),
		deny("the forwarded host", ask("https://evil.example.com/token", header("X-Forwarded-Host", "evil.example.com")), other),
		deny("a host in a user name", ask("https://auth.example.com@evil.example.com/token"), proofFault(dpop.ErrURLForm)),
		deny("a relative one", ask("/token"), proofFault(dpop.ErrURLForm)),
	)
}

func TestD1_a_proof_is_a_minute_old_at_most_and_a_minute_ahead_at_most(t *testing.T) {
	d := deploy(t, acme)
	ask := func(name string, at time.Duration) request {
		return clientCredentials(d.proves("billing"), d.proofBy("agent.ES256").but(name, d.clock.in(at)).sent())
	}
	d.judge(t,
		allow("10 s old", ask("iat", -10*time.Second)),
		allow("10 s ahead", ask("iat", 10*time.Second)),
		allow("a minute old", ask("iat", -time.Minute)),
		allow("a minute ahead", ask("iat", time.Minute)),
		deny("61 s old", ask("iat", -61*time.Second), proofFault(dpop.ErrIssuedLongAgo)),
		deny("61 s ahead", ask("iat", 61*time.Second), proofFault(dpop.ErrIssuedInFuture)),
		deny("an hour old", ask("iat", -time.Hour), proofFault(dpop.ErrIssuedLongAgo)),
		allow("with exp ahead", ask("exp", time.Minute)),
		deny("with exp past", ask("exp", -time.Minute), proofFault(dpop.ErrExpired)),
		allow("with nbf now", ask("nbf", 0)),
		deny("with nbf far ahead", ask("nbf", 2*time.Minute), proofFault(dpop.ErrNotYetValid)),
		deny("without iat", clientCredentials(d.proves("billing"), d.proofBy("agent.ES256").but("iat", nil).sent()), proofFault(dpop.ErrIssuedAtMissing)),
	)
}

func TestD1_a_proof_is_good_for_one_request(t *testing.T) {
	d := deploy(t, acme)
	used := d.proofBy("agent.ES256")
	again := proofFault(dpop.ErrReplayed)
	d.judge(t,
		deny("refused for its scope", clientCredentials(d.proves("billing"), used.sent(), scope("root")), scopeNotAllowed),
		allow("which does not burn it", clientCredentials(d.proves("billing"), used.sent())),
		deny("once more", clientCredentials(d.proves("billing"), used.sent()), again),
		deny("signed anew", clientCredentials(d.proves("billing"), used.but("x", 1).sent()), again),
		deny("by another client", clientCredentials(d.proves("reporting"), used.sent()), again),
		deny("on another grant", jwtBearer(d.vouches("idp.ES256", idp), used.sent()), again),
	)
	other := d.proofBy("other.ES256")
	d.judge(t, allow("the same jti by another key", clientCredentials(d.proves("billing"), other.but("jti", used.claims.id()).sent())))

	for at := 10 * time.Second; at < 70*time.Second; at += 10 * time.Second {
		proof := d.proofBy("agent.ES256").but("iat", d.clock.in(-at%time.Minute)).but("jti", fmt.Sprint(at))
		d.judge(t, allow("first", clientCredentials(d.proves("billing"), proof.sent())))
		d.clock.advance(time.Minute - at%time.Minute)
		d.judge(t, deny("at its end", clientCredentials(d.proves("billing"), proof.sent()), again))
	}
}

func TestD1_a_used_proof_leaves_the_assertion_good_and_the_other_way_round(t *testing.T) {
	d := deploy(t, acme)
	used, credential := d.proofBy("agent.ES256"), sign(t, "billing.ES256", d.of("billing"))
	d.judge(t, allow("the proof is used", clientCredentials(d.proves("billing"), used.sent())))
	d.judge(t,
		deny("with a fresh credential", clientCredentials(proof(credential), used.sent()), proofFault(dpop.ErrReplayed)),
		allow("which is good", clientCredentials(proof(credential))),
	)
	fresh := d.proofBy("agent.ES256")
	d.judge(t,
		deny("a used credential with a fresh proof", clientCredentials(proof(credential), fresh.sent()), clientFault(assertion.ErrReplayed)),
		allow("which is good", clientCredentials(d.proves("billing"), fresh.sent())),
	)
}

func TestD1_of_a_hundred_simultaneous_uses_of_a_proof_exactly_one_gets_a_token(t *testing.T) {
	d := deploy(t, acme)
	used := d.proofBy("agent.ES256").sent()
	if granted := d.atOnce(t, clientCredentials(post("mobile", mobileSecret), used), proofFault(dpop.ErrReplayed)); granted != 1 {
		t.Errorf("%d got a token", granted)
	}
}

// The proof is looked at when it is known who sends it: what is wrong with that comes first.
func TestD1_a_proof_is_no_client_authentication(t *testing.T) {
	d := deploy(t, acme)
	d.judge(t,
		deny("of a client that only says who it is", clientCredentials(clientID("billing"), d.proofBy("billing.ES256").sent()), strangeClient("method_wrong")),
		deny("as a client assertion", clientCredentials(proof(d.proofBy("billing.ES256").but("iss", "billing").but("sub", "billing").but("aud", us).but("exp", d.clock.in(time.Minute)).text())), clientFault(assertion.ErrType)),
		deny("with a bad one besides", clientCredentials(post("mobile", "wrong"), header("DPoP", "bad")), strangeClient("secret_wrong")),
		deny("of a stranger, bad", jwtBearer(d.vouches("idp.ES256", "https://nobody.example.com"), header("DPoP", "bad")), strangeIssuer("party_unknown")),
	)
}

func TestD2_a_token_is_bound_to_the_key_of_the_proof(t *testing.T) {
	d := deploy(t, acme)
	for name, request := range map[string]request{
		"client_credentials":        clientCredentials(d.proves("billing"), d.proofBy("agent.ES256").sent()),
		"with the client's own key": clientCredentials(d.proves("billing"), d.proofBy("billing.ES256").sent()),
		"an issuer's assertion":     jwtBearer(d.vouches("idp.ES256", idp), d.proofBy("agent.ES256").sent()),
	} {
		t.Run(name, func(t *testing.T) {
			got := d.grant(t, request)
			key := "agent.ES256"
			if strings.Contains(name, "own key") {
				key = "billing.ES256"
			}
			cnf, _ := got.claims["cnf"].(map[string]any)
			if got.Type != "DPoP" || len(cnf) != 1 || cnf["jkt"] != thumbprint(t, key) {
				t.Errorf("token_type %q, cnf %v", got.Type, got.claims["cnf"])
			}
			if event := d.log.lastDecision(t); event["cnf_jkt"] != thumbprint(t, key) {
				t.Errorf("the log has %v", event)
			}
			if got.header.Get("DPoP-Nonce") != "" {
				t.Error("there is a nonce that nobody has configured")
			}
		})
	}
	if got := d.grant(t, clientCredentials(d.proves("billing"))); got.Type != "Bearer" || got.claims["cnf"] != nil {
		t.Errorf("without a proof: token_type %q, cnf %v", got.Type, got.claims["cnf"])
	}
}

func TestD2_dpop_required_is_required(t *testing.T) {
	d := deploy(t, needingDPoP())
	missing := refusal{400, "invalid_dpop_proof", "dpop_missing", "the token has to be bound to a key (RFC 9449), and the request has no DPoP header"}
	proof := func() part { return d.proofBy("agent.ES256").sent() }
	own := func() string { return sign(t, "reporting.ES256", d.of("reporting")) }
	mesh := func() string { return d.vouches("mesh.ES256", "https://mesh.example.com") }
	d.judge(t,
		deny("of a client", clientCredentials(d.proves("reporting")), missing),
		allow("which has it", clientCredentials(d.proves("reporting"), proof())),
		deny("of a client that asserts for itself", jwtBearer(own()), missing),
		allow("which has it", jwtBearer(own(), proof())),
		deny("of a client that brings another's assertion", jwtBearer(d.vouches("partner.ES256", partner), d.proves("reporting")), missing),
		allow("which has it", jwtBearer(d.vouches("partner.ES256", partner), d.proves("reporting"), proof())),
		deny("of a resource", jwtBearer(mesh()), missing),
		allow("which has it", jwtBearer(mesh(), proof())),
		allow("a client that needs none", clientCredentials(d.proves("billing"))),
	)
}

// A nonce is made and known by every instance that has the secret (protocol D3).
func nonced() string {
	return strings.Replace(vaulted, "resources:", "dpop: {nonces: projects/acme/secrets/dpop-nonces}\nresources:", 1)
}

func TestD3_a_nonce_is_asked_for_and_taken(t *testing.T) {
	d := deploy(t, nonced())
	credential := sign(t, "billing.ES256", d.of("billing"))
	p := func() proving { return d.proofBy("agent.ES256") }
	first := d.send(t, clientCredentials(proof(credential), p().sent(), resource("https://invoices.example.com")))
	nonce := first.header.Get("DPoP-Nonce")
	if first.status != 400 || len(first.header.Values("DPoP-Nonce")) != 1 || nonce == "" || !strings.Contains(first.body, "use_dpop_nonce") {
		t.Fatalf("got %d %v %s", first.status, first.header, first.body)
	}
	if strings.Trim(nonce, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("a nonce of other characters: %q", nonce)
	}
	// The conformance suite sends the same assertion again, with a new proof alone.
	got := d.grant(t, clientCredentials(proof(credential), p().but("nonce", nonce).sent(), resource("https://invoices.example.com")))
	if got.Type != "DPoP" || got.header.Get("DPoP-Nonce") == "" {
		t.Errorf("token_type %q, next nonce %q", got.Type, got.header.Get("DPoP-Nonce"))
	}
	if without := d.grant(t, clientCredentials(post("mobile", mobileSecret))); without.header.Get("DPoP-Nonce") != "" || without.Type != "Bearer" {
		t.Errorf("a request without a proof: %v", without.header)
	}
}

func TestD3_a_nonce_that_is_old_or_not_ours_is_refused(t *testing.T) {
	d := deploy(t, nonced())
	ask := func(nonce any) request {
		return clientCredentials(post("mobile", mobileSecret), d.proofBy("agent.ES256").but("nonce", nonce).sent())
	}
	nonce := d.send(t, ask(nil)).header.Get("DPoP-Nonce")
	bytes, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil {
		t.Fatal(err)
	}
	var verdicts []verdict
	for i := range bytes {
		changed := append([]byte{}, bytes...)
		changed[i] ^= 1
		verdicts = append(verdicts, deny(fmt.Sprintf("with byte %d changed", i), ask(base64.RawURLEncoding.EncodeToString(changed)), wantsNonce()))
	}
	d.judge(t, append(verdicts,
		deny("none", ask(nil), wantsNonce()),
		deny("an empty one", ask(""), wantsNonce()),
		deny("a number", ask(7), wantsNonce()),
		deny("cut off", ask(nonce[:len(nonce)-1]), wantsNonce()),
		deny("with padding", ask(nonce+"="), wantsNonce()),
		allow("ours", ask(nonce)),
		allow("ours again, with another proof", ask(nonce)),
	)...)
	d.clock.advance(4 * time.Minute)
	d.judge(t, allow("after four minutes", ask(nonce)))
	d.clock.advance(2 * time.Minute)
	d.judge(t, deny("after six", ask(nonce), wantsNonce()))
}

func TestD3_every_instance_knows_the_nonces_of_all_also_while_the_secret_changes(t *testing.T) {
	const secret = "projects/acme/secrets/dpop-nonces"
	d := deploy(t, nonced())
	other := &deployment{t: t, configuration: d.configuration, folder: d.folder, clock: d.clock, log: &logbook{}, vault: d.vault}
	other.serve()
	ask := func(nonce any) request {
		return clientCredentials(post("mobile", mobileSecret), d.proofBy("agent.ES256").but("nonce", nonce).sent())
	}
	nonce := d.send(t, ask(nil)).header.Get("DPoP-Nonce")
	other.judge(t, allow("of another instance", ask(nonce)))
	d.vault.add(secret, []byte(strings.Repeat("n", 32)))
	d.clock.advance(2 * time.Minute)
	d.judge(t, allow("made before the secret changed", ask(nonce)))
	if next := d.send(t, ask(nil)).header.Get("DPoP-Nonce"); next == nonce {
		t.Error("the newest version makes no nonces")
	} else {
		other.judge(t, allow("made after", ask(next)))
	}
}

func TestD3_where_the_secret_of_nonces_cannot_be_had_a_proof_is_not_decided(t *testing.T) {
	d := prepare(t, nonced())
	d.vault.shut(codes.Unavailable)
	d.serve()
	d.judge(t, deny("a proof", clientCredentials(post("mobile", mobileSecret), d.proofBy("agent.ES256").sent()), unavailable("dpop_nonce_keys_unavailable")))
	d.vault.open()
	d.clock.advance(10 * time.Second)
	d.judge(t, deny("and then it is", clientCredentials(post("mobile", mobileSecret), d.proofBy("agent.ES256").sent()), wantsNonce()))
}
