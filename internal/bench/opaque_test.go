package bench

import (
	"context"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/seal"
)

// BenchmarkOpaque is the processor time of one token that is sealed (protocol W3) against that of one that is signed.
func BenchmarkOpaque(b *testing.B) {
	const section = "opaque_tokens: {secret: projects/bench/secrets/opaque}\n"
	signed := newSystem(b, jose.ES256, 10)
	sealed := serve(b, jose.ES256, func(key jose.SigningKey) []byte {
		text := string(document(b, key, jose.ES256, 10))
		return []byte(section + strings.Replace(text, "scopes: [read, write]}", "scopes: [read, write], access_tokens: {format: opaque}}", 1))
	})
	compare(b, [2]string{"sealed", "signed"},
		[2]func() string{func() string { return sealed.form(b) }, func() string { return signed.form(b) }},
		[2]func(string){over(b, sealed.handler), over(b, signed.handler)})
}

// BenchmarkOpening is the processor time of opening a sealed token against that of verifying a signed one.
func BenchmarkOpening(b *testing.B) {
	signing, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		b.Fatal(err)
	}
	key, err := seal.ParseKey(seal.NewKeyMaterial())
	if err != nil {
		b.Fatal(err)
	}
	tokens, err := seal.New(issuer, oneKey{key})
	if err != nil {
		b.Fatal(err)
	}
	sealer, _, err := tokens.Sealer(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	claims := []byte(`{"iss":"https://auth.example.com","sub":"client-0","aud":"https://api.example.com","client_id":"client-0",` +
		`"iat":1772366400,"exp":1772367000,"jti":"ZGQ5MmQ0NDYtNmE2ZS00ZmQ","scope":"read"}`)
	made := func(by func(typ string, claims []byte) (string, error)) func() string {
		return func() string {
			text, err := by(seal.Type, claims)
			if err != nil {
				b.Fatal(err)
			}
			return text
		}
	}
	open := func(text string) {
		content, opened, err := tokens.Open(b.Context(), text)
		if err != nil || !opened {
			b.Fatal(opened, err)
		}
		if _, err := jose.ParseClaims(content); err != nil {
			b.Fatal(err)
		}
	}
	verify := func(text string) {
		parsed, err := jose.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := parsed.Verify(signing.Verification()); err != nil {
			b.Fatal(err)
		}
	}
	compare(b, [2]string{"open", "verify"}, [2]func() string{made(sealer.Sign), made(signing.Sign)}, [2]func(string){open, verify})
}

type oneKey struct{ key seal.Key }

func (k oneKey) SealingKey(context.Context) (seal.Key, time.Time, error) {
	return k.key, time.Time{}, nil
}
func (k oneKey) OpeningKeys(context.Context) ([]seal.Key, error) { return []seal.Key{k.key}, nil }

// sealingKeys are the only version of every secret.
type sealingKeys struct{ payload []byte }

func (s sealingKeys) Versions(context.Context) ([]keys.Version, error) {
	return []keys.Version{{ID: "1", Created: time.Unix(0, 0), State: keys.Enabled, Payload: s.payload}}, nil
}
