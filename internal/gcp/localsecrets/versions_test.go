package localsecrets_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestAnAddedVersionIsEnabledAndAccessible(t *testing.T) {
	_, client := start(t, "")
	secret := create(t, client, "s", "first").GetName()
	sum := crc32c("second")
	added, err := client.AddSecretVersion(t.Context(), &pb.AddSecretVersionRequest{
		Parent: secret, Payload: &pb.SecretPayload{Data: []byte("second"), DataCrc32C: &sum},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &pb.SecretVersion{
		Name:                           secret + "/versions/2",
		CreateTime:                     timestamppb.New(time.Date(2030, 1, 1, 0, 0, 3, 0, time.UTC)),
		State:                          pb.SecretVersion_ENABLED,
		ClientSpecifiedPayloadChecksum: true,
	}
	if diff := cmp.Diff(want, added, protocmp.Transform(), protocmp.IgnoreFields(want, "etag", "replication_status")); diff != "" {
		t.Errorf("added (+) is not what was asked for (-):\n%s", diff)
	}
	for _, version := range []string{"2", "latest"} {
		answer, err := client.AccessSecretVersion(t.Context(), &pb.AccessSecretVersionRequest{Name: secret + "/versions/" + version})
		if err != nil {
			t.Fatal(err)
		}
		want := &pb.AccessSecretVersionResponse{
			Name:    secret + "/versions/2",
			Payload: &pb.SecretPayload{Data: []byte("second"), DataCrc32C: &sum},
		}
		if diff := cmp.Diff(want, answer, protocmp.Transform()); diff != "" {
			t.Errorf("accessing %s:\n%s", version, diff)
		}
	}
}

func TestAddingAVersionIsRefused(t *testing.T) {
	_, client := start(t, "")
	secret := create(t, client, "s").GetName()
	wrong := crc32c("payload") + 1
	large := []byte(strings.Repeat("x", 64<<10+1))
	tests := []struct {
		name, parent string
		payload      *pb.SecretPayload
		want         codes.Code
	}{
		{"without_a_payload", secret, nil, codes.InvalidArgument},
		{"with_an_empty_payload", secret, &pb.SecretPayload{}, codes.InvalidArgument},
		{"with_a_payload_over_64_KiB", secret, &pb.SecretPayload{Data: large}, codes.InvalidArgument},
		{"with_another_checksum", secret, &pb.SecretPayload{Data: []byte("payload"), DataCrc32C: &wrong}, codes.InvalidArgument},
		{"to_no_secret", "projects/local/secrets/none", &pb.SecretPayload{Data: []byte("payload")}, codes.NotFound},
		{"to_a_project", "projects/local", &pb.SecretPayload{Data: []byte("payload")}, codes.InvalidArgument},
		{"to_a_version", secret + "/versions/1", &pb.SecretPayload{Data: []byte("payload")}, codes.InvalidArgument},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := client.AddSecretVersion(t.Context(), &pb.AddSecretVersionRequest{Parent: test.parent, Payload: test.payload})
			wantCode(t, err, test.want)
		})
	}
	if version := add(t, client, secret, string(large[1:])); !strings.HasSuffix(version.GetName(), "/versions/1") {
		t.Errorf("the refused ones took a number: the first is %s", version.GetName())
	}
}

func TestAccessIsRefused(t *testing.T) {
	_, client := start(t, "")
	secret := create(t, client, "s", "one", "two", "three").GetName()
	create(t, client, "empty")
	for version, change := range map[string]string{"2": "destroy", "3": "disable"} {
		if _, err := changeState(t, client, change, secret+"/versions/"+version, ""); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]codes.Code{
		"/versions/2":        codes.FailedPrecondition, // destroyed
		"/versions/3":        codes.FailedPrecondition, // disabled
		"/versions/latest":   codes.FailedPrecondition, // the same, and not version 1 in its place
		"/versions/4":        codes.NotFound,
		"/versions/0":        codes.InvalidArgument,
		"/versions/01":       codes.InvalidArgument,
		"/versions/-1":       codes.InvalidArgument,
		"/versions/LATEST":   codes.InvalidArgument,
		"/versions/":         codes.InvalidArgument,
		"/versions/1/":       codes.InvalidArgument,
		"":                   codes.InvalidArgument,
		"x/versions/1":       codes.NotFound,
		"/versions/99999999": codes.NotFound,
	} {
		_, err := access(t.Context(), client, secret+name)
		wantCode(t, err, want)
	}
	_, err := access(t.Context(), client, "projects/local/secrets/empty/versions/latest")
	wantCode(t, err, codes.NotFound)
	if payload, err := access(t.Context(), client, secret+"/versions/1"); err != nil || payload != "one" {
		t.Errorf("the enabled one is %q, %v", payload, err)
	}
}

