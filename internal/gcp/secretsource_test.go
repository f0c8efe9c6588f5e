package gcp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/keys"
)

// watched is the source of one secret, behind a server that counts the accesses and lets a test come between.
type watched struct {
	source   keys.Source
	manager  *gcp.SecretManager
	raw      backend
	accesses atomic.Int32
	disturb  atomic.Pointer[between] // nil: every call is forwarded
}

// watch makes the secret with one version for each payload.
func watch(t *testing.T, payloads ...string) *watched {
	t.Helper()
	w := new(watched)
	address := intercepted(t, func(ctx context.Context, behind backend, request any, forward handler) (any, error) {
		if _, accessing := request.(*pb.AccessSecretVersionRequest); accessing {
			w.accesses.Add(1)
		}
		if do := w.disturb.Load(); do != nil {
			return (*do)(ctx, behind, request, forward)
		}
		return forward()
	})
	w.manager, w.raw = newManager(t, address), rawClient(t, address)
	w.source = w.manager.Source(secretName)
	newSecret(t, w.manager, payloads...)
	return w
}

// during runs one part of a test with a disturbance.
func (w *watched) during(do between, part func()) {
	w.disturb.Store(&do)
	defer w.disturb.Store(nil)
	part()
}

// want reads the source once, and wants these versions, and so many accesses since the beginning of the test.
func (w *watched) want(t *testing.T, accesses int32, versions ...string) {
	t.Helper()
	got, err := w.source.Versions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(versions, described(got)); diff != "" {
		t.Error(diff)
	}
	if n := w.accesses.Load(); n != accesses {
		t.Errorf("there were %d accesses, want %d", n, accesses)
	}
}

// described is what a test says of versions: "1 enabled payload", "2 disabled".
func described(versions []keys.Version) []string {
	states := map[keys.State]string{keys.Enabled: "enabled", keys.Disabled: "disabled", keys.Destroyed: "destroyed"}
	var texts []string
	for _, version := range versions {
		text := fmt.Sprintf("%s %s %s", version.ID, states[version.State], version.Payload)
		texts = append(texts, strings.TrimSpace(text))
	}
	return texts
}

func (w *watched) enable(t *testing.T, number string) {
	t.Helper()
	request := &pb.EnableSecretVersionRequest{Name: secretName + "/versions/" + number}
	if _, err := w.raw.EnableSecretVersion(t.Context(), request); err != nil {
		t.Fatal(err)
	}
}

func (w *watched) change(t *testing.T, change func(context.Context, backend, string) error, number string) {
	t.Helper()
	if err := change(t.Context(), w.raw, number); err != nil {
		t.Fatal(err)
	}
}

func (w *watched) delete(t *testing.T) {
	t.Helper()
	if _, err := w.raw.DeleteSecret(t.Context(), &pb.DeleteSecretRequest{Name: secretName}); err != nil {
		t.Fatal(err)
	}
}

func TestAPayloadIsAccessedOnce(t *testing.T) {
	w := watch(t, "one", "two")
	for range 10 {
		w.want(t, 2, "1 enabled one", "2 enabled two")
	}
	if _, err := w.manager.AddVersion(t.Context(), secretName, []byte("three")); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		w.want(t, 3, "1 enabled one", "2 enabled two", "3 enabled three")
	}
}

func TestAKeeperRemembersPayloadsAsASourceDoes(t *testing.T) {
	w := watch(t, "one")
	w.source = w.manager.Keeper(secretName)
	for range 10 {
		w.want(t, 1, "1 enabled one")
	}
}

func TestAVersionThatIsNotEnabledIsForgotten(t *testing.T) {
	w := watch(t, "one", "two", "three")
	w.want(t, 3, "1 enabled one", "2 enabled two", "3 enabled three")
	w.change(t, disable, "1")
	w.change(t, destroy, "2")
	w.want(t, 3, "1 disabled", "2 destroyed", "3 enabled three")
	w.enable(t, "1")
	w.want(t, 4, "1 enabled one", "2 destroyed", "3 enabled three")
	w.want(t, 4, "1 enabled one", "2 destroyed", "3 enabled three")
}

func TestAVersionThatIsDisabledBeforeItsFirstAccessIsAccessedWhenItIsEnabled(t *testing.T) {
	w := watch(t, "one")
	w.during(afterListing(func(ctx context.Context, raw backend) error { return disable(ctx, raw, "1") }), func() {
		w.want(t, 1, "1 disabled")
	})
	w.enable(t, "1")
	w.want(t, 2, "1 enabled one")
	w.want(t, 2, "1 enabled one")
}

func TestASecretThatWasMadeAnewIsReadAnew(t *testing.T) {
	w := watch(t, "one", "two")
	w.want(t, 2, "1 enabled one", "2 enabled two")
	w.delete(t)
	if versions, err := w.source.Versions(t.Context()); !errors.Is(err, gcp.ErrNotFound) || versions != nil {
		t.Errorf("while it does not exist: %v, %v", versions, err)
	}
	newSecret(t, w.manager, "another one")
	w.want(t, 3, "1 enabled another one")
	w.want(t, 3, "1 enabled another one")

	w.delete(t)
	newSecret(t, w.manager, "a third one") // and nobody has looked in between
	w.want(t, 4, "1 enabled a third one")
}

