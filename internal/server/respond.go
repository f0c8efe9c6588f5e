package server

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"example.com/countersign/internal/budget"
	"example.com/countersign/internal/oauth"
)

// retryAfterSeconds is how long a caller should wait when a dependency is down.
const retryAfterSeconds = 5

// tokenResponse is RFC 6749 §5.1.
type tokenResponse struct {
	AccessToken     string         `json:"access_token"`
	IssuedTokenType string         `json:"issued_token_type,omitempty"` // of a token exchange (RFC 8693 §2.2.1)
	TokenType       string         `json:"token_type"`
	ExpiresIn       int64          `json:"expires_in"` // seconds
	Scope           string         `json:"scope"`
	Resource        any            `json:"resource,omitempty"` // granted, where the assertion may have named others: text, or a list of them
	RecToken        map[string]any `json:"rec_token,omitempty"`
}

// errorResponse is RFC 6749 §5.2.
type errorResponse struct {
	Code        oauth.Code `json:"error"`
	Description string     `json:"error_description,omitempty"`
}

// respondToken answers a token request and returns the status that it sent.
func (s *Server) respondToken(w http.ResponseWriter, r *http.Request, x *exchange, err error) int {
	s.supplyNonce(w, r, x)
	if err != nil {
		return respondError(w, r, err, x.traceID)
	}
	response := tokenResponse{
		AccessToken: x.token.Token.Reveal(),
		TokenType:   x.token.Confirmation.TokenType(),
		ExpiresIn:   x.token.ExpiresIn,
		Scope:       x.token.Scope.String(),
	}
	if x.decision.IDJAG() {
		response.TokenType = oauth.TokenTypeNone
	}
	if x.request.GrantType == oauth.TokenExchange {
		response.IssuedTokenType = cmp.Or(x.request.Exchange.Wanted, oauth.TypeAccessToken)
	}
	if x.authorization.IDJAG() { // draft-ietf-oauth-identity-assertion-authz-grant §4.4.1
		response.Resource = granted(x.decision.Audience())
	}
	if s.config.RecToken && !x.decision.Assertion().IsZero() {
		response.RecToken = x.decision.Assertion().Claims()
	}
	return respondJSON(w, http.StatusOK, response)
}

// granted writes one resource as text, and several as a list of them, as aud does.
func granted(resources []string) any {
	if len(resources) == 1 {
		return resources[0]
	}
	return resources
}

// supplyNonce hands the nonce of the next proof to whoever has sent one (RFC 9449 §8.2). A client that has none learns it
// from the refusal, so an answer is as good without.
func (s *Server) supplyNonce(w http.ResponseWriter, r *http.Request, x *exchange) {
	if s.config.Nonces == nil || x.request.Proof.IsZero() {
		return
	}
	if nonce, err := s.config.Nonces.Fresh(r.Context()); err == nil {
		w.Header().Set("DPoP-Nonce", nonce)
	}
}

// respondError answers with err as the caller may see it (RFC 6749 §5.2, protocol T6, T7), and returns the status. traceID
// is under what the log has more; empty: the answer names nothing.
func respondError(w http.ResponseWriter, r *http.Request, err error, traceID string) int {
	refusal, isRefusal := errors.AsType[*oauth.Error](err)
	if !isRefusal {
		refusal = &oauth.Error{Code: oauth.ServerError, Description: "this server has a defect; its log says more"}
	}
	status, wait := statusOf(err, refusal), retryAfterSeconds
	if exhausted, is := errors.AsType[*budget.Exhausted](err); is {
		status, wait = http.StatusTooManyRequests, int(exhausted.Wait/time.Second)+1
	}
	switch status {
	case http.StatusUnauthorized:
		// RFC 6749 §5.2: the scheme that the client used, if it used one.
		if len(r.Header.Values("Authorization")) > 0 {
			w.Header().Set("WWW-Authenticate", `Basic realm="countersign", charset="UTF-8"`)
		}
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		w.Header().Set("Retry-After", strconv.Itoa(wait))
	}
	return respondJSON(w, status, errorResponse{refusal.Code, traced(refusal.Description, traceID)})
}

func statusOf(err error, refusal *oauth.Error) int {
	if special, isSpecial := errors.AsType[*statusError](err); isSpecial {
		return special.status
	}
	switch refusal.Code {
	case oauth.InvalidClient:
		return http.StatusUnauthorized
	case oauth.TemporarilyUnavailable:
		return http.StatusServiceUnavailable
	case oauth.ServerError:
		return http.StatusInternalServerError
	default:
		return http.StatusBadRequest
	}
}

// respondJSON writes an answer that nobody may keep.
func respondJSON(w http.ResponseWriter, status int, body any) int {
	text, err := json.Marshal(body)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"server_error"}`)
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("Pragma", "no-cache") // RFC 6749 §5.1 asks for both
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // an error: the caller is gone, and there is nobody to tell
	return status
}

// document is something public that may be kept.
type document struct {
	body        []byte
	contentType string
	etag        string
	maxAge      int // seconds; 0: it may not be kept
}

// cacheControl says how long the document may be kept. What may not be kept at all has to be asked for again each time,
// which costs a 304 (RFC 9111 §5.2.2.4).
func (d *document) cacheControl() string {
	if d.maxAge == 0 {
		return "no-cache"
	}
	return "public, max-age=" + strconv.Itoa(d.maxAge)
}

// respondDocument serves GET and HEAD, with 304 for a copy that is still good (RFC 9110 §13.1.2).
func respondDocument(w http.ResponseWriter, r *http.Request, d *document) {
	header := w.Header()
	if !readsOnly(w, r) {
		return
	}
	header.Set("Cache-Control", d.cacheControl())
	header.Set("ETag", d.etag)
	header.Set("X-Content-Type-Options", "nosniff")
	// Browsers' scripts may read what is public anyway.
	header.Set("Access-Control-Allow-Origin", "*")
	if matches(r.Header.Values("If-None-Match"), d.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", d.contentType)
	header.Set("Content-Length", strconv.Itoa(len(d.body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(d.body)
	}
}

func respondHealth(w http.ResponseWriter, r *http.Request, version string) {
	if readsOnly(w, r) {
		respondJSON(w, http.StatusOK, map[string]string{"status": "ok", "version": version})
	}
}

// readsOnly answers everything but GET and HEAD, and reports whether there is anything left to do.
func readsOnly(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	respondNotAllowed(w, "GET, HEAD", "this is for GET and HEAD")
	return false
}

// respondNotAllowed answers a method that is not among those allowed (RFC 9110 §15.5.6).
func respondNotAllowed(w http.ResponseWriter, allowed, description string) {
	w.Header().Set("Allow", allowed)
	respondJSON(w, http.StatusMethodNotAllowed, errorResponse{oauth.InvalidRequest, description})
}

func respondNotFound(w http.ResponseWriter) {
	respondJSON(w, http.StatusNotFound, errorResponse{oauth.InvalidRequest, "there is nothing here; /.well-known/oauth-authorization-server lists the endpoints"})
}
