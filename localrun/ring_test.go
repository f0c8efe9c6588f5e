package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
	"example.com/countersign/internal/seal"
)

const (
	firstRing  = "projects/acme/secrets/signing"
	secondRing = "projects/acme/secrets/signing-rs256"
)

// ringed is a folder with a configuration that has two rings in Secret Manager and one in a folder.
func ringed(t *testing.T) (path string, client *gcp.SecretManager) {
	t.Helper()
	emulator, err := localsecrets.Start(localsecrets.Config{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = emulator.Close() })
	t.Setenv(emulatorVariable, emulator.Address())
	if client, err = gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: emulator.Address()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	for _, secret := range []string{firstRing, secondRing} {
		if err := client.CreateSecret(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	path = filepath.Join(folder, "config.yaml")
	if err := os.Mkdir(filepath.Join(folder, "old"), 0o700); err != nil {
		t.Fatal(err)
	}
	document := "issuer: https://auth.example.com\nsigning_keys:\n  secret: " + firstRing + "\n  additional:\n" +
		"    - {secret: " + secondRing + ", algorithm: RS256}\n    - {directory: old, algorithm: ES256, publish_only: true}\n" +
		"resources: [{id: 'https://api.example.com', scopes: [read], access_tokens: {algorithm: RS256}}]\n"
	if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, client
}

func TestKeysRotate_refuses_what_it_cannot_rotate(t *testing.T) {
	path, client := ringed(t)
	for _, test := range []struct {
		args  []string
		texts []string
	}{
		{[]string{"-secret", "projects/acme/secrets/another"}, []string{"has no keys of ours in projects/acme/secrets/another", firstRing, secondRing}},
		{[]string{"-secret", firstRing + "/versions/1"}, []string{"has no keys of ours in"}},
		{[]string{"-secret", firstRing, "-kms", "x"}, []string{"give one of them"}},
		{[]string{"-kms", "projects/p/locations/l/keyRings/r/cryptoKeys/k"}, []string{"has no keys of ours in"}},
		{nil, []string{"has 3 rings", "-secret " + firstRing}},
		{[]string{firstRing}, []string{"is not an option"}},
	} {
		refuse(t, append([]string{"keys", "rotate", "-config", path}, test.args...), test.texts...)
	}
	refuse(t, []string{"keys", "rotate", "-config", path + ".bak"}, "cannot be read")
	for _, secret := range []string{firstRing, secondRing} {
		if versions, err := client.Versions(t.Context(), secret); err != nil || len(versions) > 0 {
			t.Errorf("%s has %d versions, %v", secret, len(versions), err)
		}
	}
}

func TestKeysRotate_adds_a_key_of_the_rings_algorithm_and_shows_the_ring(t *testing.T) {
	path, client := ringed(t)
	first := succeed(t, "keys", "rotate", "-config", path, "-secret", secondRing)
	if !strings.HasPrefix(first, "Added version 1.\n") || !strings.Contains(first, secondRing+", RS256\n") {
		t.Errorf("it prints\n%s", first)
	}
	if !regexp.MustCompile(`(?m)^  1  .* signs$`).MatchString(first) {
		t.Errorf("a first key does not sign at once:\n%s", first)
	}
	second := succeed(t, "keys", "rotate", "-config", path, "-secret", secondRing)
	if !regexp.MustCompile(`(?m)^  2  .* public, signs from \d\d:\d\d:\d\d \(in 6m(9|10)s\)$`).MatchString(second) ||
		!regexp.MustCompile(`(?m)^  Next: version 2 signs, `).MatchString(second) {
		t.Errorf("it prints\n%s", second)
	}
	versions, err := client.Versions(t.Context(), secondRing)
	if err != nil || len(versions) != 2 {
		t.Fatalf("%d versions, %v", len(versions), err)
	}
	for _, version := range versions {
		if d := regexp.MustCompile(`"d":"([^"]+)"`).FindSubmatch(version.Payload); d == nil || strings.Contains(first+second, string(d[1])) {
			t.Errorf("version %s is no private key, or it is shown", version.ID)
		}
	}
	if others, err := client.Versions(t.Context(), firstRing); err != nil || len(others) > 0 {
		t.Errorf("the other ring has %d versions, %v", len(others), err)
	}
}

// Also of a key that somebody has added by hand.
func TestKeysRotate_puts_public_halves_where_the_configuration_wants_them(t *testing.T) {
	path, client := ringed(t)
	const halves = "projects/acme/secrets/signing-public"
	if err := client.CreateSecret(t.Context(), halves); err != nil {
		t.Fatal(err)
	}
	succeed(t, "keys", "rotate", "-config", path, "-secret", firstRing)
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	document = []byte(strings.Replace(string(document), firstRing+"\n", firstRing+"\n  public_keys: "+halves+"\n", 1))
	if err := os.WriteFile(path, document, 0o600); err != nil {
		t.Fatal(err)
	}
	rotated := succeed(t, "keys", "rotate", "-config", path, "-secret", firstRing)
	if !strings.HasPrefix(rotated, "Added version 2.\nPublished the public half of version 1, 2.\n") {
		t.Errorf("it prints\n%s", rotated)
	}
	public, err := client.Versions(t.Context(), halves)
	if err != nil || len(public) != 2 {
		t.Fatalf("%d public halves, %v", len(public), err)
	}
	for i, version := range public {
		if text := string(version.Payload); strings.Contains(text, `"d":`) || !strings.Contains(text, `"version":"`+strconv.Itoa(i+1)+`"`) {
			t.Errorf("the half of version %d is %s", i+1, text)
		}
	}
}

// The ring of opaque tokens is rotated as those that sign, and said of in its own words.
func TestKeysRotate_adds_a_key_that_seals(t *testing.T) {
	path, client := ringed(t)
	const sealing = "projects/acme/secrets/opaque"
	if err := client.CreateSecret(t.Context(), sealing); err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(document, "opaque_tokens: {secret: "+sealing+"}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := succeed(t, "keys", "status", "-config", path, "-secret", sealing); !strings.Contains(text, "nothing can be sealed. A first key seals at once.") {
		t.Errorf("of a ring without a version it prints\n%s", text)
	}
	first := succeed(t, "keys", "rotate", "-config", path, "-secret", sealing)
	if !strings.HasPrefix(first, "Added version 1.\n") || !strings.Contains(first, sealing+", A256GCM\n") || !regexp.MustCompile(`(?m)^  1  .* seals$`).MatchString(first) {
		t.Errorf("it prints\n%s", first)
	}
	second := succeed(t, "keys", "rotate", "-config", path, "-secret", sealing)
	if !regexp.MustCompile(`(?m)^  2  .* opens, seals from \d\d:\d\d:\d\d \(in 6m(9|10)s\)$`).MatchString(second) ||
		!regexp.MustCompile(`(?m)^  Next: version 2 seals, `).MatchString(second) || strings.Contains(second, "sign") {
		t.Errorf("it prints\n%s", second)
	}
	versions, err := client.Versions(t.Context(), sealing)
	if err != nil || len(versions) != 2 {
		t.Fatalf("%d versions, %v", len(versions), err)
	}
	for _, version := range versions {
		if _, err := seal.ParseKey(version.Payload); err != nil {
			t.Errorf("version %s: %v", version.ID, err)
		}
	}
	if text := succeed(t, "keys", "status", "-config", path, "-json"); !strings.Contains(text, `"algorithm": "A256GCM"`) {
		t.Errorf("for machines it prints\n%s", text)
	}
}

func TestKeysStatus_shows_every_ring(t *testing.T) {
	path, client := ringed(t)
	if text := succeed(t, "keys", "status", "-config", path); strings.Count(text, "It has no version: nothing can be signed. A first key signs at once.") != 3 {
		t.Errorf("of rings without a version it prints\n%s", text)
	}
	succeed(t, "keys", "rotate", "-config", path, "-secret", firstRing)
	if _, err := client.AddVersion(t.Context(), firstRing, []byte("this is no key")); err != nil {
		t.Fatal(err)
	}
	result := runCommand(t, "", "keys", "status", "-config", path, "-json")
	if result.err != nil || !strings.Contains(result.stderr, "holds no usable signing key") {
		t.Errorf("%v, and standard error says %q", result.err, result.stderr)
	}
	var rings []struct {
		Ring, Algorithm string
		Versions        []struct{ Version, Kid, State, Phase string }
	}
	if err := json.Unmarshal([]byte(result.stdout), &rings); err != nil || len(rings) != 3 {
		t.Fatalf("%d rings, %v", len(rings), err)
	}
	if rings[0].Ring != firstRing || rings[0].Algorithm != "ES256" || rings[1].Ring != secondRing || rings[1].Algorithm != "RS256" || rings[2].Ring != "old" {
		t.Errorf("the rings are %v", rings)
	}
	first, second := rings[0].Versions[0], rings[0].Versions[1]
	if len(rings[0].Versions) != 2 || first.Phase != "signing" || first.Kid == "" || first.State != "enabled" || second.Phase != "unusable" || second.Kid != "" {
		t.Errorf("the versions are %v", rings[0].Versions)
	}
}
