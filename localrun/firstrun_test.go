package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"example.com/countersign/internal/jose"
)

func TestFirstRun(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	if _, err := binary(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	output := p.once(t)
	// Two seconds are promised to somebody who waits alone; here other tests run beside.
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the first run took %s", took)
	}

	t.Run("shows both flows and the refusals", func(t *testing.T) {
		for _, want := range []string{
			"nightly-report                     Countersign                 demo API\n",
			"a job of ci.example.com            Countersign                 demo API\n",
			"signs an assertion (ES256)",
			"sub       nightly-report ",
			"sub       project:acme/shop ",
			"scope     stock.read ",
			"aud       http://127.0.0.1:" + p.ports[1],
			"200 a token for 600 s",
			"200 a token for 300 s",
			"GET /.well-known/jwks.json",
			"200 Hello, nightly-report.",
			"200 Hello, project:acme/shop.",
			"stock-mirror                       Countersign                 demo API\n",
			`cnf       {"jkt":"`,
			"200 Hello, stock-mirror.",
			"401  GET / with the token of stock-mirror, stolen: sent as Bearer\n",
			"401  GET / without a token\n        WWW-Authenticate: Bearer realm=\"http://127.0.0.1:" + p.ports[1] + "\",\n        scope=\"stock.read\"\n",
			"403  POST / with a token that is good for reading\n",
			`error="insufficient_scope", scope="stock.write"`,
			"401  POST /token with the first assertion once more\n        invalid_client: ",
			"400  POST /token with a job of the branch try-it\n        invalid_grant: ",
			"All of it worked.",
		} {
			if !strings.Contains(output, want) {
				t.Errorf("the output lacks %q:\n%s", want, output)
			}
		}
	})

	t.Run("fits into 80 columns and has no colours where nobody sees them", func(t *testing.T) {
		for line := range strings.Lines(output) {
			if utf8.RuneCountInString(line) > 80 {
				t.Errorf("this line is wider: %q", line)
			}
		}
		if strings.ContainsRune(output, '\x1b') {
			t.Error("there is an escape sequence in output that goes to a file")
		}
	})

	t.Run("makes private files for its owner alone", func(t *testing.T) {
		if runtime.GOOS == "windows" {
			t.Skip("Windows has no such modes")
		}
		modes := map[string]fs.FileMode{
			"": 0o700 | fs.ModeDir, "secret-manager": 0o700 | fs.ModeDir, "secret-manager/secrets.json": 0o600,
			"nightly-report.pem": 0o600, "nightly-report.pub.pem": 0o644, "nightly-report.jwks.json": 0o644,
			"stock-mirror.pem": 0o600, "stock-mirror.pub.pem": 0o644, "stock-mirror.jwks.json": 0o644,
			"ci.pem": 0o600, "ci.pub.pem": 0o644, "ci.jwks.json": 0o644,
			"legacy-till.secret": 0o600, "old-portal.secret": 0o600,
			"config.yaml": 0o600, "log.jsonl": 0o600, ".gitignore": 0o644,
		}
		for name, want := range modes {
			if info, err := os.Stat(p.path(name)); err != nil {
				t.Error(err)
			} else if info.Mode() != want {
				t.Errorf("%q has mode %v, want %v", name, info.Mode(), want)
			}
		}
	})

	t.Run("makes a configuration that is good and has comments", func(t *testing.T) {
		document := p.read(t, "config.yaml")
		checked := check(p.path("config.yaml"), []byte(document))
		if err := checked.faults.Err(); err != nil {
			t.Error(err)
		}
		if strings.Count(document, "#") < 20 {
			t.Errorf("it teaches little:\n%s", document)
		}
	})

	t.Run("writes what the function logs into a file", func(t *testing.T) {
		decisions := 0
		for line := range strings.Lines(p.read(t, "log.jsonl")) {
			var read entry
			if err := json.Unmarshal([]byte(line), &read); err != nil {
				t.Errorf("%q: %v", line, err)
			}
			if read.Decision != "" {
				decisions++
			}
		}
		if decisions != 5 {
			t.Errorf("there are %d decisions in it, want 5", decisions)
		}
	})
}