func TestStatesChangeAsAtGoogle(t *testing.T) {
	const refused = "refused"
	tests := []struct{ from, change, want string }{
		{"ENABLED", "enable", "ENABLED"},
		{"ENABLED", "disable", "DISABLED"},
		{"ENABLED", "destroy", "DESTROYED"},
		{"DISABLED", "enable", "ENABLED"},
		{"DISABLED", "disable", "DISABLED"},
		{"DISABLED", "destroy", "DESTROYED"},
		{"DESTROYED", "enable", refused},
		{"DESTROYED", "disable", refused},
		{"DESTROYED", "destroy", refused},
	}
	into := map[string]string{"ENABLED": "enable", "DISABLED": "disable", "DESTROYED": "destroy"}
	for _, test := range tests {
		t.Run(test.from+"_"+test.change, func(t *testing.T) {
			_, client := start(t, "")
			name := create(t, client, "s", "payload").GetName() + "/versions/1"
			before, err := changeState(t, client, into[test.from], name, "")
			if err != nil {
				t.Fatal(err)
			}
			after, err := changeState(t, client, test.change, name, "")
			if test.want == refused {
				wantCode(t, err, codes.FailedPrecondition)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := after.GetState().String(); got != test.want {
				t.Errorf("it is %s, want %s", got, test.want)
			}
			if after.GetEtag() == before.GetEtag() {
				t.Error("the etag did not change")
			}
			if (after.GetDestroyTime() != nil) != (test.want == "DESTROYED") {
				t.Errorf("the destroy time is %v", after.GetDestroyTime())
			}
			got, err := client.GetSecretVersion(t.Context(), &pb.GetSecretVersionRequest{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(after, got, protocmp.Transform()); diff != "" {
				t.Errorf("answered and found differ:\n%s", diff)
			}
		})
	}
}

func TestAnotherEtagStopsAChangeOfState(t *testing.T) {
	_, client := start(t, "")
	secret := create(t, client, "s").GetName()
	version := add(t, client, secret, "payload")
	for _, change := range []string{"enable", "disable", "destroy"} {
		_, err := changeState(t, client, change, version.GetName(), `"other"`)
		wantCode(t, err, codes.FailedPrecondition)
	}
	disabled, err := changeState(t, client, "disable", version.GetName(), version.GetEtag())
	wantCode(t, err, codes.OK)
	_, err = changeState(t, client, "enable", version.GetName(), version.GetEtag()) // it is the old one by now
	wantCode(t, err, codes.FailedPrecondition)
	_, err = changeState(t, client, "enable", version.GetName(), disabled.GetEtag())
	wantCode(t, err, codes.OK)
	_, err = changeState(t, client, "disable", secret+"/versions/7", "")
	wantCode(t, err, codes.NotFound)
}

func TestConcurrentAdditionsGetNumbersOfTheirOwn(t *testing.T) {
	_, client := start(t, t.TempDir()+"/secrets")
	secret := create(t, client, "s").GetName()
	var wait sync.WaitGroup
	for i := range 32 {
		wait.Go(func() {
			payload := fmt.Sprint("payload ", i)
			version := add(t, client, secret, payload)
			if got, err := access(t.Context(), client, version.GetName()); err != nil || got != payload {
				t.Errorf("%s: got %q, %v; want %q", version.GetName(), got, err, payload)
			}
		})
	}
	wait.Wait()
	if _, err := access(t.Context(), client, secret+"/versions/32"); err != nil {
		t.Error(err)
	}
}
