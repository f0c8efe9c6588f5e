// Package mutualtls finds out with which certificate a client has opened its TLS connection, where that connection ends
// at a proxy in front of this service: the proxy says so in the headers of RFC 9440, for the client authentication and
// the bound tokens of RFC 8705.
//
// A [Proxy] reads the headers. [Thumbprint] is what a token is bound to.
//
// Whoever holds a certificate can write it into a header, without its private key. So the package must never believe a
// header unless it is shown that the proxy wrote it: by a secret that the proxy sends along, or because nobody else
// reaches the service, which the configuration has to say (protocol M1). Nor does it say that a certificate is good: it
// has verified nothing of it, and the proxy perhaps has not either.
package mutualtls

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Fault is one way in which what the headers say is refused. There is one value for each way: compare with errors.Is.
type Fault struct {
	Reason   string // snake_case, for the audit log
	Sentence string // constant plain ASCII, for the caller; it says which check failed and nothing of the input
}

// Error returns the sentence.
func (f *Fault) Error() string { return f.Sentence }

// The ways in which a certificate in a header is refused.
var (
	ErrProxy = &Fault{"certificate_proxy", "a header with a client certificate did not come from the proxy that may set it"}
	ErrForm  = &Fault{"certificate_malformed", "a header with a client certificate is not in the form of RFC 9440, or does not hold an X.509 certificate"}
	ErrSize  = &Fault{"certificate_too_large", "a client certificate, one that leads to its issuer, or a key of one, is too large, or there are too many"}
)

// Config says which headers the proxy sets and how it is known.
type Config struct {
	// CertificateHeader and ChainHeader are the names of the headers that hold the client's certificate and those that
	// lead to its issuer. Empty: Client-Cert and Client-Cert-Chain (RFC 9440 §2.2, §2.3).
	CertificateHeader, ChainHeader string

	// SecretHeader is the name of the header in which the proxy sends its secret, and Secrets returns the values that
	// are good, as they are where they are kept. A line break at the end of one does not count, since a header cannot
	// hold it. Both nil and empty: only the proxy reaches the service, which something else has to see to.
	SecretHeader string
	Secrets      func(context.Context) ([]string, error)
}

// The headers of RFC 9440.
const (
	CertificateHeader = "Client-Cert"
	ChainHeader       = "Client-Cert-Chain"
)

// Proxy reads what the proxy says. It is safe for concurrent use.
type Proxy struct{ config Config }

// New returns a Proxy.
func New(config Config) (*Proxy, error) {
	if config.CertificateHeader == "" {
		config.CertificateHeader = CertificateHeader
	}
	if config.ChainHeader == "" {
		config.ChainHeader = ChainHeader
	}
	if (config.SecretHeader == "") != (config.Secrets == nil) {
		return nil, errors.New("mutualtls: SecretHeader and Secrets come together")
	}
	names := []string{config.CertificateHeader, config.ChainHeader}
	if config.Secrets != nil {
		names = append(names, config.SecretHeader)
	}
	for i, name := range names {
		if !isToken(name) {
			return nil, fmt.Errorf("mutualtls: %q is not the name of a header", name)
		}
		for _, other := range names[:i] {
			if strings.EqualFold(name, other) {
				return nil, fmt.Errorf("mutualtls: the header %q cannot hold two things", name)
			}
		}
	}
	return &Proxy{config}, nil
}

// isToken holds RFC 9110 §5.6.2.
func isToken(text string) bool {
	for _, c := range []byte(text) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return text != ""
}

// Certificates returns the certificates of the TLS client, its own first, then what leads to its issuer. None: it has
// shown none. header returns every field of that name, and none where there is none. A *Fault says that the headers are
// not to be believed or not to be read; any other error, that this could not be found out.
func (p *Proxy) Certificates(ctx context.Context, header func(name string) []string) ([]*x509.Certificate, error) {
	own, chain := header(p.config.CertificateHeader), header(p.config.ChainHeader)
	// Google's load balancer sends its headers empty where the client has shown no certificate.
	if strings.Join(own, "") == "" && strings.Join(chain, "") == "" {
		return nil, nil
	}
	// Whoever is not the proxy is told that before anything is parsed for it.
	if err := p.believe(ctx, header); err != nil {
		return nil, err
	}
	if len(own) != 1 {
		return nil, ErrForm // RFC 9440 §2.2: it MUST NOT occur more than once; and without it there is no chain
	}
	certificate, err := parse(own)
	switch {
	case err != nil:
		return nil, err
	case len(certificate) != 1:
		return nil, ErrForm
	}
	issuers, err := parse(chain)
	if err != nil {
		return nil, err
	}
	return append(certificate, issuers...), nil
}

// Thumbprint returns the SHA-256 thumbprint of a certificate, the x5t#S256 of a token that is bound to it
// (RFC 8705 §3.1).
func Thumbprint(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
