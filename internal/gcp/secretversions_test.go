package gcp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
	"example.com/countersign/internal/keys"
)

func TestVersionsOfAllPagesInAllStatesAreReturnedOldestFirst(t *testing.T) {
	begin := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	var ticks atomic.Int64
	server := startServer(t, localsecrets.Config{Now: func() time.Time { return begin.Add(time.Duration(ticks.Add(1)) * time.Hour) }})
	manager, raw := newManager(t, server.Address()), rawClient(t, server.Address())
	newSecret(t, manager)
	var want []keys.Version
	for i := 1; i <= 205; i++ { // three pages
		version := keys.Version{ID: fmt.Sprint(i), State: keys.Enabled, Payload: fmt.Appendf(nil, "payload %d", i)}
		if _, err := manager.AddVersion(t.Context(), secretName, version.Payload); err != nil {
			t.Fatal(err)
		}
		version.Created = begin.Add(time.Duration(ticks.Load()) * time.Hour)
		var err error
		switch name := secretName + "/versions/" + version.ID; i % 3 {
		case 1:
			version.State, version.Payload = keys.Disabled, nil
			_, err = raw.DisableSecretVersion(t.Context(), &pb.DisableSecretVersionRequest{Name: name})
		case 2:
			version.State, version.Payload = keys.Destroyed, nil
			_, err = raw.DestroySecretVersion(t.Context(), &pb.DestroySecretVersionRequest{Name: name})
		}
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, version)
	}
	got, err := manager.Source(secretName).Versions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestASecretWithoutVersionsIsNoError(t *testing.T) {
	manager := newManager(t, startServer(t, localsecrets.Config{}).Address())
	newSecret(t, manager)
	if versions, err := manager.Versions(t.Context(), secretName); err != nil || len(versions) != 0 {
		t.Errorf("got %v, %v", versions, err)
	}
}

func TestASecretThatDoesNotExistIsNotFound(t *testing.T) {
	manager := newManager(t, startServer(t, localsecrets.Config{}).Address())
	versions, err := manager.Versions(t.Context(), secretName)
	if !errors.Is(err, gcp.ErrNotFound) || status.Code(err) != codes.NotFound || versions != nil {
		t.Errorf("got %v, %v", versions, err)
	}
	if err != nil && !strings.Contains(err.Error(), secretName) {
		t.Errorf("%v does not name the secret", err)
	}
}

// afterListing changes something behind, once, after the versions were listed and before the client has the list.
func afterListing(change func(context.Context, backend) error) between {
	var once sync.Once
	return func(ctx context.Context, behind backend, request any, forward func() (any, error)) (any, error) {
		answer, err := forward()
		if _, listing := request.(*pb.ListSecretVersionsRequest); listing && err == nil {
			once.Do(func() { err = change(ctx, behind) })
		}
		return answer, err
	}
}

func disable(ctx context.Context, raw backend, number string) error {
	_, err := raw.DisableSecretVersion(ctx, &pb.DisableSecretVersionRequest{Name: secretName + "/versions/" + number})
	return err
}

func destroy(ctx context.Context, raw backend, number string) error {
	_, err := raw.DestroySecretVersion(ctx, &pb.DestroySecretVersionRequest{Name: secretName + "/versions/" + number})
	return err
}

