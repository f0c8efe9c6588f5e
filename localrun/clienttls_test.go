package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
)

func secretIs(secret string) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) { return []string{secret}, nil }
}

// tlsServer is a token endpoint that keeps what it is asked, over TLS and with which certificate.
type tlsServer struct {
	url, alias string // the alias is another listener
	state      state
	form       url.Values
	subject    string // of the certificate; empty: none
	at         string // the host that was asked
}

func newTLSServerTest(t *testing.T) *tlsServer {
	t.Helper()
	s := &tlsServer{state: newState(t)}
	certificates := mustMakeTLS(t, s.state, time.Now())
	serve := func() *httptest.Server {
		server := httptest.NewUnstartedServer(s)
		server.TLS = serverTLS(certificates.server.forTLS())
		server.StartTLS()
		t.Cleanup(server.Close)
		return server
	}
	s.url, s.alias = serve().URL, serve().URL
	return s
}

// ServeHTTP implements http.Handler.
func (s *tlsServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"token_endpoint":"%s/token","mtls_endpoint_aliases":{"token_endpoint":"%s/token"}}`, s.url, s.url, s.alias)
		return
	}
	_ = r.ParseForm()
	s.form, s.subject, s.at = r.PostForm, "", "https://"+r.Host
	if own := r.TLS.PeerCertificates; len(own) > 0 {
		s.subject = own[0].Subject.CommonName
	}
	_, _ = io.WriteString(w, `{"access_token":"t","token_type":"Bearer","expires_in":60}`)
}

func (s *tlsServer) file(name string) string { return s.state.path(name) }

// args splits a command line; @ stands for the folder of the certificates.
func (s *tlsServer) args(line string) []string {
	line = strings.NewReplacer("URL", s.url, "@", s.state.folder+string(filepath.Separator)).Replace(line)
	return append([]string{"token"}, strings.Fields(line)...)
}

func TestTokenShowsACertificate(t *testing.T) {
	s := newTLSServerTest(t)
	newKey(t, s.state.folder, "batch", jose.ES256)
	write(t, s.file("secret"), "p0rtal")
	const tls = " -ca @local-test-ca.crt.pem -cert @local-test-ledger.crt.pem -cert-key @local-test-ledger.pem"
	for _, test := range []struct {
		args  string
		alias bool
		want  map[string]string // of the form
	}{
		{"-url URL -client ledger" + tls, true, map[string]string{"client_id": "ledger", "client_assertion": "", "client_secret": ""}},
		{"-url URL/token -client ledger -auth self_signed_tls_client_auth" + tls, false, map[string]string{"client_id": "ledger"}},
		{"-url URL -client ledger -auth tls_client_auth -grant client_credentials" + tls, true, map[string]string{"client_id": "ledger"}},
		{"-url URL -client form -auth client_secret_post -secret-file @secret" + tls, true, map[string]string{"client_secret": "p0rtal"}},
		{"-url URL -client batch -key @batch.pem" + tls, true, map[string]string{"client_id": "", "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}},
		{"-url URL -key @batch.pem -iss https://ci.example.com" + tls, true, map[string]string{"client_id": "", "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}},
		{"-url URL -assertion @secret -client ledger" + tls, true, map[string]string{"client_id": "ledger", "assertion": "p0rtal"}},
	} {
		t.Run(test.args, func(t *testing.T) {
			succeed(t, s.args(test.args)...)
			if s.subject != ledgerName || (s.at == s.alias) != test.alias {
				t.Errorf("%q asked %s", s.subject, s.at)
			}
			for name, want := range test.want {
				if got := s.form.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
	t.Run("and goes to the usual place without one", func(t *testing.T) {
		succeed(t, s.args("-url URL -client batch -key @batch.pem -ca @local-test-ca.crt.pem")...)
		if s.subject != "" || s.at != s.url {
			t.Errorf("%q asked %s", s.subject, s.at)
		}
	})
}

func TestTokenTrustsOnlyWhomItIsTold(t *testing.T) {
	s, other := newTLSServerTest(t), newTLSServerTest(t)
	newKey(t, s.state.folder, "batch", jose.ES256)
	refuse(t, s.args("-url URL -client batch -key @batch.pem"), "cannot be reached", "certificate")
	refuse(t, s.args("-url URL -client batch -key @batch.pem -ca "+other.file("local-test-ca.crt.pem")), "cannot be reached", "certificate")
	if s.form != nil {
		t.Error("a request reached the server")
	}
}

func TestTokenSaysWhatIsMissingForTLS(t *testing.T) {
	s := newTLSServerTest(t)
	newKey(t, s.state.folder, "batch", jose.ES256)
	const tls = " -ca @local-test-ca.crt.pem -cert @local-test-ledger.crt.pem -cert-key @local-test-ledger.pem"
	for _, test := range []struct{ args, want string }{
		{"-url URL -client ledger -cert @local-test-ledger.crt.pem", "give both"},
		{"-url URL -client ledger -cert-key @local-test-ledger.pem", "give both"},
		{"-url URL -client ledger -cert missing -cert-key @local-test-ledger.pem", "missing"},
		{"-url URL -client ledger -cert @local-test-ledger.crt.pem -cert-key missing", "missing"},
		{"-url URL -client ledger -cert @local-test-ledger.crt.pem -cert-key @batch.pem", "are not a certificate and its private key"},
		{"-url URL -client ledger -cert @batch.pub.pem -cert-key @batch.pem", "are not a certificate and its private key"},
		{"-url URL -client ledger -cert @local-test-ledger.crt.pem -cert-key @batch.jwks.json", "holds no private key in PEM"},
		{"-url URL -client ledger -auth tls_client_auth", "tls_client_auth needs the client's certificate: -cert and -cert-key"},
		{"-url URL -client ledger -auth self_signed_tls_client_auth", "needs the client's certificate"},
		{"-url URL -ca @batch.pem -client batch -key @batch.pem", "holds no certificate in PEM"},
		{"-url URL" + tls, "-client is missing"},
		{"-url http://127.0.0.1:1/token -client ledger" + tls, "only TLS shows a certificate"},
	} {
		t.Run(test.args, func(t *testing.T) { refuse(t, s.args(test.args), test.want) })
	}
}

// A server that has issuers of its own in mind names them, and gets the certificate all the same: whether it fits is the
// server's to say, in words that help.
func TestCertificateOfAnotherIssuerIsShownToo(t *testing.T) {
	own := mustMakeTLS(t, newState(t), time.Now())
	stranger := mustMakeTLS(t, newState(t), time.Now())
	var shown string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		shown = r.TLS.PeerCertificates[0].Subject.CommonName
	}))
	server.TLS = serverTLS(own.server.forTLS())
	named := x509.NewCertPool()
	named.AddCert(own.ledger.certificate) // which has issued nothing
	server.TLS.ClientAuth, server.TLS.ClientCAs = tls.RequireAnyClientCert, named
	server.StartTLS()
	t.Cleanup(server.Close)
	certificate := stranger.ledger.forTLS()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := exchange(clientTLS{Certificate: &certificate, Roots: own.roots}.newHTTPClient(), request); err != nil || shown != ledgerName {
		t.Errorf("%q, %v", shown, err)
	}
}
