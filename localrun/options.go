package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/jose"
)

// refuseUsage is what a command says of options that it does not understand: one sentence, and not the whole help,
// in which the sentence would be lost.
func refuseUsage(_ context.Context, cmd *cli.Command, err error, _ bool) error {
	return fmt.Errorf("%w; %s -h lists the options", err, cmd.FullName())
}

// refuseArguments refuses what is left on the command line: a flag whose dash was forgotten must not be ignored.
func refuseArguments(cmd *cli.Command) error {
	if cmd.Args().Present() {
		return fmt.Errorf("%q is not an option; %s -h lists them", cmd.Args().First(), cmd.FullName())
	}
	return nil
}

// algorithmFlag is -alg, which takes any algorithm of protocol A2.
func algorithmFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "alg", Local: true, Usage: usage, Validator: checkAlgorithm}
}

func checkAlgorithm(name string) error {
	if jose.Algorithm(name).Known() {
		return nil
	}
	return fmt.Errorf("use one of %s", joinAlgorithms(slices.Concat(jose.AsymmetricAlgorithms(), jose.SymmetricAlgorithms())))
}

func joinAlgorithms(algorithms []jose.Algorithm) string {
	names := make([]string, len(algorithms))
	for i, algorithm := range algorithms {
		names[i] = string(algorithm)
	}
	return strings.Join(names, ", ")
}

// oneOf makes the validator of a flag with few values.
func oneOf(allowed ...string) func(string) error {
	return func(value string) error {
		if slices.Contains(allowed, value) {
			return nil
		}
		return fmt.Errorf("use one of %s", strings.Join(allowed, ", "))
	}
}
