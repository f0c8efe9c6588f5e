package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
	"example.com/countersign/internal/jose"
)

// emulatorVariable names the Secret Manager that the service talks to, to us and to Google's own tools.
const emulatorVariable = "SECRET_MANAGER_EMULATOR_HOST"

// secretManager is the Secret Manager of the local system, reached as the service itself reaches it.
type secretManager struct {
	client   *gcp.SecretManager
	address  string
	embedded *localsecrets.Server // nil: the operator has named another one
}

// startSecretManager starts the embedded Secret Manager and names it in the environment, where the service looks for
// it; unless the environment names one already.
func startSecretManager(s state) (*secretManager, error) {
	m := &secretManager{address: os.Getenv(emulatorVariable)}
	if m.address == "" {
		var err error
		if m.embedded, err = startEmbedded(s); err != nil {
			return nil, err
		}
		m.address = m.embedded.Address()
		if err := os.Setenv(emulatorVariable, m.address); err != nil {
			return nil, errors.Join(err, m.embedded.Close())
		}
	}
	var err error
	m.client, err = gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: m.address})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", emulatorVariable, err)
	}
	return m, nil
}

func startEmbedded(s state) (*localsecrets.Server, error) {
	server, err := localsecrets.Start(localsecrets.Config{Directory: s.path(secretsFolder), Now: time.Now})
	switch {
	case errors.Is(err, localsecrets.ErrInUse):
		return nil, &inUseError{s.folder}
	default:
		return server, err
	}
}

// inUseError says that another localrun lives in the folder. In localsecrets' own words it would be a riddle.
type inUseError struct{ folder string }

// Error implements error.
func (e *inUseError) Error() string {
	return "another localrun is using " + e.folder + "; stop it, or give this one its own -state, -port and -api-port"
}

func (m *secretManager) close() error {
	err := m.client.Close()
	if m.embedded != nil {
		err = errors.Join(err, m.embedded.Close())
	}
	return err
}

// patience is how long an emulator may take to answer.
const patience = 5 * time.Second

// bootstrap makes the secrets that the configuration names and that are not there: the signing key, and shared secrets,
// which are kept in the state folder as well, for those who sign with them.
func (m *secretManager) bootstrap(ctx context.Context, s state, configuration *config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	signing := configuration.SigningKeys
	err := m.ensure(ctx, signing.Secret, func() ([]byte, error) {
		key, err := jose.GenerateSigningKey(jose.Algorithm(signing.Algorithm))
		if err != nil {
			return nil, err
		}
		return key.EncodePrivateJWK()
	})
	if err != nil {
		return m.explain(err)
	}
	for _, secret := range sharedSecrets(configuration) {
		if err := m.ensure(ctx, secret, func() ([]byte, error) { return s.secret(path.Base(secret)) }); err != nil {
			return m.explain(err)
		}
	}
	return nil
}

// ensure adds a first version to a secret that has none. What is there is left as it is, disabled versions included.
func (m *secretManager) ensure(ctx context.Context, secret string, create func() ([]byte, error)) error {
	if secret == "" {
		return nil // the configuration keeps it elsewhere
	}
	versions, err := m.client.Versions(ctx, secret)
	if errors.Is(err, gcp.ErrNotFound) {
		versions, err = nil, m.client.CreateSecret(ctx, secret)
	}
	if err != nil || len(versions) > 0 {
		return err
	}
	payload, err := create()
	if err != nil {
		return err
	}
	_, err = m.client.AddVersion(ctx, secret, payload)
	return err
}

func (m *secretManager) explain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the Secret Manager at %s does not answer; %s names it", m.address, emulatorVariable)
	}
	return err
}

// sharedSecrets returns the names of the secrets that the configuration shares with others.
func sharedSecrets(configuration *config.Config) []string {
	var names []string
	for _, client := range configuration.Clients {
		names = append(names, client.Keys.SharedSecret)
	}
	for _, issuer := range configuration.Issuers {
		names = append(names, issuer.Keys.SharedSecret)
	}
	for _, resource := range configuration.Resources {
		names = append(names, resource.AccessTokens.SharedSecret)
	}
	return names
}
