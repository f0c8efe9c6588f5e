package jose_test

import (
	"errors"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
)

func TestA1_only_three_parts_of_canonical_base64url_are_read(t *testing.T) {
	header, payload, signature := encode(`{"alg":"ES256"}`), encode(`{"a":1}`), encode("1234")
	good := header + "." + payload + "." + signature

	judge(t, parse(t),
		allow("three parts", good),

		deny("nothing", "", jose.ErrCompact),
		deny("one part", header, jose.ErrCompact),
		deny("two parts", header+"."+payload, jose.ErrCompact),
		deny("four parts", good+"."+signature, jose.ErrCompact),
		deny("a dot behind", good+".", jose.ErrCompact),
		deny("a dot in front", "."+good, jose.ErrCompact),
		deny("six parts", good+"."+good, jose.ErrCompact),
		deny("an empty header", "."+payload+"."+signature, jose.ErrCompact),
		deny("an empty (detached) payload", header+".."+signature, jose.ErrCompact),
		deny("an empty signature", header+"."+payload+".", jose.ErrCompact),
		deny("only dots", "..", jose.ErrCompact),
		deny("flattened JSON serialisation", `{"protected":"`+header+`","payload":"`+payload+`","signature":"`+signature+`"}`, jose.ErrCompact),
		deny("general JSON serialisation", `{"payload":"`+payload+`","signatures":[{"protected":"`+header+`","signature":"`+signature+`"}]}`, jose.ErrCompact),
		deny("JSON serialisation with two dots in it", `{"payload":"`+payload+`","a.b":"c.d"}`, jose.ErrCompact),

		deny("padding in the header", encode(`{"alg":"ES256" }`)+"==."+payload+"."+signature, jose.ErrCompact),
		deny("padding in the payload", header+"."+encode(`{"a":12}`)+"=."+signature, jose.ErrCompact),
		deny("padding in the signature", good+"==", jose.ErrCompact),
		deny("the other alphabet in the header", encode(`{"alg":"ES256","kid":"`)+"+"+"."+payload+"."+signature, jose.ErrCompact),
		deny("the other alphabet in the payload", header+"."+strings.Replace(encode(`{"a":"???"}`), "_", "/", 1)+"."+signature, jose.ErrCompact),
		deny("the other alphabet in the signature", header+"."+payload+".ab+/", jose.ErrCompact),
		deny("spare bits in the header", lastBitsSet(encode(`{"alg":"ES256" }`))+"."+payload+"."+signature, jose.ErrCompact),
		deny("spare bits in the payload", header+"."+lastBitsSet(encode(`{"a":12}`))+"."+signature, jose.ErrCompact),
		deny("spare bits in the signature", header+"."+payload+"."+lastBitsSet(signature), jose.ErrCompact),
		deny("a lone character in the signature", header+"."+payload+".MTIzN", jose.ErrCompact),

		deny("a line feed in the header", header[:4]+"\n"+header[4:]+"."+payload+"."+signature, jose.ErrCompact),
		deny("a line feed in the payload", header+"."+payload[:4]+"\n"+payload[4:]+"."+signature, jose.ErrCompact),
		deny("a carriage return in the signature", header+"."+payload+"."+signature[:4]+"\r"+signature[4:], jose.ErrCompact),
		deny("a line break behind", good+"\r\n", jose.ErrCompact),
		deny("a space behind", good+" ", jose.ErrCompact),
		deny("a space in front", " "+good, jose.ErrCompact),
		deny("a space beside a dot", header+". "+payload+"."+signature, jose.ErrCompact),
		deny("a tab", header+".\t"+payload+"."+signature, jose.ErrCompact),
		deny("a null byte behind", good+"\x00", jose.ErrCompact),
		deny("a byte order mark", "\ufeff"+good, jose.ErrCompact),
		deny("a percent sign", header+"%2E"+payload+"%2E"+signature, jose.ErrCompact),
		deny("letters that are not ASCII", header+"."+payload+".é", jose.ErrCompact),
		deny("a scheme in front", "Bearer "+good, jose.ErrCompact),
	)
}

// lastBitsSet returns another base64 text of the same bytes: the last character has bits that carry nothing.
func lastBitsSet(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	if len(text)%4 == 0 {
		panic("no spare bits in " + text)
	}
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + string(alphabet[last|1])
}

func TestA1_sixteen_kibibytes_are_read_and_not_one_byte_more(t *testing.T) {
	const limit = 16 << 10
	front := encode(`{"alg":"ES256"}`) + "." + encode(`{}`) + "."
	judge(t, parse(t),
		allow("exactly 16 KiB", front+strings.Repeat("A", limit-len(front))),
		deny("one byte more", front+strings.Repeat("A", limit-len(front)+1), jose.ErrTooLong),
		deny("a mebibyte", front+strings.Repeat("A", 1<<20), jose.ErrTooLong),
	)
}

