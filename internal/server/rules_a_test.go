package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/service"
)

// An attempt is an assertion for either use of RFC 7523: made with the party's key and claims, as §2.1 and as §2.2.
type attempt struct {
	name  string
	made  func(key any, c claims) string
	fault *assertion.Fault // nil: it is accepted
}

// judgeBoth holds the server to attempts in both uses.
func (d *deployment) judgeBoth(t *testing.T, attempts ...attempt) {
	t.Helper()
	for _, a := range attempts {
		asClient := clientCredentials(proof(a.made(privateKey(t, "billing.ES256"), d.of("billing"))))
		asGrant := jwtBearer(a.made(privateKey(t, "idp.ES256"), d.about("alice", idp)))
		if a.fault == nil {
			d.judge(t, allow("as a client: "+a.name, asClient), allow("as a grant: "+a.name, asGrant))
			continue
		}
		d.judge(t,
			deny("as a client: "+a.name, asClient, clientFault(a.fault)),
			deny("as a grant: "+a.name, asGrant, grantFault(a.fault)))
	}
}

// as makes attempts of a text that differs from a good one.
func as(t *testing.T, edit func(header, payload, signature string) string) func(any, claims) string {
	return func(key any, c claims) string {
		parts := strings.Split(handmade(t, key, `{"alg":"ES256"}`, string(marshal(t, c))), ".")
		return edit(parts[0], parts[1], parts[2])
	}
}

// under makes attempts with another header, signed as it should be.
func under(t *testing.T, header string) func(any, claims) string {
	return func(key any, c claims) string { return handmade(t, key, header, string(marshal(t, c))) }
}

// saying makes attempts with another payload, signed as it should be. What stands in it for the good claims is replaced.
func saying(t *testing.T, payload string) func(any, claims) string {
	return func(key any, c claims) string {
		members := strings.Trim(string(marshal(t, c)), "{}")
		return handmade(t, key, `{"alg":"ES256"}`, strings.ReplaceAll(payload, "GOOD", members))
	}
}

func TestA1_only_a_compact_JWS_is_read(t *testing.T) {
	d := deploy(t, acme)
	flattened := as(t, func(h, p, s string) string {
		return `{"protected":"` + h + `","payload":"` + p + `","signature":"` + s + `"}`
	})
	general := as(t, func(h, p, s string) string {
		return `{"payload":"` + p + `","signatures":[{"protected":"` + h + `","signature":"` + s + `"}]}`
	})
	d.judgeBoth(t,
		attempt{"three parts", as(t, func(h, p, s string) string { return h + "." + p + "." + s }), nil},
		attempt{"five parts", as(t, func(h, p, s string) string { return h + "." + p + "." + s + ".AA.AA" }), jose.ErrEncrypted},
		attempt{"five empty parts", as(t, func(string, string, string) string { return "...." }), jose.ErrEncrypted},
		attempt{"four parts", as(t, func(h, p, s string) string { return h + "." + p + "." + s + ".AA" }), jose.ErrCompact},
		attempt{"two parts", as(t, func(h, p, _ string) string { return h + "." + p }), jose.ErrCompact},
		attempt{"one part", as(t, func(h, _, _ string) string { return h }), jose.ErrCompact},
		attempt{"no signature", as(t, func(h, p, _ string) string { return h + "." + p + "." }), jose.ErrCompact},
		attempt{"no header", as(t, func(_, p, s string) string { return "." + p + "." + s }), jose.ErrCompact},
		attempt{"detached", as(t, func(h, _, s string) string { return h + ".." + s }), jose.ErrCompact},
		attempt{"JSON, flattened", flattened, jose.ErrCompact},
		attempt{"JSON, general", general, jose.ErrCompact},
		attempt{"padding", as(t, func(h, p, s string) string { return h + "." + p + "." + s + "==" }), jose.ErrCompact},
		attempt{"padding in the header", as(t, func(h, p, s string) string { return h + "=." + p + "." + s }), jose.ErrCompact},
		attempt{"a space before", as(t, func(h, p, s string) string { return " " + h + "." + p + "." + s }), jose.ErrCompact},
		attempt{"a line break behind", as(t, func(h, p, s string) string { return h + "." + p + "." + s + "\n" }), jose.ErrCompact},
		attempt{"a line break within", as(t, func(h, p, s string) string { return h + "." + p[:10] + "\r\n" + p[10:] + "." + s }), jose.ErrCompact},
		attempt{"a NUL behind", as(t, func(h, p, s string) string { return h + "." + p + "." + s + "\x00" }), jose.ErrCompact},
		attempt{"base64 with + and /", as(t, func(h, p, s string) string { return h + "." + p + ".+/" + s[2:] }), jose.ErrCompact},
		attempt{"bits that nobody needs", as(t, func(h, p, s string) string { return h + "." + p + "." + spoilt(s) }), jose.ErrCompact},
		attempt{"Bearer before", as(t, func(h, p, s string) string { return "Bearer " + h + "." + p + "." + s }), jose.ErrCompact},
		attempt{"a nested JWT", func(key any, c claims) string {
			return handmade(t, key, `{"alg":"ES256","cty":"JWT"}`, string(marshal(t, c)))
		}, jose.ErrNested},
		attempt{"a compressed one", under(t, `{"alg":"ES256","zip":"DEF"}`), jose.ErrNested},
	)
}

