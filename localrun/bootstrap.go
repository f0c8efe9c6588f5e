package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"text/template"

	"example.com/countersign/internal/jose"
)

// The parties of the demonstration, by the names of their files. The configuration knows them by the same names, except
// that the CI system has a URL there.
const (
	reportName = "nightly-report" // a client with a key of its own
	portalName = "old-portal"     // a client with a password
	mirrorName = "stock-mirror"   // a client whose tokens are bound to its key
	ciName     = "ci"             // an issuer with a key of its own
	tillName   = "legacy-till"    // an issuer with a shared secret
	ledgerID   = "ledger"         // a client with a certificate, where there is TLS

	ciIssuer = "https://ci.example.com"
)

// secretText is the end of the name of a file that holds a shared secret or a password. The files of a key pair are
// called as the command keys calls them.
const secretText = ".secret"

// partyFiles returns the names of all files that belong to a party.
func partyFiles() []string {
	files := []string{portalName + secretText, tillName + secretText}
	for _, party := range []string{reportName, mirrorName, ciName} {
		files = append(files, party+".pem", party+".pub.pem", party+".jwks.json")
	}
	return files
}

// keyPair returns the private key of a party, and sees to it that the public one lies beside it.
func (s state) keyPair(party string) (jose.SigningKey, error) {
	private, public := party+".pem", party+".jwks.json"
	if !s.has(private) && s.has(public) {
		return jose.SigningKey{}, fmt.Errorf("%s is missing, and %s belongs to it; restore the one, or remove the other for a new pair",
			s.path(private), s.path(public))
	}
	document, err := s.keep(private, 0o600, newPrivateKey)
	if err != nil {
		return jose.SigningKey{}, err
	}
	key, err := jose.ParseSigningKey(document, jose.ES256)
	if err != nil {
		return jose.SigningKey{}, fmt.Errorf("%s cannot be used: %w; restore it, or begin anew with -reset", s.path(private), err)
	}
	files, err := keyPairFiles(party, key)
	if err != nil {
		return jose.SigningKey{}, err
	}
	for _, file := range files {
		if _, err := s.keep(file.Name, file.mode(), func() ([]byte, error) { return file.Content, nil }); err != nil {
			return jose.SigningKey{}, err
		}
	}
	return key, nil
}

func newPrivateKey() ([]byte, error) {
	key, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		return nil, err
	}
	return key.EncodePKCS8()
}

// secret returns the shared secret or password of a party. It is long enough for HS512 (RFC 7518 §3.2), and has no line
// end: every byte of the file counts.
func (s state) secret(party string) ([]byte, error) {
	return s.keep(party+secretText, 0o600, func() ([]byte, error) { return randomText(64), nil })
}

//go:embed demo.yaml
var demoTemplate string

// demoConfiguration is what the demonstration's configuration is made with.
type demoConfiguration struct {
	Program    string // how this program is called
	Path       string // where the configuration will be
	Issuer     string
	Resource   string // the demo API
	PortalHash string
	TLS        bool // with a client that has a certificate
}

func (d demoConfiguration) render() ([]byte, error) {
	parsed, err := template.New("demo.yaml").Option("missingkey=error").Parse(demoTemplate)
	if err != nil {
		return nil, err
	}
	var document bytes.Buffer
	err = parsed.Execute(&document, d)
	return document.Bytes(), err
}

// portalHash returns the hash of the old portal's password, which is all that the configuration has of it.
func (s state) portalHash() (string, error) {
	password, err := s.secret(portalName)
	if err != nil {
		return "", err
	}
	return hashSecret(password)
}
