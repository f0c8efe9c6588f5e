package grant

import (
	"context"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/oauth"
)

// acting is who acts on behalf of the subject of an exchange.
type acting struct {
	actor     *oauth.Actor       // nil: the subject for itself
	assertion assertion.Verified // that says so; zero: none, or a token of ours does
	expires   time.Time          // of what says so; zero: nothing does
	bound     bool               // what says so is of use only to who holds a key
}

// acting finds out who acts (RFC 8693 §4.1): the actor_token's subject, on behalf of whoever has acted so far. Without one
// nobody new acts, and who has is carried on: no exchange takes an actor out of the chain.
func (g *Grants) acting(ctx context.Context, authenticated client.Authenticated, subject presented) (acting, error) {
	before, err := oauth.ParseActor(subject.claims["act"], subject.issuer)
	if err != nil || subject.issuer != "" && names(before, g.config.Issuer) {
		return acting{}, refuseExchange("act", "subject_token: its act claim is not one that can be carried on", err)
	}
	registration, _ := authenticated.Client()
	token := authenticated.Request().Exchange.Actor
	if token.IsZero() {
		if !g.mayAct(subject, oauth.Actor{Subject: registration.ID, ClientID: registration.ID}) {
			return acting{}, refuseExchange("may_act", "subject_token: its may_act claim does not name the client", nil)
		}
		return acting{actor: before}, nil
	}
	actor, err := g.present(ctx, authenticated, actorToken, token)
	if err != nil {
		return acting{}, err
	}
	next := oauth.Actor{Issuer: actor.issuer, Subject: actor.name, ClientID: actor.clientID, Actor: before}
	switch {
	case actor.isOurs() && actor.clientID != registration.ID:
		// An API has the tokens of those that call it, and is none of them.
		return acting{}, refuseExchange("actor_of_other_client", "actor_token: it is an access token of another client than the one that sends the request", nil)
	case actor.claims["act"] != nil:
		return acting{}, refuseExchange("actor_delegated", "actor_token: it has an act claim, so its subject is not who acts", nil)
	case next.Count() > oauth.MaxActors:
		return acting{}, refuseExchange("act_too_deep", "the token would name more than four actors", nil)
	case !g.mayAct(subject, next):
		return acting{}, refuseExchange("may_act", "subject_token: its may_act claim does not name the actor", nil)
	}
	return acting{&next, actor.assertion, actor.expires, actor.isBound()}, nil
}

// carryActors carries on who acts for the subject, as an exchange does (RFC 8693 §4.1): to leave it out would make what
// somebody else does on behalf of the subject look like the subject's own. Only the issuer's names are taken: none of ours.
func (a *Authorization) carryActors(ours string) error {
	if a.claims["act"] == nil {
		return nil
	}
	actor, err := oauth.ParseActor(a.claims["act"], a.assertion.Issuer())
	if err != nil || names(actor, ours) {
		return &oauth.Error{
			Code:        oauth.InvalidGrant,
			Description: "assertion: its act claim is not one that can be carried on",
			Reason:      "assertion_act",
			Cause:       err,
		}
	}
	if err := stoppedActor(a.client.Stops(), actor); err != nil {
		return stranger("stopped", a.assertion.Issuer(), err)
	}
	a.exchange.actor, a.claims = actor, withActor(a.claims, actor)
	return nil
}

// names reports whether somebody else's word names an actor by a name of ours, which nobody but us can know to have acted.
func names(actor *oauth.Actor, ours string) bool {
	for ; actor != nil; actor = actor.Actor {
		if actor.Issuer == ours {
			return true
		}
	}
	return false
}

// mayAct reports whether the may_act claim of a token, where it has one, names the actor (RFC 8693 §4.4). A name without
// iss is one that the issuer of the token has given. Whatever it says besides cannot be compared, so it names nobody.
func (g *Grants) mayAct(subject presented, actor oauth.Actor) bool {
	claim, present := subject.claims["may_act"]
	if !present {
		return true
	}
	members, _ := claim.(map[string]any)
	issuer := subject.issuer
	named := false
	for name, value := range members {
		text, _ := value.(string)
		switch {
		case text == "":
			return false
		case name == "iss":
			issuer = text
		case name == "sub" && text == actor.Subject, name == "client_id" && text == actor.ClientID:
			named = true
		default:
			return false
		}
	}
	if issuer == g.config.Issuer {
		issuer = ""
	}
	return named && issuer == actor.Issuer
}

// refuseExchange refuses a token of an exchange for what it says (RFC 8693 §2.2.2).
func refuseExchange(reason, description string, cause error) error {
	return &oauth.Error{Code: oauth.InvalidRequest, Description: description, Reason: reason, Cause: cause}
}
