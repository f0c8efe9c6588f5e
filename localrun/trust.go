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
		Name:            "trust",
		Usage:           "compare two configurations: who gains and who loses what",
		UsageText:       "localrun trust diff [options] OLD NEW     see localrun trust diff -h",
		Commands:        []*cli.Command{trustDiffCommand()},
		HideHelpCommand: true,
		OnUsageError:    refuseUsage,
		Action: func(_ context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return fmt.Errorf("%q is not a command; %s -h lists them", cmd.Args().First(), cmd.FullName())
			}
			return errors.New("say what to do: " + cmd.FullName() + " diff OLD NEW")
		},
	}
}
