package server_test

import (
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// Each test is a row of docs/conformance.md.

func TestThreat_a_disabled_client_issuer_or_rule_gets_no_token_on_any_grant(t *testing.T) {
	document := strings.NewReplacer(
		"- id: billing\n", "- id: billing\n    disabled: true\n",
		"- id: reporting\n", "- id: reporting\n    disabled: true\n",
		"- id: portal ", "- disabled: true\n    id: portal ",
		"- id: mobile\n", "- id: mobile\n    disabled: true\n",
		"- id: mail-app ", "- disabled: true\n    id: mail-app ",
		"- issuer: https://partner.example.com\n", "- issuer: https://partner.example.com\n    disabled: true\n",
		"audiences: [mail-app]\n    allow:\n      - {", "audiences: [mail-app]\n    allow:\n      - {disabled: true, ",
	).Replace(acme)
	if count := strings.Count(document, "disabled: true"); count != 7 {
		t.Fatalf("%d are disabled", count)
	}
	d := deploy(t, document)
	unknown := strangeClient("client_unknown")
	d.judge(t,
		deny("a client with an assertion", clientCredentials(d.proves("billing")), unknown),
		deny("a client with Basic", clientCredentials(basic("portal", portalSecret)), unknown),
		deny("a client with a secret", clientCredentials(post("mobile", mobileSecret)), unknown),
		deny("a client that asserts for itself", jwtBearer(sign(t, "reporting.ES256", d.of("reporting"))), strangeIssuer("party_unknown")),
		deny("a client that sends an issuer's assertion", jwtBearer(d.vouches("ci.ES256", ci), d.proves("reporting")), unknown),
		deny("a client that only says who it is", jwtBearer(d.vouches("ci.ES256", ci), clientID("mail-app")), unknown),
		deny("an issuer", jwtBearer(d.vouches("partner.ES256", partner)), strangeIssuer("party_unknown")),
		deny("a rule", jwtBearer(d.vouches("idp.ES256", idp)), noRule),
		deny("a client as a subject: its name stays taken", jwtBearer(sign(t, "ci.ES256", d.about("billing", ci)), clientID("x")), unknown),
	)
}

func TestThreat_algorithm_confusion_with_the_public_key_as_a_shared_secret(t *testing.T) {
	d := deploy(t, variant(t, variant(t, acme, "idp.ES256.json", "idp.RS256.json"), "billing.ES256.json", "billing.RS256.json"))
	public := signingKey(t, "idp.RS256").Verification()
	spki, err := public.EncodeSPKI()
	d.must(err)
	set, err := jose.EncodeKeySet(jose.KeySet{public})
	d.must(err)
	block, _ := pem.Decode(spki)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	d.must(err)
	for name, secret := range map[string][]byte{
		"PEM": spki, "PEM without its last line break": []byte(strings.TrimSpace(string(spki))), "DER": block.Bytes, "PKCS#1 DER": x509.MarshalPKCS1PublicKey(key.(*rsa.PublicKey)),
		"JWK": []byte(publicJWK(t, "idp.RS256")), "JWK Set": set, "the modulus": key.(*rsa.PublicKey).N.Bytes(), "the modulus in base64url": []byte(encode(key.(*rsa.PublicKey).N.Bytes())), "nothing": {},
	} {
		for _, kid := range []string{"", `,"kid":"` + public.ID() + `"`} {
			forged := func(c claims) string {
				return handmade(t, secret, `{"alg":"HS256"`+kid+`}`, string(marshal(t, c)))
			}
			d.judge(t,
				deny("grant: "+name+kid, jwtBearer(forged(d.about("alice", idp))), strangeIssuer("key_unknown")),
				deny("client: "+name+kid, clientCredentials(proof(forged(d.of("billing")))), strangeClient("key_unknown")),
			)
		}
	}
	d.judge(t, allow("the real key", jwtBearer(sign(t, "idp.RS256", d.about("alice", idp)))))
}

func TestThreat_two_credentials_in_one_request(t *testing.T) {
	d := deploy(t, acme)
	several := invalidRequest("several_credentials", "the request authenticates its client in more than one way")
	ways := map[string]part{
		"Basic": basic("portal", portalSecret), "a secret": post("portal", portalSecret), "an assertion": d.proves("portal"), "a Bearer token": header("Authorization", "Bearer x"),
	}
	for one, first := range ways {
		for other, second := range ways {
			switch {
			case one >= other, one == "Basic" && other == "Basic":
			default:
				d.judge(t, deny(one+" and "+other, clientCredentials(first, second), several), deny(other+" and "+one, jwtBearer(d.vouches("idp.ES256", idp), second, first), several))
			}
		}
	}
}

func TestThreat_a_grant_that_skips_the_gate(t *testing.T) {
	d := deploy(t, acme)
	without := unauthorizedClient("grant_not_allowed", "the client is not registered for this grant_type")
	d.judge(t,
		deny("JWT grant, by a client with client_credentials", jwtBearer(d.vouches("idp.ES256", idp), d.proves("billing")), without),
		deny("JWT grant, its own assertion", jwtBearer(sign(t, "billing.ES256", d.of("billing")), d.proves("billing")), without),
		deny("JWT grant, by its secret", jwtBearer(d.vouches("idp.ES256", idp), post("mobile", mobileSecret)), without),
		deny("client_credentials, by a client with the JWT grant", clientCredentials(clientID("mail-app")), without),
	)
}

func TestThreat_an_unsigned_JWT_within_a_JWE(t *testing.T) {
	d := deploy(t, acme)
	inner := encode(`{"alg":"none"}`) + "." + encode(string(marshal(t, d.about("alice", idp)))) + "."
	for name, jwe := range map[string]string{
		"dir":                encode(`{"alg":"dir","enc":"A128GCM","cty":"JWT"}`) + ".." + encode("iv") + "." + encode(inner) + "." + encode("tag"),
		"RSA-OAEP":           encode(`{"alg":"RSA-OAEP","enc":"A128GCM"}`) + "." + encode("key") + "." + encode("iv") + "." + encode(inner) + "." + encode("tag"),
		"PBES2 without end":  encode(`{"alg":"PBES2-HS512+A256KW","enc":"A128GCM","p2c":2147483647,"p2s":"AA"}`) + ".AA.AA.AA.AA",
		"a compressed bomb":  encode(`{"alg":"dir","enc":"A128GCM","zip":"DEF"}`) + "..AA." + strings.Repeat("A", 10000) + ".AA",
		"nothing but dots":   "....",
		"an ES256 signature": as(t, func(h, p, s string) string { return h + "." + p + "." + s + ".AA.AA" })(privateKey(t, "idp.ES256"), d.about("alice", idp)),
	} {
		before := allocated()
		d.judge(t, deny("grant: "+name, jwtBearer(jwe), grantFault(jose.ErrEncrypted)), deny("client: "+name, clientCredentials(proof(jwe)), clientFault(jose.ErrEncrypted)))
		if spent := allocated() - before; spent > 4<<20 {
			t.Errorf("%s: %d bytes were allocated", name, spent)
		}
	}
}

func TestThreat_no_uniqueness_of_jti(t *testing.T) {
	d := deploy(t, acme)
	r := jwtBearer(d.vouches("idp.ES256", idp))
	if granted := d.atOnce(t, r, grantFault(assertion.ErrReplayed)); granted != 1 {
		t.Errorf("%d of a hundred got a token", granted)
	}
	d.judge(t, deny("and one more", r, grantFault(assertion.ErrReplayed)))
}

func TestThreat_a_replay_after_a_clean_up(t *testing.T) {
	d := deploy(t, acme)
	said := d.about("alice", idp).but("exp", d.clock.in(time.Hour))
	again := jwtBearer(sign(t, "idp.ES256", said))
	d.judge(t, allow("the first time", again))
	for minute := 0; minute < 60; minute += 4 { // others come and go, and are forgotten
		d.clock.set(noon().Add(time.Duration(minute) * time.Minute))
		d.grant(t, clientCredentials(proof(sign(t, "billing.ES256", d.of("billing").but("exp", d.clock.in(time.Second))))))
		d.judge(t, deny(fmt.Sprintf("after %d min", minute), again, grantFault(assertion.ErrReplayed)))
	}
	for _, left := range []time.Duration{-time.Second, 0, 9 * time.Second} {
		d.clock.set(noon().Add(time.Hour + left))
		d.judge(t, deny("at exp "+left.String(), again, grantFault(assertion.ErrReplayed)))
	}
	d.clock.set(noon().Add(time.Hour + 10*time.Second))
	d.judge(t, deny("at exp + skew", again, grantFault(assertion.ErrExpired)))
}

func TestThreat_server_side_requests_by_what_a_token_says(t *testing.T) {
	var visits atomic.Int32
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer trap.Close()
	d := deploy(t, acme)
	headerWith := func(member string) string { return `{"alg":"ES256","` + member + `":"` + trap.URL + `/keys"}` }
	d.judge(t, deny("iss, grant", jwtBearer(sign(t, "idp.ES256", d.about("alice", trap.URL))), strangeIssuer("party_unknown")))
	d.judge(t, deny("iss, client", clientCredentials(proof(sign(t, "billing.ES256", d.of(trap.URL)))), strangeClient("client_unknown")))
	for _, member := range []string{"jku", "x5u", "kid", "iss"} {
		want := strangeIssuer("signature")
		if member == "kid" {
			want = strangeIssuer("key_unknown")
		}
		d.judge(t, deny(member, jwtBearer(handmade(t, privateKey(t, "stranger.ES256"), headerWith(member), string(marshal(t, d.about("alice", idp))))), want))
	}
	d.judge(t,
		deny("client_id", clientCredentials(post(trap.URL, "a-wrong-secret")), strangeClient("client_unknown")),
		deny("resource", clientCredentials(d.proves("billing"), resource(trap.URL)), resourceNotAllowed),
	)
	if visits.Load() != 0 {
		t.Errorf("the server went there %d times", visits.Load())
	}
}

func TestThreat_huge_inputs(t *testing.T) {
	d := deploy(t, acme)
	raw := func(text string) request { return ask(body(text)) }
	for name, test := range map[string]struct {
		request request
		refusal refusal
	}{
		"dots":                     {jwtBearer(strings.Repeat(".", 60<<10)), invalidRequest("assertion_too_long", "assertion is longer than 16 KiB")},
		"dots, not too many":       {jwtBearer(strings.Repeat(".", 16<<10)), grantFault(jose.ErrCompact)},
		"braces":                   {jwtBearer(encode(strings.Repeat(`{"a":`, 2000)) + ".AA.AA"), grantFault(jose.ErrJSON)},
		"brackets":                 {jwtBearer(encode(strings.Repeat(`[`, 10000)) + ".AA.AA"), grantFault(jose.ErrJSON)},
		"ampersands":               {raw(strings.Repeat("&", 64<<10)), invalidRequest("too_many_parameters", "the body has more than 64 parameters")},
		"percents":                 {raw(strings.Repeat("%", 64<<10)), invalidRequest("form_malformed", "the body is not a correctly encoded form")},
		"a MiB":                    {raw(strings.Repeat("a", 1<<20)), refusal{413, "invalid_request", "body_too_large", "the body is larger than 64 KiB"}},
		"a scope without end":      {clientCredentials(d.proves("billing"), scope(strings.Repeat("a ", 20000)+"a")), scopeNotAllowed},
		"scopes without end":       {clientCredentials(d.proves("billing"), scope(distinctWords(8000))), scopeNotAllowed},
		"a secret without end":     {clientCredentials(post("mobile", strings.Repeat("s", 60000))), strangeClient("secret_wrong")},
		"a client_id without end":  {clientCredentials(post(strings.Repeat("c", 60000), "a-wrong-secret")), strangeClient("client_unknown")},
		"a resource without end":   {clientCredentials(d.proves("billing"), resource("urn:"+strings.Repeat("r", 60000))), resourceNotAllowed},
		"a grant_type without end": {ask(param("grant_type", strings.Repeat("g", 60000))), unsupported},
	} {
		before := allocated()
		d.judge(t, deny(name, test.request, test.refusal))
		if spent := allocated() - before; spent > 8<<20 {
			t.Errorf("%s: %d bytes were allocated", name, spent)
		}
	}
}

func distinctWords(count int) string {
	var words strings.Builder
	for i := range count {
		fmt.Fprintf(&words, "s%d ", i)
	}
	return words.String() + "s"
}

func TestThreat_an_issuer_that_only_looks_like_a_trusted_one(t *testing.T) {
	d := deploy(t, acme)
	for _, issuer := range []string{
		idp + "@evil.example.com", idp + ".evil.example.com", "https://evil.example.com/?" + idp, "https://evil.example.com/#" + idp, "https://evil.example.com/" + idp,
		idp + "/..", idp + ":443@evil.example.com", idp[:len(idp)-1], idp + "x", strings.ToUpper(idp), " " + idp, idp + "\n",
	} {
		d.judge(t,
			deny(issuer, jwtBearer(sign(t, "idp.ES256", d.about("alice", issuer))), strangeIssuer("party_unknown")),
			deny("two of them, "+issuer, jwtBearer(handmade(t, privateKey(t, "idp.ES256"), `{"alg":"ES256"}`, strings.Replace(string(marshal(t, d.about("alice", idp))), `"iss":`, fmt.Sprintf(`"iss":%q,"iss":`, issuer), 1))), grantFault(jose.ErrJSON)),
		)
	}
}

func TestThreat_a_kid_that_two_issuers_share(t *testing.T) {
	named := func(name string) string {
		return strings.Replace(publicJWK(t, name), signingKey(t, name).ID(), "key-1", 1)
	}
	document := variant(t, acme, "{file: idp.ES256.json}", `{jwks: '{"keys":[`+named("idp.ES256")+`]}'}`)
	d := deploy(t, variant(t, document, "{file: ci.ES256.json}", `{jwks: '{"keys":[`+named("ci.ES256")+`]}'}`))
	by := func(key, issuer string) request {
		return jwtBearer(handmade(t, privateKey(t, key), `{"alg":"ES256","kid":"key-1"}`, string(marshal(t, d.about("alice", issuer)))), clientID("mail-app"))
	}
	d.judge(t,
		allow("the one by its own", by("idp.ES256", idp)), allow("the other by its own", by("ci.ES256", ci)),
		deny("the one by the other's", by("ci.ES256", idp), strangeIssuer("signature")), deny("the other by the one's", by("idp.ES256", ci), strangeIssuer("signature")),
		allow("the one by its own, again", by("idp.ES256", idp)),
	)
}

func TestThreat_a_removed_key_that_stays_in_the_cache(t *testing.T) {
	const secret = "projects/acme/secrets/idp-jwks"
	d := deploy(t, variant(t, acme, "{file: idp.ES256.json}", "{secret: "+secret+"}"))
	publish := func(names ...string) {
		var set jose.KeySet
		for _, name := range names {
			set = append(set, signingKey(t, name).Verification())
		}
		text, err := jose.EncodeKeySet(set)
		d.must(err)
		d.clock.advance(time.Second)
		d.vault.add(secret, text)
		d.clock.advance(ringFresh)
	}
	by := func(name string) request { return jwtBearer(d.vouches(name, idp)) }
	publish("old.ES256")
	d.judge(t, allow("the old one", by("old.ES256")), deny("the new one, not there yet", by("new.ES256"), strangeIssuer("key_unknown")))
	publish("old.ES256", "new.ES256")
	d.judge(t, allow("both", by("old.ES256")), allow("are there", by("new.ES256")))
	publish("new.ES256")
	d.judge(t, deny("the old one is gone", by("old.ES256"), strangeIssuer("key_unknown")), allow("the new one stays", by("new.ES256")))
	d.vault.disable(secret, "3")
	d.vault.disable(secret, "2")
	d.vault.disable(secret, "1")
	d.clock.advance(ringFresh)
	d.judge(t, deny("nobody is left", by("new.ES256"), strangeIssuer("key_unknown")))
}

func TestThreat_an_audience_that_nobody_checks(t *testing.T) {
	d := deploy(t, acme)
	for name, aud := range map[string]any{"missing": nil, "foreign": "https://other.example.com", "somebody else's client": "other-app"} {
		want := map[bool]*assertion.Fault{true: assertion.ErrAudienceMissing, false: assertion.ErrAudience}[aud == nil]
		d.judge(t,
			deny("grant: "+name, jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("aud", aud))), grantFault(want)),
			deny("client: "+name, clientCredentials(proof(sign(t, "billing.ES256", d.of("billing").but("aud", aud)))), clientFault(want)),
		)
	}
	for name, aud := range map[string]any{"empty": "", "an empty list": []string{}, "nested": []any{[]string{us}}, "an object": map[string]any{"aud": us}, "true": true} {
		d.judge(t,
			deny("grant: "+name, jwtBearer(sign(t, "idp.ES256", d.about("alice", idp).but("aud", aud))), grantFault(jose.ErrClaimType)),
			deny("client: "+name, clientCredentials(proof(sign(t, "billing.ES256", d.of("billing").but("aud", aud)))), clientFault(jose.ErrClaimType)),
		)
	}
	for _, setting := range []string{"audiences: []", `audiences: [""]`, "audiences:", "audiences: null", "skip_audience_check: true"} {
		if _, faults := config.Load("config.yaml", []byte(variant(t, acme, "audiences: [mail-app]", setting))); len(faults) == 0 {
			t.Errorf("%s is accepted", setting)
		}
	}
}

