// Package issued knows access tokens of this server when they come back: to be exchanged (RFC 8693), to be asked about
// (RFC 7662), to be revoked (RFC 7009).
//
// [Verifier.Verify] takes the text of a token and hands on a [Token], or says that it is not active: for whatever is not
// an access token of ours, has expired or has been taken back there is one answer, which tells nobody which of these it
// is.
//
// It must never take another JWT for an access token, nor one of another issuer, and never call a token active that it
// could not decide about.
package issued

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// ErrInactive is the answer to whatever is not an access token of ours that holds. What wraps it says why, for the log.
var ErrInactive = errors.New("this is not an active access token of this server")

// Config is what tokens are held to. All fields are required unless they say otherwise.
type Config struct {
	Issuer  string                                     // iss
	Keys    func(context.Context) (jose.KeySet, error) // the keys that may have signed; the error says that they could not be had
	Open    Open                                       // opens sealed tokens; nil: there are none
	Now     func() time.Time
	Stopped []Stop // whether a token has been taken back; none: tokens are not

	// Shared are the secrets that APIs have in common with us. None: tokens that are signed so are inactive, as they must
	// be wherever a token is good for more than to be asked about: whoever has the secret can have made it.
	Shared []Shared
}

// Shared is a secret that signs the tokens of some APIs (protocol W2). It is believed of no others.
type Shared struct {
	Resources []string
	// Lifetime is that of the longest token. One that lasts longer is none of ours; whoever has the secret could have it
	// taken back, and remembered for as long as it says.
	Lifetime time.Duration
	Find     func(context.Context, *jose.Token) (jose.VerificationKey, error) // a *jose.Fault: there is no such key
}

// Open returns the claims of a sealed token (package seal), as JSON, and reports whether text is one that we have sealed.
// The error says that it could not be decided.
type Open func(ctx context.Context, text string) (claims []byte, opened bool, err error)

// Stop reports whether a token has been taken back. The error says that it could not be decided.
type Stop func(context.Context, Token) (bool, error)

// Verifier verifies our own access tokens. It is safe for concurrent use.
type Verifier struct{ config Config }

// New returns a verifier.
func New(config Config) (*Verifier, error) {
	if config.Issuer == "" || config.Keys == nil || config.Now == nil {
		return nil, errors.New("issued: an issuer, keys and a clock are required")
	}
	return &Verifier{config}, nil
}

// Token is an access token of ours that holds. Only [Verifier.Verify] makes one.
type Token struct {
	Subject      string // sub
	ClientID     string // client_id
	ID           string // jti
	Audience     []string
	Scope        oauth.Scope
	IssuedAt     time.Time
	ExpiresAt    time.Time
	Confirmation oauth.Confirmation // to what it is bound
	claims       map[string]any
}

// IsZero reports whether there is no token.
func (t Token) IsZero() bool { return t.claims == nil }

// Claims returns all claims by name. The map is shared: it must not be changed.
func (t Token) Claims() map[string]any { return t.claims }

// Verify returns the token of this text. The error is an ErrInactive, or says that it could not be decided.
func (v *Verifier) Verify(ctx context.Context, text string) (Token, error) {
	claims, err := v.claims(ctx, text)
	if err != nil {
		return Token{}, err
	}
	token, err := v.check(claims)
	if err != nil {
		return Token{}, err
	}
	for _, stopped := range v.config.Stopped {
		is, err := stopped(ctx, token)
		if err != nil {
			return Token{}, err
		}
		if is {
			return Token{}, inactive("it has been taken back")
		}
	}
	return token, nil
}

// claims returns what we have sealed or signed.
func (v *Verifier) claims(ctx context.Context, text string) (jose.Claims, error) {
	if v.config.Open == nil {
		return v.signed(ctx, text)
	}
	sealed, opened, err := v.config.Open(ctx, text)
	if err != nil {
		return jose.Claims{}, fmt.Errorf("opening a sealed token: %w", err)
	}
	if !opened {
		return v.signed(ctx, text)
	}
	claims, err := jose.ParseClaims(sealed)
	if err != nil {
		return jose.Claims{}, inactive(err.Error())
	}
	return claims, nil
}

