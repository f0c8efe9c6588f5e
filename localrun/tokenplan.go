package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// requestPlan collects what a request is made of.
type requestPlan struct {
	options *cli.Command
	key     ownKey // zero: none was given
	prover  jose.SigningKey
	server  authorizationServer
	grant   string // grant_type
}

// planRequest turns the options into a request. What they leave open follows from what they say.
func planRequest(ctx context.Context, cmd *cli.Command, client *http.Client) (tokenRequest, error) {
	plan := requestPlan{options: cmd}
	var err error
	if cmd.String("key") != "" {
		if plan.key, err = signingKey(cmd); err != nil {
			return tokenRequest{}, err
		}
	}
	if file := cmd.String("dpop"); file != "" {
		if plan.prover, err = proofKey(cmd, file, ""); err != nil {
			return tokenRequest{}, err
		}
	}
	plan.grant = plan.chooseGrant()
	address := cmd.String("url")
	if address == "" && plan.key.Google != nil {
		address = plan.key.Google.TokenURI
	}
	if address == "" {
		return tokenRequest{}, errors.New("-url is missing: the issuer or token endpoint to ask")
	}
	credential, err := plan.chooseCredential()
	if err != nil {
		return tokenRequest{}, err
	}
	if plan.server, err = locate(ctx, client, address); err != nil {
		return tokenRequest{}, err
	}
	return plan.build(credential)
}

func (p requestPlan) chooseGrant() string {
	switch grant := p.options.String("grant"); {
	case grant == grantJWTBearer:
		return oauth.JWTBearer
	case grant != "":
		return grant
	case p.options.String("assertion") != "" || p.options.String("iss") != "" || p.key.Google != nil:
		return oauth.JWTBearer
	default:
		return oauth.ClientCredentials
	}
}

// chooseCredential decides how the client authenticates, and asks for what the method needs. Its assertion is made
// later, since only the server's metadata says for whom.
func (p requestPlan) chooseCredential() (clientCredential, error) {
	secret, err := p.clientSecret()
	if err != nil {
		return clientCredential{}, err
	}
	credential := clientCredential{Method: p.options.String("auth"), ID: p.options.String("client"), Secret: secret}
	if credential.Method == "" {
		credential.Method = p.impliedMethod(secret)
	}
	isSecret := credential.Method == oauth.ClientSecretBasic || credential.Method == oauth.ClientSecretPost
	isAssertion := credential.Method == oauth.PrivateKeyJWT || credential.Method == oauth.ClientSecretJWT
	isCertificate := credential.Method == oauth.TLSClientAuth || credential.Method == oauth.SelfSignedTLSClientAuth
	switch {
	case isSecret && secret.IsZero():
		return clientCredential{}, fmt.Errorf("%s needs the client's secret: -secret-file or -secret-env", credential.Method)
	case !isSecret && !secret.IsZero():
		return clientCredential{}, fmt.Errorf("%s sends no client_secret; leave the secret out, or choose another -auth", credential.Method)
	case isAssertion && p.key.IsZero():
		return clientCredential{}, fmt.Errorf("%s needs the client's key: -key", credential.Method)
	case isAssertion && p.key.Algorithm().Symmetric() != (credential.Method == oauth.ClientSecretJWT):
		return clientCredential{}, fmt.Errorf("%s is not for an %s key", credential.Method, p.key.Algorithm())
	case isCertificate && !p.hasCertificate():
		return clientCredential{}, fmt.Errorf("%s needs the client's certificate: -cert and -cert-key", credential.Method)
	case (isSecret || isAssertion || isCertificate) && credential.ID == "":
		return clientCredential{}, fmt.Errorf("-client is missing: the id of the client that authenticates by %s", credential.Method)
	}
	return credential, nil
}

// impliedMethod is the method of a client that gives these credentials. In a JWT authorization grant the key is for the
// grant, and who asks proves it by that.
func (p requestPlan) impliedMethod(secret oauth.Secret) string {
	switch {
	case !secret.IsZero():
		return oauth.ClientSecretBasic
	case p.hasCertificate() && p.key.IsZero() && (p.grant == oauth.ClientCredentials || p.options.String("client") != ""):
		return oauth.TLSClientAuth
	case p.grant != oauth.ClientCredentials:
		return oauth.NoAuthentication
	case p.key.Algorithm().Symmetric():
		return oauth.ClientSecretJWT
	default:
		return oauth.PrivateKeyJWT
	}
}

