package grant

import (
	"context"
	"errors"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/stoplist"
)

// tokenExchange is RFC 8693: a client that has proved who it is trades a token for another one, which is never worth
// more (protocol X1). Whose word counts is told by what is traded: of a trusted issuer's JWT, the issuer's, as in the JWT
// authorization grant; of an access token of ours, that of the client that exchanges it.
func (g *Grants) tokenExchange(ctx context.Context, authenticated client.Authenticated) (Authorization, error) {
	registration, err := exchangesTokens(authenticated)
	if err != nil {
		return Authorization{}, err
	}
	request := authenticated.Request()
	if request.Exchange.Wanted == oauth.TypeIDJAG && g.config.IDJAG {
		return g.identityExchange(ctx, authenticated, registration)
	}
	if err := checkWanted(request.Exchange.Wanted); err != nil {
		return Authorization{}, err
	}
	subject, err := g.present(ctx, authenticated, subjectToken, request.Exchange.Subject)
	if err != nil {
		return Authorization{}, err
	}
	acting, err := g.acting(ctx, authenticated, subject)
	if err != nil {
		return Authorization{}, err
	}
	if err := checkActors(authenticated.Stops(), acting.actor); err != nil {
		return Authorization{}, err
	}
	scope, err := requestedScope(request, subject.assertion, subject.trust.ScopeFromClaim)
	if err != nil {
		return Authorization{}, err
	}
	if subject.isOurs() {
		subject.party = Party{Exchange, registration.ID}
	}
	return Authorization{
		client:    authenticated,
		trust:     subject.trust,
		party:     subject.party,
		subject:   subject.name,
		claims:    withActor(subject.claims, acting.actor),
		scope:     scope,
		assertion: subject.assertion,
		exchange: exchange{
			token:    subject.issued,
			actor:    acting.actor,
			byActor:  acting.assertion,
			notAfter: earlier(subject.expires, acting.expires),
			bound:    subject.isBound() || acting.bound,
		},
		valid: true,
	}, nil
}

// exchangesTokens holds what protocol K1 holds: whoever trades in what others were given must be known.
func exchangesTokens(authenticated client.Authenticated) (*client.Registration, error) {
	registration, named := authenticated.Client()
	switch {
	case !named:
		return nil, &oauth.Error{
			Code:        oauth.InvalidClient,
			Description: "token exchange needs client authentication, and the request has none",
			Reason:      "client_missing",
		}
	case !registration.Allows(oauth.TokenExchange):
		return nil, unauthorized("grant_not_allowed", notRegisteredForGrant)
	case !authenticated.Proved():
		return nil, unauthorized("client_not_proved", "token exchange needs a client that authenticates")
	}
	return registration, nil
}

// checkWanted refuses to make what we cannot. An access token of ours is a JWT, so it may be asked for as either.
func checkWanted(kind string) error {
	switch kind {
	case "", oauth.TypeAccessToken, oauth.TypeJWT:
		return nil
	}
	return &oauth.Error{
		Code:        oauth.InvalidRequest,
		Description: "requested_token_type is not one that this server issues",
		Reason:      "requested_token_type_unknown",
	}
}

// The parameters that a token comes in.
const (
	subjectToken = "subject_token"
	actorToken   = "actor_token"
)

// presented is a token that was presented in an exchange, and that holds.
type presented struct {
	party     Party  // whose word it is; zero: ours
	trust     Trust  // in that party
	issuer    string // in whose names it speaks of others; empty: ours
	name      string // sub
	clientID  string // of ours, for whom it was issued; empty: it is not ours
	claims    map[string]any
	expires   time.Time
	assertion assertion.Verified // zero: it is ours
	issued    issued.Token       // zero: it is somebody else's
}

func (p presented) isOurs() bool { return !p.issued.IsZero() }

// isBound reports whether the token is of use only to who holds a key (RFC 7800 §3.1).
func (p presented) isBound() bool { return p.claims["cnf"] != nil }

// present verifies a token of an exchange. An invalid one is invalid_request (RFC 8693 §2.2.2), unlike an assertion.
func (g *Grants) present(ctx context.Context, authenticated client.Authenticated, parameter string, token oauth.PresentedToken) (presented, error) {
	switch token.Type {
	case oauth.TypeAccessToken:
		return g.presentOurs(ctx, parameter, token.Token.Reveal())
	case oauth.TypeJWT, oauth.TypeIDToken:
		return g.presentForeign(ctx, authenticated, parameter, token.Token.Reveal())
	default:
		return presented{}, &oauth.Error{
			Code:        oauth.InvalidRequest,
			Description: parameter + "_type is not one that this server takes",
			Reason:      parameter + "_type_unknown",
		}
	}
}

