package main

import (
	"context"
	"path/filepath"
	"testing"

	"golang.org/x/oauth2/google"
)

// TestGooglesLibraryGetsATokenFromUs is the promise of the format: no code of ours on the client's side.
func TestGooglesLibraryGetsATokenFromUs(t *testing.T) {
	folder := t.TempDir()
	const id = "robot@acme.iam.gserviceaccount.com"
	// The server's address is known only when it runs, and its configuration has the key.
	succeed(t, "keys", "-format", "google-service-account", "-name", "robot", "-id", id, "-url", testIssuer, "-out", folder)
	server := startServer(t, folder, nil, `clients:
  - id: `+id+`
    authentication: none
    keys: {file: robot.jwks.json}
    grants: ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assertion: {subject: issuer, scope: claim, max_lifetime: 1h}
    allow:
      - {resource: https://api.example.com, scopes: [read, write]}
`)
	file, _ := parseGoogleKey(read(t, filepath.Join(folder, "robot.json")))
	file.TokenURI = tokenEndpoint(server.issuer)
	content, err := file.encode()
	if err != nil {
		t.Fatal(err)
	}
	library, err := google.JWTConfigFromJSON(content, "read")
	if err != nil {
		t.Fatal(err)
	}
	token, err := library.TokenSource(context.Background()).Token()
	if err != nil {
		t.Fatal(err)
	}
	claims := server.claims(t, token.AccessToken+"\n")
	if claims["sub"] != id || claims["scope"] != "read" || claims["aud"] != "https://api.example.com" {
		t.Errorf("the token is %v", claims)
	}

	path := write(t, filepath.Join(folder, "robot-here.json"), string(content))
	claims = server.claims(t, succeed(t, "token", "-key", path, "-scope", "write"))
	if claims["sub"] != id || claims["scope"] != "write" {
		t.Errorf("the token of our own command is %v", claims)
	}
}
