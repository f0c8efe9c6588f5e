package gcp

import (
	"context"
	"errors"
	"fmt"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"example.com/countersign/internal/keys"
)

// Add lets Cloud KMS make a new version, of the algorithm that the key's template names, and returns its number. newKey
// is not called. At Google the version is in state PENDING_GENERATION at first, and becomes enabled by itself: within a
// second or so, in an HSM within some more.
//
// It is called once and never again by itself: Cloud KMS has no way to recognise a repetition, and a version too many
// is a key too many. After an error other than a refusal the version may exist; Versions tells.
func (k *kmsKeeper) Add(ctx context.Context, _ func() ([]byte, error)) (id string, err error) {
	client, err := k.connect(ctx, "add a version to")
	if err != nil {
		return "", err
	}
	made, err := client.CreateCryptoKeyVersion(ctx, &pb.CreateCryptoKeyVersionRequest{
		Parent:           k.key,
		CryptoKeyVersion: new(pb.CryptoKeyVersion),
	}, withoutRetry())
	if err == nil {
		id, err = k.number(made)
	}
	if err != nil {
		return "", &callError{doing: "adding a version to", name: k.key, cause: err}
	}
	return id, nil
}

// Disable takes a version out of use. At Google it can still sign for about a minute, in exceptional cases for some
// hours (Cloud KMS, "resource consistency"); a ring stops using it when it is next loaded. A version that is destroyed
// or scheduled to be cannot be disabled, which is an error.
func (k *kmsKeeper) Disable(ctx context.Context, id string) error {
	disable := func(client *kmsClient, version string) (*pb.CryptoKeyVersion, error) {
		return client.UpdateCryptoKeyVersion(ctx, &pb.UpdateCryptoKeyVersionRequest{
			CryptoKeyVersion: &pb.CryptoKeyVersion{Name: version, State: pb.CryptoKeyVersion_DISABLED},
			UpdateMask:       &fieldmaskpb.FieldMask{Paths: []string{"state"}},
		}, withoutRetry())
	}
	return k.change(ctx, id, change{"disabling", keys.Disabled, disable})
}

// Destroy schedules a version for destruction. From then on it does not sign; its key is forgotten when the key's
// destroy_scheduled_duration has passed, 30 days by default, and until then an operator can restore it.
func (k *kmsKeeper) Destroy(ctx context.Context, id string) error {
	destroy := func(client *kmsClient, version string) (*pb.CryptoKeyVersion, error) {
		return client.DestroyCryptoKeyVersion(ctx, &pb.DestroyCryptoKeyVersionRequest{Name: version}, withoutRetry())
	}
	return k.change(ctx, id, change{"destroying", keys.Destroyed, destroy})
}

// change is a change of a version's state.
type change struct {
	doing string // "disabling"
	into  keys.State
	call  func(client *kmsClient, version string) (*pb.CryptoKeyVersion, error)
}

// change makes a change, or finds that it has been made. Google refuses some changes that would change nothing, and an
// answer can get lost: what the version is decides, and not the refusal.
func (k *kmsKeeper) change(ctx context.Context, id string, c change) error {
	if !isVersionNumber(id) {
		return fmt.Errorf("%q is not the number of a version", id)
	}
	client, err := k.connect(ctx, "change")
	if err != nil {
		return err
	}
	version := k.key + cryptoKeyVersions + id
	answer, err := patiently(ctx, func() (*pb.CryptoKeyVersion, error) { return c.call(client, version) })
	if err == nil && answer.GetName() != version {
		err = errOtherName
	}
	state := kmsStateOf(answer.GetState())
	if refusal := err; status.Code(refusal) == codes.FailedPrecondition {
		if state, err = kmsState(ctx, client, version); err == nil && state == keys.Destroyed && c.into != state {
			err = fmt.Errorf("it is destroyed, or scheduled to be: %w", refusal)
		} else if err == nil && state != c.into {
			err = refusal
		}
	}
	if err == nil && state != c.into {
		err = errors.New("the answer does not say that it was done")
	}
	if err != nil {
		return &callError{doing: c.doing, name: version, cause: err}
	}
	return nil
}
