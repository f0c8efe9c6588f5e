package main

import (
	"context"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"example.com/countersign/internal/resource"
)

// mcpPath is where the API is also there for agents, as a server of the Model Context Protocol.
const mcpPath = "/mcp"

// newMCP returns the API as an MCP server (streamable HTTP) with one tool, which needs a token with scope like everything
// else of the API. Every request brings its token and is a session of its own, so that nobody goes on in another's.
func newMCP(verifier *resource.Verifier, scope string) http.Handler {
	return verifier.Protect(scope, func(w http.ResponseWriter, r *http.Request, token resource.Token) {
		tools := toolsFor(token)
		mcp.NewStreamableHTTPHandler(
			func(*http.Request) *mcp.Server { return tools },
			&mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true},
		).ServeHTTP(w, r)
	})
}

// toolsFor returns what the caller with this token can do: ask for the stock, and be told by whom it was asked for.
func toolsFor(token resource.Token) *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "countersign-demo", Version: "1"}, nil)
	tool := mcp.Tool{Name: "stock", Description: "Says who has asked for the stock, as the access token names the caller."}
	mcp.AddTool(server, &tool, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, greeting, error) {
		return nil, greetingOf(token), nil
	})
	return server
}
