package probe_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/probe"
)

// resigning publishes another key beside the server's, and signs every token anew with it: what it changes about a token
// has a good signature. cut shortens that.
type resigning struct {
	header func(map[string]any)
	claims func(map[string]any)
	cut    int
}

func (r resigning) change(t *testing.T) func(http.Handler) http.Handler {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := jose.NewSigningKey(private, jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jose.EncodeKeySet(jose.KeySet{key.Verification()})
	if err != nil {
		t.Fatal(err)
	}
	var published struct{ Keys []map[string]any }
	if err := json.Unmarshal(set, &published); err != nil {
		t.Fatal(err)
	}
	sign := func(members map[string]any) {
		parts := strings.Split(members["access_token"].(string), ".")
		header, claims := map[string]any{}, map[string]any{}
		_ = json.Unmarshal([]byte(decode(parts[0])), &header)
		_ = json.Unmarshal([]byte(decode(parts[1])), &claims)
		header["kid"] = key.ID()
		if r.header != nil {
			r.header(header)
		}
		if r.claims != nil {
			r.claims(claims)
		}
		one, _ := json.Marshal(header)
		two, _ := json.Marshal(claims)
		input := encode(string(one)) + "." + encode(string(two))
		digest := sha256.Sum256([]byte(input))
		a, b, _ := ecdsa.Sign(rand.Reader, private, digest[:])
		signature := make([]byte, 64)
		a.FillBytes(signature[:32])
		b.FillBytes(signature[32:])
		members["access_token"] = input + "." + encode(string(signature[:64-r.cut]))
	}
	return func(good http.Handler) http.Handler {
		return editing(jwksPath, 200, addKey(published.Keys[0]))(editing(tokenPath, 200, sign)(good))
	}
}

// The signature of each of these tokens is good, and so only what is wrong with them is found.
func TestTokens_that_are_signed_and_wrong(t *testing.T) {
	t.Parallel()
	claim := func(name string, value any) func(map[string]any) {
		return func(claims map[string]any) {
			claims[name] = value
			if value == nil {
				delete(claims, name)
			}
		}
	}
	for name, test := range map[string]struct {
		resigning
		found, came string
	}{
		"good":                  {resigning{}, "", ""},
		"another typ":           {resigning{header: claim("typ", "JWT")}, "token_claims", "another typ"},
		"alg none":              {resigning{header: claim("alg", "none")}, "token_verifies", "its alg is not that of the key"},
		"HS256":                 {resigning{header: claim("alg", "HS256")}, "token_verifies", "its alg is not that of the key"},
		"no kid":                {resigning{header: claim("kid", nil)}, "token_verifies", "its kid is not that of one published key"},
		"half a signature":      {resigning{cut: 32}, "token_verifies", "the signature does not verify"},
		"no signature":          {resigning{cut: 64}, "token_verifies", "the signature does not verify"},
		"another issuer":        {resigning{claims: claim("iss", "https://evil.example.com")}, "token_claims", "another iss"},
		"another API":           {resigning{claims: claim("aud", "https://other.example.com")}, "token_claims", "another aud, or none"},
		"two APIs":              {resigning{claims: claim("aud", []string{"https://api.example.com", "https://other.example.com"})}, "token_claims", "another aud, or none"},
		"no audience":           {resigning{claims: claim("aud", nil)}, "token_claims", "another aud, or none"},
		"another client":        {resigning{claims: claim("client_id", "other")}, "token_claims", "another client_id"},
		"no subject":            {resigning{claims: claim("sub", nil)}, "token_claims", "no sub"},
		"more scope":            {resigning{claims: claim("scope", "read write")}, "token_claims", "another scope than the answer says"},
		"a longer life":         {resigning{claims: claim("exp", 4102444800)}, "token_claims", "exp - iat is not expires_in"},
		"no expiry":             {resigning{claims: claim("exp", nil)}, "token_claims", "exp - iat is not expires_in"},
		"a jti that is no text": {resigning{claims: claim("jti", 7)}, "token_claims", "no jti"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := deploy(t, deployment{change: test.change(t)}).probe(t)
			if test.found == "" {
				expect(t, report)
				return
			}
			if f := find(t, report, test.found); f.Outcome != probe.NotAsItMustBe || f.Came != test.came {
				t.Errorf("%s is %s, %q; want %q", f.Name, f.Outcome, f.Came, test.came)
			}
			if found := by(report, probe.NotAsItMustBe); len(found) != 1 && name != "a jti that is no text" { // the second jti is the same then
				t.Errorf("found %v", found)
			}
		})
	}
}

// A refusal counts with its status and its code alone.
func TestA_refusal_of_another_kind_is_found(t *testing.T) {
	t.Parallel()
	report := deploy(t, deployment{}).probe(t)
	for number, name := range attacksOf(t) {
		if number%6 != 0 {
			continue // each is judged by the same code
		}
		found := []string{name}
		if name == "wrong_key" || name == "unknown_client" {
			found = append(found, "unknown_client_like_wrong_key")
		}
		for kind, body := range map[string]string{"code": `{"error":"invalid_token"}`, "body": `not JSON`} {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				status, _, _ := strings.Cut(find(t, report, name).Expected, " ")
				code, err := strconv.Atoi(status)
				if err != nil {
					t.Fatal(err)
				}
				expect(t, deploy(t, deployment{change: failing(number, refusing(code, body))}).probe(t), found...)
			})
		}
		t.Run(name+" status", func(t *testing.T) {
			t.Parallel()
			_, code, _ := strings.Cut(find(t, report, name).Expected, " ")
			expect(t, deploy(t, deployment{change: failing(number, refusing(http.StatusTeapot, `{"error":"`+code+`"}`))}).probe(t), found...)
		})
	}
}

// refusing answers in one way, and lets nobody keep it.
func refusing(code int, body string) func(http.ResponseWriter, []byte) {
	return func(w http.ResponseWriter, _ []byte) {
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}
}
