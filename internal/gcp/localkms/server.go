// Package localkms is Cloud KMS for tests: a gRPC server on loopback that speaks the real v1 API (google.cloud.kms.v1),
// so that the real client library and our code above it run unchanged.
//
// It has what signing keys need: key rings, keys of purpose ASYMMETRIC_SIGN, versions and their states, paging,
// checksums, signatures with real keys, and the errors that Google gives. It has no users and no permissions, and it
// keeps everything in memory: what it signed with is gone when it is closed. A key is generated within the call that
// asks for it, so that no version is ever seen in state PENDING_GENERATION. What it does not do (encryption, import,
// other protection levels, filters) it refuses as UNIMPLEMENTED, because a setting that is accepted and then ignored is
// found out in production.
//
// A name in an answer is the one in the request, as Google's own samples expect. A project has no number here: by its
// number it would be another project.
//
// It must never listen on anything but loopback, and never let a private key out.
package localkms

import (
	"errors"
	"fmt"
	"time"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc"

	"example.com/countersign/internal/gcp/loopback"
)

// Config says where a [Server] listens.
type Config struct {
	// Address is host:port to listen on. The host must be a loopback address as a number; port 0 takes a free port.
	// Empty means 127.0.0.1:0.
	Address string

	// Now is the clock for create, generate and destroy times. It is required.
	Now func() time.Time
}

// Server is a running Cloud KMS.
type Server struct{ *loopback.Server }

// Start listens. The server answers when Start has returned.
func Start(config Config) (*Server, error) {
	if config.Now == nil {
		return nil, errors.New("starting the local KMS: no clock is given")
	}
	served, err := loopback.Serve(config.Address, func(s *grpc.Server) {
		pb.RegisterKeyManagementServiceServer(s, newService(config.Now))
	})
	if err != nil {
		return nil, fmt.Errorf("starting the local KMS: %w", err)
	}
	return &Server{served}, nil
}
