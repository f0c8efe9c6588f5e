package mutualtls_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"testing"
	"time"

	"example.com/countersign/internal/mutualtls"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// certified is a certificate of a key, with so many bytes of nothing in it.
func certified(t testing.TB, key crypto.Signer, name string, padding int) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
		ExtraExtensions: []pkix.Extension{{Id: []int{1, 3, 6, 1, 4, 1, 32473, 1}, Value: make([]byte, padding)}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	return certificate
}

// withRSA is a certificate over an RSA key of so many bits, which nobody holds: it takes long to make one.
func withRSA(t testing.TB, bits int) *x509.Certificate {
	t.Helper()
	issuer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	modulus := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TEST RSA"}, NotAfter: time.Unix(1<<33, 0)}
	public := &rsa.PublicKey{N: modulus.Add(modulus, big.NewInt(1)), E: 65537}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, issuer)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	return certificate
}

func newCertificate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return certified(t, key, name, 0)
}

// item is a certificate as RFC 9440 §2.1 writes it.
func item(certificate *x509.Certificate) string {
	return ":" + base64.StdEncoding.EncodeToString(certificate.Raw) + ":"
}

// headers are names and values by turns.
func headers(pairs ...string) http.Header {
	header := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		header.Add(pairs[i], pairs[i+1])
	}
	return header
}

func proxy(t testing.TB, config mutualtls.Config) *mutualtls.Proxy {
	t.Helper()
	p, err := mutualtls.New(config)
	must(t, err)
	return p
}

// shows wants that these certificates are read, in this order.
func shows(t *testing.T, p *mutualtls.Proxy, header http.Header, want ...*x509.Certificate) {
	t.Helper()
	got, err := p.Certificates(t.Context(), header.Values)
	if err != nil || len(got) != len(want) {
		t.Errorf("%d certificates, want %d; %v", len(got), len(want), err)
		return
	}
	for i := range got {
		if !got[i].Equal(want[i]) {
			t.Errorf("certificate %d is %s", i, got[i].Subject)
		}
	}
}

// refuses wants that the headers are refused for this reason, which nil says is none of theirs.
func refuses(t *testing.T, p *mutualtls.Proxy, header http.Header, because *mutualtls.Fault) {
	t.Helper()
	got, err := p.Certificates(t.Context(), header.Values)
	fault, is := errors.AsType[*mutualtls.Fault](err)
	if err == nil || got != nil || fault != because || is != (because != nil) {
		t.Errorf("%d certificates, %v; want %v", len(got), err, because)
	}
}