func TestAnOutageIsNotHiddenAndTakesNothingAway(t *testing.T) {
	w := watch(t, "one", "two")
	w.want(t, 2, "1 enabled one", "2 enabled two")
	for _, code := range []codes.Code{codes.Unavailable, codes.PermissionDenied, codes.Internal} {
		w.during(func(context.Context, backend, any, handler) (any, error) {
			return nil, status.Error(code, "Not now.")
		}, func() {
			if versions, err := w.source.Versions(t.Context()); status.Code(err) != code || versions != nil {
				t.Errorf("got %v, %v; want %v", versions, err, code)
			}
		})
		w.want(t, 2, "1 enabled one", "2 enabled two")
	}
}

func TestWhatAFailedCallHasFetchedIsRemembered(t *testing.T) {
	w := watch(t, "one", "two", "three", "four", "five")
	w.during(func(_ context.Context, _ backend, request any, forward handler) (any, error) {
		if access, is := request.(*pb.AccessSecretVersionRequest); is && strings.HasSuffix(access.GetName(), "/5") {
			return nil, status.Error(codes.PermissionDenied, "Permission denied.")
		}
		return forward()
	}, func() {
		versions, err := w.source.Versions(t.Context())
		if status.Code(err) != codes.PermissionDenied || versions != nil {
			t.Errorf("got %v, %v", versions, err)
		}
	})
	// Payloads are fetched four at a time, so that one at least was there before the fifth was asked for.
	w.accesses.Store(0)
	versions, err := w.source.Versions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"1 enabled one", "2 enabled two", "3 enabled three", "4 enabled four", "5 enabled five"}
	if diff := cmp.Diff(want, described(versions)); diff != "" {
		t.Error(diff)
	}
	if n := w.accesses.Load(); n < 1 || n > 4 {
		t.Errorf("there were %d accesses", n)
	}
}

func TestADamagedPayloadIsNotRemembered(t *testing.T) {
	w := watch(t, "one")
	w.during(func(_ context.Context, _ backend, _ any, forward handler) (any, error) {
		answer, err := forward()
		if a, ok := answer.(*pb.AccessSecretVersionResponse); ok && err == nil {
			a.Payload.Data[0]++
		}
		return answer, err
	}, func() {
		if versions, err := w.source.Versions(t.Context()); err == nil || versions != nil {
			t.Errorf("got %v, %v", described(versions), err)
		}
	})
	w.want(t, 2, "1 enabled one")
	w.want(t, 2, "1 enabled one")
}

// A call can stand still with its instance, while another one learns that a key is not to be used any more.
func TestAPayloadThatComesTooLateIsNotRemembered(t *testing.T) {
	w := watch(t, "one")
	asked, release := make(chan struct{}), make(chan struct{})
	var late sync.WaitGroup
	w.during(func(ctx context.Context, _ backend, request any, forward handler) (any, error) {
		answer, err := forward()
		if _, accessing := request.(*pb.AccessSecretVersionRequest); accessing {
			close(asked)
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return answer, err
	}, func() {
		late.Go(func() {
			if versions, err := w.source.Versions(t.Context()); err != nil || len(versions) != 1 {
				t.Errorf("the late one: %v, %v", described(versions), err)
			}
		})
		<-asked
	})
	w.change(t, disable, "1")
	w.want(t, 1, "1 disabled")
	close(release)
	late.Wait()
	w.enable(t, "1")
	w.want(t, 2, "1 enabled one")
}

func TestConcurrentReadingsShareTheMemory(t *testing.T) {
	w := watch(t, "one", "two")
	read := func() {
		var readers sync.WaitGroup
		for range 32 {
			readers.Go(func() {
				versions, err := w.source.Versions(t.Context())
				diff := cmp.Diff([]string{"1 enabled one", "2 enabled two"}, described(versions))
				if err != nil || diff != "" {
					t.Errorf("%v\n%s", err, diff)
				}
			})
		}
		readers.Wait()
	}
	read() // each of them may be the first
	before := w.accesses.Load()
	read()
	if n := w.accesses.Load(); n != before {
		t.Errorf("there were %d accesses to what was remembered", n-before)
	}
}

func TestConcurrentReadingsOfAHistoryThatChangesAreConsistent(t *testing.T) {
	payloads := strings.Split("abcdefghijklmnopqrst", "")
	w := watch(t, payloads...)
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 10 {
				versions, err := w.source.Versions(t.Context())
				if err != nil || len(versions) != len(payloads) {
					t.Errorf("got %v, %v", described(versions), err)
					return
				}
				for i, got := range described(versions) {
					if got != fmt.Sprintf("%d enabled %s", i+1, payloads[i]) && got != fmt.Sprintf("%d disabled", i+1) {
						t.Errorf("got %s", got)
					}
				}
			}
		})
	}
	var want []string
	for i := range payloads {
		w.change(t, disable, fmt.Sprint(i+1))
		want = append(want, fmt.Sprintf("%d disabled", i+1))
	}
	readers.Wait()
	w.want(t, w.accesses.Load(), want...)
}
