package server_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/mutualtls"
)

// meshed is a configuration with clients that authenticate with certificates, and some whose tokens are bound to one.
const meshed = `
issuer: https://auth.example.com
signing_keys: {directory: keys}
mutual_tls:
  endpoint: https://mtls.example.com
  ca_file: ca.pem
  proxy: {secret: projects/acme/secrets/proxy-jwks}
resources:
  - {id: https://invoices.example.com, scopes: [invoices.read]}
  - {id: https://vault.example.com, scopes: [vault.open], mtls: required}
clients:
  - id: batch
    authentication: tls_client_auth
    tls_client_auth_subject_dn: CN=TEST batch,O=Acme
    mtls: required
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: spiffe
    authentication: tls_client_auth
    tls_client_auth_san_uri: spiffe://example.com/spiffe
    grants: [client_credentials, "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: edge
    authentication: self_signed_tls_client_auth
    keys: {file: edge.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: billing
    authentication: private_key_jwt
    keys: {file: billing.ES256.json}
    grants: [client_credentials]
    allow:
      - {resource: https://vault.example.com, scopes: [vault.open]}
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
  - id: mobile
    authentication: client_secret_post
    secrets: ["$argon2id$v=19$m=64,t=1,p=1$AKpAqMYY9/0$X3XF2vTarmr06uPB/XY+QA"]
    grants: [client_credentials]
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
issuers:
  - issuer: https://idp.example.com
    keys: {file: idp.ES256.json}
    client: authenticated
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
`

// mesh serves it, with the authority that clients are to be issued by.
func mesh(t testing.TB, document string) (*deployment, authority) {
	t.Helper()
	d := prepare(t, document)
	ca := d.newAuthority("ca")
	ca.file("ca.pem")
	if d.vault != nil {
		d.vault.add("projects/acme/secrets/proxy-jwks", []byte(proxySecret))
		d.remember(proxySecret)
	}
	d.serve()
	return d, ca
}

var notByProxy = invalidRequest(mutualtls.ErrProxy.Reason, mutualtls.ErrProxy.Sentence)

func TestM1_a_certificate_is_believed_only_of_the_proxy(t *testing.T) {
	d, ca := mesh(t, meshed)
	batch := ca.issue("batch")
	form := invalidRequest(mutualtls.ErrForm.Reason, mutualtls.ErrForm.Sentence)
	ask := func(parts ...part) request { return clientCredentials(append(parts, clientID("batch"))...) }
	says := func(values ...string) request {
		return ask(header("X-Proxy-Authorization", proxySecret), header("Client-Cert", values...))
	}
	text := ask(unproved(batch)).header.Get("Client-Cert")
	d.judge(t,
		allow("of the proxy", ask(tls(batch))),
		deny("of a stranger", ask(unproved(batch)), notByProxy),
		deny("with a wrong secret", ask(unproved(batch), header("X-Proxy-Authorization", "TEST-wrong")), notByProxy),
		deny("with an empty secret", ask(unproved(batch), header("X-Proxy-Authorization", "")), notByProxy),
		deny("with a part of the secret", ask(unproved(batch), header("X-Proxy-Authorization", proxySecret[:20])), notByProxy),
		deny("with the secret twice", ask(unproved(batch), header("X-Proxy-Authorization", proxySecret, proxySecret)), notByProxy),
		deny("of a stranger, in another request's name", clientCredentials(d.proves("billing"), unproved(batch)), notByProxy),
		deny("without colons", says(strings.Trim(text, ":")), form),
		deny("in PEM", says("-----BEGIN CERTIFICATE-----"), form),
		deny("twice", says(text, text), form),
		deny("two in one header", says(text+", "+text), form),
		deny("an empty one: there is none", says(""), strangeClient("certificate_missing")),
	)
	d.vault.add("projects/acme/secrets/proxy-jwks", []byte("TEST-the-next-secret-of-the-proxy-0123"))
	d.clock.advance(2 * time.Minute)
	d.judge(t,
		allow("of a proxy that has not changed yet", ask(tls(batch))),
		allow("of one that has", ask(unproved(batch), header("X-Proxy-Authorization", "TEST-the-next-secret-of-the-proxy-0123"))),
	)
}

func TestM1_where_no_proxy_is_configured_the_headers_mean_nothing(t *testing.T) {
	d := deploy(t, acme)
	ca := d.newAuthority("ca")
	got := d.grant(t, clientCredentials(d.proves("billing"), tls(ca.issue("billing"))))
	if got.claims["cnf"] != nil {
		t.Errorf("cnf %v", got.claims["cnf"])
	}
	d.judge(t, allow("also those that are none", clientCredentials(d.proves("billing"), header("Client-Cert", "nonsense"))))
}

