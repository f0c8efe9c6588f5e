package jose_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
)

// Whatever is accepted is in the canonical form, checked here without the package, and says what it says to others too.
func FuzzParse(f *testing.F) {
	for _, seed := range fixtures(f, "rfc") {
		f.Add(strings.TrimSpace(string(seed)))
	}
	f.Add(withHeader(`{"alg":"ES256","kid":"é","typ":"JWT","b64":true,"jwk":{"kty":"EC"}}`))
	f.Add(withPayload(`{"iss":"a","aud":["b"],"exp":1.5e9,"n":[1,-0,{"\u0061":null}]}`))
	f.Add("....")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := jose.Parse(text)
		if err != nil {
			if fault := new(jose.Fault); token != nil || !errors.As(err, &fault) {
				t.Fatalf("%v beside %v", token, err)
			}
			return
		}
		signed, signature := token.Parts()
		if again := string(signed) + "." + encode(signature); again != text {
			t.Fatalf("joined again it is %q", again)
		}
		parts := strings.Split(text, ".")
		if len(parts) != 3 || len(text) > 16<<10 {
			t.Fatalf("%d parts, %d bytes", len(parts), len(text))
		}
		var objects [2]map[string]any
		for i, part := range parts {
			decoded, err := base64.RawURLEncoding.DecodeString(part)
			if err != nil || part == "" || encode(decoded) != part {
				t.Fatalf("part %d: %v", i, err)
			}
			if i < 2 {
				if err := json.Unmarshal(decoded, &objects[i]); err != nil {
					t.Fatalf("part %d: %v", i, err)
				}
			}
		}
		checkHeader(t, token, objects[0])
		if claims := token.Unverified(); len(claims.All()) != len(objects[1]) {
			t.Fatalf("%d claims of %d", len(claims.All()), len(objects[1]))
		}
	})
}

func checkHeader(t *testing.T, token *jose.Token, header map[string]any) {
	t.Helper()
	if header["alg"] != string(token.Algorithm) || !token.Algorithm.Known() {
		t.Fatalf("alg %q", token.Algorithm)
	}
	for name, value := range map[string]string{"kid": token.KeyID, "typ": token.Type} {
		if there, present := header[name]; present != (value != "") || present && there != value {
			t.Fatalf("%s %q, %v", name, value, there)
		}
	}
	for _, name := range []string{"crit", "zip", "cty"} {
		if _, present := header[name]; present {
			t.Fatalf("%s is there", name)
		}
	}
}

// Whatever is accepted, encoding/json accepts with the same values, and it finds no name twice.
func FuzzDecodeObject(f *testing.F) {
	for _, folder := range []string{"keys", "sets", "rfc"} {
		for _, seed := range fixtures(f, folder) {
			f.Add(seed)
		}
	}
	for _, seed := range []string{
		`{"a":1,"\u0061":2}`, `{"a":[1,-0,1.5,1e400,9223372036854775808,"\ud83d\ude00",true,false,null,{}]}`,
		"{\"a\":\"\xff\"}", `{}{}`, ` {"":{"":""}} `, `{"a":"\ud800"}`, strings.Repeat(`{"a":`, 17),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		object, err := jose.DecodeObject(text)
		if !bytes.Equal(before, text) {
			t.Fatal("the input has been changed")
		}
		if err != nil {
			if object != nil || !errors.Is(err, jose.ErrJSON) {
				t.Fatalf("%v beside %v", object, err)
			}
			return
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		var want map[string]any
		if err := decoder.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if _, err := decoder.Token(); err != io.EOF {
			t.Fatalf("behind it: %v", err)
		}
		if !same(object, want) {
			t.Fatalf("\n got %#v\nwant %#v", object, want)
		}
		if names, members := countNames(t, text), countMembers(object); names != members {
			t.Fatalf("%d names, %d members", names, members)
		}
	})
}

