// Package token makes access tokens: JWTs in the profile of RFC 9068, signed with our own key, with another of ours for
// an API that needs another algorithm, or, as the explicit exception for one that cannot do otherwise, with a secret
// shared with it (protocol W1, W2). For an API that asks about its tokens instead of reading them they are opaque: what
// would be signed is sealed (protocol W3).
//
// [Issuer.Draft] takes a decision and finds the key; [Draft.Sign] makes the [AccessToken]. They are two steps so that
// an assertion is remembered as used only when a token can be signed: a key that is not there must not burn it.
//
// A token is bound to what its sender holds (cnf, protocol W4), where a client, a resource or a proof asks for it.
//
// It must never sign what package policy did not decide.
package token

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
	"example.com/countersign/internal/statuslist"
)

// Type is the typ header of an access token (RFC 9068 §2.1).
const Type = "at+jwt"

// Signer is a key that signs, or one that seals.
type Signer interface {
	// Sign returns the compact JWS of claims with this typ, or the opaque token that stands for it.
	Sign(typ string, claims []byte) (string, error)
	// ID returns the kid, by which logs name the key.
	ID() string
}

// Keys returns the key that signs now, and when it was created. The error says that there is none to be had.
type Keys func(ctx context.Context) (signer Signer, created time.Time, err error)

// Config is what tokens are made with.
type Config struct {
	Issuer       string                      // iss
	Keys         Keys                        // sign every token, except
	ResourceKeys map[string]NamedKeys        // by resource: the keys of those that want another algorithm, a shared secret or opaque tokens
	Constraints  map[string]oauth.Constraint // by resource: to what the tokens of those that ask for it must be bound
	Now          func() time.Time

	StatusList string          // the URI of the status list; empty: there is none
	Listed     map[string]bool // by resource: whether its tokens say where on that list they are
}

// NamedKeys are keys of a name by which two resources are seen to have the same.
type NamedKeys struct {
	Name   string
	Keys   Keys
	Opaque bool // what they make is no JWT
}

// Issuer issues access tokens.
type Issuer struct{ config Config }

// New returns an issuer.
func New(config Config) (*Issuer, error) {
	if config.Issuer == "" || config.Keys == nil || config.Now == nil {
		return nil, errors.New("token: an issuer, keys and a clock are required")
	}
	if len(config.Listed) > 0 && config.StatusList == "" {
		return nil, errors.New("token: there is no status list")
	}
	for resource, keys := range config.ResourceKeys {
		if keys.Keys == nil || keys.Name == "" {
			return nil, fmt.Errorf("token: %s has no keys, or they have no name", resource)
		}
	}
	return &Issuer{config}, nil
}

// Ready returns an error unless every token that can be asked for could be signed now.
func (i *Issuer) Ready(ctx context.Context) error {
	if _, _, err := i.config.Keys(ctx); err != nil {
		return fmt.Errorf("signing keys: %w", err)
	}
	for resource, keys := range i.config.ResourceKeys {
		if _, _, err := keys.Keys(ctx); err != nil {
			return fmt.Errorf("keys of %s: %w", resource, err)
		}
	}
	return nil
}

// Draft is a token that lacks only its signature. Only [Issuer.Draft] makes one.
type Draft struct {
	signer Signer
	keyAge time.Duration
	typ    string
	claims claims
	extra  map[string]any
	scope  oauth.Scope
}

// claims are those of RFC 9068 §2.2.
type claims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	Audience  any    `json:"aud"` // a string for one, an array for several (protocol W1)
	ClientID  string `json:"client_id"`
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
	ID        string `json:"jti"`
	Scope     string `json:"scope"`

	Confirmation oauth.Confirmation    `json:"cnf,omitzero"`     // RFC 7800 §3.1, protocol W4
	Actor        *oauth.Actor          `json:"act,omitempty"`    // RFC 8693 §4.1, protocol X1
	Status       *statuslist.Reference `json:"status,omitempty"` // draft-ietf-oauth-status-list §6.2

	Resource any `json:"resource,omitempty"` // of an identity assertion (draft-ietf-oauth-identity-assertion-authz-grant §3.1)
}

