package gcp_test

import (
	"context"
	"crypto"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

func TestVersionsOfAKeyOfAllPagesInAllStatesAreReturnedOldestFirst(t *testing.T) {
	begin := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	var ticks atomic.Int64
	now := func() time.Time { return begin.Add(time.Duration(ticks.Add(1)) * time.Second) }
	address, raw := startKMSAt(t, now)
	newES256Keys(t, raw, 0)
	keeper := newKeeper(t, address)
	var want []string
	for i := 1; i <= 205; i++ { // three pages
		id, err := keeper.Add(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		generated := now().Add(-time.Second) // the last that the server saw
		state := keys.Enabled
		switch i % 3 {
		case 1:
			state, err = keys.Disabled, setState(t.Context(), raw, id, pb.CryptoKeyVersion_DISABLED)
		case 2:
			state, err = keys.Destroyed, scheduleDestruction(t.Context(), raw, id)
		}
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("%d %v %d %t", i, generated, state, state == keys.Enabled))
	}
	var got []string
	for _, version := range readVersions(t, keeper) {
		if version.Payload != nil {
			t.Errorf("version %s has a payload", version.ID)
		}
		got = append(got, fmt.Sprintf("%s %v %d %t", version.ID, version.Created, version.State, version.Signer != nil))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAKeyWithoutVersionsIsNoError(t *testing.T) {
	address, raw := startKMS(t)
	newES256Keys(t, raw, 0)
	if versions, err := newKeeper(t, address).Versions(t.Context()); err != nil || len(versions) != 0 {
		t.Errorf("got %v, %v", versions, err)
	}
}

func TestStatesAreTakenForWhatCanBeDoneInThem(t *testing.T) {
	for state, want := range map[pb.CryptoKeyVersion_CryptoKeyVersionState]keys.State{
		pb.CryptoKeyVersion_ENABLED:                              keys.Enabled,
		pb.CryptoKeyVersion_DISABLED:                             keys.Disabled,
		pb.CryptoKeyVersion_DESTROY_SCHEDULED:                    keys.Destroyed,
		pb.CryptoKeyVersion_DESTROYED:                            keys.Destroyed,
		pb.CryptoKeyVersion_PENDING_EXTERNAL_DESTRUCTION:         keys.Destroyed,
		pb.CryptoKeyVersion_EXTERNAL_DESTRUCTION_FAILED:          keys.Destroyed,
		pb.CryptoKeyVersion_PENDING_GENERATION:                   0,
		pb.CryptoKeyVersion_GENERATION_FAILED:                    0,
		pb.CryptoKeyVersion_PENDING_IMPORT:                       0,
		pb.CryptoKeyVersion_IMPORT_FAILED:                        0,
		pb.CryptoKeyVersion_CRYPTO_KEY_VERSION_STATE_UNSPECIFIED: 0,
		4711: 0,
	} {
		t.Run(state.String(), func(t *testing.T) {
			keeper, _ := damagedKeeper(t, 2, onlyAnswer(func(answer *pb.ListCryptoKeyVersionsResponse) {
				answer.CryptoKeyVersions[0].State = state
			}))
			versions := readVersions(t, keeper)
			if got := versions[0]; len(versions) != 2 || got.State != want || (got.Signer != nil) != (want == keys.Enabled) {
				t.Errorf("got %+v", versions)
			}
			if other := versions[1]; other.State != keys.Enabled || other.Signer == nil {
				t.Errorf("the other one is %+v", other)
			}
		})
	}
}

func TestTheAgeOfAVersionIsThatOfItsKey(t *testing.T) {
	created := timestamppb.New(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	generated := timestamppb.New(time.Date(2030, 1, 1, 0, 7, 0, 0, time.UTC))
	for name, test := range map[string]struct{ generated, want *timestamppb.Timestamp }{
		"generated_later":   {generated, generated},
		"not_yet_generated": {nil, created},
	} {
		t.Run(name, func(t *testing.T) {
			keeper, _ := damagedKeeper(t, 1, onlyAnswer(func(answer *pb.ListCryptoKeyVersionsResponse) {
				answer.CryptoKeyVersions[0].CreateTime, answer.CryptoKeyVersions[0].GenerateTime = created, test.generated
			}))
			if got := readVersions(t, keeper)[0].Created; !got.Equal(test.want.AsTime()) {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestAVersionThatIsGeneratedMeanwhileGetsItsSigner(t *testing.T) {
	pending := true
	keeper, _ := damagedKeeper(t, 1, onlyAnswer(func(answer *pb.ListCryptoKeyVersionsResponse) {
		if pending {
			answer.CryptoKeyVersions[0].State = pb.CryptoKeyVersion_PENDING_GENERATION
		}
	}))
	if got := readVersions(t, keeper)[0]; got.State != 0 || got.Signer != nil {
		t.Errorf("at first it is %+v", got)
	}
	pending = false
	if got := readVersions(t, keeper)[0]; got.State != keys.Enabled || got.Signer == nil {
		t.Errorf("then it is %+v", got)
	}
}

func TestAPublicKeyIsAskedForOnceWhileItsVersionIsEnabled(t *testing.T) {
	asked := make(map[string]int)
	var mu sync.Mutex
	keeper, raw := damagedKeeper(t, 2, onlyAnswer(func(answer *pb.PublicKey) {
		mu.Lock()
		defer mu.Unlock()
		asked[strings.TrimPrefix(answer.GetName(), versionName(""))]++
	}))
	first := readVersions(t, keeper)
	for range 3 {
		for i, version := range readVersions(t, keeper) {
			if version.Signer != first[i].Signer {
				t.Errorf("version %s has another signer", version.ID)
			}
		}
	}
	if diff := cmp.Diff(map[string]int{"1": 1, "2": 1}, asked); diff != "" {
		t.Error(diff)
	}
	for _, state := range []pb.CryptoKeyVersion_CryptoKeyVersionState{pb.CryptoKeyVersion_DISABLED, pb.CryptoKeyVersion_ENABLED} {
		if err := setState(t.Context(), raw, "1", state); err != nil {
			t.Fatal(err)
		}
		readVersions(t, keeper)
	}
	if diff := cmp.Diff(map[string]int{"1": 2, "2": 1}, asked); diff != "" {
		t.Errorf("after version 1 was disabled and enabled again:\n%s", diff)
	}
}

func TestCallsThatMeetGetTheSameSigner(t *testing.T) {
	address, raw := startKMS(t)
	newES256Keys(t, raw, 1)
	keeper := newKeeper(t, address)
	signers := make([]crypto.Signer, 16)
	var wait sync.WaitGroup
	for i := range signers {
		wait.Go(func() { signers[i] = readVersions(t, keeper)[0].Signer })
	}
	wait.Wait()
	for _, signer := range signers {
		if signer == nil || signer != signers[0] {
			t.Fatalf("got %v and %v", signers[0], signer)
		}
	}
}

// afterListingKeys changes something, once, after the versions were listed and before the client has the list.
func afterListingKeys(change func(context.Context) error) kmsBetween {
	var once sync.Once
	return func(ctx context.Context, request any, forward func() (any, error)) (any, error) {
		answer, err := forward()
		if _, listing := request.(*pb.ListCryptoKeyVersionsRequest); listing && err == nil {
			once.Do(func() { err = change(ctx) })
		}
		return answer, err
	}
}

func TestAKeyVersionThatChangesAfterItWasListedIsReportedAsItIsNow(t *testing.T) {
	tests := map[string]struct {
		change func(context.Context, kmsAPI) error
		want   keys.State
	}{
		"disabled": {func(ctx context.Context, raw kmsAPI) error {
			return setState(ctx, raw, "2", pb.CryptoKeyVersion_DISABLED)
		}, keys.Disabled},
		"destroyed": {func(ctx context.Context, raw kmsAPI) error { return scheduleDestruction(ctx, raw, "2") }, keys.Destroyed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, raw := startKMS(t)
			newES256Keys(t, raw, 3)
			address, _ := kmsFront(t, raw, afterListingKeys(func(ctx context.Context) error { return test.change(ctx, raw) }))
			var got []string
			for _, version := range readVersions(t, newKeeper(t, address)) {
				got = append(got, fmt.Sprintf("%s %d %t", version.ID, version.State, version.Signer != nil))
			}
			want := []string{"1 1 true", fmt.Sprintf("2 %d false", test.want), "3 1 true"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAKeyVersionThatIsEnabledAgainMeanwhileIsRead(t *testing.T) {
	refused := false
	keeper, _ := damagedKeeper(t, 1, func(answer any) error {
		if _, isPublic := answer.(*pb.PublicKey); isPublic && !refused {
			refused = true
			return status.Error(codes.FailedPrecondition, "It is in state DISABLED.")
		}
		return nil
	})
	if got := readVersions(t, keeper)[0]; !refused || got.State != keys.Enabled || got.Signer == nil {
		t.Errorf("got %+v", got)
	}
}

// An operator may add a version of an algorithm that no token has; the others sign on.
func TestAVersionOfAnAlgorithmThatNoTokenHasTakesNoOtherDown(t *testing.T) {
	for _, algorithm := range []pb.CryptoKeyVersion_CryptoKeyVersionAlgorithm{
		pb.CryptoKeyVersion_EC_SIGN_SECP256K1_SHA256, pb.CryptoKeyVersion_RSA_SIGN_RAW_PKCS1_2048,
		pb.CryptoKeyVersion_PQ_SIGN_ML_DSA_65, pb.CryptoKeyVersion_CRYPTO_KEY_VERSION_ALGORITHM_UNSPECIFIED, 4711,
	} {
		t.Run(algorithm.String(), func(t *testing.T) {
			keeper, _ := damagedKeeper(t, 2, func(answer any) error {
				switch a := answer.(type) {
				case *pb.ListCryptoKeyVersionsResponse:
					a.CryptoKeyVersions[1].Algorithm = algorithm
				case *pb.PublicKey:
					if a.GetName() == versionName("2") {
						return status.Error(codes.InvalidArgument, "This algorithm needs a format.")
					}
				}
				return nil
			})
			versions := readVersions(t, keeper)
			if _, err := jose.NewSigningKey(versions[0].Signer, jose.ES256); err != nil {
				t.Errorf("version 1: %v", err)
			}
			other := versions[1].Signer
			if other == nil || other.Public() != nil || other != readVersions(t, keeper)[1].Signer {
				t.Fatalf("version 2 has the signer %+v", other)
			}
			if key, err := jose.NewSigningKey(other, jose.ES256); err == nil {
				t.Errorf("version 2 is %v", key)
			}
			signature, err := other.Sign(nil, make([]byte, 32), crypto.SHA256)
			if err == nil || signature != nil || !strings.Contains(err.Error(), algorithm.String()) {
				t.Errorf("version 2 signs: %x, %v", signature, err)
			}
		})
	}
}

func TestAFaultyAnswerOfTheKMSFailsTheWholeCall(t *testing.T) {
	other := func(name string) string { return strings.Replace(name, "signing-keys", "other-keys", 1) }
	listed := func(change func(*pb.CryptoKeyVersion)) func(any) error {
		return onlyAnswer(func(a *pb.ListCryptoKeyVersionsResponse) { change(a.CryptoKeyVersions[1]) })
	}
	invalid := &timestamppb.Timestamp{Nanos: -1}
	for name, damage := range map[string]func(answer any) error{
		"another_public_key": onlyAnswer(func(a *pb.PublicKey) { a.Pem = strings.Replace(a.Pem, "M", "N", 1) }),
		"another_checksum":   onlyAnswer(func(a *pb.PublicKey) { a.PemCrc32C.Value ^= 1 << 40 }),
		"no_checksum":        onlyAnswer(func(a *pb.PublicKey) { a.PemCrc32C = nil }),
		"the_public_key_of_another_key": onlyAnswer(func(a *pb.PublicKey) {
			a.Name = other(a.Name)
		}),
		"the_public_key_of_another_version": onlyAnswer(func(a *pb.PublicKey) { a.Name += "0" }),
		"a_public_key_of_another_algorithm": onlyAnswer(func(a *pb.PublicKey) { a.Algorithm = pb.CryptoKeyVersion_EC_SIGN_P384_SHA384 }),
		"no_public_key":                     onlyAnswer(func(a *pb.PublicKey) { setPEM(a, "") }),
		"a_public_key_that_is_none": onlyAnswer(func(a *pb.PublicKey) {
			setPEM(a, "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n")
		}),
		"a_certificate": onlyAnswer(func(a *pb.PublicKey) {
			setPEM(a, strings.ReplaceAll(a.Pem, "PUBLIC KEY", "CERTIFICATE"))
		}),
		"two_public_keys": onlyAnswer(func(a *pb.PublicKey) { setPEM(a, a.Pem+a.Pem) }),
		"one_permission_missing": func(answer any) error {
			if a, ok := answer.(*pb.PublicKey); ok && a.GetName() == versionName("2") {
				return status.Error(codes.PermissionDenied, "Permission denied.")
			}
			return nil
		},
		"a_precondition_that_is_not_the_state": func(answer any) error {
			if _, ok := answer.(*pb.PublicKey); ok {
				return status.Error(codes.FailedPrecondition, "The API is not enabled.")
			}
			return nil
		},
		"the_state_of_another_version": func(answer any) error {
			switch a := answer.(type) {
			case *pb.PublicKey:
				return status.Error(codes.FailedPrecondition, "It is in state DISABLED.")
			case *pb.CryptoKeyVersion:
				a.Name, a.State = other(a.Name), pb.CryptoKeyVersion_DISABLED
			}
			return nil
		},
		"no_time":                       listed(func(v *pb.CryptoKeyVersion) { v.GenerateTime, v.CreateTime = nil, nil }),
		"an_invalid_time":               listed(func(v *pb.CryptoKeyVersion) { v.GenerateTime = invalid }),
		"an_invalid_create_time":        listed(func(v *pb.CryptoKeyVersion) { v.GenerateTime, v.CreateTime = nil, invalid }),
		"a_name_without_a_number":       listed(func(v *pb.CryptoKeyVersion) { v.Name = versionName("primary") }),
		"a_number_with_a_leading_zero":  listed(func(v *pb.CryptoKeyVersion) { v.Name = versionName("01") }),
		"a_version_of_another_key":      listed(func(v *pb.CryptoKeyVersion) { v.Name = other(v.Name) }),
		"a_disabled_one_of_another_key": listed(func(v *pb.CryptoKeyVersion) { v.Name, v.State = other(v.Name), pb.CryptoKeyVersion_DISABLED }),
	} {
		t.Run(name, func(t *testing.T) {
			keeper, _ := damagedKeeper(t, 3, damage)
			versions, err := keeper.Versions(t.Context())
			if err == nil || versions != nil {
				t.Errorf("got %v, %v", versions, err)
			}
			wantNamed(t, err)
		})
	}
}

// setPEM replaces a public key as Google would, with a checksum that fits.
func setPEM(answer *pb.PublicKey, text string) {
	answer.Pem = text
	answer.PemCrc32C.Value = crc32c([]byte(text))
}

func TestPublicKeysAreFetchedFourAtATime(t *testing.T) {
	_, raw := startKMS(t)
	newES256Keys(t, raw, 20)
	crowd := newCrowd()
	address, _ := kmsFront(t, raw, func(ctx context.Context, request any, forward func() (any, error)) (any, error) {
		if _, fetching := request.(*pb.GetPublicKeyRequest); fetching {
			crowd.visit(ctx)
		}
		return forward()
	})
	readVersions(t, newKeeper(t, address))
	crowd.wantFour(t)
}
