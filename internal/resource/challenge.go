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
		v.challenge(w, used, demand{scope: scope})
		refuse(w, http.StatusUnauthorized, v.invitation())
	case errors.Is(err, ErrMalformed):
		v.challenge(w, used, demand{code: "invalid_request", scope: scope})
		refuse(w, http.StatusBadRequest, err.Error())
	case errors.Is(err, dpop.ErrNonce):
		v.challenge(w, used, demand{code: "use_dpop_nonce", scope: scope})
		refuse(w, http.StatusUnauthorized, err.Error())
	case errors.Is(err, ErrProof):
		v.challenge(w, used, demand{code: "invalid_dpop_proof", scope: scope})
		refuse(w, http.StatusUnauthorized, err.Error())
	case errors.Is(err, ErrInvalid):
		v.challenge(w, used, demand{code: "invalid_token", scope: scope})
		refuse(w, http.StatusUnauthorized, err.Error())
	case errors.Is(err, errScope):
		v.challenge(w, used, demand{code: insufficientScope, scope: scope})
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

// demand is what a challenge says besides its scheme.
type demand struct {
	code  string // what went wrong (RFC 6750 §3.1, RFC 9449 §7.1); empty: nothing
	scope string // that the request needs
}

const insufficientScope = "insufficient_scope"

// challenge writes WWW-Authenticate, one for each scheme that the API takes. What went wrong is in that of the scheme
// which the caller has used, and which comes first, since many clients read no other; in all of them where the caller
// has used none of these (RFC 9449 §7.2).
func (v *Verifier) challenge(w http.ResponseWriter, used scheme, d demand) {
	offered := v.schemes()
	at := slices.Index(offered, used)
	if at > 0 {
		offered[0], offered[at] = offered[at], offered[0]
	}
	for i, s := range offered {
		if at >= 0 && i > 0 {
			d.code = ""
		}
		w.Header().Add("WWW-Authenticate", v.describe(s, d))
	}
}

// describe returns one challenge (RFC 6750 §3, RFC 9449 §7.1). Where the API describes itself, each says where, and which
// scope to ask for, so that a client which has never seen it finds its way (RFC 9728 §5).
func (v *Verifier) describe(s scheme, d demand) string {
	var parameters []string
	add := func(name, value string) { parameters = append(parameters, name+`="`+value+`"`) }
	if s == schemeBearer {
		add("realm", v.config.Audience)
	}
	if d.code != "" {
		add("error", d.code)
	}
	if d.code == insufficientScope || v.published != nil {
		add("scope", d.scope)
	}
	if s == schemeDPoP {
		add("algs", strings.Join(v.proofs.algs(), " "))
	}
	if v.published != nil {
		add("resource_metadata", v.published.url)
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