func TestA2_only_the_algorithms_of_the_protocol_exist(t *testing.T) {
	for _, algorithm := range append(jose.AsymmetricAlgorithms(), jose.SymmetricAlgorithms()...) {
		token, err := jose.Parse(withHeader(`{"alg":"` + string(algorithm) + `"}`))
		if err != nil || token.Algorithm != algorithm {
			t.Errorf("%s: %v, %v", algorithm, token, err)
		}
	}
	judge(t, parse(t),
		deny("none_is_refused", withHeader(`{"alg":"none"}`), jose.ErrAlgorithm),
		deny("None_is_refused", withHeader(`{"alg":"None"}`), jose.ErrAlgorithm),
		deny("NONE_is_refused", withHeader(`{"alg":"NONE"}`), jose.ErrAlgorithm),
		deny("nOnE_is_refused", withHeader(`{"alg":"nOnE"}`), jose.ErrAlgorithm),
		deny("no alg", withHeader(`{"typ":"JWT"}`), jose.ErrAlgorithm),
		deny("an empty header", withHeader(`{}`), jose.ErrAlgorithm),
		deny("another name of alg", withHeader(`{"ALG":"ES256"}`), jose.ErrAlgorithm),
		deny("small letters", withHeader(`{"alg":"es256"}`), jose.ErrAlgorithm),
		deny("a space", withHeader(`{"alg":"ES256 "}`), jose.ErrAlgorithm),
		deny("a null character", withHeader(`{"alg":"ES256\u0000"}`), jose.ErrAlgorithm),
		deny("secp256k1", withHeader(`{"alg":"ES256K"}`), jose.ErrAlgorithm),
		deny("SHA-1", withHeader(`{"alg":"RS1"}`), jose.ErrAlgorithm),
		deny("encryption", withHeader(`{"alg":"RSA-OAEP","enc":"A256GCM"}`), jose.ErrAlgorithm),
		deny("direct encryption", withHeader(`{"alg":"dir"}`), jose.ErrAlgorithm),
		deny("an empty alg", withHeader(`{"alg":""}`), jose.ErrHeader),
		deny("alg as null", withHeader(`{"alg":null}`), jose.ErrHeader),
		deny("alg as a number", withHeader(`{"alg":256}`), jose.ErrHeader),
		deny("alg as a list", withHeader(`{"alg":["ES256"]}`), jose.ErrHeader),
	)
}

func TestA4_extensions_and_nesting_are_refused(t *testing.T) {
	judge(t, parse(t),
		allow("b64 as everybody has it", withHeader(`{"alg":"ES256","b64":true}`)),
		allow("unknown parameters", withHeader(`{"alg":"ES256","x":{"y":[1,null]}}`)),

		deny("crit that names an extension", withHeader(`{"alg":"ES256","crit":["exp"],"exp":1}`), jose.ErrCritical),
		deny("crit that names a known parameter", withHeader(`{"alg":"ES256","crit":["alg"]}`), jose.ErrCritical),
		deny("empty crit", withHeader(`{"alg":"ES256","crit":[]}`), jose.ErrCritical),
		deny("crit as null", withHeader(`{"alg":"ES256","crit":null}`), jose.ErrCritical),
		deny("crit as a string", withHeader(`{"alg":"ES256","crit":"b64"}`), jose.ErrCritical),
		deny("crit as an object", withHeader(`{"alg":"ES256","crit":{}}`), jose.ErrCritical),
		deny("crit written with an escape", withHeader(`{"alg":"ES256","\u0063rit":["x"]}`), jose.ErrCritical),
		deny("unencoded payload (RFC 7797)", withHeader(`{"alg":"ES256","b64":false,"crit":["b64"]}`), jose.ErrCritical),
		deny("b64 of false without crit", withHeader(`{"alg":"ES256","b64":false}`), jose.ErrUnencoded),
		deny("b64 as a string", withHeader(`{"alg":"ES256","b64":"true"}`), jose.ErrUnencoded),
		deny("b64 as null", withHeader(`{"alg":"ES256","b64":null}`), jose.ErrUnencoded),
		deny("b64 as a number", withHeader(`{"alg":"ES256","b64":1}`), jose.ErrUnencoded),
		deny("compression", withHeader(`{"alg":"ES256","zip":"DEF"}`), jose.ErrNested),
		deny("compression as null", withHeader(`{"alg":"ES256","zip":null}`), jose.ErrNested),
		deny("a JWT in a JWT", withHeader(`{"alg":"ES256","cty":"JWT"}`), jose.ErrNested),
		deny("any cty", withHeader(`{"alg":"ES256","cty":"text/plain"}`), jose.ErrNested),
		deny("an empty cty", withHeader(`{"alg":"ES256","cty":""}`), jose.ErrHeader),
	)
}

