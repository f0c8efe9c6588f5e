package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/seal"
)

// introspectCommand asks what a token is worth now (RFC 7662).
func introspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "introspect",
		Usage:     "ask what an access token is worth now, as an API does",
		UsageText: "localrun introspect -url ISSUER -client ID -key FILE [options] < TOKEN",
		Description: `Prints the answer (RFC 7662). The client is one that introspects the API which the
token is for; a token for any other is not active for it.

   localrun introspect -url https://auth.example.com -client deploy-api -key deploy-api.pem < token
   localrun introspect -url https://auth.example.com -client deploy-api -secret-file api.secret -token token

The exit status is 0 if the token is active, 1 if not, and 2 if that could not be
found out.`,
		Flags:           returnedFlags(),
		HideHelpCommand: true,
		OnUsageError:    refuseUnreadableUsage,
		Action:          introspect,
	}
}

// revokeCommand takes a token back (RFC 7009).
func revokeCommand() *cli.Command {
	return &cli.Command{
		Name:      "revoke",
		Usage:     "take back an access token, as the client that got it",
		UsageText: "localrun revoke -url ISSUER -client ID -key FILE [options] < TOKEN",
		Description: `Prints nothing. Afterwards the token is not active for any API that asks; one that
verifies by itself takes it until it expires. The server answers alike for what is
no token or belongs to another client, and its log says what it has done.

   localrun revoke -url https://auth.example.com -client old-portal -secret-file portal.secret < token
   localrun revoke -url https://auth.example.com -client command-line -auth none < token

The exit status is 0 if the server has taken the request, and 2 if not.`,
		Flags:           returnedFlags(),
		HideHelpCommand: true,
		OnUsageError:    refuseUnreadableUsage,
		Action:          revoke,
	}
}

// returnedFlags are those of token that say who asks whom, and the token.
func returnedFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "token", Local: true, Value: "-", Usage: "the access token in `FILE`; - is stdin"},
	}
	for _, flag := range append(requestFlags(), assertionFlags()...) {
		switch flag.Names()[0] {
		case "url", "client", "auth", "secret-file", "secret-env", "key", "alg", "kid", "cert", "cert-key", "ca", "timeout":
			flags = append(flags, flag)
		}
	}
	return flags
}

func introspect(ctx context.Context, cmd *cli.Command) error {
	body, err := sendBack(ctx, cmd, func(s authorizationServer) (string, string) { return s.Introspection, s.TLSIntrospection })
	if err != nil {
		return unreadable{err}
	}
	var members struct {
		Active *bool `json:"active"`
	}
	if json.Unmarshal(body, &members) != nil || members.Active == nil {
		return unreadable{errors.New("the server answered with status 200 and something that is no introspection response")}
	}
	if _, err := fmt.Fprintf(cmd.Root().Writer, "%s\n", harmless(body)); err != nil {
		return unreadable{err}
	}
	if !*members.Active {
		return errors.New("the token is not active for this client")
	}
	return nil
}

func revoke(ctx context.Context, cmd *cli.Command) error {
	if _, err := sendBack(ctx, cmd, func(s authorizationServer) (string, string) { return s.Revocation, s.TLSRevocation }); err != nil {
		return unreadable{err}
	}
	return nil
}

// sendBack sends a token back to the server that has issued it, to the endpoint that is chosen, or, where the client shows
// a certificate, to the second, if there is one. It returns the answer.
func sendBack(ctx context.Context, cmd *cli.Command, choose func(authorizationServer) (string, string)) ([]byte, error) {
	if err := refuseArguments(cmd); err != nil {
		return nil, err
	}
	if err := onlyOneFromStandardInput(cmd, "token", "key", "secret-file"); err != nil {
		return nil, err
	}
	token, err := readReturned(cmd)
	if err != nil {
		return nil, err
	}
	tls, err := clientTLSOf(cmd)
	if err != nil {
		return nil, err
	}
	client := tls.newHTTPClient()
	client.Timeout = cmd.Duration("timeout")
	credential, server, err := authenticate(ctx, cmd, client)
	if err != nil {
		return nil, err
	}
	endpoint, alias := choose(server)
	if cmd.String("cert") != "" {
		endpoint = cmp.Or(alias, endpoint)
	}
	if endpoint == "" {
		return nil, errors.New("the server has no such endpoint; it has one where a client introspects")
	}
	if err := checkURL(endpoint); err != nil {
		return nil, err
	}
	form := url.Values{"token": {token.Reveal()}}
	credential.fill(form)
	request, err := credential.newRequest(ctx, endpoint, form)
	if err != nil {
		return nil, err
	}
	answer, body, err := exchange(client, request)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = newRefusal(answer, body)
	}
	return body, err
}

// authenticate returns what the client of the options proves itself with to the server that they name.
func authenticate(ctx context.Context, cmd *cli.Command, client *http.Client) (clientCredential, authorizationServer, error) {
	plan := requestPlan{options: cmd, grant: oauth.ClientCredentials}
	fail := func(err error) (clientCredential, authorizationServer, error) {
		return clientCredential{}, authorizationServer{}, err
	}
	var err error
	if cmd.String("key") != "" {
		if plan.key, err = signingKey(cmd); err != nil {
			return fail(err)
		}
	}
	credential, err := plan.chooseCredential()
	if err != nil {
		return fail(err)
	}
	address := cmd.String("url")
	if address == "" {
		return fail(errors.New("-url is missing: the issuer that the token is from"))
	}
	if err := checkURL(address); err != nil {
		return fail(err)
	}
	server, err := discover(ctx, client, address)
	if err != nil {
		return fail(err)
	}
	if credential.Method == oauth.PrivateKeyJWT || credential.Method == oauth.ClientSecretJWT {
		credential.Assertion, err = clientAssertion(credential.ID, server.Issuer, plan.key.SigningKey)
	}
	return credential, server, err
}

// readReturned reads the token. No error repeats it, as it would where it was given in the place of its file.
func readReturned(cmd *cli.Command) (oauth.Secret, error) {
	file := cmd.String("token")
	if strings.HasPrefix(file, "eyJ") || strings.HasPrefix(file, seal.Prefix) { // a JWT, or one of ours that is opaque
		return oauth.Secret{}, errors.New("-token is the name of a file; what stands on a command line, every process of the machine can read")
	}
	text, err := readInput(file, cmd.Root().Reader)
	return oauth.NewSecret(strings.TrimSpace(string(text))), err
}
