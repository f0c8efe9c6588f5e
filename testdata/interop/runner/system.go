package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// system is what the suites talk to: two services with the keys of everybody in their configurations.
type system struct {
	folder  string // of everything that it is made of; goes when it stops
	program string
	plain   *service // config.yaml: every way to authenticate, over plain http
	fapi    *service // fapi.yaml: FAPI 2.0, over TLS, with certificates of clients and with nonces
}

// A client id and a secret with every character that has a meaning in a form, in a URL or in Basic credentials.
const (
	awkwardID     = `urn:example:a client+100%&=/?`
	awkwardSecret = `p+ss: w%rd/50%25&=?#"~`
)

// startSystem makes keys, fills in the configurations and starts localrun with each. Nothing of it outlives stop.
func startSystem(ctx context.Context) (_ *system, err error) {
	temporary, err := os.MkdirTemp("", "countersign-interop-")
	if err != nil {
		return nil, err
	}
	s := &system{folder: temporary, program: filepath.Join(temporary, "localrun")}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if err := s.command(ctx, "go", "build", "-o", s.program, "./localrun"); err != nil {
		return nil, err
	}
	ports, err := freePorts()
	if err != nil {
		return nil, err
	}
	s.plain = newService("config", s.folder, s.program, false, ports[0])
	s.fapi = newService("fapi", s.folder, s.program, true, ports[1])
	if err := s.makeKeys(ctx); err != nil {
		return nil, err
	}
	if err := s.configure(ctx); err != nil {
		return nil, err
	}
	if err := s.plain.start(ctx); err != nil {
		return nil, err
	}
	return s, s.fapi.start(ctx)
}

func (s *system) path(name string) string { return filepath.Join(s.folder, name) }

// algorithms are those of all.jwks.json, one key each.
var algorithms = []string{"ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA"}

// strictAlgorithms are those of fapi.jwks.json, with the same keys (FAPI 2.0 §5.4.1).
var strictAlgorithms = []string{"ES256", "PS256", "EdDSA"}

// makeKeys makes, with localrun's own commands, what the clients need: for each algorithm a private key (es256.pem,
// es256.jwk.json), the public keys of all, keys that nobody has registered (stranger-es256.pem), a key file for Google's
// libraries (robot.json), passwords, and certificates (see makeCertificates).
func (s *system) makeKeys(ctx context.Context) error {
	for _, algorithm := range algorithms {
		name := strings.ToLower(algorithm)
		if err := errors.Join(s.makeKey(ctx, name, algorithm), s.makeKey(ctx, "stranger-"+name, algorithm)); err != nil {
			return err
		}
	}
	return errors.Join(
		s.publish("all.jwks.json", algorithms),
		s.publish("fapi.jwks.json", strictAlgorithms),
		os.WriteFile(s.path("awkward.secret"), []byte(awkwardSecret), 0o600),
		s.command(ctx, s.program, "keys", "-format", "google-service-account", "-name", "robot",
			"-id", "robot@interop.example", "-url", s.plain.issuer(), "-out", s.folder),
		s.makeCertificates(func(name string) error { return s.makeKey(ctx, name, "ES256") }),
	)
}

// publish writes the public keys of these algorithms into one file.
func (s *system) publish(file string, algorithms []string) error {
	type keySet struct {
		Keys []json.RawMessage `json:"keys"`
	}
	var all keySet
	for _, algorithm := range algorithms {
		document, err := os.ReadFile(s.path(strings.ToLower(algorithm) + ".jwks.json"))
		if err != nil {
			return err
		}
		var one keySet
		if err := json.Unmarshal(document, &one); err != nil {
			return err
		}
		all.Keys = append(all.Keys, one.Keys...)
	}
	document, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(s.path(file), document, 0o600)
}

func (s *system) makeKey(ctx context.Context, name, algorithm string) error {
	return s.command(ctx, s.program, "keys", "-name", name, "-alg", algorithm, "-jwk", "-out", s.folder)
}

// configure fills in both configurations.
func (s *system) configure(ctx context.Context) error {
	hash, err := s.hash(ctx, "-out", s.path("plain.secret"))
	if err != nil {
		return err
	}
	awkward, err := s.hash(ctx, "-in", s.path("awkward.secret"))
	if err != nil {
		return err
	}
	id, err := quoted(awkwardID)
	if err != nil {
		return err
	}
	return errors.Join(
		s.plain.configure(map[string]string{"Hash": hash, "AwkwardID": id, "AwkwardHash": awkward}),
		s.fapi.configure(nil),
	)
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

// environment tells a suite where everything is:
//
//	INTEROP_ISSUER          issuer identifier; the token endpoint is at /token below it
//	INTEROP_API             the protected API, and the aud of tokens for it: GET wants stock.read, POST stock.write
//	INTEROP_FAPI_ISSUER     the same of the service with FAPI 2.0, which is served over TLS
//	INTEROP_FAPI_API        and of its API
//	INTEROP_FAPI_CA         file with the CA of those two servers' certificates
//	INTEROP_KEYS            folder of the files that makeKeys describes, and of config-state/shared.secret
//	INTEROP_AWKWARD_CLIENT  the id of the client with an id that has to be encoded
func (s *system) environment() []string {
	// A proxy of the machine must not see what is for loopback. Java and Go know that; Python and Node.js are told.
	const loopback = "127.0.0.1,localhost"
	return append(os.Environ(),
		"INTEROP_ISSUER="+s.plain.issuer(), "INTEROP_API="+s.plain.api(),
		"INTEROP_FAPI_ISSUER="+s.fapi.issuer(), "INTEROP_FAPI_API="+s.fapi.api(), "INTEROP_FAPI_CA="+s.fapi.serverCA(),
		"INTEROP_KEYS="+s.folder, "INTEROP_AWKWARD_CLIENT="+awkwardID,
		"NO_PROXY="+loopback, "no_proxy="+loopback,
	)
}

func (s *system) explain(out io.Writer) {
	s.plain.explain(out)
	s.fapi.explain(out)
}

// stop ends both services and removes everything that was made for them.
func (s *system) stop() error {
	for _, service := range []*service{s.plain, s.fapi} {
		if service != nil {
			service.stop()
		}
	}
	return os.RemoveAll(s.folder)
}
