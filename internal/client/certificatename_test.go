package client_test

import (
	"crypto/x509"
	"net"
	"net/url"
	"testing"

	"example.com/countersign/internal/client"
)

// nameRow is a registered name, and a certificate.
type nameRow struct {
	what        string
	registered  client.CertificateName
	certificate change
}

// names judges the rows: each names the client, or none does.
func names(t *testing.T, want bool, rows ...nameRow) {
	t.Helper()
	root := newRoot(t, "TEST root")
	for _, row := range rows {
		t.Run(row.what, func(t *testing.T) {
			r := registered(t, []party{root}, named("batch", row.registered))
			certificates := chain(root.issues(t, "TEST client", row.certificate))
			if want {
				proves(t, r, "batch", certificates)
			} else {
				denied(t, r, "batch", "certificate_name", certificates)
			}
		})
	}
}

func dns(name string) client.CertificateName   { return client.CertificateName{SANDNS: name} }
func uri(name string) client.CertificateName   { return client.CertificateName{SANURI: name} }
func ip(name string) client.CertificateName    { return client.CertificateName{SANIP: name} }
func email(name string) client.CertificateName { return client.CertificateName{SANEmail: name} }

func hasDNS(names ...string) change   { return func(c *x509.Certificate) { c.DNSNames = names } }
func hasEmail(names ...string) change { return func(c *x509.Certificate) { c.EmailAddresses = names } }

func hasCN(name string) change { return func(c *x509.Certificate) { c.Subject.CommonName = name } }

func hasIP(names ...string) change {
	return func(c *x509.Certificate) {
		for _, name := range names {
			c.IPAddresses = append(c.IPAddresses, net.ParseIP(name))
		}
	}
}

func hasURI(names ...string) change {
	return func(c *x509.Certificate) {
		for _, name := range names {
			c.URIs = append(c.URIs, &url.URL{Opaque: name}) // which is written down as it is
		}
	}
}

// RFC 8705 §2.1.2.
func TestM2_one_of_the_alternative_names_is_the_registered_one(t *testing.T) {
	names(t, true,
		nameRow{"a DNS name", dns("batch.example.com"), hasDNS("batch.example.com")},
		nameRow{"a DNS name among others", dns("batch.example.com"), hasDNS("a.example.com", "batch.example.com", "b.example.com")},
		nameRow{"a DNS name in capitals", dns("batch.example.com"), hasDNS("Batch.EXAMPLE.com")},
		nameRow{"a DNS name registered in capitals", dns("BATCH.example.com"), hasDNS("batch.example.com")},
		nameRow{"a URI", uri("spiffe://example.com/batch"), hasURI("spiffe://example.com/batch")},
		nameRow{"a URI among others", uri("urn:example:batch"), hasURI("urn:example:other", "urn:example:batch")},
		nameRow{"a URI that would be written otherwise", uri("https://example.com/%41?#"), hasURI("https://example.com/%41?#")},
		nameRow{"an IPv4 address", ip("192.0.2.1"), hasIP("192.0.2.1")},
		nameRow{"an IPv6 address", ip("2001:db8::1"), hasIP("2001:db8::1")},
		nameRow{"an IPv6 address written otherwise", ip("2001:0DB8:0:0::1"), hasIP("192.0.2.1", "2001:db8::1")},
		nameRow{"an e-mail address", email("batch@example.com"), hasEmail("other@example.com", "batch@example.com")},
	)
	names(t, false,
		nameRow{"no name at all", dns("batch.example.com"), func(*x509.Certificate) {}},
		nameRow{"another DNS name", dns("batch.example.com"), hasDNS("other.example.com")},
		nameRow{"a DNS name above", dns("batch.example.com"), hasDNS("example.com")},
		nameRow{"a DNS name below", dns("batch.example.com"), hasDNS("a.batch.example.com")},
		nameRow{"a DNS name that ends so", dns("batch.example.com"), hasDNS("evilbatch.example.com")},
		nameRow{"a DNS name that begins so", dns("batch.example.com"), hasDNS("batch.example.com.evil.example")},
		nameRow{"a DNS name with a dot behind", dns("batch.example.com"), hasDNS("batch.example.com.")},
		nameRow{"a wildcard", dns("batch.example.com"), hasDNS("*.example.com")},
		nameRow{"a URI with a slash", uri("https://example.com"), hasURI("https://example.com/")},
		nameRow{"a URI in capitals", uri("https://example.com/a"), hasURI("https://EXAMPLE.com/a")},
		nameRow{"a URI with a user", uri("https://example.com"), hasURI("https://example.com@evil.example")},
		nameRow{"a URI that is longer", uri("spiffe://example.com/batch"), hasURI("spiffe://example.com/batch/2")},
		nameRow{"a URI that means the same", uri("https://example.com/A"), hasURI("https://example.com/%41")},
		nameRow{"another address", ip("192.0.2.1"), hasIP("192.0.2.2")},
		nameRow{"an IPv4 address with the same end", ip("192.0.2.1"), hasIP("2001:db8::c000:201")},
		nameRow{"an e-mail address in capitals", email("batch@example.com"), hasEmail("Batch@example.com")},
		nameRow{"an e-mail address elsewhere", email("batch@example.com"), hasEmail("batch@evil.example")},
	)
}

