package gcp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
)

// wantDeadline calls with a deadline of 300 ms and wants the call to end by it, saying so.
func wantDeadline(t *testing.T, manager *gcp.SecretManager) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	versions, err := manager.Versions(ctx, secretName)
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("the call took %v", took)
	}
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, gcp.ErrNotFound) || versions != nil {
		t.Errorf("got %v, %v", versions, err)
	}
	return err
}

// wantPayloads calls with a generous deadline and wants the payloads.
func wantPayloads(t *testing.T, manager *gcp.SecretManager, want ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	versions, err := manager.Versions(ctx, secretName)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, version := range versions {
		got = append(got, string(version.Payload))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestACallEndsByItsDeadline(t *testing.T) {
	t.Run("where_nobody_listens", func(t *testing.T) {
		server := startServer(t, localsecrets.Config{})
		stop(t, server)
		err := wantDeadline(t, newManager(t, server.Address()))
		if !strings.Contains(err.Error(), "refused") {
			t.Errorf("%v does not say why", err)
		}
	})
	t.Run("where_nobody_answers", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer stop(t, listener)
		_ = wantDeadline(t, newManager(t, listener.Addr().String()))
	})
	for name, slow := range map[string]func(any) bool{
		"where_listing_hangs":   func(r any) bool { _, ok := r.(*pb.ListSecretVersionsRequest); return ok },
		"where_accessing_hangs": func(r any) bool { _, ok := r.(*pb.AccessSecretVersionRequest); return ok },
	} {
		t.Run(name, func(t *testing.T) {
			manager := newManager(t, intercepted(t, func(ctx context.Context, _ backend, request any, forward func() (any, error)) (any, error) {
				if slow(request) {
					<-ctx.Done()
				}
				return forward()
			}))
			newSecret(t, manager, "one", "two")
			_ = wantDeadline(t, manager)
		})
	}
}

func TestACancelledCallEnds(t *testing.T) {
	server := startServer(t, localsecrets.Config{})
	stop(t, server)
	manager := newManager(t, server.Address())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := manager.Versions(ctx, secretName); !errors.Is(err, context.Canceled) {
		t.Errorf("reading: %v", err)
	}
	if err := manager.CreateSecret(ctx, secretName); !errors.Is(err, context.Canceled) {
		t.Errorf("creating: %v", err)
	}
	if _, err := manager.AddVersion(ctx, secretName, []byte("payload")); !errors.Is(err, context.Canceled) {
		t.Errorf("adding: %v", err)
	}
	if err := manager.Keeper(secretName).Disable(ctx, "1"); !errors.Is(err, context.Canceled) {
		t.Errorf("disabling: %v", err)
	}
	if err := manager.Keeper(secretName).Destroy(ctx, "1"); !errors.Is(err, context.Canceled) {
		t.Errorf("destroying: %v", err)
	}
	if name, err := manager.CanonicalName(ctx, secretName); !errors.Is(err, context.Canceled) || name != "" {
		t.Errorf("looking up: %q, %v", name, err)
	}
}

func TestAServerThatComesBackIsUsedAgain(t *testing.T) {
	directory := t.TempDir() + "/secrets"
	server := startServer(t, localsecrets.Config{Directory: directory})
	manager := newManager(t, server.Address())
	newSecret(t, manager, "payload")
	for range 2 {
		wantPayloads(t, manager, "payload")
		stop(t, server)
		_ = wantDeadline(t, manager)
		server = startServer(t, localsecrets.Config{Directory: directory, Address: server.Address()})
		wantPayloads(t, manager, "payload")
	}
}

func TestACallWaitsForAServerThatIsJustStarting(t *testing.T) {
	directory := t.TempDir() + "/secrets"
	server := startServer(t, localsecrets.Config{Directory: directory})
	manager := newManager(t, server.Address())
	newSecret(t, manager, "payload")
	stop(t, server)
	_ = wantDeadline(t, manager) // by now the connection is known to be gone
	var wait sync.WaitGroup
	wait.Go(func() { wantPayloads(t, manager, "payload") })
	startServer(t, localsecrets.Config{Directory: directory, Address: server.Address()})
	wait.Wait()
}

func TestAConnectionThatBreaksIsReplaced(t *testing.T) {
	proxy := newLane(t, startServer(t, localsecrets.Config{}).Address())
	manager := newManager(t, proxy.Addr().String())
	newSecret(t, manager, "one", "two", "three")
	for range 20 {
		proxy.cut()
		wantPayloads(t, manager, "one", "two", "three")
	}
}

func TestAConnectionThatHangsIsReplaced(t *testing.T) {
	if testing.Short() {
		t.Skip("gRPC's shortest keepalive takes 12 s")
	}
	t.Parallel()
	proxy := newLane(t, startServer(t, localsecrets.Config{}).Address())
	manager := newManager(t, proxy.Addr().String())
	newSecret(t, manager, "payload")
	proxy.freeze()
	_ = wantDeadline(t, manager)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := manager.Versions(ctx, secretName); err != nil {
		t.Error(err)
	}
	if n := proxy.connections(); n != 2 {
		t.Errorf("there were %d connections", n)
	}
}

func TestConcurrentFirstUsesShareOneConnection(t *testing.T) {
	server := startServer(t, localsecrets.Config{})
	newSecret(t, newManager(t, server.Address()), "payload")
	proxy := newLane(t, server.Address())
	manager := newManager(t, proxy.Addr().String())
	var wait sync.WaitGroup
	for range 32 {
		wait.Go(func() { wantPayloads(t, manager, "payload") })
	}
	wait.Wait()
	if n := proxy.connections(); n != 1 {
		t.Errorf("they made %d connections", n)
	}
}

func TestClosingDuringTheFirstUseLeavesNothingOpen(t *testing.T) {
	server := startServer(t, localsecrets.Config{})
	newSecret(t, newManager(t, server.Address()), "payload")
	for range 50 {
		manager := newManager(t, server.Address())
		var wait sync.WaitGroup
		wait.Go(func() { _, _ = manager.Versions(t.Context(), secretName) })
		stop(t, manager)
		wait.Wait()
		if _, err := manager.Versions(t.Context(), secretName); err == nil {
			t.Fatal("it works after it was closed")
		}
	}
}

// unavailable answers UNAVAILABLE to that many calls of each kind, and counts them.
func unavailable(times int32, calls *[3]atomic.Int32) between {
	return func(_ context.Context, _ backend, request any, forward func() (any, error)) (any, error) {
		kind := 0
		switch request.(type) {
		case *pb.AccessSecretVersionRequest:
			kind = 1
		case *pb.AddSecretVersionRequest:
			kind = 2
		}
		if calls[kind].Add(1) <= times {
			return nil, status.Error(codes.Unavailable, "The service is currently unavailable.")
		}
		return forward()
	}
}

func TestReadingIsTriedFourTimes(t *testing.T) {
	var armed atomic.Bool
	var calls [3]atomic.Int32
	hiccup := func(times int32) between {
		fail := unavailable(times, &calls)
		return func(ctx context.Context, behind backend, request any, forward func() (any, error)) (any, error) {
			if !armed.Load() {
				return forward()
			}
			return fail(ctx, behind, request, forward)
		}
	}
	manager := newManager(t, intercepted(t, hiccup(3)))
	newSecret(t, manager, "payload")
	armed.Store(true)
	wantPayloads(t, manager, "payload")
	if list, access := calls[0].Load(), calls[1].Load(); list != 4 || access != 4 {
		t.Errorf("it listed %d times and accessed %d times", list, access)
	}
}

func TestReadingAServerThatStaysUnavailableEndsSoon(t *testing.T) {
	var calls [3]atomic.Int32
	manager := newManager(t, intercepted(t, unavailable(1000, &calls)))
	versions, err := manager.Versions(t.Context(), secretName)
	if status.Code(err) != codes.Unavailable || versions != nil {
		t.Errorf("got %v, %v", versions, err)
	}
	if list := calls[0].Load(); list != 4 {
		t.Errorf("it listed %d times", list)
	}
}

func TestAddingIsNotRepeated(t *testing.T) {
	var calls [3]atomic.Int32
	manager := newManager(t, intercepted(t, unavailable(1, &calls)))
	if _, err := manager.AddVersion(t.Context(), secretName, []byte("payload")); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
	if adds := calls[2].Load(); adds != 1 {
		t.Errorf("it added %d times", adds)
	}
}