// same reports whether ours has the values that encoding/json has read with UseNumber.
func same(ours, theirs any) bool {
	switch ours := ours.(type) {
	case map[string]any:
		object, ok := theirs.(map[string]any)
		if !ok || len(ours) != len(object) {
			return false
		}
		for name, value := range ours {
			if other, present := object[name]; !present || !same(value, other) {
				return false
			}
		}
		return true
	case []any:
		list, ok := theirs.([]any)
		return ok && slices.EqualFunc(ours, list, same)
	case int64:
		number, ok := theirs.(json.Number)
		whole, err := strconv.ParseInt(number.String(), 10, 64)
		return ok && err == nil && whole == ours
	case float64:
		number, ok := theirs.(json.Number)
		float, err := strconv.ParseFloat(number.String(), 64)
		return ok && err == nil && float == ours && !math.IsInf(ours, 0)
	default:
		return ours == theirs
	}
}

// countNames counts the names of all objects in a text, with encoding/json.
func countNames(t *testing.T, text []byte) int {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	type level struct {
		object bool
		tokens int
	}
	var open []level
	count := 0
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			return count
		}
		if err != nil {
			t.Fatal(err)
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			open = open[:len(open)-1]
			continue
		}
		if last := len(open) - 1; last >= 0 {
			if open[last].object && open[last].tokens%2 == 0 {
				count++
			}
			open[last].tokens++
		}
		if token == json.Delim('{') || token == json.Delim('[') {
			open = append(open, level{object: token == json.Delim('{')})
		}
	}
}

// countMembers counts the members of a value and of all values in it.
func countMembers(value any) int {
	count := 0
	switch value := value.(type) {
	case map[string]any:
		count = len(value)
		for _, member := range value {
			count += countMembers(member)
		}
	case []any:
		for _, element := range value {
			count += countMembers(element)
		}
	}
	return count
}

// Whatever is accepted can be published, and read back the same.
func FuzzParseKeySet(f *testing.F) {
	for _, seed := range fixtures(f, "sets") {
		f.Add(seed, "RS256")
	}
	for _, folder := range []string{"keys", "rfc"} {
		for _, seed := range fixtures(f, folder) {
			f.Add(seed, "PS256")
			f.Add([]byte(`{"keys":[`+string(seed)+`]}`), "")
		}
	}
	for _, algorithm := range []jose.Algorithm{jose.ES384, jose.EdDSA, jose.RS512} {
		spki, err := verificationKey(f, algorithm).EncodeSPKI()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(spki, string(algorithm))
	}
	f.Fuzz(func(t *testing.T, document []byte, algorithm string) {
		keys, rejected, err := jose.ParseKeySet(document, jose.Algorithm(algorithm))
		if err != nil {
			if len(keys)+len(rejected) != 0 || !errors.Is(err, jose.ErrKeySet) {
				t.Fatalf("%v, %v beside %v", keys, rejected, err)
			}
			return
		}
		for _, rejection := range rejected {
			if rejection.Why == "" || rejection.Index < 0 || rejection.Index > 100 {
				t.Fatalf("%+v", rejection)
			}
		}
		for _, key := range keys {
			if key.IsZero() || key.ID() == "" || !slices.Contains(jose.AsymmetricAlgorithms(), key.Algorithm()) {
				t.Fatalf("%v", key)
			}
		}
		encoded, err := jose.EncodeKeySet(keys)
		if err != nil {
			t.Fatal(err)
		}
		again, rejected, err := jose.ParseKeySet(encoded, "")
		if err != nil || len(rejected) != 0 || !slices.Equal(describe(keys), describe(again)) {
			t.Fatalf("%v became %v, %v, %v", keys, again, rejected, err)
		}
	})
}

