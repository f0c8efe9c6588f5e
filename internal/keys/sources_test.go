package keys_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

func TestDirectory_is_the_keys_of_a_folder(t *testing.T) {
	folder := t.TempDir()
	old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, content := range map[string]string{
		"a.pem": "A", "b.jwk": "B", "c.json": "C", "D.PEM": "D", "README.md": "x", "e.pem~": "x", "pem": "x", ".gitignore": "x", "f.pem.bak": "x", "g.key": "x",
	} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "retired.pem"), 0o700); err != nil {
		t.Fatal(err)
	}
	versions, err := keys.Directory(folder).Versions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range versions {
		versions[i].Created = versions[i].Created.UTC()
	}
	slices.SortFunc(versions, func(a, b keys.Version) int { return bytes.Compare(a.Payload, b.Payload) })
	var want []keys.Version
	for i, name := range []string{"a.pem", "b.jwk", "c.json", "D.PEM"} {
		want = append(want, keys.Version{ID: name, Created: old, State: keys.Enabled, Payload: []byte{byte('A' + i)}})
	}
	if diff := cmp.Diff(want, versions); diff != "" {
		t.Error(diff)
	}
}

func TestDirectory_that_cannot_be_read_is_an_error_and_not_empty(t *testing.T) {
	folder := t.TempDir()
	if versions, err := keys.Directory(filepath.Join(folder, "missing")).Versions(t.Context()); err == nil || versions != nil {
		t.Errorf("missing: %v, %v", versions, err)
	}
	if versions, err := keys.Directory("").Versions(t.Context()); err == nil || versions != nil {
		t.Errorf("no name: %v, %v", versions, err)
	}
	if err := os.WriteFile(filepath.Join(folder, "a.pem"), []byte("A"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(folder, "nowhere"), filepath.Join(folder, "b.pem")); err != nil {
		t.Skip(err)
	}
	if versions, err := keys.Directory(folder).Versions(t.Context()); err == nil || versions != nil {
		t.Errorf("one of two cannot be read: %v, %v", versions, err)
	}
}

// shared is a secret shared with one API, over a history.
func shared(t *testing.T, from *history, log *bytes.Buffer) *keys.Shared {
	t.Helper()
	secret, err := keys.NewShared(keys.SharedConfig{Source: from, Algorithm: jose.HS256, Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { time.Sleep(time.Minute); synctest.Wait() })
	return secret
}

func secretVersion(id, secret string, created time.Time) keys.Version {
	return keys.Version{ID: id, Created: created, State: keys.Enabled, Payload: []byte(secret)}
}

func TestW2_the_newest_enabled_version_of_a_shared_secret_signs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		from := &history{}
		var log bytes.Buffer
		secret := shared(t, from, &log)
		long := func(c string) string { return strings.Repeat(c, 32) }
		signs := func(id string) {
			t.Helper()
			time.Sleep(time.Minute)
			key, _, err := secret.Signing(t.Context())
			if err != nil || key.ID() != id || key.Algorithm() != jose.HS256 {
				t.Errorf("%v, %v; want %s", key, err, id)
			}
		}
		from.add(secretVersion("2", long("b"), now), secretVersion("1", long("a"), now.Add(-time.Hour)), secretVersion("3", long("c"), now.Add(time.Hour)))
		kept := from.versions
		signs("3")
		from.set("3", keys.Disabled)
		signs("2")
		from.set("2", keys.Destroyed)
		signs("1")
		if kept[0].ID != "2" || len(kept[2].Payload) == 0 {
			t.Error("the source's own versions were changed")
		}
		from.add(secretVersion("4", "hunter2: too short", now.Add(2*time.Hour)))
		signs("1")
		if text := log.String(); !strings.Contains(text, "version 4") || strings.Contains(text, "hunter2") {
			t.Errorf("%s", text)
		}
		for _, id := range []string{"1", "4"} {
			from.set(id, keys.Disabled)
		}
		time.Sleep(time.Minute)
		if key, _, err := secret.Signing(t.Context()); !errors.Is(err, keys.ErrNoKey) || !key.IsZero() {
			t.Errorf("all are disabled: %v, %v", key, err)
		}
	})
}

func TestW2_of_versions_of_one_age_every_instance_takes_the_same(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		one, two := secretVersion("1", strings.Repeat("a", 32), now), secretVersion("2", strings.Repeat("b", 32), now)
		for _, versions := range [][]keys.Version{{one, two}, {two, one}} {
			key, _, err := shared(t, &history{versions: versions}, &bytes.Buffer{}).Signing(t.Context())
			if err != nil || key.ID() != "2" {
				t.Errorf("%v, %v", key, err)
			}
		}
	})
}

func TestNewShared_refuses_what_is_no_configuration(t *testing.T) {
	good := keys.SharedConfig{Source: &history{}, Algorithm: jose.HS512, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	for name, spoil := range map[string]func(*keys.SharedConfig){
		"no source":          func(c *keys.SharedConfig) { c.Source = nil },
		"no algorithm":       func(c *keys.SharedConfig) { c.Algorithm = "" },
		"a public algorithm": func(c *keys.SharedConfig) { c.Algorithm = jose.ES256 },
		"no clock":           func(c *keys.SharedConfig) { c.Now = nil },
		"no log":             func(c *keys.SharedConfig) { c.Log = nil },
	} {
		config := good
		spoil(&config)
		if secret, err := keys.NewShared(config); err == nil || secret != nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestShared_without_its_source_says_so(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errDown := errors.New("Secret Manager is down")
		key, _, err := shared(t, &history{down: errDown}, &bytes.Buffer{}).Signing(context.Background())
		if !errors.Is(err, errDown) || !key.IsZero() {
			t.Errorf("%v, %v", key, err)
		}
	})
}
