package gcp

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

var errClosed = errors.New("this Secret Manager client is closed")

// lazyClient makes one client when it is first needed and shares it. A failure is not remembered: the next caller tries
// again, because what was missing (credentials, the metadata server) can appear later.
type lazyClient struct {
	create func() (*secretmanager.Client, error)

	mu      sync.Mutex
	made    *secretmanager.Client
	pending *creation
	closed  bool
}

// creation is an attempt that is under way. Its results may be read when done is closed.
type creation struct {
	done   chan struct{}
	client *secretmanager.Client
	err    error
}

// get returns the shared client. Making one can ask the metadata server for credentials, and Google's library takes no
// context for that: it runs beside the callers, each of which waits no longer than its own context allows.
func (l *lazyClient) get(ctx context.Context) (*secretmanager.Client, error) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil, errClosed
	}
	if l.made != nil {
		defer l.mu.Unlock()
		return l.made, nil
	}
	if l.pending == nil {
		l.pending = &creation{done: make(chan struct{})}
		go l.run(l.pending)
	}
	attempt := l.pending
	l.mu.Unlock()

	select {
	case <-attempt.done:
		return attempt.client, attempt.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *lazyClient) run(attempt *creation) {
	defer close(attempt.done)
	made, err := l.create()

	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = nil
	switch {
	case err != nil:
		attempt.err = err
	case l.closed:
		attempt.err = errors.Join(errClosed, made.Close())
	default:
		l.made, attempt.client = made, made
	}
}

func (l *lazyClient) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.made == nil {
		return nil
	}
	made := l.made
	l.made = nil
	return made.Close()
}

// newGoogleClient finds credentials the way every Google library does (GOOGLE_APPLICATION_CREDENTIALS, gcloud's file, the
// metadata server): that library reads the environment by itself, which nothing of ours does outside the wiring.
func newGoogleClient() (*secretmanager.Client, error) {
	options := []option.ClientOption{silent()}
	for _, o := range connectionOptions() {
		options = append(options, option.WithGRPCDialOption(o))
	}
	// The connection is made by the first call, so this context bounds nothing that lasts.
	return secretmanager.NewClient(context.Background(), options...)
}

// newEmulatorClient brings its own connection, because only that keeps Google's library from looking for client
// certificates and credentials that an emulator must not be shown. A proxy of the environment is not for it either.
func newEmulatorClient(host string) (*secretmanager.Client, error) {
	options := append(connectionOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithNoProxy())
	// "passthrough" leaves names to the dialer: gRPC's own resolver would ask DNS once and wait half a minute to ask again.
	connection, err := grpc.NewClient("passthrough:///"+host, options...)
	if err != nil {
		return nil, err
	}
	made, err := secretmanager.NewClient(context.Background(), silent(), option.WithGRPCConn(connection))
	if err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return made, nil
}

// silent takes away the library's debug logger: with GOOGLE_SDK_GO_LOGGING_LEVEL=debug in the environment it would print
// every request and answer to standard error, secrets and access tokens included.
func silent() option.ClientOption {
	return option.WithLogger(slog.New(slog.DiscardHandler))
}

// connectionOptions are for a service that is used for a moment once a minute, on machines that sleep in between.
func connectionOptions() []grpc.DialOption {
	return []grpc.DialOption{
		// By default a call fails at once while there is no connection, and after an outage gRPC waits up to two minutes
		// before it tries for one again, failing every call meanwhile. Here a call waits for the connection as long as its
		// context allows, and a connection is tried for about once a second.
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		// An instance that slept can hold a connection whose other end is gone without a word. Without these pings (sent only
		// while a call is under way, 10 s is gRPC's minimum) every call would wait on it until the kernel gives up: minutes.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 2 * time.Second}),
	}
}
