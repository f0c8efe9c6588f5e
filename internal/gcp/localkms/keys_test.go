package localkms_test

import (
	"strings"
	"testing"
	"time"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestACreatedKeyIsFoundAgain(t *testing.T) {
	client, _ := start(t)
	request := &pb.CreateCryptoKeyRequest{Parent: keyRing, CryptoKeyId: "signing-keys", CryptoKey: newKey(es256)}
	request.CryptoKey.Labels = map[string]string{"part": "keys"}
	created, err := client.CreateCryptoKey(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	found, err := client.GetCryptoKey(t.Context(), &pb.GetCryptoKeyRequest{Name: keyRing + "/cryptoKeys/signing-keys"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(created, found, protocmp.Transform()); diff != "" {
		t.Errorf("created and found differ:\n%s", diff)
	}
	want := &pb.CryptoKey{
		Name:       keyRing + "/cryptoKeys/signing-keys",
		Purpose:    pb.CryptoKey_ASYMMETRIC_SIGN,
		CreateTime: timestamppb.New(time.Date(2030, 1, 1, 0, 0, 2, 0, time.UTC)),
		VersionTemplate: &pb.CryptoKeyVersionTemplate{
			Algorithm:       pb.CryptoKeyVersion_EC_SIGN_P256_SHA256,
			ProtectionLevel: pb.ProtectionLevel_SOFTWARE,
		},
		Labels: map[string]string{"part": "keys"},
	}
	if diff := cmp.Diff(want, found, protocmp.Transform()); diff != "" {
		t.Errorf("found (+) is not what was asked for (-):\n%s", diff)
	}
}

func TestAKeyMayBeginWithoutAVersion(t *testing.T) {
	client, _ := start(t)
	for skip, want := range map[bool]codes.Code{false: codes.OK, true: codes.NotFound} {
		key, err := client.CreateCryptoKey(t.Context(), &pb.CreateCryptoKeyRequest{
			Parent: keyRing, CryptoKeyId: "k" + want.String(), CryptoKey: newKey(es256), SkipInitialVersionCreation: skip,
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.GetCryptoKeyVersion(t.Context(), &pb.GetCryptoKeyVersionRequest{Name: key.GetName() + "/cryptoKeyVersions/1"})
		wantCode(t, err, want)
	}
}

func TestCreatingAKeyRingIsRefused(t *testing.T) {
	client, _ := start(t)
	for _, test := range []struct {
		name, parent, id string
		want             codes.Code
	}{
		{"that_exists", location, "r", codes.AlreadyExists},
		{"without_an_id", location, "", codes.InvalidArgument},
		{"with_a_slash_in_its_id", location, "a/b", codes.InvalidArgument},
		{"with_a_long_id", location, strings.Repeat("r", 64), codes.InvalidArgument},
		{"in_a_project", "projects/local", "s", codes.InvalidArgument},
		{"in_a_key_ring", keyRing, "s", codes.InvalidArgument},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := client.CreateKeyRing(t.Context(), &pb.CreateKeyRingRequest{Parent: test.parent, KeyRingId: test.id})
			wantCode(t, err, test.want)
		})
	}
}

func TestCreatingAKeyIsRefused(t *testing.T) {
	client, _ := start(t)
	create(t, client, "taken", es256)
	with := func(change func(*pb.CryptoKey)) *pb.CryptoKey {
		key := newKey(es256)
		change(key)
		return key
	}
	for _, test := range []struct {
		name, parent, id string
		key              *pb.CryptoKey
		want             codes.Code
	}{
		{"that_exists", keyRing, "taken", newKey(es256), codes.AlreadyExists},
		{"without_metadata", keyRing, "k", nil, codes.InvalidArgument},
		{"without_a_purpose", keyRing, "k", with(func(k *pb.CryptoKey) { k.Purpose = 0 }), codes.InvalidArgument},
		{"without_an_algorithm", keyRing, "k", newKey(0), codes.InvalidArgument},
		{"without_an_id", keyRing, "", newKey(es256), codes.InvalidArgument},
		{"with_a_line_break_in_its_id", keyRing, "a\n", newKey(es256), codes.InvalidArgument},
		{"with_a_long_id", keyRing, strings.Repeat("k", 64), newKey(es256), codes.InvalidArgument},
		{"in_no_key_ring", location, "k", newKey(es256), codes.InvalidArgument},
		{"in_a_key_ring_that_is_missing", location + "/keyRings/other", "k", newKey(es256), codes.NotFound},
		{"that_encrypts", keyRing, "k", with(func(k *pb.CryptoKey) { k.Purpose = pb.CryptoKey_ENCRYPT_DECRYPT }), codes.Unimplemented},
		{"of_another_curve", keyRing, "k", newKey(pb.CryptoKeyVersion_EC_SIGN_SECP256K1_SHA256), codes.Unimplemented},
		{"without_an_encoding", keyRing, "k", newKey(pb.CryptoKeyVersion_RSA_SIGN_RAW_PKCS1_2048), codes.Unimplemented},
		{"in_an_HSM", keyRing, "k", with(func(k *pb.CryptoKey) {
			k.VersionTemplate.ProtectionLevel = pb.ProtectionLevel_HSM
		}), codes.Unimplemented},
		{"for_import", keyRing, "k", with(func(k *pb.CryptoKey) { k.ImportOnly = true }), codes.Unimplemented},
		{"with_a_destruction_of_its_own", keyRing, "k", with(func(k *pb.CryptoKey) {
			k.DestroyScheduledDuration = durationpb.New(24 * time.Hour)
		}), codes.Unimplemented},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := client.CreateCryptoKey(t.Context(), &pb.CreateCryptoKeyRequest{
				Parent: test.parent, CryptoKeyId: test.id, CryptoKey: test.key,
			})
			wantCode(t, err, test.want)
		})
	}
}

func TestANameIsFoundOrRefused(t *testing.T) {
	client, _ := start(t)
	key := create(t, client, "k", es256)
	for name, want := range map[string]codes.Code{
		key:                               codes.OK,
		key + "2":                         codes.NotFound,
		key + "/":                         codes.InvalidArgument,
		key + "/cryptoKeyVersions/1":      codes.InvalidArgument,
		keyRing:                           codes.InvalidArgument,
		"":                                codes.InvalidArgument,
		strings.ToUpper(key):              codes.InvalidArgument,
		"projects/other/" + key[15:]:      codes.NotFound,
		"projects/" + key:                 codes.InvalidArgument,
		key[:len(key)-1] + "*":            codes.InvalidArgument,
		strings.Replace(key, "/", " ", 1): codes.InvalidArgument,
	} {
		_, err := client.GetCryptoKey(t.Context(), &pb.GetCryptoKeyRequest{Name: name})
		wantCode(t, err, want)
	}
	for name, want := range map[string]codes.Code{
		"/cryptoKeyVersions/1":        codes.OK,
		"/cryptoKeyVersions/2":        codes.NotFound,
		"/cryptoKeyVersions/99999999": codes.NotFound,
		"2/cryptoKeyVersions/1":       codes.NotFound,
		"/cryptoKeyVersions/0":        codes.InvalidArgument,
		"/cryptoKeyVersions/01":       codes.InvalidArgument,
		"/cryptoKeyVersions/-1":       codes.InvalidArgument,
		"/cryptoKeyVersions/primary":  codes.InvalidArgument,
		"/cryptoKeyVersions/":         codes.InvalidArgument,
		"/cryptoKeyVersions/1/":       codes.InvalidArgument,
		"/versions/1":                 codes.InvalidArgument,
		"":                            codes.InvalidArgument,
	} {
		_, err := client.GetCryptoKeyVersion(t.Context(), &pb.GetCryptoKeyVersionRequest{Name: key + name})
		wantCode(t, err, want)
	}
}

// FuzzName holds that whatever a name is, the answer is a refusal of that name, and the server lives on.
func FuzzName(f *testing.F) {
	client, _ := start(f)
	for _, name := range []string{
		"", location, keyRing, keyRing + "/cryptoKeys/k", keyRing + "/cryptoKeys/k/cryptoKeyVersions/1",
		keyRing + "/cryptoKeys//cryptoKeyVersions/", keyRing + "/cryptoKeys/../k", "cryptoKeys/k\x00",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		name = strings.ToValidUTF8(name, "") // the client refuses the rest
		_, errKey := client.GetCryptoKey(t.Context(), &pb.GetCryptoKeyRequest{Name: name})
		_, errVersion := client.GetCryptoKeyVersion(t.Context(), &pb.GetCryptoKeyVersionRequest{Name: name})
		_, errPublic := client.GetPublicKey(t.Context(), &pb.GetPublicKeyRequest{Name: name})
		for _, err := range []error{errKey, errVersion, errPublic} {
			switch code := status.Code(err); code {
			case codes.InvalidArgument, codes.NotFound:
			default:
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}
