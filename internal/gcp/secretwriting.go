package gcp

import (
	"context"
	"errors"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
)

// CreateSecret makes an empty secret, replicated automatically. Where it exists already the error is [ErrAlreadyExists]; a
// caller who only wants it to be there ignores that one.
func (m *SecretManager) CreateSecret(ctx context.Context, secret string) error {
	project, id, err := splitSecretName(secret)
	if err != nil {
		return err
	}
	client, err := m.clients.get(ctx)
	if err != nil {
		return &callError{doing: "connecting to create", name: secret, cause: err}
	}
	automatic := &pb.Replication_Automatic_{Automatic: &pb.Replication_Automatic{}}
	_, err = client.CreateSecret(ctx, &pb.CreateSecretRequest{
		Parent:   "projects/" + project,
		SecretId: id,
		Secret:   &pb.Secret{Replication: &pb.Replication{Replication: automatic}},
	})
	if err != nil {
		return &callError{doing: "creating", name: secret, cause: err}
	}
	return nil
}

// AddVersion adds the payload as the newest version, enabled, and returns its number. The payload travels with its checksum,
// so that Secret Manager refuses to store a damaged one.
//
// It is called once and never again by itself: Secret Manager has no way to recognise a repetition, and a version too many is
// a key too many. After an error other than a refusal the version may exist; [SecretManager.Versions] tells.
func (m *SecretManager) AddVersion(ctx context.Context, secret string, payload []byte) (string, error) {
	if _, _, err := splitSecretName(secret); err != nil {
		return "", err
	}
	if len(payload) == 0 {
		return "", &callError{doing: "adding a version to", name: secret, cause: errors.New("the payload is empty")}
	}
	client, err := m.clients.get(ctx)
	if err != nil {
		return "", &callError{doing: "connecting to add a version to", name: secret, cause: err}
	}
	sum := checksum(payload)
	version, err := client.AddSecretVersion(ctx, &pb.AddSecretVersionRequest{
		Parent:  secret,
		Payload: &pb.SecretPayload{Data: payload, DataCrc32C: &sum},
	})
	if err != nil {
		return "", &callError{doing: "adding a version to", name: secret, cause: err}
	}
	number, err := versionNumber(version.GetName(), "/versions/")
	if err != nil {
		return "", &callError{doing: "adding a version to", name: secret, cause: err}
	}
	return number, nil
}
