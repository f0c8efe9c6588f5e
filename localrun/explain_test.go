package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"example.com/countersign/internal/jose"
)

// fixtures is where the keys of the explanations are.
var fixtures = filepath.Join("..", "testdata", "keys")

var update = flag.Bool("update", false, "rewrite what localrun explain prints in testdata/explain")

// TestExplanations plays every file of testdata/explain. How each is to be read is in the README.md there.
func TestExplanations(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "explain", "*.txtar"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			playExplanation(t, archive)
			if *update {
				write(t, file, strings.TrimRight(string(txtar.Format(archive)), "\n")+"\n")
			}
		})
	}
}

func playExplanation(t *testing.T, archive *txtar.Archive) {
	t.Helper()
	folder := t.TempDir()
	var signed, keyID string
	for i := range archive.Files {
		section := &archive.Files[i]
		key, isAssertion := strings.CutPrefix(section.Name, "assertion signed with ")
		options, isRun := strings.CutPrefix(section.Name, "explain ")
		switch {
		case section.Name == "config.yaml":
			copyPublicKeys(t, folder, string(section.Data))
			write(t, filepath.Join(folder, section.Name), string(section.Data))
		case isAssertion:
			signed, keyID = signFixture(t, key, section.Data)
		case isRun:
			args := append([]string{"explain", "-config", filepath.Join(folder, "config.yaml")}, strings.Fields(options)...)
			result := runCommand(t, signed, args...)
			status := 0
			if result.err != nil {
				status = exitStatus(result.err)
			}
			got := fmt.Sprintf("%sexit status %d\n", strings.ReplaceAll(result.stdout, keyID, "KID"), status)
			switch diff := cmp.Diff(strings.TrimSpace(string(section.Data)), strings.TrimSpace(got)); {
			case *update:
				section.Data = []byte(got + "\n")
			case diff != "":
				t.Errorf("%s (-file +localrun):\n%s", section.Name, diff)
			}
		default:
			t.Fatalf("there is no such section: %q", section.Name)
		}
	}
}

// copyPublicKeys puts the key files of a configuration beside it.
func copyPublicKeys(t *testing.T, folder, document string) {
	t.Helper()
	for _, name := range regexp.MustCompile(`[\w-]+\.public\.pem`).FindAllString(document, -1) {
		write(t, filepath.Join(folder, name), string(read(t, filepath.Join(fixtures, name))))
	}
}

// signFixture signs claims with a key of the fixtures: a private key, or, where it is no PEM, a shared secret for HS256.
func signFixture(t *testing.T, name string, claims []byte) (signed, keyID string) {
	t.Helper()
	path := filepath.Join(fixtures, name)
	if filepath.Ext(name) != ".pem" {
		key, err := jose.NewSharedSecretSigningKey(read(t, filepath.Join(fixtures, "secrets", name)), jose.HS256, "")
		if err != nil {
			t.Fatal(err)
		}
		return mustSign(t, key, claims), "no key has an ID"
	}
	key := parsePrivate(t, path, "")
	return mustSign(t, key, claims), key.ID()
}

func mustSign(t *testing.T, key jose.SigningKey, claims []byte) string {
	t.Helper()
	if !json.Valid(claims) {
		t.Fatalf("these are no claims: %s", claims)
	}
	signed, err := key.Sign("JWT", claims)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
