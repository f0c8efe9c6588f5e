package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// startFront begins to end TLS before the function, where that is wanted.
func (s *system) startFront(ctx context.Context) error {
	if !s.tls {
		return nil
	}
	f := front{names: s.configuration.MutualTLS}
	if name := f.names.Proxy.Secret; name != "" {
		secret, err := s.secrets.newest(ctx, name)
		if err != nil {
			return fmt.Errorf("the secret of the proxy, %s, cannot be had: %w", name, err)
		}
		f.secret = string(trimLineBreak(secret))
	}
	server := newBoundedServer(f.handler(s.functionPort), s.serverTLS())
	go func() { s.failed <- serveOn(server, s.front) }()
	return nil
}

// serverTLS is how both servers end TLS; nil: they do not.
func (s *system) serverTLS() *tls.Config {
	if !s.tls {
		return nil
	}
	return serverTLS(s.certificates.server.forTLS())
}

// httpClient returns a client that trusts the local CA where there is one, and shows no certificate.
func (s *system) httpClient() *http.Client {
	return clientTLS{Roots: s.certificates.roots}.newHTTPClient()
}

// freeInside returns a port for what nobody but this program talks to.
func freeInside(ctx context.Context) (uint16, error) {
	var with net.ListenConfig
	probe, err := with.Listen(ctx, "tcp", address(0))
	if err != nil {
		return 0, fmt.Errorf("there is no free port for the function: %w", err)
	}
	place, isTCP := probe.Addr().(*net.TCPAddr)
	if !isTCP {
		return 0, errors.Join(errors.New("the listener has no port"), probe.Close())
	}
	return place.AddrPort().Port(), probe.Close()
}