func TestLaterRuns(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.once(t)
	before := p.everything(t, configFile)
	first := p.signingKeyID(t)

	t.Run("keep keys secrets and configuration", func(t *testing.T) {
		p.once(t)
		for name, content := range p.everything(t, configFile) {
			if content != before[name] {
				t.Errorf("%s has changed", name)
			}
		}
		if second := p.signingKeyID(t); second != first {
			t.Errorf("the signing key is %s, and was %s", second, first)
		}
	})

	t.Run("make again what was removed", func(t *testing.T) {
		for _, name := range []string{"config.yaml", "ci.pub.pem", "nightly-report.jwks.json"} {
			if err := os.Remove(p.path(name)); err != nil {
				t.Fatal(err)
			}
		}
		p.once(t)
		for _, name := range []string{"ci.pub.pem", "nightly-report.jwks.json"} {
			if p.read(t, name) != before[name] {
				t.Errorf("%s is another one", name)
			}
		}
	})

	t.Run("begin anew with -reset and leave other files alone", func(t *testing.T) {
		p.write(t, "mine.txt", "mine")
		p.once(t, "--reset")
		for name, content := range p.everything(t, configFile) {
			if content == before[name] {
				t.Errorf("%s is the old one", name)
			}
		}
		if second := p.signingKeyID(t); second == first {
			t.Error("the signing key is the old one")
		}
		if p.read(t, "mine.txt") != "mine" {
			t.Error("a file of the user's has changed")
		}
	})
}

// everything returns the contents of all files with keys, secrets and rules, and of these.
func (p place) everything(t *testing.T, besides ...string) map[string]string {
	t.Helper()
	contents := map[string]string{}
	for _, name := range slices.Concat(partyFiles(), []string{secretsFolder + "/secrets.json"}, besides) {
		contents[name] = p.read(t, name)
	}
	return contents
}

// signingKeyID returns the kid of the one key in the embedded Secret Manager that signs tokens.
func (p place) signingKeyID(t *testing.T) string {
	t.Helper()
	var stored struct {
		Secrets []struct {
			Name     string
			Versions []struct{ Payload []byte }
		}
	}
	if err := json.Unmarshal([]byte(p.read(t, secretsFolder+"/secrets.json")), &stored); err != nil {
		t.Fatal(err)
	}
	for _, secret := range stored.Secrets {
		if strings.HasSuffix(secret.Name, "/countersign-signing-keys") && len(secret.Versions) == 1 {
			key, err := jose.ParseSigningKey(secret.Versions[0].Payload, jose.ES256)
			if err != nil {
				t.Fatal(err)
			}
			return key.ID()
		}
	}
	t.Fatal("there is no signing key, or more than one")
	return ""
}

func TestEditedConfiguration(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.once(t)
	edited := strings.Replace(p.read(t, "config.yaml"), `claims.branch == "main"`, `claims.branch == "release"`, 1) + "\n# mine\n"
	p.write(t, "config.yaml", edited)

	ended := p.run(t, "-once")
	if ended.status != 1 || ended.stderr != "localrun: one step of the demonstration did not go as it should\n" {
		t.Errorf("status %d, standard error %q", ended.status, ended.stderr)
	}
	if !strings.Contains(ended.stdout, "400 invalid_grant") || !strings.Contains(ended.stdout, "\n   refused\n   invalid_grant: no rule matches") {
		t.Errorf("the output does not show the refusal:\n%s", ended.stdout)
	}
	if p.read(t, "config.yaml") != edited {
		t.Error("the configuration is not what the user wrote")
	}
}

// A list that was never there lets nobody have a token, and here nobody else makes one.
func TestStopListOfAConfigurationIsThereAndStopsNobody(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.once(t)
	p.write(t, "config.yaml", p.read(t, "config.yaml")+"\nstop_list: {secret: projects/local/secrets/countersign-stop-list}\n")
	if output := p.once(t); !strings.Contains(output, "All of it worked.") {
		t.Errorf("the output does not say that all of it worked:\n%s", output)
	}
}

func TestConfigurationElsewhere(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.once(t)
	document := p.read(t, "config.yaml")

	t.Run("with the parties of the demonstration", func(t *testing.T) {
		elsewhere := regexp.MustCompile(`\{file: `).ReplaceAllString(document, "{file: .countersign/")
		if err := os.WriteFile(p.folder+"/other.yaml", []byte(elsewhere), 0o600); err != nil {
			t.Fatal(err)
		}
		if output := p.once(t, "-config=other.yaml"); !strings.Contains(output, "as in other.yaml") {
			t.Errorf("it says another configuration:\n%s", output)
		}
	})

	t.Run("without them there is nothing to demonstrate", func(t *testing.T) {
		elsewhere := strings.NewReplacer("id: nightly-report", "id: batch", "{file: ", "{file: .countersign/").Replace(document)
		if err := os.WriteFile(p.folder+"/other.yaml", []byte(elsewhere), 0o600); err != nil {
			t.Fatal(err)
		}
		ended := p.run(t, "-once", "-config", "other.yaml")
		want := "localrun: the configuration other.yaml does not have the parties of the demonstration, nightly-report and https://ci.example.com\n"
		if ended.status != 1 || ended.stderr != want {
			t.Errorf("status %d, standard error %q", ended.status, ended.stderr)
		}
	})
}
