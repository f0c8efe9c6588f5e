package gcp_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
	"example.com/countersign/internal/keys"
)

func newPayload() ([]byte, error) { return []byte("payload"), nil }

// wantHistory wants these versions of the secret, as described.
func wantHistory(t *testing.T, manager *gcp.SecretManager, want ...string) {
	t.Helper()
	versions, err := manager.Versions(t.Context(), secretName)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, described(versions)); diff != "" {
		t.Error(diff)
	}
}

func TestAKeeperAddsDisablesAndDestroys(t *testing.T) {
	manager := newManager(t, startServer(t, localsecrets.Config{}).Address())
	newSecret(t, manager)
	keeper := manager.Keeper(secretName)
	for _, want := range []string{"1", "2", "3"} {
		if got, err := keeper.Add(t.Context(), newPayload); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	wantHistory(t, manager, "1 enabled payload", "2 enabled payload", "3 enabled payload")
	if err := keeper.Disable(t.Context(), "2"); err != nil {
		t.Error(err)
	}
	wantHistory(t, manager, "1 enabled payload", "2 disabled", "3 enabled payload")
	for _, number := range []string{"1", "2"} { // enabled and disabled
		if err := keeper.Destroy(t.Context(), number); err != nil {
			t.Error(err)
		}
	}
	wantHistory(t, manager, "1 destroyed", "2 destroyed", "3 enabled payload")
}

func TestASourceHasNoPowerToWrite(t *testing.T) {
	manager := newManager(t, startServer(t, localsecrets.Config{}).Address())
	if _, writes := manager.Source(secretName).(keys.Keeper); writes {
		t.Error("it is a keeper")
	}
}

func TestAKeyThatCannotBeMadeIsNotAdded(t *testing.T) {
	var adds atomic.Int32
	address := intercepted(t, func(_ context.Context, _ backend, request any, forward handler) (any, error) {
		if _, adding := request.(*pb.AddSecretVersionRequest); adding {
			adds.Add(1)
		}
		return forward()
	})
	manager := newManager(t, address)
	newSecret(t, manager)
	errNoEntropy := errors.New("no entropy")
	for name, newKey := range map[string]func() ([]byte, error){
		"nothing": func() ([]byte, error) { return nil, errNoEntropy },
		"a part":  func() ([]byte, error) { return []byte("payl"), errNoEntropy },
	} {
		id, err := manager.Keeper(secretName).Add(t.Context(), newKey)
		if !errors.Is(err, errNoEntropy) || id != "" || !strings.Contains(err.Error(), secretName) {
			t.Errorf("%s: got %q, %v", name, id, err)
		}
	}
	empty := func() ([]byte, error) { return nil, nil }
	if id, err := manager.Keeper(secretName).Add(t.Context(), empty); err == nil || id != "" {
		t.Errorf("nothing and no error: got %q, %v", id, err)
	}
	if n := adds.Load(); n != 0 {
		t.Errorf("it added %d times", n)
	}
}

func TestAKeyForASecretThatDoesNotExistIsNotAdded(t *testing.T) {
	manager := newManager(t, startServer(t, localsecrets.Config{}).Address())
	id, err := manager.Keeper(secretName).Add(t.Context(), newPayload)
	if !errors.Is(err, gcp.ErrNotFound) || id != "" {
		t.Errorf("got %q, %v", id, err)
	}
}

func TestAKeeperAddsOnceWhateverTheAnswer(t *testing.T) {
	for name, happens := range map[string]bool{"where_nothing_happened": false, "where_it_happened": true} {
		t.Run(name, func(t *testing.T) {
			var adds, made atomic.Int32
			address := intercepted(t, func(_ context.Context, _ backend, request any, forward handler) (any, error) {
				if _, adding := request.(*pb.AddSecretVersionRequest); !adding {
					return forward()
				}
				adds.Add(1)
				if happens {
					if _, err := forward(); err != nil {
						return nil, err
					}
				}
				return nil, status.Error(codes.Unavailable, "The service is currently unavailable.")
			})
			manager := newManager(t, address)
			newSecret(t, manager)
			id, err := manager.Keeper(secretName).Add(t.Context(), func() ([]byte, error) {
				made.Add(1)
				return []byte("payload"), nil
			})
			if status.Code(err) != codes.Unavailable || id != "" {
				t.Errorf("got %q, %v", id, err)
			}
			if adds.Load() != 1 || made.Load() != 1 {
				t.Errorf("it made %d keys and added %d times", made.Load(), adds.Load())
			}
			if happens {
				wantHistory(t, manager, "1 enabled payload")
			} else {
				wantHistory(t, manager)
			}
		})
	}
}

func TestChangingAStateIsRefused(t *testing.T) {
	manager := newManager(t, startServer(t, localsecrets.Config{}).Address())
	newSecret(t, manager, "one", "two")
	if err := manager.Keeper(secretName).Destroy(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	deny := func(name string, err error, want codes.Code, text string) {
		t.Run(name, func(t *testing.T) {
			if err == nil || status.Code(err) != want || !strings.Contains(err.Error(), text) {
				t.Errorf("got %v; want %v and %q", err, want, text)
			}
			if errors.Is(err, gcp.ErrNotFound) != (want == codes.NotFound) {
				t.Errorf("%v is taken for the wrong thing", err)
			}
		})
	}
	ctx, keeper, other := t.Context(), manager.Keeper(secretName), manager.Keeper(secretName+"-2")
	deny("disabling_a_destroyed_version", keeper.Disable(ctx, "1"), codes.FailedPrecondition,
		"disabling version 1 of "+secretName+": it is destroyed")
	deny("disabling_no_version", keeper.Disable(ctx, "3"), codes.NotFound, "disabling version 3 of "+secretName)
	deny("destroying_no_version", keeper.Destroy(ctx, "3"), codes.NotFound, "destroying version 3 of "+secretName)
	deny("disabling_in_no_secret", other.Disable(ctx, "2"), codes.NotFound, secretName+"-2")
	deny("destroying_in_no_secret", other.Destroy(ctx, "2"), codes.NotFound, secretName+"-2")
	for _, number := range []string{"", "latest", "0", "02", "-2", "2 ", "2/", "2/versions/2", "1/../2", "x", "٢"} {
		deny("disabling_"+number, keeper.Disable(ctx, number), codes.Unknown, "not a version's number")
		deny("destroying_"+number, keeper.Destroy(ctx, number), codes.Unknown, "not a version's number")
	}
	wantHistory(t, manager, "1 destroyed", "2 enabled two")
}

func TestAChangeOfStateCanBeRepeated(t *testing.T) {
	manager := newManager(t, startServer(t, localsecrets.Config{}).Address())
	newSecret(t, manager, "one", "two")
	keeper := manager.Keeper(secretName)
	for range 3 {
		if err := keeper.Disable(t.Context(), "1"); err != nil {
			t.Errorf("disabling: %v", err)
		}
		if err := keeper.Destroy(t.Context(), "2"); err != nil {
			t.Errorf("destroying: %v", err)
		}
		wantHistory(t, manager, "1 disabled", "2 destroyed")
	}
}

// changing is whether a request is one of the two changes of state.
func changing(request any) bool {
	switch request.(type) {
	case *pb.DisableSecretVersionRequest, *pb.DestroySecretVersionRequest:
		return true
	default:
		return false
	}
}

// changes is both changes of state, by the state that they end in.
func changes(keeper keys.Keeper) map[string]func(context.Context, string) error {
	return map[string]func(context.Context, string) error{"disabled": keeper.Disable, "destroyed": keeper.Destroy}
}

func TestAChangeOfStateIsTriedFourTimes(t *testing.T) {
	for name, happens := range map[string]bool{"where_nothing_happened": false, "where_it_happened": true} {
		for _, ends := range []string{"disabled", "destroyed"} {
			t.Run(ends+"_"+name, func(t *testing.T) {
				var calls atomic.Int32
				address := intercepted(t, func(_ context.Context, _ backend, request any, forward handler) (any, error) {
					if !changing(request) || calls.Add(1) > 3 {
						return forward()
					}
					if happens {
						_, _ = forward() // from the second time on, a destruction is refused
					}
					return nil, status.Error(codes.Unavailable, "The service is currently unavailable.")
				})
				manager := newManager(t, address)
				newSecret(t, manager, "one")
				if err := changes(manager.Keeper(secretName))[ends](t.Context(), "1"); err != nil {
					t.Error(err)
				}
				if n := calls.Load(); n != 4 {
					t.Errorf("it called %d times", n)
				}
				wantHistory(t, manager, "1 "+ends)
			})
		}
	}
}

func TestAChangeOfStateAtAServerThatStaysUnavailableEndsSoon(t *testing.T) {
	for _, ends := range []string{"disabled", "destroyed"} {
		t.Run(ends, func(t *testing.T) {
			var calls atomic.Int32
			address := intercepted(t, func(_ context.Context, _ backend, request any, forward handler) (any, error) {
				if !changing(request) {
					return forward()
				}
				calls.Add(1)
				return nil, status.Error(codes.Unavailable, "The service is currently unavailable.")
			})
			manager := newManager(t, address)
			newSecret(t, manager, "one")
			err := changes(manager.Keeper(secretName))[ends](t.Context(), "1")
			if status.Code(err) != codes.Unavailable {
				t.Errorf("got %v", err)
			}
			if n := calls.Load(); n != 4 {
				t.Errorf("it called %d times", n)
			}
			wantHistory(t, manager, "1 enabled one")
		})
	}
}

// A refusal is only a success where the version is found in the state that was wanted.
func TestARefusalIsAnErrorWhereTheStateIsAnother(t *testing.T) {
	refusal := status.Error(codes.FailedPrecondition, "The organization's policy forbids it.")
	unknown := func(code codes.Code) error { return status.Error(code, "The state is not told.") }
	tests := map[string]struct {
		found error // the answer to a question for the version, nil for the true one
		want  codes.Code
	}{
		"the_version_is_enabled":      {nil, codes.FailedPrecondition},
		"nobody_may_know_the_state":   {unknown(codes.PermissionDenied), codes.PermissionDenied},
		"the_version_is_gone_by_now":  {unknown(codes.NotFound), codes.NotFound},
		"the_state_cannot_be_had_now": {unknown(codes.Unavailable), codes.Unavailable},
		"the_state_comes_too_late":    {unknown(codes.DeadlineExceeded), codes.DeadlineExceeded},
	}
	for name, test := range tests {
		for _, ends := range []string{"disabled", "destroyed"} {
			t.Run(ends+"_"+name, func(t *testing.T) {
				address := intercepted(t, func(_ context.Context, _ backend, request any, forward handler) (any, error) {
					if changing(request) {
						return nil, refusal
					}
					if _, asking := request.(*pb.GetSecretVersionRequest); asking && test.found != nil {
						return nil, test.found
					}
					return forward()
				})
				manager := newManager(t, address)
				newSecret(t, manager, "one")
				err := changes(manager.Keeper(secretName))[ends](t.Context(), "1")
				if status.Code(err) != test.want || !strings.Contains(err.Error(), "version 1 of "+secretName) {
					t.Errorf("got %v; want %v", err, test.want)
				}
				if err != nil && strings.Contains(err.Error(), "it is destroyed") {
					t.Errorf("%v is not true", err)
				}
			})
		}
	}
}

// Secret.version_destroy_ttl: a version that waits for its destruction is disabled.
func TestADestructionThatIsScheduledCanBeRepeated(t *testing.T) {
	address := intercepted(t, func(_ context.Context, _ backend, request any, forward handler) (any, error) {
		if _, destroying := request.(*pb.DestroySecretVersionRequest); destroying {
			return nil, status.Error(codes.FailedPrecondition, "The destruction is scheduled already.")
		}
		answer, err := forward()
		if found, ok := answer.(*pb.SecretVersion); ok && err == nil {
			found.ScheduledDestroyTime = timestamppb.Now()
		}
		return answer, err
	})
	manager := newManager(t, address)
	newSecret(t, manager, "one")
	keeper := manager.Keeper(secretName)
	if err := keeper.Disable(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	if err := keeper.Destroy(t.Context(), "1"); err != nil {
		t.Error(err)
	}
}
