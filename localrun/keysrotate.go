package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/keys"
)

// rotateCommand is the function RotateKeys by hand.
func rotateCommand() *cli.Command {
	return &cli.Command{
		Name:      "rotate",
		Usage:     "add a new key of our own, and take those out of use whose tokens have expired",
		UsageText: "localrun keys rotate [options]",
		Description: `Does what the function RotateKeys does when Secret Manager says that it is time:
adds a version with a new key, disables the versions whose last token has
expired, and destroys those that were out of use for 30 days. Then it shows the
ring. Nobody has to be told: instances and verifiers follow by themselves. Where
the ring has public_keys, the public half of every enabled version is there
afterwards.

   localrun keys rotate -secret projects/acme/secrets/countersign-signing-keys

A key that has leaked is replaced without an outage by a rotation, a wait until
the new key signs, and then:

   gcloud secrets versions disable VERSION --secret=SECRET

docs/operations/key-rotation.md has the cases, with what to look at.`,
		Flags:           ringFlags(),
		HideHelpCommand: true,
		OnUsageError:    refuseUsage,
		Action:          rotateRing,
	}
}

func rotateRing(ctx context.Context, cmd *cli.Command) error {
	return withRings(ctx, cmd, func(ctx context.Context, rings []openedRing) error {
		ring := rings[0]
		switch {
		case len(rings) > 1:
			return fmt.Errorf("the configuration has %d rings; say which: -secret %s", len(rings), ring.name())
		case ring.Directory != "":
			return fmt.Errorf("%s is a folder: put a new key beside the old one (%s keys -out %s), and remove that when its tokens have expired",
				ring.Directory, cmd.Root().FullName(), shellWord(ring.Directory))
		}
		done, err := keys.Rotate(ctx, ring.Config, time.Now())
		out := cmd.Root().Writer
		printRotation(out, done)
		if err != nil {
			return err
		}
		standings, err := keys.Status(ctx, ring.Config)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintln(out)
		printRing(out, ring, standings)
		return nil
	})
}

func printRotation(out io.Writer, done keys.Rotation) {
	tell := func(what string, versions ...string) {
		if len(versions) > 0 && versions[0] != "" {
			_, _ = fmt.Fprintf(out, "%s version %s.\n", what, strings.Join(versions, ", "))
		}
	}
	tell("Added", done.Added)
	tell("Disabled", done.Disabled...)
	tell("Destroyed", done.Destroyed...)
	tell("Published the public half of", done.Published...)
}
