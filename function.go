// Package countersign is an OAuth 2.0 token service for machines, as Google Cloud Functions.
//
// A machine presents a JWT that it or a trusted issuer signed (RFC 7523); Countersign checks it against a short
// configuration and answers with a short-lived access token that it signs itself.
package countersign

import (
	"context"
	"net/http"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"github.com/cloudevents/sdk-go/v2/event"

	"example.com/countersign/internal/server"
)

// init registers the functions. It runs in every binary that imports this package, and does no more in those that do
// not serve one.
func init() {
	functions.HTTP("AuthorizationServer", serve((*server.Server).Handler))
	functions.HTTP("Token", serve((*server.Server).Token))
	functions.HTTP(jwksTarget, serve((*server.Server).JWKS))
	functions.CloudEvent(rotateKeysTarget, func(ctx context.Context, e event.Event) error { return orExit().rotateKeys(ctx, e) })
	startEarly()
}

// Functions that need other rights than those that sign.
const (
	rotateKeysTarget = "RotateKeys" // what Secret Manager's notices go to
	jwksTarget       = "JWKS"       // publishes, and has no access to private keys that are published apart
)

// serve returns a function that is built when it is first called.
func serve(part func(*server.Server) http.Handler) func(http.ResponseWriter, *http.Request) {
	handler := lazily(part)
	return func(w http.ResponseWriter, r *http.Request) { handler().ServeHTTP(w, r) }
}
