package main

import (
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// now is when the certificates of these tests are made.
var now = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func newState(t *testing.T) state {
	t.Helper()
	s, err := openState(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustMakeTLS(t *testing.T, s state, at time.Time) localTLS {
	t.Helper()
	made, err := s.makeTLS(at)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestLocalCertificatesAreGoodForThisMachineAndSaySo(t *testing.T) {
	s := newState(t)
	made := mustMakeTLS(t, s, now)
	for _, host := range []string{"localhost", "127.0.0.1", "::1"} {
		options := x509.VerifyOptions{Roots: made.roots, DNSName: host, CurrentTime: now}
		if _, err := made.server.certificate.Verify(options); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	clientAuth := x509.VerifyOptions{Roots: made.roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := made.ledger.certificate.Verify(clientAuth); err != nil {
		t.Error(err)
	}
	// The one is not good for what the other is.
	if _, err := made.server.certificate.Verify(clientAuth); err == nil {
		t.Error("the server's certificate authenticates a client")
	}
	for _, of := range []certified{made.server, made.ledger} {
		if !strings.Contains(of.certificate.Subject.String(), "O=LOCAL TEST") || !strings.Contains(of.certificate.Issuer.String(), "O=LOCAL TEST") {
			t.Errorf("%s, by %s, does not say that it is for tests", of.certificate.Subject, of.certificate.Issuer)
		}
	}
	if runtime.GOOS != "windows" {
		for _, name := range certificateFiles() {
			if info, err := os.Stat(s.path(name)); err != nil || info.Mode() != 0o600 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
	}
}

// A laptop on which somebody trusts the local CA everywhere must not be one on which its key makes an example.com.
func TestLocalAuthorityIsForNoOtherMachine(t *testing.T) {
	s := newState(t)
	made := mustMakeTLS(t, s, now)
	authority, err := s.certified(authorityName, nil, now, x509.Certificate{})
	if err != nil {
		t.Fatal(err)
	}
	for _, template := range []x509.Certificate{
		{DNSNames: []string{"auth.example.com"}},
		{DNSNames: []string{"localhost.example.com"}},
		{IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}},
	} {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		forged, err := issue(template, &authority, made.server.key, now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := forged.certificate.Verify(x509.VerifyOptions{Roots: made.roots, CurrentTime: now}); err == nil {
			t.Errorf("%v %v is good", template.DNSNames, template.IPAddresses)
		}
	}
}

func TestCertificatesAreKeptUntilTheyAreNearlyOver(t *testing.T) {
	s := newState(t)
	first := mustMakeTLS(t, s, now)
	later := mustMakeTLS(t, s, now.Add(certificateLife-renewedBefore-time.Second))
	if !first.ledger.certificate.Equal(later.ledger.certificate) || !first.server.certificate.Equal(later.server.certificate) {
		t.Error("a certificate that is good has been made anew")
	}
	at := now.Add(certificateLife - renewedBefore)
	renewed := mustMakeTLS(t, s, at)
	for _, of := range [][2]certified{{first.ledger, renewed.ledger}, {first.server, renewed.server}} {
		if of[0].certificate.Equal(of[1].certificate) || !isOf(of[1].certificate, of[0].key) {
			t.Error("it is not a new certificate for the same key")
		}
		if _, err := of[1].certificate.Verify(x509.VerifyOptions{Roots: renewed.roots, CurrentTime: at.Add(certificateLife - time.Second), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Error(err)
		}
	}
}

func TestCertificateFollowsItsKeyAndItsIssuer(t *testing.T) {
	for _, gone := range []string{ledgerName + ".pem", authorityName + ".pem", ledgerName + certificateText} {
		s := newState(t)
		first := mustMakeTLS(t, s, now)
		if err := os.Remove(s.path(gone)); err != nil {
			t.Fatal(err)
		}
		again := mustMakeTLS(t, s, now)
		if first.ledger.certificate.Equal(again.ledger.certificate) || !isOf(again.ledger.certificate, again.ledger.key) {
			t.Errorf("without %s, the certificate is still the old one", gone)
		}
		options := x509.VerifyOptions{Roots: again.roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		if _, err := again.ledger.certificate.Verify(options); err != nil {
			t.Errorf("without %s: %v", gone, err)
		}
	}
}

func TestFilesThatAreNoCertificateOrKeyAreNamed(t *testing.T) {
	for name, want := range map[string]string{
		ledgerName + ".pem": "it is not PEM; remove it for a new one", authorityName + certificateText: "holds no certificate",
	} {
		s := newState(t)
		mustMakeTLS(t, s, now)
		write(t, s.path(name), "garbage")
		if _, err := s.makeTLS(now); err == nil || !strings.Contains(err.Error(), s.path(name)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
}