func TestThreat_an_audience_injected_into_private_key_jwt(t *testing.T) {
	d := deploy(t, acme)
	for name, aud := range map[string]any{"with another": []string{us, "https://evil.example.com"}, "behind another": []string{"https://evil.example.com", us}, "the token URL and the issuer": []string{us + "/token", us}} {
		d.judge(t, deny(name, clientCredentials(proof(sign(t, "billing.ES256", d.of("billing").but("aud", aud)))), clientFault(assertion.ErrAudienceSeveral)))
	}
	for _, aud := range []string{us + "/", us + "/token", us + "?", us + "#", us + "@evil.example.com", us + ".evil.example.com"} {
		d.judge(t, deny(aud, clientCredentials(proof(sign(t, "billing.ES256", d.of("billing").but("aud", aud)))), clientFault(assertion.ErrAudience)))
	}
}

func TestThreat_an_assertion_for_staging_used_in_production(t *testing.T) {
	staging := deploy(t, variant(t, acme, "issuer: https://auth.example.com\n", "issuer: https://auth.staging.example.com\n"))
	production := deploy(t, acme)
	forStaging := clientCredentials(proof(sign(t, "billing.ES256", staging.of("billing").but("aud", "https://auth.staging.example.com"))))
	production.judge(t, deny("there it is refused", forStaging, clientFault(assertion.ErrAudience)))
	staging.judge(t, allow("here it is good", forStaging))
}

