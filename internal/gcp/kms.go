package gcp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	kms "cloud.google.com/go/kms/apiv1"
	pb "cloud.google.com/go/kms/apiv1/kmspb"

	"example.com/countersign/internal/keys"
)

// KMSConfig says which Cloud KMS to talk to.
type KMSConfig struct {
	// EmulatorHost is the host:port of an emulator. Empty means Google's own service, with TLS and Application Default
	// Credentials.
	//
	// An emulator is spoken to in plaintext and without authentication: whoever answers at that address supplies the
	// keys that verify our tokens. The process must only ever be pointed at an emulator that it trusts, on its own
	// machine.
	EmulatorHost string
}

// kmsClient is Google's client.
type kmsClient = kms.KeyManagementClient

// KMS signs with keys that never leave Google Cloud KMS (or an emulator of it). It is safe for concurrent use.
//
// Reading the versions of a key needs the permissions cloudkms.cryptoKeys.get, cloudkms.cryptoKeyVersions.list and .get
// (roles/cloudkms.viewer) and cloudkms.cryptoKeyVersions.viewPublicKey (roles/cloudkms.publicKeyViewer); signing needs
// cloudkms.cryptoKeyVersions.useToSign (roles/cloudkms.signer), which who only publishes does not need. All of these can be
// granted on the key alone. A rotation reads, signs to try each key, and needs cloudkms.cryptoKeyVersions.create, .update and .destroy: of Google's
// roles only roles/cloudkms.admin has them, and it has the right to give the key away besides, so that a role of one's
// own is better. Without a permission Google answers PERMISSION_DENIED, also for a key that does not exist.
//
// A call ends by the deadline of its context; where that has none, Google's library sets 60 s for each call. A server
// that cannot be reached is waited for until then, so the error of an outage is the context's, with the reason in its
// text. A signature has a deadline of its own, since [crypto.Signer] knows no context.
type KMS struct {
	clients lazyClient[*kmsClient]
}

// NewKMS checks the configuration. It does not touch the network and looks for no credentials: that is done by the
// first call that needs them.
func NewKMS(config KMSConfig) (*KMS, error) {
	create, err := connector(config.EmulatorHost, kms.NewKeyManagementClient)
	if err != nil {
		return nil, fmt.Errorf("configuring Cloud KMS: %w", err)
	}
	return &KMS{clients: lazyClient[*kmsClient]{create: create}}, nil
}

// Close ends the connection, if there ever was one. Calls and signatures under way fail, and so does every later one.
func (k *KMS) Close() error { return k.clients.close() }

// Keeper returns one key's versions as a [keys.Keeper]. cryptoKey is projects/P/locations/L/keyRings/R/cryptoKeys/K,
// where P is the project's ID: the names in answers are compared with it. The key must be of purpose ASYMMETRIC_SIGN.
//
// A keeper remembers the signers of the versions that it has read, so that each ring and each rotation has one and
// keeps it.
func (k *KMS) Keeper(cryptoKey string) keys.Keeper {
	return &kmsKeeper{kms: k, key: cryptoKey, signers: make(map[string]*kmsSigner)}
}

// kmsKeeper is one key. Its methods are in kmsversions.go and kmsrotation.go.
type kmsKeeper struct {
	kms *KMS
	key string

	mu      sync.Mutex
	signs   bool                  // the key's purpose is known to be the right one; it never changes
	signers map[string]*kmsSigner // of the enabled versions, by their names
}

// connect returns the client when the key is known to be one that signs. To list the versions of another key, or to add
// one to it, would do no harm; to destroy one that something is encrypted with would.
func (k *kmsKeeper) connect(ctx context.Context, doing string) (*kmsClient, error) {
	if err := checkCryptoKeyName(k.key); err != nil {
		return nil, err
	}
	client, err := k.kms.clients.get(ctx)
	if err != nil {
		return nil, &callError{doing: "connecting to " + doing, name: k.key, cause: err}
	}
	k.mu.Lock()
	signs := k.signs
	k.mu.Unlock()
	if signs {
		return client, nil
	}
	if err := checkPurpose(ctx, client, k.key); err != nil {
		return nil, &callError{doing: "looking at", name: k.key, cause: err}
	}
	k.mu.Lock()
	k.signs = true
	k.mu.Unlock()
	return client, nil
}

func checkPurpose(ctx context.Context, client *kmsClient, cryptoKey string) error {
	key, err := patiently(ctx, func() (*pb.CryptoKey, error) {
		return client.GetCryptoKey(ctx, &pb.GetCryptoKeyRequest{Name: cryptoKey}, withoutRetry())
	})
	if err != nil {
		return err
	}
	if key.GetName() != cryptoKey {
		return errOtherName
	}
	if key.GetPurpose() != pb.CryptoKey_ASYMMETRIC_SIGN {
		return fmt.Errorf("its purpose is %v; only a key of purpose ASYMMETRIC_SIGN signs tokens", key.GetPurpose())
	}
	return nil
}

var errOtherName = errors.New("the answer is about something else than what was asked for")

// checkCryptoKeyName refuses what Google would refuse as well, but with a message about permissions.
func checkCryptoKeyName(name string) error {
	parts := strings.Split(name, "/")
	fits := len(parts) == 8
	for i, collection := range []string{"projects", "locations", "keyRings", "cryptoKeys"} {
		fits = fits && parts[2*i] == collection && parts[2*i+1] != ""
	}
	if !fits {
		return fmt.Errorf("%q is not a key's name: want projects/P/locations/L/keyRings/R/cryptoKeys/K", name)
	}
	return nil
}
