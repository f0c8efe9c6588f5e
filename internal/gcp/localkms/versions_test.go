package localkms_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestAnAddedVersionIsEnabled(t *testing.T) {
	client, clock := start(t)
	key := create(t, client, "k", es256)
	begin := clock.Now()
	added := add(t, client, key)
	want := &pb.CryptoKeyVersion{
		Name:            key + "/cryptoKeyVersions/2",
		State:           pb.CryptoKeyVersion_ENABLED,
		ProtectionLevel: pb.ProtectionLevel_SOFTWARE,
		Algorithm:       pb.CryptoKeyVersion_EC_SIGN_P256_SHA256,
		CreateTime:      timestamppb.New(begin.Add(1 * time.Second)),
		GenerateTime:    timestamppb.New(begin.Add(2 * time.Second)),
	}
	if diff := cmp.Diff(want, added, protocmp.Transform()); diff != "" {
		t.Errorf("added (+) is not what was asked for (-):\n%s", diff)
	}
	found, err := client.GetCryptoKeyVersion(t.Context(), &pb.GetCryptoKeyVersionRequest{Name: added.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(added, found, protocmp.Transform()); diff != "" {
		t.Errorf("added and found differ:\n%s", diff)
	}
}

func TestAddingAVersionIsRefused(t *testing.T) {
	client, _ := start(t)
	key := create(t, client, "k", es256)
	for name, test := range map[string]struct {
		parent string
		state  pb.CryptoKeyVersion_CryptoKeyVersionState
		want   codes.Code
	}{
		"to_no_key":     {key + "2", 0, codes.NotFound},
		"to_a_key_ring": {keyRing, 0, codes.InvalidArgument},
		"to_a_version":  {key + "/cryptoKeyVersions/1", 0, codes.InvalidArgument},
		"disabled":      {key, pb.CryptoKeyVersion_DISABLED, codes.Unimplemented},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.CreateCryptoKeyVersion(t.Context(), &pb.CreateCryptoKeyVersionRequest{
				Parent: test.parent, CryptoKeyVersion: &pb.CryptoKeyVersion{State: test.state},
			})
			wantCode(t, err, test.want)
		})
	}
	if version := add(t, client, key); version.GetName() != key+"/cryptoKeyVersions/2" {
		t.Errorf("the refused ones took a number: the next is %s", version.GetName())
	}
}

const thirtyDays = 30 * 24 * time.Hour

// into brings a version into a state, by way of others.
func into(t *testing.T, client *kms.KeyManagementClient, clock *clock, state, version string) {
	t.Helper()
	how := map[string]string{"ENABLED": "enable", "DISABLED": "disable", "DESTROY_SCHEDULED": "destroy", "DESTROYED": "destroy"}
	_, err := change(t, client, how[state], version)
	wantCode(t, err, codes.OK)
	if state == "DESTROYED" {
		clock.pass(thirtyDays)
	}
}

func TestStatesChangeAsAtGoogle(t *testing.T) {
	const refused = "refused"
	for _, test := range []struct{ from, change, want string }{
		{"ENABLED", "enable", "ENABLED"},
		{"ENABLED", "disable", "DISABLED"},
		{"ENABLED", "destroy", "DESTROY_SCHEDULED"},
		{"ENABLED", "restore", refused},
		{"DISABLED", "enable", "ENABLED"},
		{"DISABLED", "disable", "DISABLED"},
		{"DISABLED", "destroy", "DESTROY_SCHEDULED"},
		{"DISABLED", "restore", refused},
		{"DESTROY_SCHEDULED", "enable", refused},
		{"DESTROY_SCHEDULED", "disable", refused},
		{"DESTROY_SCHEDULED", "destroy", refused},
		{"DESTROY_SCHEDULED", "restore", "DISABLED"},
		{"DESTROYED", "enable", refused},
		{"DESTROYED", "disable", refused},
		{"DESTROYED", "destroy", refused},
		{"DESTROYED", "restore", refused},
	} {
		t.Run(test.from+"_"+test.change, func(t *testing.T) {
			client, clock := start(t)
			name := create(t, client, "k", es256) + "/cryptoKeyVersions/1"
			into(t, client, clock, test.from, name)
			answered, err := change(t, client, test.change, name)
			found, errFound := client.GetCryptoKeyVersion(t.Context(), &pb.GetCryptoKeyVersionRequest{Name: name})
			wantCode(t, errFound, codes.OK)
			if test.want == refused {
				wantCode(t, err, codes.FailedPrecondition)
				if got := found.GetState().String(); got != test.from {
					t.Errorf("it is %s all the same", got)
				}
				return
			}
			wantCode(t, err, codes.OK)
			if diff := cmp.Diff(answered, found, protocmp.Transform()); diff != "" {
				t.Errorf("answered and found differ:\n%s", diff)
			}
			if got := found.GetState().String(); got != test.want {
				t.Errorf("it is %s, want %s", got, test.want)
			}
			if (found.GetDestroyTime() != nil) != (test.want == "DESTROY_SCHEDULED") || found.GetDestroyEventTime() != nil {
				t.Errorf("it has the times %v and %v", found.GetDestroyTime(), found.GetDestroyEventTime())
			}
		})
	}
}

