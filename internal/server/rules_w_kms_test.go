package server_test

import (
	"context"
	"testing"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localkms"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

// kmsKey is the key of a deployment that signs in Cloud KMS.
const kmsKey = "projects/acme/locations/global/keyRings/auth/cryptoKeys/signing"

// remote is a local Cloud KMS, and its API without any of our code.
type remote struct {
	t      *testing.T
	server *localkms.Server
	api    kmspb.KeyManagementServiceClient
}

// deployKMS serves a configuration whose first ring is in a Cloud KMS, with one version.
func deployKMS(t *testing.T, algorithm jose.Algorithm, of kmspb.CryptoKeyVersion_CryptoKeyVersionAlgorithm) (*deployment, *remote) {
	t.Helper()
	d := prepare(t, variant(t, acme, "{directory: keys}", "{kms: "+kmsKey+", algorithm: "+string(algorithm)+"}"))
	server, err := localkms.Start(localkms.Config{Now: d.clock.now})
	d.must(err)
	t.Cleanup(func() { _ = server.Close() })
	connection, err := grpc.NewClient("passthrough:///"+server.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	d.must(err)
	t.Cleanup(func() { _ = connection.Close() })
	r := &remote{t, server, kmspb.NewKeyManagementServiceClient(connection)}
	ctx := context.Background()
	_, err = r.api.CreateKeyRing(ctx, &kmspb.CreateKeyRingRequest{Parent: "projects/acme/locations/global", KeyRingId: "auth"})
	d.must(err)
	_, err = r.api.CreateCryptoKey(ctx, &kmspb.CreateCryptoKeyRequest{
		Parent: "projects/acme/locations/global/keyRings/auth", CryptoKeyId: "signing",
		CryptoKey: &kmspb.CryptoKey{Purpose: kmspb.CryptoKey_ASYMMETRIC_SIGN, VersionTemplate: &kmspb.CryptoKeyVersionTemplate{Algorithm: of}},
	})
	d.must(err)
	ours, err := gcp.NewKMS(gcp.KMSConfig{EmulatorHost: server.Address()})
	d.must(err)
	t.Cleanup(func() { _ = ours.Close() })
	d.kms = func(key string) keys.Source { return ours.Keeper(key) }
	d.serve()
	return d, r
}

// add adds a version, and disable takes one out of use.
func (r *remote) add() {
	r.t.Helper()
	if _, err := r.api.CreateCryptoKeyVersion(context.Background(), &kmspb.CreateCryptoKeyVersionRequest{Parent: kmsKey}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *remote) disable(number string) {
	r.t.Helper()
	_, err := r.api.UpdateCryptoKeyVersion(context.Background(), &kmspb.UpdateCryptoKeyVersionRequest{
		CryptoKeyVersion: &kmspb.CryptoKeyVersion{Name: kmsKey + "/cryptoKeyVersions/" + number, State: kmspb.CryptoKeyVersion_DISABLED},
		UpdateMask:       &fieldmaskpb.FieldMask{Paths: []string{"state"}},
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestW2_tokens_can_be_signed_in_Cloud_KMS(t *testing.T) {
	for algorithm, of := range map[jose.Algorithm]kmspb.CryptoKeyVersion_CryptoKeyVersionAlgorithm{
		jose.ES256: kmspb.CryptoKeyVersion_EC_SIGN_P256_SHA256,
		jose.ES384: kmspb.CryptoKeyVersion_EC_SIGN_P384_SHA384,
		jose.EdDSA: kmspb.CryptoKeyVersion_EC_SIGN_ED25519,
		jose.RS256: kmspb.CryptoKeyVersion_RSA_SIGN_PKCS1_2048_SHA256,
		jose.PS256: kmspb.CryptoKeyVersion_RSA_SIGN_PSS_2048_SHA256,
	} {
		t.Run(string(algorithm), func(t *testing.T) {
			d, _ := deployKMS(t, algorithm, of)
			got := d.grant(t, clientCredentials(d.proves("billing"))) // verified with the JWK Set
			token, err := jose.Parse(got.Token)
			d.must(err)
			if published := d.publishedKeys(t); len(published) != 1 || published[0]["alg"] != string(algorithm) || token.KeyID != published[0]["kid"] {
				t.Errorf("the token names %s, and the JWK Set has %v", token.KeyID, published)
			}
		})
	}
}

// Versions in Cloud KMS follow the clock that versions in Secret Manager do.
func TestJ2_keys_in_Cloud_KMS_follow_the_same_clock(t *testing.T) {
	d, kms := deployKMS(t, jose.ES256, kmspb.CryptoKeyVersion_EC_SIGN_P256_SHA256)
	kid := func() string {
		token, err := jose.Parse(d.grant(t, clientCredentials(d.proves("billing"))).Token)
		d.must(err)
		return token.KeyID
	}
	first := kid()
	d.clock.advance(ringFresh)
	kms.add()
	d.clock.advance(ringFresh)
	if kid() != first || len(d.publishedKeys(t)) != 2 {
		t.Error("the new key signs before every verifier knows it, or is not public")
	}
	d.clock.advance(ringValid)
	second := kid()
	if second == first {
		t.Error("the new key does not sign when every verifier knows it")
	}
	kms.disable("2")
	d.clock.advance(ringFresh)
	if kid() != first || len(d.publishedKeys(t)) != 1 {
		t.Error("the one before does not take over from the disabled one, or that is still public")
	}
	kms.disable("1")
	// The ring still has it: the signature is what fails.
	d.judge(t, deny("disabled since the last look", clientCredentials(d.proves("billing")), unavailable("signing_failed")))
	d.clock.advance(ringFresh)
	d.judge(t, deny("all are disabled", clientCredentials(d.proves("billing")), unavailable("signing_key_unavailable")))
}

func TestT7_Cloud_KMS_down_is_503(t *testing.T) {
	d, kms := deployKMS(t, jose.ES256, kmspb.CryptoKeyVersion_EC_SIGN_P256_SHA256)
	d.grant(t, clientCredentials(d.proves("billing")))
	d.must(kms.server.Close())
	d.judge(t, deny("nobody signs", clientCredentials(d.proves("billing")), unavailable("signing_failed")))
	if got := d.publishedKeys(t); len(got) != 1 {
		t.Errorf("the public keys are known all the same, and the JWK Set is %v", got)
	}
}
