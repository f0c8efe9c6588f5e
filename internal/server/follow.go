package server

import (
	"context"
	"log/slog"
	"net/http"

	"example.com/countersign/internal/oauth"
)

// Follow serves each request with the handler that is current when it comes, for a service whose configuration changes
// while it runs. Where there is none, the answer is 503; only health depends on nothing.
func Follow(log *slog.Logger, version string, current func(context.Context) (http.Handler, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler, err := current(r.Context())
		switch {
		case err == nil:
			handler.ServeHTTP(w, r)
		case r.URL.Path == healthPath:
			respondHealth(w, r, version)
		default:
			id := newTraceID()
			log.ErrorContext(r.Context(), "there is no configuration to serve", "event", "unavailable", "error", err.Error(), "trace_id", id)
			respondError(w, r, oauth.Unavailable("configuration_unavailable", err), id)
		}
	})
}
