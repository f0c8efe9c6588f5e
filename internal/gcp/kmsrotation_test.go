package gcp_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/keys"
)

func TestAddingLetsTheKMSMakeTheKey(t *testing.T) {
	address, raw := startKMS(t)
	newES256Keys(t, raw, 0)
	keeper := newKeeper(t, address)
	for _, want := range []string{"1", "2", "3"} {
		got, err := keeper.Add(t.Context(), func() ([]byte, error) {
			t.Error("the new key is asked for")
			return nil, nil
		})
		if err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	versions := readVersions(t, keeper)
	if newest := versions[len(versions)-1]; newest.ID != "3" || newest.State != keys.Enabled || newest.Signer == nil {
		t.Errorf("the newest is %+v", newest)
	}
}

func TestAddingToAKeyIsNotRepeated(t *testing.T) {
	adds := 0
	keeper, _ := damagedKeeper(t, 1, func(answer any) error {
		if _, isVersion := answer.(*pb.CryptoKeyVersion); isVersion {
			adds++
			return status.Error(codes.Unavailable, "The service is currently unavailable.")
		}
		return nil
	})
	if id, err := keeper.Add(t.Context(), nil); status.Code(err) != codes.Unavailable || id != "" {
		t.Errorf("got %q, %v", id, err)
	}
	if adds != 1 {
		t.Errorf("it added %d times", adds)
	}
}

func TestAVersionIsTakenOutOfUseAndCanBeAgain(t *testing.T) {
	type calls []func(keys.Keeper, context.Context, string) error
	disable, destroy := keys.Keeper.Disable, keys.Keeper.Destroy
	for name, test := range map[string]struct {
		calls calls
		want  pb.CryptoKeyVersion_CryptoKeyVersionState
	}{
		"disabled":               {calls{disable}, pb.CryptoKeyVersion_DISABLED},
		"disabled_twice":         {calls{disable, disable}, pb.CryptoKeyVersion_DISABLED},
		"destroyed":              {calls{destroy}, pb.CryptoKeyVersion_DESTROY_SCHEDULED},
		"destroyed_twice":        {calls{destroy, destroy}, pb.CryptoKeyVersion_DESTROY_SCHEDULED},
		"disabled_and_destroyed": {calls{disable, destroy}, pb.CryptoKeyVersion_DESTROY_SCHEDULED},
	} {
		t.Run(name, func(t *testing.T) {
			address, raw := startKMS(t)
			newES256Keys(t, raw, 2)
			keeper := newKeeper(t, address)
			for _, call := range test.calls {
				if err := call(keeper, t.Context(), "1"); err != nil {
					t.Error(err)
				}
			}
			if got := stateBehind(t, raw, "1"); got != test.want {
				t.Errorf("it is %v", got)
			}
			if got := stateBehind(t, raw, "2"); got != pb.CryptoKeyVersion_ENABLED {
				t.Errorf("the other one is %v", got)
			}
		})
	}
}

func TestADestroyedVersionCannotBeDisabled(t *testing.T) {
	address, raw := startKMS(t)
	newES256Keys(t, raw, 1)
	keeper := newKeeper(t, address)
	if err := keeper.Destroy(t.Context(), "1"); err != nil {
		t.Fatal(err)
	}
	err := keeper.Disable(t.Context(), "1")
	if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "destroyed") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	wantNamed(t, err)
}

