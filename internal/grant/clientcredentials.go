package grant

import (
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/oauth"
)

// clientCredentials is RFC 6749 §4.4: the client acts for itself, so it must have proved who it is (protocol K1).
func clientCredentials(authenticated client.Authenticated) (Authorization, error) {
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
	authorization := Authorization{
		client:  authenticated,
		party:   Party{Client, registration.ID},
		subject: registration.ID,
		claims:  authenticated.Assertion().Claims(),
		scope:   authenticated.Request().Scope,
		valid:   true,
	}
	if err := authorization.CheckStopped(registration.ID, ""); err != nil {
		return Authorization{}, err
	}
	return authorization, nil
}
