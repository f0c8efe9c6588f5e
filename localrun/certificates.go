package main

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"time"
)

// The parties of TLS, by the names of their files: NAME.pem is the private key and NAME.crt.pem the certificate.
const (
	authorityName = "local-test-ca"     // issues the others
	tlsServerName = "local-test-server" // of the authorization server and of the demo API
	ledgerName    = "local-test-ledger" // a client

	certificateText = ".crt.pem"

	// localTest is in the subject of everything that is issued here, so that nobody takes it for more.
	localTest = "LOCAL TEST"
)

// A certificate is good for a year, and a run that finds it close to its end makes another one for the same key.
const (
	certificateLife = 365 * 24 * time.Hour
	renewedBefore   = 30 * 24 * time.Hour
)

// certified is a certificate and its private key.
type certified struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// forTLS returns it as package tls wants it.
func (c certified) forTLS() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{c.certificate.Raw}, PrivateKey: c.key, Leaf: c.certificate}
}

// localTLS is what the local system has for TLS.
type localTLS struct {
	roots  *x509.CertPool // the local CA alone
	server certified
	ledger certified // of a client
}

// makeTLS sees to it that everybody has a certificate, and that it is good for a while yet.
func (s state) makeTLS(now time.Time) (localTLS, error) {
	authority, err := s.certified(authorityName, nil, now, x509.Certificate{
		Subject:               pkix.Name{CommonName: "Countersign on this machine", Organization: []string{localTest}},
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		// Its key lies in a folder. Somebody who trusts it everywhere trusts it for this machine only.
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{"localhost"},
		PermittedIPRanges: []*net.IPNet{
			{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)},
			{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
		},
	})
	if err != nil {
		return localTLS{}, err
	}
	t := localTLS{roots: x509.NewCertPool()}
	t.roots.AddCert(authority.certificate)
	if t.server, err = s.certified(tlsServerName, &authority, now, x509.Certificate{
		Subject:     pkix.Name{CommonName: "localhost", Organization: []string{localTest}},
		DNSNames:    []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}); err != nil {
		return localTLS{}, err
	}
	t.ledger, err = s.certified(ledgerName, &authority, now, clientCertificate(ledgerName))
	return t, err
}

// clientCertificate is the certificate of a client, which is told by its subject.
func clientCertificate(name string) x509.Certificate {
	return x509.Certificate{
		Subject:     pkix.Name{CommonName: name, Organization: []string{localTest}},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// certified returns the certificate of a party with its key, and makes what of it is not there. issuer is nil where the
// party issues its own.
func (s state) certified(party string, issuer *certified, now time.Time, template x509.Certificate) (certified, error) {
	private, err := s.keep(party+".pem", 0o600, newPrivateKey)
	if err != nil {
		return certified{}, err
	}
	key, err := parseSigner(private)
	if err != nil {
		return certified{}, fmt.Errorf("%s cannot be used: %w; remove it for a new one", s.path(party+".pem"), err)
	}
	name := party + certificateText
	found, err := s.readCertificate(name)
	if err != nil {
		return certified{}, err
	}
	if found != nil && !isStale(found, issuer, key, now) {
		return certified{found, key}, nil
	}
	c, err := issue(template, issuer, key, now)
	if err != nil {
		return certified{}, fmt.Errorf("issuing a certificate for %s: %w", party, err)
	}
	if err := replaceFile(s.path(name), c.encode(), 0o600); err != nil {
		return certified{}, fmt.Errorf("%s cannot be written: %w", s.path(name), plain(err))
	}
	return c, nil
}

func parseSigner(document []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(document)
	if block == nil {
		return nil, errors.New("it is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("it is no private key in PKCS#8") // in words that cannot repeat a part of it
	}
	signer, isSigner := key.(crypto.Signer)
	if !isSigner {
		return nil, errors.New("it is no key that signs")
	}
	return signer, nil
}

// readCertificate reads a certificate of the state folder; nil: it is not there.
func (s state) readCertificate(name string) (*x509.Certificate, error) {
	document, err := os.ReadFile(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", s.path(name), plain(err))
	}
	block, _ := pem.Decode(document)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate; remove it for a new one", s.path(name))
	}
	found, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s holds no certificate: %w; remove it for a new one", s.path(name), err)
	}
	return found, nil
}

// isStale reports whether a certificate that was issued here is to be issued anew: its time is nearly up, or its key or
// its issuer is another by now. One that the user has put there is left as it is.
func isStale(found *x509.Certificate, issuer *certified, key crypto.Signer, now time.Time) bool {
	if !slices.Equal(found.Subject.Organization, []string{localTest}) {
		return false
	}
	by := found
	if issuer != nil {
		by = issuer.certificate
	}
	return !now.Before(found.NotAfter.Add(-renewedBefore)) || !isOf(found, key) || found.CheckSignatureFrom(by) != nil
}

// isOf reports whether a certificate is for this key.
func isOf(certificate *x509.Certificate, key crypto.Signer) bool {
	public, comparable := certificate.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return comparable && public.Equal(key.Public())
}

// issue makes a certificate for a key. issuer is nil where it is its own.
func issue(template x509.Certificate, issuer *certified, key crypto.Signer, now time.Time) (certified, error) {
	template.NotBefore, template.NotAfter = now.Add(-time.Hour), now.Add(certificateLife)
	parent, signer := &template, key
	if issuer != nil {
		parent, signer = issuer.certificate, issuer.key
		// Nothing is good for longer than what has issued it.
		if template.NotAfter.After(parent.NotAfter) {
			template.NotAfter = parent.NotAfter
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, key.Public(), signer)
	if err != nil {
		return certified{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	return certified{certificate, key}, err
}

// encode returns the certificate in PEM.
func (c certified) encode() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.certificate.Raw})
}

// certificateFiles returns the names of all files that [state.makeTLS] makes.
func certificateFiles() []string {
	var files []string
	for _, party := range []string{authorityName, tlsServerName, ledgerName} {
		files = append(files, party+".pem", party+certificateText)
	}
	return files
}
