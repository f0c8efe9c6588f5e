package server

import (
	"net/http"
	"strings"

	"example.com/countersign/internal/oauth"
)

// authorize refuses every request, where the metadata name an authorization endpoint for the sake of clients that do not
// read them without one.
//
// It never redirects. RFC 6749 §4.1.2.1 has the server tell the user, and nobody else, where the redirect_uri is none that
// was registered; no client here has registered any, so whoever followed one would send people where a stranger wants
// them (RFC 9700 §4.11.2). Nothing of the request is read.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost: // RFC 6749 §3.1
		respondError(w, r, s.unauthorizing, "")
	default:
		respondNotAllowed(w, "GET, HEAD, POST", "this is for GET and POST, and refuses both")
	}
}

// noAuthorization is what the endpoint says, which is the same to everybody.
func noAuthorization(grants []string) *oauth.Error {
	has := "it has no grant for anybody"
	if len(grants) > 0 {
		has = "the token endpoint has " + strings.Join(grants, " ")
	}
	return &oauth.Error{
		Code:        oauth.UnsupportedResponseType,
		Description: "this server has no authorization endpoint worth the name, and nobody logs in here; " + has,
	}
}
