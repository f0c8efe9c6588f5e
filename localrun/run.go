package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ "example.com/countersign" // registers the function
	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/server"
)

// system is everything that runs on the laptop. The first fields say what the user wants; the rest is there once run
// has come that far.
type system struct {
	terminal
	program   string // how this program is called
	once      bool   // stop after the demonstration
	state     state
	document  string // path of the configuration; empty: the one of the state folder
	tokenPort uint16 // of the authorization server; zero: as the configuration says
	apiPort   uint16 // of the API; likewise
	tls       bool   // TLS everywhere, with certificates of clients

	secrets       *secretManager
	report, ci    jose.SigningKey
	mirror        jose.SigningKey
	configuration *config.Config
	first         []byte          // the document of configuration, if this run has made it up
	resource      config.Resource // what the demo API is
	certificates  localTLS        // zero: without TLS
	journal       *journal
	listener      net.Listener // of the API
	front         net.Listener // of what ends TLS before the function; nil: nothing does
	functionPort  uint16       // where the framework serves the function
	api           *demoAPI
	failed        chan error // what ends the servers
}

// run starts the parts in the order in which one needs the other, shows them at work, and serves.
func (s *system) run(ctx context.Context) (err error) {
	if s.state, err = openState(s.state.folder); err != nil {
		return err
	}
	if s.secrets, err = startSecretManager(s.state); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.secrets.close()) }()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if s.journal, err = openJournal(s.state.path(logFile)); err != nil {
		return err
	}
	defer s.journal.close()
	if err := s.start(ctx); err != nil {
		return err
	}
	s.introduce()
	if err := s.demonstrate(ctx); err != nil || s.once {
		return err
	}
	return s.serve(ctx)
}

// prepare makes whatever is missing, and leaves alone whatever is there.
func (s *system) prepare(ctx context.Context) error {
	if err := s.makeParties(); err != nil {
		return err
	}
	if err := s.configure(); err != nil {
		return err
	}
	if err := s.listen(ctx); err != nil {
		return err
	}
	if err := s.keepFirst(); err != nil {
		return err
	}
	return s.secrets.bootstrap(ctx, s.state, s.configuration)
}

// makeParties sees to it that everybody in the demonstration has what they sign with.
func (s *system) makeParties() (err error) {
	if s.report, err = s.state.keyPair(reportName); err != nil {
		return err
	}
	if s.ci, err = s.state.keyPair(ciName); err != nil {
		return err
	}
	if s.mirror, err = s.state.keyPair(mirrorName); err != nil || !s.tls {
		return err
	}
	s.certificates, err = s.state.makeTLS(time.Now())
	return err
}

// listen takes the port of the API, and sees that the one of the function is free. The framework would report a port
// that is taken as well, but by then we might be talking to the program that has it. With TLS that port is ours to keep.
func (s *system) listen(ctx context.Context) (err error) {
	var with net.ListenConfig
	probe, err := with.Listen(ctx, "tcp", address(s.tokenPort))
	if err != nil {
		return portError(err, s.tokenPort, "-port")
	}
	if s.listener, err = with.Listen(ctx, "tcp", address(s.apiPort)); err != nil {
		err = portError(err, s.apiPort, "-api-port")
	}
	if err == nil && s.tls {
		s.front = probe
		s.functionPort, err = freeInside(ctx)
		return err
	}
	s.functionPort = s.tokenPort
	return errors.Join(err, probe.Close())
}

// start begins to serve, and returns when a token could be had.
func (s *system) start(ctx context.Context) (err error) {
	if s.api, err = s.newAPI(); err != nil {
		return err
	}
	if err := s.prepareFunction(); err != nil {
		return err
	}
	s.failed = make(chan error, 3)
	go func() { s.failed <- s.api.serve(s.listener) }()
	go func() { s.failed <- funcframework.StartHostPort(loopbackHost, strconv.Itoa(int(s.functionPort))) }()
	if err := s.startFront(ctx); err != nil {
		return err
	}
	return s.waitUntilReady(ctx)
}

// prepareFunction sets what the platform sets for a function, and where this one finds its configuration.
func (s *system) prepareFunction() error {
	return errors.Join(
		os.Setenv("FUNCTION_TARGET", "AuthorizationServer"),
		os.Setenv("COUNTERSIGN_CONFIG", "file:"+s.document),
	)
}

func (s *system) newAPI() (*demoAPI, error) {
	scopes := s.resource.Scopes
	trusted, _ := clientTLS{Roots: s.certificates.roots}.transport()
	isFAPI2 := s.configuration.Profile == config.ProfileFAPI2
	var proofs []jose.Algorithm
	if isFAPI2 {
		proofs = jose.FAPI2Algorithms()
	}
	return newDemoAPI(apiConfig{
		Requires:  oauth.Constraint{DPoP: s.resource.DPoPRequired, Certificate: s.resource.MTLSRequired, Either: isFAPI2},
		Proofs:    proofs,
		Issuer:    s.configuration.Issuer,
		JWKSURI:   s.url(s.tokenPort) + server.JWKSPath,
		Transport: trusted,
		Audience:  s.resource.ID,
		URL:       s.url(s.apiPort),
		TLS:       s.serverTLS(),
		Read:      scopes[0],
		Write:     scopes[len(scopes)-1],
		Scopes:    scopes,
	})
}

// readyWithin is far more than it takes, also on a machine that is busy.
const readyWithin = 15 * time.Second

// waitUntilReady asks until the server says that it can sign a token. Its first answer is what makes it build itself.
func (s *system) waitUntilReady(ctx context.Context) error {
	client := s.httpClient()
	deadline := time.After(readyWithin)
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url(s.tokenPort)+"/ready", http.NoBody)
		if err != nil {
			return err
		}
		if answer, _, err := exchange(client, request); err == nil && answer.StatusCode == http.StatusOK {
			return nil
		}
		select {
		case err := <-s.failed:
			return fmt.Errorf("a server stopped: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return fmt.Errorf("the authorization server cannot sign tokens; %s says why", s.state.path(logFile))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// serve shows what the function decides, until the user has seen enough.
func (s *system) serve(ctx context.Context) error {
	s.printf("Serving until Ctrl-C. Who may get what is in %s:\nchange it, and start again. What Countersign decides:\n\n", s.document)
	for {
		select {
		case read := <-s.journal.entries:
			s.printf("   %s\n", read)
		case err := <-s.failed:
			return fmt.Errorf("a server stopped: %w", err)
		case <-ctx.Done():
			s.printf("\nStopped. The next run goes on with the same keys.\n")
			return nil
		}
	}
}
