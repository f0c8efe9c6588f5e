package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"

	"github.com/urfave/cli/v3"
)

// clientTLS is how a client of ours uses TLS.
type clientTLS struct {
	Certificate *tls.Certificate // that it shows where it is asked for one; nil: none
	Roots       *x509.CertPool   // who may have issued the server's; nil: those of this machine
}

// clientTLSOf reads the files of -cert, -cert-key and -ca.
func clientTLSOf(cmd *cli.Command) (clientTLS, error) {
	var c clientTLS
	var err error
	certificate, key := cmd.String("cert"), cmd.String("cert-key")
	switch {
	case (certificate == "") != (key == ""):
		return clientTLS{}, errors.New("-cert is the certificate and -cert-key its private key; give both")
	case certificate != "":
		if c.Certificate, err = readCertificate(certificate, key); err != nil {
			return clientTLS{}, err
		}
	}
	if file := cmd.String("ca"); file != "" {
		document, err := readInput(file, cmd.Root().Reader)
		if err != nil {
			return clientTLS{}, err
		}
		c.Roots = x509.NewCertPool()
		if !c.Roots.AppendCertsFromPEM(document) {
			return clientTLS{}, fmt.Errorf("%s holds no certificate in PEM", file)
		}
	}
	return c, nil
}

// readCertificate reads a certificate and its private key. No error holds a part of the key.
func readCertificate(file, keyFile string) (*tls.Certificate, error) {
	certificate, err := readInput(file, bytes.NewReader(nil))
	if err != nil {
		return nil, err
	}
	key, err := readInput(keyFile, bytes.NewReader(nil))
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(key); block == nil {
		return nil, fmt.Errorf("%s holds no private key in PEM", keyFile)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s are not a certificate and its private key: %w", file, keyFile, err)
	}
	return &pair, nil
}

// newHTTPClient returns a client that follows no redirect.
func (c clientTLS) newHTTPClient() *http.Client {
	client := &http.Client{Timeout: exchangeTimeout, CheckRedirect: noRedirect}
	if transport, isPlain := c.transport(); !isPlain {
		client.Transport = transport
	}
	return client
}

// transport returns what sends requests, and whether it is that of everybody.
func (c clientTLS) transport() (transport http.RoundTripper, isPlain bool) {
	standard, isStandard := http.DefaultTransport.(*http.Transport)
	if !isStandard || c.Certificate == nil && c.Roots == nil {
		return http.DefaultTransport, true
	}
	own := standard.Clone()
	own.TLSClientConfig = &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12}
	if c.Certificate != nil {
		own.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return c.Certificate, nil // also where the server names issuers that this one does not have
		}
	}
	return own, false
}
