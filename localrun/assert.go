package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// assertCommand makes one assertion.
func assertCommand() *cli.Command {
	return &cli.Command{
		Name:      "assert",
		Usage:     "make an assertion: a JWT that says who you are, signed with your key",
		UsageText: "localrun assert -key FILE -iss WHO -aud ISSUER [options]",
		Description: `Prints a signed JWT (RFC 7523) and nothing else. Good for one token request, it is
client authentication, or the grant of a JWT authorization request.

   localrun assert -key billing-batch.pem -iss billing-batch -aud https://auth.example.com
      what the client billing-batch authenticates with: sub is iss

   curl https://auth.example.com/token -d grant_type=client_credentials \
        -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \
        -d client_assertion=$(localrun assert -key billing-batch.pem \
                              -iss billing-batch -aud https://auth.example.com)

   localrun assert -key ci.pem -iss https://ci.example.com -sub build-17 \
        -aud https://auth.example.com -claim ref=refs/heads/main -claim 'run={"id":17}'
      what an issuer vouches for somebody else with

   localrun assert -key robot.json -scope read
      what Google's libraries make of a key file: no sub, no jti, an hour

   localrun assert -key warehouse.secret -alg HS256 -iss warehouse -aud https://auth.example.com

The claims iat, exp and jti are made. -claim can take their place, to see what
the service does: -claim exp=0 is an assertion that expired in 1970.`,
		Flags: append(assertionFlags(),
			&cli.StringFlag{Name: "scope", Local: true, Usage: "`SCOPES` to ask for inside it, with spaces between them"}),
		DisableSliceFlagSeparator: true, // a claim can hold commas
		HideHelpCommand:           true,
		OnUsageError:              refuseUsage,
		Action:                    makeAssertion,
	}
}

// assertionFlags are what assert and token have in common.
func assertionFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "key", Local: true, Usage: "sign with the key in `FILE`: PEM (PKCS#8), JWK, Google's JSON; or - (stdin)"},
		algorithmFlag("sign with `ALG`: HS256… for a shared secret, RS384, PS256… for RSA"),
		&cli.StringFlag{Name: "kid", Local: true, Usage: "`KID` of a shared secret that has several versions: the version's number"},
		&cli.StringFlag{Name: "iss", Local: true, Usage: "`WHO` signs: a client's id or an issuer"},
		&cli.StringFlag{Name: "sub", Local: true, Usage: "`WHOM` it is about (default: as iss); -sub= leaves sub out"},
		&cli.StringSliceFlag{Name: "aud", Local: true, Usage: "issuer `URL` of the server that it is for; two become an array"},
		&cli.DurationFlag{Name: "lifetime", Local: true, HideDefault: true, Usage: "from now to exp (default: 5m; with Google's JSON 1h)"},
		&cli.StringFlag{Name: "typ", Local: true, Value: "JWT", Usage: "typ of the header; -typ= leaves it out"},
		&cli.StringSliceFlag{Name: "claim", Local: true, Usage: "another claim, `N=V`; V is JSON, or else a string"},
		&cli.BoolFlag{Name: "no-jti", Local: true, Usage: "leave jti out, as some libraries do"},
	}
}

func makeAssertion(_ context.Context, cmd *cli.Command) error {
	if err := refuseArguments(cmd); err != nil {
		return err
	}
	key, err := signingKey(cmd)
	if err != nil {
		return err
	}
	claims, err := claimsOf(cmd, key)
	if err != nil {
		return err
	}
	claims.Scope = cmd.String("scope")
	if claims.Issuer == "" {
		return errors.New("-iss is missing: who signs, a client's id or an issuer")
	}
	if len(claims.Audience) == 0 {
		return errors.New("-aud is missing: the issuer URL of the server that the assertion is for")
	}
	signed, err := claims.sign(key.SigningKey, cmd.String("typ"), time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.Root().Writer, signed.Reveal())
	return err
}

// signingKey reads the key of -key.
func signingKey(cmd *cli.Command) (ownKey, error) {
	file := keyFile{Path: cmd.String("key"), Algorithm: jose.Algorithm(cmd.String("alg")), ID: cmd.String("kid")}
	if file.Path == "" {
		return ownKey{}, errors.New("-key is missing: the file of the private key or shared secret; localrun keys makes one")
	}
	return file.read(cmd.Root().Reader)
}

// claimsOf returns the claims that the options state, and what they leave open as the key's own library would have it.
func claimsOf(cmd *cli.Command, key ownKey) (assertionClaims, error) {
	extra, err := parseClaims(cmd.StringSlice("claim"))
	if err != nil {
		return assertionClaims{}, err
	}
	claims := assertionClaims{
		Issuer:    cmd.String("iss"),
		Subject:   cmd.String("sub"),
		Audience:  cmd.StringSlice("aud"),
		Lifetime:  cmd.Duration("lifetime"),
		WithoutID: cmd.Bool("no-jti"),
		Extra:     extra,
	}
	if !cmd.IsSet("lifetime") {
		claims.Lifetime = 5 * time.Minute
	}
	if key.Google != nil {
		return asGoogleDoes(cmd, claims, *key.Google), nil
	}
	if !cmd.IsSet("sub") {
		claims.Subject = claims.Issuer
	}
	return claims, nil
}

// asGoogleDoes fills claims in as Google's libraries make them of a key file.
func asGoogleDoes(cmd *cli.Command, claims assertionClaims, key googleKey) assertionClaims {
	claims.WithoutID = true
	if claims.Issuer == "" {
		claims.Issuer = key.ClientEmail
	}
	if len(claims.Audience) == 0 {
		claims.Audience = []string{key.TokenURI}
	}
	if !cmd.IsSet("lifetime") {
		claims.Lifetime = time.Hour
	}
	return claims
}

// parseClaims reads the values of -claim.
func parseClaims(pairs []string) (map[string]any, error) {
	claims := make(map[string]any, len(pairs))
	for _, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("-claim is %q; write NAME=VALUE", pair)
		}
		if _, twice := claims[name]; twice {
			return nil, fmt.Errorf("-claim states %s twice; several values are one array: -claim '%s=[…]'", name, name)
		}
		if json.Valid([]byte(value)) {
			claims[name] = json.RawMessage(value)
		} else {
			claims[name] = value
		}
	}
	return claims, nil
}

// clientAssertion makes what a client authenticates with (RFC 7523 §2.2): it speaks of itself to one server.
func clientAssertion(id, audience string, key jose.SigningKey) (oauth.Secret, error) {
	claims := assertionClaims{Issuer: id, Subject: id, Audience: []string{audience}, Lifetime: 5 * time.Minute}
	return claims.sign(key, "JWT", time.Now())
}
