package gcp

import (
	"context"
	"errors"
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
		return "", &secretError{doing: "connecting to look up", secret: secret, cause: err}
	}
	found, err := patiently(ctx, func() (*pb.Secret, error) {
		return client.GetSecret(ctx, &pb.GetSecretRequest{Name: secret})
	})
	if err != nil {
		return "", &secretError{doing: "looking up", secret: secret, cause: err}
	}
	if _, _, err := splitSecretName(found.GetName()); err != nil {
		return "", &secretError{doing: "looking up", secret: secret, cause: fmt.Errorf("in the answer, %w", err)}
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

// lastSegment returns the number of a version from its full name. Google's names carry the project's number where ours has
// its ID, so that a name from an answer is never compared with, or used in place of, the configured one.
func lastSegment(version string) (string, error) {
	_, number, found := strings.Cut(version, "/versions/")
	if !found || !isVersionNumber(number) {
		return "", errors.New("the answer has a version without a number")
	}
	return number, nil
}

// isVersionNumber refuses aliases with everything else: what "latest" stands for changes between two calls.
func isVersionNumber(s string) bool {
	return s != "" && s[0] != '0' && strings.Trim(s, "0123456789") == ""
}
