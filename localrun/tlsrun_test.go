package main

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFirstRunWithTLS(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	output := p.once(t, "-tls")
	for _, want := range []string{
		"https://localhost:" + p.ports[0],
		"200 Hello, nightly-report.", "200 Hello, project:acme/shop.", "200 Hello, stock-mirror.", "200 Hello, ledger.",
		`cnf       {"x5t#S256":"`,
		"401  GET / with the token of stock-mirror, stolen: sent as Bearer\n",
		"401  GET / with the token of ledger, stolen: without its certificate\n",
		"All of it worked.",
	} {
		if !strings.Contains(output, want) {
			t.Errorf("the output lacks %q:\n%s", want, output)
		}
	}
	for line := range strings.Lines(output) {
		if utf8.RuneCountInString(line) > 80 {
			t.Errorf("this line is wider: %q", line)
		}
	}
	document := p.read(t, "tls.yaml")
	if checked := check(p.path("tls.yaml"), []byte(document)); checked.faults.Err() != nil {
		t.Error(checked.faults)
	}

	t.Run("beside one without TLS that has the same keys", func(t *testing.T) {
		before := p.everything(t, "tls.yaml")
		p.once(t)
		p.once(t, "-tls")
		for name, content := range p.everything(t, "tls.yaml") {
			if content != before[name] && name != secretsFolder+"/secrets.json" {
				t.Errorf("%s has changed", name)
			}
		}
	})

	t.Run("refuses a configuration of the other kind", func(t *testing.T) {
		p.fails(t, `the issuer of \.countersign/config\.yaml is http://127\.0\.0\.1:\d+, which is not for -tls`, "-tls", "-config", ".countersign/config.yaml")
		p.fails(t, `the issuer of \.countersign/tls\.yaml is https://localhost:\d+: serve it with -tls`, "-config", ".countersign/tls.yaml")
	})

	t.Run("and -reset begins anew", func(t *testing.T) {
		before := p.read(t, "local-test-ca.pem")
		p.once(t, "-tls", "-reset")
		if p.read(t, "local-test-ca.pem") == before {
			t.Error("the CA is the old one")
		}
	})
}

func TestServingWithTLS(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	s := p.serve(t, "-tls")
	lines := pasteable(s.printed())
	if len(lines) != 7 {
		t.Fatalf("there are %d commands to paste, want 7:\n%s", len(lines), s.printed())
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("NOT TESTED: there is no curl on this machine to paste the lines to")
	}
	for _, line := range lines {
		s.paste(t, line)
	}
	// A certificate in a header is nobody's: what ends TLS here takes it off.
	certificate := regexp.MustCompile(`\s|-----[A-Z ]+-----`).ReplaceAllString(p.read(t, "local-test-ledger.crt.pem"), "")
	shell := exec.CommandContext(t.Context(), "curl", "-s", "--cacert", p.path("local-test-ca.crt.pem"), "-d", "grant_type=client_credentials",
		"-d", "client_id=ledger", "-H", "Client-Cert: :"+certificate+":", "https://localhost:"+p.ports[0]+"/token")
	if ended := finish(t, shell); !strings.Contains(ended.stdout, `"error":"invalid_client"`) {
		t.Errorf("it answers %s, %s", ended.stdout, ended.stderr)
	}
}
