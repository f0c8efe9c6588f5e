package localsecrets_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	"example.com/countersign/internal/gcp/localsecrets"
)

const marker = "c2VjcmV0IG1hcmtlcg" // a payload that must not be seen in an error

func TestARestartKeepsEverything(t *testing.T) {
	directory := t.TempDir() + "/secrets"
	server, client := start(t, directory)
	secret := create(t, client, "s", "one", "two", "three", "four").GetName()
	create(t, client, "empty")
	create(t, client, "deleted", "payload")
	for version, change := range map[string]string{"2": "disable", "3": "destroy"} {
		if _, err := changeState(t, client, change, secret+"/versions/"+version, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.DeleteSecret(t.Context(), &pb.DeleteSecretRequest{Name: "projects/local/secrets/deleted"}); err != nil {
		t.Fatal(err)
	}
	list := func() (found []any) {
		for _, name := range []string{"s", "empty", "deleted"} {
			secret, err := client.GetSecret(t.Context(), &pb.GetSecretRequest{Name: "projects/local/secrets/" + name})
			found = append(found, secret, err == nil)
		}
		for i := 1; i <= 4; i++ {
			version, err := client.GetSecretVersion(t.Context(), &pb.GetSecretVersionRequest{Name: fmt.Sprint(secret, "/versions/", i)})
			payload, accessErr := access(t.Context(), client, version.GetName())
			found = append(found, version, err == nil, payload, accessErr == nil)
		}
		return found
	}
	before := list()
	stop(t, server)
	_, client = start(t, directory)
	if diff := cmp.Diff(before, list(), protocmp.Transform()); diff != "" {
		t.Errorf("before (-) and after (+) the restart:\n%s", diff)
	}
	if version := add(t, client, secret, "five"); version.GetName() != secret+"/versions/5" {
		t.Errorf("the next version is %s", version.GetName())
	}
}

func TestWithoutADirectoryNothingIsKept(t *testing.T) {
	t.Chdir(t.TempDir())
	server, client := start(t, "")
	create(t, client, "s", "payload")
	stop(t, server)
	if entries, err := os.ReadDir("."); err != nil || len(entries) != 0 {
		t.Errorf("there is %v, %v", entries, err)
	}
}

func TestADestroyedPayloadIsNotInTheFileAnyMore(t *testing.T) {
	directory := t.TempDir() + "/secrets"
	_, client := start(t, directory)
	secret := create(t, client, "s", "payload").GetName()
	before := readState(t, directory)
	if _, err := changeState(t, client, "destroy", secret+"/versions/1", ""); err != nil {
		t.Fatal(err)
	}
	const encoded = "cGF5bG9hZA==" // "payload" in base64
	if !strings.Contains(before, encoded) || strings.Contains(readState(t, directory), encoded) {
		t.Error("destroying did not take the payload out of the file")
	}
}

func TestNobodyElseCanReadTheFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	directory := t.TempDir() + "/above/secrets"
	_, client := start(t, directory)
	create(t, client, "s", "payload")
	info, err := os.Stat(directory)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o700 {
		t.Errorf("the directory has mode %04o", mode)
	}
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", entry.Name(), info.Mode(), err)
		}
	}
	if diff := cmp.Diff([]string{"lock", "secrets.json"}, names); diff != "" {
		t.Errorf("files:\n%s", diff)
	}
}

func TestADirectoryIsRefused(t *testing.T) {
	t.Run("that_others_can_enter", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("Windows has no such modes")
		}
		for _, mode := range []os.FileMode{0o755, 0o750, 0o701, 0o710} {
			directory := filepath.Join(t.TempDir(), "secrets")
			if err := os.Mkdir(directory, mode); err != nil {
				t.Fatal(err)
			}
			if err := startError(t, directory); !strings.Contains(err.Error(), "0700") {
				t.Errorf("mode %04o: %v does not say what to do", mode, err)
			}
		}
	})
	t.Run("that_is_a_file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "secrets")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = startError(t, file)
	})
	t.Run("that_another_server_uses", func(t *testing.T) {
		directory := t.TempDir() + "/secrets"
		server, client := start(t, directory)
		if err := startError(t, directory); !errors.Is(err, localsecrets.ErrInUse) || !strings.Contains(err.Error(), directory) {
			t.Errorf("%v does not say that the directory is in use", err)
		}
		create(t, client, "s", "the first one is not disturbed")
		stop(t, server)
		start(t, directory)
	})
}

