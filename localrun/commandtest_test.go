package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/service"
)

// ran is what a command has done.
type ran struct {
	stdout, stderr string
	err            error
}

// runCommand runs one of the operator's commands, with stdin as its standard input.
func runCommand(t *testing.T, stdin string, args ...string) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := &cli.Command{
		Name:            "localrun",
		Commands:        []*cli.Command{keysCommand(), assertCommand(), tokenCommand(), proofCommand(), checkCommand(), explainCommand(), probeCommand(), introspectCommand(), revokeCommand(), trustCommand()},
		HideHelpCommand: true,
		Reader:          strings.NewReader(stdin), Writer: &stdout, ErrWriter: &stderr,
	}
	err := root.Run(t.Context(), append([]string{"localrun"}, args...))
	return ran{stdout.String(), stderr.String(), err}
}

// succeed runs a command that must succeed and returns what it prints.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	result := runCommand(t, "", args...)
	if result.err != nil {
		t.Fatalf("%s: %v", strings.Join(args, " "), result.err)
	}
	if result.stderr != "" {
		t.Errorf("%s wrote to standard error: %s", strings.Join(args, " "), result.stderr)
	}
	return result.stdout
}

// refuse runs a command that must fail with an error that holds each of the given texts, and print nothing else.
func refuse(t *testing.T, args []string, texts ...string) {
	t.Helper()
	result := runCommand(t, "", args...)
	if result.err == nil {
		t.Fatalf("%s: want an error with %q", strings.Join(args, " "), texts)
	}
	for _, text := range texts {
		if !strings.Contains(result.err.Error(), text) {
			t.Errorf("%s: the error is %q; want %q in it", strings.Join(args, " "), result.err, text)
		}
	}
	if strings.Contains(result.err.Error(), "\n") {
		t.Errorf("%s: the error is not one sentence: %q", strings.Join(args, " "), result.err)
	}
	if result.stdout != "" || result.stderr != "" {
		t.Errorf("%s: a refusal printed %q and %q", strings.Join(args, " "), result.stdout, result.stderr)
	}
}

// program runs the whole program in a process of its own, for what only a process has: its exit status.
func program(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	var out, complaints bytes.Buffer
	process := exec.CommandContext(t.Context(), path, args...)
	process.Stdout, process.Stderr = &out, &complaints
	err = process.Run()
	if process.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), complaints.String(), process.ProcessState.ExitCode()
}

// testServer is a real authorization server on loopback.
type testServer struct {
	issuer string
	public jose.KeySet // verifies its access tokens
}

// secretsOf are the secrets of a server, by the last part of their names.
type secretsOf map[string][]byte

type secretSource struct {
	payload []byte
	found   bool
}

func (s secretSource) Versions(context.Context) ([]keys.Version, error) {
	if !s.found {
		return nil, fmt.Errorf("there is no such secret")
	}
	return []keys.Version{{ID: "1", Created: time.Unix(0, 0), State: keys.Enabled, Payload: s.payload}}, nil
}

func (s secretsOf) source(name string) keys.Source {
	payload, found := s[name[strings.LastIndex(name, "/")+1:]]
	return secretSource{payload, found}
}

// startServer serves a configuration whose parties are given, in a folder where their key files can be. Its API is
// https://api.example.com with the scopes read and write.
func startServer(t *testing.T, folder string, secrets secretsOf, parties string) testServer {
	t.Helper()
	key, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	files, err := keyPairFiles("service", key)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFiles(filepath.Join(folder, "signing"), false, files[:1]); err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewUnstartedServer(nil)
	t.Cleanup(listener.Close)
	issuer := "http://" + listener.Listener.Addr().String()
	configuration, faults := config.Load("config.yaml", []byte(configurationOf(issuer, parties)))
	built, more := service.New(configuration, service.Surroundings{
		Secrets: secrets.source, Folder: folder, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err := append(faults, more...).Err(); err != nil {
		t.Fatal(err)
	}
	listener.Config.Handler = built.Server.Handler()
	listener.Start()
	return testServer{issuer, jose.KeySet{key.Verification()}}
}

func configurationOf(issuer, parties string) string {
	return fmt.Sprintf(`issuer: %s
signing_keys: {directory: signing}
resources:
  - id: https://api.example.com
    scopes: [read, write]
%s`, issuer, parties)
}

// claims verifies an access token of the server, as a command has printed it.
func (s testServer) claims(t *testing.T, printed string) map[string]any {
	t.Helper()
	text, isLine := strings.CutSuffix(printed, "\n")
	if !isLine || strings.ContainsAny(text, " \n") {
		t.Fatalf("want one token on one line, not %q", printed)
	}
	token, err := jose.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.public.Find(token)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := token.Verify(key)
	if err != nil {
		t.Fatal(err)
	}
	return claims.All()
}

// newKey makes the files of a key and returns where its private key is.
func newKey(t *testing.T, folder, name string, algorithm jose.Algorithm) string {
	t.Helper()
	succeed(t, "keys", "-alg", string(algorithm), "-name", name, "-out", folder)
	return filepath.Join(folder, name+".pem")
}
