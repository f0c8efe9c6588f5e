package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/seal"
)

// emulatorVariable names the Secret Manager that the service talks to, to us and to Google's own tools.
const emulatorVariable = "SECRET_MANAGER_EMULATOR_HOST"

// kmsVariable names the Cloud KMS likewise.
const kmsVariable = "KMS_EMULATOR_HOST"

// secretManager is the Secret Manager of the local system, reached as the service itself reaches it.
type secretManager struct {
	client    *gcp.SecretManager
	address   string
	embedded  *localsecrets.Server // nil: the operator has named another one
	published string               // the file that says where the embedded one listens; empty: there is none
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
	if err := m.connect(); err != nil {
		return nil, err
	}
	return m, m.publish(s)
}

func (m *secretManager) connect() (err error) {
	if m.client, err = gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: m.address}); err != nil {
		return fmt.Errorf("%s: %w", emulatorVariable, err)
	}
	return nil
}

// reachSecretManager returns the Secret Manager of a configuration that lies in a folder: the one that the environment
// names; in a folder of localrun's the one of the localrun that is serving, or, where none is, the embedded one for as
// long as it is needed; anywhere else Google's.
func reachSecretManager(s state) (*secretManager, error) {
	m := &secretManager{address: os.Getenv(emulatorVariable)}
	if m.address == "" && s.isOurs() {
		var err error
		m.embedded, err = startEmbedded(s)
		switch _, serving := errors.AsType[*inUseError](err); {
		case serving:
			m.address, err = s.publishedAddress()
		case err == nil:
			m.address = m.embedded.Address()
		}
		if err != nil {
			return nil, err
		}
	}
	return m, m.connect()
}

// publish writes down where the embedded Secret Manager listens, for commands that come while it does.
func (m *secretManager) publish(s state) error {
	if m.embedded == nil {
		return nil
	}
	m.published = s.path(addressFile)
	return os.WriteFile(m.published, []byte(m.address+"\n"), 0o600)
}

func (s state) publishedAddress() (string, error) {
	content, err := os.ReadFile(s.path(addressFile))
	if err != nil {
		return "", fmt.Errorf("where the Secret Manager of %s listens is not known: %w", s.folder, plain(err))
	}
	return strings.TrimSpace(string(content)), nil
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
	if m.published != "" {
		err = errors.Join(err, os.Remove(m.published))
	}
	if m.embedded != nil {
		err = errors.Join(err, m.embedded.Close())
	}
	return err
}

// patience is how long an emulator may take to answer.
const patience = 5 * time.Second

// bootstrap makes the secrets that the configuration names and that are not there: the signing keys; shared secrets,
// which are kept in the state folder as well, for those who sign with them; a stop list of nobody; and what nobody else
// has to know.
func (m *secretManager) bootstrap(ctx context.Context, s state, configuration *config.Config) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, ring := range configuration.SigningKeys.Rings() {
		err := m.ensure(ctx, ring.Secret, func() ([]byte, error) {
			key, err := jose.GenerateSigningKey(jose.Algorithm(ring.Algorithm))
			if err != nil {
				return nil, err
			}
			return key.EncodePrivateJWK()
		})
		if err != nil {
			return m.explain(err)
		}
	}
	err := m.ensure(ctx, configuration.OpaqueTokens.Secret, func() ([]byte, error) { return seal.NewKeyMaterial(), nil })
	if err != nil {
		return m.explain(err)
	}
	for _, secret := range sharedSecrets(configuration) {
		if err := m.ensure(ctx, secret, func() ([]byte, error) { return s.secret(path.Base(secret)) }); err != nil {
			return m.explain(err)
		}
	}
	err = m.ensure(ctx, configuration.StopList.Secret, func() ([]byte, error) { return []byte("entries: []\n"), nil })
	if err != nil {
		return m.explain(err)
	}
	for _, secret := range []string{configuration.DPoP.Nonces, configuration.MutualTLS.Proxy.Secret} {
		if err := m.ensure(ctx, secret, func() ([]byte, error) { return randomText(32), nil }); err != nil {
			return m.explain(err)
		}
	}
	return nil
}

// newest returns the newest version of a secret that can be used.
func (m *secretManager) newest(ctx context.Context, secret string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	versions, err := m.client.Versions(ctx, secret)
	if err != nil {
		return nil, m.explain(err)
	}
	var found keys.Version
	for _, version := range versions {
		if version.State == keys.Enabled && (found.ID == "" || version.Created.After(found.Created)) {
			found = version
		}
	}
	if found.ID == "" {
		return nil, errors.New("it has no enabled version")
	}
	return found.Payload, nil
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
