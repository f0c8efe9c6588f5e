package client_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/trust"
)

// noon is when every certificate is presented.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// change is what is different about a certificate.
type change func(*x509.Certificate)

// party has a key and a certificate of it. The names of all say that they are for tests.
type party struct {
	*x509.Certificate
	key crypto.Signer
}

// template is a certificate of a client, valid for an hour before and after noon.
func template(name string, changes ...change) *x509.Certificate {
	certificate := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    noon.Add(-time.Hour),
		NotAfter:     noon.Add(time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, c := range changes {
		c(certificate)
	}
	return certificate
}

// sign makes a certificate over key, by issuer, or by itself where that is nil.
func sign(t testing.TB, certificate *x509.Certificate, key crypto.Signer, issuer *party) party {
	t.Helper()
	by := party{certificate, key}
	if issuer != nil {
		by = *issuer
	}
	der, err := x509.CreateCertificate(rand.Reader, certificate, by.Certificate, key.Public(), by.key)
	must(t, err)
	made, err := x509.ParseCertificate(der)
	must(t, err)
	return party{made, key}
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

func onCurve(t testing.TB, curve elliptic.Curve) crypto.PublicKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	must(t, err)
	return key.Public()
}

// authority makes certificates authorities.
func authority(certificate *x509.Certificate) {
	certificate.IsCA, certificate.BasicConstraintsValid = true, true
	certificate.KeyUsage, certificate.ExtKeyUsage = x509.KeyUsageCertSign, nil
}

func newRoot(t testing.TB, name string, changes ...change) party {
	t.Helper()
	return sign(t, template(name, append([]change{authority}, changes...)...), newKey(t), nil)
}

// issues returns a certificate of a client.
func (p party) issues(t testing.TB, name string, changes ...change) party {
	t.Helper()
	return sign(t, template(name, changes...), newKey(t), &p)
}

// appoints returns an authority below.
func (p party) appoints(t testing.TB, name string, changes ...change) party {
	t.Helper()
	return p.issues(t, name, append([]change{authority}, changes...)...)
}

func selfSigned(t testing.TB, name string, changes ...change) party {
	t.Helper()
	return sign(t, template(name, changes...), newKey(t), nil)
}

func lives(from, to time.Duration) change {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = noon.Add(from), noon.Add(to) }
}

func chain(parties ...party) []*x509.Certificate {
	var certificates []*x509.Certificate
	for _, p := range parties {
		certificates = append(certificates, p.Certificate)
	}
	return certificates
}

// named is a client whose certificate names it.
func named(id string, name client.CertificateName) *client.Registration {
	return &client.Registration{ID: id, Method: oauth.TLSClientAuth, Certificate: name}
}

// keyed is a client whose certificate is of its own making, over one of these keys.
func keyed(t testing.TB, id string, parties ...party) *client.Registration {
	t.Helper()
	return &client.Registration{ID: id, Method: oauth.SelfSignedTLSClientAuth, Keys: fixed(t, parties...)}
}

func fixed(t testing.TB, parties ...party) trust.Fixed {
	t.Helper()
	var keys jose.KeySet
	for _, p := range parties {
		algorithm := jose.Algorithm("")
		if p.PublicKeyAlgorithm == x509.RSA {
			algorithm = jose.PS256
		}
		key, err := jose.NewVerificationKey(p.PublicKey, algorithm, "TEST")
		must(t, err)
		keys = append(keys, key)
	}
	return trust.NewFixed(keys)
}

// config is a registry at noon, whose clients' certificates are issued by roots.
func config(t testing.TB, roots []party, registrations ...*client.Registration) client.Config {
	t.Helper()
	verifier, err := assertion.NewVerifier(func() time.Time { return noon }, 0)
	must(t, err)
	c := client.Config{Registrations: registrations, Verifier: verifier, Now: func() time.Time { return noon }}
	for _, root := range roots {
		if c.Roots == nil {
			c.Roots = x509.NewCertPool()
		}
		c.Roots.AddCert(root.Certificate)
	}
	return c
}

func registered(t testing.TB, roots []party, registrations ...*client.Registration) *client.Registry {
	t.Helper()
	r, err := client.New(config(t, roots, registrations...))
	must(t, err)
	return r
}

// present sends a request over TLS with these certificates, and with more parameters, as names and values by turns.
func present(t testing.TB, r *client.Registry, certificates []*x509.Certificate, parameters ...string) (client.Authenticated, error) {
	t.Helper()
	form := oauth.Form{Parameters: url.Values{"grant_type": {oauth.ClientCredentials}}, Certificates: certificates}
	for i := 0; i < len(parameters); i += 2 {
		form.Parameters.Add(parameters[i], parameters[i+1])
	}
	request, err := oauth.ParseTokenRequest(form)
	must(t, err)
	authenticated, err := r.Authenticate(t.Context(), request)
	if authenticated.IsZero() != (err != nil) || authenticated.Proved() && err != nil {
		t.Errorf("%v came with %v", authenticated, err)
	}
	return authenticated, err
}

// proves wants that the client is who it says.
func proves(t testing.TB, r *client.Registry, id string, certificates []*x509.Certificate, parameters ...string) {
	t.Helper()
	authenticated, err := present(t, r, certificates, append([]string{"client_id", id}, parameters...)...)
	if err != nil {
		t.Errorf("refused: %v", err)
		return
	}
	if registration, is := authenticated.Client(); !is || registration.ID != id || !authenticated.Proved() {
		t.Errorf("it is not proved to be %s", id)
	}
	if !authenticated.Assertion().IsZero() {
		t.Error("it is said to have an assertion")
	}
}

// oneAnswer is what every client is told that is not believed (protocol T8).
const oneAnswer = "client authentication failed: the client is unknown, or its credential or its method is wrong"

// denied wants the one answer, and this reason in the log, which repeats nothing of a certificate.
func denied(t testing.TB, r *client.Registry, id, reason string, certificates []*x509.Certificate, parameters ...string) {
	t.Helper()
	_, err := present(t, r, certificates, append([]string{"client_id", id}, parameters...)...)
	refusal, is := errors.AsType[*oauth.Error](err)
	if !is || refusal.Code != oauth.InvalidClient || refusal.Description != oneAnswer || refusal.Reason != reason {
		t.Errorf("%v, reason %s; want %s", err, why(refusal), reason)
	}
	if refusal != nil && refusal.Cause != nil && strings.Contains(refusal.Cause.Error(), "TEST") {
		t.Errorf("the log has a name out of the certificate: %v", refusal.Cause)
	}
}

func why(refusal *oauth.Error) string {
	if refusal == nil {
		return "none"
	}
	return refusal.Reason
}
