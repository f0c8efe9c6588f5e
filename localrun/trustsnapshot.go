package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/service"
	"example.com/countersign/internal/trust"
)

// snapshotFile is where the function looks, beside the configuration.
const snapshotFile = "trust-snapshot.json"

// trustSnapshotCommand stores the keys of others, so that a cold start need not depend on them.
func trustSnapshotCommand() *cli.Command {
	return &cli.Command{
		Name:      "snapshot",
		Usage:     "fetch and store the keys of everybody who publishes his own",
		UsageText: "localrun trust snapshot [options]",
		Description: `Fetches the keys of every client and issuer whose keys the configuration has by
jwks_uri or discovery, and stores them. An instance that finds the snapshot begins
with it and asks behind it, so that a cold start does not wait for others. It
serves until the first fetch succeeds, and for 7 days at most.

   localrun trust snapshot -config config.yaml
      writes ` + snapshotFile + ` beside the configuration, to be deployed with it

   localrun trust snapshot -secret projects/acme/secrets/countersign-trust
      adds a version to a secret, which COUNTERSIGN_TRUST_SNAPSHOT names where the
      configuration is in Secret Manager

Where one of them cannot be fetched nothing is written. Whoever can write the
snapshot decides whose keys are believed: keep it where the configuration is.`,
		Flags: []cli.Flag{
			configFlag(),
			&cli.StringFlag{Name: "out", Local: true, Usage: "write to `FILE` (default: " + snapshotFile + " beside the configuration)"},
			&cli.StringFlag{Name: "secret", Local: true, Usage: "add a version to `SECRET` instead, projects/…/secrets/…"},
		},
		HideHelpCommand: true,
		OnUsageError:    refuseUsage,
		Action:          storeSnapshot,
	}
}

func storeSnapshot(ctx context.Context, cmd *cli.Command) error {
	if err := refuseArguments(cmd); err != nil {
		return err
	}
	if cmd.String("out") != "" && cmd.String("secret") != "" {
		return errors.New("-out writes a file and -secret a version of a secret; give one of them")
	}
	path, err := configurationFile(cmd.String("config"))
	if err != nil {
		return err
	}
	ctx, cancel := askKeeper(ctx)
	defer cancel()
	snapshots, err := fetchSnapshots(ctx, path)
	if err != nil {
		return err
	}
	document, err := trust.EncodeSnapshots(snapshots)
	if err != nil {
		return err
	}
	place, err := keepSnapshot(ctx, cmd, path, append(document, '\n'))
	if err != nil {
		return err
	}
	for _, snapshot := range snapshots {
		_, _ = fmt.Fprintf(cmd.Root().Writer, "  %s\n", snapshot.Source)
	}
	_, err = fmt.Fprintf(cmd.Root().Writer, "The keys of %s are in %s.\n", counted(len(snapshots), "source"), place)
	return err
}

// fetchSnapshots fetches as the service does.
func fetchSnapshots(ctx context.Context, path string) ([]trust.Snapshot, error) {
	document, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the configuration %s cannot be read: %w", path, plain(err))
	}
	built, _, faults := service.Load(path, document, service.Surroundings{
		Secrets: func(string) keys.Source { return offline{} },
		KMS:     func(string) keys.Source { return offline{} },
		Replay:  inMemory(time.Now),

		Revocations: revokedInMemory(time.Now),

		Folder: filepath.Dir(path),
		Now:    time.Now,
		Log:    slog.New(slog.DiscardHandler), // what cannot be fetched is said once
	})
	if len(faults) > 0 {
		return nil, faults
	}
	snapshots, err := built.Snapshot(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("nothing was written: %w", err)
	case len(snapshots) == 0:
		return nil, fmt.Errorf("%s has nobody whose keys are fetched", path)
	default:
		return snapshots, nil
	}
}

// keepSnapshot stores the document, and returns where.
func keepSnapshot(ctx context.Context, cmd *cli.Command, path string, document []byte) (string, error) {
	if secret := cmd.String("secret"); secret != "" {
		secrets, err := reachSecretManager(state{filepath.Dir(path)})
		if err != nil {
			return "", err
		}
		version, err := secrets.client.AddVersion(ctx, secret, document)
		return "version " + version + " of " + secret, errors.Join(err, secrets.close())
	}
	out := cmd.String("out")
	if out == "" {
		out = filepath.Join(filepath.Dir(path), snapshotFile)
	}
	if err := os.WriteFile(out, document, 0o644); err != nil { //nolint:gosec // public keys
		return "", fmt.Errorf("%s cannot be written: %w", out, plain(err))
	}
	return out, nil
}
