package gcp_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
)

func TestAnEmulatorHostThatIsNoneIsRefused(t *testing.T) {
	for _, host := range []string{
		"localhost", "8085", ":8085", "localhost:", "http://localhost:8085", "localhost:8085/v1", "user@localhost:8085",
		"::1:8085", "localhost:http", "localhost:0", "localhost:65536", "localhost:-1", " localhost:8085", "unix:/tmp/socket/x:1",
	} {
		if _, err := gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: host}); err == nil {
			t.Errorf("%q is taken", host)
		}
		if _, err := gcp.NewKMS(gcp.KMSConfig{EmulatorHost: host}); err == nil {
			t.Errorf("%q is taken for a KMS", host)
		}
	}
}

func TestConstructingAndClosingTouchesNothing(t *testing.T) {
	server := startServer(t, localsecrets.Config{})
	proxy := newLane(t, server.Address())
	stop(t, newManager(t, proxy.Addr().String()))
	if n := proxy.connections(); n != 0 {
		t.Errorf("it made %d connections", n)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "missing.json"))
	manager, err := gcp.NewSecretManager(gcp.SecretManagerConfig{})
	if err != nil {
		t.Fatalf("it looked for credentials: %v", err)
	}
	stop(t, manager)
}

func TestMissingCredentialsAreLookedForAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials.json")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	manager, err := gcp.NewSecretManager(gcp.SecretManagerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, manager)
	if _, err := manager.Versions(t.Context(), secretName); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("without the file: %v", err)
	}
	// Good ones would reach for the network, so the file that appears is a bad one: the other error shows that it was read.
	if err := os.WriteFile(file, []byte(`{"type": "none of Google's"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := manager.Versions(t.Context(), secretName); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("with the file: %v", err)
	}
}

func TestAClosedManagerIsOfNoUse(t *testing.T) {
	server := startServer(t, localsecrets.Config{})
	used := newManager(t, server.Address())
	newSecret(t, used, "payload")
	unused := newManager(t, server.Address())
	for _, manager := range []*gcp.SecretManager{used, unused} {
		stop(t, manager)
		stop(t, manager)
		if versions, err := manager.Versions(t.Context(), secretName); err == nil || versions != nil {
			t.Errorf("got %v, %v", versions, err)
		}
		if err := manager.CreateSecret(t.Context(), secretName+"-2"); err == nil {
			t.Error("it creates a secret")
		}
		if _, err := manager.AddVersion(t.Context(), secretName, []byte("payload")); err == nil {
			t.Error("it adds a version")
		}
		if err := manager.Keeper(secretName).Disable(t.Context(), "1"); err == nil {
			t.Error("it disables a version")
		}
		if err := manager.Keeper(secretName).Destroy(t.Context(), "1"); err == nil {
			t.Error("it destroys a version")
		}
		if name, err := manager.CanonicalName(t.Context(), secretName); err == nil || name != "" {
			t.Errorf("it knows a canonical name: %q, %v", name, err)
		}
	}
}

func TestASecretIsCreatedOnce(t *testing.T) {
	manager := newManager(t, startServer(t, localsecrets.Config{}).Address())
	if err := manager.CreateSecret(t.Context(), secretName); err != nil {
		t.Fatal(err)
	}
	err := manager.CreateSecret(t.Context(), secretName)
	if !errors.Is(err, gcp.ErrAlreadyExists) || errors.Is(err, gcp.ErrNotFound) || status.Code(err) != codes.AlreadyExists {
		t.Errorf("the second time: %v", err)
	}
	if !strings.Contains(err.Error(), secretName) {
		t.Errorf("%v does not name the secret", err)
	}
}

func TestAddingReturnsTheNumber(t *testing.T) {
	manager := newManager(t, startServer(t, localsecrets.Config{}).Address())
	newSecret(t, manager)
	for _, want := range []string{"1", "2", "3"} {
		if got, err := manager.AddVersion(t.Context(), secretName, []byte("payload")); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

func TestAddingIsRefused(t *testing.T) {
	const marker = "payload-that-nobody-may-see"
	manager := newManager(t, startServer(t, localsecrets.Config{}).Address())
	newSecret(t, manager)
	deny := func(name, secret, payload string, want codes.Code) {
		t.Run(name, func(t *testing.T) {
			number, err := manager.AddVersion(t.Context(), secret, []byte(payload))
			if err == nil || number != "" || status.Code(err) != want {
				t.Errorf("got %q, %v; want %v", number, err, want)
			}
			if err != nil && strings.Contains(err.Error(), marker) {
				t.Errorf("%v tells the payload", err)
			}
			if errors.Is(err, gcp.ErrNotFound) != (want == codes.NotFound) {
				t.Errorf("%v is taken for the wrong thing", err)
			}
		})
	}
	deny("to_no_secret", secretName+"-2", marker, codes.NotFound)
	deny("too_large", secretName, strings.Repeat(marker, 4096), codes.InvalidArgument)
	deny("empty", secretName, "", codes.Unknown)
	deny("to_a_version", secretName+"/versions/1", marker, codes.Unknown)
	deny("to_a_project", "projects/local", marker, codes.Unknown)
}

func TestANameThatIsNoSecretsIsRefusedBeforeAnythingIsSent(t *testing.T) {
	proxy := newLane(t, startServer(t, localsecrets.Config{}).Address())
	manager := newManager(t, proxy.Addr().String())
	for _, name := range []string{
		"", "signing-keys", "projects/local", "projects//secrets/s", "projects/local/secrets/", "project/local/secrets/s",
		"/projects/local/secrets/s", "projects/local/secrets/s/", "projects/local/secrets/s/versions/latest",
		"projects/local/locations/europe-west3/secrets/s", "projects/local/keys/s",
	} {
		if versions, err := manager.Source(name).Versions(t.Context()); err == nil || versions != nil {
			t.Errorf("%q: versions %v, %v", name, versions, err)
		}
		if err := manager.CreateSecret(t.Context(), name); err == nil {
			t.Errorf("%q is created", name)
		}
		if _, err := manager.AddVersion(t.Context(), name, []byte("payload")); err == nil {
			t.Errorf("%q gets a version", name)
		}
		if _, err := manager.Keeper(name).Add(t.Context(), newPayload); err == nil {
			t.Errorf("%q gets a version from its keeper", name)
		}
		if err := manager.Keeper(name).Disable(t.Context(), "1"); err == nil {
			t.Errorf("a version of %q is disabled", name)
		}
		if err := manager.Keeper(name).Destroy(t.Context(), "1"); err == nil {
			t.Errorf("a version of %q is destroyed", name)
		}
		if canonical, err := manager.CanonicalName(t.Context(), name); err == nil || canonical != "" {
			t.Errorf("%q is %q, %v", name, canonical, err)
		}
	}
	if n := proxy.connections(); n != 0 {
		t.Errorf("it made %d connections", n)
	}
}

// Google's library logs requests and answers whole where the environment asks for it.
func TestDebugLoggingOfTheLibraryTellsNoPayload(t *testing.T) {
	t.Setenv("GOOGLE_SDK_GO_LOGGING_LEVEL", "debug")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = writer // the library takes it when the client is made; no test here is parallel to this one
	defer func() { os.Stderr = before }()

	manager := newManager(t, startServer(t, localsecrets.Config{}).Address())
	newSecret(t, manager, "payload")
	if _, err := manager.Versions(context.Background(), secretName); err != nil {
		t.Error(err)
	}
	stop(t, writer)
	printed, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if len(printed) != 0 {
		t.Errorf("it printed %s", printed)
	}
}