func TestAChangeOfAVersionThatDoesNotExistIsRefused(t *testing.T) {
	address, raw := startKMS(t)
	newES256Keys(t, raw, 1)
	proxy := newLane(t, address)
	keeper := newKeeper(t, proxy.Addr().String())
	both := func(id string) []error {
		return []error{keeper.Disable(t.Context(), id), keeper.Destroy(t.Context(), id)}
	}
	for _, id := range []string{"", "0", "01", "-1", "1/", "1:restore", "latest", "../1", " 1", versionName("1")} {
		for _, err := range both(id) {
			if err == nil {
				t.Errorf("%q is taken", id)
			}
		}
	}
	if n := proxy.connections(); n != 0 {
		t.Errorf("it made %d connections", n)
	}
	for _, err := range both("7") {
		wantNamed(t, err)
		if !errors.Is(err, gcp.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	}
}

// lostAnswers makes the first answer to each change get lost, after the change was made.
func lostAnswers() func(any) error {
	lost := false
	return func(answer any) error {
		if _, isVersion := answer.(*pb.CryptoKeyVersion); isVersion && !lost {
			lost = true
			return status.Error(codes.Unavailable, "The connection broke.")
		}
		return nil
	}
}

func TestAChangeWhoseAnswerGetsLostIsFoundToBeMade(t *testing.T) {
	t.Run("disabling", func(t *testing.T) {
		keeper, raw := damagedKeeper(t, 1, lostAnswers())
		if err := keeper.Disable(t.Context(), "1"); err != nil {
			t.Error(err)
		}
		if got := stateBehind(t, raw, "1"); got != pb.CryptoKeyVersion_DISABLED {
			t.Errorf("it is %v", got)
		}
	})
	t.Run("destroying", func(t *testing.T) {
		keeper, raw := damagedKeeper(t, 1, lostAnswers())
		if err := keeper.Destroy(t.Context(), "1"); err != nil {
			t.Error(err)
		}
		if got := stateBehind(t, raw, "1"); got != pb.CryptoKeyVersion_DESTROY_SCHEDULED {
			t.Errorf("it is %v", got)
		}
	})
}

func TestARefusedChangeIsAnErrorUnlessItWasMadeBefore(t *testing.T) {
	for _, test := range []struct {
		state                    pb.CryptoKeyVersion_CryptoKeyVersionState
		mayDisable, mayDestroyed bool
	}{
		{pb.CryptoKeyVersion_ENABLED, false, false},
		{pb.CryptoKeyVersion_PENDING_GENERATION, false, false},
		{pb.CryptoKeyVersion_IMPORT_FAILED, false, false},
		{pb.CryptoKeyVersion_DISABLED, true, false},
		{pb.CryptoKeyVersion_DESTROY_SCHEDULED, false, true},
		{pb.CryptoKeyVersion_DESTROYED, false, true},
	} {
		t.Run(test.state.String(), func(t *testing.T) {
			_, raw := startKMS(t)
			newES256Keys(t, raw, 1)
			address, _ := kmsFront(t, raw, func(_ context.Context, request any, forward func() (any, error)) (any, error) {
				switch request.(type) {
				case *pb.UpdateCryptoKeyVersionRequest, *pb.DestroyCryptoKeyVersionRequest:
					return nil, status.Errorf(codes.FailedPrecondition, "It is in state %v.", test.state)
				case *pb.GetCryptoKeyVersionRequest:
					return &pb.CryptoKeyVersion{Name: versionName("1"), State: test.state}, nil
				default:
					return forward()
				}
			})
			keeper := newKeeper(t, address)
			for _, call := range []struct {
				err error
				may bool
			}{
				{keeper.Disable(t.Context(), "1"), test.mayDisable},
				{keeper.Destroy(t.Context(), "1"), test.mayDestroyed},
			} {
				if (call.err == nil) != call.may || !call.may && status.Code(call.err) != codes.FailedPrecondition {
					t.Errorf("got %v", call.err)
				}
			}
		})
	}
}

func TestAnAnswerThatDoesNotSayThatItWasDoneIsAnError(t *testing.T) {
	for name, damage := range map[string]func(*pb.CryptoKeyVersion){
		"about_another_version": func(a *pb.CryptoKeyVersion) { a.Name = versionName("2") },
		"about_another_key":     func(a *pb.CryptoKeyVersion) { a.Name = strings.Replace(a.Name, "signing-keys", "other-keys", 1) },
		"about_no_version":      func(a *pb.CryptoKeyVersion) { a.Name = keyName },
		"with_another_state":    func(a *pb.CryptoKeyVersion) { a.State = pb.CryptoKeyVersion_ENABLED },
	} {
		t.Run(name, func(t *testing.T) {
			keeper, _ := damagedKeeper(t, 2, onlyAnswer(damage))
			for i, err := range []error{keeper.Disable(t.Context(), "1"), keeper.Destroy(t.Context(), "1")} {
				if err == nil {
					t.Errorf("change %d is taken for made", i)
				}
				wantNamed(t, err)
			}
		})
	}
}

func TestAnAddedVersionWithoutANumberIsAnError(t *testing.T) {
	for name, damage := range map[string]func(*pb.CryptoKeyVersion){
		"of_another_key": func(a *pb.CryptoKeyVersion) { a.Name = strings.Replace(a.Name, "signing-keys", "other-keys", 1) },
		"of_no_key":      func(a *pb.CryptoKeyVersion) { a.Name = "" },
		"unnumbered":     func(a *pb.CryptoKeyVersion) { a.Name = versionName("") },
	} {
		t.Run(name, func(t *testing.T) {
			keeper, _ := damagedKeeper(t, 0, onlyAnswer(damage))
			id, err := keeper.Add(t.Context(), nil)
			if err == nil || id != "" {
				t.Errorf("got %q, %v", id, err)
			}
			wantNamed(t, err)
		})
	}
}

func TestAChangeWithoutPermissionIsAnError(t *testing.T) {
	keeper, _ := damagedKeeper(t, 1, func(answer any) error {
		if _, isVersion := answer.(*pb.CryptoKeyVersion); isVersion {
			return status.Error(codes.PermissionDenied, "Permission denied.")
		}
		return nil
	})
	_, errAdd := keeper.Add(t.Context(), nil)
	for _, err := range []error{errAdd, keeper.Disable(t.Context(), "1"), keeper.Destroy(t.Context(), "1")} {
		if status.Code(err) != codes.PermissionDenied {
			t.Errorf("got %v", err)
		}
	}
}
