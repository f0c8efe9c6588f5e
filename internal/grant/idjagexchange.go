package grant

import (
	"context"
	"slices"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/oauth"
)

// identityExchange trades a user's ID token for an identity assertion: the grant with which the same client gets an
// access token from the authorization server of somebody else (draft-ietf-oauth-identity-assertion-authz-grant §4.3).
// Whether it may, and for what there, is package policy's to say.
func (g *Grants) identityExchange(ctx context.Context, authenticated client.Authenticated, registration *client.Registration) (Authorization, error) {
	request := authenticated.Request()
	if err := checkIdentityRequest(request.Exchange); err != nil {
		return Authorization{}, err
	}
	subject, err := g.present(ctx, authenticated, subjectToken, request.Exchange.Subject)
	if err != nil {
		return Authorization{}, err
	}
	if azp, present := subject.claims["azp"]; present && azp != registration.ID {
		// OpenID Connect Core §3.1.3.7 item 5: of several audiences, the one that it was issued to.
		return Authorization{}, refuseExchange("subject_token_azp", "subject_token: azp is not the client that sends the request", nil)
	}
	acting, err := g.acting(ctx, authenticated, subject)
	if err != nil {
		return Authorization{}, err
	}
	if err := checkActors(authenticated.Stops(), acting.actor); err != nil {
		return Authorization{}, err
	}
	return Authorization{
		client:    authenticated,
		trust:     subject.trust,
		party:     subject.party,
		subject:   subject.name,
		claims:    withActor(subject.claims, acting.actor),
		scope:     request.Scope,
		assertion: subject.assertion,
		exchange:  exchange{actor: acting.actor, notAfter: subject.expires, bound: subject.isBound()},
		valid:     true,
	}, nil
}

// checkIdentityRequest holds draft §4.3. An actor_token is refused and not ignored: nothing says yet what it does there.
func checkIdentityRequest(asked oauth.Exchange) error {
	switch {
	case asked.Subject.Type != oauth.TypeIDToken:
		return refuseExchange("subject_token_no_id_token", "subject_token_type: an identity assertion is issued for an ID token alone", nil)
	case !asked.Actor.IsZero():
		return refuseExchange("actor_token_not_taken", "actor_token is not taken for an identity assertion", nil)
	case len(asked.Audience) != 1:
		return &oauth.Error{
			Code:        oauth.InvalidTarget,
			Description: "an identity assertion needs one audience: the issuer identifier of the authorization server that it is for",
			Reason:      "audience_not_one",
		}
	}
	return nil
}

// forIDToken returns the trust in an issuer as an ID token has it: its audience is the client that signed the user in, who
// is the one to exchange it (draft §4.3.3), and that may do so again while it is good (§4.4.3). Whatever else the issuer's
// assertions may be, an access token of its is no ID token.
func (t Trust) forIDToken(authenticated client.Authenticated) Trust {
	registration, _ := authenticated.Client()
	t.Audiences, t.Types, t.Reusable = []string{registration.ID}, nil, true
	t.Exceptions = slices.DeleteFunc(slices.Clone(t.Exceptions), func(e assertion.Exception) bool { return e.Audience != "" })
	return t
}

// WantsIDJAG reports whether what is asked for is an identity assertion, and no access token.
func (a Authorization) WantsIDJAG() bool {
	return a.Request().GrantType == oauth.TokenExchange && a.Request().Exchange.Wanted == oauth.TypeIDJAG
}
