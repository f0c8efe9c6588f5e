package gcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// constructor is how each of Google's libraries makes its client.
type constructor[C client] func(context.Context, ...option.ClientOption) (C, error)

// connector returns what makes a client: of the emulator at the host, or of Google's own service where that is empty.
// It checks the host and touches nothing.
func connector[C client](emulatorHost string, construct constructor[C]) (func() (C, error), error) {
	if emulatorHost == "" {
		return func() (C, error) { return newGoogleClient(construct) }, nil
	}
	if !isHostPort(emulatorHost) {
		return nil, fmt.Errorf("the emulator's address %q is not of the form host:port", emulatorHost)
	}
	return func() (C, error) { return newEmulatorClient(emulatorHost, construct) }, nil
}

// isHostPort refuses above all a URL, which operators try first, and which would be dialled as if it were a name.
func isHostPort(address string) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || strings.ContainsAny(host, "/@ ") {
		return false
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return err == nil && number != 0
}

// newGoogleClient finds credentials the way every Google library does (GOOGLE_APPLICATION_CREDENTIALS, gcloud's file,
// the metadata server): that library reads the environment by itself, which nothing of ours does outside the wiring.
func newGoogleClient[C client](construct constructor[C]) (C, error) {
	options := []option.ClientOption{silent()}
	for _, o := range connectionOptions() {
		options = append(options, option.WithGRPCDialOption(o))
	}
	// The connection is made by the first call, so this context bounds nothing that lasts.
	return construct(context.Background(), options...)
}

// newEmulatorClient brings its own connection, because only that keeps Google's library from looking for client
// certificates and credentials that an emulator must not be shown. A proxy of the environment is not for it either.
func newEmulatorClient[C client](host string, construct constructor[C]) (C, error) {
	var none C
	options := append(connectionOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithNoProxy())
	// "passthrough" leaves names to the dialer: gRPC's own resolver would ask DNS once and wait half a minute to ask
	// again.
	connection, err := grpc.NewClient("passthrough:///"+host, options...)
	if err != nil {
		return none, err
	}
	made, err := construct(context.Background(), silent(), option.WithGRPCConn(connection))
	if err != nil {
		return none, errors.Join(err, connection.Close())
	}
	return made, nil
}

// silent takes away the library's debug logger: with GOOGLE_SDK_GO_LOGGING_LEVEL=debug in the environment it would
// print every request and answer to standard error, secrets and access tokens included.
func silent() option.ClientOption {
	return option.WithLogger(slog.New(slog.DiscardHandler))
}

// connectionOptions are for a service that is used for a moment once a minute, on machines that sleep in between.
func connectionOptions() []grpc.DialOption {
	return []grpc.DialOption{
		// By default a call fails at once while there is no connection, and after an outage gRPC waits up to two
		// minutes before it tries for one again, failing every call meanwhile. Here a call waits for the connection as
		// long as its context allows, and a connection is tried for about once a second.
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		// An instance that slept can hold a connection whose other end is gone without a word. Without these pings
		// (sent only while a call is under way, 10 s is gRPC's minimum) every call would wait on it until the kernel
		// gives up: minutes.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 2 * time.Second}),
	}
}
