package localkms_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"testing"

	kms "cloud.google.com/go/kms/apiv1"
	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// publicKey asks for a public key and reads it.
func publicKey(t *testing.T, client *kms.KeyManagementClient, version string) (any, *pb.PublicKey) {
	t.Helper()
	answer, err := client.GetPublicKey(t.Context(), &pb.GetPublicKeyRequest{Name: version})
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode([]byte(answer.GetPem()))
	if block == nil || block.Type != "PUBLIC KEY" || len(rest) > 0 {
		t.Fatalf("the public key is %q", answer.GetPem())
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return public, answer
}

func TestAPublicKeyIsAnsweredWithItsChecksum(t *testing.T) {
	client, _ := start(t)
	key := create(t, client, "k", es256)
	_, first := publicKey(t, client, key+"/cryptoKeyVersions/1")
	want := &pb.PublicKey{
		Name:            key + "/cryptoKeyVersions/1",
		Algorithm:       pb.CryptoKeyVersion_EC_SIGN_P256_SHA256,
		ProtectionLevel: pb.ProtectionLevel_SOFTWARE,
		PemCrc32C:       crc32c([]byte(first.GetPem())),
	}
	if diff := cmp.Diff(want, first, protocmp.Transform(), protocmp.IgnoreFields(want, "pem")); diff != "" {
		t.Error(diff)
	}
	if _, second := publicKey(t, client, add(t, client, key).GetName()); second.GetPem() == first.GetPem() {
		t.Error("two versions have one key")
	}
}

func TestADigestIsSigned(t *testing.T) {
	client, _ := start(t)
	version := create(t, client, "k", es256) + "/cryptoKeyVersions/1"
	public, _ := publicKey(t, client, version)
	digest := sha256.Sum256([]byte("message"))
	for name, sum := range map[string]*wrapperspb.Int64Value{"with_its_checksum": crc32c(digest[:]), "without": nil} {
		t.Run(name, func(t *testing.T) {
			answer, err := client.AsymmetricSign(t.Context(), &pb.AsymmetricSignRequest{
				Name: version, Digest: &pb.Digest{Digest: &pb.Digest_Sha256{Sha256: digest[:]}}, DigestCrc32C: sum,
			})
			if err != nil {
				t.Fatal(err)
			}
			want := &pb.AsymmetricSignResponse{
				Name:                 version,
				SignatureCrc32C:      crc32c(answer.GetSignature()),
				VerifiedDigestCrc32C: sum != nil,
				ProtectionLevel:      pb.ProtectionLevel_SOFTWARE,
			}
			if diff := cmp.Diff(want, answer, protocmp.Transform(), protocmp.IgnoreFields(want, "signature")); diff != "" {
				t.Error(diff)
			}
			if !ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], answer.GetSignature()) {
				t.Error("the signature does not verify")
			}
		})
	}
}

