package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/probe"
)

// probeCommand asks a deployed service for what it must give and for what it must refuse.
func probeCommand() *cli.Command {
	return &cli.Command{
		Name:      "probe",
		Usage:     "ask a deployed service for what it must give, and for what it must refuse",
		UsageText: "localrun probe -url URL [-client ID -key FILE] [options]",
		Description: `Asks for metadata, keys and a token as an honest client does, and then for tokens
as attackers do: with a used assertion, alg none, a public key as a shared secret,
another key in the header, another audience, and so on. Each check is one line,
with the rule or the attack that it comes from, and what came where that is not
what must come.

   localrun probe -url https://auth.example.com -client prober -key prober.pem
   localrun probe -url https://auth.example.com
      without a client only what strangers can ask for; the rest is not run

   localrun probe -url https://countersign-x.run.app -issuer https://auth.example.com \
        -client prober -key-env PROBER_KEY -json
      past a load balancer, in a job, for machines

The client is registered for private_key_jwt and client_credentials, with one rule
that grants little. It must get tokens that are JWTs and bound to nothing.

Some fifty requests are sent, one after the other. Nothing is changed, and fewer
fail than the budget of failures lets one client have in a minute. No assertion,
token or key is printed.

The exit status is 0 if all that was run is as it must be, 1 if something is not,
and 2 if the probe could not be made.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "url", Local: true, Usage: "ask the service at `URL`"},
			&cli.StringFlag{Name: "issuer", Local: true, Usage: "its issuer identifier, `URL` (default: as -url)"},
			&cli.StringFlag{Name: "client", Local: true, Usage: "`ID` of the client to ask as"},
			&cli.StringFlag{Name: "key", Local: true, Usage: "its private key in `FILE`: PEM (PKCS#8) or JWK; - is stdin"},
			&cli.StringFlag{Name: "key-env", Local: true, Usage: "its private key in the environment variable `NAME`"},
			algorithmFlag("sign with `ALG`: RS384, PS256… for RSA"),
			&cli.StringFlag{Name: "scope", Local: true, Usage: "`SCOPES` to ask for, with spaces between them"},
			&cli.StringFlag{Name: "resource", Local: true, Usage: "`URI` of the API that the token is for"},
			&cli.StringFlag{Name: "ca", Local: true,
				Usage: "trust the server if one of the certificates in `FILE` has issued its own, and no other: PEM"},
			&cli.DurationFlag{Name: "timeout", Local: true, Value: exchangeTimeout, Usage: "wait so long for each answer, up to a minute"},
			&cli.BoolFlag{Name: "json", Local: true, Usage: "print it as JSON"},
		},
		HideHelpCommand: true,
		OnUsageError:    refuseUnreadableUsage,
		Action:          makeProbe,
	}
}

func makeProbe(ctx context.Context, cmd *cli.Command) error {
	config, err := probeOf(cmd)
	if err != nil {
		return unreadable{err}
	}
	report, err := probe.Run(ctx, config)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return unreadable{err}
	}
	show := printProbe
	if cmd.Bool("json") {
		show = printProbeJSON
	}
	if err := show(cmd.Root().Writer, report); err != nil {
		return unreadable{err}
	}
	return judgment(report)
}

// judgment says what the exit status says. A fault that was found is one, also where the probe ended early.
func judgment(report probe.Report) error {
	if faults := report.Count(probe.NotAsItMustBe); faults > 0 {
		return fmt.Errorf("%s found what must not be", counted(faults, "check"))
	}
	if report.Stopped != "" {
		return unreadable{fmt.Errorf("the probe could not be made: %s", report.Stopped)}
	}
	return nil
}

// probeOf reads what the options name.
func probeOf(cmd *cli.Command) (probe.Config, error) {
	if err := refuseArguments(cmd); err != nil {
		return probe.Config{}, err
	}
	config := probe.Config{
		URL: cmd.String("url"), Issuer: cmd.String("issuer"), Client: cmd.String("client"),
		Scope: cmd.String("scope"), Resource: cmd.String("resource"),
		Timeout: cmd.Duration("timeout"), Now: time.Now,
	}
	switch {
	case config.URL == "":
		return probe.Config{}, errors.New("-url is missing: the service to ask")
	case config.Timeout <= 0 || config.Timeout > time.Minute:
		return probe.Config{}, errors.New("-timeout is for each answer: more than nothing, and a minute at most")
	}
	tls, err := clientTLSOf(cmd)
	if err != nil {
		return probe.Config{}, err
	}
	config.Transport, _ = tls.transport()
	config.Key, err = probeKey(cmd)
	return config, err
}

// probeKey reads the key of -key or -key-env; zero: there is neither.
func probeKey(cmd *cli.Command) (jose.SigningKey, error) {
	file := keyFile{Path: cmd.String("key"), Algorithm: jose.Algorithm(cmd.String("alg"))}
	variable := cmd.String("key-env")
	switch {
	case file.Path != "" && variable != "":
		return jose.SigningKey{}, errors.New("-key and -key-env both give the client's key; give one of them")
	case file.Path != "":
		key, err := file.read(cmd.Root().Reader)
		return key.SigningKey, err
	case variable != "":
		text, err := fromEnvironment("-key-env", variable)
		if err != nil {
			return jose.SigningKey{}, err
		}
		key, err := file.parse([]byte(text))
		if err != nil {
			return jose.SigningKey{}, fmt.Errorf("the environment variable %s: %w", variable, err)
		}
		return key.SigningKey, nil
	default:
		return jose.SigningKey{}, nil
	}
}
