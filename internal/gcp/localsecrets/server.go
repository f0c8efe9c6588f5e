// Package localsecrets is Secret Manager for a laptop and for tests: a gRPC server on loopback that speaks the real v1 API
// (google.cloud.secretmanager.v1), so that the real client library and our code above it run unchanged.
//
// It has what signing keys and other small secrets need: secrets, versions and their states, etags, checksums, paging, and
// the errors that Google gives. It has no users, no permissions and no encryption: every process on the machine can read
// and change what it holds. What it does not do (rotation notices, expiry, aliases, regions) it refuses as UNIMPLEMENTED,
// because a setting that is accepted and then ignored is found out in production.
//
// As at Google, the names in answers carry the project's number where the request may have its ID, so that code which
// compares the two fails here first. A laptop has no projects: the number is derived from the ID, always the same one, and
// both name the same secrets.
//
// It must never listen on anything but loopback, never keep its files readable by others, and never start empty where its
// files are damaged.
package localsecrets

import (
	"errors"
	"fmt"
	"time"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc"

	"example.com/countersign/internal/gcp/loopback"
)

// Config says where a [Server] listens and keeps its secrets.
type Config struct {
	// Address is host:port to listen on. The host must be a loopback address as a number; port 0 takes a free port.
	// Empty means 127.0.0.1:0.
	Address string

	// Directory is where the secrets are kept, made with mode 0700 if it does not exist. One that other users can enter is
	// refused. Empty means in memory only.
	Directory string

	// Now is the clock for create and destroy times. It is required.
	Now func() time.Time
}

// Server is a running Secret Manager.
type Server struct {
	served *loopback.Server
	store  *store
}

// Start opens the directory and listens. The server answers when Start has returned.
func Start(config Config) (*Server, error) {
	if config.Now == nil {
		return nil, errors.New("starting the local Secret Manager: no clock is given")
	}
	kept, err := openStore(config.Directory)
	if err != nil {
		return nil, fmt.Errorf("starting the local Secret Manager: %w", err)
	}
	served, err := loopback.Serve(config.Address, func(s *grpc.Server) {
		pb.RegisterSecretManagerServiceServer(s, &service{store: kept, now: config.Now})
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the local Secret Manager: %w", err), kept.close())
	}
	return &Server{served, kept}, nil
}

// Address returns the host:port that the server listens on: what SECRET_MANAGER_EMULATOR_HOST wants.
func (s *Server) Address() string { return s.served.Address() }

// Close stops listening, breaks off the calls under way and releases the directory. What was answered is kept. It may be
// called more than once.
func (s *Server) Close() error { return errors.Join(s.served.Close(), s.store.close()) }
