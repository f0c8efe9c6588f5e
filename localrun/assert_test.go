package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/trust"
)

const testIssuer = "https://auth.example.com"

// verify holds a printed assertion to the profile by which the service would judge it, and returns its claims.
func verify(t *testing.T, printed string, key jose.VerificationKey, profile assertion.Profile) map[string]any {
	t.Helper()
	text, isLine := strings.CutSuffix(printed, "\n")
	if !isLine || strings.ContainsAny(text, " \n") {
		t.Fatalf("want an assertion alone on a line, not %q", printed)
	}
	presented, err := assertion.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := assertion.NewVerifier(time.Now, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	profile.Keys = trust.NewFixed(jose.KeySet{key})
	verified, err := verifier.Verify(t.Context(), presented, profile)
	if err != nil {
		t.Fatal(err)
	}
	return verified.Claims()
}

// rsaFixture is a key that need not be made, which takes RSA a while.
func rsaFixture() string { return filepath.Join("..", "testdata", "jose", "keys", "rsa2048.pem") }

// forClient is the profile of a client assertion.
func forClient(id string) assertion.Profile {
	return assertion.Profile{
		Purpose: replay.ForClient, Issuer: id, Audiences: []string{testIssuer}, SoleAudience: true,
		MaxLifetime: 10 * time.Minute, IDRequired: true,
	}
}

func TestAssertionOfEveryKindOfKeyIsAccepted(t *testing.T) {
	folder := t.TempDir()
	succeed(t, "keys", "-jwk", "-name", "ec", "-out", folder)
	rsaJWK, err := parsePrivate(t, rsaFixture(), jose.PS512).EncodePrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "rsa.pem"), string(read(t, rsaFixture())))
	write(t, filepath.Join(folder, "rsa.jwk.json"), string(rsaJWK))
	succeed(t, "keys", "-alg", "HS512", "-name", "shared", "-out", folder)
	secret := read(t, filepath.Join(folder, "shared.secret"))
	octets, err := jose.NewSharedSecretSigningKey(secret, jose.HS512, "7")
	if err != nil {
		t.Fatal(err)
	}
	octetsJWK, err := octets.EncodePrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "shared.jwk.json"), string(octetsJWK))
	ec, rsaKey := parsePrivate(t, filepath.Join(folder, "ec.pem"), ""), parsePrivate(t, filepath.Join(folder, "rsa.pem"), jose.PS512)
	rs256 := parsePrivate(t, filepath.Join(folder, "rsa.pem"), jose.RS256)
	for _, test := range []struct {
		args string
		key  jose.SigningKey
	}{
		{"-key ec.pem", ec},
		{"-key ec.jwk.json", ec},
		{"-key ec.pem -alg ES256 -kid " + ec.ID(), ec},
		{"-key rsa.pem -alg PS512", rsaKey},
		{"-key rsa.jwk.json", rsaKey},
		{"-key rsa.pem", rs256},
		{"-key shared.secret -alg HS512 -kid 7", octets},
		{"-key shared.jwk.json -alg HS512", octets},
	} {
		t.Run(test.args, func(t *testing.T) {
			args := strings.Fields(strings.Replace(test.args, "-key ", "-key "+folder+string(filepath.Separator), 1))
			printed := succeed(t, append([]string{"assert", "-iss", "batch", "-aud", testIssuer}, args...)...)
			verify(t, printed, test.key.Verification(), forClient("batch"))
		})
	}
}

func TestKeyComesFromStandardInput(t *testing.T) {
	path := newKey(t, t.TempDir(), "batch", jose.EdDSA)
	result := runCommand(t, string(read(t, path)), "assert", "-key", "-", "-iss", "batch", "-aud", testIssuer)
	if result.err != nil {
		t.Fatal(result.err)
	}
	verify(t, result.stdout, parsePrivate(t, path, "").Verification(), forClient("batch"))
}

func TestAssertionStatesWhatTheOptionsSay(t *testing.T) {
	path := newKey(t, t.TempDir(), "ci", jose.ES256)
	basic := []string{"assert", "-key", path, "-iss", "ci", "-aud", testIssuer}
	for _, test := range []struct {
		args []string
		name string
		want any
	}{
		{nil, "sub", "ci"},
		{[]string{"-sub", "build-17"}, "sub", "build-17"},
		{[]string{"-sub="}, "sub", nil},
		{nil, "aud", testIssuer},
		{[]string{"-aud", "b"}, "aud", []any{testIssuer, "b"}},
		{[]string{"--no-jti"}, "jti", nil},
		{nil, "scope", nil},
		{[]string{"-scope", "read write"}, "scope", "read write"},
		{[]string{"-claim", "ref=refs/heads/main"}, "ref", "refs/heads/main"},
		{[]string{"-claim", "id=1234"}, "id", int64(1234)},
		{[]string{"-claim", `id="1234"`}, "id", "1234"},
		{[]string{"-claim", "pair=a=b, c"}, "pair", "a=b, c"},
		{[]string{"-claim", `run={"id":[1,true]}`}, "run", map[string]any{"id": []any{int64(1), true}}},
		{[]string{"-claim", "jti=mine"}, "jti", "mine"},
		{[]string{"-claim", "exp=0"}, "exp", int64(0)},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			token, err := jose.Parse(strings.TrimSpace(succeed(t, append(basic, test.args...)...)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, token.Unverified().All()[test.name]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		})
	}
}