func TestA6_header_parameters_are_strings_where_strings_belong(t *testing.T) {
	judge(t, parse(t),
		allow("kid and typ", withHeader(`{"alg":"ES256","kid":"a","typ":"JWT"}`)),
		deny("kid as a number", withHeader(`{"alg":"ES256","kid":1}`), jose.ErrHeader),
		deny("kid as null", withHeader(`{"alg":"ES256","kid":null}`), jose.ErrHeader),
		deny("kid as a list", withHeader(`{"alg":"ES256","kid":["a"]}`), jose.ErrHeader),
		deny("an empty kid", withHeader(`{"alg":"ES256","kid":""}`), jose.ErrHeader),
		deny("typ as a number", withHeader(`{"alg":"ES256","typ":1}`), jose.ErrHeader),
		deny("typ as null", withHeader(`{"alg":"ES256","typ":null}`), jose.ErrHeader),
		deny("an empty typ", withHeader(`{"alg":"ES256","typ":""}`), jose.ErrHeader),
		deny("a header that is a string", withHeader(`"alg"`), jose.ErrJSON),
		deny("a header that is a list", withHeader(`[{"alg":"ES256"}]`), jose.ErrJSON),
		deny("a header that is null", withHeader(`null`), jose.ErrJSON),
		deny("two headers", withHeader(`{"alg":"ES256"}{"alg":"none"}`), jose.ErrJSON),
		deny("alg twice", withHeader(`{"alg":"none","alg":"ES256"}`), jose.ErrJSON),
		deny("alg twice, once escaped", withHeader(`{"alg":"ES256","\u0061lg":"none"}`), jose.ErrJSON),
		deny("a name twice inside jwk", withHeader(`{"alg":"ES256","jwk":{"kty":"EC","kty":"RSA"}}`), jose.ErrJSON),
	)
}

func TestParse_hands_on_typ_and_kid_as_they_were_written(t *testing.T) {
	token, err := jose.Parse(withHeader(`{"typ":"Application/AT+jwt","kid":" é\u0000/../","alg":"PS384"}`))
	if err != nil {
		t.Fatal(err)
	}
	if token.Type != "Application/AT+jwt" || token.KeyID != " é\x00/../" || token.Algorithm != jose.PS384 {
		t.Errorf("typ %q, kid %q, alg %q", token.Type, token.KeyID, token.Algorithm)
	}
}

func TestA7_a_token_verifies_with_its_key_only(t *testing.T) {
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			text := signed(t, algorithm, `{"iss":"a"}`)
			token, err := jose.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if claims, err := token.Verify(verificationKey(t, algorithm)); err != nil || claims.Issuer != "a" {
				t.Errorf("with its key: %+v, %v", claims, err)
			}
			if claims, err := token.Verify(strangersKey(t, algorithm)); !errors.Is(err, jose.ErrSignature) || claims.Issuer != "" {
				t.Errorf("with another key: %+v, %v", claims, err)
			}
			if claims, err := token.Verify(jose.VerificationKey{}); !errors.Is(err, jose.ErrSignature) || claims.Issuer != "" {
				t.Errorf("with no key: %+v, %v", claims, err)
			}
		})
	}
}

func TestA7_every_byte_of_header_payload_and_signature_counts(t *testing.T) {
	for _, algorithm := range []jose.Algorithm{jose.ES256, jose.EdDSA, jose.PS256, jose.RS256} {
		t.Run(string(algorithm), func(t *testing.T) {
			text := signed(t, algorithm, `{"iss":"a"}`)
			key := verificationKey(t, algorithm)
			for i := range text {
				for _, replacement := range []byte("AZ_.") {
					changed := text[:i] + string(replacement) + text[i+1:]
					if changed == text {
						continue
					}
					if claims, err := verify(changed, key); err == nil {
						t.Fatalf("byte %d as %q: %+v", i, replacement, claims)
					}
				}
			}
		})
	}
}

func TestZero_values_verify_nothing(t *testing.T) {
	claims, err := new(jose.Token).Verify(jose.VerificationKey{})
	if !errors.Is(err, jose.ErrSignature) || claims.All() != nil {
		t.Errorf("zero token, zero key: %+v, %v", claims, err)
	}
	if _, err := new(jose.Token).Verify(verificationKey(t, jose.ES256)); !errors.Is(err, jose.ErrSignature) {
		t.Errorf("zero token: %v", err)
	}
	if jose.Algorithm("").Known() || jose.Algorithm("none").Known() {
		t.Error("no algorithm is known")
	}
}
