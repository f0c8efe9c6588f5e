package main

import (
	"crypto/tls"
	"encoding/base64"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/mutualtls"
)

// serverTLS is how the local system ends TLS: as strictly as FAPI 2.0 §5.2.2 asks (RFC 9325 §4.2), so that what works here
// works there. A client is asked for its certificate, and need not have one. Whether the certificate is good is for
// the service to say; that the client has its private key is what TLS shows.
func serverTLS(certificate tls.Certificate) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{certificate},
		ClientAuth:   tls.RequestClientCert,
		MinVersion:   tls.VersionTLS12,
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
	}
}

// A front ends TLS before the function, which the framework serves without, as a load balancer does.
type front struct {
	names  config.MutualTLS // of the headers; zero: it says nothing of certificates
	secret string           // by which it proves itself; empty: it has none
}

// handler hands requests on to what is served at a port of this machine.
func (f front) handler(port uint16) http.Handler {
	target := &url.URL{Scheme: "http", Host: address(port)}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			f.vouch(r.Out.Header, r.In.TLS)
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 100}, // and no proxy of the environment in between
	}
}

// vouch replaces what the client says of certificates by what TLS says (RFC 9440 §2.4). Nothing of the client's passes
// under a name that means something, whether or not there is anything to put there.
func (f front) vouch(header http.Header, connection *tls.ConnectionState) {
	for _, name := range []string{
		mutualtls.CertificateHeader, mutualtls.ChainHeader,
		f.names.CertificateHeader, f.names.ChainHeader, f.names.Proxy.Header,
	} {
		header.Del(name)
	}
	if f.names.CertificateHeader == "" || connection == nil || len(connection.PeerCertificates) == 0 {
		return
	}
	own, issuers := connection.PeerCertificates[0], connection.PeerCertificates[1:]
	header.Set(f.names.CertificateHeader, byteSequence(own.Raw))
	if len(issuers) > 0 {
		items := make([]string, len(issuers))
		for i, issuer := range issuers {
			items[i] = byteSequence(issuer.Raw)
		}
		header.Set(f.names.ChainHeader, strings.Join(items, ", "))
	}
	if f.names.Proxy.Header != "" {
		header.Set(f.names.Proxy.Header, f.secret)
	}
}

// byteSequence writes a certificate as RFC 9440 §2.1 has it.
func byteSequence(der []byte) string { return ":" + base64.StdEncoding.EncodeToString(der) + ":" }

// newBoundedServer returns a server with bounds on what a client may take its time for. What goes wrong before a request
// is there, such as a client that does not trust the local CA, goes into the log. secure is nil without TLS.
func newBoundedServer(handler http.Handler, secure *tls.Config) *http.Server {
	return &http.Server{
		Handler: handler, TLSConfig: secure,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
	}
}

// serveOn serves until the server is closed.
func serveOn(server *http.Server, listener net.Listener) error {
	if server.TLSConfig != nil {
		return server.ServeTLS(listener, "", "")
	}
	return server.Serve(listener)
}
