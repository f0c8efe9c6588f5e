// Localrun is the whole system on a laptop, and the operator's commands.
//
// Without a command it starts the authorization server as the platform would, a Secret Manager for it and an API that
// wants its tokens, shows machines getting tokens, and serves until it is told to stop. With -tls it ends TLS before the
// server, as a load balancer would.
//
// It must never listen on anything but loopback: the functions framework sets no time-outs, the local Secret Manager
// knows no users, and the keys are toys.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	complaints := os.Stderr
	err := command().Run(ctx, os.Args)
	stop()
	if err != nil {
		complain(complaints, err)
		os.Exit(exitStatus(err))
	}
}

// verdict is what a command has found where that is no fault, with the exit status by which a pipeline tells the two
// apart.
type verdict struct {
	status int
	text   string
}

// Error returns the text.
func (v verdict) Error() string { return v.text }

// exitStatus returns the exit status of the program that ends with err.
func exitStatus(err error) int {
	if _, nothing := errors.AsType[unreadable](err); nothing {
		return 2
	}
	if found, is := errors.AsType[verdict](err); is {
		return found.status
	}
	return 1
}

// complain says what went wrong: a sentence, or, of a configuration, one for each fault.
func complain(out io.Writer, err error) {
	if faults, many := errors.AsType[config.Faults](err); many {
		_, _ = fmt.Fprintln(out, faults)
		err = fmt.Errorf("the configuration has %s; nothing was started", counted(len(faults), "fault"))
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	_, _ = fmt.Fprintf(out, "localrun: %v\n", err)
}

func counted(number int, noun string) string {
	if number == 1 {
		return "one " + noun
	}
	return fmt.Sprintf("%d %ss", number, noun)
}

func command() *cli.Command {
	return &cli.Command{
		Name:  "localrun",
		Usage: "Countersign on this machine, and the operator's commands",
		UsageText: "go run ./localrun [options]\n" +
			"go run ./localrun COMMAND [options]     COMMAND -h says more",
		Description: `Without a command it runs the whole system: the authorization server, a Secret
Manager for it, and an API that wants its tokens. A demonstration shows how
machines get tokens, and what is refused; then the system serves until Ctrl-C.

With -tls all of it is served over TLS, with a CA of its own, and clients are
asked for certificates: a certificate can say who a client is, and a token can be
bound to it.

What it needs is made by the first run, in .countersign/: keys, secrets, and a
configuration to play with, .countersign/config.yaml. Later runs keep all of it.

SECRET_MANAGER_EMULATOR_HOST=HOST:PORT names a Secret Manager to use instead of
the embedded one, and KMS_EMULATOR_HOST a Cloud KMS instead of Google's.
NO_COLOR=1 takes the colours away.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "once", Local: true, Usage: "stop after the demonstration; the exit status tells whether it worked"},
			&cli.BoolFlag{Name: "tls", Local: true, Usage: "serve over TLS and ask clients for certificates, with a CA of its own (ports 8443 and 8444)"},
			&cli.BoolFlag{Name: "reset", Local: true, Usage: "begin anew: new keys, new secrets, and the configuration as it was"},
			&cli.StringFlag{Name: "config", Local: true, Usage: "use this configuration `FILE` (default: config.yaml of the state folder, or tls.yaml)"},
			&cli.StringFlag{Name: "state", Local: true, Value: stateFolder, Usage: "keep keys and secrets in this `FOLDER`"},
			&cli.StringFlag{Name: "port", Local: true, Usage: "`PORT` of the authorization server (default: the configuration's, at first 8080)", Validator: checkPort},
			&cli.StringFlag{Name: "api-port", Local: true, Usage: "`PORT` of the demo API (default: the configuration's, at first 8081)", Validator: checkPort},
		},
		Commands:        []*cli.Command{keysCommand(), assertCommand(), tokenCommand(), proofCommand(), checkCommand(), explainCommand(), probeCommand(), introspectCommand(), revokeCommand(), trustCommand()},
		HideHelpCommand: true,
		OnUsageError:    refuseUsage,
		ExitErrHandler:  func(context.Context, *cli.Command, error) {}, // main prints every error, once
		Action:          run,
	}
}

func run(ctx context.Context, cmd *cli.Command) error {
	if cmd.Args().Present() {
		return fmt.Errorf("%q is not a command; %s -h lists them", cmd.Args().First(), cmd.FullName())
	}
	s := &system{
		terminal:  newTerminal(os.Stdout, os.Getenv),
		program:   invocation(os.Args[0]),
		once:      cmd.Bool("once"),
		tls:       cmd.Bool("tls"),
		state:     state{cmd.String("state")},
		document:  cmd.String("config"),
		tokenPort: portNumber(cmd.String("port")),
		apiPort:   portNumber(cmd.String("api-port")),
	}
	if cmd.Bool("reset") {
		if err := s.state.reset(); err != nil {
			return err
		}
	}
	return s.run(ctx)
}
