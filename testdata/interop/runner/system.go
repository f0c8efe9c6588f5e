package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
	"time"
)

// system is a running localrun with the keys of everybody in config.yaml.
type system struct {
	folder  string // of everything that it is made of; goes when it stops
	program string
	issuer  string
	api     string
	ports   [2]string
	process *exec.Cmd
	output  bytes.Buffer
	ended   chan error
}

// A client id and a secret with every character that has a meaning in a form, in a URL or in Basic credentials.
const (
	awkwardID     = `urn:example:a client+100%&=/?`
	awkwardSecret = `p+ss: w%rd/50%25&=?#"~`
)

// startSystem makes keys, fills in the configuration and starts localrun with it. Nothing of it outlives stop.
func startSystem(ctx context.Context) (_ *system, err error) {
	temporary, err := os.MkdirTemp("", "countersign-interop-")
	if err != nil {
		return nil, err
	}
	s := &system{folder: temporary, program: filepath.Join(temporary, "localrun"), ended: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if err := s.command(ctx, "go", "build", "-o", s.program, "./localrun"); err != nil {
		return nil, err
	}
	if s.ports, err = freePorts(); err != nil {
		return nil, err
	}
	s.issuer, s.api = "http://127.0.0.1:"+s.ports[0], "http://127.0.0.1:"+s.ports[1]
	if err := s.makeKeys(ctx); err != nil {
		return nil, err
	}
	if err := s.configure(ctx); err != nil {
		return nil, err
	}
	return s, s.start(ctx)
}

func (s *system) path(name string) string { return filepath.Join(s.folder, name) }

// freePorts finds two ports that nobody has. Somebody could take one before localrun does, which then says so.
func freePorts() (ports [2]string, err error) {
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return ports, err
		}
		defer listener.Close() // not before both are found, so that they differ
		if _, ports[i], err = net.SplitHostPort(listener.Addr().String()); err != nil {
			return ports, err
		}
	}
	return ports, nil
}

// algorithms are those of all.jwks.json, one key each.
var algorithms = []string{"ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA"}

// makeKeys makes, with localrun's own commands, what the clients need: for each algorithm a private key (es256.pem,
// es256.jwk.json), the public keys of all, keys that nobody has registered (stranger-es256.pem), a key file for Google's
// libraries (robot.json), and passwords.
func (s *system) makeKeys(ctx context.Context) error {
	var all struct {
		Keys []json.RawMessage `json:"keys"`
	}
	for _, algorithm := range algorithms {
		name := strings.ToLower(algorithm)
		for _, name := range []string{name, "stranger-" + name} {
			if err := s.command(ctx, s.program, "keys", "-name", name, "-alg", algorithm, "-jwk", "-out", s.folder); err != nil {
				return err
			}
		}
		var set struct {
			Keys []json.RawMessage `json:"keys"`
		}
		document, err := os.ReadFile(s.path(name + ".jwks.json"))
		if err == nil {
			err = json.Unmarshal(document, &set)
		}
		if err != nil {
			return err
		}
		all.Keys = append(all.Keys, set.Keys...)
	}
	document, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(s.path("all.jwks.json"), document, 0o600),
		os.WriteFile(s.path("awkward.secret"), []byte(awkwardSecret), 0o600),
		s.command(ctx, s.program, "keys", "-format", "google-service-account", "-name", "robot",
			"-id", "robot@interop.example", "-url", s.issuer, "-out", s.folder),
	)
}

// configure fills in config.yaml.
func (s *system) configure(ctx context.Context) error {
	hash, err := s.hash(ctx, "-out", s.path("plain.secret"))
	if err != nil {
		return err
	}
	awkward, err := s.hash(ctx, "-in", s.path("awkward.secret"))
	if err != nil {
		return err
	}
	id, err := json.Marshal(awkwardID) // YAML reads JSON's strings
	if err != nil {
		return err
	}
	parsed, err := template.New("config.yaml").Option("missingkey=error").ParseFiles(filepath.Join(folder, "config.yaml"))
	if err != nil {
		return err
	}
	var document bytes.Buffer
	err = parsed.Execute(&document, map[string]string{
		"Issuer": s.issuer, "API": s.api, "Hash": hash,
		"AwkwardID": string(id), "AwkwardHash": awkward,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(s.path("config.yaml"), document.Bytes(), 0o600)
}

var argon2id = regexp.MustCompile(`\$argon2id\$[^\s"]+`)

// hash lets localrun make or hash a client secret, and takes the hash from the lines to paste.
func (s *system) hash(ctx context.Context, arguments ...string) (string, error) {
	output, err := exec.CommandContext(ctx, s.program, append([]string{"keys", "secret"}, arguments...)...).CombinedOutput()
	found := argon2id.Find(output)
	if err != nil || found == nil {
		return "", fmt.Errorf("localrun keys secret: %w\n%s", errors.Join(err, errors.New("no hash")), output)
	}
	return string(found), nil
}

func (s *system) command(ctx context.Context, arguments ...string) error {
	output, err := exec.CommandContext(ctx, arguments[0], arguments[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(arguments, " "), err, end(output))
	}
	return nil
}

// start starts localrun and waits until a token could be had.
func (s *system) start(ctx context.Context) error {
	// The process has to outlive an interrupt, so that stop is what ends it.
	s.process = exec.Command(s.program, "-config", s.path("config.yaml"), "-state", s.path("state"), "-port", s.ports[0], "-api-port", s.ports[1])
	s.process.Stdout, s.process.Stderr = &s.output, &s.output
	if err := s.process.Start(); err != nil {
		s.process = nil
		return err
	}
	go func() { s.ended <- s.process.Wait() }()
	deadline := time.After(20 * time.Second)
	for {
		if answer, err := http.Get(s.issuer + "/ready"); err == nil {
			_, _ = io.Copy(io.Discard, answer.Body)
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-s.ended:
			s.process = nil
			return fmt.Errorf("localrun has ended: %w\n%s", err, end(s.output.Bytes()))
		case <-deadline:
			return errors.New("localrun is not ready after 20 s")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// environment tells a suite where everything is:
//
//	INTEROP_ISSUER          issuer identifier; the token endpoint is at /token below it
//	INTEROP_API             the protected API, and the aud of tokens for it: GET wants stock.read, POST stock.write
//	INTEROP_KEYS            folder of the files that makeKeys describes, and of state/shared.secret
//	INTEROP_AWKWARD_CLIENT  the id of the client with an id that has to be encoded
func (s *system) environment() []string {
	// A proxy of the machine must not see what is for loopback. Java and Go know that; Python and Node.js are told.
	return append(os.Environ(),
		"INTEROP_ISSUER="+s.issuer, "INTEROP_API="+s.api, "INTEROP_KEYS="+s.folder, "INTEROP_AWKWARD_CLIENT="+awkwardID,
		"NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1",
	)
}

// explain prints the end of the service's log, which tells apart what the answers must not.
func (s *system) explain(out io.Writer) {
	log, err := os.ReadFile(s.path("state/log.jsonl"))
	if err == nil {
		_, _ = fmt.Fprintf(out, "\nThe end of the service's log:\n%s\n\n", end(log))
	}
}

// stop ends localrun and removes everything that was made for it.
func (s *system) stop() error {
	if s.process != nil {
		_ = s.process.Process.Signal(os.Interrupt)
		select {
		case <-s.ended:
		case <-time.After(5 * time.Second):
			_ = s.process.Process.Kill()
			<-s.ended
		}
		s.process = nil
	}
	return os.RemoveAll(s.folder)
}
