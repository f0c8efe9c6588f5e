package gcp

import (
	"context"
	"fmt"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/keys"
)

// Keeper returns one secret as a [keys.Keeper], for those who rotate it. It reads as [SecretManager.Source] does.
func (m *SecretManager) Keeper(secret string) keys.Keeper {
	return &secretKeeper{secretSource{manager: m, secret: secret}}
}

type secretKeeper struct{ secretSource }

// Add makes one payload and adds it once, as [SecretManager.AddVersion] says.
func (k *secretKeeper) Add(ctx context.Context, newKey func() ([]byte, error)) (string, error) {
	payload, err := newKey()
	if err != nil {
		return "", fmt.Errorf("making a key for %s: %w", k.secret, err)
	}
	return k.manager.AddVersion(ctx, k.secret, payload)
}

// Disable takes a version out of use; one that is disabled stays so. A destroyed one cannot be disabled, and the error
// says that it is destroyed. Where the secret delays destruction (Secret.version_destroy_ttl) and the version waits for
// it, Google takes the destruction back.
func (k *secretKeeper) Disable(ctx context.Context, number string) error {
	return k.change(ctx, number, stateChange{
		doing: "disabling",
		call: func(client *secretmanager.Client, version string) (*pb.SecretVersion, error) {
			return client.DisableSecretVersion(ctx, &pb.DisableSecretVersionRequest{Name: version})
		},
		refused: func(refusal error, found *pb.SecretVersion) error {
			if found.GetState() == pb.SecretVersion_DESTROYED {
				return fmt.Errorf("it is destroyed: %w", refusal)
			}
			return refusal
		},
	})
}

// Destroy forgets the payload of a version for good; one that is destroyed stays so, although Google refuses to destroy
// it again. Where the secret delays destruction, Google disables the version and destroys it when the delay is over.
func (k *secretKeeper) Destroy(ctx context.Context, number string) error {
	return k.change(ctx, number, stateChange{
		doing: "destroying",
		call: func(client *secretmanager.Client, version string) (*pb.SecretVersion, error) {
			return client.DestroySecretVersion(ctx, &pb.DestroySecretVersionRequest{Name: version})
		},
		refused: func(refusal error, found *pb.SecretVersion) error {
			if found.GetState() == pb.SecretVersion_DESTROYED || found.GetScheduledDestroyTime() != nil {
				return nil
			}
			return refusal
		},
	})
}

// stateChange is a change of one version that can be repeated: what counts is the state that it ends in.
type stateChange struct {
	doing   string // "disabling"
	call    func(client *secretmanager.Client, version string) (*pb.SecretVersion, error)
	refused func(refusal error, found *pb.SecretVersion) error // what a refusal means for the version as it is
}

// change makes the change, patiently. A change whose answer was lost is made again, so that a refusal can mean that the
// first attempt was successful: what the refusal means is decided by the state in which the version is found then.
func (k *secretKeeper) change(ctx context.Context, number string, change stateChange) error {
	if _, _, err := splitSecretName(k.secret); err != nil {
		return err
	}
	if !isVersionNumber(number) {
		return fmt.Errorf("%s a version of %s: %q is not a version's number", change.doing, k.secret, number)
	}
	client, err := k.manager.clients.get(ctx)
	if err != nil {
		return &callError{doing: "connecting to change", name: k.secret, cause: err}
	}
	_, err = patiently(ctx, func() (*pb.SecretVersion, error) {
		return change.call(client, k.secret+"/versions/"+number)
	})
	if status.Code(err) == codes.FailedPrecondition {
		r := versionReader{client: client, secret: k.secret}
		if found, lookup := r.get(ctx, number); lookup != nil {
			err = lookup
		} else {
			err = change.refused(err, found)
		}
	}
	if err != nil {
		return &callError{doing: change.doing + " version " + number + " of", name: k.secret, cause: err}
	}
	return nil
}
