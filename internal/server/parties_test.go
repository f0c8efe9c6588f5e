package server_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

// acme is the configuration of most tests.
const acme = `
issuer: https://auth.example.com
signing_keys: {directory: keys}
resources:
  - {id: https://invoices.example.com, scopes: [invoices.read, invoices.write]}
  - {id: https://deploy.example.com, scopes: [deploy.read, deploy.write]}
  - {id: https://mail.example.com, scopes: [email]}
clients:
  - id: billing
    authentication: private_key_jwt
    keys: {file: billing.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read, invoices.write], default_scopes: [invoices.read]}
  - id: reporting
    authentication: private_key_jwt
    keys: {file: reporting.ES256.json}
    grants: [client_credentials, "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: portal                                      # its secret changes from one to the next
    authentication: client_secret_basic
    secrets:
      - $argon2id$v=19$m=64,t=1,p=1$f0Y4efikBUU$2aKtyboevh+TiGuyB2ri1A
      - $2a$04$SQhg/SBifBBKktyTdFrsEe7ep2VhHPleP82ZHrkeZGYfwitJr67Ca
    grants: [client_credentials, "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: mobile
    authentication: client_secret_post
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$AKpAqMYY9/0$X3XF2vTarmr06uPB/XY+QA"]
    grants: [client_credentials]
    allow:
      - {resource: https://deploy.example.com, scopes: [deploy.read, deploy.write]}
  - id: mail-app                                    # it only says who it is
    authentication: none
    grants: ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow:
      - {resource: https://mail.example.com, scopes: [email]}
issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.ES256.json}
    audiences: [mail-app]
    allow:
      - {resource: https://mail.example.com, scopes: [email]}
  - issuer: https://partner.example.com
    keys: {file: partner.ES256.json}
    client: authenticated
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - issuer: https://ci.example.com
    keys: {file: ci.ES256.json}
    client: identified
    allow:
      - {resource: https://deploy.example.com, scopes: [deploy.read, deploy.write]}
`

// vaulted is a configuration that keeps everything secret in Secret Manager.
const vaulted = `
issuer: https://auth.example.com
signing_keys: {secret: projects/acme/secrets/signing-keys}
resources:
  - {id: https://invoices.example.com, scopes: [invoices.read, invoices.write]}
  - id: urn:example:ledger                          # it can only verify with a shared secret
    scopes: [ledger.read]
    access_tokens: {algorithm: HS512, shared_secret: projects/acme/secrets/ledger-hmac}
clients:
  - id: billing
    authentication: private_key_jwt
    keys: {file: billing.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
      - {resource: "urn:example:ledger", scopes: [ledger.read]}
  - id: warehouse
    authentication: client_secret_jwt
    keys: {shared_secret: projects/acme/secrets/warehouse-hmac, algorithm: HS256}
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: portal
    authentication: client_secret_basic
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$f0Y4efikBUU$2aKtyboevh+TiGuyB2ri1A"]
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: mobile
    authentication: client_secret_post
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$AKpAqMYY9/0$X3XF2vTarmr06uPB/XY+QA"]
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: former-billing
    disabled: true
    authentication: private_key_jwt
    keys: {file: former.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: former-mobile
    disabled: true
    authentication: client_secret_post
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$AKpAqMYY9/0$X3XF2vTarmr06uPB/XY+QA"]
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
issuers:
  - issuer: legacy-portal                           # HMAC, and a fixed audience
    keys: {shared_secret: projects/acme/secrets/legacy-hmac, algorithm: HS512}
    audiences: [token-service]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
`

// The secrets of vaulted.
const (
	signingSecret   = "projects/acme/secrets/signing-keys"
	warehouseSecret = "projects/acme/secrets/warehouse-hmac"
	ledgerSecret    = "projects/acme/secrets/ledger-hmac"
	legacySecret    = "projects/acme/secrets/legacy-hmac"
)

// The secrets whose hashes stand in acme.
const (
	portalSecret     = "portal-secret-6b7c9e4a1d80"
	portalNextSecret = "portal-secret-f20415c3a9d7"
	mobileSecret     = "mobile-secret-93ad07e5b1c2"
)

// Parties of acme, as assertions name them.
const (
	us      = "https://auth.example.com"
	idp     = "https://idp.example.com"
	partner = "https://partner.example.com"
	ci      = "https://ci.example.com"
)