func TestAVersionIsDestroyedThirtyDaysAfterItWasScheduled(t *testing.T) {
	client, clock := start(t)
	name := create(t, client, "k", es256) + "/cryptoKeyVersions/1"
	begin := clock.Now()
	scheduled, err := change(t, client, "destroy", name)
	wantCode(t, err, codes.OK)
	destroyTime := scheduled.GetDestroyTime().AsTime()
	if after := destroyTime.Sub(begin); after < thirtyDays || after > thirtyDays+5*time.Second { // each look takes a second
		t.Errorf("it is scheduled for %v after", after)
	}
	clock.pass(destroyTime.Sub(clock.Now()) - 10*time.Second)
	before, err := client.GetCryptoKeyVersion(t.Context(), &pb.GetCryptoKeyVersionRequest{Name: name})
	wantCode(t, err, codes.OK)
	clock.pass(10 * time.Second)
	after, err := client.GetCryptoKeyVersion(t.Context(), &pb.GetCryptoKeyVersionRequest{Name: name})
	wantCode(t, err, codes.OK)
	if before.GetState() != pb.CryptoKeyVersion_DESTROY_SCHEDULED || after.GetState() != pb.CryptoKeyVersion_DESTROYED {
		t.Errorf("it was %v, then %v", before.GetState(), after.GetState())
	}
	if got := after.GetDestroyEventTime().AsTime(); !got.Equal(destroyTime) || after.GetDestroyTime() != nil {
		t.Errorf("it was destroyed at %v, and will be at %v", got, after.GetDestroyTime())
	}
}

func TestUpdatingAVersionIsRefused(t *testing.T) {
	client, _ := start(t)
	name := create(t, client, "k", es256) + "/cryptoKeyVersions/1"
	for _, test := range []struct {
		name, version string
		state         pb.CryptoKeyVersion_CryptoKeyVersionState
		mask          []string
		want          codes.Code
	}{
		{"without_a_mask", name, pb.CryptoKeyVersion_DISABLED, nil, codes.InvalidArgument},
		{"in_something_else", name, pb.CryptoKeyVersion_DISABLED, []string{"algorithm"}, codes.Unimplemented},
		{"in_something_else_as_well", name, pb.CryptoKeyVersion_DISABLED, []string{"state", "algorithm"}, codes.Unimplemented},
		{"to_no_state", name, 0, []string{"state"}, codes.InvalidArgument},
		{"to_destroyed", name, pb.CryptoKeyVersion_DESTROYED, []string{"state"}, codes.InvalidArgument},
		{"that_is_missing", name + "2", pb.CryptoKeyVersion_DISABLED, []string{"state"}, codes.NotFound},
		{"that_is_none", keyRing, pb.CryptoKeyVersion_DISABLED, []string{"state"}, codes.InvalidArgument},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := client.UpdateCryptoKeyVersion(t.Context(), &pb.UpdateCryptoKeyVersionRequest{
				CryptoKeyVersion: &pb.CryptoKeyVersion{Name: test.version, State: test.state},
				UpdateMask:       &fieldmaskpb.FieldMask{Paths: test.mask},
			})
			wantCode(t, err, test.want)
		})
	}
}

func TestConcurrentAdditionsGetNumbersOfTheirOwn(t *testing.T) {
	client, _ := start(t)
	key := create(t, client, "k", es256)
	var mu sync.Mutex
	numbers := make(map[string]bool)
	var wait sync.WaitGroup
	for range 32 {
		wait.Go(func() {
			version := add(t, client, key)
			mu.Lock()
			defer mu.Unlock()
			numbers[version.GetName()] = true
		})
	}
	wait.Wait()
	for i := range 32 {
		if name := fmt.Sprintf("%s/cryptoKeyVersions/%d", key, i+2); !numbers[name] {
			t.Errorf("nobody has %s", name)
		}
	}
}
