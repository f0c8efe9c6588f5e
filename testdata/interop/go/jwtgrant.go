package main

import (
	"bytes"
	"context"
	cryptorand "crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"golang.org/x/oauth2/jwt"
)

const robot = "robot@interop.example"

func rand() string { return cryptorand.Text() }

// googleFlows are those of Google's key file, with no code of ours between it and the API.
func googleFlows() []flow {
	return []flow{
		{oauth2Module, "google.JWTConfigFromJSON", func(ctx context.Context) error {
			config, err := google.JWTConfigFromJSON(file("robot.json"), read)
			if err != nil {
				return err
			}
			return call(config.Client(ctx), http.MethodGet, robot)
		}},
		{oauth2Module, "google.JWTConfigFromJSON, twice", func(ctx context.Context) error {
			config, err := google.JWTConfigFromJSON(file("robot.json"), write)
			if err != nil {
				return err
			}
			return errors.Join(call(config.Client(ctx), http.MethodPost, robot), call(config.Client(ctx), http.MethodPost, robot))
		}},
		{oauth2Module, "google.CredentialsFromJSONWithType", func(ctx context.Context) error {
			credentials, err := google.CredentialsFromJSONWithType(ctx, file("robot.json"), google.ServiceAccount, read)
			if err != nil {
				return err
			}
			return call(oauth2.NewClient(ctx, credentials.TokenSource), http.MethodGet, robot)
		}},
		{oauth2Module, "google: a key that is not registered is invalid_grant", func(ctx context.Context) error {
			config, err := google.JWTConfigFromJSON(file("robot.json"), read)
			if err != nil {
				return err
			}
			config.PrivateKey = file("stranger-rs256.pem")
			_, err = config.TokenSource(ctx).Token()
			return want(err, invalidGrant)
		}},
	}
}

// ownAssertions are the flows of x/oauth2/jwt without Google.
func ownAssertions() []flow {
	vouched := func() *jwt.Config {
		return &jwt.Config{
			Email: "https://ci.interop.example", Subject: "job-1", PrivateKey: file("rs256.pem"), TokenURL: tokenEndpoint,
			PrivateClaims: map[string]any{"repository": "acme/shop", "jti": rand()},
		}
	}
	return []flow{
		{oauth2Module, "jwt: an issuer vouches for a job", func(ctx context.Context) error {
			return call(vouched().Client(ctx), http.MethodGet, "repo:acme/shop")
		}},
		{oauth2Module, "jwt: aud is the issuer identifier", func(ctx context.Context) error {
			config := vouched()
			config.Audience = issuer
			return call(config.Client(ctx), http.MethodGet, "repo:acme/shop")
		}},
		{oauth2Module, "jwt: a client asserts for itself", func(ctx context.Context) error {
			config := &jwt.Config{Email: "go-self", PrivateKey: file("rs256.pem"), TokenURL: tokenEndpoint, Scopes: []string{write}, Expires: time.Minute}
			return call(config.Client(ctx), http.MethodPost, "go-self")
		}},
		{oauth2Module, "jwt: a key that is not registered is invalid_grant", func(ctx context.Context) error {
			config := vouched()
			config.PrivateKey = file("stranger-rs256.pem")
			_, err := config.TokenSource(ctx).Token()
			return want(err, invalidGrant)
		}},
		{oauth2Module, "jwt: another aud is invalid_grant", func(ctx context.Context) error {
			config := vouched()
			config.Audience = "https://elsewhere.example"
			_, err := config.TokenSource(ctx).Token()
			return want(err, invalidGrant)
		}},
	}
}

// invalidGrant reads the body: the error of x/oauth2/jwt has the type of clientcredentials', and not its fields.
func invalidGrant(err error) bool {
	refused, isRefused := errors.AsType[*oauth2.RetrieveError](err)
	if !isRefused || refused.Response.StatusCode != http.StatusBadRequest {
		return false
	}
	var body struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	err = json.NewDecoder(bytes.NewReader(refused.Body)).Decode(&body)
	return err == nil && body.Code == "invalid_grant" && body.Description != ""
}
