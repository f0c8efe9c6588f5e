package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"

	"example.com/countersign/internal/config"
)

// Where the parts are unless the configuration says otherwise.
const (
	defaultTokenPort = 8080
	defaultAPIPort   = 8081

	defaultTLSTokenPort = 8443
	defaultTLSAPIPort   = 8444
)

// defaultPorts returns those of the authorization server and of the API.
func (s *system) defaultPorts() (token, api uint16) {
	if s.tls {
		return defaultTLSTokenPort, defaultTLSAPIPort
	}
	return defaultTokenPort, defaultAPIPort
}

// configure reads the configuration, or makes up the first one, and decides by it which ports are used.
func (s *system) configure() error {
	isOurs := s.document == ""
	if isOurs {
		s.document = s.state.path(s.configFile())
	}
	document, err := os.ReadFile(s.document)
	switch {
	case isOurs && errors.Is(err, fs.ErrNotExist):
		if s.first, err = s.firstConfiguration(); err != nil {
			return err
		}
		document = s.first
	case err != nil:
		return fmt.Errorf("the configuration %s cannot be read: %w", s.document, plain(err))
	}
	// The function would find the faults as well, but it tells the platform of them, in JSON, and ends the process.
	if faults := check(s.document, document).faults; len(faults) > 0 {
		return faults
	}
	s.configuration, _ = config.Load(s.document, document)
	if err := s.checkScheme(); err != nil {
		return err
	}
	s.resource = apiOf(s.configuration)
	token, api := s.defaultPorts()
	s.tokenPort = firstPort(s.tokenPort, portOf(s.configuration.Issuer), token)
	s.apiPort = firstPort(s.apiPort, portOf(s.resource.ID), api)
	return nil
}

// configFile is the configuration of the state folder. With TLS it is another one, since every URL in it is another: the
// same parties and their keys are in both.
func (s *system) configFile() string {
	if s.tls {
		return tlsConfigFile
	}
	return configFile
}

// checkScheme refuses to serve on this machine in another way than the configuration says: nothing would find the server
// by its metadata.
func (s *system) checkScheme() error {
	issuer := s.configuration.Issuer
	isTLS := strings.HasPrefix(issuer, "https:")
	switch {
	case portOf(issuer) == 0 || isTLS == s.tls:
		return nil
	case isTLS:
		return fmt.Errorf("the issuer of %s is %s: serve it with -tls", s.document, issuer)
	default:
		return fmt.Errorf("the issuer of %s is %s, which is not for -tls", s.document, issuer)
	}
}

// firstConfiguration renders the configuration of the demonstration for the ports that are wanted.
func (s *system) firstConfiguration() ([]byte, error) {
	hash, err := s.state.portalHash()
	if err != nil {
		return nil, err
	}
	token, api := s.defaultPorts()
	return demoConfiguration{
		Program:    s.program,
		Path:       shellWord(s.document),
		Issuer:     s.url(firstPort(s.tokenPort, token)),
		Resource:   s.url(firstPort(s.apiPort, api)),
		PortalHash: hash,
		TLS:        s.tls,
	}.render()
}

// keepFirst writes the configuration that was made up. That is done late, when its ports are known to be free: a second
// attempt with other ports must not find the first one's.
func (s *system) keepFirst() error {
	if s.first == nil {
		return nil
	}
	_, err := s.state.keep(s.configFile(), 0o600, func() ([]byte, error) { return s.first, nil })
	return err
}

// apiOf chooses the resource that the demo API is: the first on this machine whose tokens a JWK Set verifies, or else the
// first of all.
func apiOf(configuration *config.Config) config.Resource {
	for _, resource := range configuration.Resources {
		if portOf(resource.ID) != 0 && resource.AccessTokens.SharedSecret == "" && !resource.AccessTokens.Opaque {
			return resource
		}
	}
	return configuration.Resources[0] // a configuration has at least one
}

// portOf returns the port of a URL on this machine; zero for any other.
func portOf(text string) uint16 {
	place, err := url.Parse(text)
	if err != nil || !isLoopback(place.Hostname()) {
		return 0
	}
	return portNumber(place.Port())
}

// portNumber reads a port; what is none is zero.
func portNumber(text string) uint16 {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(port)
}

func checkPort(text string) error {
	if portNumber(text) == 0 {
		return errors.New("a port is a number from 1 to 65535")
	}
	return nil
}

// firstPort returns the first port that is one.
func firstPort(candidates ...uint16) uint16 {
	for _, port := range candidates {
		if port != 0 {
			return port
		}
	}
	return 0
}

// url is where a port of this machine is reached. Without TLS it is always the address and never the name localhost, which
// can mean ::1 as well, and somebody else; with TLS whoever answers has to show the certificate.
func (s *system) url(port uint16) string {
	if s.tls {
		return "https://localhost:" + strconv.Itoa(int(port))
	}
	return "http://" + address(port)
}

const loopbackHost = "127.0.0.1"

func address(port uint16) string { return net.JoinHostPort(loopbackHost, strconv.Itoa(int(port))) }

// windowsInUse is WSAEADDRINUSE, which is what EADDRINUSE is called on Windows; package syscall has no name for it.
const windowsInUse syscall.Errno = 10048

// portError says what to do about a port that cannot be had.
func portError(err error, port uint16, flag string) error {
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, windowsInUse) {
		return fmt.Errorf("the port %d is in use by another program, perhaps by another localrun; stop that, or choose a port with %s", port, flag)
	}
	if refused, isCall := errors.AsType[*os.SyscallError](err); isCall {
		err = refused.Err
	}
	return fmt.Errorf("the port %d cannot be used: %w; choose another with %s", port, err, flag)
}
