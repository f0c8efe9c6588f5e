package resource

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"example.com/countersign/internal/dpop"
)

// Protect lets only requests through whose token holds, for their sender, and has scope, and hands their token on.
// Every other request is answered as RFC 6750 §3 and RFC 9449 §7.1 ask: 401 without an error code where there is no
// token, 400 invalid_request, 401 invalid_token, invalid_dpop_proof or use_dpop_nonce, or 403 insufficient_scope. Where
// something cannot be decided it is 503: nobody gets in unverified.
//
// Where proofs need a nonce, every answer to a request in the scheme DPoP brings the next in DPoP-Nonce, and
// Cache-Control: no-store unless handle says otherwise.
func (v *Verifier) Protect(scope string, handle func(http.ResponseWriter, *http.Request, Token)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := v.admit(w.Header(), r, scope)
		if err != nil {
			v.refuse(w, r, scope, err)
			return
		}
		handle(w, r, token)
	})
}

var errScope = errors.New("the access token lacks the scope")

// admit is Verify, with the scope looked at before a proof is remembered as used.
func (v *Verifier) admit(answer http.Header, r *http.Request, scope string) (Token, error) {
	if v.used(r) == schemeDPoP {
		if err := v.proofs.giveNonce(r.Context(), answer); err != nil {
			return Token{}, err
		}
	}
	p, err := v.examine(r)
	if err != nil {
		return Token{}, err
	}
	if !p.token.Has(scope) {
		return Token{}, errScope
	}
	if err := v.remember(r.Context(), p); err != nil {
		return Token{}, err
	}
	return p.token, nil
}

// used returns the scheme in which a request has tried to authenticate. Empty: there is none, or more than one header.
func (v *Verifier) used(r *http.Request) scheme {
	authorization := r.Header.Values("Authorization")
	if len(authorization) != 1 {
		return ""
	}
	used, _ := v.schemeOf(authorization[0])
	return used
}

// refuse answers a request that is not let through.
func (v *Verifier) refuse(w http.ResponseWriter, r *http.Request, scope string, err error) {
	used := v.used(r)
	switch {
	case errors.Is(err, ErrNoToken):
		v.challenge(w, used, "")
		refuse(w, http.StatusUnauthorized, v.invitation())
	case errors.Is(err, ErrMalformed):
		v.challenge(w, used, `error="invalid_request"`)
		refuse(w, http.StatusBadRequest, err.Error())
	case errors.Is(err, dpop.ErrNonce):
		v.challenge(w, used, `error="use_dpop_nonce"`)
		refuse(w, http.StatusUnauthorized, err.Error())
	case errors.Is(err, ErrProof):
		v.challenge(w, used, `error="invalid_dpop_proof"`)
		refuse(w, http.StatusUnauthorized, err.Error())
	case errors.Is(err, ErrInvalid):
		v.challenge(w, used, `error="invalid_token"`)
		refuse(w, http.StatusUnauthorized, err.Error())
	case errors.Is(err, errScope):
		v.challenge(w, used, `error="insufficient_scope", scope="`+scope+`"`)
		refuse(w, http.StatusForbidden, err.Error()+" "+scope)
	default:
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, sentenceOf(err))
	}
}

func sentenceOf(err error) string {
	if u, is := errors.AsType[undecided](err); is {
		return u.sentence
	}
	return "the keys that verify access tokens cannot be fetched"
}

// invitation tells somebody without a token what to send.
func (v *Verifier) invitation() string {
	var forms []string
	for _, offered := range v.schemes() {
		forms = append(forms, string(offered)+" …")
	}
	return "this API needs an access token: Authorization: " + strings.Join(forms, ", or ")
}

// challenge writes WWW-Authenticate, one for each scheme that the API takes. What went wrong is in that of the scheme
// which the caller has used, and which comes first, since many clients read no other; in all of them where the caller
// has used none of these (RFC 9449 §7.2).
func (v *Verifier) challenge(w http.ResponseWriter, used scheme, fault string) {
	offered := v.schemes()
	at := slices.Index(offered, used)
	if at > 0 {
		offered[0], offered[at] = offered[at], offered[0]
	}
	for i, s := range offered {
		if at >= 0 && i > 0 {
			fault = ""
		}
		w.Header().Add("WWW-Authenticate", v.describe(s, fault))
	}
}

// describe returns one challenge (RFC 6750 §3, RFC 9449 §7.1); fault is empty where nothing went wrong.
func (v *Verifier) describe(s scheme, fault string) string {
	var parameters []string
	if s == schemeBearer {
		parameters = append(parameters, `realm="`+v.config.Audience+`"`)
	}
	if fault != "" {
		parameters = append(parameters, fault)
	}
	if s == schemeDPoP {
		parameters = append(parameters, `algs="`+v.proofs.algs()+`"`)
	}
	return string(s) + " " + strings.Join(parameters, ", ")
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
