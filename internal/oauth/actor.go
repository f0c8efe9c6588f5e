package oauth

import "errors"

// Actor is who acts on behalf of the subject of a token, and on whose behalf it does so in turn: the act claim
// (RFC 8693 §4.1). The outermost actor is the current one; those within are history.
type Actor struct {
	Issuer   string `json:"iss,omitempty"`       // in whose names it is named so; empty: ours
	Subject  string `json:"sub"`                 // never empty
	ClientID string `json:"client_id,omitempty"` // which client of ours it was, where that is known
	Actor    *Actor `json:"act,omitempty"`       // who acted before; nil: nobody
}

// MaxActors is how many actors a token can name. Each is somebody to be trusted with what the subject may do.
const MaxActors = 4

// ErrActor says that an act claim is not one that can be carried on.
var ErrActor = errors.New("the act claim is not an object that names an actor by its sub, or names too many")

// ParseActor reads the act claim of a token whose issuer is called issuer; empty: the token is ours, and so are the names
// in it. What does not identify an actor has no meaning there (RFC 8693 §4.1) and is left out. nil: there is no claim. The
// error is ErrActor.
func ParseActor(claim any, issuer string) (*Actor, error) {
	return parseActor(claim, issuer, MaxActors)
}

func parseActor(claim any, issuer string, left int) (*Actor, error) {
	if claim == nil {
		return nil, nil
	}
	members, isObject := claim.(map[string]any)
	if !isObject || left == 0 {
		return nil, ErrActor
	}
	actor := &Actor{Issuer: issuer}
	for name, into := range map[string]*string{"iss": &actor.Issuer, "sub": &actor.Subject, "client_id": &actor.ClientID} {
		value, present := members[name]
		text, isText := value.(string)
		if present && (!isText || text == "") {
			return nil, ErrActor
		}
		if present {
			*into = text
		}
	}
	if actor.Subject == "" {
		return nil, ErrActor
	}
	var err error
	if actor.Actor, err = parseActor(members["act"], issuer, left-1); err != nil {
		return nil, err
	}
	return actor, nil
}

// Claim returns the act claim as it is in a token; nil: nobody acts.
func (a *Actor) Claim() map[string]any {
	if a == nil {
		return nil
	}
	claim := map[string]any{"sub": a.Subject}
	if a.Issuer != "" {
		claim["iss"] = a.Issuer
	}
	if a.ClientID != "" {
		claim["client_id"] = a.ClientID
	}
	if a.Actor != nil {
		claim["act"] = a.Actor.Claim()
	}
	return claim
}

// Count returns how many actors there are.
func (a *Actor) Count() (count int) {
	for ; a != nil; a = a.Actor {
		count++
	}
	return count
}
