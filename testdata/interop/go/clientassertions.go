package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const joseModule = "github.com/go-jose/go-jose/v4"

// sign makes an assertion with go-jose, with a private JWK of the runner's.
func sign(key string, claims any) (string, error) {
	var private jose.JSONWebKey
	if err := json.Unmarshal(file(key+".jwk.json"), &private); err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(private.Algorithm), Key: private}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// clientClaims are those of RFC 7523 §3 for a client assertion.
func clientClaims(client string) jwt.Claims {
	now := time.Now()
	return jwt.Claims{
		Issuer: client, Subject: client, Audience: jwt.Audience{issuer},
		ID: rand(), IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(time.Minute)),
	}
}

// withAssertion is how clientcredentials takes a client assertion: as parameters, which are the same for every token
// that the configuration gets. So a configuration is good for one.
func withAssertion(assertion string) *clientcredentials.Config {
	return &clientcredentials.Config{
		ClientID: "go-key", TokenURL: tokenEndpoint, AuthStyle: oauth2.AuthStyleInParams,
		EndpointParams: url.Values{
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			"client_assertion":      {assertion},
		},
	}
}

// clientAssertions are the flows of private_key_jwt: go-jose makes the assertion, and x/oauth2 sends it.
func clientAssertions() []flow {
	var flows []flow
	for _, key := range []string{"es256", "es384", "es512", "rs256", "ps256", "eddsa"} {
		flows = append(flows, flow{joseModule, "private_key_jwt, " + algorithm(key), func(ctx context.Context) error {
			assertion, err := sign(key, clientClaims("go-key"))
			if err != nil {
				return err
			}
			return call(withAssertion(assertion).Client(ctx), http.MethodGet, "go-key")
		}})
	}
	return append(flows,
		flow{joseModule, "a key that is not registered is invalid_client", func(ctx context.Context) error {
			assertion, err := sign("stranger-es256", clientClaims("go-key"))
			if err != nil {
				return err
			}
			_, err = withAssertion(assertion).Token(ctx)
			return want(err, refusedWith("invalid_client", http.StatusUnauthorized))
		}},
		flow{joseModule, "an assertion used twice is invalid_client", func(ctx context.Context) error {
			assertion, err := sign("es256", clientClaims("go-key"))
			if err != nil {
				return err
			}
			config := withAssertion(assertion)
			if _, err := config.Token(ctx); err != nil {
				return err
			}
			_, err = config.Token(ctx)
			return want(err, refusedWith("invalid_client", http.StatusUnauthorized))
		}},
	)
}

func algorithm(key string) string {
	if key == "eddsa" {
		return "EdDSA"
	}
	return strings.ToUpper(key)
}
