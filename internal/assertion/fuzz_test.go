package assertion_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
)

// FuzzVerify has the registered key sign whatever comes. What is then accepted must satisfy the profile by the plain
// reading of its JSON.
func FuzzVerify(f *testing.F) {
	b := newBench(f)
	for _, c := range []claims{
		good(), good().with("jti", nil), good().with("aud", []string{server, "x"}), good().with("exp", 1e300), good().with("iat", 0.5),
	} {
		text, err := json.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add("JWT", text)
		f.Add("at+jwt", append(text, ' '))
	}
	f.Add("", []byte(`{"iss":"https://issuer.example","iss":"x","exp":1e9}`))
	f.Fuzz(func(t *testing.T, typ string, payload []byte) {
		signed, err := b.key.Sign(typ, payload)
		if err != nil {
			return
		}
		presented, err := assertion.Parse(signed)
		if err != nil {
			return
		}
		verified, err := b.verify(t, presented, b.profile())
		if err != nil {
			return
		}
		var plain struct {
			Issuer  string   `json:"iss"`
			Subject string   `json:"sub"`
			ID      string   `json:"jti"`
			Expires float64  `json:"exp"`
			Issued  *float64 `json:"iat"`
			Before  float64  `json:"nbf"`
			Aud     any      `json:"aud"`
		}
		if err := json.Unmarshal(payload, &plain); err != nil {
			t.Fatalf("accepted, and not JSON: %v", err)
		}
		now, slack := float64(epoch.Unix()), skew.Seconds()
		most := (10 * time.Minute).Seconds()
		audiences, _ := plain.Aud.([]any)
		switch {
		case plain.Issuer != issuer || plain.Subject != issuer || plain.ID == "":
			t.Errorf("accepted: iss, sub or jti of %s", payload)
		case plain.Aud != server && !slices.Contains(audiences, any(server)):
			t.Errorf("accepted: aud of %s", payload)
		case plain.Expires+slack <= now || plain.Expires > now+most+slack || plain.Before > now+slack:
			t.Errorf("accepted: exp or nbf of %s", payload)
		case plain.Issued != nil && (*plain.Issued > now+slack || plain.Expires-*plain.Issued > most+slack):
			t.Errorf("accepted: iat of %s", payload)
		case typ != "" && !strings.EqualFold(strings.TrimPrefix(strings.ToLower(typ), "application/"), "jwt"):
			t.Errorf("accepted: typ %q", typ)
		case verified.Use().ID != plain.ID || verified.Use().Party != issuer:
			t.Errorf("use %v of %s", verified.Use(), payload)
		}
	})
}

// FuzzParse holds that nothing breaks the parser, and that what it lets through names an issuer.
func FuzzParse(f *testing.F) {
	b := newBench(f)
	for _, payload := range []string{`{"iss":"a"}`, `{}`, `{"iss":""}`, `{"iss":1}`, `[]`, `{"iss":"a","aud":[]}`} {
		signed, err := b.key.Sign("JWT", []byte(payload))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(signed)
	}
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		presented, err := assertion.Parse(text)
		if (err == nil) != (presented != assertion.Presented{}) {
			t.Errorf("Parse = %v, %v", presented, err)
		}
		if err == nil && presented.Issuer() == "" {
			t.Error("no issuer")
		}
	})
}