// Whatever is accepted signs, and is the same key when it is written down and read again.
func FuzzParseSigningKey(f *testing.F) {
	for _, seed := range fixtures(f, "keys") {
		for _, algorithm := range []jose.Algorithm{"", jose.ES256, jose.EdDSA, jose.PS256} {
			f.Add(seed, string(algorithm))
		}
	}
	f.Add([]byte(`{"kty":"oct","k":"AAAA"}`), "HS256")
	f.Fuzz(func(t *testing.T, document []byte, algorithm string) {
		key, err := jose.ParseSigningKey(document, jose.Algorithm(algorithm))
		if key.IsZero() != (err != nil) {
			t.Fatalf("%v beside %v", key, err)
		}
		if err != nil {
			return
		}
		if algorithm != "" && string(key.Algorithm()) != algorithm || key.Algorithm().Symmetric() {
			t.Fatalf("for %s: %v", algorithm, key)
		}
		text, err := key.Sign("JWT", []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verify(text, key.Verification()); err != nil {
			t.Fatal(err)
		}
		for _, write := range []func() ([]byte, error){key.EncodePrivateJWK, key.EncodePKCS8} {
			written, err := write()
			if err != nil {
				t.Fatal(err)
			}
			if again, err := jose.ParseSigningKey(written, key.Algorithm()); err != nil || again.ID() != key.ID() {
				t.Fatalf("%v became %v, %v", key, again, err)
			}
		}
	})
}

// Whatever is accepted is accepted as a JWT too, and its key as that of a JWK Set, where it is the same key.
func FuzzParseProof(f *testing.F) {
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		proof, err := signingKey(f, algorithm).SignProof("dpop+jwt", []byte(`{"jti":"1","htm":"POST","iat":1764000000}`))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(proof)
	}
	for _, seed := range fixtures(f, "rfc") {
		f.Add(strings.TrimSpace(string(seed)))
	}
	f.Add(withKey(jose.ES256, ecJWK(`,"d":"AA"`)))
	f.Add(withKey(jose.EdDSA, okpJWK(`,"use":"sig","key_ops":["verify"],"alg":"Ed25519"`)))
	f.Fuzz(func(t *testing.T, text string) {
		proof, err := jose.ParseProof(text)
		if err != nil {
			if fault := new(jose.Fault); proof.Thumbprint() != "" || !errors.As(err, &fault) {
				t.Fatalf("%v beside %v", proof, err)
			}
			return
		}
		token, err := jose.Parse(text)
		if err != nil || token.Algorithm != proof.Algorithm() || !cmp.Equal(token.Unverified().All(), proof.Unverified().All()) {
			t.Fatalf("as a JWT: %+v, %v", token, err)
		}
		first, _, _ := strings.Cut(text, ".")
		decoded, err := base64.RawURLEncoding.DecodeString(first)
		if err != nil {
			t.Fatal(err)
		}
		var header map[string]json.RawMessage
		var jwk map[string]any
		if err := json.Unmarshal(decoded, &header); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(header["jwk"], &jwk); err != nil {
			t.Fatal(err)
		}
		essential := map[string]any{}
		for _, name := range []string{"kty", "crv", "x", "y", "n", "e", "use", "d", "p", "q", "k", "priv"} {
			if value, present := jwk[name]; present {
				essential[name] = value
			}
		}
		set, err := json.Marshal(map[string]any{"keys": []any{essential}})
		if err != nil {
			t.Fatal(err)
		}
		keys, rejected, err := jose.ParseKeySet(set, proof.Algorithm())
		if err != nil || len(keys) != 1 || keys[0].ID() != proof.Thumbprint() || keys[0].Algorithm() != proof.Algorithm() {
			t.Fatalf("in a set: %v, %v, %v", keys, rejected, err)
		}
		if claims, err := token.Verify(keys[0]); (claims.All() == nil) != (err != nil) {
			t.Fatalf("%v, %v", claims, err)
		} else if _, same := proof.Verify(); (err == nil) != (same == nil) {
			t.Fatalf("%v by the key of the set, %v by that of the proof", err, same)
		}
	})
}
