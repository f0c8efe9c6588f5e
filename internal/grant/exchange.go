package grant

import (
	"maps"
	"slices"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/replay"
)

// exchange is what an authorization has of a token exchange besides. The zero value is of another grant.
type exchange struct {
	token    issued.Token       // ours, that was exchanged; zero: it was somebody else's
	actor    *oauth.Actor       // who acts; nil: nobody but the subject
	byActor  assertion.Verified // says who acts; zero: nothing does, or a token of ours
	notAfter time.Time
	bound    bool // what is exchanged, or says who acts, is of use only to who holds a key
}

// use returns the actor's token where it is good for one request only. One of ours is good for more.
func (e exchange) use() replay.Use { return e.byActor.Use() }

// Exchanged returns the access token of ours that is exchanged; its zero value where there is none.
func (a Authorization) Exchanged() issued.Token { return a.exchange.token }

// Actor returns who acts on behalf of the subject; nil: nobody does.
func (a Authorization) Actor() *oauth.Actor { return a.exchange.actor }

// ActorAssertion returns the assertion that says who acts; its zero value where nobody does, or a token of ours says so.
func (a Authorization) ActorAssertion() assertion.Verified { return a.exchange.byActor }

// NotAfter returns the moment beyond which no token may live; zero: the rules say how long. A token ends no later than
// the one that it was exchanged for, nor than the one that says who acts.
func (a Authorization) NotAfter() time.Time { return a.exchange.notAfter }

// Limit returns the scope within which a token for the resource must stay; false: the rules alone say. Where a token is
// exchanged for one of the same resource, that is its scope: an exchange passes on what somebody may do there, and adds
// nothing.
func (a Authorization) Limit(resource string) (within oauth.Scope, limited bool) {
	if !slices.Contains(a.exchange.token.Audience, resource) {
		return nil, false
	}
	return a.exchange.token.Scope, true
}

// Resources returns what the token is asked to be for, each once. In an exchange the audience parameter names it too
// (RFC 8693 §2.1).
func (a Authorization) Resources() []string {
	if len(a.resource) > 0 {
		return a.resource
	}
	resources := slices.Clip(a.Request().Resource)
	for _, audience := range a.Request().Exchange.Audience {
		if !slices.Contains(resources, audience) {
			resources = append(resources, audience)
		}
	}
	return resources
}

// withActor returns claims with who will act in place of who did: rules decide about the token that they grant.
func withActor(claims map[string]any, actor *oauth.Actor) map[string]any {
	changed := maps.Clone(claims)
	delete(changed, "act")
	if actor != nil {
		changed["act"] = actor.Claim()
	}
	return changed
}

// earlier returns the first of two moments; a zero one does not count.
func earlier(a, b time.Time) time.Time {
	if b.IsZero() || !a.IsZero() && a.Before(b) {
		return a
	}
	return b
}
