package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"
	"time"
)

// service is one running localrun: a token endpoint and an API that takes its tokens.
type service struct {
	name    string // of its template, NAME.yaml, and of what else is made for it
	secure  bool   // over TLS, with certificates of clients
	folder  string // of the files that its configuration names
	program string
	ports   [2]string
	process *exec.Cmd
	output  bytes.Buffer
	ended   chan error
}

func newService(name, folder, program string, secure bool, ports [2]string) *service {
	return &service{name: name, secure: secure, folder: folder, program: program, ports: ports, ended: make(chan error, 1)}
}

// freePorts finds ports that nobody has, two for each of two services. Somebody could take one before localrun does,
// which then says so.
func freePorts() (ports [2][2]string, err error) {
	for i := range 4 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return ports, err
		}
		defer listener.Close() // not before all are found, so that they differ
		if _, ports[i/2][i%2], err = net.SplitHostPort(listener.Addr().String()); err != nil {
			return ports, err
		}
	}
	return ports, nil
}

func (s *service) issuer() string { return s.url(s.ports[0]) }
func (s *service) api() string    { return s.url(s.ports[1]) }

func (s *service) url(port string) string {
	if s.secure {
		return "https://localhost:" + port
	}
	return "http://127.0.0.1:" + port
}

// state returns the path of a file that localrun keeps.
func (s *service) state(name string) string { return filepath.Join(s.folder, s.name+"-state", name) }

func (s *service) configuration() string { return filepath.Join(s.folder, s.name+".yaml") }

// configure fills in the template with the service's own URLs and these values.
func (s *service) configure(values map[string]string) error {
	file := s.name + ".yaml"
	parsed, err := template.New(file).Option("missingkey=error").ParseFiles(filepath.Join(folder, file))
	if err != nil {
		return err
	}
	data := map[string]string{"Issuer": s.issuer(), "API": s.api()}
	for name, value := range values {
		data[name] = value
	}
	var document bytes.Buffer
	if err := parsed.Execute(&document, data); err != nil {
		return err
	}
	return os.WriteFile(s.configuration(), document.Bytes(), 0o600)
}

// start starts localrun and waits until a token could be had.
func (s *service) start(ctx context.Context) error {
	// The process has to outlive an interrupt, so that stop is what ends it.
	arguments := []string{"-config", s.configuration(), "-state", s.state(""), "-port", s.ports[0], "-api-port", s.ports[1]}
	if s.secure {
		arguments = append(arguments, "-tls")
	}
	s.process = exec.Command(s.program, arguments...)
	s.process.Stdout, s.process.Stderr = &s.output, &s.output
	if err := s.process.Start(); err != nil {
		s.process = nil
		return err
	}
	go func() { s.ended <- s.process.Wait() }()
	deadline := time.After(20 * time.Second)
	for {
		if s.isReady() {
			return nil
		}
		select {
		case err := <-s.ended:
			s.process = nil
			return fmt.Errorf("localrun has ended with %s.yaml: %v\n%s", s.name, err, end(s.output.Bytes()))
		case <-deadline:
			return fmt.Errorf("localrun is not ready after 20 s with %s.yaml", s.name)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// serverCA is the file with the CA of the servers' certificates, once localrun has made it.
func (s *service) serverCA() string { return s.state("local-test-ca.crt.pem") }

func (s *service) isReady() bool {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if s.secure {
		authority, err := os.ReadFile(s.serverCA())
		roots := x509.NewCertPool()
		if err != nil || !roots.AppendCertsFromPEM(authority) {
			return false
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	answer, err := (&http.Client{Transport: transport}).Get(s.issuer() + "/ready")
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// explain prints the end of the service's log, which tells apart what the answers must not.
func (s *service) explain(out io.Writer) {
	log, err := os.ReadFile(s.state("log.jsonl"))
	if err == nil {
		_, _ = fmt.Fprintf(out, "\nThe end of the log, with %s.yaml:\n%s\n\n", s.name, end(log))
	}
}

// stop ends localrun.
func (s *service) stop() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(os.Interrupt)
	select {
	case <-s.ended:
	case <-time.After(5 * time.Second):
		_ = s.process.Process.Kill()
		<-s.ended
	}
	s.process = nil
}

// quoted returns a string as YAML reads it, which reads JSON's.
func quoted(text string) (string, error) {
	document, err := json.Marshal(text)
	return string(document), err
}