// RFC 8705 §7.4: one kind of name must not be taken for another, and a common name for none of them.
func TestM2_a_name_of_another_kind_counts_for_nothing(t *testing.T) {
	names(t, false,
		nameRow{"a common name that is a host name", dns("batch.example.com"), hasCN("batch.example.com")},
		nameRow{"a common name beside another host name", dns("batch.example.com"), func(c *x509.Certificate) { hasCN("batch.example.com")(c); hasDNS("a.example.com")(c) }},
		nameRow{"a URI that is a host name", dns("batch.example.com"), hasURI("batch.example.com")},
		nameRow{"an e-mail address at a host", dns("example.com"), hasEmail("batch@example.com")},
		nameRow{"a DNS name that is an address", ip("192.0.2.1"), hasDNS("192.0.2.1")},
		nameRow{"a URI that is an address", ip("192.0.2.1"), hasURI("192.0.2.1")},
		nameRow{"a common name that is an address", ip("192.0.2.1"), hasCN("192.0.2.1")},
		nameRow{"a common name that is a URI", uri("urn:example:batch"), hasCN("urn:example:batch")},
		nameRow{"a DNS name that is a URI", uri("urn:example:batch"), hasDNS("urn:example:batch")},
		nameRow{"a common name that is an e-mail address", email("batch@example.com"), hasCN("batch@example.com")},
		nameRow{"a URI that is an e-mail address", email("batch@example.com"), hasURI("batch@example.com")},
		nameRow{"a DNS name that is the subject", client.CertificateName{SubjectDN: "CN=batch"}, hasDNS("batch")},
		nameRow{"a DNS name as an attribute of the subject", client.CertificateName{SubjectDN: "DC=com,DC=example"}, hasDNS("example.com")},
	)
}

// There is no name for which empty means unchecked.
func TestM2_exactly_one_name_is_registered(t *testing.T) {
	dn := client.CertificateName{SubjectDN: "CN=batch"}
	for what, name := range map[string]client.CertificateName{
		"none":                     {},
		"a DN and a DNS name":      {SubjectDN: "CN=batch", SANDNS: "a"},
		"a URI and an address":     {SANURI: "urn:a:b", SANIP: "192.0.2.1"},
		"an e-mail address and DN": {SANEmail: "a@example.com", SubjectDN: "CN=batch"},
		"all":                      {"CN=batch", "a", "urn:a:b", "192.0.2.1", "a@b"},

		"a wildcard":                          dns("*.example.com"),
		"any":                                 dns("*"),
		"a dot behind":                        dns("example.com."),
		"a dot in front":                      dns(".example.com"),
		"two dots":                            dns("a..example.com"),
		"a port":                              dns("example.com:443"),
		"a URL for a DNS name":                dns("https://example.com"),
		"not ASCII":                           dns("b\u00fccher.example"),
		"a Kelvin sign":                       dns("batch\u212a.example.com"),
		"white space":                         dns("example.com "),
		"a name that is too long":             dns("a123456789a123456789a123456789a123456789a123456789a123456789a1234.example"),
		"a relative URI":                      uri("/batch"),
		"a host for a URI":                    uri("example.com"),
		"white space in a URI":                uri("urn:example:a b"),
		"a URI that is not ASCII":             uri("urn:example:\u00fc"),
		"a name for an address":               ip("example.com"),
		"a network":                           ip("192.0.2.0/24"),
		"an address in short":                 ip("127.1"),
		"an address with leading zeros":       ip("192.000.002.001"),
		"an address with a zone":              ip("fe80::1%eth0"),
		"an address of one kind in the other": ip("::ffff:192.0.2.1"),
		"an e-mail address without a host":    email("batch@"),
		"an e-mail address without a name":    email("@example.com"),
		"a host for an e-mail address":        email("example.com"),
		"two e-mail addresses":                email("a@example.com,b@example.com"),
		"a name and an e-mail address":        email("Batch <batch@example.com>"),
	} {
		c := config(t, []party{newRoot(t, "TEST root")}, named("batch", name))
		if r, err := client.New(c); err == nil || r != nil {
			t.Errorf("%s: registered", what)
		}
		if err := name.Validate(); err == nil {
			t.Errorf("%s: valid", what)
		}
	}
	if err := dn.Validate(); err != nil {
		t.Error(err)
	}
}
