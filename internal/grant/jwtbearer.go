package grant

import (
	"context"
	"errors"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/stoplist"
)

// Trust says what the assertions of one party look like: a trusted issuer's, or a client's own (protocol G2).
type Trust struct {
	Disabled       bool // refused as if the party were unknown
	Keys           assertion.Keys
	Audiences      []string              // one must be in aud (protocol G4)
	Types          []string              // accepted typ values besides an absent one and JWT
	MaxLifetime    time.Duration         // protocol G5
	IDRequired     bool                  // jti must be there
	Reusable       bool                  // an assertion is good until it expires, also where it has a jti
	Exceptions     []assertion.Exception // what may be weaker than Audiences, MaxLifetime and IDRequired say
	Subject        assertion.Subject     // protocol G3
	ScopeFromClaim bool                  // the requested scope is the assertion's scope claim
	Client         ClientNeed            // protocol G1; of a client's own assertions, whether it must authenticate besides
	Constraint     oauth.Constraint      // to what tokens must be bound
	Algorithms     []jose.Algorithm      // of the signature; none: all that the keys have

	IDJAG bool // they are identity assertions (protocol I), for which some of these fields say what they must
}

// ClientNeed is what the request must say of its client besides the assertion.
type ClientNeed int

// The zero ClientNeed is the strictest.
const (
	ClientAuthenticated ClientNeed = iota
	ClientIdentified
	ClientOptional
)

// jwtBearer is RFC 7523 §2.1.
func (g *Grants) jwtBearer(ctx context.Context, authenticated client.Authenticated) (Authorization, error) {
	request := authenticated.Request()
	registration, named := authenticated.Client()
	if named && !registration.Allows(oauth.JWTBearer) {
		return Authorization{}, unauthorized("grant_not_allowed", notRegisteredForGrant)
	}
	if request.Assertion.IsZero() {
		return Authorization{}, &oauth.Error{Code: oauth.InvalidRequest, Description: "assertion is missing", Reason: "assertion_missing"}
	}
	presented, err := assertion.Parse(request.Assertion.Reveal())
	if err != nil {
		return Authorization{}, faulty("", err)
	}
	party, trust := g.trust(presented.Issuer(), authenticated.Stops())
	profile := trust.profile(party)
	profile.Stopped = client.KeyStopped(authenticated.Stops(), party.facts())
	profile.Trace = request.Trace
	verified, err := g.config.Verifier.Verify(ctx, presented, profile)
	if err != nil {
		return Authorization{}, faulty(presented.Issuer(), err)
	}
	if err := checkClient(authenticated, party, trust.Client); err != nil {
		return Authorization{}, err
	}
	scope, err := requestedScope(request, verified, trust.ScopeFromClaim)
	if err != nil {
		return Authorization{}, err
	}
	authorization := Authorization{
		client:    authenticated,
		trust:     trust,
		party:     party,
		subject:   verified.Subject(),
		claims:    verified.Claims(),
		scope:     scope,
		assertion: verified,
		valid:     true,
	}
	if err := authorization.carryActors(g.config.Issuer); err != nil {
		return Authorization{}, err
	}
	if trust.IDJAG {
		if err := authorization.holdToIDJAG(); err != nil {
			return Authorization{}, err
		}
	}
	if err := authorization.CheckStopped(verified.Subject(), verified.ID()); err != nil {
		return Authorization{}, err
	}
	return authorization, nil
}

// trust finds whose assertion it claims to be. It compares whole strings: an issuer is never matched by a part or a
// pattern. For a stranger it returns a trust whose keys verify nothing.
func (g *Grants) trust(issuer string, stops stoplist.List) (Party, Trust) {
	for _, party := range []Party{{Issuer, issuer}, {Client, issuer}} {
		trust, found := g.config.Trusts[party]
		if !found || trust.Disabled {
			continue
		}
		if err := stops.Check(party.facts()); err != nil {
			return Party{}, Trust{Keys: nobodyAnyMore{err}}
		}
		if party.Kind == Issuer {
			return party, trust
		}
		if registration, known := g.config.Clients.Find(issuer); known && registration.Allows(oauth.JWTBearer) {
			return party, trust
		}
	}
	return Party{}, Trust{Keys: assertion.Nobody{}}
}

