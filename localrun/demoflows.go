package main

import (
	"net/http"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/server"
)

// flow is one way to a token and to the API.
type flow struct {
	title   string
	means   string // what the specifications call it
	name    string // of the caller, above its column
	method  string // of the call to the API
	key     jose.SigningKey
	claims  assertionClaims
	client  *http.Client // that shows a certificate, which then takes the place of an assertion; nil: everybody's
	thief   string       // see exchanged
	request func(assertion oauth.Secret) tokenRequest
}

// with says what the call has beside its method.
func (f flow) with() string {
	switch {
	case f.client != nil:
		return "over the same TLS"
	case f.thief != "":
		return "with token and proof"
	default:
		return "with the token"
	}
}

// verifies says what the API does.
func (f flow) verifies() string {
	switch {
	case f.client != nil:
		return "verifies it for this certificate"
	case f.thief != "":
		return "verifies it, and the proof"
	default:
		return "verifies it with the public keys"
	}
}

// ownKey is the flow of a client that signs for itself.
func (d *demonstration) ownKey() flow {
	return flow{
		name: reportName, method: http.MethodGet, key: d.report,
		title:   "A client proves with its own key who it is",
		means:   "grant client_credentials, authentication private_key_jwt",
		claims:  d.ofItself(reportName),
		request: d.withAssertion(jose.SigningKey{}),
	}
}

// ofItself are the claims of a client that authenticates.
func (d *demonstration) ofItself(id string) assertionClaims {
	return assertionClaims{Issuer: id, Subject: id, Audience: []string{d.issuer}, Lifetime: time.Minute}
}

// withAssertion makes requests of a client that authenticates with an assertion, for tokens that are bound to a key unless
// that is zero.
func (d *demonstration) withAssertion(prover jose.SigningKey) func(oauth.Secret) tokenRequest {
	return func(assertion oauth.Secret) tokenRequest {
		return tokenRequest{
			Endpoint: d.endpoint(), Grant: oauth.ClientCredentials,
			Prover: prover, ProvedFor: server.Endpoint(d.issuer, server.TokenPath), // its own name for it, wherever it is
			Client: clientCredential{Method: oauth.PrivateKeyJWT, Assertion: assertion},
		}
	}
}

// vouched is the flow of a job for which its CI system signs.
func (d *demonstration) vouched(branch string) flow {
	return flow{
		name: "a job of ci.example.com", method: http.MethodPost, key: d.ci,
		title: "An issuer that is trusted vouches for somebody",
		means: "grant urn:ietf:params:oauth:grant-type:jwt-bearer",
		claims: assertionClaims{
			Issuer: ciIssuer, Subject: "job-4711", Audience: []string{d.issuer}, Lifetime: time.Minute,
			Extra: map[string]any{"project": "acme/shop", "branch": branch},
		},
		request: func(assertion oauth.Secret) tokenRequest {
			return tokenRequest{
				Endpoint: d.endpoint(), Grant: oauth.JWTBearer, Assertion: assertion, Scope: d.write,
			}
		},
	}
}

// boundFlows are those whose tokens are good for their holder alone.
func (d *demonstration) boundFlows() []flow {
	var flows []flow
	if !d.mirror.IsZero() {
		flows = append(flows, flow{
			name: mirrorName, method: http.MethodGet, key: d.mirror,
			title:   "A token that is bound to a key",
			means:   "the same with DPoP (RFC 9449)",
			claims:  d.ofItself(mirrorName),
			request: d.withAssertion(d.mirror),
			thief:   "GET / with the token of " + mirrorName + ", stolen: sent as Bearer",
		})
	}
	if d.ledger != nil {
		flows = append(flows, flow{
			name: ledgerID, method: http.MethodGet, client: d.ledger,
			title: "A certificate says who it is, and a token is bound to it",
			means: "grant client_credentials, authentication tls_client_auth (RFC 8705)",
			request: func(oauth.Secret) tokenRequest {
				return tokenRequest{
					Endpoint: d.endpoint(), Grant: oauth.ClientCredentials,
					Client: clientCredential{Method: oauth.TLSClientAuth, ID: ledgerID},
				}
			},
			thief: "GET / with the token of " + ledgerID + ", stolen: without its certificate",
		})
	}
	return flows
}
