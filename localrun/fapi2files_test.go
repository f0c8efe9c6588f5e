package main

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
)

// conformance is where the configuration for the conformance suite is.
var conformance = filepath.Join("..", "testdata", "fapi2")

// suiteConfig is a configuration of the suite, with the members that its plan for client credentials reads.
type suiteConfig struct {
	Alias       string        `json:"alias"`
	Description string        `json:"description"`
	Server      suiteServer   `json:"server"`
	Client      suiteClient   `json:"client"`
	Client2     suiteClient   `json:"client2"`
	MTLS        *suiteKeyPair `json:"mtls,omitempty"`
	MTLS2       *suiteKeyPair `json:"mtls2,omitempty"`
	Resource    suiteResource `json:"resource"`
}

type suiteServer struct {
	DiscoveryURL string `json:"discoveryUrl"`
}

type suiteClient struct {
	ID        string         `json:"client_id"`
	Scope     string         `json:"scope"`
	Algorithm jose.Algorithm `json:"dpop_signing_alg,omitempty"`
	JWKS      suiteKeys      `json:"jwks"`
}

type suiteKeys struct {
	Keys []json.RawMessage `json:"keys"`
}

type suiteKeyPair struct {
	Certificate string `json:"cert"`
	Key         string `json:"key"`
	Authority   string `json:"ca"`
}

type suiteResource struct {
	URL    string `json:"resourceUrl"`
	Method string `json:"resourceMethod"`
}

// variant is a way to authenticate and to bind, as the suite calls them.
type variant struct {
	file                    string // of the suite
	authentication, binding string
	first, second           string // its two clients; the digit at the end of an id is that of the key and the certificate
}

var variants = []variant{
	{"private_key_jwt-dpop.json", "private_key_jwt", "dpop", "key-1", "key-2"},
	{"private_key_jwt-dpop-es256.json", "private_key_jwt", "dpop", "key-3", "key-2"},
	{"private_key_jwt-mtls.json", "private_key_jwt", "mtls", "key-1", "key-2"},
	{"mtls-mtls.json", "mtls", "mtls", "tls-1", "tls-2"},
	{"mtls-dpop.json", "mtls", "dpop", "tls-dpop-1", "tls-dpop-2"},
}

// suiteFile returns what the suite is given for a variant, made from the keys and certificates beside it.
func suiteFile(t *testing.T, v variant) []byte {
	t.Helper()
	file := func(name string) string { return filepath.Join(conformance, name) }
	client := func(id string) suiteClient {
		number := id[len(id)-1:]
		key := parsePrivate(t, file("test-key-"+number+".pem"), conformanceKeys[number])
		private, err := key.EncodePrivateJWK()
		if err != nil {
			t.Fatal(err)
		}
		c := suiteClient{ID: id, Scope: "accounts", JWKS: suiteKeys{[]json.RawMessage{private}}}
		if v.binding == "dpop" {
			c.Algorithm = key.Algorithm()
		}
		return c
	}
	pair := func(number string) *suiteKeyPair {
		if v.authentication != "mtls" && v.binding != "mtls" {
			return nil
		}
		return &suiteKeyPair{
			Certificate: string(read(t, file("test-tls-"+number+certificateText))),
			Key:         string(read(t, file("test-tls-"+number+".pem"))),
			Authority:   string(read(t, file("test-clients-ca"+certificateText))),
		}
	}
	text, err := json.MarshalIndent(suiteConfig{
		Alias: "countersign",
		Description: fmt.Sprintf("Countersign on this machine: client credentials, %s and %s. The keys are public.",
			v.authentication, v.binding),
		Server: suiteServer{"https://localhost:8443/.well-known/oauth-authorization-server"},
		Client: client(v.first), Client2: client(v.second), MTLS: pair("1"), MTLS2: pair("2"),
		Resource: suiteResource{"https://localhost:8444/", "GET"},
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// TestConformanceFilesHaveTheKeysBesideThem sees to it that what is registered and what the suite is given are of one kind.
// With -update it writes the files, and makes the keys that are not there.
func TestConformanceFilesHaveTheKeysBesideThem(t *testing.T) {
	if *update {
		makeConformanceKeys(t)
	}
	for _, variant := range variants {
		name := filepath.Join(conformance, variant.file)
		want := suiteFile(t, variant)
		if *update {
			write(t, name, string(want))
		}
		if diff := cmp.Diff(string(want), string(read(t, name))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for number, algorithm := range conformanceKeys {
		name := filepath.Join(conformance, "test-key-"+number)
		key := parsePrivate(t, name+".pem", algorithm)
		file, err := publicKeySetFile(name, key)
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, file.Name); !bytes.Equal(got, file.Content) {
			t.Errorf("%s is of another key", file.Name)
		}
	}
}

var conformanceKeys = map[string]jose.Algorithm{"1": jose.PS256, "2": jose.PS256, "3": jose.ES256}

// makeConformanceKeys makes the keys, and the certificates, which are good for a hundred years. The key of their CA is kept
// by nobody.
func makeConformanceKeys(t *testing.T) {
	t.Helper()
	for number, algorithm := range conformanceKeys {
		name := "test-key-" + number
		if !isThere(t, name+".pem") {
			newKey(t, conformance, name, algorithm)
			if err := os.Remove(filepath.Join(conformance, name+".pub.pem")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if isThere(t, "test-clients-ca"+certificateText) {
		return
	}
	authority := issueForEver(t, "test-clients-ca", nil, x509.Certificate{
		Subject: pkix.Name{CommonName: "Public test CA", Organization: []string{localTest}},
		IsCA:    true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	})
	for _, number := range []string{"1", "2"} {
		issueForEver(t, "test-tls-"+number, &authority, clientCertificate("tls-"+number))
	}
}

func isThere(t *testing.T, name string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(conformance, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func issueForEver(t *testing.T, name string, issuer *certified, template x509.Certificate) certified {
	t.Helper()
	document, err := newPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := parseSigner(document)
	if err != nil {
		t.Fatal(err)
	}
	template.NotBefore, template.NotAfter = now, now.AddDate(100, 0, 0)
	parent, signer := &template, key
	if issuer != nil {
		parent, signer = issuer.certificate, issuer.key
		write(t, filepath.Join(conformance, name+".pem"), string(document))
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(conformance, name+certificateText), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return certified{certificate, key}
}