// Draft makes a draft of what was decided. The error is an *oauth.Error: temporarily_unavailable where there is no key.
func (i *Issuer) Draft(ctx context.Context, decision policy.Decision) (Draft, error) {
	if decision.IsZero() {
		return Draft{}, &oauth.Error{Code: oauth.ServerError, Description: "nothing was decided"}
	}
	typ, ours := Type, decision.Audience()
	if decision.IDJAG() {
		typ, ours = oauth.IDJAGType, nil // its audience is nobody of ours, and wants nothing special
	}
	keys, err := i.keysFor(ours)
	if err != nil {
		return Draft{}, err
	}
	if keys.Opaque && decision.Sender().Authorization().Request().Exchange.Wanted == oauth.TypeJWT {
		return Draft{}, &oauth.Error{
			Code:        oauth.InvalidRequest,
			Description: "requested_token_type is a JWT, and the tokens for this resource are opaque",
			Reason:      "requested_token_type_opaque",
		}
	}
	confirmation, err := decision.Sender().Confirm(i.constraintOf(ours))
	if err != nil {
		return Draft{}, err
	}
	signer, created, err := keys.Keys(ctx)
	if err != nil {
		return Draft{}, oauth.Unavailable("signing_key_unavailable", err)
	}
	now, id := i.config.Now(), rand.Text()
	expires := now.Add(decision.Lifetime())
	if limit := decision.NotAfter(); !limit.IsZero() && limit.Before(expires) {
		// An assertion is still good for Skew after its exp; a token that ends with it would end in the past.
		if !limit.After(now.Add(time.Second)) {
			return Draft{}, tooSoon(decision)
		}
		expires = limit
	}
	return Draft{signer: signer, keyAge: now.Sub(created), typ: typ, extra: decision.Claims(), scope: decision.Scope(), claims: claims{
		Issuer:    i.config.Issuer,
		Subject:   decision.Subject(),
		Audience:  audience(decision.Audience()),
		ClientID:  decision.ClientID(),
		IssuedAt:  now.Unix(),
		ExpiresAt: expires.Unix(),
		ID:        id,
		Scope:     decision.Scope().String(),

		Confirmation: confirmation,
		Actor:        decision.Actor(),
		Status:       i.status(ours, id),
		Resource:     audience(decision.Resources()),
	}}, nil
}

// tooSoon refuses a token that would end as soon as it is there.
func tooSoon(decision policy.Decision) error {
	refusal := &oauth.Error{Code: oauth.InvalidGrant, Description: "assertion: exp is too near for a token that ends with it", Reason: "expires_too_soon"}
	if decision.Sender().Authorization().Request().GrantType == oauth.TokenExchange {
		refusal.Code, refusal.Description = oauth.InvalidRequest, "subject_token or actor_token: exp is too near for a token that ends with it"
	}
	return refusal
}

// constraintOf returns what each of these resources asks for.
func (i *Issuer) constraintOf(audience []string) (all oauth.Constraint) {
	for _, resource := range audience {
		all = all.And(i.config.Constraints[resource])
	}
	return all
}

// status returns where on the status list the token with this jti is; nil: none of these resources wants to know.
func (i *Issuer) status(audience []string, id string) *statuslist.Reference {
	for _, resource := range audience {
		if i.config.Listed[resource] {
			reference := statuslist.Refer(i.config.StatusList, id)
			return &reference
		}
	}
	return nil
}

// keysFor returns the keys that this audience can verify. A token for several has one signature only.
func (i *Issuer) keysFor(audience []string) (NamedKeys, error) {
	chosen := NamedKeys{Keys: i.config.Keys}
	for n, resource := range audience {
		keys, special := i.config.ResourceKeys[resource]
		if !special {
			keys = NamedKeys{Keys: i.config.Keys}
		}
		if n > 0 && keys.Name != chosen.Name {
			return NamedKeys{}, &oauth.Error{
				Code:        oauth.InvalidTarget,
				Description: "one of these resources takes tokens of its own kind only; ask for one token each",
				Reason:      "resources_differ",
			}
		}
		chosen = keys
	}
	return chosen, nil
}

func audience(values []string) any {
	switch len(values) {
	case 0:
		return nil
	case 1:
		return values[0]
	default:
		return values
	}
}

// AccessToken is a signed access token.
type AccessToken struct {
	Token     oauth.Secret
	Scope     oauth.Scope
	ExpiresIn int64  // seconds from now
	ID        string // jti, by which logs name it
	ExpiresAt int64  // seconds since 1970

	KeyID  string        // kid
	KeyAge time.Duration // since the key was created

	Confirmation oauth.Confirmation // to what it is bound; its TokenType is that of the token
}

// Sign signs the draft. The error is an *oauth.Error.
func (d Draft) Sign() (AccessToken, error) {
	if d.signer == nil {
		return AccessToken{}, &oauth.Error{Code: oauth.ServerError, Description: "there is no draft"}
	}
	text, err := d.encode()
	if err != nil {
		return AccessToken{}, &oauth.Error{Code: oauth.ServerError, Description: "the token could not be encoded", Cause: err}
	}
	signed, err := d.signer.Sign(d.typ, text)
	if err != nil {
		return AccessToken{}, oauth.Unavailable("signing_failed", err)
	}
	return AccessToken{
		Token:     oauth.NewSecret(signed),
		Scope:     d.scope,
		ExpiresIn: d.claims.ExpiresAt - d.claims.IssuedAt,
		ID:        d.claims.ID,
		ExpiresAt: d.claims.ExpiresAt,

		KeyID:  d.signer.ID(),
		KeyAge: d.keyAge,

		Confirmation: d.claims.Confirmation,
	}, nil
}

// encode joins the further claims to the registered ones. The names cannot meet: the configuration refuses to map onto
// a reserved name.
func (d Draft) encode() ([]byte, error) {
	text, err := json.Marshal(d.claims)
	if err != nil || len(d.extra) == 0 {
		return text, err
	}
	extra, err := json.Marshal(d.extra)
	if err != nil {
		return nil, err
	}
	return append(append(text[:len(text)-1], ','), extra[1:]...), nil
}
