package countersign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the expectations of the transcripts in testdata/exchanges")

// exchanges is where the transcripts are.
const exchanges = "testdata/exchanges"

// deployment is how the transcripts of one folder are served.
type deployment struct {
	function          string // FUNCTION_TARGET; empty: AuthorizationServer
	secretManagerDown bool   // nothing listens where Secret Manager should be, until a transcript says that it starts
}

// deployments are the folders that are not served the usual way.
var deployments = map[string]deployment{
	"deployed-apart/token": {function: "Token"},
	"deployed-apart/jwks":  {function: "JWKS"},
	"secret-manager-down":  {secretManagerDown: true},
}

// entryPoints are the functions of this source.
var entryPoints = []string{"AuthorizationServer", "Token", jwksTarget, rotateKeysTarget}

func TestEntryPoints_are_registered_in_the_root(t *testing.T) {
	t.Parallel()
	registered := regexp.MustCompile(`functions\.[A-Z]\w+\((\w+|"\w+"),`).FindAllStringSubmatch(readFile(t, "function.go"), -1)
	var names []string
	for _, match := range registered {
		names = append(names, strings.NewReplacer("jwksTarget", jwksTarget, "rotateKeysTarget", rotateKeysTarget, `"`, "").Replace(match[1]))
	}
	if !slices.Equal(names, entryPoints) {
		t.Errorf("function.go registers %q, want %q", names, entryPoints)
	}
}

// TestExchanges plays every transcript of testdata/exchanges: whole exchanges over a real listener, through the
// functions framework's own registration, in one process for each folder. How each is to be read is in the README.md
// there.
func TestExchanges(t *testing.T) {
	shared := startSecretManager(t, "")
	t.Cleanup(func() { _ = shared.Close() })
	folders := foldersOfTranscripts(t)
	for folder := range deployments {
		if !slices.Contains(folders, folder) {
			t.Errorf("%s has no transcripts", folder)
		}
	}
	for _, folder := range slices.Backward(folders) { // since secret-manager-down, which waits for time-outs, is at the end
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			deploy(t, folder, shared.Address()).playAll(t)
		})
	}
}

