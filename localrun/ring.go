package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/service"
)

// ringFlags say which ring of our own keys a command is about.
func ringFlags() []cli.Flag {
	return []cli.Flag{
		configFlag(),
		&cli.StringFlag{Name: "secret", Local: true, Usage: "the ring in `SECRET`, projects/…/secrets/… (default: the only one)"},
		&cli.StringFlag{Name: "kms", Local: true, Usage: "the ring in the Cloud KMS key `KEY`, projects/…/cryptoKeys/…"},
	}
}

// configFlag is -config of the commands that look for a configuration themselves.
func configFlag() cli.Flag {
	return &cli.StringFlag{Name: "config", Local: true, Usage: "the configuration `FILE` (default: config.yaml, or else " + filepath.Join(stateFolder, configFile) + ")"}
}

// openedRing is a ring of a configuration, as the service would use it.
type openedRing struct {
	config.KeyRing
	keys.Config
}

// name returns what the configuration calls the ring.
func (r openedRing) name() string { return r.Secret + r.KMS + r.Directory }

// keepers are where the rings of a configuration are kept.
type keepers struct {
	secrets *secretManager
	kms     *gcp.KMS
}

// openRings opens the rings that the flags name: one, or all where they name none. Whatever keeps them has to be closed.
func openRings(cmd *cli.Command) (opened []openedRing, close func() error, err error) {
	path, err := configurationFile(cmd.String("config"))
	if err != nil {
		return nil, nil, err
	}
	document, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("the configuration %s cannot be read: %w", path, plain(err))
	}
	configuration, faults := config.Load(path, document)
	if len(faults) > 0 {
		return nil, nil, faults
	}
	wanted, err := chooseRings(configuration, path, cmd.String("secret"), cmd.String("kms"))
	if err != nil {
		return nil, nil, err
	}
	kept, err := openKeepers(path)
	if err != nil {
		return nil, nil, err
	}
	surroundings := service.Surroundings{Now: time.Now, Log: slog.New(slog.NewTextHandler(errorsOf(cmd), nil))}
	for _, ring := range wanted {
		source := kept.source(ring, filepath.Dir(path))
		made := surroundings.RingConfig(configuration, ring, source)
		if ring.PublicKeys != "" {
			made.Public = kept.secrets.client.Keeper(ring.PublicKeys)
		}
		opened = append(opened, openedRing{ring, made})
	}
	return opened, kept.close, nil
}

// withRings opens the rings that the flags name for as long as do takes, which is not for ever.
func withRings(ctx context.Context, cmd *cli.Command, do func(ctx context.Context, rings []openedRing) error) (err error) {
	if err := refuseArguments(cmd); err != nil {
		return err
	}
	rings, closeAll, err := openRings(cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	ctx, cancel := askKeeper(ctx)
	defer cancel()
	return do(ctx, rings)
}

func errorsOf(cmd *cli.Command) io.Writer {
	if cmd.Root().ErrWriter != nil {
		return cmd.Root().ErrWriter
	}
	return os.Stderr
}

// configurationFile returns which configuration a command is about that was given none: that of the folder it stands in, or
// that of the system which localrun has made there.
func configurationFile(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	candidates := []string{configFile, state{stateFolder}.path(configFile)}
	for _, path := range candidates {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no %s here and no %s; say which configuration: -config FILE", candidates[0], candidates[1])
}

// chooseRings returns the rings of these names, or all where there is no name. A secret that holds no keys of the
// configuration is refused: another clock would go by it.
func chooseRings(configuration *config.Config, path, secret, kms string) ([]config.KeyRing, error) {
	if secret != "" && kms != "" {
		return nil, errors.New("-secret and -kms each name a ring; give one of them")
	}
	rings := configuration.KeyRings()
	if secret+kms == "" {
		return rings, nil
	}
	var names []string
	for _, ring := range rings {
		if ring.Secret == secret && ring.KMS == kms {
			return []config.KeyRing{ring}, nil
		}
		names = append(names, ring.Secret+ring.KMS+ring.Directory)
	}
	return nil, fmt.Errorf("%s has no keys of ours in %s; it has them in %s", path, secret+kms, strings.Join(names, ", "))
}

// openKeepers reaches what keeps the keys of a configuration.
func openKeepers(path string) (*keepers, error) {
	kms, err := gcp.NewKMS(gcp.KMSConfig{EmulatorHost: os.Getenv(kmsVariable)})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kmsVariable, err)
	}
	secrets, err := reachSecretManager(state{filepath.Dir(path)})
	return &keepers{secrets, kms}, err
}

func (k *keepers) source(ring config.KeyRing, folder string) keys.Source {
	switch {
	case ring.Secret != "":
		return k.secrets.client.Keeper(ring.Secret)
	case ring.KMS != "":
		return k.kms.Keeper(ring.KMS)
	case filepath.IsAbs(ring.Directory):
		return keys.Directory(ring.Directory)
	default:
		return keys.Directory(filepath.Join(folder, ring.Directory))
	}
}

func (k *keepers) close() error { return errors.Join(k.kms.Close(), k.secrets.close()) }

// askKeeper bounds what a command waits for.
func askKeeper(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 30*time.Second)
}
