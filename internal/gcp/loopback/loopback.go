// Package loopback serves gRPC on this machine alone, for the services of Google's that tests and laptops have a local
// one of.
//
// It must never listen on anything but loopback: there is no authentication behind it.
package loopback

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"google.golang.org/grpc"
)

// Server is a running gRPC server.
type Server struct {
	address string
	server  *grpc.Server
	served  chan error
}

// Serve listens on address, which is host:port with a loopback address as a number, and serves what register registers.
// Port 0 takes a free port, and an empty address is 127.0.0.1:0. The server answers when Serve has returned.
func Serve(address string, register func(*grpc.Server)) (*Server, error) {
	listen, err := check(address)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", listen)
	if err != nil {
		return nil, err
	}
	s := &Server{address: listener.Addr().String(), server: grpc.NewServer(), served: make(chan error, 1)}
	register(s.server)
	go s.serve(listener)
	return s, nil
}

func (s *Server) serve(listener net.Listener) {
	defer close(s.served)
	// The error says only that Close was faster than this goroutine.
	if err := s.server.Serve(listener); !errors.Is(err, grpc.ErrServerStopped) {
		s.served <- err
	}
}

// Address returns the host:port that the server listens on.
func (s *Server) Address() string { return s.address }

// Close stops listening and breaks off the calls under way. It may be called more than once.
func (s *Server) Close() error {
	s.server.Stop()
	return <-s.served
}

// check refuses an address that others could reach. A name is refused as well, since what it stands for is decided
// elsewhere.
func check(address string) (string, error) {
	if address == "" {
		return "127.0.0.1:0", nil
	}
	parsed, err := netip.ParseAddrPort(address)
	if err != nil || !parsed.Addr().Unmap().IsLoopback() {
		return "", fmt.Errorf("%q is not a loopback address like 127.0.0.1:0", address)
	}
	return address, nil
}
