package mutualtls_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"example.com/countersign/internal/mutualtls"
)

const (
	secretHeader = "X-Proxy-Authorization"
	secret       = "TEST-secret-of-the-proxy"
)

// proving is a proxy that proves itself by one of these secrets.
func proving(secrets ...string) mutualtls.Config {
	return mutualtls.Config{SecretHeader: secretHeader, Secrets: func(context.Context) ([]string, error) { return secrets, nil }}
}

func TestM1_a_certificate_is_read_from_the_headers_of_RFC_9440(t *testing.T) {
	own, issuer, root := newCertificate(t, "TEST client"), newCertificate(t, "TEST issuer"), newCertificate(t, "TEST root")
	p := proxy(t, mutualtls.Config{})
	shows(t, p, headers())
	shows(t, p, headers("Client-Cert", item(own)), own)
	shows(t, p, headers("Client-Cert", item(own), "Client-Cert-Chain", item(issuer)), own, issuer)
	shows(t, p, headers("Client-Cert", item(own), "Client-Cert-Chain", item(issuer)+", "+item(root)), own, issuer, root)
	shows(t, p, headers("Client-Cert", item(own), "Client-Cert-Chain", item(issuer)+","+item(root)), own, issuer, root)
	// RFC 9440 §2.3: it MAY occur multiple times.
	shows(t, p, headers("Client-Cert", item(own), "Client-Cert-Chain", item(issuer), "Client-Cert-Chain", item(root)), own, issuer, root)
}

// Google's load balancer sends what it has been told to send, be there a certificate or not.
func TestM1_empty_headers_are_no_certificate(t *testing.T) {
	own := newCertificate(t, "TEST client")
	for _, config := range []mutualtls.Config{{}, proving(secret)} {
		p := proxy(t, config)
		shows(t, p, headers("Client-Cert", ""))
		shows(t, p, headers("Client-Cert", "", "Client-Cert-Chain", ""))
		shows(t, p, headers("Client-Cert-Chain", ""))
		shows(t, p, headers(secretHeader, secret))
	}
	shows(t, proxy(t, mutualtls.Config{}), headers("Client-Cert", item(own), "Client-Cert-Chain", ""), own)
}

func TestM1_the_headers_can_have_other_names(t *testing.T) {
	own, issuer := newCertificate(t, "TEST client"), newCertificate(t, "TEST issuer")
	p := proxy(t, mutualtls.Config{CertificateHeader: "X-Client-Cert-Leaf", ChainHeader: "x-client-cert-chain"})
	shows(t, p, headers("X-Client-Cert-Leaf", item(own), "X-Client-Cert-Chain", item(issuer)), own, issuer)
	shows(t, p, headers("Client-Cert", item(own), "Client-Cert-Chain", item(issuer))) // nobody said that the proxy sets these
}

func TestM1_a_certificate_is_believed_of_the_proxy_alone(t *testing.T) {
	own, issuer := newCertificate(t, "TEST client"), newCertificate(t, "TEST issuer")
	p := proxy(t, proving("TEST-secret-that-came-before", secret))
	with := func(pairs ...string) []string { return append([]string{"Client-Cert", item(own)}, pairs...) }
	shows(t, p, headers(with(secretHeader, secret)...), own)
	shows(t, p, headers(with(secretHeader, "TEST-secret-that-came-before")...), own)
	shows(t, p, headers(with(secretHeader, secret, "Client-Cert-Chain", item(issuer))...), own, issuer)
	for name, pairs := range map[string][]string{
		"no secret":                   with(),
		"an empty secret":             with(secretHeader, ""),
		"a wrong secret":              with(secretHeader, "TEST-secret-of-the-stranger"),
		"the beginning of it":         with(secretHeader, secret[:len(secret)-1]),
		"more behind it":              with(secretHeader, secret+"x"),
		"a line break behind it":      with(secretHeader, secret+"\n"),
		"in capitals":                 with(secretHeader, strings.ToUpper(secret)),
		"both, as one":                with(secretHeader, "TEST-secret-that-came-before,"+secret),
		"in another header":           with("Authorization", secret),
		"beside that of a stranger":   with(secretHeader, "x", secretHeader, secret),
		"twice":                       with(secretHeader, secret, secretHeader, secret),
		"a chain alone":               {"Client-Cert-Chain", item(issuer)},
		"what is malformed besides":   {"Client-Cert", "nonsense"},
		"what is too large besides":   {"Client-Cert", strings.Repeat("a", 1<<20)},
		"two certificates, no secret": {"Client-Cert", item(own), "Client-Cert", item(own)},
	} {
		t.Run(name, func(t *testing.T) { refuses(t, p, headers(pairs...), mutualtls.ErrProxy) })
	}
}

