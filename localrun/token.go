package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/oauth"
)

// tokenCommand is the whole client side.
func tokenCommand() *cli.Command {
	return &cli.Command{
		Name:      "token",
		Usage:     "get an access token: make the assertion, send the request, print the answer",
		UsageText: "localrun token -url ISSUER -client ID -key FILE [options]",
		Description: `Prints the access token and nothing else, so that it can stand in a command:

   curl -H "Authorization: Bearer $(localrun token -url https://auth.example.com \
         -client billing-batch -key billing-batch.pem)" https://invoices.example.com/

A refusal is printed to standard error as the server words it; the exit status is 1.

   localrun token -url https://auth.example.com -client billing-batch -key billing-batch.pem \
        -scope invoices.read -resource https://invoices.example.com -json
      client_credentials with private_key_jwt, and the whole answer as JSON

   localrun token -url https://auth.example.com -client old-portal -secret-file portal.secret
      client_credentials with client_secret_basic

   localrun token -url https://auth.example.com -client warehouse -key warehouse.secret -alg HS256
      client_credentials with client_secret_jwt

   localrun token -url https://auth.example.com -grant jwt-bearer -key ci.pem \
        -iss https://ci.example.com -sub build-17 -claim ref=refs/heads/main
      the JWT authorization grant with an assertion of one's own

   localrun token -url https://auth.example.com -assertion id-token.jwt -client command-line
      the same with somebody else's, for example an ID token; -assertion - reads standard input

   localrun token -key robot.json -scope invoices.read
      as Google's libraries do: the key file says who asks, and whom

   localrun token -url https://auth.example.com -client billing-batch -key billing-batch.pem \
        -dpop proof.pem
      a token that only the holder of the key proof.pem can use (RFC 9449);
      localrun proof makes what the API wants to see beside it

   localrun token -url https://auth.example.com -client vault -cert vault.crt.pem -cert-key vault.pem
      client_credentials with a certificate (RFC 8705): tls_client_auth

METHOD is private_key_jwt, client_secret_jwt, client_secret_basic,
client_secret_post, tls_client_auth, self_signed_tls_client_auth or none. Without
-auth and -grant: a secret is for client_secret_basic; a key is for
client_credentials with a client assertion, or, with -iss or Google's JSON, for
the assertion of jwt-bearer; a certificate alone is for tls_client_auth. Beside a
key or a secret it is shown too, and the token may be bound to it.

Secrets come from files or the environment: what stands on a command line, every
process of the machine can read.`,
		Flags:                     append(requestFlags(), assertionFlags()...),
		DisableSliceFlagSeparator: true,
		HideHelpCommand:           true,
		OnUsageError:              refuseUsage,
		Action:                    getToken,
	}
}

// The values of -grant.
const grantJWTBearer = "jwt-bearer"

// grantTokenExchange is what people call the other one.
const grantTokenExchange = "token-exchange"

// requestFlags are what only token has, beside assertionFlags.
func requestFlags() []cli.Flag {
	methods := []string{
		oauth.PrivateKeyJWT, oauth.ClientSecretJWT, oauth.ClientSecretBasic, oauth.ClientSecretPost,
		oauth.TLSClientAuth, oauth.SelfSignedTLSClientAuth, oauth.NoAuthentication,
	}
	return []cli.Flag{
		&cli.StringFlag{Name: "url", Local: true, Usage: "ask the issuer at `URL`, or, where it ends in /token, that token endpoint"},
		&cli.StringFlag{Name: "client", Local: true, Usage: "`ID` of the client that asks"},
		&cli.StringFlag{Name: "grant", Local: true, Usage: "client_credentials or jwt-bearer (default: by what is given)",
			Validator: oneOf(oauth.ClientCredentials, grantJWTBearer, oauth.JWTBearer)},
		&cli.StringFlag{Name: "auth", Local: true, Usage: "`METHOD` of client authentication (default: by what is given)", Validator: oneOf(methods...)},
		&cli.StringFlag{Name: "secret-file", Local: true, Usage: "client_secret from `FILE`; - is standard input"},
		&cli.StringFlag{Name: "secret-env", Local: true, Usage: "client_secret from the environment variable `NAME`"},
		&cli.StringFlag{Name: "assertion", Local: true, Usage: "send the ready assertion in `FILE`; - is standard input"},
		&cli.StringFlag{Name: "scope", Local: true, Usage: "`SCOPES` to ask for, with spaces between them"},
		&cli.StringSliceFlag{Name: "resource", Local: true, Usage: "`URI` of the API that the token is for; may be repeated"},
		&cli.StringFlag{Name: "dpop", Local: true, Usage: "have the token bound to the key in `FILE`: PEM (PKCS#8) or JWK"},
		&cli.StringFlag{Name: "cert", Local: true, Usage: "show the certificate in `FILE` to the server, and what leads to its issuer: PEM"},
		&cli.StringFlag{Name: "cert-key", Local: true, Usage: "the private key of the certificate, in `FILE`: PEM (PKCS#8)"},
		&cli.StringFlag{Name: "ca", Local: true, Usage: "trust the server if one of the certificates in `FILE` has issued its own, and no other: PEM"},
		&cli.DurationFlag{Name: "timeout", Local: true, Value: exchangeTimeout, Usage: "wait so long for the server in all"},
		&cli.BoolFlag{Name: "json", Local: true, Usage: "print the whole answer as it came, a refusal too"},
	}
}

func getToken(ctx context.Context, cmd *cli.Command) error {
	if err := refuseArguments(cmd); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, cmd.Duration("timeout"))
	defer cancel()
	tls, err := clientTLSOf(cmd)
	if err != nil {
		return err
	}
	client := tls.newHTTPClient()
	client.Timeout = cmd.Duration("timeout")
	request, err := planRequest(ctx, cmd, client)
	if err != nil {
		return err
	}
	response, err := request.send(ctx, client)
	if refused, isRefusal := errors.AsType[*refusal](err); isRefusal && cmd.Bool("json") {
		_, _ = fmt.Fprintf(cmd.Root().Writer, "%s\n", harmless(refused.Body))
	}
	if err != nil {
		return err
	}
	if note := response.unlike(request); note != "" {
		_, _ = fmt.Fprintf(cmd.Root().ErrWriter, "localrun: %s\n", note)
	}
	if cmd.Bool("json") {
		_, err = fmt.Fprintf(cmd.Root().Writer, "%s\n", harmless(response.Body))
		return err
	}
	_, err = fmt.Fprintln(cmd.Root().Writer, response.AccessToken.Reveal())
	return err
}
