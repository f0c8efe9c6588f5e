package server

import (
	"net/http"

	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/statuslist"
)

// statusList serves which tokens have been taken back (draft-ietf-oauth-status-list §8). It is for everybody, as the JWK
// Set is. Where it is not known there is no list: an empty one would say that every token is good.
func (s *Server) statusList(w http.ResponseWriter, r *http.Request) {
	if !readsOnly(w, r) {
		return
	}
	if r.URL.Query().Has("time") { // §8.4: what the list was at some moment.
		respondError(w, r, &statusError{
			&oauth.Error{Code: oauth.InvalidRequest, Description: "the list is there as it is now, and as it was at no other time"},
			http.StatusNotImplemented,
		}, "")
		return
	}
	list, err := s.config.StatusList.Document(r.Context())
	if err != nil {
		s.config.Log.ErrorContext(r.Context(), "the status list cannot be served", "event", "status_list", "error", err.Error())
		respondError(w, r, oauth.Unavailable("status_list_unavailable", err), "")
		return
	}
	respondDocument(w, r, &document{
		body:        list.Body,
		contentType: "application/" + statuslist.Type,
		etag:        list.ETag,
		maxAge:      int(statuslist.TTL.Seconds()),
	})
}
