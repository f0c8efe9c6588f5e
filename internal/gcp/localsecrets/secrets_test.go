package localsecrets_test

import (
	"strings"
	"testing"
	"time"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestACreatedSecretIsFoundAgain(t *testing.T) {
	_, client := start(t, "")
	request := &pb.CreateSecretRequest{Parent: "projects/local", SecretId: "signing-keys", Secret: newSecret()}
	request.Secret.Labels = map[string]string{"part": "keys"}
	request.Secret.Annotations = map[string]string{"made-by": "a test"}
	created, err := client.CreateSecret(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	found, err := client.GetSecret(t.Context(), &pb.GetSecretRequest{Name: "projects/local/secrets/signing-keys"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(created, found, protocmp.Transform()); diff != "" {
		t.Errorf("created and found differ:\n%s", diff)
	}
	want := newSecret()
	want.Name, want.Etag = found.GetName(), found.GetEtag()
	want.Labels, want.Annotations = request.GetSecret().GetLabels(), request.GetSecret().GetAnnotations()
	want.CreateTime = timestamppb.New(time.Date(2030, 1, 1, 0, 0, 1, 0, time.UTC))
	if diff := cmp.Diff(want, found, protocmp.Transform()); diff != "" {
		t.Errorf("found (+) is not what was asked for (-):\n%s", diff)
	}
}

func TestAProjectHasAnIDAndANumber(t *testing.T) {
	_, client := start(t, "")
	byNumber := create(t, client, "s", "payload").GetName()
	if strings.HasPrefix(byNumber, "projects/local/") {
		t.Errorf("the answer says %s: Google's says the number", byNumber)
	}
	for _, name := range []string{byNumber, "projects/local/secrets/s"} {
		if payload, err := access(t.Context(), client, name+"/versions/1"); err != nil || payload != "payload" {
			t.Errorf("%s: got %q, %v", name, payload, err)
		}
	}
	_, err := access(t.Context(), client, "projects/other/secrets/s/versions/1")
	wantCode(t, err, codes.NotFound)
}

func TestCreatingASecretIsRefused(t *testing.T) {
	_, client := start(t, "")
	create(t, client, "taken")
	with := func(change func(*pb.Secret)) *pb.Secret {
		secret := newSecret()
		change(secret)
		return secret
	}
	userManaged := &pb.Replication{Replication: &pb.Replication_UserManaged_{}}
	encrypted := &pb.Replication{Replication: &pb.Replication_Automatic_{
		Automatic: &pb.Replication_Automatic{CustomerManagedEncryption: &pb.CustomerManagedEncryption{KmsKeyName: "k"}},
	}}
	tests := []struct {
		name, parent, id string
		secret           *pb.Secret
		want             codes.Code
	}{
		{"that_exists", "projects/local", "taken", newSecret(), codes.AlreadyExists},
		{"without_metadata", "projects/local", "s", nil, codes.InvalidArgument},
		{"without_replication", "projects/local", "s", &pb.Secret{}, codes.InvalidArgument},
		{"without_an_id", "projects/local", "", newSecret(), codes.InvalidArgument},
		{"with_a_slash_in_its_id", "projects/local", "a/b", newSecret(), codes.InvalidArgument},
		{"with_a_line_break_in_its_id", "projects/local", "a\n", newSecret(), codes.InvalidArgument},
		{"with_a_long_id", "projects/local", strings.Repeat("s", 256), newSecret(), codes.InvalidArgument},
		{"without_a_parent", "", "s", newSecret(), codes.InvalidArgument},
		{"in_no_project", "projects/", "s", newSecret(), codes.InvalidArgument},
		{"in_a_folder", "folders/1", "s", newSecret(), codes.InvalidArgument},
		{"in_a_project_with_a_space", "projects/my project", "s", newSecret(), codes.InvalidArgument},
		{"in_a_region", "projects/local/locations/europe-west3", "s", newSecret(), codes.Unimplemented},
		{"replicated_by_hand", "projects/local", "s", with(func(s *pb.Secret) { s.Replication = userManaged }), codes.Unimplemented},
		{"encrypted_by_kms", "projects/local", "s", with(func(s *pb.Secret) { s.Replication = encrypted }), codes.Unimplemented},
		{"that_expires", "projects/local", "s", with(func(s *pb.Secret) {
			s.Expiration = &pb.Secret_Ttl{Ttl: durationpb.New(time.Hour)}
		}), codes.Unimplemented},
		{"that_rotates", "projects/local", "s", with(func(s *pb.Secret) { s.Rotation = &pb.Rotation{} }), codes.Unimplemented},
		{"with_aliases", "projects/local", "s", with(func(s *pb.Secret) { s.VersionAliases = map[string]int64{"a": 1} }), codes.Unimplemented},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := client.CreateSecret(t.Context(), &pb.CreateSecretRequest{
				Parent: test.parent, SecretId: test.id, Secret: test.secret,
			})
			wantCode(t, err, test.want)
		})
	}
}

func TestADeletedSecretIsGone(t *testing.T) {
	_, client := start(t, "")
	name := create(t, client, "s", "first", "second").GetName()
	if err := client.DeleteSecret(t.Context(), &pb.DeleteSecretRequest{Name: name}); err != nil {
		t.Fatal(err)
	}
	_, err := client.GetSecret(t.Context(), &pb.GetSecretRequest{Name: name})
	wantCode(t, err, codes.NotFound)
	_, err = access(t.Context(), client, name+"/versions/1")
	wantCode(t, err, codes.NotFound)
	wantCode(t, client.DeleteSecret(t.Context(), &pb.DeleteSecretRequest{Name: name}), codes.NotFound)

	create(t, client, "s", "another")
	if payload, err := access(t.Context(), client, name+"/versions/1"); err != nil || payload != "another" {
		t.Errorf("a new secret of that name has version 1 %q, %v", payload, err)
	}
}

func TestAnotherEtagStopsADeletion(t *testing.T) {
	_, client := start(t, "")
	secret := create(t, client, "s")
	err := client.DeleteSecret(t.Context(), &pb.DeleteSecretRequest{Name: secret.GetName(), Etag: `"other"`})
	wantCode(t, err, codes.FailedPrecondition)
	add(t, client, secret.GetName(), "a version does not change the etag of its secret")
	err = client.DeleteSecret(t.Context(), &pb.DeleteSecretRequest{Name: secret.GetName(), Etag: secret.GetEtag()})
	wantCode(t, err, codes.OK)
}

// FuzzSecretName holds that whatever a name is, the answer is a refusal of that name, and the server lives on.
func FuzzSecretName(f *testing.F) {
	_, client := start(f, "")
	for _, name := range []string{
		"", "projects/local/secrets/s", "projects/1/secrets/s", "projects/local/secrets/s/versions/1", "projects//secrets/",
		"projects/local/locations/l/secrets/s", "projects/local/secrets/../s", "secrets/s", "projects/local/secrets/s\x00",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		name = strings.ToValidUTF8(name, "") // the client refuses the rest
		_, err := client.GetSecret(t.Context(), &pb.GetSecretRequest{Name: name})
		_, accessErr := access(t.Context(), client, name)
		for _, err := range []error{err, accessErr} {
			switch code := status.Code(err); code {
			case codes.InvalidArgument, codes.NotFound, codes.Unimplemented:
			default:
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}
