package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
)

// fapi is a configuration that is held to FAPI 2.0 as a whole.
const fapi = `
issuer: https://auth.example.com
profile: fapi2
signing_keys: {directory: keys}
mutual_tls:
  proxy: {secret: projects/acme/secrets/proxy-jwks}
  ca_file: ca.pem
resources:
  - {id: https://invoices.example.com, scopes: [invoices.read]}
clients:
  - id: billing
    authentication: private_key_jwt
    keys: {secret: projects/acme/secrets/billing-jwks}
    grants: [client_credentials, "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: batch
    authentication: tls_client_auth
    tls_client_auth_subject_dn: CN=TEST batch,O=Acme
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
issuers:
  - issuer: https://idp.example.com
    client: authenticated
    keys: {secret: projects/acme/secrets/idp-jwks}
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
`

// underFAPI serves it. The client and the issuer have a key for each of two algorithms in their secrets, one of which is
// not allowed.
func underFAPI(t testing.TB, document string) (*deployment, authority) {
	t.Helper()
	d := prepare(t, document)
	ca := d.newAuthority("ca")
	ca.file("ca.pem")
	for name, secret := range map[string]string{"billing": "billing-jwks", "idp": "idp-jwks"} {
		set, err := jose.EncodeKeySet(jose.KeySet{signingKey(t, name+".ES256").Verification(), signingKey(t, name+".RS256").Verification(), signingKey(t, name+".ES384").Verification()})
		d.must(err)
		if strings.Contains(document, secret) {
			d.vault.add("projects/acme/secrets/"+secret, set)
		}
	}
	if strings.Contains(document, "proxy-jwks") {
		d.vault.add("projects/acme/secrets/proxy-jwks", []byte(proxySecret))
	}
	d.serve()
	return d, ca
}

func TestFAPI2_tokens_are_bound_to_their_client(t *testing.T) {
	d, ca := underFAPI(t, fapi)
	unbound := invalidRequest("constraint_missing", "the token has to be bound to its client, and the request has neither a DPoP header nor a client certificate")
	batch, edge := ca.issue("batch"), d.certificate("edge", nil)
	d.judge(t,
		deny("a bearer token", clientCredentials(d.proves("billing")), unbound),
		deny("a bearer token for another's assertion", jwtBearer(d.vouches("idp.ES256", idp), d.proves("billing")), unbound),
		allow("with DPoP", clientCredentials(d.proves("billing"), d.proofBy("agent.ES256").sent())),
		allow("with a certificate", clientCredentials(d.proves("billing"), tls(edge))),
		allow("with the certificate that authenticates", clientCredentials(clientID("batch"), tls(batch))),
		deny("a client that asserts for itself and does not authenticate", jwtBearer(sign(t, "billing.ES256", d.of("billing")), d.proofBy("agent.ES256").sent()),
			invalidClient("client_not_proved", "this issuer's assertions need an authenticated client")),
	)
	for name, test := range map[string]struct {
		request request
		want    map[string]any
		typ     string
	}{
		"DPoP":          {clientCredentials(d.proves("billing"), d.proofBy("agent.ES256").sent()), map[string]any{"jkt": thumbprint(t, "agent.ES256")}, "DPoP"},
		"certificate":   {clientCredentials(d.proves("billing"), tls(edge)), map[string]any{"x5t#S256": x5t(edge)}, "Bearer"},
		"its own":       {clientCredentials(clientID("batch"), tls(batch)), map[string]any{"x5t#S256": x5t(batch)}, "Bearer"},
		"own, and DPoP": {clientCredentials(clientID("batch"), tls(batch), d.proofBy("agent.ES256").sent()), map[string]any{"jkt": thumbprint(t, "agent.ES256")}, "DPoP"},
	} {
		got := d.grant(t, test.request)
		if difference := cmp.Diff(any(test.want), got.claims["cnf"]); difference != "" || got.Type != test.typ {
			t.Errorf("%s: token_type %q, cnf: want -, got +:\n%s", name, got.Type, difference)
		}
	}
}

