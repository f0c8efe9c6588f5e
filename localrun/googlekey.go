package main

import (
	"encoding/json"
	"errors"
	"strings"

	"example.com/countersign/internal/jose"
)

// googleKey is a service account key file as Google's auth libraries read it. What they need differs: all of them
// client_email and private_key, Python's token_uri, Java's client_id and private_key_id, Firebase's project_id. The other
// URLs of Google's own files are for flows with a browser, and none of them asks for those.
type googleKey struct {
	Type           string `json:"type"`
	ProjectID      string `json:"project_id"`
	PrivateKeyID   string `json:"private_key_id"`
	PrivateKey     string `json:"private_key"`
	ClientEmail    string `json:"client_email"`
	ClientID       string `json:"client_id"`
	TokenURI       string `json:"token_uri"`
	UniverseDomain string `json:"universe_domain"`
}

// String keeps the private key out of every way of printing.
func (k googleKey) String() string { return "key file of " + k.ClientEmail }

// GoString is String.
func (k googleKey) GoString() string { return k.String() }

const (
	googleKeyType = "service_account"

	// googleUniverse is the one universe_domain in which the libraries ask token_uri at all. In any other they sign
	// access tokens themselves.
	googleUniverse = "googleapis.com"

	// googleAudience is the aud that the Python and Java libraries state whatever token_uri says. Go's state token_uri.
	googleAudience = "https://oauth2.googleapis.com/token"
)

// newGoogleKey makes the key file of a party. The libraries sign with RS256 and nothing else.
func newGoogleKey(id, tokenURL string, key jose.SigningKey) (googleKey, error) {
	if key.Algorithm() != jose.RS256 {
		return googleKey{}, errors.New("a Google key file is for RS256 only; leave -alg out")
	}
	private, err := key.EncodePKCS8()
	return googleKey{
		Type:           googleKeyType,
		ProjectID:      googleProject(id),
		PrivateKeyID:   key.ID(),
		PrivateKey:     string(private),
		ClientEmail:    id,
		ClientID:       id,
		TokenURI:       tokenURL,
		UniverseDomain: googleUniverse,
	}, err
}

// googleProject takes the project out of an id like robot@acme.iam.gserviceaccount.com.
func googleProject(id string) string {
	_, host, _ := strings.Cut(id, "@")
	project, _, _ := strings.Cut(host, ".")
	if project == "" {
		return "countersign"
	}
	return project
}

// encode returns the file.
func (k googleKey) encode() ([]byte, error) {
	text, err := json.MarshalIndent(k, "", "  ") //nolint:gosec // the private key is what the file is for
	return append(text, '\n'), err
}

// parseGoogleKey reports whether document is a key file of Google's, and reads it.
func parseGoogleKey(document []byte) (googleKey, bool) {
	var key googleKey
	if json.Unmarshal(document, &key) != nil || key.Type != googleKeyType {
		return googleKey{}, false
	}
	return key, true
}