// spoilt sets a bit behind the last one of the signature, which the decoder of many libraries drops.
func spoilt(signature string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, signature[len(signature)-1])
	return signature[:len(signature)-1] + string(alphabet[last|1])
}

func TestA2_our_registration_decides_the_algorithm(t *testing.T) {
	d := deploy(t, acme)
	d.judgeBoth(t,
		attempt{"none", as(t, func(_, p, _ string) string { return encode(`{"alg":"none"}`) + "." + p + "." }), jose.ErrCompact},
		attempt{"none, with a signature", under(t, `{"alg":"none"}`), jose.ErrAlgorithm},
		attempt{"None", under(t, `{"alg":"None"}`), jose.ErrAlgorithm},
		attempt{"nothing", under(t, `{}`), jose.ErrAlgorithm},
		attempt{"empty", under(t, `{"alg":""}`), jose.ErrHeader},
		attempt{"null", under(t, `{"alg":null}`), jose.ErrHeader},
		attempt{"a list", under(t, `{"alg":["ES256"]}`), jose.ErrHeader},
		attempt{"in small letters", under(t, `{"alg":"es256"}`), jose.ErrAlgorithm},
		attempt{"with a space", under(t, `{"alg":"ES256 "}`), jose.ErrAlgorithm},
		attempt{"ES256K", under(t, `{"alg":"ES256K"}`), jose.ErrAlgorithm},
		attempt{"HS1", under(t, `{"alg":"HS1"}`), jose.ErrAlgorithm},
		attempt{"dir", under(t, `{"alg":"dir","enc":"A128GCM"}`), jose.ErrAlgorithm},
		attempt{"another curve's", under(t, `{"alg":"ES384"}`), jose.ErrNoKey},
		attempt{"RSA's", under(t, `{"alg":"RS256"}`), jose.ErrNoKey},
		attempt{"EdDSA", under(t, `{"alg":"EdDSA"}`), jose.ErrNoKey},
		attempt{"a shared secret's", under(t, `{"alg":"HS256"}`), jose.ErrNoKey},
		attempt{"ES256 for a signature of another key's", func(_ any, c claims) string { return forge(t, "stranger.ES256", c) }, jose.ErrSignature},
	)
}

func TestA2_every_allowed_algorithm_verifies(t *testing.T) {
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			key := "billing." + string(algorithm)
			document := variant(t, acme, "billing.ES256.json", key+".json")
			d := deploy(t, document)
			good := sign(t, key, d.of("billing"))
			parts := strings.Split(good, ".")
			signature := decode(t, parts[2])
			signature[len(signature)/2] ^= 1
			broken := parts[0] + "." + parts[1] + "." + encode(signature)
			d.judge(t,
				allow("registered", clientCredentials(proof(good))),
				deny("with one bit changed", clientCredentials(proof(broken)), strangeClient("signature")))
		})
	}
}