func TestM1_where_ingress_keeps_everybody_else_away_there_is_no_secret(t *testing.T) {
	d, ca := mesh(t, strings.Replace(meshed, "{secret: projects/acme/secrets/proxy-jwks}", "{ingress: internal-and-cloud-load-balancing}", 1))
	d.judge(t, allow("a certificate", clientCredentials(clientID("batch"), unproved(ca.issue("batch")))))
}

func TestM1_where_the_secret_of_the_proxy_cannot_be_had_nothing_is_decided(t *testing.T) {
	d := prepare(t, meshed)
	ca := d.newAuthority("ca")
	ca.file("ca.pem")
	d.vault.add("projects/acme/secrets/proxy-jwks", []byte(proxySecret))
	d.vault.shut(codes.Unavailable)
	d.serve()
	d.judge(t,
		deny("with a certificate", clientCredentials(clientID("batch"), tls(ca.issue("batch"))), unavailable("proxy_secret_unavailable")),
		allow("without", clientCredentials(post("mobile", mobileSecret))),
	)
}

func TestM2_tls_client_auth_is_by_the_registered_name_and_a_trusted_authority(t *testing.T) {
	d, ca := mesh(t, meshed)
	ask := func(certificates ...*x509.Certificate) request {
		return clientCredentials(clientID("batch"), tls(certificates...))
	}
	named := func(name pkix.Name) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Subject = name }
	}
	below, stranger := ca.intermediate("below"), d.newAuthority("stranger")
	name, untrusted := strangeClient("certificate_name"), strangeClient("certificate_untrusted")
	d.judge(t,
		allow("by the authority", ask(ca.issue("batch"))),
		allow("of another key", ask(ca.issue("other", named(pkix.Name{CommonName: "TEST batch", Organization: []string{"Acme"}})))),
		allow("by an intermediate", ask(below.issue("batch"), below.cert)),
		deny("by an intermediate that is not there", ask(below.issue("batch")), untrusted),
		deny("of another name", ask(ca.issue("mallory")), name),
		deny("of a longer name", ask(ca.issue("batch", named(pkix.Name{CommonName: "TEST batch", Organization: []string{"Acme"}, Country: []string{"DE"}}))), name),
		deny("of a shorter name", ask(ca.issue("batch", named(pkix.Name{CommonName: "TEST batch"}))), name),
		deny("in other letters", ask(ca.issue("batch", named(pkix.Name{CommonName: "test batch", Organization: []string{"Acme"}}))), name),
		deny("by another authority", ask(stranger.issue("batch")), untrusted),
		deny("by another authority that is in the chain", ask(stranger.issue("batch"), stranger.cert), untrusted),
		deny("by itself", ask(d.certificate("batch", nil)), untrusted),
		deny("by a certificate that is no authority", ask(authority{d, "batch", ca.issue("batch")}.issue("batch"), ca.issue("batch")), untrusted),
		deny("for servers", ask(ca.issue("batch", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })), untrusted),
		deny("that has expired", ask(ca.issue("batch", func(c *x509.Certificate) { c.NotAfter = d.clock.now().Add(-time.Minute) })), strangeClient("certificate_expired")),
		deny("none", clientCredentials(clientID("batch")), strangeClient("certificate_missing")),
		deny("a client that nobody knows", clientCredentials(clientID("nobody"), tls(ca.issue("batch"))), strangeClient("client_unknown")),
		deny("no client_id", clientCredentials(tls(ca.issue("batch"))), invalidClient("client_missing", "client_credentials needs client authentication, and the request has none")),
		deny("a secret instead", clientCredentials(post("batch", mobileSecret)), strangeClient("method_wrong")),
		deny("a secret besides", clientCredentials(post("batch", mobileSecret), tls(ca.issue("batch"))), strangeClient("method_wrong")),
		deny("an assertion instead", clientCredentials(d.proves("batch")), strangeClient("method_wrong")),
	)
	uri := withURI(t, "spiffe://example.com/spiffe")
	spiffe := func(change ...func(*x509.Certificate)) request {
		return clientCredentials(clientID("spiffe"), tls(ca.issue("x", change...)))
	}
	d.judge(t,
		allow("by a URI", spiffe(uri)),
		deny("another URI", spiffe(withURI(t, "spiffe://example.com/spiffe/x")), name),
		deny("the URI as the common name", spiffe(named(pkix.Name{CommonName: "spiffe://example.com/spiffe"})), name),
		deny("another kind of name", spiffe(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"spiffe"}, []net.IP{{127, 0, 0, 1}} }), name),
		deny("none", spiffe(), name),
		deny("another's certificate", clientCredentials(clientID("spiffe"), tls(ca.issue("batch"))), name),
		allow("and with it the grant of another's assertion", jwtBearer(d.vouches("idp.ES256", idp), clientID("spiffe"), tls(ca.issue("x", uri)))),
		deny("which it does not get by its name alone", jwtBearer(d.vouches("idp.ES256", idp), clientID("spiffe")), strangeClient("certificate_missing")),
	)
}

