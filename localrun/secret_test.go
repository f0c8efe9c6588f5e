package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alexedwards/argon2id"

	"example.com/countersign/internal/client"
)

// fits reports whether the hash in printed is that of secret, and one that the service takes.
func fits(t *testing.T, printed, secret string) bool {
	t.Helper()
	hash := regexp.MustCompile(`\$argon2id\$\S+`).FindString(printed)
	if _, err := client.ParseSecretHash(hash); err != nil {
		t.Fatalf("%v in\n%s", err, printed)
	}
	fits, err := argon2id.ComparePasswordAndHash(secret, hash)
	return err == nil && fits
}

func TestNewSecretIsPrintedOnceWithItsHash(t *testing.T) {
	printed := succeed(t, "keys", "secret", "-id", "old-portal")
	secret := regexp.MustCompile(`(?m)^  ([-_A-Za-z0-9]{43})$`).FindStringSubmatch(printed)
	if len(secret) != 2 || strings.Count(printed, secret[1]) != 1 || !fits(t, printed, secret[1]) {
		t.Errorf("no secret with its hash in\n%s", printed)
	}
	if again := succeed(t, "keys", "secret"); strings.Contains(again, secret[1]) {
		t.Error("two secrets are the same")
	}
}

func TestSecretInAFileIsNotPrinted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "portal.secret")
	printed := succeed(t, "keys", "secret", "-out", path)
	secret := string(read(t, path))
	if strings.Contains(printed, secret) || !fits(t, printed, secret) {
		t.Errorf("want the hash and not the secret:\n%s", printed)
	}
	refuse(t, []string{"keys", "secret", "-out", path}, "exists already")
	if string(read(t, path)) != secret {
		t.Error("the file was changed")
	}
}

func TestSecretThatExistsIsHashed(t *testing.T) {
	for _, ending := range []string{"", "\n", "\r\n"} {
		result := runCommand(t, "correct horse"+ending, "keys", "secret", "-in", "-")
		if result.err != nil || !fits(t, result.stdout, "correct horse") || strings.Contains(result.stdout, "horse") {
			t.Errorf("%q: %v\n%s", ending, result.err, result.stdout)
		}
	}
	for _, empty := range []string{"", "\n"} {
		if result := runCommand(t, empty, "keys", "secret", "-in", "-"); result.err == nil {
			t.Errorf("%q was hashed", empty)
		}
	}
	if _, err := os.Stat("-"); err == nil {
		t.Error("a file was made")
	}
}
