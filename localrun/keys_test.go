package main

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/service"
)

func TestKeysOfEveryAlgorithmRoundTrip(t *testing.T) {
	for _, algorithm := range jose.AsymmetricAlgorithms() {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			printed := succeed(t, "keys", "-alg", string(algorithm), "--name=party", "--out", folder, "-jwk")
			private := parsePrivate(t, filepath.Join(folder, "party.pem"), algorithm)
			jwk := parsePrivate(t, filepath.Join(folder, "party.jwk.json"), "")
			if jwk.ID() != private.ID() || jwk.Algorithm() != algorithm {
				t.Errorf("the private JWK is %v, and the PEM is %v", jwk, private)
			}
			for _, name := range []string{"party.jwks.json", "party.pub.pem"} {
				public, err := jose.ParseRegisteredKeys(read(t, filepath.Join(folder, name)), algorithm)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				checkPair(t, private, public)
			}
			if !strings.Contains(printed, private.ID()) {
				t.Errorf("the kid is not in the output:\n%s", printed)
			}
		})
	}
}

func parsePrivate(t *testing.T, path string, algorithm jose.Algorithm) jose.SigningKey {
	t.Helper()
	key, err := jose.ParseSigningKey(read(t, path), algorithm)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return key
}

// checkPair holds that public verifies what private signs, and is found by its kid.
func checkPair(t *testing.T, private jose.SigningKey, public jose.KeySet) {
	t.Helper()
	signed, err := private.Sign("JWT", []byte(`{"iss":"party"}`))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jose.Parse(signed)
	if err != nil {
		t.Fatal(err)
	}
	key, err := public.Find(token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := token.Verify(key); err != nil {
		t.Error(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrivateFilesAreForTheirOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	folder := filepath.Join(t.TempDir(), "new", "folder")
	succeed(t, "keys", "-jwk", "-out", folder)
	succeed(t, "keys", "-alg", "HS256", "-out", folder)
	succeed(t, "keys", "-format", "google-service-account", "-id", "robot", "-url", "https://auth.example.com", "-name", "robot", "-out", folder)
	succeed(t, "keys", "secret", "-out", filepath.Join(folder, "portal.secret"))
	want := map[string]fs.FileMode{
		"client.pem": 0o600, "client.jwk.json": 0o600, "client.secret": 0o600, "robot.json": 0o600, "portal.secret": 0o600,
		"client.pub.pem": 0o644, "client.jwks.json": 0o644, "robot.jwks.json": 0o644,
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != len(want) {
		t.Fatalf("%d files, %v; want %d", len(entries), err, len(want))
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		// A umask may take away from what the public may read, and never from the rest.
		if mode := info.Mode().Perm(); mode&^want[entry.Name()] != 0 || mode&0o600 != 0o600 {
			t.Errorf("%s has the mode %o; want %o", entry.Name(), mode, want[entry.Name()])
		}
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v; want 0700", info, err)
	}
}

func TestFilesThatExistAreLeftAlone(t *testing.T) {
	folder := t.TempDir()
	write(t, filepath.Join(folder, "client.jwks.json"), "mine")
	refuse(t, []string{"keys", "-out", folder}, "client.jwks.json exists already", "-force")
	if _, err := os.Stat(filepath.Join(folder, "client.pem")); err == nil {
		t.Error("half of a key pair was written")
	}
	if got := string(read(t, filepath.Join(folder, "client.jwks.json"))); got != "mine" {
		t.Errorf("the file was changed to %q", got)
	}
}

func TestForceReplacesFilesAndTheirModes(t *testing.T) {
	folder := t.TempDir()
	path := write(t, filepath.Join(folder, "client.pem"), "a private key that everybody could read")
	succeed(t, "keys", "-out", folder, "-force")
	parsePrivate(t, path, jose.ES256)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %o", info.Mode().Perm())
	}
	if entries, _ := os.ReadDir(folder); len(entries) != 3 {
		t.Errorf("want three files, not %v", entries)
	}
}

func TestSharedSecretHasTheLengthOfItsHash(t *testing.T) {
	for algorithm, bytes := range map[jose.Algorithm]int{jose.HS256: 32, jose.HS384: 48, jose.HS512: 64} {
		folder := t.TempDir()
		succeed(t, "keys", "-alg", string(algorithm), "-name", "warehouse", "-out", folder)
		secret := read(t, filepath.Join(folder, "warehouse.secret"))
		if len(secret) < bytes*4/3 || strings.ContainsAny(string(secret), "\r\n =") {
			t.Errorf("%s: %d characters, %q", algorithm, len(secret), secret)
		}
		if _, err := jose.NewSharedSecretSigningKey(secret, algorithm, ""); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
}

func TestPrintedRegistrationsLoad(t *testing.T) {
	folder := t.TempDir()
	google := []string{"keys", "-format", "google-service-account", "-url", "https://auth.example.com", "-name", "g", "-id", "robot@acme.iam.gserviceaccount.com"}
	for id, args := range map[string][]string{
		"elliptic":                           {"keys", "-name", "elliptic"},
		"https://e.example":                  {"keys", "-name", "edwards", "-alg", "EdDSA", "-id", "https://e.example"},
		"on":                                 {"keys", "-name", "rsa", "-alg", "PS256", "-id", "on"},
		"42":                                 {"keys", "-name", "number", "-alg", "ES512", "-id", "42"},
		"warehouse":                          {"keys", "-name", "warehouse", "-alg", "HS384"},
		"a: \"b\" # c":                       {"keys", "secret", "-id", "a: \"b\" # c"},
		"robot@acme.iam.gserviceaccount.com": google,
	} {
		t.Run(id, func(t *testing.T) {
			if !slices.Contains(args, "secret") {
				args = append(args, "-out", folder)
			}
			printed := succeed(t, args...)
			_, registration, _ := strings.Cut(printed, "\n\nclients:\n")
			registration, _, _ = strings.Cut(registration, "\n\n")
			document := "resources: [{id: https://api.example.com, scopes: [read]}]\nissuer: https://auth.example.com\nsigning_keys: {directory: x}\nclients:\n" +
				strings.NewReplacer("PROJECT", "acme", "SECRET", "hmac").Replace(registration)
			configuration, faults := config.Load("config.yaml", []byte(document))
			_, more := service.New(configuration, service.Surroundings{Secrets: secretsOf{}.source, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
			if err := append(faults, more...).Err(); err != nil {
				t.Fatalf("%v\nin\n%s", err, document)
			}
			if got := configuration.Clients[0].ID; got != id {
				t.Errorf("the client is %q, want %q", got, id)
			}
		})
	}
}

func TestKeysRefusesWhatMakesNoSense(t *testing.T) {
	out := t.TempDir()
	for _, test := range []struct {
		args string
		want string
	}{
		{"-alg RS999", "use one of ES256"},
		{"-alg none", "use one of ES256"},
		{"-format jks", "use one of pem, google-service-account"},
		{"-name ../up", "-out says which folder"},
		{"-name a/b", "-out says which folder"},
		{"-name=", "not the beginning of a file name"},
		{"-alg HS256 -jwk", "-jwk is for key pairs"},
		{"-url https://auth.example.com", "-url is for -format google-service-account"},
		{"-format google-service-account", "-id, like robot@acme.example, and -url"},
		{"-format google-service-account -id robot", "-url"},
		{"-format google-service-account -id robot -url https://a.example -alg ES256", "RS256 only"},
		{"-format google-service-account -id robot -url http://a.example", "not https"},
		{"-format google-service-account -id robot -url auth", "not a URL"},
		{"-nme x", "-nme; localrun keys -h lists the options"},
		{"-alg", "needs an argument"},
		{"rotate-everything", `"rotate-everything" is not an option`},
		{"secret extra", `"extra" is not an option`},
		{"secret -in a -out b", "give one of them"},
		{"secret -in missing-file", "missing-file"},
	} {
		t.Run(test.args, func(t *testing.T) {
			refuse(t, append([]string{"keys"}, strings.Fields(test.args)...), test.want)
		})
	}
	refuse(t, []string{"keys", "-out", write(t, filepath.Join(out, "file"), "")}, "file")
}
