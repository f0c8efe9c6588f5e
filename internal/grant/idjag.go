package grant

import (
	"slices"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/oauth"
)

// forIDJAG returns the trust as identity assertions need it, whatever its other fields say (draft §3.1, §4.4.1).
func (t Trust) forIDJAG() Trust {
	t.Types, t.Subject, t.IDRequired = nil, assertion.SubjectRequired, true
	t.Client, t.ScopeFromClaim = ClientAuthenticated, true
	t.Exceptions = slices.DeleteFunc(slices.Clone(t.Exceptions), func(e assertion.Exception) bool {
		return e.Audience != "" || e.IDOptional
	})
	return t
}

// holdToIDJAG holds the request to what an identity assertion says of it (draft §4.4.1, protocol I2 to I4). The client
// has authenticated, and the scope claim is the requested scope already.
func (a *Authorization) holdToIDJAG() error {
	registration, _ := a.client.Client()
	if id, isText := a.claims["client_id"].(string); !isText || id != registration.ID {
		return &oauth.Error{
			Code:        oauth.InvalidGrant,
			Description: "assertion: client_id is not the client that sends the request",
			Reason:      "assertion_client_id",
		}
	}
	if _, stated := a.claims["scope"]; stated && len(a.scope) == 0 {
		// No scope at all would stand for the rule's own, which may be more than nothing.
		return &oauth.Error{Code: oauth.InvalidScope, Description: "the assertion's scope is empty", Reason: "scope_claim"}
	}
	if details, isList := a.claims["authorization_details"].([]any); !isList && a.claims["authorization_details"] != nil || len(details) > 0 {
		// RFC 9396 §5: what they say of the token cannot be left out, and this server knows no type of them.
		return &oauth.Error{
			Code:        oauth.InvalidGrant,
			Description: "assertion: this server knows no authorization_details (RFC 9396)",
			Reason:      "assertion_authorization_details",
		}
	}
	var err error
	if a.confirmation, err = confirmationOf(a.claims["cnf"]); err != nil {
		return err
	}
	return a.boundResource()
}

// boundResource makes the assertion's resource the requested one; then a parameter can only ask for a part of it.
func (a *Authorization) boundResource() error {
	claim, present := a.claims["resource"]
	if !present {
		return nil
	}
	asserted, isWellFormed := resourcesOf(claim)
	if !isWellFormed {
		return &oauth.Error{
			Code:        oauth.InvalidGrant,
			Description: "assertion: resource is neither an absolute URI without a fragment nor an array of them",
			Reason:      "assertion_resource",
		}
	}
	requested := a.Request().Resource
	if len(requested) == 0 {
		a.resource = asserted
		return nil
	}
	for _, resource := range requested {
		if !slices.Contains(asserted, resource) {
			return &oauth.Error{
				Code:        oauth.InvalidTarget,
				Description: "resource is not within the assertion's own resource",
				Reason:      "resource_claim",
			}
		}
	}
	return nil
}

// resourcesOf returns the resources of a claim, each once.
func resourcesOf(claim any) (resources []string, isWellFormed bool) {
	list, isList := claim.([]any)
	if !isList {
		list = []any{claim}
	}
	for _, element := range list {
		resource, isText := element.(string)
		if !isText || !oauth.IsResource(resource) {
			return nil, false
		}
		if !slices.Contains(resources, resource) {
			resources = append(resources, resource)
		}
	}
	return resources, len(resources) > 0
}

// confirmationOf returns of what a cnf claim demands possession (RFC 7800 §3.1). What this server could not check is
// refused: to leave it out would make a bound assertion anybody's.
func confirmationOf(cnf any) (oauth.Confirmation, error) {
	if cnf == nil {
		return oauth.Confirmation{}, nil
	}
	members, _ := cnf.(map[string]any)
	var demanded oauth.Confirmation
	understood := len(members) > 0
	for name, member := range members {
		text, _ := member.(string)
		switch {
		case text == "":
			understood = false
		case name == "jkt":
			demanded.JWKThumbprint = text
		case name == "x5t#S256":
			demanded.CertificateThumbprint = text
		default:
			understood = false
		}
	}
	if !understood {
		return oauth.Confirmation{}, &oauth.Error{
			Code:        oauth.InvalidGrant,
			Description: "assertion: cnf asks for another proof than of a key (jkt) or a certificate (x5t#S256)",
			Reason:      "assertion_cnf",
		}
	}
	return demanded, nil
}
