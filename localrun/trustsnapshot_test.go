package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust"
)

// publishing is a configuration of a service on this machine with an issuer that publishes its keys at a URL. It returns
// where it is.
func publishing(t *testing.T, keys string) string {
	t.Helper()
	folder := t.TempDir()
	newKey(t, filepath.Join(folder, "signing"), "service", jose.ES256)
	return write(t, filepath.Join(folder, "config.yaml"), configurationOf("http://127.0.0.1", `
issuers:
  - issuer: https://ci.example.com
    keys: `+keys+`
    allow:
      - {resource: https://api.example.com, scopes: [read], if: claims.ref == "main"}
`))
}

// publisher serves a JWK Set with one key, and returns its URL and the key.
func publisher(t *testing.T) (address string, key jose.SigningKey) {
	t.Helper()
	key, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jose.EncodeKeySet(jose.KeySet{key.Verification()})
	if err != nil {
		t.Fatal(err)
	}
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(set)
	}))
	t.Cleanup(source.Close)
	return source.URL + "/keys", key
}

func TestSnapshotIsWrittenBesideTheConfiguration(t *testing.T) {
	address, key := publisher(t)
	path := publishing(t, "{jwks_uri: "+address+"}")
	began := time.Now().Add(-time.Second) // a snapshot has whole seconds
	out := filepath.Join(filepath.Dir(path), "trust-snapshot.json")
	want := "  " + address + "\nThe keys of one source are in " + out + ".\n"
	if printed := succeed(t, "trust", "snapshot", "-config", path); printed != want {
		t.Errorf("printed %q, want %q", printed, want)
	}
	snapshots, err := trust.DecodeSnapshots(read(t, out))
	if err != nil || len(snapshots) != 1 {
		t.Fatalf("%v, %v", snapshots, err)
	}
	if got := snapshots[0]; got.Source != address || got.Fetched.Before(began) || got.Fetched.After(time.Now()) {
		t.Errorf("it is of %s, fetched at %v", got.Source, got.Fetched)
	}
	stored, err := jose.ParseRegisteredKeys(snapshots[0].Set, jose.RS256)
	if err != nil || len(stored) != 1 || stored[0].ID() != key.ID() {
		t.Errorf("it has %v, %v; want the key %s", stored, err, key.ID())
	}
}

func TestSnapshotIsWrittenWhereItIsAskedFor(t *testing.T) {
	address, _ := publisher(t)
	path := publishing(t, "{jwks_uri: "+address+"}")
	out := filepath.Join(t.TempDir(), "other.json")
	succeed(t, "trust", "snapshot", "-config", path, "-out", out)
	if snapshots, err := trust.DecodeSnapshots(read(t, out)); err != nil || len(snapshots) != 1 {
		t.Errorf("%v, %v", snapshots, err)
	}
	withoutSnapshot(t, path)
}

func TestSnapshotIsAddedToASecret(t *testing.T) {
	address, key := publisher(t)
	path := publishing(t, "{jwks_uri: "+address+"}")
	_, client := ringed(t)
	const secret = "projects/acme/secrets/countersign-trust"
	refuse(t, []string{"trust", "snapshot", "-config", path, "-secret", secret}, secret)
	if err := client.CreateSecret(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"1", "2"} {
		want := "  " + address + "\nThe keys of one source are in version " + version + " of " + secret + ".\n"
		if printed := succeed(t, "trust", "snapshot", "-config", path, "-secret", secret); printed != want {
			t.Errorf("printed %q, want %q", printed, want)
		}
	}
	versions, err := client.Versions(t.Context(), secret)
	if err != nil || len(versions) != 2 {
		t.Fatalf("%d versions, %v", len(versions), err)
	}
	for _, version := range versions {
		snapshots, err := trust.DecodeSnapshots(version.Payload)
		if err != nil || len(snapshots) != 1 || snapshots[0].Source != address || !strings.Contains(string(snapshots[0].Set), key.ID()) {
			t.Errorf("version %s has %v, %v", version.ID, snapshots, err)
		}
	}
	withoutSnapshot(t, path)
}

// TestNothingIsWrittenWhereASourceIsDown holds that a snapshot which is there outlives a source that is not.
func TestNothingIsWrittenWhereASourceIsDown(t *testing.T) {
	source := httptest.NewServer(http.NotFoundHandler())
	address := source.URL + "/keys"
	source.Close()
	path := publishing(t, "{jwks_uri: "+address+"}")
	refuse(t, []string{"trust", "snapshot", "-config", path}, "nothing was written", address)
	withoutSnapshot(t, path)
	kept := write(t, filepath.Join(filepath.Dir(path), "trust-snapshot.json"), "kept")
	refuse(t, []string{"trust", "snapshot", "-config", path}, "nothing was written")
	if content := string(read(t, kept)); content != "kept" {
		t.Errorf("the snapshot that was there is now %q", content)
	}
}

func TestSnapshotOfNobodyIsRefused(t *testing.T) {
	path := publishing(t, "{file: ci.jwks.json}")
	newKey(t, filepath.Dir(path), "ci", jose.ES256)
	refuse(t, []string{"trust", "snapshot", "-config", path}, "has nobody whose keys are fetched")
	withoutSnapshot(t, path)
}

func TestSnapshotHasOnePlace(t *testing.T) {
	address, _ := publisher(t)
	path := publishing(t, "{jwks_uri: "+address+"}")
	refuse(t, []string{"trust", "snapshot", "-config", path, "-out", "x.json", "-secret", "projects/acme/secrets/trust"},
		"-out", "-secret", "give one of them")
	refuse(t, []string{"trust", "snapshot", "-config", path, "more"}, "more")
	withoutSnapshot(t, path)
}

// withoutSnapshot holds that there is no snapshot beside the configuration.
func withoutSnapshot(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), "trust-snapshot.json")); !os.IsNotExist(err) {
		t.Errorf("a snapshot has been written: %v", err)
	}
}