// variant returns a document with one part replaced, which must be there once.
func variant(t testing.TB, document, old, replacement string) string {
	t.Helper()
	if strings.Count(document, old) != 1 {
		t.Fatalf("%q is there %d times", old, strings.Count(document, old))
	}
	return strings.Replace(document, old, replacement, 1)
}

// claims are the claims of an assertion.
type claims map[string]any

// but returns the claims with one changed, or without it where the value is nil.
func (c claims) but(name string, value any) claims {
	changed := maps.Clone(c)
	if changed[name] = value; value == nil {
		delete(changed, name)
	}
	return changed
}

// of returns what a client says of itself: good for five minutes, and for one request.
func (d *deployment) of(id string) claims {
	return claims{
		"iss": id, "sub": id, "aud": us, "jti": rand.Text(),
		"iat": d.clock.in(0), "exp": d.clock.in(5 * time.Minute),
	}
}

// about returns what an issuer says of a subject.
func (d *deployment) about(subject, issuer string) claims {
	return d.of(issuer).but("sub", subject)
}

// privateKey returns the key of NAME.ALG, always the same one. There is only one RSA key.
func privateKey(t testing.TB, name string) crypto.Signer {
	t.Helper()
	seed := sha512.Sum512([]byte(name))
	curve := func(curve elliptic.Curve, scalar []byte) crypto.Signer {
		key, err := ecdsa.ParseRawPrivateKey(curve, scalar)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	switch jose.Algorithm(strings.TrimPrefix(filepath.Ext(name), ".")) {
	case jose.ES256:
		return curve(elliptic.P256(), seed[:32])
	case jose.ES384:
		return curve(elliptic.P384(), seed[:48])
	case jose.ES512:
		return curve(elliptic.P521(), append([]byte{0, 0}, seed[:]...))
	case jose.EdDSA:
		return ed25519.NewKeyFromSeed(seed[:32])
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "jose", "keys", "rsa2048.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(crypto.Signer)
}

// signingKey returns the same key as our own code has it.
func signingKey(t testing.TB, name string) jose.SigningKey {
	t.Helper()
	key, err := jose.NewSigningKey(privateKey(t, name), jose.Algorithm(strings.TrimPrefix(filepath.Ext(name), ".")))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes an assertion in good form with the key of NAME.ALG.
func sign(t testing.TB, name string, c claims) string {
	t.Helper()
	token, err := signingKey(t, name).Sign("JWT", marshal(t, c))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// forge makes an assertion in good form with the key of NAME.ES256, and names no key.
func forge(t testing.TB, name string, c claims) string {
	t.Helper()
	return handmade(t, privateKey(t, name), `{"alg":"ES256","typ":"JWT"}`, string(marshal(t, c)))
}

// mac makes an assertion in good form with a shared secret.
func mac(t testing.TB, algorithm jose.Algorithm, secret []byte, c claims) string {
	t.Helper()
	key, err := jose.NewSharedSecretSigningKey(secret, algorithm, "")
	if err != nil {
		t.Fatal(err)
	}
	token, err := key.Sign("JWT", marshal(t, c))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// proves is a client assertion by the client's own key.
func (d *deployment) proves(id string) part { return proof(sign(d.t, id+".ES256", d.of(id))) }

// handmade makes an assertion of any header and payload. The key is a private one or a shared secret; what it signs with
// follows from it, whatever the header says.
func handmade(t testing.TB, key any, header, payload string) string {
	t.Helper()
	input := encode(header) + "." + encode(payload)
	var signature []byte
	var err error
	switch key := key.(type) {
	case []byte:
		sum := hmac.New(crypto.SHA256.New, key)
		sum.Write([]byte(input))
		signature = sum.Sum(nil)
	case *ecdsa.PrivateKey:
		size := (key.Params().BitSize + 7) / 8
		hash := map[int]crypto.Hash{32: crypto.SHA256, 48: crypto.SHA384, 66: crypto.SHA512}[size]
		r, s, failure := ecdsa.Sign(rand.Reader, key, digest(hash, input))
		signature, err = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), failure
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest(crypto.SHA256, input))
	default:
		err = errors.New("no such key")
	}
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + encode(signature)
}

func digest(hash crypto.Hash, text string) []byte {
	sum := hash.New()
	sum.Write([]byte(text))
	return sum.Sum(nil)
}

func encode[T string | []byte](text T) string {
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

func decode(t testing.TB, text string) []byte {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func marshal(t testing.TB, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// payload is what the first version of a secret holds: enough for every HMAC.
func payload(secret string) []byte {
	sum := sha512.Sum512([]byte(secret))
	return sum[:]
}

// silent is a log that nobody reads.
func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// keepsNoSecrets is the Secret Manager of a configuration that needs none.
func keepsNoSecrets(string) keys.Source { return nil }

// A vault is the embedded Secret Manager, behind a door that a test can shut.
type vault struct {
	secretmanagerpb.UnimplementedSecretManagerServiceServer
	t      testing.TB
	behind secretmanagerpb.SecretManagerServiceClient
	ours   *gcp.SecretManager // the client that the server uses
	answer atomic.Uint32      // the code that a shut door answers with
}

// newVault makes the secrets. The payload of each follows from its name, except that signing keys have one, and that
// those whose names end in -jwks are for the test to fill.
func newVault(d *deployment, names []string, signing []byte) *vault {
	d.t.Helper()
	embedded, err := localsecrets.Start(localsecrets.Config{Now: d.clock.now})
	d.must(err)
	d.t.Cleanup(func() { _ = embedded.Close() })
	connection, err := grpc.NewClient("passthrough:///"+embedded.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	d.must(err)
	d.t.Cleanup(func() { _ = connection.Close() })
	v := &vault{t: d.t, behind: secretmanagerpb.NewSecretManagerServiceClient(connection)}

	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	d.must(err)
	door := grpc.NewServer(grpc.UnaryInterceptor(v.enter))
	secretmanagerpb.RegisterSecretManagerServiceServer(door, v)
	go func() { _ = door.Serve(listener) }()
	d.t.Cleanup(door.Stop)
	v.ours, err = gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: listener.Addr().String()})
	d.must(err)
	d.t.Cleanup(func() { _ = v.ours.Close() })
	for _, name := range names {
		d.must(v.ours.CreateSecret(context.Background(), name))
		switch {
		case name == d.configuration.SigningKeys.Secret:
			v.add(name, signing)
		case !strings.HasSuffix(name, "-jwks"):
			v.add(name, payload(name))
		}
		d.remember(string(payload(name)))
	}
	return v
}

// add adds a version to a secret.
func (v *vault) add(name string, content []byte) {
	v.t.Helper()
	if _, err := v.ours.AddVersion(context.Background(), name, content); err != nil {
		v.t.Fatal(err)
	}
}

// disable disables a version of a secret.
func (v *vault) disable(name, version string) {
	v.t.Helper()
	request := &secretmanagerpb.DisableSecretVersionRequest{Name: name + "/versions/" + version}
	if _, err := v.behind.DisableSecretVersion(context.Background(), request); err != nil {
		v.t.Fatal(err)
	}
}

func (v *vault) shut(answer codes.Code) { v.answer.Store(uint32(answer)) }
func (v *vault) open()                  { v.answer.Store(uint32(codes.OK)) }

func (v *vault) enter(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if answer := codes.Code(v.answer.Load()); answer != codes.OK {
		return nil, status.Error(answer, "The door is shut.")
	}
	return handle(ctx, request)
}

func (v *vault) CreateSecret(ctx context.Context, r *secretmanagerpb.CreateSecretRequest) (*secretmanagerpb.Secret, error) {
	return v.behind.CreateSecret(ctx, r)
}

func (v *vault) AddSecretVersion(ctx context.Context, r *secretmanagerpb.AddSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	return v.behind.AddSecretVersion(ctx, r)
}

func (v *vault) ListSecretVersions(ctx context.Context, r *secretmanagerpb.ListSecretVersionsRequest) (*secretmanagerpb.ListSecretVersionsResponse, error) {
	return v.behind.ListSecretVersions(ctx, r)
}

func (v *vault) AccessSecretVersion(ctx context.Context, r *secretmanagerpb.AccessSecretVersionRequest) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	return v.behind.AccessSecretVersion(ctx, r)
}

func (v *vault) GetSecretVersion(ctx context.Context, r *secretmanagerpb.GetSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	return v.behind.GetSecretVersion(ctx, r)
}