func TestAVersionThatChangesAfterItWasListedIsReportedAsItIsNow(t *testing.T) {
	tests := map[string]struct {
		change func(context.Context, backend, string) error
		want   keys.State
	}{
		"disabled":  {disable, keys.Disabled},
		"destroyed": {destroy, keys.Destroyed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			manager := newManager(t, intercepted(t, afterListing(func(ctx context.Context, raw backend) error {
				return test.change(ctx, raw, "2")
			})))
			newSecret(t, manager, "one", "two", "three")
			versions, err := manager.Versions(t.Context(), secretName)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, version := range versions {
				got = append(got, fmt.Sprintf("%s %d %s", version.ID, version.State, version.Payload))
			}
			want := []string{"1 1 one", fmt.Sprintf("2 %d ", test.want), "3 1 three"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAVersionThatIsEnabledAgainMeanwhileIsRead(t *testing.T) {
	var once sync.Once
	manager := newManager(t, intercepted(t, func(_ context.Context, _ backend, request any, forward func() (any, error)) (answer any, err error) {
		if _, accessing := request.(*pb.AccessSecretVersionRequest); accessing {
			once.Do(func() { err = status.Error(codes.FailedPrecondition, "Secret Version is in DISABLED state.") })
			if err != nil {
				return nil, err
			}
		}
		return forward()
	}))
	newSecret(t, manager, "one")
	versions, err := manager.Versions(t.Context(), secretName)
	if err != nil || len(versions) != 1 || string(versions[0].Payload) != "one" {
		t.Errorf("got %v, %v", versions, err)
	}
}

func TestASecretThatIsDeletedAfterItWasListedIsNotFound(t *testing.T) {
	manager := newManager(t, intercepted(t, afterListing(func(ctx context.Context, raw backend) error {
		_, err := raw.DeleteSecret(ctx, &pb.DeleteSecretRequest{Name: secretName})
		return err
	})))
	newSecret(t, manager, "one", "two")
	if versions, err := manager.Versions(t.Context(), secretName); !errors.Is(err, gcp.ErrNotFound) || versions != nil {
		t.Errorf("got %v, %v", versions, err)
	}
}

func TestAFaultyAnswerFailsTheWholeCall(t *testing.T) {
	const marker = "payload-that-nobody-may-see"
	tests := map[string]func(answer any) error{
		"another_payload": func(answer any) error {
			if a, ok := answer.(*pb.AccessSecretVersionResponse); ok {
				a.Payload.Data[0]++
			}
			return nil
		},
		"another_checksum": func(answer any) error {
			if a, ok := answer.(*pb.AccessSecretVersionResponse); ok {
				*a.Payload.DataCrc32C ^= 1 << 40 // where a comparison of 32 bits would not look
			}
			return nil
		},
		"no_payload": func(answer any) error {
			if a, ok := answer.(*pb.AccessSecretVersionResponse); ok {
				a.Payload = nil
			}
			return nil
		},
		"one_permission_missing": func(answer any) error {
			if a, ok := answer.(*pb.AccessSecretVersionResponse); ok && strings.HasSuffix(a.GetName(), "/2") {
				return status.Error(codes.PermissionDenied, "Permission denied.")
			}
			return nil
		},
		"a_precondition_that_is_not_the_state": func(answer any) error {
			if _, ok := answer.(*pb.AccessSecretVersionResponse); ok {
				return status.Error(codes.FailedPrecondition, "The KMS key is disabled.")
			}
			return nil
		},
		"no_create_time": func(answer any) error {
			if a, ok := answer.(*pb.ListSecretVersionsResponse); ok {
				a.Versions[0].CreateTime = nil
			}
			return nil
		},
		"a_name_without_a_number": func(answer any) error {
			if a, ok := answer.(*pb.ListSecretVersionsResponse); ok {
				a.Versions[0].Name = secretName + "/versions/latest"
			}
			return nil
		},
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			manager := newManager(t, intercepted(t, func(_ context.Context, _ backend, _ any, forward func() (any, error)) (any, error) {
				answer, err := forward()
				if err == nil {
					err = damage(answer)
				}
				return answer, err
			}))
			newSecret(t, manager, "one", marker, "three")
			versions, err := manager.Versions(t.Context(), secretName)
			if err == nil || versions != nil {
				t.Fatalf("got %v, %v", versions, err)
			}
			if errors.Is(err, gcp.ErrNotFound) || !strings.Contains(err.Error(), secretName) || strings.Contains(err.Error(), marker[1:]) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestAnEmulatorMayLeaveTheChecksumOut(t *testing.T) {
	manager := newManager(t, intercepted(t, func(_ context.Context, _ backend, _ any, forward func() (any, error)) (any, error) {
		answer, err := forward()
		if a, ok := answer.(*pb.AccessSecretVersionResponse); ok && err == nil {
			a.Payload.DataCrc32C = nil
		}
		return answer, err
	}))
	newSecret(t, manager, "one")
	versions, err := manager.Versions(t.Context(), secretName)
	if err != nil || len(versions) != 1 || string(versions[0].Payload) != "one" {
		t.Errorf("got %v, %v", versions, err)
	}
}

func TestPayloadsAreFetchedFourAtATime(t *testing.T) {
	crowd := newCrowd()
	manager := newManager(t, intercepted(t, func(ctx context.Context, _ backend, request any, forward func() (any, error)) (any, error) {
		if _, accessing := request.(*pb.AccessSecretVersionRequest); accessing {
			crowd.visit(ctx)
		}
		return forward()
	}))
	newSecret(t, manager, strings.Split(strings.Repeat("x", 20), "")...)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := manager.Versions(ctx, secretName); err != nil {
		t.Fatal(err)
	}
	crowd.wantFour(t)
}
