package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"
)

// stockServer is an MCP server as docs/operations/agents.md has it, with nothing of ours in it: the SDK, and go-oidc, which
// fetches the keys.
func stockServer(resource string) http.Handler {
	identifier, _ := url.Parse(resource)
	metadata := "/.well-known/oauth-protected-resource" + identifier.Path // RFC 9728 §3.1
	server := mcp.NewServer(&mcp.Implementation{Name: "stock", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "stock"}, func(_ context.Context, request *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, caller, error) {
		return nil, caller{request.Extra.TokenInfo.UserID}, nil
	})
	tools := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true})
	protect := auth.RequireBearerToken(accessTokens(resource), &auth.RequireBearerTokenOptions{
		Scopes: []string{read}, ResourceMetadataURL: identifier.Scheme + "://" + identifier.Host + metadata,
	})
	routes := http.NewServeMux()
	routes.Handle("/mcp", protect(tools))
	routes.Handle(metadata, auth.ProtectedResourceMetadataHandler(&oauthex.ProtectedResourceMetadata{
		Resource: resource, AuthorizationServers: []string{issuer},
		ScopesSupported: []string{read, write}, BearerMethodsSupported: []string{"header"},
	}))
	return routes
}

type caller struct {
	Subject string `json:"sub"`
}

// accessTokens holds RFC 9068 §4 for the access tokens of an API.
func accessTokens(resource string) auth.TokenVerifier {
	keys := oidc.NewRemoteKeySet(context.Background(), issuer+"/.well-known/jwks.json")
	return func(ctx context.Context, text string, _ *http.Request) (*auth.TokenInfo, error) {
		token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256}) // what signs here: access_tokens.algorithm
		if err != nil || token.Headers[0].ExtraHeaders[jose.HeaderType] != "at+jwt" {
			return nil, fmt.Errorf("%w: it is no access token", auth.ErrInvalidToken)
		}
		payload, err := keys.VerifySignature(ctx, text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", auth.ErrInvalidToken, err)
		}
		var claims struct {
			jwt.Claims
			Scope        string          `json:"scope"`
			Confirmation json.RawMessage `json:"cnf"`
		}
		if err := json.Unmarshal(payload, &claims); err != nil {
			return nil, fmt.Errorf("%w: %w", auth.ErrInvalidToken, err)
		}
		expected := jwt.Expected{Issuer: issuer, AnyAudience: jwt.Audience{resource}, Time: time.Now()}
		if err := claims.ValidateWithLeeway(expected, 0); err != nil || claims.Expiry == nil {
			return nil, fmt.Errorf("%w: it is for another server, of another issuer, or has expired", auth.ErrInvalidToken)
		}
		if claims.Confirmation != nil { // it is bound to a key or a certificate, and is no bearer token
			return nil, fmt.Errorf("%w: it is bound", auth.ErrInvalidToken)
		}
		return &auth.TokenInfo{UserID: claims.Subject, Scopes: strings.Fields(claims.Scope), Expiration: claims.Expiry.Time()}, nil
	}
}

// mcpServerFlows are those of the SDK in the place of the MCP server.
func mcpServerFlows() []flow {
	at := func(resource string, source func(context.Context) (oauth2.TokenSource, error)) func(context.Context) error {
		return func(ctx context.Context) error {
			tokenSource, err := source(ctx)
			if err != nil {
				return err
			}
			listener := httptest.NewServer(stockServer(resource))
			defer listener.Close()
			return askToolAt(ctx, listener.URL+"/mcp", &tokens{source: tokenSource}, "go-basic")
		}
	}
	plain := func(ctx context.Context) (oauth2.TokenSource, error) { return passwordClient().TokenSource(ctx), nil }
	writing := func(ctx context.Context) (oauth2.TokenSource, error) {
		config := passwordClient()
		config.Scopes = []string{write}
		return config.TokenSource(ctx), nil
	}
	bound := func(ctx context.Context) (oauth2.TokenSource, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
		if err != nil {
			return nil, err
		}
		client := &http.Client{Transport: &prover{base: http.DefaultTransport, key: key, algorithm: jose.ES256}}
		token, err := passwordClient().Token(context.WithValue(ctx, oauth2.HTTPClient, client))
		if err != nil {
			return nil, err
		}
		if token.TokenType != "DPoP" {
			return nil, errors.New("the token is not bound")
		}
		token.TokenType = "Bearer" // as a thief sends it
		return oauth2.StaticTokenSource(token), nil
	}
	tampered := func(ctx context.Context) (oauth2.TokenSource, error) {
		token, err := passwordClient().Token(ctx)
		if err != nil {
			return nil, err
		}
		token.AccessToken = changed(token.AccessToken)
		return oauth2.StaticTokenSource(token), nil
	}
	refused := func(attempt func(context.Context) error, status string) func(context.Context) error {
		return func(ctx context.Context) error { return want(attempt(ctx), says(status)) }
	}
	return []flow{
		{mcpModule, "as an MCP server: an access token", at(api, plain)},
		{mcpModule, "as an MCP server: a token for writing is refused", refused(at(api, writing), "Forbidden")},
		{mcpModule, "as an MCP server: a token for another API is refused", refused(at("https://elsewhere.example/mcp", plain), "Unauthorized")},
		{mcpModule, "as an MCP server: a changed signature is refused", refused(at(api, tampered), "Unauthorized")},
		{mcpModule, "as an MCP server: a bound token as Bearer is refused", refused(at(api, bound), "Unauthorized")},
	}
}