// An empty or a short secret that is stored by mistake must not open the door, nor look like a stranger's fault.
func TestM1_a_secret_that_can_be_guessed_proves_nothing(t *testing.T) {
	own := newCertificate(t, "TEST client")
	for _, secrets := range [][]string{nil, {""}, {"\n"}, {"short"}, {"fifteen bytes!!"}, {"", "short"}, {"fifteen bytes!!\r\n"}} {
		p := proxy(t, proving(secrets...))
		for _, sent := range append(secrets, "x") {
			header := headers("Client-Cert", item(own), secretHeader, strings.TrimSpace(sent))
			_, err := p.Certificates(t.Context(), header.Values)
			if fault, is := errors.AsType[*mutualtls.Fault](err); err == nil || is && header.Get(secretHeader) != "" {
				t.Errorf("%q for %q: %v", sent, secrets, fault)
			}
		}
	}
	shows(t, proxy(t, proving("short", "sixteen bytes!!!\n")), headers("Client-Cert", item(own), secretHeader, "sixteen bytes!!!"), own)
}

// Protocol T7: that the secret cannot be had is nobody's fault but ours, and it is asked for only where it is needed.
func TestM1_where_the_secret_cannot_be_had_nothing_is_decided(t *testing.T) {
	own, down := newCertificate(t, "TEST client"), errors.New("down")
	asked := 0
	p := proxy(t, mutualtls.Config{SecretHeader: secretHeader, Secrets: func(context.Context) ([]string, error) { asked++; return []string{secret}, down }})
	shows(t, p, headers())
	shows(t, p, headers(secretHeader, secret))
	refuses(t, p, headers("Client-Cert", item(own)), mutualtls.ErrProxy)
	if asked != 0 {
		t.Errorf("asked %d times without need", asked)
	}
	header := headers("Client-Cert", item(own), secretHeader, secret)
	refuses(t, p, header, nil)
	if _, err := p.Certificates(t.Context(), header.Values); !errors.Is(err, down) {
		t.Error(err)
	}
}

func TestM1_what_is_not_in_the_form_of_RFC_9440_is_refused(t *testing.T) {
	own := newCertificate(t, "TEST client")
	good := item(own)
	encoded := strings.Trim(good, ":")
	again := func(der []byte) string { return ":" + base64.StdEncoding.EncodeToString(der) + ":" }
	p := proxy(t, mutualtls.Config{})
	for name, text := range map[string]string{
		"white space":                    " ",
		"no colons":                      encoded,
		"no colon in front":              encoded + ":",
		"no colon behind":                ":" + encoded,
		"one colon":                      ":",
		"nothing between the colons":     "::",
		"three colons":                   good + ":",
		"a string":                       `"` + encoded + `"`,
		"a parameter":                    good + ";a=1",
		"base64url":                      ":" + base64.URLEncoding.EncodeToString(append([]byte{0xfb, 0xff, 0xbf}, own.Raw...)) + ":",
		"without padding":                again(own.Raw)[:len(again(own.Raw))-1] + "A:",
		"a line break":                   good[:20] + "\n" + good[20:],
		"a space inside":                 good[:20] + " " + good[20:],
		"percent-encoded PEM":            "-----BEGIN%20CERTIFICATE-----%0A" + encoded,
		"XFCC":                           "Hash=00;Cert=" + encoded,
		"a comma in front":               "," + good,
		"a comma behind":                 good + ",",
		"a comma alone":                  ",",
		"no DER":                         ":AAAA:",
		"DER cut off":                    again(own.Raw[:len(own.Raw)-1]),
		"DER with a byte behind":         again(append(own.Raw[:len(own.Raw):len(own.Raw)], 0)),
		"DER twice":                      again(append(own.Raw[:len(own.Raw):len(own.Raw)], own.Raw...)),
		"a public key":                   again(own.RawSubjectPublicKeyInfo),
		"what is signed of it":           again(own.RawTBSCertificate),
		"a length that is not canonical": again(append([]byte{0x30, 0x83, 0}, own.Raw[2:]...)),
	} {
		t.Run(name, func(t *testing.T) {
			refuses(t, p, headers("Client-Cert", text), mutualtls.ErrForm)
			refuses(t, p, headers("Client-Cert", good, "Client-Cert-Chain", text), mutualtls.ErrForm)
			refuses(t, p, headers("Client-Cert", good, "Client-Cert-Chain", good+", "+text), mutualtls.ErrForm)
		})
	}
	// RFC 9440 §2.2: it MUST NOT have a list of values or occur multiple times.
	refuses(t, p, headers("Client-Cert", good+", "+good), mutualtls.ErrForm)
	refuses(t, p, headers("Client-Cert", good, "Client-Cert", good), mutualtls.ErrForm)
	refuses(t, p, headers("Client-Cert", good, "Client-Cert", ""), mutualtls.ErrForm)
	refuses(t, p, headers("Client-Cert", "", "Client-Cert", good), mutualtls.ErrForm)
	// A chain of nobody.
	refuses(t, p, headers("Client-Cert-Chain", good), mutualtls.ErrForm)
	refuses(t, p, headers("Client-Cert", "", "Client-Cert-Chain", good), mutualtls.ErrForm)
}