// Keys that are too weak are refused when they are registered, so that no assertion can ever meet one.
func TestA3_a_weak_key_is_refused_at_load(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	otherCurve, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := otherCurve.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	number := func(n []byte) string { return base64.RawURLEncoding.EncodeToString(n) }
	x, y := number(make([]byte, 32)), number([]byte(strings.Repeat("\x01", 32)))
	for name, test := range map[string]struct{ key, problem string }{
		"RSA of 1024 bits":            {`{"kty":"RSA","alg":"RS256","e":"AQAB","n":"` + number(small.N.Bytes()) + `"}`, jose.ErrKeyWeak.Sentence},
		"RSA with the exponent 1":     {`{"kty":"RSA","alg":"RS256","e":"AQ","n":"` + number(make256()) + `"}`, jose.ErrKeyWeak.Sentence},
		"a curve that nobody uses":    {`{"kty":"EC","crv":"P-224","x":"` + number(point[1:29]) + `","y":"` + number(point[29:]) + `"}`, ""},
		"a point that is not on it":   {`{"kty":"EC","crv":"P-256","x":"` + x + `","y":"` + y + `"}`, ""},
		"another curve's algorithm":   {strings.Replace(publicJWK(t, "billing.ES256"), `"ES256"`, `"ES384"`, 1), jose.ErrKeyType.Sentence},
		"RSA's algorithm":             {strings.Replace(publicJWK(t, "billing.ES256"), `"ES256"`, `"RS256"`, 1), jose.ErrKeyType.Sentence},
		"an HMAC's algorithm":         {strings.Replace(publicJWK(t, "billing.ES256"), `"ES256"`, `"HS256"`, 1), ""},
		"Ed25519 for another":         {strings.Replace(publicJWK(t, "billing.EdDSA"), `"EdDSA"`, `"ES256"`, 1), jose.ErrKeyType.Sentence},
		"a key for encryption":        {strings.Replace(publicJWK(t, "billing.ES256"), `"sig"`, `"enc"`, 1), jose.ErrKeyUse.Sentence},
		"a symmetric key":             {`{"kty":"oct","alg":"HS256","k":"` + number(make([]byte, 32)) + `"}`, jose.ErrKeyPrivate.Sentence},
		"a kind that is not known":    {`{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`, ""},
		"an algorithm that is unlike": {strings.Replace(publicJWK(t, "billing.ES256"), `"ES256"`, `"none"`, 1), ""},
	} {
		document := variant(t, acme, "keys: {file: billing.ES256.json}", `keys: {jwks: '{"keys":[`+test.key+`]}'}`)
		configuration, faults := config.Load("config.yaml", []byte(document))
		if err := faults.Err(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		clock := newClock()
		built, faults := service.New(configuration, service.Surroundings{Secrets: keepsNoSecrets, Now: clock.now, Log: silent(), Folder: t.TempDir()})
		if built != nil || !strings.Contains(faults.Error(), test.problem) || !strings.Contains(faults.Error(), "clients[0].keys: ") {
			t.Errorf("%s: got %v", name, faults)
		}
	}
}

// make256 is the modulus of a key of 2048 bits.
func make256() []byte { return []byte(strings.Repeat("\xff", 256)) }

func publicJWK(t *testing.T, name string) string {
	t.Helper()
	text, err := jose.EncodeKeySet(jose.KeySet{signingKey(t, name).Verification()})
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	return string(set.Keys[0])
}

func TestA4_the_header_never_supplies_a_key(t *testing.T) {
	d := deploy(t, acme)
	own := publicJWK(t, "stranger.ES256")
	withKey := func(member string) func(any, claims) string {
		return func(_ any, c claims) string {
			return handmade(t, privateKey(t, "stranger.ES256"), `{"alg":"ES256",`+member+`}`, string(marshal(t, c)))
		}
	}
	d.judgeBoth(t,
		attempt{"jwk", withKey(`"jwk":` + own), jose.ErrSignature},
		attempt{"jku", withKey(`"jku":"https://stranger.example.com/jwks.json"`), jose.ErrSignature},
		attempt{"x5u", withKey(`"x5u":"https://stranger.example.com/x5u"`), jose.ErrSignature},
		attempt{"x5c", withKey(`"x5c":["MIIB"]`), jose.ErrSignature},
		attempt{"trust_chain", withKey(`"trust_chain":["a.b.c"]`), jose.ErrSignature},
		attempt{"all of them beside a right signature", under(t, `{"alg":"ES256","jwk":`+own+`,"jku":"https://x","x5u":"https://x","x5c":["x"],"x5t":"x"}`), nil},
		attempt{"crit", under(t, `{"alg":"ES256","crit":["exp"]}`), jose.ErrCritical},
		attempt{"crit of nothing", under(t, `{"alg":"ES256","crit":[]}`), jose.ErrCritical},
		attempt{"crit that is null", under(t, `{"alg":"ES256","crit":null}`), jose.ErrCritical},
		attempt{"crit with b64", under(t, `{"alg":"ES256","crit":["b64"],"b64":false}`), jose.ErrCritical},
		attempt{"b64 that is false", under(t, `{"alg":"ES256","b64":false}`), jose.ErrUnencoded},
		attempt{"b64 that is text", under(t, `{"alg":"ES256","b64":"true"}`), jose.ErrUnencoded},
		attempt{"b64 that is true", under(t, `{"alg":"ES256","b64":true}`), nil},
	)
}

func TestA5_a_kid_names_the_key_and_without_one_it_must_be_the_only_one(t *testing.T) {
	two := `{jwks: '{"keys":[` + publicJWK(t, "first.ES256") + `,` + publicJWK(t, "second.ES256") + `,` + publicJWK(t, "third.ES384") + `]}'}`
	document := variant(t, acme, "{file: billing.ES256.json}", two)
	d := deploy(t, variant(t, document, "{file: idp.ES256.json}", two))
	kid := func(name string) string { return `"kid":"` + signingKey(t, name).ID() + `"` }
	by := func(key, header string) func(any, claims) string {
		return func(_ any, c claims) string {
			return handmade(t, privateKey(t, key), header, string(marshal(t, c)))
		}
	}
	d.judgeBoth(t,
		attempt{"the first, by its name", by("first.ES256", `{"alg":"ES256",`+kid("first.ES256")+`}`), nil},
		attempt{"the second, by its name", by("second.ES256", `{"alg":"ES256",`+kid("second.ES256")+`}`), nil},
		attempt{"the only one of its algorithm, without a name", func(_ any, c claims) string {
			return handmade(t, privateKey(t, "third.ES384"), `{"alg":"ES384"}`, string(marshal(t, c)))
		}, nil},
		attempt{"one of two, without a name", by("first.ES256", `{"alg":"ES256"}`), jose.ErrKeyNotDefinite},
		attempt{"by the other one's name", by("first.ES256", `{"alg":"ES256",`+kid("second.ES256")+`}`), jose.ErrSignature},
		attempt{"by a name of another algorithm", by("first.ES256", `{"alg":"ES256",`+kid("third.ES384")+`}`), jose.ErrNoKey},
		attempt{"by an unknown name", by("first.ES256", `{"alg":"ES256","kid":"first"}`), jose.ErrNoKey},
		attempt{"by an empty name", by("first.ES256", `{"alg":"ES256","kid":""}`), jose.ErrHeader},
		attempt{"by a number", by("first.ES256", `{"alg":"ES256","kid":1}`), jose.ErrHeader},
		attempt{"by a path", by("first.ES256", `{"alg":"ES256","kid":"../../dev/null"}`), jose.ErrNoKey},
		attempt{"by SQL", by("first.ES256", `{"alg":"ES256","kid":"x' OR '1'='1"}`), jose.ErrNoKey},
	)
}

func TestA6_header_and_claims_are_objects_without_duplicates(t *testing.T) {
	d := deploy(t, acme)
	deep := func(levels int) string {
		return `{GOOD,"deep":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + `}`
	}
	d.judgeBoth(t,
		attempt{"as it should be", saying(t, `{GOOD}`), nil},
		attempt{"with white space", saying(t, " {\n GOOD\t} "), nil},
		attempt{"a header with a name twice", under(t, `{"alg":"none","alg":"ES256"}`), jose.ErrJSON},
		attempt{"a header with a name twice, escaped", under(t, `{"alg":"ES256","\u0061lg":"ES256"}`), jose.ErrJSON},
		attempt{"a header that is a list", under(t, `["ES256"]`), jose.ErrJSON},
		attempt{"a header with something behind", under(t, `{"alg":"ES256"}{}`), jose.ErrJSON},
		attempt{"a claim twice", saying(t, `{GOOD,"foo":1,"foo":1}`), jose.ErrJSON},
		attempt{"iss twice", saying(t, `{"iss":"billing",GOOD}`), jose.ErrJSON},
		attempt{"aud twice, escaped", saying(t, `{GOOD,"\u0061ud":"https://elsewhere.example.com"}`), jose.ErrJSON},
		attempt{"a name twice further down", saying(t, `{GOOD,"foo":{"a":1,"a":2}}`), jose.ErrJSON},
		attempt{"a list", saying(t, `[{GOOD}]`), jose.ErrJSON},
		attempt{"text", saying(t, `"x"`), jose.ErrJSON},
		attempt{"null", saying(t, `null`), jose.ErrJSON},
		attempt{"nothing but a space", saying(t, ` `), jose.ErrJSON},
		attempt{"something behind", saying(t, `{GOOD} x`), jose.ErrJSON},
		attempt{"a second object", saying(t, `{GOOD}{GOOD}`), jose.ErrJSON},
		attempt{"a comma too many", saying(t, `{GOOD,}`), jose.ErrJSON},
		attempt{"a comment", saying(t, `{GOOD/**/}`), jose.ErrJSON},
		attempt{"bytes that are no UTF-8", saying(t, "{GOOD,\"foo\":\"\xff\"}"), jose.ErrJSON},
		attempt{"half a surrogate", saying(t, `{GOOD,"foo":"\ud800"}`), jose.ErrJSON},
		attempt{"a byte order mark", saying(t, "\ufeff{GOOD}"), jose.ErrJSON},
		attempt{"a number beyond all", saying(t, `{GOOD,"foo":1e400}`), jose.ErrJSON},
		attempt{"NaN", saying(t, `{GOOD,"foo":NaN}`), jose.ErrJSON},
		attempt{"sixteen levels", saying(t, deep(15)), nil},
		attempt{"seventeen levels", saying(t, deep(16)), jose.ErrJSON},
		attempt{"thousands of levels", saying(t, deep(4000)), jose.ErrJSON},
	)
}

func TestA6_claims_have_the_type_that_they_should(t *testing.T) {
	d := deploy(t, acme)
	with := func(name, value string) func(any, claims) string {
		return func(key any, c claims) string { return saying(t, `{GOOD,"`+name+`":`+value+`}`)(key, c.but(name, nil)) }
	}
	for _, name := range []string{"iss", "sub", "jti", "aud", "exp", "nbf", "iat"} {
		for _, value := range []string{`null`, `true`, `{}`, `[]`, `""`, `[1]`, `[null]`} {
			d.judgeBoth(t, attempt{name + " is " + value, with(name, value), jose.ErrClaimType})
		}
	}
	for _, name := range []string{"iss", "sub", "jti", "aud"} {
		d.judgeBoth(t, attempt{name + " is a number", with(name, `1`), jose.ErrClaimType})
	}
	for _, name := range []string{"exp", "nbf", "iat"} {
		for _, value := range []string{`"1772366700"`, `-1`, `-1e3`, `253402300800`, `1e300`, `9223372036854775808`} {
			d.judgeBoth(t, attempt{name + " is " + value, with(name, value), jose.ErrClaimType})
		}
	}
	d.judgeBoth(t,
		attempt{"exp in another notation", with("exp", `1.7723667e9`), nil},
		attempt{"exp is 0", with("exp", `0`), assertion.ErrExpired},
		attempt{"exp is less than nothing", with("exp", `-0`), assertion.ErrExpired},
		attempt{"exp is NaN", with("exp", `NaN`), jose.ErrJSON},
	)
}

func TestA7_no_claim_is_believed_before_the_signature(t *testing.T) {
	d := deploy(t, acme)
	unsigned := func(change string, to any) func(any, claims) string {
		return func(_ any, c claims) string { return forge(t, "stranger.ES256", c.but(change, to)) }
	}
	d.judgeBoth(t,
		attempt{"a wrong aud", unsigned("aud", "elsewhere"), jose.ErrSignature},
		attempt{"no aud", unsigned("aud", nil), jose.ErrSignature},
		attempt{"no sub", unsigned("sub", nil), jose.ErrSignature},
		attempt{"a lifetime of a year", unsigned("exp", noon().AddDate(1, 0, 0).Unix()), jose.ErrSignature},
		attempt{"an empty signature", as(t, func(h, p, _ string) string { return h + "." + p + "." + encode("x") }), jose.ErrSignature},
		attempt{"the signature of another payload", as(t, func(h, p, s string) string {
			return h + "." + encode(strings.Replace(string(decode(t, p)), `"jti":"`, `"jti":"x`, 1)) + "." + s
		}), jose.ErrSignature},
		attempt{"the signature of another header", as(t, func(_, p, s string) string { return encode(`{"alg":"ES256" }`) + "." + p + "." + s }), jose.ErrSignature},
		attempt{"the signature as ASN.1", as(t, func(h, p, s string) string { return h + "." + p + "." + encode("\x30\x44"+string(decode(t, s))) }), jose.ErrSignature},
		attempt{"half a signature", as(t, func(h, p, s string) string { return h + "." + p + "." + encode(decode(t, s)[:32]) }), jose.ErrSignature},
	)
}
