package localkms_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	kms "cloud.google.com/go/kms/apiv1"
	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
)

// listed lists the versions of a key, each as its number and state, through the library's paging.
func listed(t *testing.T, client *kms.KeyManagementClient, request *pb.ListCryptoKeyVersionsRequest) []string {
	t.Helper()
	var found []string
	versions := client.ListCryptoKeyVersions(t.Context(), request)
	for {
		version, err := versions.Next()
		if errors.Is(err, iterator.Done) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		number := strings.TrimPrefix(version.GetName(), request.GetParent()+"/cryptoKeyVersions/")
		found = append(found, number+" "+version.GetState().String())
	}
}

func TestVersionsAreListedOverAllPages(t *testing.T) {
	client, _ := start(t)
	key := create(t, client, "k", es256)
	want := []string{"1 ENABLED"}
	for i := range 204 { // three pages of the default size
		add(t, client, key)
		want = append(want, fmt.Sprint(i+2, " ENABLED"))
	}
	for _, size := range []int32{0, 1, 7, 100, 204, 205, 206, 30_000} {
		got := listed(t, client, &pb.ListCryptoKeyVersionsRequest{Parent: key, PageSize: size})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with pages of %d:\n%s", size, diff)
		}
	}
}

func TestVersionsAreListedInTheStateThatTheyHaveByNow(t *testing.T) {
	client, clock := start(t)
	key := create(t, client, "k", es256)
	for number, state := range map[int]string{2: "DISABLED", 3: "DESTROY_SCHEDULED"} {
		add(t, client, key)
		add(t, client, key)
		into(t, client, clock, state, fmt.Sprint(key, "/cryptoKeyVersions/", number))
	}
	want := []string{"1 ENABLED", "2 DISABLED", "3 DESTROY_SCHEDULED", "4 ENABLED", "5 ENABLED"}
	if diff := cmp.Diff(want, listed(t, client, &pb.ListCryptoKeyVersionsRequest{Parent: key})); diff != "" {
		t.Error(diff)
	}
	clock.pass(thirtyDays)
	want[2] = "3 DESTROYED"
	if diff := cmp.Diff(want, listed(t, client, &pb.ListCryptoKeyVersionsRequest{Parent: key})); diff != "" {
		t.Error(diff)
	}
}

func TestListingVersionsIsRefused(t *testing.T) {
	client, _ := start(t)
	key := create(t, client, "k", es256)
	for _, test := range []struct {
		name    string
		request *pb.ListCryptoKeyVersionsRequest
		want    codes.Code
	}{
		{"of_no_key", &pb.ListCryptoKeyVersionsRequest{Parent: key + "2"}, codes.NotFound},
		{"of_a_key_ring", &pb.ListCryptoKeyVersionsRequest{Parent: keyRing}, codes.InvalidArgument},
		{"with_a_negative_size", &pb.ListCryptoKeyVersionsRequest{Parent: key, PageSize: -1}, codes.InvalidArgument},
		{"with_a_made_up_token", &pb.ListCryptoKeyVersionsRequest{Parent: key, PageToken: "?"}, codes.InvalidArgument},
		{"with_a_negative_token", &pb.ListCryptoKeyVersionsRequest{Parent: key, PageToken: "-1"}, codes.InvalidArgument},
		{"with_a_filter", &pb.ListCryptoKeyVersionsRequest{Parent: key, Filter: "state=ENABLED"}, codes.Unimplemented},
		{"in_an_order", &pb.ListCryptoKeyVersionsRequest{Parent: key, OrderBy: "name desc"}, codes.Unimplemented},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := client.ListCryptoKeyVersions(t.Context(), test.request).Next()
			wantCode(t, err, test.want)
		})
	}
}
