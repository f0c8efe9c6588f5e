package server_test

import (
	"testing"

	"example.com/countersign/internal/assertion"
)

func TestK1_client_credentials_needs_an_authenticated_client_with_that_grant(t *testing.T) {
	onlyAssertions := variant(t, acme, `grants: [client_credentials, "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: portal`, `grants: ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: portal`)
	d := deploy(t, onlyAssertions)
	none := invalidClient("client_missing", "client_credentials needs client authentication, and the request has none")
	without := unauthorizedClient("grant_not_allowed", "the client is not registered for this grant_type")
	d.judge(t,
		allow("by an assertion", clientCredentials(d.proves("billing"))),
		allow("by Basic", clientCredentials(basic("portal", portalSecret))),
		allow("by a secret in the form", clientCredentials(post("mobile", mobileSecret))),
		allow("with an assertion that nobody reads", clientCredentials(d.proves("billing"), param("assertion", "x.y.z"))),
		deny("without a client", clientCredentials(), none),
		deny("with an assertion that is none of a client's", clientCredentials(param("assertion", d.vouches("idp.ES256", idp))), none),
		deny("with a name", clientCredentials(clientID("mail-app")), without),
		deny("with the name of a client that should authenticate", clientCredentials(clientID("billing")), strangeClient("method_wrong")),
		deny("by a client without that grant", clientCredentials(d.proves("reporting")), without),
		allow("which has another one", jwtBearer(sign(t, "reporting.ES256", d.of("reporting")))),
		deny("by an issuer", clientCredentials(proof(sign(t, "idp.ES256", d.of(idp)))), strangeClient("client_unknown")),
	)
}

func TestK1_the_subject_is_the_client(t *testing.T) {
	d := deploy(t, acme)
	for id, r := range map[string]request{
		"billing": clientCredentials(d.proves("billing"), param("sub", "alice"), param("subject", "alice")),
		"portal":  clientCredentials(basic("portal", portalSecret)),
		"mobile":  clientCredentials(post("mobile", mobileSecret)),
	} {
		if got := d.grant(t, r); got.claims["sub"] != id || got.claims["client_id"] != id {
			t.Errorf("%s: got %v", id, got.claims)
		}
	}
}

func TestK1_the_subject_can_be_configured(t *testing.T) {
	d := deploy(t, variant(t, acme, "scopes: [invoices.read, invoices.write], default_scopes: [invoices.read]}",
		`scopes: [invoices.read], subject: '"service:" + claims.iss', if: claims.environment == "production"}`))
	production := d.of("billing").but("environment", "production")
	if got := d.grant(t, clientCredentials(proof(sign(t, "billing.ES256", production)))); got.claims["sub"] != "service:billing" || got.claims["client_id"] != "billing" {
		t.Errorf("got %v", got.claims)
	}
	noRule := unauthorizedClient("no_rule", "no rule allows this client anything")
	d.judge(t,
		deny("where no rule matches", clientCredentials(proof(sign(t, "billing.ES256", d.of("billing").but("environment", "staging")))), noRule),
		deny("where nothing is said", clientCredentials(d.proves("billing")), noRule),
		deny("where the credential is bad besides", clientCredentials(proof(sign(t, "billing.ES256", production.but("aud", "x")))), clientFault(assertion.ErrAudience)),
	)
}