func (t Trust) profile(party Party) assertion.Profile {
	profile := assertion.Profile{
		Purpose:     replay.ForGrant,
		Issuer:      party.ID,
		Keys:        t.Keys,
		Subject:     t.Subject,
		Audiences:   t.Audiences,
		Types:       t.Types,
		Algorithms:  t.Algorithms,
		MaxLifetime: t.MaxLifetime,
		IDRequired:  t.IDRequired,
		Reusable:    t.Reusable,
		Exceptions:  t.Exceptions,
	}
	if t.IDJAG {
		profile.Type, profile.SoleAudience, profile.DateRequired = oauth.IDJAGType, true, true
	}
	return profile
}

// checkClient holds protocol G1. A client that asserts for itself proves who it is by that, where nothing more is asked
// of it; a request that names another client besides is refused.
func checkClient(authenticated client.Authenticated, party Party, need ClientNeed) error {
	registration, named := authenticated.Client()
	if party.Kind == Client && named && registration.ID != party.ID {
		return &oauth.Error{
			Code:        oauth.InvalidGrant,
			Description: "the assertion is another client's than the one that sends the request",
			Reason:      "assertion_of_other_client",
		}
	}
	switch {
	case need == ClientOptional, need == ClientIdentified && named, authenticated.Proved():
		return nil
	case need == ClientIdentified:
		return &oauth.Error{Code: oauth.InvalidClient, Description: "this issuer's assertions need a client_id", Reason: "client_missing"}
	default:
		return &oauth.Error{Code: oauth.InvalidClient, Description: "this issuer's assertions need an authenticated client", Reason: "client_not_proved"}
	}
}

// requestedScope returns the scope parameter, or the assertion's scope claim where the trust says that it is there
// (Google's libraries put it there); then a parameter can only ask for a part of it.
func requestedScope(request oauth.TokenRequest, verified assertion.Verified, fromClaim bool) (oauth.Scope, error) {
	claim, present := verified.Claims()["scope"]
	if !fromClaim || !present {
		return request.Scope, nil
	}
	text, isText := claim.(string)
	if !isText {
		return nil, &oauth.Error{Code: oauth.InvalidScope, Description: "the assertion's scope is not a string", Reason: "scope_claim"}
	}
	asserted, err := oauth.ParseScope(text)
	if err != nil {
		return nil, err
	}
	switch {
	case len(request.Scope) == 0:
		return asserted, nil
	case !request.Scope.Within(asserted):
		return nil, &oauth.Error{Code: oauth.InvalidScope, Description: "scope is not within the assertion's own scope", Reason: "scope_claim"}
	default:
		return request.Scope, nil
	}
}

// faulty turns what package assertion says of an assertion that claims to be of claimed into what the caller is told
// (protocol G7).
func faulty(claimed string, err error) error {
	fault, isFault := errors.AsType[*assertion.Fault](err)
	if !isFault {
		refusal := oauth.Unavailable("issuer_keys_unavailable", err)
		refusal.Claimed = claimed
		return refusal
	}
	if stopped, is := errors.AsType[*stoplist.Stopped](err); is {
		return stranger("stopped", claimed, stopped)
	}
	if assertion.TellsWhoExists(err) {
		return stranger("assertion_"+fault.Reason, claimed, nil)
	}
	return &oauth.Error{
		Code:        oauth.InvalidGrant,
		Description: "assertion: " + fault.Sentence,
		Reason:      "assertion_" + fault.Reason,
		Claimed:     claimed,
	}
}