// r, s and their opposites, as an ECDSA signature.
func signature(r, s *big.Int) string {
	return encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func order() *big.Int { return elliptic.P256().Params().N }

func TestThreat_signatures_of_zero(t *testing.T) {
	d := deploy(t, acme)
	zero, one := big.NewInt(0), big.NewInt(1)
	forged := func(signature string) func(any, claims) string {
		return as(t, func(h, p, _ string) string { return h + "." + p + "." + signature })
	}
	for name, text := range map[string]string{
		"r = 0, s = 0": signature(zero, zero), "r = 0": signature(zero, one), "s = 0": signature(one, zero), "r = n": signature(order(), one),
		"s = n": signature(one, order()), "r = n, s = n": signature(order(), order()), "r = 1, s = 1": signature(one, one), "one byte": encode("\x00"),
		"twice as long": encode(make([]byte, 128)), "ASN.1 of zeros": encode("\x30\x06\x02\x01\x00\x02\x01\x00"),
	} {
		d.judgeBoth(t, attempt{name, forged(text), jose.ErrSignature})
	}
}

func TestThreat_an_unknown_crit_that_is_accepted(t *testing.T) {
	d := deploy(t, acme)
	for _, crit := range []string{`["exp"]`, `["b64"]`, `["http://example.com/UNDEFINED"]`, `[]`, `[""]`, `"exp"`, `null`, `{}`, `["alg"]`, `["exp","exp"]`} {
		d.judgeBoth(t, attempt{crit, under(t, `{"alg":"ES256","crit":`+crit+`}`), jose.ErrCritical})
	}
}

func TestThreat_an_empty_or_short_HMAC_key(t *testing.T) {
	const short = "projects/acme/secrets/short-jwks" // -jwks: the test fills it
	for _, length := range []int{1, 31, 63} {
		d := deploy(t, variant(t, vaulted, legacySecret, short))
		d.clock.advance(time.Second)
		d.vault.add(short, payload(short)[:length])
		said := func(secret []byte) string {
			return handmade(t, secret, `{"alg":"HS256"}`, string(marshal(t, d.about("4711", "legacy-portal").but("aud", "token-service"))))
		}
		d.judge(t,
			deny(fmt.Sprintf("%d bytes", length), jwtBearer(said(payload(short)[:length])), unavailable("issuer_keys_unavailable")),
			deny("nothing", jwtBearer(said(nil)), unavailable("issuer_keys_unavailable")),
			deny("nothing, for a client", clientCredentials(proof(handmade(t, []byte{}, `{"alg":"HS256"}`, string(marshal(t, d.of("warehouse")))))), strangeClient("signature")),
		)
	}
}

func TestThreat_a_key_taken_from_the_header(t *testing.T) {
	d := deploy(t, acme)
	own := publicJWK(t, "stranger.ES256")
	forged := func(member string) func(any, claims) string {
		return func(_ any, c claims) string {
			return handmade(t, privateKey(t, "stranger.ES256"), `{"alg":"ES256",`+member+`}`, string(marshal(t, c)))
		}
	}
	d.judgeBoth(t,
		attempt{"jwk", forged(`"jwk":` + own), jose.ErrSignature},
		attempt{"jwk that names the registered key", forged(`"jwk":` + strings.Replace(own, signingKey(t, "stranger.ES256").ID(), signingKey(t, "billing.ES256").ID(), 1)), jose.ErrSignature},
		attempt{"x5c", forged(`"x5c":["MIIBszCCAVmgAwIBAgIUX"],"x5t":"AA","x5t#S256":"AA"`), jose.ErrSignature},
		attempt{"jku and x5u", forged(`"jku":"data:application/json,{}","x5u":"file:///etc/passwd"`), jose.ErrSignature},
	)
}

// A signer can write one assertion in many ways, and for ECDSA everybody can: (r, n-s) is as good as (r, s).
func TestThreat_a_replay_cache_that_is_keyed_by_the_bytes(t *testing.T) {
	d := deploy(t, acme)
	said := d.about("alice", idp)
	first := sign(t, "idp.ES256", said)
	parts := strings.Split(first, ".")
	raw := decode(t, parts[2])
	r, s := new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])
	again := grantFault(assertion.ErrReplayed)
	d.judge(t,
		allow("the first time", jwtBearer(first)),
		deny("(r, n-s)", jwtBearer(parts[0]+"."+parts[1]+"."+signature(r, new(big.Int).Sub(order(), s))), again),
		deny("signed anew", jwtBearer(sign(t, "idp.ES256", said)), again),
		deny("in another order", jwtBearer(handmade(t, privateKey(t, "idp.ES256"), `{"typ":"JWT", "alg":"ES256"}`, " "+string(marshal(t, said)))), again),
		deny("with padding", jwtBearer(first+"=="), grantFault(jose.ErrCompact)),
		deny("with bits that nobody needs", jwtBearer(parts[0]+"."+parts[1]+"."+spoilt(parts[2])), grantFault(jose.ErrCompact)),
		deny("in another encoding of the form", ask(param("grant_type", oauth.JWTBearer), func(r *request) { r.form = append(r.form, "assertion=%65"+first[1:]) }), again),
	)
}
