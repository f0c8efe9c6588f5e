package bench

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/seal"
)

// deployment is what the functions of one benchmark are started with: a configuration, and a Secret Manager with the
// signing keys. Programs that have no configuration get the same environment, and do not look at it.
type deployment struct {
	environment []string
	party       *party
	log         io.Writer // of the processes; nil: nowhere
}

// The secrets of every deployment.
const (
	signingKeys = "projects/bench/secrets/signing"
	opaqueKeys  = "projects/bench/secrets/opaque"
	sharedKey   = "projects/bench/secrets/shared"
)

// deploy starts the Secret Manager in this process, and writes the configuration that configure makes of the key of the
// measured client. Both keys are those of newKey.
func deploy(tb testing.TB, signing, client string, configure func(client jose.SigningKey) string) *deployment {
	tb.Helper()
	secrets, err := localsecrets.Start(localsecrets.Config{Now: time.Now})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = secrets.Close() })
	key, err := newKey(tb, signing).EncodePrivateJWK()
	if err != nil {
		tb.Fatal(err)
	}
	store(tb, secrets.Address(), map[string][]byte{
		signingKeys: key, opaqueKeys: seal.NewKeyMaterial(), sharedKey: []byte(rand.Text() + rand.Text()),
	})
	d := &deployment{party: &party{key: newKey(tb, client)}}
	path := filepath.Join(tb.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(configure(d.party.key)), 0o600); err != nil {
		tb.Fatal(err)
	}
	d.environment = []string{
		"FUNCTION_TARGET=AuthorizationServer",
		"COUNTERSIGN_CONFIG=file:" + path,
		"SECRET_MANAGER_EMULATOR_HOST=" + secrets.Address(),
		"GOOGLE_CLOUD_PROJECT=bench",
	}
	return d
}

// form is the body of one token request of the measured client.
func (d *deployment) form(tb testing.TB) string { return d.party.form(tb, time.Now().Unix()) }

func store(tb testing.TB, secretManager string, payloads map[string][]byte) {
	tb.Helper()
	client, err := gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: secretManager})
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	for name, payload := range payloads {
		if err := client.CreateSecret(context.Background(), name); err != nil {
			tb.Fatal(err)
		}
		if _, err := client.AddVersion(context.Background(), name, payload); err != nil {
			tb.Fatal(err)
		}
	}
}

// newKey makes a key for an algorithm, which may have a size behind it: RS256-2048.
func newKey(tb testing.TB, name string) jose.SigningKey {
	tb.Helper()
	algorithm, size, sized := strings.Cut(name, "-")
	key, err := jose.GenerateSigningKey(jose.Algorithm(algorithm))
	if sized {
		bits, _ := strconv.Atoi(size)
		private, generating := rsa.GenerateKey(rand.Reader, bits)
		if generating != nil {
			tb.Fatal(generating)
		}
		key, err = jose.NewSigningKey(private, jose.Algorithm(algorithm))
	}
	if err != nil {
		tb.Fatalf("a key for %s: %v", name, err)
	}
	return key
}

// busy is a configuration with two clients of the same key: the measured one, and one in whose name bad requests come.
type busy struct {
	algorithm jose.Algorithm // that signs tokens; empty: ES256
	resource  string         // members of the API; empty: its tokens are signed
	section   string         // at the top; empty: nothing more
}

func (c busy) configure(client jose.SigningKey) string {
	set, err := jose.EncodeKeySet(jose.KeySet{client.Verification()})
	if err != nil {
		panic(err)
	}
	text := fmt.Sprintf("issuer: %s\nsigning_keys: {secret: %s, algorithm: %s}\n%s\n", issuer, signingKeys, cmp.Or(c.algorithm, jose.ES256), c.section) +
		"resources:\n  - {id: 'https://api.example.com', scopes: [read, write]" + c.resource + "}\nclients:\n"
	for i := range 2 {
		text += fmt.Sprintf("  - id: client-%d\n    authentication: private_key_jwt\n    keys: {jwks: '%s'}\n", i, set) +
			"    grants: [client_credentials]\n    allow: [{resource: 'https://api.example.com', scopes: [read, write]}]\n"
	}
	return text
}
