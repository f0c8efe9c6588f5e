package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"example.com/countersign/internal/server"
)

// tokenSuffix is how a URL is told to be a token endpoint.
const tokenSuffix = server.TokenPath

// authorizationServer is whom a client asks, and whom its assertions are for.
type authorizationServer struct {
	Issuer        string
	TokenEndpoint string
	TLSEndpoint   string // the token endpoint where TLS asks for certificates (RFC 8705 §5); empty: it is the other one

	Introspection, Revocation       string // empty: there is no such endpoint, or nobody has asked for the metadata
	TLSIntrospection, TLSRevocation string // likewise where TLS asks for certificates
}

// locate finds out about the server at address, which is its issuer identifier, or, where it ends in /token, its token
// endpoint. An issuer identifier is looked up in the server's metadata, which says where the endpoint is.
func locate(ctx context.Context, client *http.Client, address string) (authorizationServer, error) {
	if err := checkURL(address); err != nil {
		return authorizationServer{}, err
	}
	if issuer, isEndpoint := strings.CutSuffix(address, tokenSuffix); isEndpoint {
		return authorizationServer{Issuer: issuer, TokenEndpoint: address}, nil
	}
	return discover(ctx, client, address)
}

// discover reads the metadata of an issuer (RFC 8414 §3). The issuer that it names must be the one that was asked for,
// character by character (§3.3): an assertion for any other would be refused, or be good for somebody else.
func discover(ctx context.Context, client *http.Client, address string) (authorizationServer, error) {
	place, err := metadataURL(address)
	if err != nil {
		return authorizationServer{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return authorizationServer{}, err
	}
	answer, body, err := exchange(client, request)
	if err != nil {
		return authorizationServer{}, err
	}
	type endpoints struct {
		Token         string `json:"token_endpoint"`
		Introspection string `json:"introspection_endpoint"`
		Revocation    string `json:"revocation_endpoint"`
	}
	var metadata struct {
		Issuer string `json:"issuer"`
		endpoints
		Aliases endpoints `json:"mtls_endpoint_aliases"`
	}
	switch {
	case answer.StatusCode != http.StatusOK:
		return authorizationServer{}, fmt.Errorf("%s answered with status %d; -url is the issuer, or its token endpoint, which ends in %s", place, answer.StatusCode, tokenSuffix)
	case json.Unmarshal(body, &metadata) != nil || metadata.Token == "":
		return authorizationServer{}, fmt.Errorf("%s is not the metadata of an authorization server", place)
	case metadata.Issuer != address:
		return authorizationServer{}, fmt.Errorf("the server at %s calls itself %q; use that name as -url", address, metadata.Issuer)
	}
	return authorizationServer{
		Issuer: metadata.Issuer, TokenEndpoint: metadata.Token, TLSEndpoint: metadata.Aliases.Token,
		Introspection: metadata.Introspection, TLSIntrospection: metadata.Aliases.Introspection,
		Revocation: metadata.Revocation, TLSRevocation: metadata.Aliases.Revocation,
	}, nil
}

// metadataURL puts the well-known path before that of the issuer (RFC 8414 §3.1).
func metadataURL(issuer string) (string, error) {
	place, err := url.Parse(issuer)
	if err != nil {
		return "", err
	}
	return place.Scheme + "://" + place.Host + "/.well-known/oauth-authorization-server" + strings.TrimSuffix(place.EscapedPath(), "/"), nil
}

// tokenEndpoint returns the token endpoint of the service that address names, in our own layout.
func tokenEndpoint(address string) string {
	return strings.TrimSuffix(strings.TrimSuffix(address, tokenSuffix), "/") + tokenSuffix
}
