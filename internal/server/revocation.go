package server

import (
	"errors"
	"net/http"

	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/revocation"
)

// revocation is the revocation endpoint (RFC 7009, protocol O2).
func (s *Server) revocation(w http.ResponseWriter, r *http.Request) {
	x, err := s.revoke(w, r)
	s.charge(x.checks, x.request, x.client, err)
	status := s.respondRevocation(w, r, x, err)
	s.auditReturned(r, x, outcome{event: "revocation", effect: "revoked", done: "revocation answered", refused: "revocation refused"}, status, err)
	s.release(x.trace)
}

var errNotItsToken = errors.New("it was issued to another client")

// revoke takes the token of a request back, where it was issued to the client that asks. A client without authentication
// may do so too: whoever has such a token of its has all that it has (RFC 7009 §2.1, §5).
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) (x returned, err error) {
	if x, err = s.readReturned(w, r); err != nil {
		return x, err
	}
	registration, named := x.client.Client()
	if !named {
		err = clientMissing("revocation needs client authentication, and the request has none")
	}
	if !x.passes("named", err) {
		return x, err
	}
	if x.token, x.inactive, err = s.ours(r.Context(), x.request.Token); !x.passes("token", err) {
		return x, err
	}
	switch {
	case x.token.IsZero():
	case x.token.ClientID == registration.ID:
		x.takesEffect = true
	default:
		x.inactive = errNotItsToken
	}
	err = s.useOnce(r.Context(), "", x.uses())
	if x.replayed = !x.passes("once", err); x.replayed || !x.takesEffect {
		return x, err
	}
	err = s.config.Revocations.Revoke(r.Context(), revocation.Token{Client: x.token.ClientID, ID: x.token.ID, Expires: x.token.ExpiresAt})
	if err != nil {
		err = oauth.Unavailable("revocation_store_unavailable", err)
	}
	x.passes("revoke", err)
	return x, err
}

// respondRevocation says that the token is good for nothing more, or never was (RFC 7009 §2.2).
func (s *Server) respondRevocation(w http.ResponseWriter, r *http.Request, x returned, err error) int {
	if err != nil {
		return respondError(w, r, err, x.traceID)
	}
	return respondJSON(w, http.StatusOK, struct{}{})
}
