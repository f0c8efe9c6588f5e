package gcp_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

// Whoever publishes needs roles/cloudkms.viewer and publicKeyViewer, and not the right to sign.
func TestJ1_keys_in_Cloud_KMS_are_published_without_the_right_to_sign(t *testing.T) {
	_, raw := startKMS(t)
	newES256Keys(t, raw, 2)
	address, _ := kmsFront(t, raw, func(_ context.Context, request any, forward func() (any, error)) (any, error) {
		switch request.(type) {
		case *pb.GetCryptoKeyRequest, *pb.ListCryptoKeyVersionsRequest, *pb.GetCryptoKeyVersionRequest, *pb.GetPublicKeyRequest:
			return forward()
		default:
			return nil, status.Error(codes.PermissionDenied, "Permission denied on resource (or it may not exist).")
		}
	})
	for _, algorithm := range []jose.Algorithm{jose.ES256, jose.ES384} { // the second is not what they sign with
		published, err := keys.NewPublished(keys.Config{
			Source: newKeeper(t, address), Algorithm: algorithm, Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Timing: keys.Timing{MaxAge: time.Minute, Refresh: time.Minute, TokenLifetime: time.Minute},
		})
		if err != nil {
			t.Fatal(err)
		}
		set, err := keys.NewSet(time.Now, published)
		if err != nil {
			t.Fatal(err)
		}
		document, err := set.Document(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := map[jose.Algorithm]int{jose.ES256: 2}[algorithm]; len(document.Keys) != want {
			t.Errorf("%s: %s is published, want %d keys", algorithm, document.Body, want)
		}
	}
}

// The public half of an RSA key fits more than one algorithm, and a version signs with one.
func TestJ1_a_key_in_Cloud_KMS_that_would_refuse_to_sign_is_not_published(t *testing.T) {
	address, raw := startKMS(t)
	newKey(t, raw, pb.CryptoKeyVersion_RSA_SIGN_PKCS1_2048_SHA256, 1)
	for algorithm, want := range map[jose.Algorithm]int{jose.RS256: 1, jose.PS256: 0, jose.RS512: 0} {
		config := keys.Config{
			Source: newKeeper(t, address), Algorithm: algorithm, Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Timing: keys.Timing{MaxAge: time.Minute, Refresh: time.Minute, TokenLifetime: time.Minute},
		}
		published, err := keys.NewPublished(config)
		if err != nil {
			t.Fatal(err)
		}
		signs, err := keys.NewRing(config)
		if err != nil {
			t.Fatal(err)
		}
		for _, ring := range []keys.Publishing{published, signs} {
			set, err := keys.NewSet(time.Now, ring)
			if err != nil {
				t.Fatal(err)
			}
			if document, err := set.Document(t.Context()); err != nil || len(document.Keys) != want {
				t.Errorf("%s, %T: %+v, %v; want %d keys", algorithm, ring, document, err, want)
			}
		}
	}
}