func TestADamagedFileIsRefusedAndKept(t *testing.T) {
	whole := wholeFile(t)
	replace := func(old, with string) string {
		if !strings.Contains(whole, old) {
			t.Fatalf("the file has no %s:\n%s", old, whole)
		}
		return strings.Replace(whole, old, with, 1)
	}
	tests := map[string]string{
		"empty":                         "",
		"cut_off":                       whole[:len(whole)/2],
		"twice":                         whole + whole,
		"of_zeros":                      strings.Repeat("\x00", len(whole)),
		"null":                          "null",
		"another_document":              "[]",
		"with_a_null_secret":            `{"format": 1, "secrets": [null]}`,
		"without_a_format":              replace(`"format": 1`, `"format": 0`),
		"of_a_later_program":            replace(`"format": 1`, `"format": 2`),
		"with_an_unknown_field":         replace(`"format": 1`, `"format": 1, "users": []`),
		"with_another_payload":          replace(`"payload": "`, `"payload": "AAAA`),
		"without_a_payload":             replace(`"payload"`, `"labels"`),
		"with_an_unknown_state":         replace(`"ENABLED"`, `"OLD"`),
		"destroyed_with_a_payload":      replace(`"ENABLED"`, `"DESTROYED"`),
		"destroyed_without_a_time":      replace(`"destroyed"`, `"created"`),
		"with_a_name_that_is_none":      replace(`"name": "projects/`, `"name": "project/`),
		"with_a_name_by_project_id":     replace(`"name": "projects/`, `"name": "projects/local/secrets/s", "name": "projects/p`),
		"with_a_secret_without_a_time":  replace(`"created": "2030`, `"created": "0001`),
		"with_a_time_that_is_not_known": replace(`"created": "2030`, `"created": "yesterday`),
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir() + "/secrets"
			writeState(t, directory, content)
			err := startError(t, directory)
			if !errors.Is(err, localsecrets.ErrDamaged) || !strings.Contains(err.Error(), filepath.Join(directory, "secrets.json")) {
				t.Errorf("%v does not say which file is damaged", err)
			}
			if strings.Contains(err.Error(), marker) {
				t.Errorf("%v tells a payload", err)
			}
			if readState(t, directory) != content {
				t.Error("the file was changed")
			}
		})
	}
}

func TestAHalfWrittenNewFileIsNoHarm(t *testing.T) {
	directory := t.TempDir() + "/secrets"
	whole := wholeFile(t)
	writeState(t, directory, whole)
	if err := os.WriteFile(filepath.Join(directory, "secrets.json.new"), []byte(whole[:100]), 0o600); err != nil {
		t.Fatal(err)
	}
	_, client := start(t, directory)
	add(t, client, "projects/local/secrets/s", "another")
	if payload, err := access(t.Context(), client, "projects/local/secrets/s/versions/1"); err != nil || payload != marker {
		t.Errorf("version 1 is %q, %v", payload, err)
	}
}

func TestAChangeThatCannotBeWrittenDidNotHappen(t *testing.T) {
	directory := t.TempDir() + "/secrets"
	_, client := start(t, directory)
	secret := create(t, client, "s", "one").GetName()
	obstacle := filepath.Join(directory, "secrets.json.new")
	if err := os.Mkdir(obstacle, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := client.AddSecretVersion(t.Context(), &pb.AddSecretVersionRequest{
		Parent: secret, Payload: &pb.SecretPayload{Data: []byte(marker)},
	})
	wantCode(t, err, codes.Internal)
	if strings.Contains(err.Error(), marker) {
		t.Errorf("%v tells the payload", err)
	}
	_, err = access(t.Context(), client, secret+"/versions/2")
	wantCode(t, err, codes.NotFound)
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	if version := add(t, client, secret, "two"); version.GetName() != secret+"/versions/2" {
		t.Errorf("the next version is %s", version.GetName())
	}
}

// FuzzStateFile holds that whatever is in the file, the server either refuses it, or starts and can write it again.
func FuzzStateFile(f *testing.F) {
	f.Add(wholeFile(f))
	f.Add(`{"format": 1, "secrets": []}`)
	f.Add(`{"format": 1, "secrets": [{"name": "projects/1/secrets/s", "created": "2030-01-01T00:00:00Z", "versions": null}]}`)
	f.Fuzz(func(t *testing.T, content string) {
		directory := t.TempDir() + "/secrets"
		writeState(t, directory, content)
		server, err := localsecrets.Start(localsecrets.Config{Directory: directory, Now: time.Now})
		if err != nil {
			if !errors.Is(err, localsecrets.ErrDamaged) {
				t.Error(err)
			}
			return
		}
		create(t, connect(t, server), "a-secret-that-is-not-in-the-seeds", "payload")
		stop(t, server)
		start(t, directory)
	})
}

// wholeFile is a state file with an enabled and a destroyed version.
func wholeFile(t testing.TB) string {
	t.Helper()
	directory := t.TempDir() + "/secrets"
	server, client := start(t, directory)
	secret := create(t, client, "s", marker, "two").GetName()
	if _, err := changeState(t, client, "destroy", secret+"/versions/2", ""); err != nil {
		t.Fatal(err)
	}
	stop(t, server)
	return readState(t, directory)
}

func startError(t *testing.T, directory string) error {
	t.Helper()
	server, err := localsecrets.Start(localsecrets.Config{Directory: directory, Now: time.Now})
	if err == nil {
		stop(t, server)
		t.Fatal("it starts")
	}
	return err
}

func readState(t testing.TB, directory string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(directory, "secrets.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func writeState(t testing.TB, directory, content string) {
	t.Helper()
	if err := os.MkdirAll(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(directory, "secrets.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
