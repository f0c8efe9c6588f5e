package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const oauth2Module = "golang.org/x/oauth2"

// clientCredentials are the flows of clients with a password.
func clientCredentials() []flow {
	secret := string(file("plain.secret"))
	basic := func() *clientcredentials.Config {
		return &clientcredentials.Config{
			ClientID: "go-basic", ClientSecret: secret, TokenURL: tokenEndpoint, AuthStyle: oauth2.AuthStyleInHeader,
		}
	}
	return []flow{
		{oauth2Module, "client_secret_basic", func(ctx context.Context) error {
			return call(basic().Client(ctx), http.MethodGet, "go-basic")
		}},
		{oauth2Module, "client_secret_basic, an id and a secret that need encoding", func(ctx context.Context) error {
			config := basic()
			config.ClientID, config.ClientSecret = awkwardClient, string(file("awkward.secret"))
			return call(config.Client(ctx), http.MethodGet, awkwardClient)
		}},
		{oauth2Module, "client_secret_basic, found by trying", func(ctx context.Context) error {
			config := basic()
			config.AuthStyle = oauth2.AuthStyleAutoDetect
			return call(config.Client(ctx), http.MethodGet, "go-basic")
		}},
		{oauth2Module, "client_secret_post", func(ctx context.Context) error {
			config := basic()
			config.ClientID, config.AuthStyle = "go-post", oauth2.AuthStyleInParams
			return call(config.Client(ctx), http.MethodGet, "go-post")
		}},
		{oauth2Module, "client_secret_post, found by trying", func(ctx context.Context) error {
			config := basic()
			config.ClientID, config.AuthStyle = "go-post", oauth2.AuthStyleAutoDetect
			return call(config.Client(ctx), http.MethodGet, "go-post")
		}},
		{oauth2Module, "scope and resource asked for", func(ctx context.Context) error {
			config := basic()
			config.Scopes, config.EndpointParams = []string{write}, url.Values{"resource": {api}}
			token, err := config.Token(ctx)
			if err != nil {
				return err
			}
			if token.Extra("scope") != write || token.Expiry.IsZero() {
				return errors.New("the answer lacks scope or expires_in")
			}
			return call(config.Client(ctx), http.MethodPost, "go-basic")
		}},
		{oauth2Module, "a wrong secret is invalid_client", func(ctx context.Context) error {
			config := basic()
			config.ClientSecret = "wrong"
			_, err := config.Token(ctx)
			return want(err, refusedWith("invalid_client", http.StatusUnauthorized))
		}},
		{oauth2Module, "an unknown scope is invalid_scope", func(ctx context.Context) error {
			config := basic()
			config.Scopes = []string{"stock.burn"}
			_, err := config.Token(ctx)
			return want(err, refusedWith("invalid_scope", http.StatusBadRequest))
		}},
		{oauth2Module, "an unknown resource is invalid_target", func(ctx context.Context) error {
			config := basic()
			config.EndpointParams = url.Values{"resource": {"https://elsewhere.example"}}
			_, err := config.Token(ctx)
			return want(err, refusedWith("invalid_target", http.StatusBadRequest))
		}},
	}
}

// refusedWith reports whether the library understood the answer as this error of RFC 6749 §5.2.
func refusedWith(code string, status int) func(error) bool {
	return func(err error) bool {
		refused, isRefused := errors.AsType[*oauth2.RetrieveError](err)
		return isRefused && refused.ErrorCode == code && refused.ErrorDescription != "" && refused.Response.StatusCode == status
	}
}