func TestM2_self_signed_tls_client_auth_is_by_a_registered_key(t *testing.T) {
	d, ca := mesh(t, meshed)
	ask := func(certificate *x509.Certificate) request {
		return clientCredentials(clientID("edge"), tls(certificate))
	}
	d.judge(t,
		allow("by itself", ask(d.certificate("edge", nil))),
		allow("by whomever: the key counts", ask(ca.issue("edge"))),
		deny("another key", ask(d.certificate("other", nil, func(c *x509.Certificate) { c.Subject.CommonName = "TEST edge" })), strangeClient("certificate_key")),
		deny("another key, by the authority", ask(ca.issue("other")), strangeClient("certificate_key")),
		deny("that has expired", ask(d.certificate("edge", nil, func(c *x509.Certificate) { c.NotAfter = d.clock.now().Add(-time.Minute) })), strangeClient("certificate_expired")),
		deny("that is not good yet", ask(d.certificate("edge", nil, func(c *x509.Certificate) { c.NotBefore = d.clock.now().Add(time.Hour) })), strangeClient("certificate_expired")),
		deny("none", clientCredentials(clientID("edge")), strangeClient("certificate_missing")),
	)
}

func TestM2_a_token_is_bound_to_the_certificate_where_that_is_asked_for(t *testing.T) {
	d, ca := mesh(t, meshed)
	batch, billing := ca.issue("batch"), d.certificate("billing", nil)
	vault, invoices := resource("https://vault.example.com"), resource("https://invoices.example.com")
	for name, test := range map[string]struct {
		request     request
		certificate *x509.Certificate // nil: it is not bound
	}{
		"by the client that authenticates with it": {clientCredentials(clientID("batch"), tls(batch)), batch},
		"by the resource":                          {clientCredentials(d.proves("billing"), vault, tls(billing)), billing},
		"by nobody":                                {clientCredentials(d.proves("billing"), invoices, tls(billing)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := d.grant(t, test.request)
			var want any
			if test.certificate != nil {
				want = map[string]any{"x5t#S256": x5t(test.certificate)}
			}
			if difference := cmp.Diff(want, got.claims["cnf"]); difference != "" || got.Type != "Bearer" {
				t.Errorf("token_type %q, cnf: want -, got +:\n%s", got.Type, difference)
			}
		})
	}
	missing := invalidRequest("certificate_missing", "the token has to be bound to a certificate (RFC 8705), and the request came without one")
	d.judge(t,
		deny("a resource that asks for one", clientCredentials(d.proves("billing"), vault), missing),
		deny("and gets a proof", clientCredentials(d.proves("billing"), vault, d.proofBy("agent.ES256").sent()), missing),
	)
	got := d.grant(t, clientCredentials(d.proves("billing"), vault, tls(billing), d.proofBy("agent.ES256").but("htu", "https://mtls.example.com/token").sent()))
	want := map[string]any{"x5t#S256": x5t(billing), "jkt": thumbprint(t, "agent.ES256")}
	if difference := cmp.Diff(any(want), got.claims["cnf"]); difference != "" || got.Type != "DPoP" {
		t.Errorf("with both: token_type %q, cnf: want -, got +:\n%s", got.Type, difference)
	}
}

func TestM1_M2_J3_the_metadata_says_where_certificates_are_asked_for(t *testing.T) {
	d, _ := mesh(t, meshed)
	got := d.metadata(t, "/.well-known/oauth-authorization-server")
	want := map[string]any{
		"mtls_endpoint_aliases":                      map[string]any{"token_endpoint": "https://mtls.example.com/token"},
		"tls_client_certificate_bound_access_tokens": true,
		"token_endpoint_auth_methods_supported":      []any{"client_secret_post", "private_key_jwt", "self_signed_tls_client_auth", "tls_client_auth"},
	}
	for name, value := range want {
		if difference := cmp.Diff(value, got[name]); difference != "" {
			t.Errorf("%s: want -, got +:\n%s", name, difference)
		}
	}
	alone, _ := mesh(t, strings.Replace(meshed, "  endpoint: https://mtls.example.com\n", "", 1))
	if aliases, there := alone.metadata(t, "/.well-known/oauth-authorization-server")["mtls_endpoint_aliases"]; there {
		t.Errorf("aliases without an endpoint of its own: %v", aliases)
	}
}
