package client

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/stoplist"
)

// holder is keys that know whether the key of a certificate is one of them.
type holder interface {
	// Holds reports whether one of the keys has this RFC 7638 thumbprint. The error says that the keys could not be had.
	Holds(ctx context.Context, thumbprint string) (bool, error)
}

// byCertificate holds RFC 8705 §2 for a request that names a client and has no other credential: whether its
// certificate is meant to authenticate is what the registration says. That whoever presents it has its private key, the
// proxy in front of us has seen in the TLS handshake.
//
// A chain is verified for every client that is named with a certificate, be it unknown or registered for whatever else,
// so that the clock does not tell who is registered for tls_client_auth (protocol T8). What it can tell is whether keys
// of a client that has a certificate of its own making had to be fetched, as it can of those that verify assertions.
func (r *Registry) byCertificate(ctx context.Context, request oauth.TokenRequest, among known) (Authenticated, error) {
	registration, found := among.find(request.ClientID)
	untrusted := r.verifyChain(request.Certificates)
	switch {
	case !found:
		return Authenticated{}, among.absent(request.ClientID)
	case registration.Method != oauth.TLSClientAuth && registration.Method != oauth.SelfSignedTLSClientAuth:
		return Authenticated{}, refused("method_wrong", nil)
	case len(request.Certificates) == 0:
		return Authenticated{}, refused("certificate_missing", nil)
	}
	if err := r.checkCertificate(ctx, registration, request.Certificates[0], untrusted, among.stops); err != nil {
		return Authenticated{}, err
	}
	return Authenticated{request: request, registration: registration, proved: true, valid: true}, nil
}

// checkCertificate looks at what the client's method goes by. The error is an *oauth.Error.
func (r *Registry) checkCertificate(
	ctx context.Context, of *Registration, own *x509.Certificate, untrusted error, stops stoplist.List,
) error {
	if of.Method == oauth.SelfSignedTLSClientAuth {
		return r.checkKey(ctx, own, of.ID, stops)
	}
	return checkIssued(untrusted, r.names[of.ID], own)
}

// checkIssued holds RFC 8705 §2.1: the certificate is issued by an authority that is trusted for this, and names the
// client.
func checkIssued(untrusted error, names naming, own *x509.Certificate) error {
	switch {
	case errors.Is(untrusted, errValidity):
		return refused("certificate_expired", untrusted)
	case untrusted != nil:
		return refused("certificate_untrusted", untrusted)
	case !names(own):
		return refused("certificate_name", nil)
	}
	return nil
}

// The ways in which nobody vouches for a certificate. They are told in our own words: those of package x509 repeat
// names out of certificates that anybody can make.
var (
	errNoAuthority = errors.New("the certificate does not lead to an authority of the configuration")
	errValidity    = errors.New("the certificate, or one that it leads to, is not valid at this time")
	errUsage       = errors.New("the certificate, or one that it leads to, is not for TLS clients")
	errConstraint  = errors.New("a constraint, an unknown critical extension or a fault in the chain forbids the certificate")
)

// reasonOf finds out in which way.
func reasonOf(err error) error {
	if err == nil {
		return nil
	}
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		return errNoAuthority
	}
	invalid, _ := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case invalid.Cert == nil:
		return errConstraint
	case invalid.Reason == x509.Expired:
		return errValidity
	case invalid.Reason == x509.IncompatibleUsage:
		return errUsage
	default:
		return errConstraint
	}
}

// verifyChain verifies that the certificate leads to an authority of the configuration (RFC 5280 §6) and may be a
// client's. The proxy has perhaps verified nothing, or against other authorities. Revocation is not looked at.
func (r *Registry) verifyChain(certificates []*x509.Certificate) error {
	// Without roots of our own package x509 would take those of the machine, one of which certifies whoever asks.
	if len(certificates) == 0 || r.roots == nil {
		return errNoAuthority
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range certificates[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := certificates[0].Verify(x509.VerifyOptions{
		Roots:         r.roots,
		Intermediates: intermediates,
		CurrentTime:   r.now(),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return reasonOf(err)
}

// checkKey holds RFC 8705 §2.2: nobody vouches for the certificate, and its key is registered.
func (r *Registry) checkKey(ctx context.Context, own *x509.Certificate, of string, stops stoplist.List) error {
	if !validAt(own, r.now()) {
		return refused("certificate_expired", errValidity)
	}
	thumbprint, err := jose.Thumbprint(own.PublicKey)
	if err != nil {
		return refused("certificate_key", err)
	}
	holds, err := r.holders[of].Holds(ctx, thumbprint)
	switch {
	case err != nil:
		return oauth.Unavailable("client_keys_unavailable", err)
	case !holds:
		return refused("certificate_key", nil)
	}
	if err := stops.Check(stoplist.Facts{Client: of, KeyIDs: []string{thumbprint}}); err != nil {
		return Stopped(err)
	}
	return nil
}

// validAt holds RFC 5280 §4.1.2.5: both ends belong to the period.
func validAt(certificate *x509.Certificate, now time.Time) bool {
	return !now.Before(certificate.NotBefore) && !now.After(certificate.NotAfter)
}

// prepareCertificates reads what the registration says of the client's certificate. What the client's method does not
// look at must not be there: whoever wrote it down believes that it counts.
func (r *Registry) prepareCertificates(registration *Registration) error {
	if (registration.Method == oauth.TLSClientAuth) == registration.Certificate.IsZero() {
		return errors.New("the name in a certificate comes with tls_client_auth, and with nothing else")
	}
	switch registration.Method {
	case oauth.TLSClientAuth:
		if r.roots == nil || r.roots.Equal(x509.NewCertPool()) {
			return errors.New("tls_client_auth needs authorities that issue the certificates")
		}
		names, err := registration.Certificate.parse()
		if err != nil {
			return err
		}
		r.names[registration.ID] = names
	case oauth.SelfSignedTLSClientAuth:
		keys, is := registration.Keys.(holder)
		if !is {
			return errors.New("self_signed_tls_client_auth needs keys that are registered")
		}
		r.holders[registration.ID] = keys
	}
	return nil
}
