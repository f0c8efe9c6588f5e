package oauth

import (
	"net/url"
	"slices"
)

// Token type identifiers (RFC 8693 §3): what a token is that is exchanged, or got for one.
const (
	TypeAccessToken = "urn:ietf:params:oauth:token-type:access_token"
	TypeIDToken     = "urn:ietf:params:oauth:token-type:id_token"
	TypeJWT         = "urn:ietf:params:oauth:token-type:jwt"
)

// Exchange is the parameters of a token exchange (RFC 8693 §2.1), as far as other requests do not have them. The zero
// value is of a request with another grant_type.
type Exchange struct {
	Subject  PresentedToken // on whose behalf; always there
	Actor    PresentedToken // who acts; zero: the request does not say
	Wanted   string         // requested_token_type; empty: not said
	Audience []string       // where the token is to be used, each once, by names of our own choosing
}

// PresentedToken is a token and what the request says that it is. Nothing of it is believed yet.
type PresentedToken struct {
	Token Secret
	Type  string // a token type identifier
}

// IsZero reports whether there is no token.
func (t PresentedToken) IsZero() bool { return t.Token.IsZero() }

// parseExchange reads what a token exchange has besides. Which types are good is for the grant to say; what belongs
// together is decided here.
func parseExchange(parameters url.Values) (Exchange, error) {
	exchange := Exchange{
		Subject: PresentedToken{NewSecret(parameters.Get("subject_token")), parameters.Get("subject_token_type")},
		Actor:   PresentedToken{NewSecret(parameters.Get("actor_token")), parameters.Get("actor_token_type")},
		Wanted:  parameters.Get("requested_token_type"),
	}
	for _, audience := range parameters["audience"] {
		if audience != "" && !slices.Contains(exchange.Audience, audience) {
			exchange.Audience = append(exchange.Audience, audience)
		}
	}
	switch {
	case exchange.Subject.IsZero():
		return Exchange{}, malformed("subject_token_missing", "subject_token is missing")
	case exchange.Subject.Type == "":
		return Exchange{}, malformed("subject_token_type_missing", "subject_token is there without a subject_token_type")
	case !exchange.Actor.IsZero() && exchange.Actor.Type == "":
		return Exchange{}, malformed("actor_token_type_missing", "actor_token is there without an actor_token_type")
	case exchange.Actor.IsZero() && exchange.Actor.Type != "":
		return Exchange{}, malformed("actor_token_missing", "actor_token_type is there without an actor_token")
	case len(exchange.Subject.Token.Reveal()) > maxAssertion:
		return Exchange{}, malformed("subject_token_too_long", "subject_token is longer than 16 KiB")
	case len(exchange.Actor.Token.Reveal()) > maxAssertion:
		return Exchange{}, malformed("actor_token_too_long", "actor_token is longer than 16 KiB")
	}
	return exchange, nil
}
