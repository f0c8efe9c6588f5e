package resource

import (
	"encoding/json"
	"errors"
	"net/http"
)

// Protect lets only requests through whose token holds and has scope, and hands their token on. Every other request is
// answered as RFC 6750 §3 asks: 401 without an error code where there is no token, 400 invalid_request, 401 invalid_token,
// or 403 insufficient_scope. Where the keys cannot be had it is 503: nobody gets in unverified.
func (v *Verifier) Protect(scope string, handle func(http.ResponseWriter, *http.Request, Token)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := v.Verify(r.Context(), r.Header.Values("Authorization"))
		switch {
		case errors.Is(err, ErrNoToken):
			v.challenge(w, http.StatusUnauthorized, "", "")
		case errors.Is(err, ErrMalformed):
			v.challenge(w, http.StatusBadRequest, `, error="invalid_request"`, err.Error())
		case errors.Is(err, ErrInvalid):
			v.challenge(w, http.StatusUnauthorized, `, error="invalid_token"`, err.Error())
		case err != nil:
			w.Header().Set("Retry-After", "5")
			refuse(w, http.StatusServiceUnavailable, "the keys that verify access tokens cannot be fetched")
		case !token.Has(scope):
			v.challenge(w, http.StatusForbidden, `, error="insufficient_scope", scope="`+scope+`"`, "the access token lacks the scope "+scope)
		default:
			handle(w, r, token)
		}
	})
}

// challenge writes WWW-Authenticate: Bearer (RFC 6750 §3).
func (v *Verifier) challenge(w http.ResponseWriter, status int, parameters, why string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="`+v.config.Audience+`"`+parameters)
	if why == "" {
		why = "this API needs an access token: Authorization: Bearer …"
	}
	refuse(w, status, why)
}

func refuse(w http.ResponseWriter, status int, why string) {
	text, err := json.Marshal(map[string]string{"message": why})
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // an error: the caller is gone, and there is nobody to tell
}
