package gcp

import (
	"fmt"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
)

// SecretManagerConfig says which Secret Manager to talk to.
type SecretManagerConfig struct {
	// EmulatorHost is the host:port of an emulator; it is what operators give as SECRET_MANAGER_EMULATOR_HOST. Empty means
	// Google's own service, with TLS and Application Default Credentials.
	//
	// An emulator is spoken to in plaintext and without authentication: whoever answers at that address supplies the keys
	// that sign our tokens. The process must only ever be pointed at an emulator that it trusts, on its own machine.
	EmulatorHost string
}

// SecretManager reads and writes secrets in Google Secret Manager (or an emulator of it). It is safe for concurrent use.
//
// Secrets are named as projects/P/secrets/S, where P is a project's ID or number. What is done with one needs
// permissions, which are best granted on that secret alone:
//
//   - Reading its versions: secretmanager.versions.list and .get, which roles/secretmanager.viewer has, and .access,
//     which roles/secretmanager.secretAccessor has and none of the other roles named here.
//   - Listing its versions without what they hold: secretmanager.versions.list, which roles/secretmanager.viewer has.
//   - Rotating it: secretmanager.versions.add, .disable and .destroy, which roles/secretmanager.secretVersionManager
//     has (with .list and .get). To read a keeper's versions takes .access as well.
//   - Its canonical name: secretmanager.secrets.get, which roles/secretmanager.viewer has.
//
// Without them Google answers PERMISSION_DENIED, also for a secret that does not exist.
//
// Every method ends by the deadline of its context; where that has none, Google's library sets 60 s for each call.
// A server that cannot be reached is waited for until then, so the error of an outage is the context's, with the reason in
// its text.
type SecretManager struct {
	emulated bool
	clients  lazyClient[*secretmanager.Client]
}

// NewSecretManager checks the configuration. It does not touch the network and looks for no credentials: that is done by
// the first call that needs them.
func NewSecretManager(config SecretManagerConfig) (*SecretManager, error) {
	create, err := connector(config.EmulatorHost, secretmanager.NewClient)
	if err != nil {
		return nil, fmt.Errorf("configuring Secret Manager: %w", err)
	}
	return &SecretManager{
		emulated: config.EmulatorHost != "",
		clients:  lazyClient[*secretmanager.Client]{create: create},
	}, nil
}

// Close ends the connection, if there ever was one. Calls under way fail, and so does every later one.
func (m *SecretManager) Close() error { return m.clients.close() }
