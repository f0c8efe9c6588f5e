package server_test

import (
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/oauth"
)

// exchanging is a configuration with an API, front, that calls another one, back, for its own callers, and with an agent
// that acts for users.
const exchanging = `
issuer: https://auth.example.com
signing_keys: {directory: keys}
resources:
  - {id: https://front.example.com, scopes: [read, write, admin]}
  - {id: https://back.example.com, scopes: [read, write]}
  - {id: "urn:example:ledger", scopes: [read]}
clients:
  - id: front
    authentication: private_key_jwt
    keys: {file: front.ES256.json}
    grants: ["urn:ietf:params:oauth:grant-type:token-exchange", client_credentials]
    allow:
      - {resource: https://back.example.com, scopes: [read]}
    exchange:
      - {resource: https://front.example.com, scopes: [read, write, admin], lifetime: 1h, claims: {for_client: claims.client_id}}
      - {resource: https://back.example.com, scopes: [read, write], default_scopes: [read], lifetime: 1h, if: claims.aud == "https://front.example.com", claims: {for_client: claims.client_id}}
  - id: agent
    authentication: private_key_jwt
    keys: {file: agent.ES256.json}
    grants: [client_credentials, "urn:ietf:params:oauth:grant-type:token-exchange"]
    allow:
      - {resource: https://front.example.com, scopes: [read]}
    exchange:
      - {resource: https://front.example.com, scopes: [read, write], if: has(claims.act) && claims.act.sub != "nobody"}
  - id: batch                                       # it cannot exchange anything
    authentication: private_key_jwt
    keys: {file: batch.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: https://front.example.com, scopes: [read, write], lifetime: 30m}
      - {resource: https://back.example.com, scopes: [read], lifetime: 30m}
  - id: phone                                       # it only says who it is
    authentication: none
    grants: ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
  - id: former
    disabled: true
    authentication: private_key_jwt
    keys: {file: former.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: https://front.example.com, scopes: [read]}
issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.ES256.json}
    audiences: [front-app]
    allow:
      - {resource: https://front.example.com, scopes: [read, write], lifetime: 2h, if: claims.sub != "mallory", subject: '"idp:" + claims.sub'}
  - issuer: https://partner.example.com
    keys: {file: partner.ES256.json}
    allow:
      - {resource: https://front.example.com, scopes: [read]}
`

// The parties of exchanging as they are named there, besides those of acme.
const (
	frontAPI = "https://front.example.com"
	backAPI  = "https://back.example.com"
)

// swap is a token exchange of a subject token of this type, by a client.
func (d *deployment) swap(client, kind, token string, parts ...part) request {
	return ask(append([]part{
		param("grant_type", oauth.TokenExchange), d.proves(client), presents("subject", kind, token),
	}, parts...)...)
}

// presents is a subject_token or an actor_token.
func presents(as, kind, token string) part {
	return both(param(as+"_token", token), param(as+"_token_type", kind))
}

// actedBy is an actor_token.
func actedBy(kind, token string) part { return presents("actor", kind, token) }

func audience(value string) part { return param("audience", value) }

// ours is what a token of ours says: of alice, for front, for ten minutes.
func (d *deployment) ours() claims {
	return claims{
		"iss": us, "sub": "alice", "aud": frontAPI, "client_id": "batch", "jti": d.of("").id(),
		"iat": d.clock.in(0), "exp": d.clock.in(10 * time.Minute), "scope": "read write",
	}
}

// issue signs an access token of ours.
func (d *deployment) issue(c claims) string { return d.issueAs("at+jwt", c) }

func (d *deployment) issueAs(typ string, c claims) string {
	d.t.Helper()
	token, err := signingKey(d.t, "own.ES256").Sign(typ, marshal(d.t, c))
	d.must(err)
	d.remember(token)
	return token
}

// tokenFault is the way in which a fault of the JWT in a parameter of an exchange is told (RFC 8693 §2.2.2).
func tokenFault(parameter string, fault *assertion.Fault) refusal {
	if assertion.TellsWhoExists(fault) {
		return strangeToken(parameter, fault.Reason)
	}
	return invalidRequest(parameter+"_"+fault.Reason, parameter+": "+fault.Sentence)
}

// strangeToken is the one answer to a JWT of somebody who is not trusted.
func strangeToken(parameter, reason string) refusal {
	return invalidRequest(parameter+"_"+reason, parameter+": its iss is not trusted here, or none of the keys known for it made the signature")
}

// inactive is the one answer to what is not an access token of ours that holds.
func inactive(parameter string) refusal {
	return invalidRequest(parameter+"_inactive", parameter+": it is not an active access token of this server")
}

var noExchange = invalidRequest("no_rule", "no rule matches the claims of the subject_token")

// expectClaims holds a token to these claims; nil: it must not have one.
func (g granted) expectClaims(t *testing.T, want claims) {
	t.Helper()
	for name, value := range want {
		if got := string(marshal(t, claims{name: g.claims[name]})); got != string(marshal(t, claims{name: value})) {
			t.Errorf("got %s, want %v", got, value)
		}
	}
}
