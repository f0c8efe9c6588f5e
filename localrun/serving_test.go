package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

func TestServing(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.serve(t)

	t.Run("the lines to paste work", func(t *testing.T) {
		lines := pasteable(s.printed())
		if len(lines) != 6 {
			t.Fatalf("there are %d commands to paste, want 6:\n%s", len(lines), s.printed())
		}
		if _, err := exec.LookPath("curl"); err != nil {
			t.Skip("NOT TESTED: there is no curl on this machine to paste the lines to")
		}
		for _, line := range lines {
			s.paste(t, line)
		}
	})

	t.Run("a second localrun in the same folder is refused", func(t *testing.T) {
		const want = `another localrun is using \.countersign; stop it, or give this one its own -state, -port and -api-port`
		p.fails(t, want)
		p.fails(t, want, "-reset")
	})

	t.Run("a third with a folder and ports of its own works", func(t *testing.T) {
		other := place{folder: p.folder, ports: [2]string{freePort(t), freePort(t)}}
		other.once(t, "--state=other")
	})

	t.Run("health and metadata answer", func(t *testing.T) {
		for _, path := range []string{"/health", "/ready", "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"} {
			answer, err := http.Get("http://127.0.0.1:" + p.ports[0] + path)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				t.Errorf("%s answers with %s", path, answer.Status)
			}
		}
	})

	t.Run("Ctrl-C ends it", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("there is no way to send Ctrl-C to one process")
		}
		ended := s.interrupt(t)
		if ended.status != 0 || ended.stderr != "" || !strings.HasSuffix(ended.stdout, "\nStopped. The next run goes on with the same keys.\n") {
			t.Errorf("status %d, standard error %q, output ends with %q", ended.status, ended.stderr, ended.stdout[max(0, len(ended.stdout)-100):])
		}
	})
}

// pasteable returns the commands that the output invites to paste, as they stand there.
func pasteable(output string) []string {
	_, invitation, _ := strings.Cut(output, "  Now you")
	return regexp.MustCompile(`(?m)^   (?:curl|export) (?:.*\\\n)*.*`).FindAllString(invitation, -1)
}

// paste gives a command to a shell, twice: the second time shows that it does not live on an assertion of the first.
func (s *serving) paste(t *testing.T, command string) {
	t.Helper()
	for range 2 {
		shell := exec.CommandContext(t.Context(), "sh")
		shell.Dir = s.folder
		shell.Env = append(os.Environ(), "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost")
		shell.Stdin = strings.NewReader(command + "\n")
		ended := finish(t, shell)
		var answer struct {
			Token   string `json:"access_token"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal([]byte(ended.stdout), &answer); err != nil || answer.Token == "" && !strings.HasPrefix(answer.Message, "Hello, ") {
			t.Errorf("%s\nanswers %s\nand says %s", command, ended.stdout, ended.stderr)
		}
	}
}

func TestDecisionsAreShownAsTheyAreMade(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.serve(t)
	if live := s.waitFor(t, "What Countersign decides:\n"); strings.TrimSpace(live) != "" {
		t.Errorf("those of the demonstration are shown: %q", live)
	}

	// What a stranger says reaches the terminal, and must not steer it.
	answer, err := http.PostForm("http://127.0.0.1:"+p.ports[0]+"/token", map[string][]string{
		"grant_type": {"client_credentials"}, "client_id": {"evil\x1b[2Jname"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	line := s.waitFor(t, "refused  ")
	if !strings.Contains(line, "invalid_client") || strings.ContainsRune(s.printed(), '\x1b') {
		t.Errorf("it is shown as %q", line)
	}
}

func TestOtherPortsThanTheConfiguration(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.once(t)
	issuer := "http://127.0.0.1:" + p.ports[0]
	p.ports = [2]string{freePort(t), freePort(t)}
	s := p.serve(t)
	if !strings.Contains(s.printed(), "The issuer in the configuration is "+issuer+",\n") {
		t.Errorf("it does not say that the metadata names other URLs:\n%s", s.printed())
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("NOT TESTED: there is no curl on this machine to paste the lines to")
	}
	for _, line := range pasteable(s.printed()) {
		s.paste(t, line)
	}
}

// TestDemoAPICanVerifyItsTokens holds that the API that the demonstration stands for is one that reads the JWK Set,
// whichever ring signs for it.
func TestDemoAPICanVerifyItsTokens(t *testing.T) {
	shared := config.ResourceAccessToken{Algorithm: "HS256", SharedSecret: "projects/local/secrets/ledger"}
	resources := []config.Resource{
		{ID: "https://elsewhere.example.com"},
		{ID: "http://127.0.0.1:1", AccessTokens: shared},
		{ID: "http://127.0.0.1:2", AccessTokens: config.ResourceAccessToken{Algorithm: "RS256"}},
		{ID: "http://127.0.0.1:3"},
	}
	if got := apiOf(&config.Config{Resources: resources}).ID; got != "http://127.0.0.1:2" {
		t.Errorf("the API is %s, want the first on this machine without a shared secret", got)
	}
}

func TestEmulatorOfTheEnvironment(t *testing.T) {
	t.Parallel()
	emulator, err := localsecrets.Start(localsecrets.Config{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = emulator.Close() })
	p := newPlace(t)
	p.env = []string{emulatorVariable + "=" + emulator.Address()}
	first := p.once(t)
	if !strings.Contains(first, emulator.Address()) {
		t.Errorf("it does not say which Secret Manager it uses:\n%s", first)
	}
	if _, err := os.Stat(p.path(secretsFolder)); !os.IsNotExist(err) {
		t.Errorf("there is a folder of the embedded Secret Manager: %v", err)
	}

	client, err := gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: emulator.Address()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	p.once(t)
	signing := onlyVersion(t, client, "projects/local/secrets/countersign-signing-keys")
	if _, err := jose.ParseSigningKey(signing, jose.ES256); err != nil {
		t.Error(err)
	}
	if shared := onlyVersion(t, client, "projects/local/secrets/legacy-till"); string(shared) != p.read(t, "legacy-till.secret") {
		t.Error("the shared secret there is not the one in the state folder")
	}
}

// onlyVersion returns the payload of a secret that must have exactly one version, however often localrun has run.
func onlyVersion(t *testing.T, client *gcp.SecretManager, secret string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	versions, err := client.Versions(ctx, secret)
	if err != nil {
		t.Fatal(err)
	}
	if len(versions) != 1 || versions[0].State != keys.Enabled {
		t.Fatalf("%s has %d versions", secret, len(versions))
	}
	return versions[0].Payload
}
