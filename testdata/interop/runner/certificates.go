package main

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"
)

// authority is what has issued a certificate.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// makeCertificates makes a CA for clients (clients-ca.crt.pem), and for mutual TLS, each with its private key in
// NAME.pem and its certificate in NAME.crt.pem:
//
//	tls-pki       by the CA, for the client with that subject, and that DNS name
//	tls-other     by the CA, for somebody else
//	tls-stranger  like tls-pki, by a CA that nobody has registered
//	tls-self      by itself, and its key is registered (tls-self.jwks.json)
//	tls-nobody    by itself, and nobody has registered its key
func (s *system) makeCertificates(key func(name string) error) error {
	clients, err := s.certify("clients-ca", nil, certificateOfCA("Clients of the interop tests"), key)
	if err != nil {
		return err
	}
	strangers, err := s.certify("strangers-ca", nil, certificateOfCA("Strangers"), key)
	if err != nil {
		return err
	}
	registered := certificateOfClient("pki")
	registered.DNSNames = []string{"pki.interop.example"}
	for _, one := range []struct {
		name     string
		issuer   *authority
		template x509.Certificate
	}{
		{"tls-pki", clients, registered},
		{"tls-other", clients, certificateOfClient("other")},
		{"tls-stranger", strangers, registered},
		{"tls-self", nil, certificateOfClient("self")},
		{"tls-nobody", nil, certificateOfClient("self")},
	} {
		if _, err := s.certify(one.name, one.issuer, one.template, key); err != nil {
			return err
		}
	}
	return nil
}

func certificateOfCA(name string) x509.Certificate {
	return x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

func certificateOfClient(name string) x509.Certificate {
	return x509.Certificate{
		Subject:     pkix.Name{CommonName: name, Organization: []string{"Interop"}},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// certify makes a key, and a certificate for it. issuer is nil where it is its own.
func (s *system) certify(
	name string, issuer *authority, template x509.Certificate, makeKey func(string) error,
) (*authority, error) {
	if err := makeKey(name); err != nil {
		return nil, err
	}
	key, err := readKey(s.path(name + ".pem"))
	if err != nil {
		return nil, fmt.Errorf("reading the key of %s: %w", name, err)
	}
	now := time.Now()
	template.NotBefore, template.NotAfter = now.Add(-time.Minute), now.Add(time.Hour)
	if issuer == nil {
		issuer = &authority{&template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, issuer.certificate, key.Public(), issuer.key)
	if err != nil {
		return nil, fmt.Errorf("issuing a certificate for %s: %w", name, err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	document := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return &authority{certificate, key}, os.WriteFile(s.path(name+".crt.pem"), document, 0o600)
}

func readKey(path string) (crypto.Signer, error) {
	document, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(document)
	if block == nil {
		return nil, errors.New("it is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signer, isSigner := key.(crypto.Signer)
	if !isSigner {
		return nil, errors.New("it signs nothing")
	}
	return signer, nil
}
