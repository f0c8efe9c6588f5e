package server

import (
	"context"
	"errors"
	"net/http"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/grant"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/sender"
	"example.com/countersign/internal/token"
)

// token is the token endpoint (RFC 6749 §3.2).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	var x exchange
	err := s.exchange(w, r, &x)
	s.charge(x.checks, x.request, x.client, err)
	status := s.respondToken(w, r, &x, err)
	s.audit(r, &x, status, err)
	s.release(x.trace)
}

// exchange is a token request as far as it came. What was not reached is zero.
type exchange struct {
	request       oauth.TokenRequest
	client        client.Authenticated
	authorization grant.Authorization
	sender        sender.Constrained
	decision      policy.Decision
	token         token.AccessToken
	checks
}

// exchange turns a request into an access token, or says why not; x has it as far as it came. Each stage takes what the
// one before it made, and nothing else can make that: leaving one out does not compile.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, x *exchange) error {
	ctx := r.Context()
	if err := s.begin(r, &x.checks); err != nil {
		return err
	}
	form, err := s.readForm(w, r)
	if !x.passes("form", err) {
		return err
	}
	if x.request, err = oauth.ParseTokenRequest(form); !x.passes("request", err) {
		return err
	}
	x.request.Trace, x.request.Source = x.trace, x.source
	if x.client, err = s.config.Clients.Authenticate(ctx, x.request); !x.passes("client", err) {
		return err
	}
	if x.authorization, err = s.config.Grants.Authorize(ctx, x.client); !x.passes("grant", err) {
		return err
	}
	if x.sender, err = s.config.Senders.Constrain(ctx, x.authorization); !x.passes("sender", err) {
		return err
	}
	if x.decision, err = s.config.Policies.Decide(x.sender); !x.passes("policy", err) {
		return err
	}
	draft, err := s.config.Tokens.Draft(ctx, x.decision)
	if !x.passes("draft", err) {
		return err
	}
	err = s.useOnce(ctx, x.request.GrantType, x.decision.Uses())
	if x.replayed = !x.passes("once", err); x.replayed {
		return err
	}
	x.token, err = draft.Sign()
	x.passes("sign", err)
	return err
}

// useOnce is the last check (protocol R2): only what would have been granted is remembered as used. grantType is that of
// the request; empty: it is about a token, and not for one.
func (s *Server) useOnce(ctx context.Context, grantType string, uses []replay.Use) error {
	if len(uses) == 0 {
		return nil
	}
	err := s.config.Replay.Use(ctx, uses)
	replayed, isReplayed := errors.AsType[replay.Replayed](err)
	switch {
	case err == nil:
		return nil
	case !isReplayed:
		return oauth.Unavailable("replay_store_unavailable", err)
	case replayed.Purpose == replay.ForClient:
		return &oauth.Error{Code: oauth.InvalidClient, Description: "client_assertion: " + assertion.ErrReplayed.Sentence, Reason: "client_assertion_replayed"}
	case replayed.Purpose == replay.ForProof:
		return &oauth.Error{Code: oauth.InvalidDPoPProof, Description: "DPoP proof: " + dpop.ErrReplayed.Sentence, Reason: "dpop_replayed"}
	case grantType == oauth.TokenExchange:
		return &oauth.Error{
			Code:        oauth.InvalidRequest,
			Description: "subject_token or actor_token: " + assertion.ErrReplayed.Sentence,
			Reason:      "exchange_replayed",
		}
	default:
		return &oauth.Error{Code: oauth.InvalidGrant, Description: "assertion: " + assertion.ErrReplayed.Sentence, Reason: "assertion_replayed"}
	}
}