// presentOurs takes an access token of ours. It is good for more than one request, as it is at an API.
func (g *Grants) presentOurs(ctx context.Context, parameter, text string) (presented, error) {
	if g.config.Issued == nil {
		return presented{}, inactive(parameter, nil)
	}
	token, err := g.config.Issued.Verify(ctx, text)
	switch {
	case errors.Is(err, issued.ErrInactive):
		return presented{}, inactive(parameter, err)
	case err != nil:
		return presented{}, oauth.Unavailable("issued_tokens_unavailable", err)
	case g.restsOnDisabled(token):
		return presented{}, inactive(parameter, errors.New("its client, its subject or one who acts is a client that is disabled"))
	}
	return presented{
		name: token.Subject, clientID: token.ClientID, claims: token.Claims(), expires: token.ExpiresAt, issued: token,
	}, nil
}

// restsOnDisabled reports whether a token of ours was issued to a disabled client, is about one, or one acts in it. What the
// token names without another issuer has a name that we have given, and that of a client is given to nobody else.
func (g *Grants) restsOnDisabled(token issued.Token) bool {
	actor, _ := oauth.ParseActor(token.Claims()["act"], "") // one that cannot be read is refused where it is carried on
	for ; actor != nil; actor = actor.Actor {
		if actor.Issuer == "" && (g.isDisabled(actor.Subject) || g.isDisabled(actor.ClientID)) {
			return true
		}
	}
	return g.isDisabled(token.ClientID) || g.isDisabled(token.Subject)
}

func (g *Grants) isDisabled(client string) bool {
	_, enabled := g.config.Clients.Find(client)
	return !enabled && g.config.Clients.Has(client)
}

func inactive(parameter string, cause error) error {
	return &oauth.Error{
		Code:        oauth.InvalidRequest,
		Description: parameter + ": it is not an active access token of this server",
		Reason:      parameter + "_inactive",
		Cause:       cause,
	}
}

// presentForeign takes a trusted issuer's JWT, as strictly as where it is the grant itself. A client's own assertion says
// no more than that it is this client, so there is nothing in it to exchange.
func (g *Grants) presentForeign(ctx context.Context, authenticated client.Authenticated, parameter, text string) (presented, error) {
	parsed, err := assertion.Parse(text)
	if err != nil {
		return presented{}, faultyToken(parameter, "", err)
	}
	stops := authenticated.Stops()
	party, trust := g.issuer(parsed.Issuer(), stops)
	if authenticated.Request().Exchange.Wanted == oauth.TypeIDJAG {
		trust = trust.forIDToken(authenticated)
	}
	profile := trust.profile(party)
	profile.Stopped = client.KeyStopped(stops, party.facts())
	profile.Parameter, profile.Trace = parameter, authenticated.Request().Trace
	verified, err := g.config.Verifier.Verify(ctx, parsed, profile)
	if err != nil {
		return presented{}, faultyToken(parameter, parsed.Issuer(), err)
	}
	registration, _ := authenticated.Client()
	if err := stops.Check(stoplist.Facts{
		Issuer: party.ID, Client: registration.ID, Subject: verified.Subject(), ID: verified.ID(),
	}); err != nil {
		return presented{}, strangeToken(parameter, "stopped", party.ID, err)
	}
	return presented{
		party:     party,
		trust:     trust,
		issuer:    verified.Issuer(),
		name:      verified.Subject(),
		claims:    verified.Claims(),
		expires:   verified.ExpiresAt(),
		assertion: verified,
	}, nil
}

// issuer finds a trusted issuer. For a stranger it returns a trust whose keys verify nothing, and so it does for an issuer
// of identity assertions: each is a grant for one client at this server, and nothing to be exchanged.
func (g *Grants) issuer(name string, stops stoplist.List) (Party, Trust) {
	party, trust := g.trust(name, stops)
	if _, stopped := trust.Keys.(nobodyAnyMore); stopped || party.Kind == Issuer && !trust.IDJAG {
		return party, trust
	}
	return Party{}, Trust{Keys: assertion.Nobody{}}
}

// faultyToken turns what package assertion says of a token into what the caller is told.
func faultyToken(parameter, claimed string, err error) error {
	fault, isFault := errors.AsType[*assertion.Fault](err)
	if !isFault {
		return faulty(claimed, err)
	}
	if stopped, is := errors.AsType[*stoplist.Stopped](err); is {
		return strangeToken(parameter, "stopped", claimed, stopped)
	}
	if assertion.TellsWhoExists(err) {
		return strangeToken(parameter, parameter+"_"+fault.Reason, claimed, nil)
	}
	return &oauth.Error{
		Code:        oauth.InvalidRequest,
		Description: parameter + ": " + fault.Sentence,
		Reason:      parameter + "_" + fault.Reason,
		Claimed:     claimed,
	}
}
