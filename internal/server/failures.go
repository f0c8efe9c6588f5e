package server

import (
	"cmp"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"example.com/countersign/internal/budget"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/oauth"
)

// source returns where a request comes from, as our own proxies say; zero: nobody does. Whatever stands in front of what
// they have written was written by whoever sent the request. Only budgets look at it, and they grant nothing.
func (s *Server) source(r *http.Request) netip.Addr {
	if s.config.ForwardedFor == 0 {
		return netip.Addr{}
	}
	source, err := netip.ParseAddr(strings.TrimSpace(fromTheEnd(r.Header.Values("X-Forwarded-For"), s.config.ForwardedFor)))
	if err != nil {
		return netip.Addr{}
	}
	return source.Unmap().WithZone("") // A zone is any text at all, and says nothing outside the machine that wrote it.
}

// fromTheEnd returns the nth last entry of the lists in header fields; empty: there are fewer. Nothing in front of it is
// divided into entries, of which there may be a million.
func fromTheEnd(fields []string, n int) string {
	for _, field := range slices.Backward(fields) {
		for more := true; more; n-- {
			entry := field
			comma := strings.LastIndexByte(field, ',')
			if more = comma >= 0; more {
				field, entry = field[:comma], field[comma+1:]
			}
			if n == 1 {
				return entry
			}
		}
	}
	return ""
}

// admit turns away who has failed too often from this address, before his request is read.
func (s *Server) admit(source netip.Addr) error {
	if err := s.config.Budgets.Admit(source, ""); err != nil {
		return oauth.Exhausted(err)
	}
	return nil
}

// told reports whether the log is to have a line about a refusal. Of requests that are turned away it has the first, the
// tenth, the hundredth and so on of each budget: they come as a flood, and a flood of lines would cost more than theirs.
func told(err error) bool {
	exhausted, is := errors.AsType[*budget.Exhausted](err)
	if !is {
		return true
	}
	times := exhausted.Times
	for times >= 10 && times%10 == 0 {
		times /= 10
	}
	return times == 1
}

// charge counts a request that was refused for what it says. What could not be decided is nobody's failure, nor is a
// proof that lacks the nonce which its refusal brings (RFC 9449 §8).
func (s *Server) charge(x checks, request oauth.TokenRequest, authenticated client.Authenticated, err error) {
	refusal, isRefusal := errors.AsType[*oauth.Error](err)
	if !isRefusal {
		return
	}
	switch refusal.Code {
	case oauth.TemporarilyUnavailable, oauth.ServerError, oauth.UseDPoPNonce:
		return
	}
	registration, named := authenticated.Client()
	if !named {
		s.config.Budgets.Charge(x.source, cmp.Or(request.ClientID, refusal.Claimed), false)
		return
	}
	if authenticated.Proved() && passesOn(request.GrantType) {
		return
	}
	// A used assertion may be in the hands of anybody, and proves nobody.
	s.config.Budgets.Charge(x.source, registration.ID, authenticated.Proved() && !x.replayed)
}

// passesOn reports whether a request of this kind holds what somebody else has given to its client: the token that an API
// was called with, or the ID token of a user. What is wrong with that, or not allowed to its subject, is no fault of the
// client, and whoever calls the API must not be able to use up its budget.
func passesOn(grantType string) bool {
	return grantType == oauth.TokenExchange || grantType == oauth.JWTBearer
}