func TestDataIsSignedWithEd25519(t *testing.T) {
	client, _ := start(t)
	version := create(t, client, "k", pb.CryptoKeyVersion_EC_SIGN_ED25519) + "/cryptoKeyVersions/1"
	public, _ := publicKey(t, client, version)
	answer, err := client.AsymmetricSign(t.Context(), &pb.AsymmetricSignRequest{
		Name: version, Data: []byte("message"), DataCrc32C: crc32c([]byte("message")),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !answer.GetVerifiedDataCrc32C() || answer.GetVerifiedDigestCrc32C() {
		t.Errorf("it says what was verified: data %t, digest %t", answer.GetVerifiedDataCrc32C(), answer.GetVerifiedDigestCrc32C())
	}
	if !ed25519.Verify(public.(ed25519.PublicKey), []byte("message"), answer.GetSignature()) {
		t.Error("the signature does not verify")
	}
}

func TestSigningIsRefused(t *testing.T) {
	client, _ := start(t)
	es := create(t, client, "es", es256) + "/cryptoKeyVersions/1"
	ed := create(t, client, "ed", pb.CryptoKeyVersion_EC_SIGN_ED25519) + "/cryptoKeyVersions/1"
	of256 := func(length int) *pb.Digest {
		return &pb.Digest{Digest: &pb.Digest_Sha256{Sha256: make([]byte, length)}}
	}
	sha384 := &pb.Digest{Digest: &pb.Digest_Sha384{Sha384: make([]byte, 48)}}
	for name, test := range map[string]struct {
		request *pb.AsymmetricSignRequest
		want    codes.Code
	}{
		"nothing":                   {&pb.AsymmetricSignRequest{Name: es}, codes.InvalidArgument},
		"a_digest_of_another_hash":  {&pb.AsymmetricSignRequest{Name: es, Digest: sha384}, codes.InvalidArgument},
		"a_digest_too_short":        {&pb.AsymmetricSignRequest{Name: es, Digest: of256(31)}, codes.InvalidArgument},
		"a_digest_of_no_hash":       {&pb.AsymmetricSignRequest{Name: es, Digest: new(pb.Digest)}, codes.InvalidArgument},
		"another_checksum":          {&pb.AsymmetricSignRequest{Name: es, Digest: of256(32), DigestCrc32C: wrapperspb.Int64(1)}, codes.InvalidArgument},
		"a_digest_and_data":         {&pb.AsymmetricSignRequest{Name: es, Digest: of256(32), Data: []byte("d")}, codes.InvalidArgument},
		"data_that_must_be_hashed":  {&pb.AsymmetricSignRequest{Name: es, Data: []byte("d")}, codes.Unimplemented},
		"a_digest_with_Ed25519":     {&pb.AsymmetricSignRequest{Name: ed, Digest: of256(32)}, codes.InvalidArgument},
		"no_digest_with_Ed25519":    {&pb.AsymmetricSignRequest{Name: ed, Digest: new(pb.Digest)}, codes.InvalidArgument},
		"data_of_another_checksum":  {&pb.AsymmetricSignRequest{Name: ed, Data: []byte("d"), DataCrc32C: wrapperspb.Int64(1)}, codes.InvalidArgument},
		"data_over_64_KiB":          {&pb.AsymmetricSignRequest{Name: ed, Data: make([]byte, 64<<10+1)}, codes.InvalidArgument},
		"with_a_version_of_no_key":  {&pb.AsymmetricSignRequest{Name: es + "2", Digest: of256(32)}, codes.NotFound},
		"with_a_key_and_no_version": {&pb.AsymmetricSignRequest{Name: keyRing + "/cryptoKeys/es", Digest: of256(32)}, codes.InvalidArgument},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := client.AsymmetricSign(t.Context(), test.request)
			wantCode(t, err, test.want)
		})
	}
}

func TestAVersionThatIsNotEnabledIsOfNoUse(t *testing.T) {
	for _, state := range []string{"DISABLED", "DESTROY_SCHEDULED", "DESTROYED"} {
		t.Run(state, func(t *testing.T) {
			client, clock := start(t)
			version := create(t, client, "k", es256) + "/cryptoKeyVersions/1"
			into(t, client, clock, state, version)
			_, err := client.AsymmetricSign(t.Context(), &pb.AsymmetricSignRequest{
				Name: version, Digest: &pb.Digest{Digest: &pb.Digest_Sha256{Sha256: make([]byte, 32)}},
			})
			wantCode(t, err, codes.FailedPrecondition)
			_, err = client.GetPublicKey(t.Context(), &pb.GetPublicKeyRequest{Name: version})
			wantCode(t, err, codes.FailedPrecondition)
		})
	}
}

func TestAPublicKeyInAnotherFormatIsUnimplemented(t *testing.T) {
	client, _ := start(t)
	version := create(t, client, "k", es256) + "/cryptoKeyVersions/1"
	_, err := client.GetPublicKey(t.Context(), &pb.GetPublicKeyRequest{Name: version, PublicKeyFormat: pb.PublicKey_DER})
	wantCode(t, err, codes.Unimplemented)
}