// foldersOfTranscripts returns the folders below exchanges that have any, with slashes.
func foldersOfTranscripts(t *testing.T) []string {
	t.Helper()
	var folders []string
	err := fs.WalkDir(os.DirFS(exchanges), ".", func(name string, _ fs.DirEntry, err error) error {
		if path.Ext(name) == ".txtar" {
			folders = append(folders, path.Dir(name))
		}
		return err
	})
	if err != nil || len(folders) == 0 {
		t.Fatalf("%d transcripts, %v", len(folders), err)
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// rule is how a transcript names what it shows.
var rule = regexp.MustCompile(`protocol [A-Z][0-9]|RFC [0-9]{4}|threat-model`)

// playAll plays the transcripts of the folder, one after the other.
func (s *system) playAll(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.FromSlash(exchanges), filepath.FromSlash(s.folder), "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d transcripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !rule.Match(archive.Comment) {
				t.Errorf("the comment at the top names no rule")
			}
			played := s.play(t, archive)
			if *update && !t.Failed() {
				if err := os.WriteFile(file, txtar.Format(played), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// The configuration is where the environment says, or else beside the source, which Google's builder moves.
func TestConfigurationIsFound(t *testing.T) {
	for _, test := range []struct{ name, file, reference string }{
		{"in_the_working_directory", "config.yaml", ""},
		{"where_the_builder_has_moved_the_source", "serverless_function_source_code/config.yaml", ""},
		{"in_the_file_that_the_environment_names", "elsewhere/any-name.yaml", "file:elsewhere/any-name.yaml"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			writeFile(t, filepath.Join(folder, test.file), `
issuer: https://auth.example.com
signing_keys: {directory: keys}
resources: [{id: https://api.example.com, scopes: [read]}]
`)
			// What it names is relative to it.
			writeFile(t, filepath.Join(folder, filepath.Dir(test.file), "keys", "key.pem"), string(keyFile(t, "signing/test-signing-es256.pem")))
			awaitOK(t, start(t, folder, "FUNCTION_TARGET=AuthorizationServer", "COUNTERSIGN_CONFIG="+test.reference).url+"/ready")
		})
	}
}

// A configuration with faults ends the process at its start, so that the platform keeps the last good revision serving,
// and the log has every fault once: those of the document, those that only its parts can find, and none that only follows
// from another.
func TestFaultyConfigurationIsRefused(t *testing.T) {
	for _, test := range []struct{ name, document string }{
		{"in_the_document_and_in_its_parts", `
issuer: https://auth.example.com
signing_keys: {directory: keys}
colour: red                                         # colour
resources: [{id: https://api.example.com, scopes: [read]}]
clients:
  - id: batch
    authentication: client_secret_basic
    secrets:
      - hunter2                                     # clients[0].secrets[0]
      - $2a$31$9FN05iEHXPVKv4U9o.aSieMcLWuQ3fuXD9edcD.XzXhIRMSrYOJne # clients[0].secrets[1]
    grants: [client_credentials]
    allow:
      - resource: https://api.example.com
        scopes: [write]                             # clients[0].allow[0].scopes[0]
      - resource: https://nowhere.example.com       # clients[0].allow[1].resource
        scopes: [read]
issuers:
  - issuer: https://ci.example.com
    keys: {pem: not a key}                          # issuers[0].keys
    allow:
      - if: claims.ref = "refs/heads/main"          # issuers[0].allow[0].if
        resource: https://api.example.com
        scopes: [read]
        claims: {team: claims.team +}               # issuers[0].allow[0].claims.team
`},
		{"in_the_document_alone", `
issuer: https://auth.example.com
signing_keys: {directory: keys}
resources: [{id: https://api.example.com, scopes: [read]}]
clients:
  - &batch                                          # clients[0]
    id: batch
    authentication: none
    keys: {pem: not read}
    grants: ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - id: portal
    authentication: client_secret_post
    secrets: [$2a$06$RgVn18C6dkUxClyqUk1kcuxFPkw91jFJUspBwLuwtn1mxgrM6TULu]
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - id: portal                                      # clients[2].id
    authentication: client_secret_post
    secrets: [$2a$06$RgVn18C6dkUxClyqUk1kcuxFPkw91jFJUspBwLuwtn1mxgrM6TULu]
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			writeFile(t, filepath.Join(folder, "config.yaml"), test.document)
			var want, got []string
			for i, line := range strings.Split(test.document, "\n") {
				if _, path, marked := strings.Cut(line, " # "); marked {
					want = append(want, fmt.Sprintf("config.yaml:%d: %s", i+1, path))
				}
			}
			log := refusal(t, folder)
			for line := range strings.Lines(log) {
				file, rest, _ := strings.Cut(line, ": ")
				path, _, _ := strings.Cut(rest, ": ")
				got = append(got, file+": "+path)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the places of the faults (-want +got):\n%s\n%s", diff, log)
			}
			if strings.Contains(log, "hunter2") {
				t.Error("the log repeats what may be a secret")
			}
		})
	}
}

// A configuration that is not there is refused like one with faults, and the log says how to name it.
func TestMissingConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for reference, want := range map[string]string{
		"":                    "COUNTERSIGN_CONFIG=file:PATH says where it is",
		"file:nowhere.yaml":   "nowhere.yaml",
		"nowhere.yaml":        "want file:PATH",
		"https://example.com": "want file:PATH",
	} {
		if log := refusal(t, t.TempDir(), "COUNTERSIGN_CONFIG="+reference); !strings.Contains(log, want) {
			t.Errorf("%q: the log says %q, and nothing of %q", reference, log, want)
		}
	}
}

// refusal starts a function that ends at once, and returns why, as its log has it.
func refusal(t *testing.T, folder string, environment ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var written bytes.Buffer
	cmd := command(ctx, t, append(environment, "FUNCTION_TARGET=AuthorizationServer")...)
	cmd.Dir, cmd.Stderr = folder, &written
	if _, err := cmd.StdinPipe(); err != nil { // while it is open the process is wanted
		t.Fatal(err)
	}
	err := cmd.Run()
	if exit, ended := errors.AsType[*exec.ExitError](err); !ended || exit.ExitCode() != 1 {
		t.Fatalf("the process ended with %v, not with status 1:\n%s", err, &written)
	}
	var entry struct{ Severity, Message, Error string }
	if err := json.Unmarshal(written.Bytes(), &entry); err != nil {
		t.Fatalf("the log is not one line of JSON: %v\n%s", err, &written)
	}
	if entry.Severity != "ERROR" || entry.Message != "the configuration is refused" {
		t.Errorf("the log says %q, %q", entry.Severity, entry.Message)
	}
	return entry.Error
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// The builder has no repository to name a commit of, so that the revision is what tells one deployment from another.
func TestHealth_names_the_revision_that_is_deployed(t *testing.T) {
	s := deploy(t, "documents", "127.0.0.1:1")
	response, err := http.Get(s.process.url + "/health")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var health struct{ Version string }
	if err := json.NewDecoder(response.Body).Decode(&health); err != nil || health.Version != "countersign-00001-abc" {
		t.Errorf("the version is %q, %v", health.Version, err)
	}
}
