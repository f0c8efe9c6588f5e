package grant

import (
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/sender"
)

// clientCredentials is RFC 6749 §4.4: the client acts for itself, so it must have proved who it is (protocol K1).
func clientCredentials(constrained sender.Constrained) (Authorization, error) {
	authenticated := constrained.Client()
	registration, named := authenticated.Client()
	switch {
	case !named:
		return Authorization{}, &oauth.Error{
			Code:        oauth.InvalidClient,
			Description: "client_credentials needs client authentication, and the request has none",
			Reason:      "client_missing",
		}
	case !registration.Allows(oauth.ClientCredentials):
		return Authorization{}, unauthorized("grant_not_allowed", notRegisteredForGrant)
	case !authenticated.Proved():
		return Authorization{}, unauthorized("client_not_proved", "client_credentials needs a client that authenticates")
	}
	return Authorization{
		client:  authenticated,
		sender:  constrained.Sender(),
		party:   Party{Client, registration.ID},
		subject: registration.ID,
		claims:  authenticated.Assertion().Claims(),
		scope:   authenticated.Request().Scope,
		valid:   true,
	}, nil
}