// signed returns what we have signed (RFC 9068 §4: the type first, so that no other JWT passes for an access token).
func (v *Verifier) signed(ctx context.Context, text string) (jose.Claims, error) {
	parsed, err := jose.Parse(text)
	if err != nil {
		return jose.Claims{}, inactive(err.Error())
	}
	if jose.MediaType(parsed.Type) != "at+jwt" {
		return jose.Claims{}, inactive("typ is not at+jwt")
	}
	if parsed.Algorithm.Symmetric() {
		return v.shared(ctx, parsed)
	}
	keys, err := v.config.Keys(ctx)
	if err != nil {
		return jose.Claims{}, fmt.Errorf("getting our own keys: %w", err)
	}
	key, err := keys.Find(parsed)
	if err != nil {
		return jose.Claims{}, inactive(err.Error())
	}
	claims, err := parsed.Verify(key)
	if err != nil {
		return jose.Claims{}, inactive(err.Error())
	}
	return claims, nil
}

// shared returns the claims of a token that is signed with a secret, if it is for those alone who have that secret.
func (v *Verifier) shared(ctx context.Context, parsed *jose.Token) (jose.Claims, error) {
	var undecided error
	for _, secret := range v.config.Shared {
		key, err := secret.Find(ctx, parsed)
		if _, isFault := errors.AsType[*jose.Fault](err); isFault {
			continue
		}
		if err != nil {
			undecided = fmt.Errorf("getting a shared secret: %w", err)
			continue
		}
		claims, err := parsed.Verify(key)
		foreign := func(audience string) bool { return !slices.Contains(secret.Resources, audience) }
		switch {
		case err != nil || slices.ContainsFunc(claims.Audience.Values, foreign):
		case claims.ExpiresAt.Sub(v.config.Now()) > secret.Lifetime:
			return jose.Claims{}, inactive("exp is further ahead than that of any token of this server")
		default:
			return claims, nil
		}
	}
	if undecided != nil {
		return jose.Claims{}, undecided
	}
	return jose.Claims{}, inactive("no secret that its audience shares with this server has signed it")
}

// check holds what this server makes: all of RFC 9068 §2.2, and no leniency in time, since the clock is our own.
func (v *Verifier) check(claims jose.Claims) (Token, error) {
	all := claims.All()
	clientID, _ := all["client_id"].(string)
	text, _ := all["scope"].(string)
	scope, err := oauth.ParseScope(text)
	switch {
	case claims.Issuer != v.config.Issuer:
		return Token{}, inactive("iss is another server")
	case !v.config.Now().Before(claims.ExpiresAt):
		return Token{}, inactive("it has expired")
	case claims.Subject == "" || clientID == "" || claims.ID == "" || len(claims.Audience.Values) == 0 || claims.IssuedAt.IsZero() || err != nil:
		return Token{}, inactive("a claim of RFC 9068 is missing")
	}
	return Token{
		Subject:      claims.Subject,
		ClientID:     clientID,
		ID:           claims.ID,
		Audience:     claims.Audience.Values,
		Scope:        scope,
		IssuedAt:     claims.IssuedAt,
		ExpiresAt:    claims.ExpiresAt,
		Confirmation: confirmation(all["cnf"]),
		claims:       all,
	}, nil
}

func confirmation(cnf any) oauth.Confirmation {
	members, _ := cnf.(map[string]any)
	key, _ := members["jkt"].(string)
	certificate, _ := members["x5t#S256"].(string)
	return oauth.Confirmation{JWKThumbprint: key, CertificateThumbprint: certificate}
}

func inactive(why string) error { return fmt.Errorf("%w: %s", ErrInactive, why) }
