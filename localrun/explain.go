package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/oauth"
)

// explainCommand says what the service would do with an assertion, and why.
func explainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "say what the service would do with an assertion, check by check",
		UsageText: "localrun explain [options] < ASSERTION",
		Description: `Takes an assertion through the checks of the service, in the service's own code,
and says of each whether it passed; of the one that did not, what would have
passed and by how little it was missed; of each rule, which part of its condition
does not hold; and at the end what token would be issued. The checks have the
names that they have in the log's trace of a refused request.

   localrun explain -config config.yaml -assertion token.jwt
   pbpaste | localrun explain
      whether the assertion authenticates a client or is a grant follows from the
      configuration; where it can be both, both are explained

   localrun explain -assertion token.jwt -at 2026-03-01T12:00:00Z
      as it was then, for an assertion that has expired since

   curl https://ci.example.com/jwks | localrun explain -assertion token.jwt -jwks -
      with the keys of its issuer, where the configuration has them elsewhere

   localrun explain -assertion token.jwt -client portal -resource https://api.example.com

   localrun explain -assertion token.jwt -grant token-exchange -client portal
      as the subject_token of a token exchange; an access token of the service itself
      cannot be explained, since that takes its keys

It opens no connection and reads no secret. What cannot be known that way is
marked with a dash and taken for granted: a signature whose keys are elsewhere,
the credential of -client, the DPoP proof or the certificate that a token has to be
bound to, and whether the assertion has been used before.

It prints what the assertion claims. The assertion itself is a secret until it
expires: it comes from a file or standard input, never from the command line.

The exit status is 0 if a token would be issued, 1 if not, and 2 if the
configuration, the assertion or the keys cannot be read.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Local: true, Value: "config.yaml",
				Usage: "the configuration in `FILE`; - is stdin"},
			&cli.StringFlag{Name: "assertion", Local: true, Value: "-", Usage: "the assertion in `FILE`; - is stdin"},
			&cli.StringFlag{Name: "grant", Local: true, Usage: "client_credentials, jwt-bearer or token-exchange (default: by the configuration)",
				Validator: oneOf(oauth.ClientCredentials, grantJWTBearer, oauth.JWTBearer, grantTokenExchange, oauth.TokenExchange)},
			&cli.StringFlag{Name: "client", Local: true, Usage: "`ID` of the client that sends it"},
			&cli.StringFlag{Name: "scope", Local: true, Usage: "`SCOPES` that are asked for, with spaces between them"},
			&cli.StringSliceFlag{Name: "resource", Local: true,
				Usage: "`URI` of the API that the token is for; may be repeated"},
			&cli.StringFlag{Name: "at", Local: true, Usage: "explain as of `TIME` (default: now)", Validator: checkTime},
			&cli.StringFlag{Name: "jwks", Local: true, Usage: "the keys of its issuer in `FILE`, a JWK Set or PEM; - is stdin"},
			&cli.BoolFlag{Name: "json", Local: true, Usage: "print it as JSON"},
		},
		DisableSliceFlagSeparator: true,
		HideHelpCommand:           true,
		OnUsageError:              refuseUsage,
		Action:                    explainAssertion,
	}
}

// unreadable says that there was nothing to explain. The exit status tells it from a refusal.
type unreadable struct{ error }

// Unwrap returns what cannot be read, and why.
func (u unreadable) Unwrap() error { return u.error }

// refuseUnreadableUsage is refuseUsage of a command whose exit status 1 has a meaning of its own.
func refuseUnreadableUsage(ctx context.Context, cmd *cli.Command, err error, sub bool) error {
	return unreadable{refuseUsage(ctx, cmd, err, sub)}
}

func checkTime(text string) error {
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return errors.New("write the date and the time with its zone, like 2026-03-01T12:00:00Z")
	}
	return nil
}

func explainAssertion(ctx context.Context, cmd *cli.Command) error {
	if err := refuseArguments(cmd); err != nil {
		return err
	}
	asked, err := readQuestion(cmd)
	if err != nil {
		return unreadable{err}
	}
	explanations, err := asked.explain(ctx)
	if err != nil {
		return unreadable{err}
	}
	show := printExplanations
	if cmd.Bool("json") {
		show = printExplanationsJSON
	}
	if err := show(cmd.Root().Writer, explanations); err != nil {
		return err
	}
	for _, e := range explanations {
		if e.Granted {
			return nil
		}
	}
	return fmt.Errorf("the request would be refused: %s (%s)", explanations[0].Code, explanations[0].Reason)
}

// question is what is to be explained: an assertion, and the request that it comes in.
type question struct {
	path      string // of the configuration
	document  []byte
	assertion oauth.Secret
	keys      []byte // of the assertion's party; nil: those of the configuration
	keysName  string // where they are from

	grant     string // grant_type; empty: by the configuration
	client    string // client_id; empty: none is sent
	scope     string
	resources []string
	at        time.Time
}

// readQuestion reads the files that the options name.
func readQuestion(cmd *cli.Command) (question, error) {
	q := question{
		path:      cmd.String("config"),
		grant:     cmd.String("grant"),
		client:    cmd.String("client"),
		scope:     cmd.String("scope"),
		resources: cmd.StringSlice("resource"),
		at:        time.Now(),
	}
	switch q.grant {
	case grantJWTBearer:
		q.grant = oauth.JWTBearer
	case grantTokenExchange:
		q.grant = oauth.TokenExchange
	}
	if at := cmd.String("at"); at != "" {
		q.at, _ = time.Parse(time.RFC3339, at) // the option's validator has parsed it
	}
	if err := onlyOneFromStandardInput(cmd, "config", "assertion", "jwks"); err != nil {
		return question{}, err
	}
	var err error
	if q.document, err = readDocument(q.path, cmd.Root().Reader); err != nil {
		if errors.Is(err, fs.ErrNotExist) && !cmd.IsSet("config") {
			err = fmt.Errorf("there is no %s here; say which file: -config FILE", q.path)
		}
		return question{}, err
	}
	if file := cmd.String("jwks"); file != "" {
		q.keysName = inputName(file)
		if q.keys, err = readInput(file, cmd.Root().Reader); err != nil {
			return question{}, err
		}
	}
	q.assertion, err = readAssertion(cmd.String("assertion"), cmd)
	return q, err
}

func onlyOneFromStandardInput(cmd *cli.Command, options ...string) error {
	var from []string
	for _, option := range options {
		if cmd.String(option) == "-" {
			from = append(from, "-"+option)
		}
	}
	if len(from) > 1 {
		return fmt.Errorf("%s cannot all be standard input; name a file for one", strings.Join(from, " and "))
	}
	return nil
}

var errAssertionInArguments = errors.New("-assertion is the name of a file; " +
	"what stands on a command line, every process of the machine can read")

// readAssertion reads an assertion. No error repeats it, as it would where it was given in the place of its file.
func readAssertion(file string, cmd *cli.Command) (oauth.Secret, error) {
	if strings.Count(file, ".") == 2 && strings.HasPrefix(file, "eyJ") {
		return oauth.Secret{}, errAssertionInArguments
	}
	text, err := readInput(file, cmd.Root().Reader)
	if errors.Is(err, errEmptyInput) {
		return oauth.Secret{}, fmt.Errorf("there is no assertion in %s", inputName(file))
	}
	return oauth.NewSecret(strings.TrimSpace(string(text))), err
}
