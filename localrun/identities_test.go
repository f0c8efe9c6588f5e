package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckShowsWhoGetsGrantsOfOtherServers(t *testing.T) {
	folder := t.TempDir()
	newKey(t, folder, "idp", "ES256")
	path := filepath.Join(folder, "config.yaml")
	write(t, path, `issuer: https://auth.example.com
signing_keys: {secret: projects/acme/secrets/signing-keys}
resources: [{id: https://api.example.com, scopes: [read]}]
clients:
  - id: assistant
    authentication: private_key_jwt
    keys: {file: idp.jwks.json}
    grants: ["urn:ietf:params:oauth:grant-type:token-exchange"]
issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.jwks.json}
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - issuer: https://workforce.example.com
    profile: id-jag
    keys: {file: idp.jwks.json}
    allow: [{resource: https://api.example.com, scopes: [read]}]
identity_assertions:
  - audience: https://auth.chat.example.net
    clients: [{id: assistant, client_id: f53}]
    issuers: [https://idp.example.com]
    scopes: [chat.read, chat.history]
    resources: [https://api.chat.example.net/mcp]
`)
	got := runCommand(t, "", "check", path)
	for _, want := range []string{
		"client assistant (there f53) by grants of https://auth.chat.example.net\n" +
			"    for users of https://idp.example.com\n    chat.read chat.history\n    at https://api.chat.example.net/mcp\n",
		"issuer https://workforce.example.com (id-jag, client authenticated) by jwt-bearer\n",
	} {
		if got.err != nil || !strings.Contains(got.stdout, want) {
			t.Errorf("%v; want %q in\n%s", got.err, want, got.stdout)
		}
	}
	var told struct {
		Identities []identity `json:"identity_assertions"`
	}
	got = runCommand(t, "", "check", "-json", path)
	if err := json.Unmarshal([]byte(got.stdout), &told); err != nil || len(told.Identities) != 1 {
		t.Fatalf("%v\n%s", err, got.stdout)
	}
	if one := told.Identities[0]; one.Client != "assistant" || one.ClientID != "f53" || one.Lifetime != 300 || one.Rule != "identity_assertions[0]" {
		t.Errorf("got %+v", one)
	}
}
