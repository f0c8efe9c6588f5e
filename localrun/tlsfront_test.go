package main

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/mutualtls"
)

// frontTest is a front of a server that keeps what reaches it.
type frontTest struct {
	url          string
	certificates localTLS
	reached      http.Header
}

const proxySecret = "the-secret-of-the-proxy"

func newFrontTest(t *testing.T, names config.MutualTLS) *frontTest {
	t.Helper()
	f := &frontTest{certificates: mustMakeTLS(t, newState(t), time.Now())}
	inside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { f.reached = r.Header.Clone() }))
	t.Cleanup(inside.Close)
	place, err := url.Parse(inside.URL)
	if err != nil {
		t.Fatal(err)
	}
	outside := httptest.NewUnstartedServer(front{names: names, secret: proxySecret}.handler(netip.MustParseAddrPort(place.Host).Port()))
	outside.TLS = serverTLS(f.certificates.server.forTLS())
	outside.StartTLS()
	t.Cleanup(outside.Close)
	f.url = outside.URL
	return f
}

// send sends a request with headers, and a certificate if it is not nil.
func (f *frontTest) send(t *testing.T, certificate *tls.Certificate, header http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header = header
	f.reached = nil
	if _, _, err := exchange(clientTLS{Certificate: certificate, Roots: f.certificates.roots}.newHTTPClient(), request); err != nil {
		t.Fatal(err)
	}
}

// believed returns what a service that knows the proxy by its secret reads.
func (f *frontTest) believed(t *testing.T, names config.MutualTLS) (thumbprint string, chain int) {
	t.Helper()
	proxy, err := mutualtls.New(mutualtls.Config{
		CertificateHeader: names.CertificateHeader, ChainHeader: names.ChainHeader,
		SecretHeader: names.Proxy.Header, Secrets: secretIs(proxySecret),
	})
	if err != nil {
		t.Fatal(err)
	}
	certificates, err := proxy.Certificates(t.Context(), f.reached.Values)
	if err != nil {
		t.Fatal(err)
	}
	if len(certificates) == 0 {
		return "", 0
	}
	return mutualtls.Thumbprint(certificates[0]), len(certificates)
}

func TestFrontSaysWhichCertificateTheClientHas(t *testing.T) {
	for _, names := range []config.MutualTLS{
		{CertificateHeader: "Client-Cert", ChainHeader: "Client-Cert-Chain", Proxy: config.Proxy{Header: "X-Proxy-Authorization"}},
		{CertificateHeader: "X-Certificate", ChainHeader: "X-Chain", Proxy: config.Proxy{Header: "X-Known-By"}},
	} {
		f := newFrontTest(t, names)
		own := f.certificates.ledger.forTLS()
		want := mutualtls.Thumbprint(f.certificates.ledger.certificate)
		f.send(t, &own, http.Header{})
		if got, length := f.believed(t, names); got != want || length != 1 {
			t.Errorf("%d certificates, the first %s", length, got)
		}
		own.Certificate = append(own.Certificate, f.certificates.server.certificate.Raw)
		f.send(t, &own, http.Header{})
		if got, length := f.believed(t, names); got != want || length != 2 {
			t.Errorf("with one that leads on: %d certificates, the first %s", length, got)
		}
		f.send(t, nil, http.Header{})
		if got, _ := f.believed(t, names); got != "" {
			t.Error("a client without a certificate has one")
		}
	}
}

func TestFrontLetsNothingThroughThatItWouldSayItself(t *testing.T) {
	names := config.MutualTLS{CertificateHeader: "X-Certificate", ChainHeader: "X-Chain", Proxy: config.Proxy{Header: "X-Known-By"}}
	f := newFrontTest(t, names)
	own := f.certificates.ledger.forTLS()
	other := byteSequence(f.certificates.server.certificate.Raw)
	forged := http.Header{
		"Client-Cert": {other}, "Client-Cert-Chain": {other}, "X-Certificate": {other, other}, "X-Chain": {other}, "X-Known-By": {proxySecret, "x"},
		"X-Forwarded-For": {"192.0.2.1"}, "Forwarded": {"for=192.0.2.1"},
		// What is named here is for the next hop, and must not take ours away.
		"Connection": {"X-Certificate, X-Known-By"},
		"X-Other":    {"kept"},
	}
	f.send(t, nil, forged.Clone())
	for name := range forged {
		if name != "X-Other" && len(f.reached.Values(name)) > 0 {
			t.Errorf("%s came through: %q", name, f.reached.Values(name))
		}
	}
	if f.reached.Get("X-Other") != "kept" {
		t.Error("another header did not")
	}
	f.send(t, &own, forged.Clone())
	if got, length := f.believed(t, names); got != mutualtls.Thumbprint(f.certificates.ledger.certificate) || length != 1 {
		t.Errorf("beside a real certificate: %d certificates, the first %s", length, got)
	}

	// Where nobody is believed about certificates, nothing is said of them either.
	nobody := newFrontTest(t, config.MutualTLS{})
	nobody.send(t, &own, http.Header{"Client-Cert": {other}})
	for name := range nobody.reached {
		if strings.Contains(name, "Cert") {
			t.Errorf("%s came through", name)
		}
	}
}

// RFC 9325 §4.2, as FAPI 2.0 §5.2.2 holds it.
func TestFrontRefusesWeakTLS(t *testing.T) {
	f := newFrontTest(t, config.MutualTLS{})
	host := strings.TrimPrefix(f.url, "https://")
	good := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
	for name, test := range map[string]struct {
		config *tls.Config
		works  bool
	}{
		"TLS 1.3":                {&tls.Config{MinVersion: tls.VersionTLS13}, true},
		"TLS 1.2, AES-128-GCM":   {&tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: good[:1]}, true},
		"TLS 1.2, AES-256-GCM":   {&tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: good[1:]}, true},
		"TLS 1.2, CBC":           {&tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		"TLS 1.2, ChaCha20":      {&tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}}, false},
		"TLS 1.2 without ECDHE":  {&tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, false},
		"TLS 1.1":                {&tls.Config{MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}, false},
		"TLS 1.0":                {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, false},
		"somebody else's issuer": {&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: newFrontTest(t, config.MutualTLS{}).certificates.roots}, false},
	} {
		if test.config.RootCAs == nil {
			test.config.RootCAs = f.certificates.roots
		}
		connection, err := (&tls.Dialer{Config: test.config}).DialContext(t.Context(), "tcp", host)
		if err == nil {
			_ = connection.Close()
		}
		if (err == nil) != test.works {
			t.Errorf("%s: %v", name, err)
		}
	}
}