func TestFAPI2_aud_of_a_client_assertion_is_the_issuer_as_a_string(t *testing.T) {
	d, _ := underFAPI(t, fapi)
	ask := func(audience any) request {
		return clientCredentials(proof(sign(t, "billing.ES256", d.of("billing").but("aud", audience))), d.proofBy("agent.ES256").sent())
	}
	d.judge(t,
		allow("the issuer", ask(us)),
		deny("in an array", ask([]string{us}), clientFault(assertion.ErrAudienceArray)),
		deny("the token endpoint", ask(us+"/token"), clientFault(assertion.ErrAudience)),
		deny("both", ask([]string{us, us + "/token"}), clientFault(assertion.ErrAudienceSeveral)),
		deny("with a slash", ask(us+"/"), clientFault(assertion.ErrAudience)),
		deny("none", ask(nil), clientFault(assertion.ErrAudienceMissing)),
	)
}

func TestFAPI2_algorithms_are_those_of_the_profile_whatever_keys_there_are(t *testing.T) {
	d, _ := underFAPI(t, fapi)
	ask := func(assertion string) request {
		return clientCredentials(proof(assertion), d.proofBy("agent.ES256").sent())
	}
	d.judge(t,
		allow("ES256", ask(sign(t, "billing.ES256", d.of("billing")))),
		deny("RS256", ask(sign(t, "billing.RS256", d.of("billing"))), strangeClient("key_unknown")),
		deny("ES384", ask(sign(t, "billing.ES384", d.of("billing"))), strangeClient("key_unknown")),
		deny("RS256 of an issuer", jwtBearer(sign(t, "idp.RS256", d.about("alice", idp)), d.proves("billing"), d.proofBy("agent.ES256").sent()), strangeIssuer("key_unknown")),
	)
	proof := d.proofBy("agent.ES384").butHeader("alg", "ES384").butHeader("jwk", jwk(t, "agent.ES384"))
	d.judge(t, deny("a proof by ES384", clientCredentials(d.proves("billing"), proof.sent()), proofFault(dpop.ErrAlgorithm)))
	metadata := d.metadata(t, "/.well-known/oauth-authorization-server")
	for _, name := range []string{"dpop_signing_alg_values_supported", "token_endpoint_auth_signing_alg_values_supported"} {
		if difference := cmp.Diff([]any{"ES256", "Ed25519", "EdDSA", "PS256"}, metadata[name]); difference != "" {
			t.Errorf("%s: want -, got +:\n%s", name, difference)
		}
	}
}

// FAPI 2.0 §5.3.2.1-13.
func TestFAPI2_clocks_may_differ_by_ten_seconds_and_never_by_more_than_sixty(t *testing.T) {
	d, _ := underFAPI(t, fapi)
	ask := func(name string, ahead time.Duration) request {
		return clientCredentials(proof(sign(t, "billing.ES256", d.of("billing").but(name, d.clock.in(ahead)))), d.proofBy("agent.ES256").sent())
	}
	d.judge(t,
		allow("iat 8 s ahead", ask("iat", 8*time.Second)),
		allow("nbf 8 s ahead", ask("nbf", 8*time.Second)),
		allow("iat 10 s ahead", ask("iat", 10*time.Second)),
		deny("iat 61 s ahead", ask("iat", 61*time.Second), clientFault(assertion.ErrIssuedInFuture)),
		deny("nbf 61 s ahead", ask("nbf", 61*time.Second), clientFault(assertion.ErrNotYetValid)),
		deny("exp five minutes ago", ask("exp", -5*time.Minute), clientFault(assertion.ErrExpired)),
	)
}