func TestLifetimeAndTypeAreAsAsked(t *testing.T) {
	path := newKey(t, t.TempDir(), "ci", jose.ES256)
	parse := func(args ...string) *jose.Token {
		t.Helper()
		token, err := jose.Parse(strings.TrimSpace(succeed(t, append([]string{"assert", "-key", path, "-iss", "ci", "-aud", testIssuer}, args...)...)))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for lifetime, token := range map[time.Duration]*jose.Token{5 * time.Minute: parse(), time.Hour: parse("-lifetime", "1h")} {
		claims := token.Unverified()
		if got := claims.ExpiresAt.Sub(claims.IssuedAt); got != lifetime {
			t.Errorf("it lives %v, want %v", got, lifetime)
		}
		if age := time.Since(claims.IssuedAt); age < 0 || age > time.Minute {
			t.Errorf("iat is %v ago", age)
		}
	}
	for typ, token := range map[string]*jose.Token{"JWT": parse(), "": parse("-typ="), "client-authentication+jwt": parse("-typ", "client-authentication+jwt")} {
		if token.Type != typ {
			t.Errorf("typ is %q, want %q", token.Type, typ)
		}
	}
	if first, second := parse(), parse(); first.Unverified().ID == second.Unverified().ID {
		t.Error("two assertions have the same jti")
	}
}

func TestGoogleKeyFileIsUsedAsGooglesLibrariesUseIt(t *testing.T) {
	folder := t.TempDir()
	succeed(t, "keys", "-format", "google-service-account", "-name", "robot", "-id", "robot@acme.example", "-url", testIssuer, "-out", folder)
	path := filepath.Join(folder, "robot.json")
	key, isGoogle := parseGoogleKey(read(t, path))
	if !isGoogle {
		t.Fatal("the file is not a Google key file")
	}
	private, err := jose.ParseSigningKey([]byte(key.PrivateKey), jose.RS256)
	if err != nil {
		t.Fatal(err)
	}
	claims := verify(t, succeed(t, "assert", "-key", path, "-scope", "read"), private.Verification(), assertion.Profile{
		Purpose: replay.ForGrant, Issuer: "robot@acme.example", Subject: assertion.SubjectMayBeAbsent,
		Audiences: []string{testIssuer + "/token"}, MaxLifetime: time.Hour,
	})
	issued := claims["iat"].(int64)
	want := map[string]any{"iss": "robot@acme.example", "aud": testIssuer + "/token", "scope": "read", "iat": issued, "exp": issued + 3600}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("the claims (-want +got):\n%s", diff)
	}
}

func TestAssertRefusesWhatItCannotUse(t *testing.T) {
	folder := t.TempDir()
	ec := newKey(t, folder, "ec", jose.ES256)
	rsaPath := rsaFixture()
	jwk := write(t, filepath.Join(folder, "ec.jwk.json"), renamed(t, ec, parsePrivate(t, ec, "").ID()))
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	older := write(t, filepath.Join(folder, "pkcs1.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)})))
	locked := write(t, filepath.Join(folder, "locked.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}})))
	named := write(t, filepath.Join(folder, "named.jwk.json"), renamed(t, ec, "billing-1"))
	short := write(t, filepath.Join(folder, "short.secret"), "hunter2")
	for _, test := range []struct {
		args string
		want string
	}{
		{"-iss a -aud b", "-key is missing"},
		{"-key " + ec + " -aud b", "-iss is missing"},
		{"-key " + ec + " -iss a", "-aud is missing"},
		{"-key " + ec + " -iss a -aud b -claim x", "write NAME=VALUE"},
		{"-key " + ec + " -iss a -aud b -claim =x", "write NAME=VALUE"},
		{"-key " + ec + " -iss a -aud b -claim x=1 -claim x=2", "states x twice"},
		{"-key " + ec + " -iss a -aud b -lifetime soon", "-lifetime"},
		{"-key " + ec + " -iss a -aud b -alg RS256", "not of the type"},
		{"-key " + ec + " -iss a -aud b -alg HS256", "a key in PEM is no shared secret"},
		{"-key " + jwk + " -iss a -aud b -alg ES384", "the key is not for ES384"},
		{"-key " + ec + " -iss a -aud b -kid other", "is not this key's thumbprint"},
		{"-key " + ec + " -iss a -aud b c", `"c" is not an option`},
		{"-key " + named + " -iss a -aud b", `the kid "billing-1" is not this key's thumbprint`},
		{"-key " + rsaPath + " -iss a -aud b -alg ES256", "not of the type"},
		{"-key " + older + " -iss a -aud b", "openssl pkcs8 -topk8 -nocrypt"},
		{"-key " + locked + " -iss a -aud b", "openssl pkcs8 -topk8 -nocrypt"},
		{"-key " + short + " -iss a -aud b -alg HS256", "too weak"},
		{"-key " + short + " -iss a -aud b", "neither a JWK nor"},
		{"-key " + filepath.Join(folder, "ec.pub.pem") + " -iss a -aud b", "PRIVATE KEY"},
		{"-key missing.pem -iss a -aud b", "missing.pem"},
		{"-key - -iss a -aud b", "standard input: there is nothing in it"},
	} {
		t.Run(strings.ReplaceAll(test.args, folder, ""), func(t *testing.T) {
			refuse(t, append([]string{"assert"}, strings.Fields(test.args)...), test.want)
		})
	}
	result := runCommand(t, "", "assert", "-key", short, "-iss", "a", "-aud", "b")
	if strings.Contains(result.err.Error(), "hunter2") {
		t.Errorf("the error repeats the secret: %v", result.err)
	}
}

// renamed returns the JWK of a private key under another kid.
func renamed(t *testing.T, path, kid string) string {
	t.Helper()
	document, err := parsePrivate(t, path, "").EncodePrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(document, &members); err != nil {
		t.Fatal(err)
	}
	members["kid"] = kid
	document, err = json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(document)
}
