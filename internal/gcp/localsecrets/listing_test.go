package localsecrets_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
)

// numbers lists the versions of a secret through the library's paging.
func numbers(t *testing.T, client *secretmanager.Client, request *pb.ListSecretVersionsRequest) []string {
	t.Helper()
	var found []string
	versions := client.ListSecretVersions(t.Context(), request)
	for {
		version, err := versions.Next()
		if errors.Is(err, iterator.Done) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, strings.TrimPrefix(version.GetName(), request.GetParent()+"/versions/"))
	}
}

func TestVersionsAreListedNewestFirstOverAllPages(t *testing.T) {
	_, client := start(t, "")
	secret := create(t, client, "s").GetName()
	var want []string
	for i := range 205 { // three pages of the default size
		add(t, client, secret, "payload")
		want = append([]string{fmt.Sprint(i + 1)}, want...)
	}
	for _, size := range []int32{0, 1, 7, 100, 204, 205, 206, 30_000} {
		got := numbers(t, client, &pb.ListSecretVersionsRequest{Parent: secret, PageSize: size})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with pages of %d:\n%s", size, diff)
		}
	}
}

func TestAVersionThatIsAddedBetweenTwoPagesNeitherRepeatsNorHidesOne(t *testing.T) {
	_, client := start(t, "")
	secret := create(t, client, "s", "1", "2", "3", "4").GetName()
	versions := client.ListSecretVersions(t.Context(), &pb.ListSecretVersionsRequest{Parent: secret})
	var page []*pb.SecretVersion
	pager := iterator.NewPager(versions, 2, "")
	token, err := pager.NextPage(&page)
	if err != nil || token == "" || len(page) != 2 {
		t.Fatalf("the first page has %d versions and the token %q, %v", len(page), token, err)
	}
	add(t, client, secret, "5")
	if _, err := pager.NextPage(&page); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, version := range page {
		got = append(got, strings.TrimPrefix(version.GetName(), secret+"/versions/"))
	}
	if diff := cmp.Diff([]string{"4", "3", "2", "1"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestVersionsInOneStateAreListed(t *testing.T) {
	_, client := start(t, "")
	secret := create(t, client, "s", "1", "2", "3", "4").GetName()
	for version, change := range map[string]string{"2": "disable", "3": "destroy"} {
		if _, err := changeState(t, client, change, secret+"/versions/"+version, ""); err != nil {
			t.Fatal(err)
		}
	}
	for filter, want := range map[string][]string{
		"":                {"4", "3", "2", "1"},
		"state:ENABLED":   {"4", "1"},
		"state:DISABLED":  {"2"},
		"state:DESTROYED": {"3"},
	} {
		got := numbers(t, client, &pb.ListSecretVersionsRequest{Parent: secret, Filter: filter})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("filter %q:\n%s", filter, diff)
		}
	}
}

func TestListingVersionsIsRefused(t *testing.T) {
	_, client := start(t, "")
	secret := create(t, client, "s", "1", "2").GetName()
	tests := []struct {
		name    string
		request *pb.ListSecretVersionsRequest
		want    codes.Code
	}{
		{"of_no_secret", &pb.ListSecretVersionsRequest{Parent: "projects/local/secrets/none"}, codes.NotFound},
		{"of_a_project", &pb.ListSecretVersionsRequest{Parent: "projects/local"}, codes.InvalidArgument},
		{"with_a_negative_size", &pb.ListSecretVersionsRequest{Parent: secret, PageSize: -1}, codes.InvalidArgument},
		{"with_a_made_up_token", &pb.ListSecretVersionsRequest{Parent: secret, PageToken: "?"}, codes.InvalidArgument},
		{"with_another_filter", &pb.ListSecretVersionsRequest{Parent: secret, Filter: "name:1"}, codes.Unimplemented},
		{"with_an_unknown_state", &pb.ListSecretVersionsRequest{Parent: secret, Filter: "state:OLD"}, codes.Unimplemented},
		{"with_a_state_alone", &pb.ListSecretVersionsRequest{Parent: secret, Filter: "ENABLED"}, codes.Unimplemented},
		{"with_two_filters", &pb.ListSecretVersionsRequest{Parent: secret, Filter: "state:ENABLED OR state:DISABLED"}, codes.Unimplemented},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := client.ListSecretVersions(t.Context(), test.request).Next()
			wantCode(t, err, test.want)
		})
	}
}

func TestSecretsAreListedNewestFirst(t *testing.T) {
	_, client := start(t, "")
	for _, id := range []string{"c", "a", "b"} {
		create(t, client, id)
	}
	_, err := client.CreateSecret(t.Context(), &pb.CreateSecretRequest{Parent: "projects/other", SecretId: "x", Secret: newSecret()})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int32{0, 1, 2} {
		var got []string
		secrets := client.ListSecrets(t.Context(), &pb.ListSecretsRequest{Parent: "projects/local", PageSize: size})
		for {
			secret, err := secrets.Next()
			if errors.Is(err, iterator.Done) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			_, id, _ := strings.Cut(secret.GetName(), "/secrets/")
			got = append(got, id)
		}
		if diff := cmp.Diff([]string{"b", "a", "c"}, got); diff != "" {
			t.Errorf("with pages of %d:\n%s", size, diff)
		}
	}
	_, err = client.ListSecrets(t.Context(), &pb.ListSecretsRequest{Parent: "projects/local", Filter: "name:a"}).Next()
	wantCode(t, err, codes.Unimplemented)
	_, err = client.ListSecrets(t.Context(), &pb.ListSecretsRequest{Parent: "local"}).Next()
	wantCode(t, err, codes.InvalidArgument)
}
