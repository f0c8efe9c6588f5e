package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// proofCommand makes one DPoP proof.
func proofCommand() *cli.Command {
	return &cli.Command{
		Name:      "proof",
		Usage:     "make a DPoP proof: that you have the key that a token is bound to",
		UsageText: "localrun proof -key FILE -url URL [options]",
		Description: `Prints a DPoP proof (RFC 9449) and nothing else. It is good for one request to one
URL within a minute.

   export TOKEN=$(localrun token -url https://auth.example.com -client billing-batch \
                  -key billing-batch.pem -dpop proof.pem)
   curl -H "Authorization: DPoP $TOKEN" \
        -H "DPoP: $(localrun proof -key proof.pem -token-env TOKEN -url https://invoices.example.com/)" \
        https://invoices.example.com/
      at an API: the proof names the token that it comes with

   localrun proof -key proof.pem -method POST -url https://auth.example.com/token
      at the token endpoint: there is no token yet

   localrun proof -key proof.pem -url https://invoices.example.com/ -token-file token -nonce NONCE
      for a server that has answered use_dpop_nonce, with the nonce of its DPoP-Nonce header

An RSA key signs with PS256 unless -alg says otherwise. The token is a secret: it
comes from a file, standard input or the environment, never from the command line.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "key", Local: true, Usage: "sign with the key in `FILE`: PEM (PKCS#8) or JWK; - is standard input"},
			algorithmFlag("sign with `ALG`: RS256, PS384… for RSA"),
			&cli.StringFlag{Name: "method", Local: true, Value: http.MethodGet, Usage: "`METHOD` of the request, in capital letters"},
			&cli.StringFlag{Name: "url", Local: true, Usage: "`URL` of the request; its query does not count"},
			&cli.StringFlag{Name: "token-file", Local: true, Usage: "the access token of the request, in `FILE`; - is standard input"},
			&cli.StringFlag{Name: "token-env", Local: true, Usage: "the same from the environment variable `NAME`"},
			&cli.StringFlag{Name: "nonce", Local: true, Usage: "`NONCE` that the server has given"},
		},
		HideHelpCommand: true,
		OnUsageError:    refuseUsage,
		Action:          makeProof,
	}
}

func makeProof(_ context.Context, cmd *cli.Command) error {
	if err := refuseArguments(cmd); err != nil {
		return err
	}
	file, place := cmd.String("key"), cmd.String("url")
	switch {
	case file == "":
		return errors.New("-key is missing: the file of the private key that the token is bound to; localrun keys makes one")
	case place == "":
		return errors.New("-url is missing: where the request is sent to")
	}
	if err := checkTarget(place); err != nil {
		return err
	}
	if err := onlyOneFromStandardInput(cmd, "key", "token-file"); err != nil {
		return err
	}
	key, err := proofKey(cmd, file, jose.Algorithm(cmd.String("alg")))
	if err != nil {
		return err
	}
	token, err := presentedToken(cmd)
	if err != nil {
		return err
	}
	proof, err := dpop.Sign(key, dpop.Claims{
		Method: cmd.String("method"), URL: place, IssuedAt: time.Now(), AccessToken: token.Reveal(), Nonce: cmd.String("nonce"),
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.Root().Writer, proof)
	return err
}

// checkTarget refuses what no request is sent to, and what RFC 9110 §4.2.4 keeps out of URLs.
func checkTarget(text string) error {
	target, err := url.Parse(text)
	isWeb := err == nil && (target.Scheme == "https" || target.Scheme == "http")
	if !isWeb || target.Host == "" || target.User != nil {
		return fmt.Errorf("%q is not a URL like https://api.example.com/", text)
	}
	return nil
}

// presentedToken reads the access token that a proof comes with; zero: there is none. No error repeats it.
func presentedToken(cmd *cli.Command) (oauth.Secret, error) {
	file, variable := cmd.String("token-file"), cmd.String("token-env")
	text := ""
	switch {
	case file != "" && variable != "":
		return oauth.Secret{}, errors.New("-token-file and -token-env both give the access token; give one of them")
	case file == "" && variable == "":
		return oauth.Secret{}, nil
	case variable != "":
		if text = os.Getenv(variable); text == "" {
			return oauth.Secret{}, fmt.Errorf("the environment variable %s is empty or not there", variable)
		}
	case strings.Count(file, ".") == 2 && strings.HasPrefix(file, "eyJ"):
		return oauth.Secret{}, errors.New("-token-file is the name of a file; " +
			"what stands on a command line, every process of the machine can read")
	default:
		document, err := readInput(file, cmd.Root().Reader)
		if err != nil {
			return oauth.Secret{}, err
		}
		text = string(document)
	}
	if text = strings.TrimSpace(text); !isVisible(text) {
		return oauth.Secret{}, errors.New("what is given as the access token is none")
	}
	return oauth.NewSecret(text), nil
}

// proofKey reads a key that proofs are signed with. An RSA key that does not say how signs with PS256, which every
// profile lets it (FAPI 2.0 §5.4.1).
func proofKey(cmd *cli.Command, file string, algorithm jose.Algorithm) (jose.SigningKey, error) {
	if algorithm.Symmetric() {
		return jose.SigningKey{}, fmt.Errorf("a proof is signed with a private key, and %s has none", algorithm)
	}
	key, err := keyFile{Path: file, Algorithm: algorithm, RSA: jose.PS256}.read(cmd.Root().Reader)
	return key.SigningKey, err
}

// prove puts a proof into the header of a request.
func prove(request *http.Request, key jose.SigningKey, claims dpop.Claims) error {
	proof, err := dpop.Sign(key, claims)
	if err != nil {
		return err
	}
	request.Header.Set("DPoP", proof)
	return nil
}

// nonceOf returns the nonce that an answer brings (RFC 9449 §8.1); empty: none, or several, or what is none.
func nonceOf(header http.Header) string {
	fields := header.Values("DPoP-Nonce")
	if len(fields) != 1 || strings.ContainsFunc(fields[0], isNoNonce) {
		return ""
	}
	return fields[0]
}

// isNoNonce holds RFC 9449 §8.1 for a character.
func isNoNonce(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }

// unlike says where a token is not bound as the request asked (RFC 9449 §5); empty: it is.
func (t tokenResponse) unlike(r tokenRequest) string {
	isBound := strings.EqualFold(t.TokenType, oauth.TokenTypeDPoP)
	switch {
	case isBound && r.Prover.IsZero():
		return "the token_type is DPoP, and no proof was sent: nobody can use this token"
	case !isBound && !r.Prover.IsZero():
		return fmt.Sprintf("a proof was sent, and the token_type is %s: the server has not bound the token to the key, "+
			"and whoever has the token can use it", printable(t.TokenType))
	default:
		return ""
	}
}
