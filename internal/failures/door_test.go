package failures

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// condition is what becomes of the calls to a service of Google's, or to a publisher of keys.
type condition struct {
	answer codes.Code    // OK: what the service itself answers
	after  time.Duration // how late
	hangs  bool          // there is no answer at all
	slow   time.Duration // how late the answer is when all has been done
	every  int64         // only every second, third, … call is answered; 0: this is no matter
}

var (
	works     = condition{}
	down      = condition{answer: codes.Unavailable}
	forbidden = condition{answer: codes.PermissionDenied}
	exhausted = condition{answer: codes.ResourceExhausted}
	hanging   = condition{hangs: true}
	flapping  = condition{every: 2}
)

func late(by time.Duration) condition { return condition{after: by} }

// answersLate is worse: what was asked for is done at once, and nobody hears of it.
func answersLate(by time.Duration) condition { return condition{slow: by} }

// door is where the calls to something come through. It works until a test makes it something else.
type door struct {
	address   string
	condition atomic.Pointer[condition]
	calls     atomic.Int64
}

func (d *door) become(c condition) { d.condition.Store(&c) }

// enter returns an error where a call is not let through.
func (d *door) enter(ctx context.Context) error {
	now, number := d.condition.Load(), d.calls.Add(1)
	switch {
	case now.hangs:
		<-ctx.Done()
		return ctx.Err()
	case now.answer != codes.OK:
		return status.Error(now.answer, "the door is shut")
	case now.every > 0 && number%now.every != 0:
		return status.Error(codes.Unavailable, "the door comes and goes")
	}
	return wait(ctx, now.after)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// grpcDoor is in front of a gRPC server on loopback. It passes on whatever comes, as bytes.
type grpcDoor struct {
	door
	behind *grpc.ClientConn
}

func newGRPCDoor(t *testing.T, to string) *grpcDoor {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &grpcDoor{behind: dial(t, to)}
	d.address = listener.Addr().String()
	d.become(works)
	server := grpc.NewServer(grpc.UnknownServiceHandler(d.handle), grpc.ForceServerCodec(bytesCodec{}))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return d
}

func dial(t *testing.T, address string) *grpc.ClientConn {
	t.Helper()
	connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

func (d *grpcDoor) handle(_ any, stream grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(stream)
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	if err := d.enter(stream.Context()); err != nil {
		return err
	}
	incoming, _ := metadata.FromIncomingContext(stream.Context())
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(stream.Context(), incoming))
	defer cancel()
	behind, err := d.behind.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method, grpc.ForceCodec(bytesCodec{}))
	if err != nil {
		return err
	}
	if err := errors.Join(behind.SendMsg(&request), behind.CloseSend()); err != nil {
		return err
	}
	for {
		var answer []byte
		switch err := behind.RecvMsg(&answer); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := errors.Join(wait(ctx, d.condition.Load().slow), stream.SendMsg(&answer)); err != nil {
			return err
		}
	}
}

// bytesCodec takes messages as they are, in place of the codec of this name.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }

func (bytesCodec) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = append([]byte(nil), data...) // gRPC uses the buffer again
	return nil
}

// publisher publishes the keys of an issuer.
type publisher struct {
	door
	set atomic.Pointer[[]byte]
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	p := &publisher{}
	p.become(works)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := p.enter(r.Context()); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "max-age=300")
		_, _ = w.Write(*p.set.Load())
	}))
	t.Cleanup(server.Close)
	p.address = server.URL
	return p
}
