package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/auth/extauth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const mcpModule = "github.com/modelcontextprotocol/go-sdk"

// mcpFlows are those of the official SDK of the Model Context Protocol, as an agent that calls the tool of an MCP server.
// Its ClientCredentialsHandler knows no more than the URL of the server; whatever gets a token can take its place.
func mcpFlows() []flow {
	secret := string(file("plain.secret"))
	return []flow{
		{mcpModule, "ClientCredentialsHandler, client_secret_post", func(ctx context.Context) error {
			return askTool(ctx, withPassword(secret, http.DefaultClient), "mcp-post")
		}},
		{mcpModule, "an OAuthHandler with private_key_jwt", func(ctx context.Context) error {
			assertion, err := sign("es256", clientClaims("mcp-key"))
			if err != nil {
				return err
			}
			config := withAssertion(assertion)
			config.ClientID = "mcp-key"
			return askTool(ctx, &tokens{source: config.TokenSource(ctx)}, "mcp-key")
		}},
		{mcpModule, "an OAuthHandler of a workload that is not registered", func(ctx context.Context) error {
			source, err := asWorkload(ctx, "es256")
			if err != nil {
				return err
			}
			return askTool(ctx, &tokens{source: source}, workloadSubject)
		}},

		// This fails as soon as the SDK reads metadata without PKCE, and then nobody needs mcp_clients for it.
		{mcpModule, "without PKCE it does not read our metadata", func(ctx context.Context) error {
			return want(askTool(ctx, withPassword(secret, bare), "mcp-post"), func(err error) bool {
				return strings.HasSuffix(err.Error(), "does not implement PKCE")
			})
		}},
		{mcpModule, "a wrong secret is invalid_client", func(ctx context.Context) error {
			return want(askTool(ctx, withPassword("wrong", http.DefaultClient), "mcp-post"), says("invalid_client"))
		}},
		{mcpModule, "a workload of another platform is invalid_grant", func(ctx context.Context) error {
			source, err := asWorkload(ctx, "stranger-es256")
			if err != nil {
				return err
			}
			return want(askTool(ctx, &tokens{source: source}, workloadSubject), says("invalid_grant"))
		}},
		{mcpModule, "a token for writing is no token for reading", func(ctx context.Context) error {
			config := clientcredentials.Config{
				ClientID: "mcp-post", ClientSecret: secret, TokenURL: tokenEndpoint,
				AuthStyle: oauth2.AuthStyleInParams, Scopes: []string{write},
			}
			return want(askTool(ctx, &tokens{source: config.TokenSource(ctx)}, "mcp-post"), says("Forbidden"))
		}},
	}
}

// says reports whether an error has this text. The SDK passes errors on as text alone.
func says(text string) func(error) bool {
	return func(err error) bool { return strings.Contains(err.Error(), text) }
}

// bare takes from our metadata the one field that the SDK insists on, and that is there for its sake alone (metadata:
// {mcp_clients: true}).
var bare = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK || !strings.HasPrefix(r.URL.Path, "/.well-known/oauth-authorization-server") {
		return answer, err
	}
	defer answer.Body.Close()
	var metadata map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&metadata); err != nil {
		return nil, err
	}
	delete(metadata, "code_challenge_methods_supported")
	text, err := json.Marshal(metadata)
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return answer, err
})}

// transport is a function that answers requests.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func withPassword(secret string, client *http.Client) auth.OAuthHandler {
	handler, err := extauth.NewClientCredentialsHandler(&extauth.ClientCredentialsHandlerConfig{
		Credentials: &oauthex.ClientCredentials{
			ClientID: "mcp-post", ClientSecretAuth: &oauthex.ClientSecretAuth{ClientSecret: secret}, Issuer: issuer,
		},
		HTTPClient: client,
	})
	if err != nil {
		fatal(err)
	}
	return handler
}

// tokens hands out the tokens of a source, from when the MCP server has asked for one.
type tokens struct {
	source oauth2.TokenSource
	asked  bool
}

func (t *tokens) TokenSource(context.Context) (oauth2.TokenSource, error) {
	if !t.asked {
		return nil, nil
	}
	return t.source, nil
}

func (t *tokens) Authorize(_ context.Context, _ *http.Request, answer *http.Response) error {
	answer.Body.Close()
	if t.asked {
		return errors.New(answer.Status)
	}
	_, err := t.source.Token()
	t.asked = err == nil
	return err
}

const workloadSubject = "spiffe://interop.example/ns/default/sa/router"

// asWorkload gets a token with what a platform says of one of its workloads: the JWT grant, and no client.
func asWorkload(ctx context.Context, key string) (oauth2.TokenSource, error) {
	now := time.Now()
	assertion, err := sign(key, jwt.Claims{
		Issuer: "https://workloads.interop.example", Subject: workloadSubject, Audience: jwt.Audience{tokenEndpoint},
		ID: rand(), IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(5 * time.Minute)),
	})
	if err != nil {
		return nil, err
	}
	config := clientcredentials.Config{
		TokenURL: tokenEndpoint, AuthStyle: oauth2.AuthStyleInParams, Scopes: []string{read},
		EndpointParams: url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}, "resource": {api},
		},
	}
	return config.TokenSource(ctx), nil
}

// askTool connects to the MCP server, calls its tool, and checks on whose behalf it was called.
func askTool(ctx context.Context, handler auth.OAuthHandler, subject string) error {
	return askToolAt(ctx, api+"/mcp", handler, subject)
}

func askToolAt(ctx context.Context, server string, handler auth.OAuthHandler, subject string) error {
	client := mcp.NewClient(&mcp.Implementation{Name: "agent", Version: "1"}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: server, OAuthHandler: handler, MaxRetries: -1}, nil)
	if err != nil {
		return err
	}
	defer session.Close()
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "stock"})
	if err != nil {
		return err
	}
	text, err := json.Marshal(result.StructuredContent)
	if err != nil {
		return err
	}
	var said struct {
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal(text, &said); err != nil || result.IsError || said.Subject != subject {
		return fmt.Errorf("the tool says %s; want it for %s", text, subject)
	}
	return nil
}
