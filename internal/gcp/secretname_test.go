package gcp_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
)

func TestTheCanonicalNameOfASecretHasTheProjectsNumber(t *testing.T) {
	server := startServer(t, localsecrets.Config{})
	manager := newManager(t, server.Address())
	newSecret(t, manager)
	byID, err := manager.CanonicalName(t.Context(), secretName)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`\Aprojects/[1-9][0-9]*/secrets/signing-keys\z`).MatchString(byID) {
		t.Errorf("it is %s", byID)
	}
	// What Secret Manager calls the secret where nobody asked for its name.
	request := &pb.AddSecretVersionRequest{Parent: secretName, Payload: &pb.SecretPayload{Data: []byte("payload")}}
	version, err := rawClient(t, server.Address()).AddSecretVersion(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.TrimSuffix(version.GetName(), "/versions/1"); byID != want {
		t.Errorf("it is %s, want %s", byID, want)
	}
	if byNumber, err := manager.CanonicalName(t.Context(), byID); err != nil || byNumber != byID {
		t.Errorf("by number it is %s, %v; want %s", byNumber, err, byID)
	}
}

func TestASecretThatDoesNotExistHasNoCanonicalName(t *testing.T) {
	manager := newManager(t, startServer(t, localsecrets.Config{}).Address())
	newSecret(t, manager)
	for _, name := range []string{
		secretName + "-2", "projects/other/secrets/signing-keys", "projects/1/secrets/signing-keys",
	} {
		got, err := manager.CanonicalName(t.Context(), name)
		if !errors.Is(err, gcp.ErrNotFound) || status.Code(err) != codes.NotFound || got != "" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}

func TestACanonicalNameThatIsNoneIsAnError(t *testing.T) {
	for _, name := range []string{
		"", "signing-keys", "projects/1/secrets/", "projects/1/locations/x/secrets/signing-keys",
	} {
		address := intercepted(t, func(_ context.Context, _ backend, _ any, forward handler) (any, error) {
			answer, err := forward()
			if found, ok := answer.(*pb.Secret); ok && err == nil {
				found.Name = name
			}
			return answer, err
		})
		manager := newManager(t, address)
		newSecret(t, manager)
		got, err := manager.CanonicalName(t.Context(), secretName)
		if err == nil || got != "" || errors.Is(err, gcp.ErrNotFound) {
			t.Errorf("%q: got %q, %v", name, got, err)
		}
	}
}

func TestLookingUpASecretIsTriedFourTimes(t *testing.T) {
	for faults, want := range map[int32]codes.Code{3: codes.OK, 4: codes.Unavailable} {
		var calls atomic.Int32
		address := intercepted(t, func(_ context.Context, _ backend, request any, forward handler) (any, error) {
			if _, asking := request.(*pb.GetSecretRequest); asking && calls.Add(1) <= faults {
				return nil, status.Error(codes.Unavailable, "The service is currently unavailable.")
			}
			return forward()
		})
		manager := newManager(t, address)
		newSecret(t, manager)
		got, err := manager.CanonicalName(t.Context(), secretName)
		if status.Code(err) != want || (got == "") != (want != codes.OK) {
			t.Errorf("after %d faults: got %q, %v; want %v", faults, got, err, want)
		}
		if n := calls.Load(); n != 4 {
			t.Errorf("after %d faults: it asked %d times", faults, n)
		}
	}
}
