package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/alexedwards/argon2id"
	"github.com/urfave/cli/v3"
)

// secretCommand makes what a client of client_secret_basic or client_secret_post and its registration need.
func secretCommand() *cli.Command {
	return &cli.Command{
		Name:      "secret",
		Usage:     "make a client_secret and the argon2id hash to register it by",
		UsageText: "localrun keys secret [options]",
		Description: `Makes a random secret of 256 bits and prints it once, with the lines that register
its hash. The service never sees the secret itself but in the client's requests.

   localrun keys secret -id old-portal
      prints the secret and its registration

   localrun keys secret -id old-portal -out old-portal.secret
      writes the secret to a file (mode 0600) and prints the registration alone

   localrun keys secret -id old-portal -in old-portal.secret
      hashes a secret that is there already; - reads it from standard input

A client can have two hashes, the current one and the next: register the new one
beside the old, change the client over, then take the old one out.

A secret for client_secret_jwt is another thing: localrun keys -alg HS256.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "id", Local: true, Value: "client", Usage: "client `ID` in the lines to paste"},
			&cli.StringFlag{Name: "in", Local: true, Usage: "`FILE` with a secret to hash; - is standard input (default: a new secret)"},
			&cli.StringFlag{Name: "out", Local: true, Usage: "`FILE` to write the new secret to (default: it is printed)"},
			&cli.BoolFlag{Name: "force", Local: true, Usage: "replace a file that exists"},
		},
		HideHelpCommand: true,
		OnUsageError:    refuseUsage,
		Action:          makeSecret,
	}
}

func makeSecret(_ context.Context, cmd *cli.Command) error {
	if err := refuseArguments(cmd); err != nil {
		return err
	}
	in, out := cmd.String("in"), cmd.String("out")
	if in != "" && out != "" {
		return errors.New("-in reads a secret and -out writes a new one; give one of them")
	}
	secret := randomText(32)
	if in != "" {
		given, err := readInput(in, cmd.Root().Reader)
		if err != nil {
			return err
		}
		secret = trimLineBreak(given)
	}
	hash, err := hashSecret(secret)
	if err != nil {
		return err
	}
	shown := ""
	switch {
	case out != "":
		file := outFile{Name: filepath.Base(out), Private: true, Content: secret}
		if err := writeFiles(filepath.Dir(out), cmd.Bool("force"), []outFile{file}); err != nil {
			return err
		}
		shown = fmt.Sprintf("The secret is in %s.\n\n", out)
	case in == "":
		shown = fmt.Sprintf("The secret, which is shown this once:\n\n  %s\n\n", secret)
	}
	_, err = fmt.Fprintf(cmd.Root().Writer, "%sTo register its hash, with your own resource and scopes:\n\n%s",
		shown, registerHash(cmd.String("id"), hash))
	return err
}

// hashSecret takes the least that OWASP's Password Storage Cheat Sheet allows: 19 MiB and two passes. The service
// computes it during requests, and what stretching is for, secrets that people choose, machines should not have.
func hashSecret(secret []byte) (string, error) {
	if len(secret) == 0 {
		return "", errors.New("the secret is empty")
	}
	return argon2id.CreateHash(string(secret), &argon2id.Params{
		Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32,
	})
}

// trimLineBreak takes off the one line break that editors and echo put behind a secret.
func trimLineBreak(text []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
}
