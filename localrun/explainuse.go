package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// assertionUse is one of the uses of an assertion (RFC 7523 §2.1, §2.2, RFC 8693 §2.1): by the grant_type of the request.
type assertionUse struct{ grant string }

const (
	assertionParameter       = "assertion"
	clientAssertionParameter = "client_assertion"
	subjectTokenParameter    = "subject_token"
)

// parameter returns the name of the parameter that it comes in.
func (u assertionUse) parameter() string {
	switch u.grant {
	case oauth.ClientCredentials:
		return clientAssertionParameter
	case oauth.TokenExchange:
		return subjectTokenParameter
	default:
		return assertionParameter
	}
}

// usesOf returns what an assertion with this iss can be by the configuration. One of a stranger is taken for a grant
// where iss is a URL, as those of issuers are.
func usesOf(configuration *config.Config, issuer, wanted string) []assertionUse {
	if wanted != "" {
		return []assertionUse{{wanted}}
	}
	var uses []assertionUse
	registered, isClient := clientNamed(configuration, issuer)
	if isClient && byAssertion(registered) {
		uses = append(uses, assertionUse{oauth.ClientCredentials})
	}
	_, isIssuer := issuerNamed(configuration, issuer)
	if isIssuer || isClient && !registered.Keys.IsZero() && slices.Contains(registered.Grants, oauth.JWTBearer) {
		uses = append(uses, assertionUse{oauth.JWTBearer})
	}
	switch {
	case len(uses) > 0:
		return uses
	case isClient:
		return []assertionUse{{oauth.ClientCredentials}}
	default:
		return []assertionUse{{oauth.JWTBearer}}
	}
}

// byAssertion reports whether a client authenticates with assertions.
func byAssertion(registered *config.Client) bool {
	return registered.Authentication == oauth.PrivateKeyJWT || registered.Authentication == oauth.ClientSecretJWT
}

func clientNamed(configuration *config.Config, id string) (*config.Client, bool) {
	i := slices.IndexFunc(configuration.Clients, func(c config.Client) bool { return c.ID == id })
	if i < 0 {
		return nil, false
	}
	return &configuration.Clients[i], true
}

func issuerNamed(configuration *config.Config, issuer string) (*config.Issuer, bool) {
	i := slices.IndexFunc(configuration.Issuers, func(c config.Issuer) bool { return c.Issuer == issuer })
	if i < 0 {
		return nil, false
	}
	return &configuration.Issuers[i], true
}

// claimant is whose assertion it claims to be.
type claimant struct {
	name     string // for people
	keys     *config.Keys
	rules    []config.Rule
	disabled bool
	known    bool
}

// claimantOf finds the party as the service does: an issuer first, and a client only where it may assert. Its own assertion
// is nothing to exchange.
func (u assertionUse) claimantOf(configuration *config.Config, name string) claimant {
	if issuer, is := issuerNamed(configuration, name); is && u.grant != oauth.ClientCredentials {
		return claimant{"the issuer " + name, &issuer.Keys, issuer.Allow, issuer.Disabled, true}
	}
	if registered, is := clientNamed(configuration, name); is && u.grant != oauth.TokenExchange {
		return claimant{"the client " + name, &registered.Keys, registered.Allow, registered.Disabled, true}
	}
	return claimant{name: "somebody whom the configuration does not know"}
}

// provideKeys sees to it that the signature can be verified with what is at hand, and returns the assertion that goes
// into the request. Where the keys are elsewhere, the same claims are signed anew with a key that is registered for
// this one purpose: so all that comes after the signature is decided by the service itself, as it would be.
func (r *rehearsal) provideKeys(q question, of claimant, token *jose.Token) (oauth.Secret, error) {
	switch {
	case of.keys == nil || of.keys.IsZero():
		return q.assertion, nil
	case q.keys != nil:
		return q.assertion, of.register(q)
	case of.keys.JWKS != nil || of.keys.PEM != "" || of.keys.File != "":
		return q.assertion, nil
	}
	r.replaced = *of.keys
	stranger := !couldHaveSigned(*of.keys, token.Algorithm)
	key, err := otherKey(token.Algorithm, stranger)
	if err != nil {
		return oauth.Secret{}, err
	}
	set, err := jose.EncodeKeySet(jose.KeySet{key.Verification()})
	if err != nil {
		return oauth.Secret{}, err
	}
	*of.keys = config.Keys{At: of.keys.At, JWKS: set}
	if stranger {
		return q.assertion, nil // which no key of this party can have signed, whatever they are
	}
	r.assumed["key"] = "not checked: its keys are " + placeOfKeys(r.replaced)
	if r.replaced.SharedSecret == "" {
		r.assumed["key"] += " (give -jwks)"
	}
	r.assumed["signature"] = "not checked: what follows is as if it had verified"
	return signAnew(q.assertion, token.Type, key)
}

// register puts the keys of -jwks in the place of those that are elsewhere. A provider's set may hold keys that are of
// no use here, as it may when the service fetches it.
func (of claimant) register(q question) error {
	set, rejected, err := jose.ParseKeySet(q.keys, rsaAlgorithmOf(*of.keys))
	if err != nil {
		return fmt.Errorf("%s: %w", q.keysName, err)
	}
	if len(set) == 0 {
		return fmt.Errorf("%s holds no key that can be used: %s", q.keysName, rejected[0].Why)
	}
	encoded, err := jose.EncodeKeySet(set)
	if err != nil {
		return fmt.Errorf("%s: %w", q.keysName, err)
	}
	*of.keys = config.Keys{At: of.keys.At, JWKS: encoded}
	return nil
}

// placeOfKeys says where keys are that are not in the configuration.
func placeOfKeys(of config.Keys) string {
	switch {
	case of.SharedSecret != "":
		return "the shared secret in " + of.SharedSecret
	case of.Secret != "":
		return "in " + of.Secret
	default:
		return "not in the configuration"
	}
}

// couldHaveSigned reports whether keys of this kind have such an algorithm. That is known without the keys.
func couldHaveSigned(of config.Keys, algorithm jose.Algorithm) bool {
	if of.SharedSecret != "" {
		return jose.Algorithm(of.Algorithm) == algorithm
	}
	return !algorithm.Symmetric()
}

// otherKey makes a key. One of a stranger has another algorithm than the assertion.
func otherKey(algorithm jose.Algorithm, stranger bool) (jose.SigningKey, error) {
	if stranger && algorithm == jose.EdDSA {
		return jose.GenerateSigningKey(jose.ES256)
	}
	return jose.GenerateSigningKey(jose.EdDSA)
}

// signAnew signs the claims of an assertion, byte by byte, with another key.
func signAnew(assertion oauth.Secret, typ string, key jose.SigningKey) (oauth.Secret, error) {
	parts := strings.Split(assertion.Reveal(), ".")
	if len(parts) != 3 {
		return oauth.Secret{}, errors.New("the assertion has been parsed and has not three parts, which is a defect")
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return oauth.Secret{}, err
	}
	signed, err := key.Sign(typ, claims)
	return oauth.NewSecret(signed), err
}