func (p requestPlan) hasCertificate() bool { return p.options.String("cert") != "" }

func (p requestPlan) clientSecret() (oauth.Secret, error) {
	file, variable := p.options.String("secret-file"), p.options.String("secret-env")
	switch {
	case file != "" && variable != "":
		return oauth.Secret{}, errors.New("-secret-file and -secret-env both give the client's secret; give one of them")
	case file != "":
		text, err := readInput(file, p.options.Root().Reader)
		return oauth.NewSecret(string(trimLineBreak(text))), err
	case variable != "":
		text, err := fromEnvironment("-secret-env", variable)
		return oauth.NewSecret(text), err
	default:
		return oauth.Secret{}, nil
	}
}

// build makes the assertions of the request, and the request.
func (p requestPlan) build(credential clientCredential) (tokenRequest, error) {
	endpoint := p.server.TokenEndpoint
	if p.hasCertificate() {
		endpoint = cmp.Or(p.server.TLSEndpoint, endpoint)
		if !strings.HasPrefix(endpoint, "https:") {
			return tokenRequest{}, fmt.Errorf("%s is not https, and only TLS shows a certificate", endpoint)
		}
	}
	request := tokenRequest{
		Endpoint:  endpoint,
		Prover:    p.prover,
		Grant:     p.grant,
		Client:    credential,
		Scope:     p.options.String("scope"),
		Resources: p.options.StringSlice("resource"),
	}
	var err error
	if p.grant == oauth.JWTBearer {
		request.Assertion, err = p.grantAssertion(&request)
		if err != nil {
			return tokenRequest{}, err
		}
	}
	if credential.Method == oauth.PrivateKeyJWT || credential.Method == oauth.ClientSecretJWT {
		request.Client.Assertion, err = p.clientAssertion()
	}
	return request, err
}

// grantAssertion returns the assertion of the JWT authorization grant. Google's libraries state the scope in it and
// not in the form.
func (p requestPlan) grantAssertion(request *tokenRequest) (oauth.Secret, error) {
	if file := p.options.String("assertion"); file != "" {
		text, err := readInput(file, p.options.Root().Reader)
		return oauth.NewSecret(strings.TrimSpace(string(text))), err
	}
	if p.key.IsZero() {
		return oauth.Secret{}, errors.New("jwt-bearer needs an assertion: -assertion with a ready one, or -key to make one")
	}
	claims, err := p.claims(p.options.String("client"))
	if err != nil {
		return oauth.Secret{}, err
	}
	if claims.Issuer == "" {
		return oauth.Secret{}, errors.New("-iss is missing: who signs the assertion, an issuer or a client's id")
	}
	if p.key.Google != nil {
		claims.Scope, request.Scope = request.Scope, ""
	}
	return claims.sign(p.key.SigningKey, p.options.String("typ"), time.Now())
}

// clientAssertion returns what the client authenticates with. The options about the assertion are for the grant, where
// the grant has one.
func (p requestPlan) clientAssertion() (oauth.Secret, error) {
	if p.grant == oauth.JWTBearer {
		return clientAssertion(p.options.String("client"), p.server.Issuer, p.key.SigningKey)
	}
	claims, err := p.claims(p.options.String("client"))
	if err != nil {
		return oauth.Secret{}, err
	}
	return claims.sign(p.key.SigningKey, p.options.String("typ"), time.Now())
}

// claims returns what the options say of the assertion. It is from the given party and for the server unless they name
// others.
func (p requestPlan) claims(from string) (assertionClaims, error) {
	claims, err := claimsOf(p.options, p.key)
	if err != nil {
		return assertionClaims{}, err
	}
	if claims.Issuer == "" {
		claims.Issuer = from
		if !p.options.IsSet("sub") {
			claims.Subject = from
		}
	}
	if len(claims.Audience) == 0 {
		claims.Audience = []string{p.server.Issuer}
	}
	return claims, nil
}
