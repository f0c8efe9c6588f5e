package dpop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
)

// epoch is the time in these tests: a whole second, so that tables can be exact around it.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const endpoint = "https://auth.example.com/token"

// atTokenEndpoint is the request for which good is a proof.
var atTokenEndpoint = dpop.Request{Method: "POST", URLs: []string{endpoint}}

// holder has a private key.
type holder struct {
	private *ecdsa.PrivateKey
	key     jose.SigningKey
	jwk     string
}

func newHolder(t testing.TB) holder {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := jose.NewSigningKey(private, jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return holder{private, key, `{"kty":"EC","crv":"P-256","x":"` + encode(point[1:33]) + `","y":"` + encode(point[33:]) + `"}`}
}

// encode is base64url without padding.
func encode[T string | []byte](text T) string {
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

type claims map[string]any

func good() claims {
	return claims{"jti": "1", "htm": "POST", "htu": endpoint, "iat": epoch.Unix()}
}

// with returns the claims with one changed; nil takes it away.
func (c claims) with(name string, value any) claims {
	changed := maps.Clone(c)
	if changed[name] = value; value == nil {
		delete(changed, name)
	}
	return changed
}

// header is that of a good proof with more members, each with a comma in front.
func (h holder) header(more string) string {
	return `{"typ":"dpop+jwt","alg":"ES256","jwk":` + h.jwk + more + `}`
}

// proof makes a proof with a good header.
func (h holder) proof(t testing.TB, c claims) string { return h.sign(t, h.header(""), c) }

// sign makes a proof with nothing but the standard library (RFC 7518 §3.4).
func (h holder) sign(t testing.TB, header string, c claims) string {
	t.Helper()
	payload, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	input := encode(header) + "." + encode(payload)
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, h.private, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

// verdict is one row of a table: what becomes of a proof.
type verdict struct {
	name, proof string
	refusal     error // nil: it is accepted
}

func allow(name, proof string) verdict { return verdict{name, proof, nil} }

func deny(name, proof string, because error) verdict { return verdict{name, proof, because} }

// newVerifier returns a verifier at epoch; nonces may be nil.
func newVerifier(t testing.TB, nonces *dpop.Nonces) *dpop.Verifier {
	t.Helper()
	return verifierAt(t, func() time.Time { return epoch }, nonces)
}

func verifierAt(t testing.TB, now func() time.Time, nonces *dpop.Nonces) *dpop.Verifier {
	t.Helper()
	verifier, err := dpop.New(dpop.Config{Now: now, Nonces: nonces})
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

// judge holds a verifier to the verdicts, and to it that nothing comes with an error, and every refusal is a fault.
func judge(t *testing.T, verifier *dpop.Verifier, request dpop.Request, verdicts ...verdict) {
	t.Helper()
	for _, verdict := range verdicts {
		t.Run(verdict.name, func(t *testing.T) {
			t.Helper()
			proof, err := verifier.Verify(context.Background(), verdict.proof, request)
			if !errors.Is(err, verdict.refusal) {
				t.Errorf("%.300q\n got %v\nwant %v", verdict.proof, err, verdict.refusal)
			}
			if proof.IsZero() != (err != nil) || err != nil && proof != (dpop.Proof{}) {
				t.Errorf("%+v beside %v", proof, err)
			}
			if fault := new(dpop.Fault); err != nil && !errors.As(err, &fault) {
				t.Errorf("%v is no fault", err)
			}
		})
	}
}

// example reads a proof that RFC 9449 prints.
func example(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "testdata", "jose", "rfc", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(content))
}
