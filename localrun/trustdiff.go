package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/difference"
)

// statusWider is the exit status where a configuration widens another. It is neither 1, which is a fault, nor 2, which
// the shell and the Go runtime use.
const statusWider = 3

// trustDiffCommand compares two configurations.
func trustDiffCommand() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "show who gains or loses what from one configuration to another",
		UsageText: "localrun trust diff [options] OLD NEW     (- is standard input)",
		Description: `Compares two configurations by what they allow: which client or issuer gains (+)
or loses (-) a resource, a scope or a key, what has changed (~), and whether that
widens what somebody can get. Comments, defaults that are written out and scopes
in another order are no difference.

   localrun trust diff config.yaml new.yaml

   git show main:config.yaml | localrun trust diff - config.yaml
      what a branch changes; files of keys are looked for beside each document,
      and in this folder for standard input

   localrun trust diff -json old.yaml new.yaml | jq '.changes[] | select(.widens)'
      the same for machines

Whatever is not shown to be narrower widens: a condition is known by its text
alone, and what is kept elsewhere (keys in a secret, our own private keys) by its
name.

The exit status is 0 if nothing widens, 3 if something does, and 1 if that could
not be found out.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Local: true, Usage: "print the changes as JSON"},
		},
		HideHelpCommand: true,
		OnUsageError:    refuseUsage,
		Action:          diffFiles,
	}
}

func diffFiles(_ context.Context, cmd *cli.Command) error {
	if cmd.Args().Len() != 2 {
		return fmt.Errorf("%s takes two files: OLD NEW", cmd.FullName())
	}
	if cmd.Args().Get(0) == "-" && cmd.Args().Get(1) == "-" {
		return errors.New("only one of the two can be standard input")
	}
	var sides [2]checked
	for i := range sides {
		path := cmd.Args().Get(i)
		document, err := readDocument(path, cmd.Root().Reader)
		if err != nil {
			return err
		}
		sides[i] = check(path, document)
	}
	result, err := diff(sides[0], sides[1])
	if err != nil {
		return err
	}
	show := result.print
	if cmd.Bool("json") {
		show = result.printJSON
	}
	if err := show(cmd.Root().Writer); err != nil {
		return err
	}
	return result.verdict()
}

// diffed is what there is to say of two configurations.
type diffed struct {
	before, after checked
	changes       []difference.Change // only where neither has a fault
}

func diff(before, after checked) (diffed, error) {
	result := diffed{before: before, after: after}
	if len(result.faults()) > 0 {
		return result, nil
	}
	was, err := withKeys(before)
	if err != nil {
		return diffed{}, err
	}
	is, err := withKeys(after)
	if err != nil {
		return diffed{}, err
	}
	result.changes, err = difference.Compare(was, is)
	return result, err
}

// withKeys reads the files of keys and certificates that a configuration names.
func withKeys(side checked) (difference.Document, error) {
	document := difference.Document{Configuration: side.configuration, Files: make(map[string][]byte)}
	for _, name := range difference.Files(side.configuration) {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(side.folder, name)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return difference.Document{}, fmt.Errorf("reading the keys that %s names: %w", side.name, err)
		}
		document.Files[name] = content
	}
	return document, nil
}

// faults returns those of both documents.
func (d diffed) faults() config.Faults {
	return append(append(config.Faults{}, d.before.faults...), d.after.faults...)
}

// verdict says what the exit status says.
func (d diffed) verdict() error {
	for _, side := range []checked{d.before, d.after} {
		if len(side.faults) > 0 {
			return fmt.Errorf("%s has %s", side.name, counted(len(side.faults), "fault"))
		}
	}
	if difference.Widens(d.changes) {
		return verdict{statusWider, fmt.Sprintf("%s widens %s", d.after.name, d.before.name)}
	}
	return nil
}
