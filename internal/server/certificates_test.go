package server_test

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An authority issues certificates. Its key is that of NAME.ES256.
type authority struct {
	d    *deployment
	name string
	cert *x509.Certificate
}

// newAuthority makes one that nobody else has issued.
func (d *deployment) newAuthority(name string) authority {
	d.t.Helper()
	a := authority{d: d, name: name}
	a.cert = d.certificate(name, nil, func(c *x509.Certificate) { a.asAuthority(c) })
	return a
}

func (authority) asAuthority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.ExtKeyUsage, c.KeyUsage = true, true, nil, x509.KeyUsageCertSign
}

// intermediate makes an authority below this one.
func (a authority) intermediate(name string) authority {
	below := authority{d: a.d, name: name}
	below.cert = a.issue(name, below.asAuthority)
	return below
}

// issue makes a certificate for the key of NAME.ES256.
func (a authority) issue(name string, change ...func(*x509.Certificate)) *x509.Certificate {
	a.d.t.Helper()
	return a.d.certificate(name, &a, change...)
}

// file writes the certificate down as a configuration wants it.
func (a authority) file(name string) {
	a.d.t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	a.d.must(os.WriteFile(filepath.Join(a.d.folder, name), text, 0o600))
}

// certificate makes a certificate that is good for a day around now, by the authority or by itself.
func (d *deployment) certificate(name string, by *authority, change ...func(*x509.Certificate)) *x509.Certificate {
	d.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "TEST " + name, Organization: []string{"Acme"}},
		NotBefore:    d.clock.now().Add(-time.Hour),
		NotAfter:     d.clock.now().Add(23 * time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
	for _, c := range change {
		c(template)
	}
	parent, signer := template, privateKey(d.t, name+".ES256")
	own := signer.Public()
	if by != nil {
		parent, signer = by.cert, privateKey(d.t, by.name+".ES256")
	}
	return makeCertificate(d, template, parent, own, signer)
}

func makeCertificate(d *deployment, template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) *x509.Certificate {
	d.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	d.must(err)
	made, err := x509.ParseCertificate(der)
	d.must(err)
	return made
}

// withURI gives a certificate a subject alternative name.
func withURI(t testing.TB, uri string) func(*x509.Certificate) {
	parsed, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *x509.Certificate) { c.URIs = []*url.URL{parsed} }
}

// proxySecret is what the proxy of a test proves itself with.
const proxySecret = "TEST-proxy-secret-0123456789abcdef"

// tls is what the proxy says of a client with these certificates, its own first.
func tls(certificates ...*x509.Certificate) part {
	return both(header("X-Proxy-Authorization", proxySecret), unproved(certificates...))
}

// unproved is the same by somebody who does not prove to be the proxy.
func unproved(certificates ...*x509.Certificate) part {
	values := make([]string, len(certificates))
	for i, certificate := range certificates {
		values[i] = ":" + base64.StdEncoding.EncodeToString(certificate.Raw) + ":"
	}
	if len(values) == 1 {
		return header("Client-Cert", values[0])
	}
	return both(header("Client-Cert", values[0]), header("Client-Cert-Chain", strings.Join(values[1:], ", ")))
}

// x5t returns the thumbprint of a certificate (RFC 8705 §3.1).
func x5t(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
