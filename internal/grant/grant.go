// Package grant decides whether a request carries an authorization grant that holds (RFC 6749 §4, RFC 7521 §4.1). One
// file a grant.
//
// [Grants.Authorize] takes an authenticated request and hands on an [Authorization]: on whose word, for which subject,
// with which claims. What may be granted on that word is package policy's to say.
//
// It must never take a client's name for its proof: a grant that needs an authenticated client asks for one.
package grant

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/replay"
)

// Party is whose word an authorization rests on: a registered client or a trusted issuer. Or, where the word is our own,
// the client that brings it.
type Party struct {
	Kind Kind
	ID   string
}

// Kind tells parties of one name apart. The zero Kind is none.
type Kind int

// The kinds.
const (
	Client Kind = iota + 1
	Issuer
	Exchange // a client again, as it exchanges access tokens of ours: not on its own word, but on what they say
)

// Config is what the grants rest on. Clients and Verifier are required.
type Config struct {
	Clients  *client.Registry
	Verifier *assertion.Verifier
	Trusts   map[Party]Trust  // who may assert, by issuer identifier or client id
	Issuer   string           // our own issuer identifier, by which tokens to be exchanged may name us
	Issued   *issued.Verifier // of access tokens that are exchanged; nil: none is
	IDJAG    bool             // identity assertions are issued too
}

// Grants are the grant types of this server.
type Grants struct{ config Config }

// New returns the grants.
func New(config Config) (*Grants, error) {
	if config.Clients == nil || config.Verifier == nil {
		return nil, errors.New("grant: clients and a verifier are required")
	}
	for party, trust := range config.Trusts {
		if party.ID == "" || trust.Keys == nil || len(trust.Audiences) == 0 || trust.MaxLifetime <= 0 {
			return nil, fmt.Errorf("grant: the trust in %q has no keys, audiences or lifetime", party.ID)
		}
		if slices.Contains(trust.Types, oauth.IDJAGType) {
			return nil, fmt.Errorf("grant: the trust in %q accepts identity assertions among others", party.ID)
		}
	}
	config.Trusts = maps.Clone(config.Trusts)
	for party, trust := range config.Trusts {
		if trust.IDJAG {
			config.Trusts[party] = trust.forIDJAG()
		}
	}
	return &Grants{config}, nil
}

// Authorization is a request whose grant holds. Only [Grants.Authorize] makes one.
type Authorization struct {
	client    client.Authenticated
	trust     Trust // of the assertion that was the grant; its zero value where the grant has none
	party     Party
	subject   string
	claims    map[string]any
	scope     oauth.Scope
	resource  []string // requested by the assertion, in place of the request; none: by the request
	assertion assertion.Verified
	exchange  exchange
	valid     bool

	confirmation oauth.Confirmation // of what the assertion demands possession
}

// IsZero reports whether nothing was authorized.
func (a Authorization) IsZero() bool { return !a.valid }

// Request returns the request.
func (a Authorization) Request() oauth.TokenRequest { return a.client.Request() }

// Party returns on whose word the authorization rests.
func (a Authorization) Party() Party { return a.party }

// Subject returns who the token is about, before any rule maps it.
func (a Authorization) Subject() string { return a.subject }

// Client returns the client of the request; false: it names none. A client that asserts for itself is the client, also
// where it names itself in its assertion only.
func (a Authorization) Client() (id string, named bool) {
	if a.party.Kind == Client {
		return a.party.ID, true
	}
	registration, named := a.client.Client()
	if !named {
		return "", false
	}
	return registration.ID, true
}

// Proved reports whether the client of the request has authenticated, and not only said who it is.
func (a Authorization) Proved() bool { return a.client.Proved() }

// Scope returns the requested scope; empty: none was requested.
func (a Authorization) Scope() oauth.Scope { return a.scope }

// IDJAG reports whether it rests on an identity assertion.
func (a Authorization) IDJAG() bool { return a.trust.IDJAG }

// Confirmation returns of what the sender of the request has to prove possession, because the assertion says so; zero: of
// nothing.
func (a Authorization) Confirmation() oauth.Confirmation { return a.confirmation }

// Claims returns the verified claims that rules look at: those of the grant's assertion, or of the client's. The map is
// shared: it must not be changed.
func (a Authorization) Claims() map[string]any { return a.claims }

// Assertion returns the assertion that was the grant; its zero value where the grant has none.
func (a Authorization) Assertion() assertion.Verified { return a.assertion }

// ExpiresAt returns when the word that the authorization rests on expires; zero: it does not say.
func (a Authorization) ExpiresAt() time.Time {
	if a.assertion.IsZero() {
		return a.client.Assertion().ExpiresAt()
	}
	return a.assertion.ExpiresAt()
}

// Uses returns the assertions that are good for one request only.
func (a Authorization) Uses() []replay.Use {
	uses := []replay.Use{a.client.Assertion().Use(), a.assertion.Use(), a.exchange.use()}
	return slices.DeleteFunc(uses, replay.Use.IsZero)
}

// Constraint returns to what a token must be bound, as the client of the request and whoever made the assertion are
// registered. What was bound is exchanged for what is bound too: else who has stolen it could make it of use.
func (a Authorization) Constraint() oauth.Constraint {
	constraint := a.trust.Constraint.And(oauth.Constraint{Either: a.exchange.bound})
	if registration, named := a.client.Client(); named {
		constraint = constraint.And(registration.Constraint)
	}
	return constraint
}

// ProofAlgorithms returns the algorithms that a DPoP proof may have; none: nobody who takes part is held to any.
func (a Authorization) ProofAlgorithms() []jose.Algorithm {
	if registration, named := a.client.Client(); named && len(registration.Algorithms) > 0 {
		return registration.Algorithms
	}
	return a.trust.Algorithms
}

// Authorize decides whether the grant of the request holds. The error is an *oauth.Error.
func (g *Grants) Authorize(ctx context.Context, client client.Authenticated) (Authorization, error) {
	if client.IsZero() {
		return Authorization{}, &oauth.Error{Code: oauth.ServerError, Description: "the request was not authenticated"}
	}
	switch client.Request().GrantType {
	case oauth.ClientCredentials:
		return clientCredentials(client)
	case oauth.JWTBearer:
		return g.jwtBearer(ctx, client)
	case oauth.TokenExchange:
		return g.tokenExchange(ctx, client)
	default:
		return Authorization{}, &oauth.Error{
			Code:        oauth.UnsupportedGrantType,
			Description: "grant_type is not one that this server supports; its metadata lists those",
		}
	}
}

func unauthorized(reason, description string) *oauth.Error {
	return &oauth.Error{Code: oauth.UnauthorizedClient, Description: description, Reason: reason}
}

const notRegisteredForGrant = "the client is not registered for this grant_type"
