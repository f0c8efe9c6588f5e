package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/revocation"
	"example.com/countersign/internal/service"
)

// checkCommand validates a configuration.
func checkCommand() *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "validate a configuration, and show who may get what",
		UsageText: "localrun check [options] [FILE]     (default: config.yaml; - is standard input)",
		Description: `Reads a configuration as the service does, and goes no further: no network, no
secret, nothing is started. Keys that lie in files are read and checked; those in
Secret Manager are not.

   localrun check config.yaml
      every fault with its line and what would be right, or a table of who may
      get what, and of what is weaker than the strict rule and when that ends;
      and what is allowed but dangerous, as warnings

   localrun check -json config.yaml | jq '.allowed[] | select(.lifetime > 3600)'
      the same for machines; lifetimes are in seconds

   localrun check -json config.yaml | jq '.exceptions[] | select(.until and .days_left < 30)'
      the exceptions that end within thirty days, or have ended

   localrun check -stop-list stops.yaml
      every fault of a stop list (stop_list in the configuration), or how many it
      stops

The exit status is 0 if the service would start with it, and 1 if not.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "stop-list", Local: true, Usage: "FILE is a stop list, and not a configuration"},
			&cli.BoolFlag{Name: "json", Local: true, Usage: "print faults, warnings and what is allowed as JSON"},
		},
		HideHelpCommand: true,
		OnUsageError:    refuseUsage,
		Action:          checkFile,
	}
}

func checkFile(_ context.Context, cmd *cli.Command) error {
	path := "config.yaml"
	switch cmd.Args().Len() {
	case 0:
	case 1:
		path = cmd.Args().First()
	default:
		return errors.New("check takes one file at a time")
	}
	document, err := readDocument(path, cmd.Root().Reader)
	if errors.Is(err, fs.ErrNotExist) && !cmd.Args().Present() {
		return fmt.Errorf("there is no %s here; say which file: %s FILE", path, cmd.FullName())
	}
	if err != nil {
		return err
	}
	if cmd.Bool("stop-list") {
		return checkStops(cmd, path, document)
	}
	result := check(path, document)
	show := result.print
	if cmd.Bool("json") {
		show = result.printJSON
	}
	if err := show(cmd.Root().Writer); err != nil {
		return err
	}
	if len(result.faults) > 0 {
		return fmt.Errorf("%s has %s", inputName(path), counted(len(result.faults), "fault"))
	}
	return nil
}

// checked is what there is to say of a configuration.
type checked struct {
	name          string
	folder        string // what its file names are relative to
	faults        config.Faults
	warnings      config.Faults
	configuration *config.Config // only where there is no fault
	allowed       []entitlement  // likewise
	introspects   []introspector // likewise
	identities    []identity     // likewise
	exceptions    []exception    // likewise
}

// check finds every fault: those of the document and those of its parts, which only the service itself can judge.
func check(path string, document []byte) checked {
	name := inputName(path)
	_, configuration, faults := service.Load(name, document, service.Surroundings{
		Secrets: func(string) keys.Source { return offline{} },
		KMS:     func(string) keys.Source { return offline{} },
		Replay:  inMemory(time.Now),

		Revocations: revokedInMemory(time.Now),

		Folder: filepath.Dir(path), // of "-" it is the working directory
		Now:    time.Now,
		Log:    slog.New(slog.DiscardHandler),
	})
	result := checked{name: name, folder: filepath.Dir(path), faults: faults, warnings: configuration.Warnings}
	if len(faults) == 0 {
		result.configuration, result.allowed = configuration, entitlements(configuration)
		result.introspects, result.identities = introspectors(configuration), identities(configuration)
		result.exceptions = exceptions(configuration, time.Now())
	}
	return result
}

// offline stands for every secret: to check a configuration needs none.
type offline struct{}

// Versions refuses.
func (offline) Versions(context.Context) ([]keys.Version, error) {
	return nil, errors.New("check reads no secrets")
}

// inMemory stands for every database: a command that ends remembers for itself.
func inMemory(now func() time.Time) func(database, issuer string) (replay.Store, error) {
	return func(string, string) (replay.Store, error) { return replay.NewMemory(now, 100) }
}

// revokedInMemory stands for every database likewise.
func revokedInMemory(now func() time.Time) func(database, issuer string) (revocation.Store, error) {
	return func(string, string) (revocation.Store, error) { return revocation.NewMemory(now, 100) }
}

// readDocument reads a configuration. One that is empty is a fault of the document and not of the reading.
func readDocument(path string, stdin io.Reader) ([]byte, error) {
	document, err := readInput(path, stdin)
	if errors.Is(err, errEmptyInput) {
		return nil, nil
	}
	return document, err
}

// print writes for people.
func (c checked) print(out io.Writer) error {
	var text strings.Builder
	for _, fault := range c.faults {
		fmt.Fprintf(&text, "%s\n", fault)
	}
	for _, warning := range c.warnings {
		fmt.Fprintf(&text, "warning: %s\n", warning)
	}
	if len(c.faults) == 0 {
		if len(c.warnings) > 0 {
			text.WriteString("\n")
		}
		writeTable(&text, c.allowed)
		writeIntrospectors(&text, c.introspects)
		writeIdentities(&text, c.identities)
		writeExceptions(&text, c.exceptions)
		fmt.Fprintf(&text, "\n%s is good.\n", c.name)
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// finding is a fault or a warning in JSON.
type finding struct {
	Line    int    `json:"line"`
	Path    string `json:"path"`
	Problem string `json:"problem"`
}

func findings(faults config.Faults) []finding {
	list := make([]finding, len(faults))
	for i, fault := range faults {
		list[i] = finding{fault.At.Line, fault.At.Path, fault.Problem}
	}
	return list
}

// printJSON writes for machines. Every list is there, an empty one too.
func (c checked) printJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		File        string         `json:"file"`
		Faults      []finding      `json:"faults"`
		Warnings    []finding      `json:"warnings"`
		Allowed     []entitlement  `json:"allowed"`
		Introspects []introspector `json:"introspects"`
		Identities  []identity     `json:"identity_assertions"`
		Exceptions  []exception    `json:"exceptions"`
	}{
		c.name, findings(c.faults), findings(c.warnings), append([]entitlement{}, c.allowed...),
		append([]introspector{}, c.introspects...), append([]identity{}, c.identities...), append([]exception{}, c.exceptions...),
	})
}