// RFC 8705 §7.4, protocol A3: what is parsed is bounded, and so is what it costs to verify.
func TestM1_what_is_too_large_is_refused(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	own := newCertificate(t, "TEST client")
	large, larger := certified(t, key, "TEST large", 16_000), certified(t, key, "TEST larger", 20_000)
	p := proxy(t, mutualtls.Config{})
	chain := func(certificates int, between string) string {
		return strings.TrimSuffix(strings.Repeat(item(own)+between, certificates), between)
	}
	shows(t, p, headers("Client-Cert", item(large)), large)
	refuses(t, p, headers("Client-Cert", item(larger)), mutualtls.ErrSize)
	refuses(t, p, headers("Client-Cert", item(own), "Client-Cert-Chain", item(larger)), mutualtls.ErrSize)
	refuses(t, p, headers("Client-Cert", item(own), "Client-Cert-Chain", item(large), "Client-Cert-Chain", item(large)), mutualtls.ErrSize)
	refuses(t, p, headers("Client-Cert", strings.Repeat("a", 1<<20)), mutualtls.ErrSize)
	refuses(t, p, headers("Client-Cert", item(own), "Client-Cert-Chain", strings.Repeat(",", 20_000)), mutualtls.ErrSize)
	if got, err := p.Certificates(t.Context(), headers("Client-Cert", item(own), "Client-Cert-Chain", chain(10, ", ")).Values); err != nil || len(got) != 11 {
		t.Errorf("%d certificates, %v", len(got), err)
	}
	refuses(t, p, headers("Client-Cert", item(own), "Client-Cert-Chain", chain(11, ",")), mutualtls.ErrSize)
	refuses(t, p, headers("Client-Cert", chain(11, ",")), mutualtls.ErrSize)
}

func TestM1_an_RSA_key_has_8192_bits_at_most(t *testing.T) {
	own := newCertificate(t, "TEST client")
	p := proxy(t, mutualtls.Config{})
	usual, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	certificate := certified(t, usual, "TEST RSA", 0)
	shows(t, p, headers("Client-Cert", item(certificate)), certificate)
	refuses(t, p, headers("Client-Cert", item(withRSA(t, 8193))), mutualtls.ErrSize)
	refuses(t, p, headers("Client-Cert", item(own), "Client-Cert-Chain", item(withRSA(t, 16_384))), mutualtls.ErrSize)
}

func TestNew_refuses_headers_that_cannot_be(t *testing.T) {
	good := func(context.Context) ([]string, error) { return []string{secret}, nil }
	for name, config := range map[string]mutualtls.Config{
		"no name":                   {CertificateHeader: " "},
		"a colon":                   {ChainHeader: "Client-Cert-Chain:"},
		"a line break":              {CertificateHeader: "Client-Cert\r\nX"},
		"not ASCII":                 {CertificateHeader: "Client-C\u00e9rt"},
		"the same twice":            {CertificateHeader: "X", ChainHeader: "x"},
		"the other's usual name":    {ChainHeader: "client-cert"},
		"a secret without a header": {Secrets: good},
		"a header without a secret": {SecretHeader: secretHeader},
		"a secret among the chain":  {SecretHeader: "client-cert-chain", Secrets: good},
		"a secret in no header":     {SecretHeader: "a b", Secrets: good},
	} {
		if p, err := mutualtls.New(config); err == nil || p != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// RFC 8705 §3.1: the base64url-encoded SHA-256 digest of the DER encoding of the certificate.
func TestM2_Thumbprint_is_that_of_the_whole_certificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	one, other := certified(t, key, "TEST client", 0), certified(t, key, "TEST client", 1)
	sum := sha256.Sum256(one.Raw)
	if got := mutualtls.Thumbprint(one); got != base64.RawURLEncoding.EncodeToString(sum[:]) || len(got) != 43 {
		t.Errorf("%s", got)
	}
	if mutualtls.Thumbprint(one) == mutualtls.Thumbprint(other) {
		t.Error("another certificate of the same key is taken for it")
	}
}

func TestFaults_can_be_told_to_a_caller(t *testing.T) {
	for _, fault := range []*mutualtls.Fault{mutualtls.ErrProxy, mutualtls.ErrForm, mutualtls.ErrSize} {
		for _, c := range []byte(fault.Error()) {
			if c < 0x20 || c > 0x7e || c == '"' || c == '\\' {
				t.Errorf("%q has %q (RFC 6749 §5.2)", fault.Sentence, c)
			}
		}
	}
}
