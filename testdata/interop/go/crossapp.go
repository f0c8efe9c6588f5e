package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/modelcontextprotocol/go-sdk/auth/extauth"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"
)

// crossAppFlows are those of the SDK's cross-app access: a company's identity provider says in an identity assertion
// (ID-JAG) what an agent may do for one of its users. Countersign takes such assertions, and issues them.
func crossAppFlows() []flow {
	return []flow{
		{mcpModule, "EnterpriseHandler", func(ctx context.Context) error {
			return crossing(ctx, identityAssertion{key: "es256", client: "mcp-cross-post"})
		}},
		{mcpModule, "EnterpriseHandler, an assertion for another client is invalid_grant", func(ctx context.Context) error {
			return want(crossing(ctx, identityAssertion{key: "es256", client: "mcp-cross-basic"}), says("invalid_grant"))
		}},
		{mcpModule, "EnterpriseHandler, a key that is not registered is invalid_grant", func(ctx context.Context) error {
			return want(crossing(ctx, identityAssertion{key: "stranger-es256", client: "mcp-cross-post"}), says("invalid_grant"))
		}},
		{mcpModule, "ExchangeToken, for an identity assertion", func(ctx context.Context) error {
			token, err := forTheToolsOfOthers(ctx, "https://auth.chat.example")
			if err != nil {
				return err
			}
			return checkIdentityAssertion(ctx, token)
		}},
		{mcpModule, "ExchangeToken, for another server is invalid_target", func(ctx context.Context) error {
			_, err := forTheToolsOfOthers(ctx, "https://elsewhere.example")
			return want(err, says("invalid_target"))
		}},
	}
}

const user = "jo@interop.example"

// identityAssertion is what the identity provider of a company says of a user and an agent.
type identityAssertion struct{ key, client string }

func (a identityAssertion) sign() (string, error) {
	var private jose.JSONWebKey
	if err := json.Unmarshal(file(a.key+".jwk.json"), &private); err != nil {
		return "", err
	}
	key := jose.SigningKey{Algorithm: jose.SignatureAlgorithm(private.Algorithm), Key: private}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("oauth-id-jag+jwt"))
	if err != nil {
		return "", err
	}
	now := time.Now()
	return jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: "https://idp.interop.example", Subject: "U019488227", Audience: jwt.Audience{issuer},
		ID: rand(), IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(5 * time.Minute)),
	}).Claims(map[string]any{"client_id": a.client, "email": user, "resource": api, "scope": read}).Serialize()
}

// crossing calls the tool of the MCP server with an assertion that a provider on this machine gives out.
func crossing(ctx context.Context, a identityAssertion) error {
	provider := httptest.NewUnstartedServer(nil)
	defer provider.Close()
	at := "http://" + provider.Listener.Addr().String()
	routes := http.NewServeMux()
	routes.HandleFunc("GET /.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{
			"issuer": at, "token_endpoint": at + "/token", "code_challenge_methods_supported": []string{"S256"},
		})
	})
	routes.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		text, err := a.sign()
		if err != nil || r.PostFormValue("audience") != issuer || r.PostFormValue("resource") != api {
			http.Error(w, "this is not what an agent asks for", http.StatusBadRequest)
			return
		}
		answer(w, map[string]any{"access_token": text, "issued_token_type": oauthex.TokenTypeIDJAG, "token_type": "N_A", "expires_in": 300})
	})
	provider.Config.Handler = routes
	provider.Start()

	password := &oauthex.ClientSecretAuth{ClientSecret: string(file("plain.secret"))}
	handler, err := extauth.NewEnterpriseHandler(&extauth.EnterpriseHandlerConfig{
		IdPIssuerURL: at, IdPCredentials: &oauthex.ClientCredentials{ClientID: "agent"},
		MCPAuthServerURL: issuer, MCPResourceURI: api, MCPScopes: []string{read},
		MCPCredentials: &oauthex.ClientCredentials{ClientID: "mcp-cross-post", ClientSecretAuth: password},
		IDTokenFetcher: func(context.Context) (*oauth2.Token, error) {
			return (&oauth2.Token{}).WithExtra(map[string]any{"id_token": "of the user"}), nil
		},
	})
	if err != nil {
		return err
	}
	return askTool(ctx, handler, user)
}

func answer(w http.ResponseWriter, document map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(document); err != nil {
		fatal(err)
	}
}

// forTheToolsOfOthers asks for an identity assertion for another server, in exchange for the ID token of a user.
func forTheToolsOfOthers(ctx context.Context, audience string) (*oauth2.Token, error) {
	now := time.Now()
	idToken, err := sign("es256", jwt.Claims{
		Issuer: "https://login.interop.example", Subject: "jo", Audience: jwt.Audience{"mcp-assistant"},
		ID: rand(), IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(5 * time.Minute)),
	})
	if err != nil {
		return nil, err
	}
	password := &oauthex.ClientSecretAuth{ClientSecret: string(file("plain.secret"))}
	return oauthex.ExchangeToken(ctx, tokenEndpoint, &oauthex.TokenExchangeRequest{
		RequestedTokenType: oauthex.TokenTypeIDJAG, Audience: audience, Resource: "https://mcp.chat.example/",
		Scope: []string{"chat.read"}, SubjectToken: idToken, SubjectTokenType: oauthex.TokenTypeIDToken,
	}, &oauthex.ClientCredentials{ClientID: "mcp-assistant", ClientSecretAuth: password}, nil)
}

// checkIdentityAssertion checks what the other server will.
func checkIdentityAssertion(ctx context.Context, token *oauth2.Token) error {
	if token.TokenType != "N_A" || token.Extra("issued_token_type") != oauthex.TokenTypeIDJAG {
		return fmt.Errorf("it is a %s of type %v", token.TokenType, token.Extra("issued_token_type"))
	}
	payload, err := oidc.NewRemoteKeySet(ctx, issuer+"/.well-known/jwks.json").VerifySignature(ctx, token.AccessToken)
	if err != nil {
		return err
	}
	parsed, err := jwt.ParseSigned(token.AccessToken, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return err
	}
	var claims struct {
		jwt.Claims
		ClientID string `json:"client_id"`
		Resource string `json:"resource"`
		Scope    string `json:"scope"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return err
	}
	err = claims.Validate(jwt.Expected{Issuer: issuer, Subject: "jo", AnyAudience: jwt.Audience{"https://auth.chat.example"}})
	if parsed.Headers[0].ExtraHeaders[jose.HeaderType] != "oauth-id-jag+jwt" || claims.ClientID != "f53f191f9311af35" ||
		claims.Resource != "https://mcp.chat.example/" || claims.Scope != "chat.read" {
		return errors.Join(err, fmt.Errorf("it says %s", payload))
	}
	return err
}
