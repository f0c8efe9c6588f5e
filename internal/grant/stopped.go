package grant

import (
	"context"
	"fmt"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/stoplist"
)

// facts returns what a stop list can say of the party.
func (p Party) facts() stoplist.Facts {
	switch p.Kind {
	case Client:
		return stoplist.Facts{Client: p.ID}
	case Issuer:
		return stoplist.Facts{Issuer: p.ID}
	default: // The word is ours, and the client is known by itself.
		return stoplist.Facts{}
	}
}

// nobodyAnyMore is the keys of a party that is stopped: as those of nobody, and the log knows why.
type nobodyAnyMore struct{ why error }

// Find implements [assertion.Keys].
func (n nobodyAnyMore) Find(context.Context, *jose.Token) (jose.VerificationKey, error) {
	return jose.VerificationKey{}, fmt.Errorf("%w: %w", assertion.ErrNobody, n.why)
}

// CheckStopped returns the refusal where the stop list keeps the request from a token about this subject, or from one by
// an assertion of this jti (empty: whichever it has). It is that of a party which is disabled: an *oauth.Error.
func (a Authorization) CheckStopped(subject, id string) error {
	facts := a.party.facts()
	facts.Client, _ = a.Client()
	facts.Subject, facts.ID = subject, id
	err := a.client.Stops().Check(facts)
	switch {
	case err == nil:
		return nil
	case a.Request().GrantType == oauth.TokenExchange:
		return strangeToken(subjectToken, "stopped", a.assertion.Issuer(), err)
	case a.assertion.IsZero():
		return client.Stopped(err)
	default:
		return stranger("stopped", a.assertion.Issuer(), err)
	}
}

// stranger is the one answer to an assertion of a party that is unknown, disabled or stopped, and to one that none of its
// party's keys has signed (protocol T8).
func stranger(reason, claimed string, cause error) *oauth.Error {
	return &oauth.Error{
		Code:        oauth.InvalidGrant,
		Description: "assertion: its iss is not trusted here, or none of the keys known for it made the signature",
		Reason:      reason,
		Claimed:     claimed,
		Cause:       cause,
	}
}

// strangeToken is the same of a token that is exchanged, in this parameter (RFC 8693 §2.2.2).
func strangeToken(parameter, reason, claimed string, cause error) *oauth.Error {
	return &oauth.Error{
		Code:        oauth.InvalidRequest,
		Description: parameter + ": its iss is not trusted here, or none of the keys known for it made the signature",
		Reason:      reason,
		Claimed:     claimed,
		Cause:       cause,
	}
}

// checkActors refuses a token in which somebody would act who is stopped, or has acted: it would be inactive at once.
func checkActors(stops stoplist.List, actor *oauth.Actor) error {
	if err := stoppedActor(stops, actor); err != nil {
		return refuseExchange("stopped", "one who acts in the token, or would, gets no tokens here", err)
	}
	return nil
}

// stoppedActor returns a *[stoplist.Stopped] where one of the actors is stopped.
func stoppedActor(stops stoplist.List, actor *oauth.Actor) error {
	for ; actor != nil; actor = actor.Actor {
		err := stops.Check(stoplist.Facts{Issuer: actor.Issuer, Client: actor.ClientID, Subject: actor.Subject})
		if err == nil && actor.Issuer == "" { // A name that we have given can be a client's.
			err = stops.Check(stoplist.Facts{Client: actor.Subject})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
