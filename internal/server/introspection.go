package server

import (
	"errors"
	"maps"
	"net/http"
	"slices"

	"example.com/countersign/internal/oauth"
)

// introspection is the introspection endpoint (RFC 7662, protocol O1).
func (s *Server) introspection(w http.ResponseWriter, r *http.Request) {
	x, err := s.introspect(w, r)
	if !isOfTheTokenItself(err) {
		s.charge(x.checks, x.request, x.client, err)
	}
	status := s.respondIntrospection(w, r, x, err)
	s.auditReturned(r, x, outcome{event: "introspection", effect: "active", done: "token introspected", refused: "introspection refused"}, status, err)
	s.release(x.trace)
}

// isOfTheTokenItself reports whether a request is refused for what it asks about: whoever calls an API has chosen that,
// and must not use up the API's budget with it.
func isOfTheTokenItself(err error) bool {
	refusal, isRefusal := errors.AsType[*oauth.Error](err)
	return isRefusal && (refusal.Reason == "body_too_large" || refusal.Reason == "token_missing")
}

var errNotItsAudience = errors.New("the client introspects no resource of its aud")

// introspect finds out what the token of a request is for the API that asks. Whatever is not an active token for that API
// is no refusal, and there is one answer to it.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) (x returned, err error) {
	if x, err = s.readReturned(w, r); err != nil {
		return x, err
	}
	registration, _ := x.client.Client()
	if !x.client.Proved() || len(registration.Introspects) == 0 {
		err = mayNotIntrospect(x)
	}
	if !x.passes("introspects", err) {
		return x, err
	}
	if x.token, x.inactive, err = s.ours(r.Context(), x.request.Token); !x.passes("token", err) {
		return x, err
	}
	of := func(audience string) bool { return slices.Contains(registration.Introspects, audience) }
	switch {
	case x.token.IsZero():
	case slices.ContainsFunc(x.token.Audience, of):
		x.takesEffect = true
	default:
		x.inactive = errNotItsAudience
	}
	err = s.useOnce(r.Context(), "", x.uses())
	x.replayed = !x.passes("once", err)
	return x, err
}

func mayNotIntrospect(x returned) error {
	if _, named := x.client.Client(); !named || !x.client.Proved() {
		return clientMissing("introspection needs client authentication, and the request has none")
	}
	return &oauth.Error{Code: oauth.UnauthorizedClient, Description: "the client is not registered for introspection", Reason: "introspection_not_allowed"}
}

// respondIntrospection answers with what the token says (RFC 7662 §2.2): all of it, as the API would read it in a JWT.
func (s *Server) respondIntrospection(w http.ResponseWriter, r *http.Request, x returned, err error) int {
	switch {
	case err != nil:
		return respondError(w, r, err, x.traceID)
	case !x.takesEffect:
		return respondJSON(w, http.StatusOK, map[string]any{"active": false})
	}
	says := maps.Clone(x.token.Claims())
	// Last, so that no claim of the configuration's own can say otherwise.
	says["active"], says["token_type"] = true, x.token.Confirmation.TokenType()
	return respondJSON(w, http.StatusOK, says)
}
