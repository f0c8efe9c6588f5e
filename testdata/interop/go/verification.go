package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const oidcModule = "github.com/coreos/go-oidc/v3"

// verification is go-oidc in the place of an API: it finds our keys by discovery and verifies an access token.
func verification() []flow {
	// The metadata has no id_token_signing_alg_values_supported, since no ID token is ever issued. Without it go-oidc
	// takes RS256 alone.
	es256 := oidc.Config{ClientID: api, SupportedSigningAlgs: []string{oidc.ES256}}
	return []flow{
		{oidcModule, "an access token, by discovery and JWKS", func(ctx context.Context) error {
			return verify(ctx, es256, func(token string) string { return token })
		}},
		{oidcModule, "the token endpoint, by discovery", func(ctx context.Context) error {
			provider, err := oidc.NewProvider(ctx, issuer)
			if err != nil {
				return err
			}
			config := passwordClient()
			config.TokenURL = provider.Endpoint().TokenURL
			return call(config.Client(ctx), http.MethodGet, "go-basic")
		}},
		{oidcModule, "an access token for another API is refused", func(ctx context.Context) error {
			other := es256
			other.ClientID = "https://elsewhere.example"
			return want(verify(ctx, other, func(token string) string { return token }), func(err error) bool {
				return strings.Contains(err.Error(), "expected audience")
			})
		}},
		{oidcModule, "an access token with a changed signature is refused", func(ctx context.Context) error {
			return want(verify(ctx, es256, changed), func(err error) bool {
				return strings.Contains(err.Error(), "failed to verify signature")
			})
		}},
	}
}

func passwordClient() *clientcredentials.Config {
	return &clientcredentials.Config{
		ClientID: "go-basic", ClientSecret: string(file("plain.secret")), TokenURL: tokenEndpoint, AuthStyle: oauth2.AuthStyleInHeader,
	}
}

func verify(ctx context.Context, config oidc.Config, change func(string) string) error {
	token, err := passwordClient().Token(ctx)
	if err != nil {
		return err
	}
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return err
	}
	verified, err := provider.Verifier(&config).Verify(ctx, change(token.AccessToken))
	if err != nil {
		return err
	}
	var claims map[string]any
	if err := verified.Claims(&claims); err != nil {
		return err
	}
	if verified.Subject != "go-basic" || claims["client_id"] != "go-basic" || claims["scope"] != read {
		text, _ := json.Marshal(claims)
		return errors.Join(errors.New("the claims are not those of the client"), fmt.Errorf("%s", text))
	}
	return nil
}

// changed changes the first character of the signature, all of whose bits count.
func changed(token string) string {
	at := strings.LastIndexByte(token, '.') + 1
	other := "A"
	if token[at] == 'A' {
		other = "B"
	}
	return token[:at] + other + token[at+1:]
}
