package gcp

import (
	"context"
	"fmt"
	"strings"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
)

// CanonicalName returns what Secret Manager itself calls the secret: projects/NUMBER/secrets/S, with the project's
// number also where the given name has its ID. Its notices name secrets so, and a notice is about a configured secret
// where this name is the same.
//
// A secret that does not exist has no canonical name: the error is [ErrNotFound].
func (m *SecretManager) CanonicalName(ctx context.Context, secret string) (string, error) {
	if _, _, err := splitSecretName(secret); err != nil {
		return "", err
	}
	client, err := m.clients.get(ctx)
	if err != nil {
		return "", &callError{doing: "connecting to look up", name: secret, cause: err}
	}
	found, err := patiently(ctx, func() (*pb.Secret, error) {
		return client.GetSecret(ctx, &pb.GetSecretRequest{Name: secret})
	})
	if err != nil {
		return "", &callError{doing: "looking up", name: secret, cause: err}
	}
	if _, _, err := splitSecretName(found.GetName()); err != nil {
		return "", &callError{doing: "looking up", name: secret, cause: fmt.Errorf("in the answer, %w", err)}
	}
	return found.GetName(), nil
}

// splitSecretName takes projects/P/secrets/S apart. Google would refuse a wrong name as well, but with a message about
// permissions; a secret with a location lives at another endpoint, which is not supported.
func splitSecretName(secret string) (project, id string, err error) {
	parts := strings.Split(secret, "/")
	if len(parts) != 4 || parts[0] != "projects" || parts[1] == "" || parts[2] != "secrets" || parts[3] == "" {
		return "", "", fmt.Errorf("%q is not a secret's name: want projects/P/secrets/S", secret)
	}
	return parts[1], parts[3], nil
}
