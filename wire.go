package countersign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/revocation"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/service"
	"example.com/countersign/internal/trust"
)

// startEarly builds the service at once where the process was started to serve a function, as the platform does. The
// signing keys then load while the framework starts, and a configuration file with faults fails the deployment instead
// of the first request. Elsewhere, in tests above all, nothing happens.
func startEarly() {
	switch os.Getenv("FUNCTION_TARGET") {
	case "":
	case rotateKeysTarget:
		orExit() // signs nothing
	default:
		orExit().start()
	}
}

// lazily returns the handler of one part of the service that the environment describes. The first call builds the
// service, and every function of this process shares it.
func lazily(part func(*server.Server) http.Handler) func() http.Handler {
	return sync.OnceValue(func() http.Handler { return orExit().handler(part) })
}

// orExit ends the process where the environment or the configuration file has faults: the platform then keeps the last
// good revision serving, and the log says what to mend.
func orExit() *deployed {
	built, err := fromEnvironment()
	if err != nil {
		log().Error("the configuration is refused", "event", service.ConfigurationEvent, "decision", "refused", "error", err.Error())
		os.Exit(1)
	}
	return built
}

var log = sync.OnceValue(func() *slog.Logger { return server.NewLog(os.Stderr) })

// deployed is the service that the environment describes, which may change while the process lives.
type deployed struct {
	start        func() // begins to load what the service needs, and does not wait
	handler      func(part func(*server.Server) http.Handler) http.Handler
	current      func(context.Context) (*service.Service, error)
	surroundings service.Surroundings
	secrets      *gcp.SecretManager
}

// fromEnvironment builds what the environment describes: COUNTERSIGN_CONFIG names the configuration, file:PATH or
// projects/P/secrets/S; SECRET_MANAGER_EMULATOR_HOST, KMS_EMULATOR_HOST and FIRESTORE_EMULATOR_HOST a Secret Manager, a
// Cloud KMS and a Firestore other than Google's; GOOGLE_CLOUD_PROJECT the project of the request traces; COUNTERSIGN_TRUST_SNAPSHOT, for a configuration in a
// secret, the secret with the keys of others to begin with.
var fromEnvironment = sync.OnceValues(func() (*deployed, error) {
	secrets, err := gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: os.Getenv("SECRET_MANAGER_EMULATOR_HOST")})
	if err != nil {
		return nil, err
	}
	kms, err := gcp.NewKMS(gcp.KMSConfig{EmulatorHost: os.Getenv("KMS_EMULATOR_HOST")})
	if err != nil {
		return nil, err
	}
	firestore, err := gcp.NewFirestore(gcp.FirestoreConfig{EmulatorHost: os.Getenv("FIRESTORE_EMULATOR_HOST")})
	if err != nil {
		return nil, err
	}
	d := &deployed{secrets: secrets, surroundings: service.Surroundings{
		Secrets: secrets.Source,
		Listed:  secrets.Listing,
		KMS:     func(key string) keys.Source { return kms.Keeper(key) },
		Replay: func(database, issuer string) (replay.Store, error) {
			return firestore.ReplayStore(database, issuer, time.Now)
		},
		Revocations: func(database, issuer string) (revocation.Store, error) {
			return firestore.RevocationStore(database, issuer)
		},
		Now:         time.Now,
		Log:         log(),
		Version:     Version(),
		Project:     os.Getenv("GOOGLE_CLOUD_PROJECT"),
		PublishOnly: os.Getenv("FUNCTION_TARGET") == jwksTarget,
	}}
	if reference := os.Getenv("COUNTERSIGN_CONFIG"); strings.HasPrefix(reference, "projects/") {
		return d, d.follow(reference)
	}
	return d, d.fixed(os.Getenv("COUNTERSIGN_CONFIG"))
})

// follow serves the configuration in a secret.
func (d *deployed) follow(secret string) error {
	follower, err := service.Follow(secret, os.Getenv(snapshotVariable), d.surroundings)
	if err != nil {
		return err
	}
	d.start, d.handler, d.current = follower.Start, follower.Handler, follower.Service
	return nil
}

// fixed serves the configuration in a file, which is part of the deployment.
func (d *deployed) fixed(reference string) error {
	name, document, err := readConfiguration(reference)
	if err != nil {
		return err
	}
	d.surroundings.Folder = filepath.Dir(name)
	if d.surroundings.Snapshots, err = readSnapshot(d.surroundings.Folder); err != nil {
		return err
	}
	built, configuration, faults := service.Load(name, document, d.surroundings)
	if err := faults.Err(); err != nil {
		return err
	}
	service.Warn(log(), configuration)
	d.start = built.Start
	d.handler = func(part func(*server.Server) http.Handler) http.Handler { return part(built.Server) }
	d.current = func(context.Context) (*service.Service, error) { return built, nil }
	return nil
}

// Where the configuration is, if the environment does not say: beside the source, which Google's builder moves.
const (
	defaultFile = "config.yaml"
	sourceMoved = "serverless_function_source_code"
)

// readConfiguration reads the document that reference names. Its name is what faults are reported under.
func readConfiguration(reference string) (name string, document []byte, err error) {
	candidates := []string{defaultFile, filepath.Join(sourceMoved, defaultFile)}
	if reference != "" {
		path, isFile := strings.CutPrefix(reference, "file:")
		if !isFile {
			return "", nil, fmt.Errorf("COUNTERSIGN_CONFIG is %q; want file:PATH or projects/P/secrets/S", reference)
		}
		candidates = []string{path}
	}
	for _, name = range candidates {
		document, err = os.ReadFile(name)
		if !errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return "", nil, fmt.Errorf("the configuration cannot be read: %w (COUNTERSIGN_CONFIG=file:PATH says where it is)", err)
	}
	return name, document, nil
}

// Version returns the version of this program: the commit that the build recorded, or, where it was built from an upload,
// which is of no commit, the revision that the platform gave it.
func Version() string {
	info, known := debug.ReadBuildInfo()
	if !known {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return cmp.Or(os.Getenv("K_REVISION"), info.Main.Version)
}

// The keys of others with which an instance begins: a file beside the configuration, or, where that is in a secret, the
// secret that the environment names.
const (
	snapshotFile     = "trust-snapshot.json"
	snapshotVariable = "COUNTERSIGN_TRUST_SNAPSHOT"
)

// readSnapshot reads the snapshot beside the configuration, if there is one.
func readSnapshot(folder string) ([]trust.Snapshot, error) {
	document, err := os.ReadFile(filepath.Join(folder, snapshotFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the snapshot of keys cannot be read: %w", err)
	}
	snapshots, err := trust.DecodeSnapshots(document)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", snapshotFile, err)
	}
	return snapshots, nil
}
