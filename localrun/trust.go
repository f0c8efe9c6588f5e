package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"
)

// trustCommand is what an operator does about the trust that a configuration puts in others.
func trustCommand() *cli.Command {
	return &cli.Command{
		Name:  "trust",
		Usage: "compare whom two configurations trust, and store the keys of others",
		UsageText: "localrun trust diff [options] OLD NEW     who gains and who loses what\n" +
			"localrun trust snapshot [options]         the keys of others, for a cold start",
		Commands:        []*cli.Command{trustDiffCommand(), trustSnapshotCommand()},
		HideHelpCommand: true,
		OnUsageError:    refuseUsage,
		Action: func(_ context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return fmt.Errorf("%q is not a command; %s -h lists them", cmd.Args().First(), cmd.FullName())
			}
			return errors.New("say what to do: " + cmd.FullName() + " diff OLD NEW, or " + cmd.FullName() + " snapshot")
		},
	}
}