// One client can be held to the profile where the others are not.
func TestFAPI2_of_one_client(t *testing.T) {
	d := deploy(t, strings.Replace(acme, "  - id: reporting\n", "  - id: reporting\n    profile: fapi2\n", 1))
	d.judge(t,
		deny("without a proof", clientCredentials(d.proves("reporting")), invalidRequest("constraint_missing", "the token has to be bound to its client, and the request has neither a DPoP header nor a client certificate")),
		allow("with one", clientCredentials(d.proves("reporting"), d.proofBy("agent.ES256").sent())),
		deny("aud in an array", clientCredentials(proof(sign(t, "reporting.ES256", d.of("reporting").but("aud", []string{us}))), d.proofBy("agent.ES256").sent()), clientFault(assertion.ErrAudienceArray)),
		deny("asserting for itself alone", jwtBearer(sign(t, "reporting.ES256", d.of("reporting")), d.proofBy("agent.ES256").sent()), invalidClient("client_not_proved", "this issuer's assertions need an authenticated client")),
		allow("asserting for itself, authenticated", jwtBearer(sign(t, "reporting.ES256", d.of("reporting")), d.proves("reporting"), d.proofBy("agent.ES256").sent())),
		allow("another client", clientCredentials(d.proves("billing"))),
		allow("another client with aud in an array", clientCredentials(proof(sign(t, "billing.ES256", d.of("billing").but("aud", []string{us}))))),
	)
}

// What the modules of the conformance suite send to the token endpoint, for the variants private_key_jwt + DPoP and mutual
// TLS. A module that accepts one of several codes gets the one of this server.
func TestFAPI2_the_requests_of_the_conformance_suite(t *testing.T) {
	document := strings.Replace(fapi, "{secret: projects/acme/secrets/billing-jwks}", "{file: billing.PS256.json}", 1)
	document = strings.Replace(document, "  - id: batch\n", `  - id: reporting
    authentication: private_key_jwt
    keys: {file: reporting.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: batch
`, 1)
	d, ca := underFAPI(t, document)
	by := func(c claims) part { return proof(sign(t, "billing.PS256", c)) }
	ask := func(parts ...part) request {
		bound := d.proofBy("agent.ES256").sent()
		return clientCredentials(append(parts, bound)...)
	}
	proved := func(name string, ahead time.Duration) request {
		return clientCredentials(by(d.of("billing")), d.proofBy("agent.ES256").but(name, d.clock.in(ahead)).sent())
	}
	batch := ca.issue("batch")
	unbound := invalidRequest("constraint_missing", "the token has to be bound to its client, and the request has neither a DPoP header nor a client certificate")
	missing := func(name string) claims { return d.of("billing").but(name, nil) }
	d.judge(t,
		allow("happy-flow, client 1", ask(by(d.of("billing")))),
		allow("happy-flow, client 2", ask(d.proves("reporting"))),
		allow("happy-flow, mutual TLS", clientCredentials(clientID("batch"), tls(batch))),
		deny("ensure-client-id-in-token-endpoint", ask(clientID("reporting"), proof(forge(t, "billing.ES256", d.of("reporting")))), strangeClient("signature")),
		deny("ensure-client-id-in-token-endpoint, mutual TLS", clientCredentials(clientID("batch"), tls(ca.issue("other"))), strangeClient("certificate_name")),
		deny("ensure-holder-of-key-required", clientCredentials(by(d.of("billing"))), unbound),
		deny("ensure-holder-of-key-required, mutual TLS", clientCredentials(clientID("batch")), strangeClient("certificate_missing")),
		deny("ensure-signed-client-assertion-with-RS256-fails", ask(proof(sign(t, "billing.RS256", d.of("billing")))), strangeClient("key_unknown")),
		deny("ensure-client-assertion-in-token-endpoint", ask(clientID("billing")), strangeClient("method_wrong")),
		deny("ensure-client-assertion-with-exp-is-5-minutes-in-past-fails", ask(by(d.of("billing").but("exp", d.clock.in(-5*time.Minute)))), clientFault(assertion.ErrExpired)),
		deny("ensure-client-assertion-with-wrong-aud-fails", ask(by(d.of("billing").but("aud", "https://rs.example.com/api/userinfo"))), clientFault(assertion.ErrAudience)),
		deny("ensure-client-assertion-with-no-sub-fails", ask(by(missing("sub"))), clientFault(assertion.ErrSubjectMissing)),
		allow("check-dpop-proof-nbf-exp, nbf", proved("nbf", 0)),
		allow("check-dpop-proof-nbf-exp, exp", proved("exp", 5*time.Minute)),
		allow("ensure-dpopproof-with-iat-10seconds-before-succeeds", proved("iat", -10*time.Second)),
		allow("ensure-dpopproof-with-iat-10seconds-after-succeeds", proved("iat", 8*time.Second)),
	)
}
